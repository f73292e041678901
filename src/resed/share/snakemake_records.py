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
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from resed.errors import ShareError
from resed.runtime.files import atomic_path, existing
from resed.runtime.run_lock import STATE
from resed.share.runs import SharedRun

RECORDS = STATE / "metadata"
INCOMPLETE = STATE / "incomplete"  # Snakemake's marks of incomplete files
MARK = '{"external_jobid": null}'
DONE = "Nothing to be done"
LARGEST = 1 << 30  # limit of the bytes of all records, which have a few kB each
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
        if about and path.is_file() and run.results in Path(about).parents:
            yield path


def _about(record: Path) -> str | None:
    """The output of a record, from its name in base64; long names are split into @folders."""
    text = "".join(part.removeprefix("@") for part in record.parts)
    try:
        return base64.b64decode(text, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def unpack(run: SharedRun) -> int:
    """Unpack the archive of a run into the records of Snakemake; return the number of records.

    Raises ShareError if the archive is damaged, too large, or has records of other files.
    """
    path = existing(run.archive, "make restore")
    damaged = ShareError("damaged", place=path, cure="delete it and make restore again")
    try:
        content = BytesIO(_decompressed(path))
        with tarfile.open(fileobj=content) as archive:
            records = {Path(entry.name): _content(archive, entry) for entry in archive}
    except (tarfile.TarError, zlib.error, OSError, EOFError):
        raise damaged from None
    if not all(_belongs(run, name) for name in records):
        raise damaged
    # The files exist already, and may have replaced files with existing records. Files are marked
    # as incomplete until their new record is written, in case this process is killed.
    for name in records:
        (INCOMPLETE / name).parent.mkdir(parents=True, exist_ok=True)
        (INCOMPLETE / name).write_text(MARK, encoding="utf-8")
    for name, content in records.items():
        with atomic_path(RECORDS / name) as temporary:
            temporary.write_bytes(content)
        (INCOMPLETE / name).unlink()
    INCOMPLETE.mkdir(exist_ok=True)  # otherwise Snakemake converts the records from an old format
    return len(records)


def _decompressed(path: Path) -> bytes:
    """The decompressed archive. Raises OSError if it is too large or its CRC is wrong."""
    with gzip.open(path) as stream:
        content = stream.read(LARGEST + 1)
        if len(content) > LARGEST or stream.read(1):
            raise OSError("too large")
    return content


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(entry) if entry.isreg() else None
    if file is None:
        raise tarfile.TarError(f"{entry.name}: not a file")
    return file.read()


def _belongs(run: SharedRun, name: Path) -> bool:
    """Whether a record is inside the folder of records and describes a file of the run."""
    about = Path(_about(name) or "")
    outside = name.is_absolute() or ".." in (*name.parts, *about.parts)
    return run.results in about.parents and not outside


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
