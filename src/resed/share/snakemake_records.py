"""The records of Snakemake: one record per file that it made, with parameters and inputs.

In a fresh clone, Snakemake has no records and would make all files again. The records of one
dataset are packed into an archive; equal records give equal bytes. After they are unpacked in a
clone that has the same files, Snakemake has nothing to do.
"""

import base64
import binascii
import gzip
import re
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Collection, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from resed.errors import ShareError
from resed.formats.validation import TEXT, Fields, Kind, SourceFile, list_of
from resed.runtime.files import atomic_path, parse_json
from resed.runtime.run_lock import STATE
from resed.share.paths import fault
from resed.share.runs import SharedRun
from resed.share.together import together

RECORDS = STATE / "metadata"
INCOMPLETE = STATE / "incomplete"  # Snakemake's marks of incomplete files
MARK = '{"external_jobid": null}'
DONE = "Nothing to be done"
LARGEST = 256 << 20  # bytes of all records, of which there is one per file
LARGEST_RECORD = 16 << 20  # bytes of one record, which has a few kB
SCALAR = Kind(
    "text, a number, true, false or null",
    lambda value: value is None or isinstance(value, (str, int, float)),
)
TEXTS = Kind(
    "a list of text or null",
    lambda value: value is None or list_of(TEXT).holds(value),
    optional=True,
)
CHECKSUMS = Kind(
    "a mapping of text or null",
    lambda v: v is None or (isinstance(v, dict) and all(isinstance(s, str) for s in v.values())),
    optional=True,
)
RECORD = Fields(
    {"input": TEXTS, "log": TEXTS, "params": TEXTS, "input_checksums": CHECKSUMS}, others=SCALAR
)
_JOB = re.compile(r"^Job \d+: (.*)$", re.MULTILINE)


def pack(run: SharedRun) -> Path:
    """Write the records of the files of a run to its archive; return the path of the archive.

    Raises ShareError if Snakemake has no records.
    """
    found = sorted(_records(run))
    if not found:
        raise ShareError(f"no records of {run.results}", place=RECORDS, cure=run.cure)
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in found:
            entry = tarfile.TarInfo(
                path.relative_to(RECORDS).as_posix()
            )  # without times and owners
            content = path.read_bytes()
            entry.size = len(content)
            archive.addfile(entry, BytesIO(content))
    with atomic_path(run.archive) as temporary:
        temporary.write_bytes(gzip.compress(buffer.getvalue(), mtime=0))
    return run.archive


def _records(run: SharedRun) -> Iterator[Path]:
    for path in RECORDS.rglob("*"):
        about = _about(path.relative_to(RECORDS))
        if about and path.is_file() and _belongs(run, about):
            yield path


def _about(record: Path) -> str | None:
    """The output of a record, from its name in base64; long names are split into @folders."""
    *folders, last = record.parts or ("",)
    if not all(part.startswith("@") for part in folders):
        return None
    text = "".join(part.removeprefix("@") for part in folders) + last
    try:
        return base64.b64decode(text, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _belongs(run: SharedRun, about: str) -> bool:
    """Whether a record describes a file of the run."""
    return not fault(about) and run.holds(Path(about))


def check(run: SharedRun, path: Path) -> None:
    """Raise ShareError if an archive is damaged, too large, or has records of other files."""
    for _ in _read(run, path):
        pass


def unpack(run: SharedRun, path: Path, shared: Collection[str] | None = None) -> int:
    """Unpack an archive into the records of Snakemake; return the number of records.

    `shared`: the paths of the restored files; records of other files are left out. None: all.

    Raises ShareError like `check`; in that case nothing is written.
    """

    def read() -> Iterator[tuple[Path, bytes]]:
        for about, name, content in _read(run, path):
            if shared is None or about in shared:
                yield name, content

    names = [name for name, _ in read()]
    # The files exist already, and may have replaced files with existing records. Files are marked
    # as incomplete until their new record is written, in case this process is killed.
    for name in names:
        (INCOMPLETE / name).parent.mkdir(parents=True, exist_ok=True)
        (INCOMPLETE / name).write_text(MARK, encoding="utf-8")

    def write(record: tuple[Path, bytes]) -> None:
        name, content = record
        with atomic_path(RECORDS / name) as temporary:
            temporary.write_bytes(content)
        (INCOMPLETE / name).unlink()

    for _ in together(write, read()):
        pass
    INCOMPLETE.mkdir(exist_ok=True)  # otherwise Snakemake converts the records from an old format
    return len(names)


def _read(run: SharedRun, path: Path) -> Iterator[tuple[str, Path, bytes]]:
    """The output, the name and the content of each record, one at a time.

    The archive is read as a stream, so that memory does not grow with what it claims to hold.
    """
    source = SourceFile(run.archive, ShareError, "ask for a new share; delete it if it is here")
    seen = set()
    try:
        with gzip.open(path) as unpacked:
            stream = _Bounded(unpacked)
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for entry in archive:
                    about = _about(Path(entry.name))
                    if about is None or not _belongs(run, about) or about in seen:
                        raise tarfile.TarError("a record of another file")
                    seen.add(about)
                    yield about, Path(entry.name), _content(source, archive, entry)
                    archive.members = []  # otherwise tarfile keeps all entries
            stream.end()
    except (tarfile.TarError, zlib.error, OSError, EOFError, ValueError, OverflowError) as error:
        raise source.wrong(f"damaged ({error})") from None


class _Bounded:
    """A stream that ends with OSError after LARGEST bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._left = stream, LARGEST

    def read(self, size: int) -> bytes:
        """At most `size` bytes."""
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise OSError(f"more than {LARGEST} bytes")
        return data

    def end(self) -> None:
        """Read to the end, where the CRC is compared."""
        while self.read(1 << 16):
            pass


def _content(source: SourceFile, archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    """The bytes of a record, which must be a record of Snakemake in JSON."""
    plain = entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not entry.issparse()
    if not plain or entry.size > LARGEST_RECORD:
        raise tarfile.TarError("a record that is not a small file")
    file = archive.extractfile(entry)
    content = file.read() if file else b""
    source.check(parse_json(content), RECORD, "a record")
    return content


def planned(run: SharedRun) -> list[str]:
    """The jobs that Snakemake would run now.

    Raises ShareError with the last line of Snakemake if planning fails.
    """
    command = [sys.executable, "-m", *run.words("--dry-run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    if done.returncode:
        lines = [line for line in told.splitlines() if line.strip()]
        last = lines[-1].strip() if lines else "no output"
        raise ShareError(last, place="snakemake")
    jobs = _JOB.findall(told)
    if not jobs and DONE not in told:
        problem = f"the plan has neither “{DONE}” nor a job"
        raise ShareError(problem, place="snakemake", cure=run.cure)
    return jobs


def in_words(jobs: list[str]) -> str:
    """The number of jobs, and the first three of them."""
    more = ", ..." if len(jobs) > 3 else ""
    return f"{len(jobs)} job{'s' * (len(jobs) > 1)} ({', '.join(jobs[:3])}{more})"
