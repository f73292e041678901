"""PyTorch checkpoints: written atomically, loaded without executing code, validated on reading.

`checkpoint.pt` is the result of a finished training: identity, epoch and networks. `resume.pt` is
the state of an unfinished training after an epoch.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from resed.errors import CheckpointError
from resed.formats.history import columns
from resed.formats.tensors import read_tensors
from resed.formats.validation import (
    ANY,
    HASH,
    MADE_BY,
    NAME,
    NETWORK,
    PLAIN,
    Fields,
    Kind,
    SourceFile,
    are_unique_names,
    integer,
    is_number,
    list_of,
    number,
    short,
)
from resed.runtime.files import atomic_path, existing

VERSION = 1
FORMAT = "resed checkpoint"
CURE = "delete it and train again"
MOST_CLASSES = 10_000
LARGEST_WEIGHT = 1e18  # of which the square is finite in float32
COUNTER = "num_batches_tracked"  # of BatchNorm; the only integer tensor in a network
VARIANCE = "running_var"  # of BatchNorm
GENERATOR_BYTES = {"cpu": 5056, "cuda": 16}
SHOWN = 40  # characters of a setting shown in an error

MAPPING = Fields({}, others=PLAIN)
CLASSES = Kind(
    f"a list of 1 to {MOST_CLASSES} unique names, none empty",
    lambda value: are_unique_names(value) and len(value) <= MOST_CLASSES,
)
IDENTITY = Fields(
    {
        "system": NAME,
        "seed": integer(),
        "settings": MAPPING,
        "features": MAPPING,
        "classes": CLASSES,
        "shares": list_of(number(0, 1), least=1),  # of the dimensions that each class uses
        "data": Fields(
            {
                "dataset": NAME,
                "manifest_sha256": Kind(HASH.words, HASH.holds, optional=True),
                "clips": Fields({}, others=integer(), optional=True),
                "annotations": Fields({}, others=HASH, optional=True),
            },
            others=PLAIN,
        ),
        "network": NETWORK,
    },
    others=PLAIN,
)
# All tensors are float32 except the integer counters of BatchNorm.
WEIGHTS = Kind(
    f"a mapping of names to finite float32 tensors of at most {LARGEST_WEIGHT:g}, variances and "
    "counters from 0",
    lambda value: isinstance(value, dict) and all(map(_is_weight, value, value.values())),
)
FINISHED = {
    "format": ANY,
    "version": ANY,
    "identity": IDENTITY,
    "epoch": integer(),
    "made_by": MADE_BY,
}
# Of tags, with schedule.tag_thresholds
THRESHOLDS = Fields({}, others=number(0, 1), optional=True)
FLAG = Kind("true, false or null", lambda value: value is None or isinstance(value, bool))
MOMENTS = Fields(
    {
        "step": Kind("a count of steps", lambda value: _is_moment(value, 0) and not value.dim()),
        "exp_avg": Kind("a finite float32 tensor", lambda value: _is_moment(value)),
        "exp_avg_sq": Kind("a float32 tensor from 0", lambda value: _is_moment(value, 0)),
    }
)
RATE = Kind("two numbers from 0 to 1", lambda v: type(v) is tuple and all(map(_is_share, v)))
GROUP = Fields(
    {
        "params": list_of(integer()),
        "lr": number(0),
        "betas": RATE,
        "eps": number(0),
        "weight_decay": number(0),
    },
    others=FLAG,
)
STATE = {
    **FINISHED,
    "networks": WEIGHTS,
    "projections": WEIGHTS,
    "optimiser": Fields(
        {
            "state": Kind("a mapping of parameters to moments", lambda v: isinstance(v, dict)),
            "param_groups": Kind("a list of one group of parameters", lambda v: _is_one(v)),
        }
    ),
    "generators": Fields(
        {
            name: Kind(
                "the state of a random generator",
                lambda value, size=size: _is_bytes(value, size),
                optional=name == "cuda",
            )
            for name, size in GENERATOR_BYTES.items()
        }
    ),
    "history": list_of(Kind("a mapping of columns to numbers", lambda row: _is_row(row))),
    "best": Fields({"score": number(), "epoch": integer(-1), "weights": WEIGHTS}),
    "made_with": Fields({}, others=PLAIN, optional=True),
    "within": Kind("the log of an epoch", lambda v: isinstance(v, dict), optional=True),
}


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint atomically; equal contents (tensors and plain values) give equal bytes."""
    # torch.save to a file would store the file name in it, and raise no OSError on a full disk.
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "version": VERSION, **content}, buffer)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load(path: Path | str) -> dict[str, Any]:
    """Read any checkpoint of resed onto the CPU; only its format and version are validated.

    Raises CheckpointError for a file that is damaged, foreign or of another version.
    """
    source = SourceFile(existing(path, "train the system first"), CheckpointError, CURE)
    try:
        content = read_tensors(source.path)
    except ValueError as error:
        raise source.wrong(f"not a checkpoint, or damaged ({error})") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise source.wrong("not a checkpoint of resed")
    found = content.get("version")
    if type(found) is not int or found != VERSION:
        raise source.wrong(f"version {short(found)}, this resed reads version {VERSION}")
    return content


