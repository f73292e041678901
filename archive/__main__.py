"""Build, validate and write the archive: python -m archive --tools PYTHON."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from archive import run_files, state
from archive.crate import metadata
from archive.entries import Entry, checksums_of, extract, of_commit, write_zip
from archive.errors import ReleaseError
from resed.errors import ResedError, counted
from resed.escaping import plain
from resed.runtime.checksums import digest
from resed.runtime.files import atomic_path

METADATA = "ro-crate-metadata.json"
CHECKSUMS = "SHA256SUMS"
OUT = Path("build")


def main() -> None:
    """Run the command. Exit codes: 0 done, 1 an error in one line, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m archive", description=__doc__)
    parser.add_argument(
        "--tools",
        type=Path,
        metavar="PYTHON",
        required=True,
        help="the Python that has archive/requirements.txt; make release makes it",
    )
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the archive")
    arguments = parser.parse_args()
    try:
        release(arguments.tools, arguments.out)
    except ResedError as error:
        print(f"resed: {plain(str(error))}", file=sys.stderr)
        sys.exit(1)


def release(tools: Path, out: Path) -> Path:
    """Write the archive of the current clone, and print what it holds and the tag to set.

    Args:
        tools: a Python with the validators.
        out: folder of the archive; a file of the same name is replaced.

    Raises ReleaseError if the clone differs from its commit, if its versions differ from each
    other, or if a validator objects, and the errors of `run_files.present`.
    """
    commit = state.commit()
    version = state.version(commit)
    runs, left = run_files.present()
    for run in runs:
        run_files.check(run)
    entries = pack(commit, version, runs)
    path = out / f"resed-{version.number}.crate.zip"
    with tempfile.TemporaryDirectory() as folder:
        extract(entries, Path(folder))
        print(_validated(tools, Path(folder)))
    with atomic_path(path) as temporary:
        write_zip(entries, temporary, commit.time)
    size = path.stat().st_size / 1e6
    print(f"{path}: {counted(len(entries), 'file')}, {size:.1f} MB, SHA-256 {digest(path)}")
    for run in runs:
        print(f"run {run.title}: {run.results}")
    for line in left:
        print(f"left out: {line}")
    print(f"the tag to set: {version.tagging(commit)}")
    return path


def pack(commit: state.Commit, version: state.Version, runs: list) -> list[Entry]:
    """All files of the archive, sorted by name; equal clones give equal bytes."""
    entries = {entry.name: entry for entry in of_commit(commit.name)}
    carried = [run_files.carried(run) for run in runs]
    for one in carried:
        entries |= {entry.name: entry for entry in one.entries}
    described = metadata(commit, version, list(entries.values()), carried)
    entries[METADATA] = Entry(METADATA, described)
    entries[CHECKSUMS] = Entry(CHECKSUMS, checksums_of(entries.values()))
    return [entries[name] for name in sorted(entries)]


def _validated(tools: Path, folder: Path) -> str:
    """Run the validators on the files of the archive; return their last line."""
    command = [str(tools), "-m", "archive.validation", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        cure = "run make release, which installs archive/requirements.txt"
        raise ReleaseError(error.strerror, place=tools, cure=cure) from None
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or ["no output"]
    if done.returncode:
        for line in lines[:-1]:
            print(plain(line), file=sys.stderr)
        raise ReleaseError(lines[-1], place=METADATA, cure="correct archive/ or the run")
    return lines[-1]


if __name__ == "__main__":
    main()
