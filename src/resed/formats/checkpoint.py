"""PyTorch checkpoints: written atomically, loaded without executing code, validated on reading.

`checkpoint.pt` is the result of a finished training: identity, epoch and networks. `resume.pt` is
the state of an unfinished training after an epoch.
"""

import io
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from resed.errors import CheckpointError
from resed.formats.validation import (
    ANY,
    MADE_BY,
    NAME,
    Fields,
    Kind,
    SourceFile,
    are_unique_names,
    integer,
    is_number,
    list_of,
    number,
)
from resed.runtime.files import atomic_path, existing

VERSION = 1
FORMAT = "resed checkpoint"
CURE = "delete it and train again"
MOST_CLASSES = 10_000
COUNTER = "num_batches_tracked"  # of BatchNorm; the only integer tensor in a network
SHOWN = 40  # characters of a setting shown in an error

MAPPING = Fields({}, others=ANY)
DICT = Kind("a mapping", lambda value: isinstance(value, dict))  # its keys need not be text
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
        "data": Fields({"dataset": NAME}, others=ANY),
    },
    others=ANY,
)
GENERATOR = Kind(
    "the state of a random generator",
    lambda value: isinstance(value, Tensor) and value.dtype == torch.uint8 and value.dim() == 1,
)
# All tensors are floating-point except the integer counters of BatchNorm.
WEIGHTS = Kind(
    "a mapping of names to finite floating-point tensors", lambda value: _are_weights(value)
)
FINISHED = {
    "format": ANY,
    "version": ANY,
    "identity": IDENTITY,
    "epoch": integer(),
    "made_by": MADE_BY,
}
STATE = {
    **FINISHED,
    "networks": WEIGHTS,
    "projections": WEIGHTS,
    "optimiser": Fields({"state": DICT, "param_groups": list_of(DICT)}),
    "generators": Fields({"cpu": GENERATOR, "cuda": Kind(GENERATOR.words, GENERATOR.holds, True)}),
    "history": list_of(DICT),
    "best": Fields(
        {
            "score": Kind("a finite number", is_number),
            "epoch": integer(-1),
            "weights": WEIGHTS,
        }
    ),
    "made_with": Fields({}, others=ANY, optional=True),
}


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint atomically; equal contents (tensors and plain values) give equal bytes."""
    # torch.save to a file would store the file name in it, and raise no OSError on a full disk.
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "version": VERSION, **content}, buffer)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def load(path: Path | str) -> dict[str, Any]:
    """Read any checkpoint of resed onto the CPU; its content is not validated.

    Raises CheckpointError for a file that is damaged, foreign or of another version.
    """
    source = SourceFile(existing(path, "train the system first"), CheckpointError, CURE)
    try:
        _check_whole(source.path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types of errors for other files
        what = next(iter(str(error).strip().splitlines()), type(error).__name__)[:120]
        raise source.wrong(f"not a checkpoint, or damaged ({what})") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise source.wrong("not a checkpoint of resed")
    if content.get("version") != VERSION:
        raise source.wrong(f"version {content.get('version')}, this resed reads version {VERSION}")
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
    source.check(content, Fields({**FINISHED, "networks": WEIGHTS}))
    _check_shares(source, content["identity"])
    return content


def load_state(path: Path | str) -> dict[str, Any]:
    """Read and validate resume.pt, the state of a training after an epoch.

    Raises MissingFileError, or CheckpointError with the key.
    """
    content = load(path)
    source = SourceFile(Path(path), CheckpointError, CURE)
    source.check(content, Fields(STATE))
    _check_shares(source, content["identity"])
    if len(content["history"]) != content["epoch"]:
        raise source.wrong(f"{len(content['history'])} rows of history, epoch {content['epoch']}")
    return content


def _check_shares(source: SourceFile, identity: dict[str, Any]) -> None:
    if len(identity["shares"]) != len(identity["classes"]):
        raise source.wrong("identity.shares must have one value per class")


def _are_weights(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    for name, tensor in value.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            return False
        counter = name.rpartition(".")[2] == COUNTER and tensor.dtype == torch.int64
        if not counter and not (tensor.is_floating_point() and bool(tensor.isfinite().all())):
            return False
    return True


def _check_whole(path: Path) -> None:
    """Raise BadZipFile for changed bytes: torch compares no CRC and would load wrong weights.

    Entries marked as folders are refused because torch fills them from uninitialised memory.
    Compressed entries are refused because the size of the file does not bound theirs.
    """
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        odd = (e for e in entries if e.external_attr or e.compress_type != zipfile.ZIP_STORED)
        bad = archive.testzip() or next((entry.filename for entry in odd), None)
    if bad:
        raise zipfile.BadZipFile(f"{bad} has changed since it was written")


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