def load_finished(path: Path | str) -> dict[str, Any]:
    """Read and validate the checkpoint of a finished training: identity, epoch and networks.

    Raises MissingFileError, or CheckpointError with the key.
    """
    content = load(path)
    source = SourceFile(Path(path), CheckpointError, CURE)
    if "optimiser" in content:
        cure = "use checkpoint.pt, not resume.pt"
        raise CheckpointError("not the checkpoint of a finished training", place=path, cure=cure)
    finished = {**FINISHED, "networks": WEIGHTS, "tag_thresholds": THRESHOLDS}
    source.check(content, Fields(finished))
    _check_shares(source, content["identity"])
    thresholds = content.get("tag_thresholds")
    if thresholds is not None and [*thresholds] != content["identity"]["classes"]:
        raise source.wrong("tag_thresholds must have one value per class")
    return content


def load_state(path: Path | str) -> dict[str, Any]:
    """Read and validate resume.pt, the state of a training after an epoch.

    Whether it fits the networks of a training is checked by `refuse_unfit`.

    Raises MissingFileError, or CheckpointError with the key.
    """
    content = load(path)
    source = SourceFile(Path(path), CheckpointError, CURE)
    if "optimiser" not in content:
        raise source.wrong("not the state of an unfinished training")
    source.check(content, Fields(STATE))
    _check_shares(source, content["identity"])
    _check_optimiser(source, content["optimiser"])
    _check_history(source, content)
    best, networks = content["best"], content["networks"]
    if best["epoch"] >= content["epoch"] or (best["epoch"] < 0) == bool(best["weights"]):
        raise source.wrong("best.epoch is not an epoch whose weights it has")
    if best["weights"] and (misfit := first_misfit(best["weights"], networks)):
        raise source.wrong(f"best.weights do not fit networks ({misfit})")
    return content


def refuse_unfit(path: Path, state: Mapping[str, Any], fresh: Mapping[str, Any],
                 parameters: Sequence[Tensor]) -> None:  # fmt: skip
    """Raise CheckpointError if a state cannot continue a training.

    Args:
        state: content of resume.pt from `load_state`.
        fresh: the state of the training before its first epoch, as it would be saved.
        parameters: the parameters of its optimiser, in order.
    """
    source = SourceFile(path, CheckpointError, CURE)
    for part in ("networks", "projections"):
        if misfit := first_misfit(state[part], fresh[part]):
            raise source.wrong(f"{part} do not fit the settings ({misfit})")
    found, wanted = (s["optimiser"]["param_groups"][0] for s in (state, fresh))
    for key in wanted.keys() - {"lr", "fused", "foreach", "capturable"}:
        if found.get(key) != wanted[key]:
            raise source.wrong(f"optimiser.param_groups: {key} does not fit the settings")
    for index, moments in state["optimiser"]["state"].items():
        shape = parameters[index].shape
        if any(moments[name].shape != shape for name in ("exp_avg", "exp_avg_sq")):
            raise source.wrong(f"optimiser.state.{index} does not fit the settings")


