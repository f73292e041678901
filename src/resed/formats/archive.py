"""Zip archives without compression, as torch.save and numpy.savez write them.

All members are read by Python's zipfile, which compares their CRC-32. Archives whose directory or
members could take more memory than the file has bytes are refused before they are read.
"""

import re
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resed.formats.validation import short

MOST_MEMBERS = 20_000  # a checkpoint has one per tensor
LARGEST_DIRECTORY = MOST_MEMBERS * 256  # bytes
END = struct.Struct("<4s4H2LH")  # end of central directory, without a comment
LOCATOR = struct.Struct("<4sLQL")  # of the Zip64 end of central directory, just before END
END_64 = struct.Struct("<4sQ2H2L4Q")


@contextmanager
def stored_archive(path: Path, names: re.Pattern[str]) -> Iterator[zipfile.ZipFile]:
    """Open an archive whose members match `names`, each once and neither compressed nor encrypted.

    Raises ValueError for any other file. Reading a member raises zipfile.BadZipFile if its CRC-32
    differs, or one of READ_ERRORS if its local header differs from the directory.
    """
    _refuse_large_directory(path)
    with _opened(path) as archive:
        seen = set()
        for info in archive.infolist():
            name = info.filename
            if not names.fullmatch(name):
                raise ValueError(f"it contains {short(name)}")
            if name in seen:
                raise ValueError(f"it contains {short(name)} twice")
            if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
                raise ValueError(f"{name} is compressed or encrypted")
            if info.compress_size != info.file_size:
                raise ValueError(f"{name} has two sizes")
            seen.add(name)
        if sum(info.file_size for info in archive.infolist()) > path.stat().st_size:
            raise ValueError("its members are larger than the file")
        yield archive


# What zipfile raises for bytes that are not an archive, or not the one that its directory says.
READ_ERRORS = (
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError),
    *(struct.error, OverflowError, LookupError),
)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except READ_ERRORS as error:
        raise ValueError(f"not an archive: {error}") from None


def _refuse_large_directory(path: Path) -> None:
    """Raise ValueError if zipfile would read a directory of more than LARGEST_DIRECTORY bytes."""
    with path.open("rb") as handle:
        size = handle.seek(0, 2)
        handle.seek(max(0, size - END.size - LOCATOR.size))
        tail = handle.read()
        if len(tail) < END.size:
            raise ValueError("truncated")
        mark, _, _, _, members, length, _, comment = END.unpack(tail[-END.size :])
        if mark != b"PK\x05\x06" or comment:
            raise ValueError("not an archive, or truncated")
        if tail[: -END.size].startswith(b"PK\x06\x07"):
            handle.seek(max(0, size - END.size - LOCATOR.size - END_64.size))
            found = handle.read(END_64.size)
            if len(found) < END_64.size or not found.startswith(b"PK\x06\x06"):
                raise ValueError("its directory is damaged")
            *_, members, length, _ = END_64.unpack(found)
        if members > MOST_MEMBERS or length > LARGEST_DIRECTORY:
            raise ValueError(f"more than {MOST_MEMBERS} members")
