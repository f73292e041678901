"""A network that is a class in a file of the user: its code is run here, and nowhere else.

The file is named on the command line or in the config that is given there. A checkpoint or model
file has only the name of the class, its arguments and the SHA-256 of the file. The class must be
written in the file: a class that the file imports is not used.
"""

import sys
import traceback
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from resed.config.network_file import NetworkFile
from resed.errors import NetworkFileError
from resed.formats.checkpoint import WEIGHTS
from resed.settings import OwnSettings
from resed.train.model import Output

MODULE = "resed_network_file"  # in sys.modules, where dataclasses look for it
PROBED = 2  # clips of the check of a new network
CORRECT = "correct the file"
Result = TypeVar("Result")


class OwnNetwork(nn.Module):
    """[clips, frames, mels] log-mels -> tag logits and frame logits of a class of the user.

    Without frame logits, each frame has the logit of its clip.

    Raises NetworkFileError, with file and line, if the code fails or returns something else.
    """

    def __init__(
        self, mels: int, frames: int, classes: int, settings: OwnSettings, file: NetworkFile
    ):
        super().__init__()
        self.file, self.name = file, settings.class_name
        self.sizes = {"frames": frames, "classes": classes}
        kind = class_of(file, settings.class_name)
        sizes = {"mels": mels, **self.sizes, **settings.arguments}
        network = _run(file, lambda: kind(**sizes), file.classes[self.name])
        if not isinstance(getattr(network, "_modules", None), dict):
            raise self._wrong("does not call super().__init__()", "__init__")
        self.network = network
        # Clips that differ from frame to frame, without a draw from the generator of the training
        clips = torch.randn(PROBED, frames, mels, generator=torch.Generator("cpu"), device="cpu")
        self._probe(clips.to(torch.empty(0).device))

    def forward(self, mels: Tensor, frame_clips: slice = slice(None)) -> Output:
        """Logits of a batch, float32; frames only of `frame_clips`."""
        given = _run(self.file, lambda: self.network(mels), self._line("forward"))
        tags, frames = self._checked(given, len(mels))
        if frames is None:
            frames = tags[:, None].expand(-1, self.sizes["frames"], -1)
        return Output(tags, frames[frame_clips], frames.detach())

    def backward(self, loss: Tensor) -> None:
        """The gradients of a loss. Raises NetworkFileError if the layers have none."""
        try:
            loss.backward()
        except RuntimeError as error:
            raise self._wrong(f"no gradient: {error}", "forward") from None

    @torch.no_grad()
    def _probe(self, mels: Tensor) -> None:
        """Run the network once, in evaluation mode, and check its tensors."""
        self.eval()
        given = _run(self.file, lambda: self.network(mels), self._line("forward"))
        self.has_frames = self._checked(given, len(mels))[1] is not None
        self.train()
        for name, value in self.network.state_dict().items():
            if getattr(value, "is_meta", False):
                continue
            if not WEIGHTS.holds({name: value}):
                problem = f"{name} is no finite float32 tensor ({_kind_of(value)})"
                cure = "use float32, or register_buffer(..., persistent=False)"
                raise self._wrong(problem, "__init__", cure)
        if not any(parameter.requires_grad for parameter in self.parameters()):
            raise self._wrong("has no parameter to train", "__init__")

    def _checked(self, given: Any, clips: int) -> tuple[Tensor, Tensor | None]:
        """Tag logits and frame logits, if `given` is what forward must return."""
        frames, classes = self.sizes["frames"], self.sizes["classes"]
        wanted = f"[{clips}, {classes}] and [{clips}, {frames}, {classes}], or None"
        if not isinstance(given, tuple | list) or len(given) != 2:
            problem = f"returns {_kind_of(given)}, not (tag_logits, frame_logits)"
            raise self._wrong(problem, "forward", f"return tensors of {wanted}")
        tags, framed = given
        for name, value, shape in (
            ("tag_logits", tags, (clips, classes)),
            ("frame_logits", framed, (clips, frames, classes)),
        ):
            if value is None and name == "frame_logits":
                continue
            fits = isinstance(value, Tensor) and value.is_floating_point()
            if not fits or tuple(value.shape) != shape:
                problem = f"{name} are {_kind_of(value)}, not float {list(shape)}"
                raise self._wrong(problem, "forward", f"return tensors of {wanted}")
            if not (value.is_meta or value.is_cuda or bool(torch.isfinite(value).all())):
                cure = "correct the file, or lower schedule.learning_rate"
                raise self._wrong(f"{name} are not finite", "forward", cure)
        return tags.float(), None if framed is None else framed.float()

    def _wrong(self, problem: str, method: str, cure: str = CORRECT) -> NetworkFileError:
        return NetworkFileError(
            f"{self.name}: {problem}", place=self.file.path, line=self._line(method), cure=cure
        )

    def _line(self, method: str) -> int:
        """The line of a method of the class, or of the class if it inherits the method."""
        code = getattr(
            getattr(type(getattr(self, "network", None)), method, None), "__code__", None
        )
        if code is not None and code.co_filename == str(self.file.path):
            return code.co_firstlineno
        return self.file.classes[self.name]


def class_of(file: NetworkFile, name: str) -> type[nn.Module]:
    """The class of a file, which is run for it.

    Raises NetworkFileError if the file has no such class, or running it fails.
    """
    file.refuse_missing(name)
    module = ModuleType(MODULE)
    module.__file__ = str(file.path)
    sys.modules[MODULE] = module
    _run(file, lambda: exec(compile(file.content, str(file.path), "exec"), module.__dict__))
    found = getattr(module, name, None)
    is_own = isinstance(found, type) and found.__module__ == MODULE
    if not is_own or not issubclass(found, nn.Module):
        raise NetworkFileError(
            f"{name} is no class of torch.nn.Module",
            place=file.path,
            line=file.classes[name],
            cure=f"write class {name}(torch.nn.Module)",
        )
    return found


def _run(file: NetworkFile, call: Callable[[], Result], line: int | None = None) -> Result:
    """Run code of the file. Its errors become one line, with the line of the file; `line`: else."""
    try:
        return call()
    except NetworkFileError:
        raise
    except (Exception, SystemExit) as error:
        places = traceback.extract_tb(error.__traceback__)
        lines = [place.lineno for place in places if place.filename == str(file.path)]
        problem = f"{type(error).__name__}: {error}"
        cure = CORRECT
        if isinstance(error, ModuleNotFoundError):
            cure = "install the package; code of your own must be in this one file"
        raise NetworkFileError(
            problem, place=file.path, line=lines[-1] if lines else line, cure=cure
        ) from None


def _kind_of(value: Any) -> str:
    """A value in a message: type and shape of a tensor."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
    if isinstance(value, tuple | list):
        return f"{type(value).__name__} of {len(value)}"
    return type(value).__name__


def network_identity(own: OwnSettings | None, file: NetworkFile | None) -> Mapping[str, Any]:
    """What the identity of a training has of a file of the user: nothing without one.

    The name is for people; resed never opens a file by it.
    """
    if own is None or file is None:
        return {}
    return {"network": {"file": file.path.name, "sha256": file.sha256}}
