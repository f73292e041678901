"""What Snakemake knows of the files it made: parameters, inputs and their checksums, a record each.

In a fresh clone it knows nothing, and would make everything again. Its records of one dataset go
into an archive whose bytes depend on them alone; unpacked in a clone that has the same files, it
finds nothing to do.
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
from resed.share.runs import Run

RECORDS = STATE / "metadata"
INCOMPLETE = STATE / "incomplete"  # what a run that was cut off left half made
MARK = '{"external_jobid": null}'
DONE = "Nothing to be done"
_JOB = re.compile(r"^Job \d+: (.*)$", re.MULTILINE)


def pack(run: Run) -> Path:
    """Write the records of the run's files to its archive, whose path is returned.

    Raises ShareError where Snakemake has none.
    """
    found = sorted(_records(run))
    if not found:
        raise ShareError(f"{RECORDS}: nothing about {run.results}; {run.cure}")
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in found:
            entry = tarfile.TarInfo(path.relative_to(RECORDS).as_posix())  # no times, no owners
            content = path.read_bytes()
            entry.size = len(content)
            archive.addfile(entry, BytesIO(content))
    with atomic_path(run.archive) as temporary:
        temporary.write_bytes(gzip.compress(buffer.getvalue(), mtime=0))
    return run.archive


def _records(run: Run) -> Iterator[Path]:
    for path in RECORDS.rglob("*"):
        about = _about(path.relative_to(RECORDS))
        if about and path.is_file() and run.results in Path(about).parents:
            yield path


def _about(record: Path) -> str | None:
    """The output that a record is about: its name in base64, where long in folders that begin @."""
    text = "".join(part.removeprefix("@") for part in record.parts)
    try:
        return base64.b64decode(text, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def unpack(run: Run) -> int:
    """Hand the records in the run's archive back to Snakemake; returns how many there were.

    Raises ShareError where the archive is damaged, or holds records of other files.
    """
    path = existing(run.archive, "make restore")
    damaged = f"{path}: damaged; delete it and make restore again"
    try:
        content = BytesIO(gzip.decompress(path.read_bytes()))  # whole: checked by its CRC
        with tarfile.open(fileobj=content) as archive:
            records = {Path(entry.name): _content(archive, entry) for entry in archive}
    except (tarfile.TarError, zlib.error, OSError, EOFError):
        raise ShareError(damaged) from None
    if not all(_belongs(run, name) for name in records):
        raise ShareError(damaged)
    # The files are there already, and may have replaced others of which Snakemake has records: what
    # has not got its own when this is cut off must not pass for what those tell of.
    for name in records:
        (INCOMPLETE / name).parent.mkdir(parents=True, exist_ok=True)
        (INCOMPLETE / name).write_text(MARK, encoding="utf-8")
    for name, content in records.items():
        with atomic_path(RECORDS / name) as temporary:
            temporary.write_bytes(content)
        (INCOMPLETE / name).unlink()
    INCOMPLETE.mkdir(exist_ok=True)  # without it Snakemake takes the records for those of old ones
    return len(records)


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(entry) if entry.isreg() else None
    if file is None:
        raise tarfile.TarError(f"{entry.name}: no file")
    return file.read()


def _belongs(run: Run, name: Path) -> bool:
    """Whether a record of that name lies below the records, and is about a file of the run."""
    about = Path(_about(name) or "")
    outside = name.is_absolute() or ".." in (*name.parts, *about.parts)
    return run.results in about.parents and not outside


def planned(run: Run) -> list[str]:
    """The jobs that Snakemake would run now; [] where there is nothing to do.

    Raises ShareError with Snakemake's last line where it cannot plan.
    """
    command = [sys.executable, "-m", *run.words("--dry-run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    if done.returncode:
        lines = [line for line in told.splitlines() if line.strip()]
        raise ShareError(f"snakemake: {lines[-1].strip() if lines else 'no answer'}")
    jobs = _JOB.findall(told)
    if not jobs and DONE not in told:
        raise ShareError(f"snakemake: says neither “{DONE}” nor a job; {run.cure}")
    return jobs


def in_words(jobs: list[str]) -> str:
    """How many jobs, and the first of them."""
    more = ", ..." if len(jobs) > 3 else ""
    return f"{len(jobs)} job{'s' * (len(jobs) > 1)} ({', '.join(jobs[:3])}{more})"
