"""The content of a file of torch.save: plain values and tensors, read without running code.

A file is an archive without compression whose data.pkl is a pickle. Three steps precede torch.load,
which still runs with weights_only: zipfile reads all members and compares their CRC-32, which torch
does not; only operations that torch.save writes for values and dense tensors may occur in the
pickle; and torch reads a copy of the verified members, so that it cannot read others.
"""

import io
import pickletools
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from resed.formats.archive import READ_ERRORS, stored_archive
from resed.formats.validation import short, short_line

LARGEST_FILE = 1 << 30  # bytes; the state of a training of the paper has 40 MB
LARGEST_PICKLE = 64 << 20  # bytes of all values except tensors
MOST_OPERATIONS = 1_000_000  # of the pickle: about a second
MOST_VALUES = 750_000
DEEPEST = 50  # levels of lists and mappings
MEMBERS = re.compile(
    r"[^/\\]{1,255}/(data\.pkl|byteorder|version|\.format_version|\.storage_alignment"
    r"|\.data/serialization_id|data/[0-9]{1,6})"
)
OPERATIONS = frozenset(
    (
        *("PROTO", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2"),
        *("LONG1", "BINFLOAT", "BINUNICODE", "EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_LIST"),
        *("APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "BINPUT"),
        *("LONG_BINPUT", "BINGET", "LONG_BINGET", "GLOBAL", "REDUCE", "BUILD", "BINPERSID"),
    )
)
GLOBALS = frozenset(
    (
        *("collections OrderedDict", "torch._utils _rebuild_tensor_v2"),
        *(f"torch {kind}Storage" for kind in ("Float", "Double", "Long", "Int", "Byte")),
        *(f"torch {kind}Storage" for kind in ("Half", "BFloat16", "Bool")),
    )
)


def read_tensors(path: Path) -> Any:
    """Dicts, lists, tuples, text, numbers, None and dense CPU tensors of a file of torch.save.

    Raises ValueError with a line of text if the file is damaged, foreign or too large.
    """
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise ValueError(f"{size} bytes; at most {LARGEST_FILE} are read")
    copy = _verified(path)
    try:
        content = torch.load(copy, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types of errors for other pickles
        raise ValueError(short_line(error) or type(error).__name__) from None
    return _Values().plain(content)


def _verified(path: Path) -> io.BytesIO:
    """An archive of the members of `path`, whose CRC-32 were compared."""
    copy = io.BytesIO()
    try:
        with (
            stored_archive(path, MEMBERS) as archive,
            zipfile.ZipFile(copy, "w") as verified,
        ):
            if len({name.partition("/")[0] for name in archive.namelist()}) != 1:
                raise ValueError("its members are in several folders")
            for info in archive.infolist():
                name = info.filename.partition("/")[2]
                data = _read(archive, info)
                if name == "data.pkl":
                    _refuse_operations(data)
                verified.writestr(zipfile.ZipInfo(f"archive/{name}"), data)
    except READ_ERRORS as error:
        raise ValueError(short_line(error)) from None
    copy.seek(0)
    return copy


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(info)
    except READ_ERRORS:
        raise ValueError(f"{info.filename} has changed since it was written") from None


def _refuse_operations(pickle: bytes) -> None:
    """Raise ValueError for a pickle with operations that torch.save does not write for tensors."""
    if len(pickle) > LARGEST_PICKLE:
        raise ValueError(f"{len(pickle)} bytes of values; at most {LARGEST_PICKLE} are read")
    for number, (operation, argument, _) in enumerate(pickletools.genops(pickle)):
        if number > MOST_OPERATIONS:
            raise ValueError(f"more than {MOST_OPERATIONS} values")
        if operation.name not in OPERATIONS:
            raise ValueError(f"it contains the operation {operation.name}")
        if operation.name == "GLOBAL" and argument not in GLOBALS:
            raise ValueError(f"it contains {short(argument)}")


class _Values:
    """Copies content; a list to which many lists refer counts as often, as it would in JSON."""

    def __init__(self) -> None:
        self.left = MOST_VALUES
        self.copies: dict[int, tuple[Any, int]] = {}  # by id: a container's copy and its size

    def plain(self, value: Any, levels: int = DEEPEST) -> Any:
        """The value as built-in types and tensors. Raises ValueError for others."""
        self._count(1)
        if value is None or type(value) in (bool, float, str):
            return value
        if type(value) is int:
            if value.bit_length() > 64:
                raise ValueError("an integer of more than 64 bits")
            return value
        if isinstance(value, Tensor):
            return _dense(value)
        if not isinstance(value, dict) and type(value) not in (list, tuple):
            raise ValueError(f"it contains a {type(value).__name__}")
        if levels == 0:
            raise ValueError(f"more than {DEEPEST} levels")
        if id(value) not in self.copies:
            before = self.left
            self.copies[id(value)] = self._copied(value, levels - 1), before - self.left
        else:
            self._count(self.copies[id(value)][1])
        return self.copies[id(value)][0]

    def _copied(self, value: Any, levels: int) -> Any:
        if isinstance(value, dict):  # an OrderedDict may have attributes that hide its methods
            return {_key(key): self.plain(inner, levels) for key, inner in dict.items(value)}
        return type(value)(self.plain(inner, levels) for inner in value)

    def _count(self, values: int) -> None:
        self.left -= values
        if self.left < 0:
            raise ValueError(f"more than {MOST_VALUES} values")


def _key(key: Any) -> str | int:
    if type(key) not in (str, int):
        raise ValueError(f"it has a key that is a {type(key).__name__}")
    return key


def _dense(tensor: Tensor) -> Tensor:
    """The tensor without gradient. Raises ValueError if its size exceeds that of its storage."""
    known = tensor.layout == torch.strided and tensor.device.type == "cpu"
    if not known or tensor.is_quantized or type(tensor) is not Tensor:
        raise ValueError("it contains a tensor that is not dense")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ValueError("it contains a tensor that is larger than its storage")
    return tensor.detach()