def first_misfit(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str | None:
    """The first name whose tensor is missing, unknown, or of another shape or type; None if none.

    The tensors of `wanted` may be on the meta device.
    """
    for name in [*wanted, *(name for name in found if name not in wanted)]:
        if name not in wanted:
            return f"{short(name)} is unknown"
        if name not in found:
            return f"{short(name)} is missing"
        one, other = found[name], wanted[name]
        if one.shape != other.shape or one.dtype != other.dtype:
            kinds = [
                f"{tuple(t.shape)} {str(t.dtype).removeprefix('torch.')}" for t in (one, other)
            ]
            return f"{short(name)} is {kinds[0]}, not {kinds[1]}"
    return None


def _check_shares(source: SourceFile, identity: dict[str, Any]) -> None:
    if len(identity["shares"]) != len(identity["classes"]):
        raise source.wrong("identity.shares must have one value per class")


def _check_optimiser(source: SourceFile, optimiser: dict[str, Any]) -> None:
    (group,) = optimiser["param_groups"]
    source.check(group, GROUP, "optimiser.param_groups")
    if group["params"] != list(range(len(group["params"]))):
        raise source.wrong("optimiser.param_groups: params do not count from 0")
    for index, moments in optimiser["state"].items():
        if type(index) is not int or not 0 <= index < len(group["params"]):
            raise source.wrong(f"optimiser.state: {short(index)} is not a parameter")
        source.check(moments, MOMENTS, f"optimiser.state.{index}")


def _check_history(source: SourceFile, content: dict[str, Any]) -> None:
    rows, known = content["history"], {*columns(content["identity"]["classes"])}
    if len(rows) != content["epoch"]:
        raise source.wrong(f"{len(rows)} rows of history, epoch {content['epoch']}")
    for epoch, row in enumerate(rows):
        if row.get("epoch") != epoch or not row.keys() <= known:
            raise source.wrong(f"row {epoch + 1} of history is not that of epoch {epoch + 1}")


def _is_weight(name: Any, value: Any) -> bool:
    """Whether this is a named tensor of a network."""
    if not isinstance(name, str) or not isinstance(value, Tensor):
        return False
    last = name.rpartition(".")[2]
    if last == COUNTER and value.dtype == torch.int64:
        return value.dim() == 0 and int(value) >= 0
    return _is_moment(value, 0 if last == VARIANCE else -LARGEST_WEIGHT)


def _is_moment(value: Any, low: float = -LARGEST_WEIGHT) -> bool:
    """Whether this is a float32 tensor with numbers from `low` to LARGEST_WEIGHT."""
    if not isinstance(value, Tensor) or value.dtype != torch.float32:
        return False
    return not value.numel() or bool(value.min() >= low and value.max() <= LARGEST_WEIGHT)


def _is_bytes(value: Any, size: int) -> bool:
    """Whether this is a state of a generator: uint8 [size] that PyTorch accepts."""
    if not isinstance(value, Tensor) or value.dtype != torch.uint8 or value.shape != (size,):
        return False
    if size != GENERATOR_BYTES["cpu"]:
        return int.from_bytes(value[8:].numpy().tobytes(), "little") % 4 == 0  # offset of Philox
    try:
        torch.Generator().set_state(value)
    except RuntimeError:
        return False
    return True


def _is_row(value: Any) -> bool:
    """Whether this is a row of history; a mean over nothing is NaN."""
    return isinstance(value, dict) and all(
        isinstance(k, str) and (is_number(v) or type(v) is float) for k, v in value.items()
    )


def _is_one(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict)


def _is_share(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 1


def first_difference(found: Any, expected: Any, path: str = "") -> str | None:
    """The first key that differs in two nested settings, with both values; None if equal."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in sorted({*found, *expected}, key=str):
            inner = f"{path}.{key}" if path else str(key)
            difference = first_difference(found.get(key), expected.get(key), inner)
            if difference:
                return difference
        return None
    same = found == expected
    return None if same else f"{path} is {_short(found)}, not {_short(expected)}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
