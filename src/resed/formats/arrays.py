"""Arrays in an uncompressed .npz file without pickles, as numpy.savez writes them.

The size of each array is compared with the file before it is read, and its CRC-32 when it is read.
"""

import math
import re
import struct
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from resed.formats.archive import READ_ERRORS, stored_archive
from resed.formats.validation import short_line
from resed.runtime.files import atomic_path

# The header of an array as numpy.savez writes it, after magic number and version 1.0.
HEADER = re.compile(
    rb"\{'descr': '([<>|=]?[A-Za-z][0-9]{0,6})', 'fortran_order': False, "
    rb"'shape': \(((?:[0-9]{1,18}, ?)*(?:[0-9]{1,18})?)\), \} *\n"
)
MAGIC = b"\x93NUMPY\x01\x00"
CHUNK = 64 << 20  # bytes
TEXT = r"<U[1-9][0-9]*"  # the type of arrays of text


def write_arrays(path: Path | str, arrays: Mapping[str, Any]) -> None:
    """Write arrays atomically; equal arrays in equal order give equal bytes."""
    with atomic_path(path) as temporary, open(temporary, "wb") as handle:
        np.savez(handle, **arrays)


def read_arrays(
    path: Path, kinds: Mapping[str, str], optional: Collection[str] = (), mapped: str = "frames"
) -> dict[str, np.ndarray]:
    """All arrays of a file.

    Args:
        path: the file.
        kinds: name -> regular expression of its type, as `TEXT` or "<f4".
        optional: the names that may be absent.
        mapped: the name of the array that is a read-only map of the file.

    Raises ValueError for damaged or foreign files.
    """
    names = re.compile(rf"({'|'.join(kinds)})\.npy")
    try:
        with stored_archive(path, names) as archive:
            found = {
                name: _read_array(archive, info, kinds[name], mapped=name == mapped)
                for info in archive.infolist()
                for name in [info.filename.removesuffix(".npy")]
            }
    except READ_ERRORS as error:
        raise ValueError(short_line(error)) from None
    required = [name for name in kinds if name not in optional]
    if {*found} - {*optional} != {*required}:
        raise ValueError(f"its arrays must be {', '.join(required)}")
    return found


def _read_array(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, kinds: str, *, mapped: bool
) -> np.ndarray:
    """An array of the archive, its CRC-32 compared. Raises ValueError or READ_ERRORS."""
    name = info.filename.removesuffix(".npy")
    with archive.open(info) as handle:
        if handle.read(len(MAGIC)) != MAGIC:
            raise ValueError(f"{name} is not an array of format 1.0")
        header = HEADER.fullmatch(handle.read(int.from_bytes(handle.read(2), "little")))
        if header is None:
            raise ValueError(
                f"{name} has another type, or a header that numpy.savez does not write"
            )
        kind = header[1].decode()
        if not re.fullmatch(kinds, kind):
            raise ValueError(f"{name} holds {kind}")
        dtype = np.dtype(kind)
        shape = tuple(int(size) for size in header[2].replace(b",", b" ").split())
        if math.prod(shape) * dtype.itemsize != info.file_size - handle.tell():
            raise ValueError(f"the size of {name} does not match its shape")
        if mapped and math.prod(shape):
            place = _first_byte(archive, info) + handle.tell()
            while handle.read(1 << 18):  # at the end of a member, zipfile compares its CRC-32
                pass
            return np.memmap(Path(str(archive.filename)), dtype, "r", place, shape)
        array = np.empty(math.prod(shape), dtype)
        data = memoryview(array.view(np.uint8))
        for start in range(0, len(data), CHUNK):
            part = handle.read(len(data[start : start + CHUNK]))
            data[start : start + len(part)] = part
        handle.read(1)  # the CRC-32, as above
    if dtype.kind == "U" and array.size and array.view(np.uint32).max() > 0x10FFFF:
        raise ValueError(f"{name} holds numbers that are not characters")
    return array.reshape(shape)


def _first_byte(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Offset of the data of a member, behind its local header, which zipfile has compared."""
    with open(str(archive.filename), "rb") as handle:
        handle.seek(info.header_offset)
        name, extra = struct.unpack("<26x2H", handle.read(30))
    return info.header_offset + 30 + name + extra
