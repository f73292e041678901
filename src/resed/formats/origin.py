"""Whether resed wrote a file that stands where it will write one with a fixed name.

A user may have an index.html or a history.csv of their own in the folder that they name. A file is
recognised by the header of its format. One that is not recognised is never replaced.
"""

import zipfile
from pathlib import Path

from resed.errors import ResedError
from resed.formats.audit_summary import read_audit_summary
from resed.formats.energy import FIELDS
from resed.formats.history import CLASS_COLUMNS, COLUMNS
from resed.formats.manifest import COLUMNS as MANIFEST
from resed.runtime.files import parse_json

FINDINGS = ("id", "split", "filename", "line", "detail")
PAGE = b'<meta name=generator content="resed audit">'
CLIPS = PAGE.replace(b"audit", b"browse")
CHECKPOINT = b"resed checkpoint"  # resed.formats.checkpoint.FORMAT, which requires torch to read
HISTORY = {"epoch", "step", "stage", "loss.weak.student"}  # columns of every version
HEAD = 1 << 16  # bytes that are read


def written_by_resed(path: Path) -> bool:
    """Whether a file has the header of the format that its name stands for, or is empty.

    Names without a format in this module are never recognised.

    Raises OSError for a file that cannot be read.
    """
    if not path.stat().st_size:
        return True
    known = {
        "manifest.tsv": lambda: _columns(path, "\t")[: len(MANIFEST)] == list(MANIFEST),
        "findings.tsv": lambda: _columns(path, "\t") == list(FINDINGS),
        "audit.json": lambda: _is_summary(path),
        "index.html": lambda: _is_page(path) or _is_summary(path.with_name("audit.json")),
        "history.csv": lambda: _is_history(_columns(path, ",")),
        "energy.json": lambda: _is_energy(path),
        "checkpoint.pt": lambda: _is_checkpoint(path),
        "resume.pt": lambda: _is_checkpoint(path),
    }
    return path.name in known and known[path.name]()


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def _is_page(path: Path) -> bool:
    head = _head(path)
    return PAGE in head or CLIPS in head


def _columns(path: Path, separator: str) -> list[str]:
    """The cells of the first line."""
    return _head(path).split(b"\n")[0].decode(errors="replace").rstrip("\r").split(separator)


def _is_summary(path: Path) -> bool:
    try:
        return {"manifest_sha256", "resed", "splits", "findings"} <= set(read_audit_summary(path))
    except ResedError:
        return False


def _is_history(columns: list[str]) -> bool:
    # A class label may contain a comma or a line break, after all other columns.
    first = [name for name in columns if name in COLUMNS]
    others = columns[len(first) : len(first) + 1]
    return set(first) >= HISTORY and all(
        name.strip('"').startswith(CLASS_COLUMNS) for name in others
    )


def _is_energy(path: Path) -> bool:
    try:
        content = parse_json(path)
    except ValueError:
        return False
    return isinstance(content, dict) and content.keys() >= FIELDS.keys.keys()


def _is_checkpoint(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            inner = next((one for one in archive.namelist() if one.endswith("/data.pkl")), None)
            if inner is None:
                return False
            with archive.open(inner) as file:
                return CHECKPOINT in file.read(HEAD)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError):
        return False
