"""Run the tiny demo at two commits and compare what they computed, byte by byte.

    python tests/compare_commits.py BEFORE [AFTER] [--cores N] [--keep DIR]
    python tests/compare_commits.py BEFORE --worktree [--cores N] [--keep DIR]

Each side runs in a temporary folder that holds its files only, with its own code. Compared are
checkpoints, posteriors, detected events and tags, windows and thresholds, and counts by their
bytes, `metrics.json` by its F1 blocks, and training histories by all columns but the speed. A file
that only one side has counts as a difference. No hashes are stored: they differ between processors.

Both sides run with the packages of this Python and with the config TINY of `runs.py`. Runs of
commits are kept in DIR, by commit and config, and serve again; to see that a commit gives the same
files twice, compare it with itself without --keep.

Exit code 0: all files are the same; 1: files differ; 2: a run failed or a commit is unknown.
"""

import argparse
import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import yaml
from runs import REPOSITORY, TINY, snakemake

RESULTS = Path("results/demo")
F1_BLOCKS = ("event", "segment", "tags", "tags_raw", "tags_teacher")
SPEED = "clips_per_second"
NAMED = 5  # differing files to name per kind
LOG_LINES = 60


class RunError(Exception):
    """A side that cannot be run."""


def f1_blocks(path: Path) -> dict:
    """The F1 blocks of a metrics.json; NaN equals itself."""
    metrics = json.loads(path.read_text(), parse_constant=str)
    return {name: metrics[name] for name in F1_BLOCKS if name in metrics}


def history(path: Path) -> list[list[str]]:
    """Rows of a training history, header included, without the column of the speed."""
    rows = list(csv.reader(path.read_text().splitlines()))
    kept = [i for i, name in enumerate(rows[0]) if name != SPEED] if rows else []
    return [[row[i] for i in kept] for row in rows]


@dataclass(frozen=True)
class Kind:
    """Files of one kind, and the compared content of each file."""

    name: str
    patterns: tuple[str, ...]
    content: Callable[[Path], object] = Path.read_bytes


KINDS = (
    Kind("checkpoints", ("train/**/checkpoint.pt",)),
    Kind("histories", ("train/**/history.csv",), history),
    Kind("posteriors", ("predict/**/*.npz",)),
    Kind("events", ("decode/**/events.tsv",)),
    Kind("tags", tuple(f"decode/**/{name}.tsv" for name in ("tags", "raw_tags", "teacher_tags"))),
    Kind("windows and thresholds", ("calibrate/**/*",)),
    Kind("counts", ("score/**/counts.tsv",)),
    Kind("F1 blocks", ("score/**/metrics.json",), f1_blocks),
)


@dataclass(frozen=True)
class Comparison:
    """Files of one kind on both sides together, and those that differ, each with how."""

    kind: str
    files: int
    differing: dict[str, str]

    @property
    def same(self) -> bool:
        """True if files were compared and none differs."""
        return self.files > 0 and not self.differing

    def __str__(self) -> str:
        names = [f"{name} ({how})" for name, how in self.differing.items()]
        more = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
        line = f"{self.kind}: {self.files} files compared, {len(names)} differ"
        return ": ".join([line, ", ".join(names[:NAMED] + more)] if names else [line])


def compare(before: Path, after: Path) -> list[Comparison]:
    """Compare two folders of results, one `Comparison` per kind of file."""
    return [_compare_kind(kind, before, after) for kind in KINDS]


def _compare_kind(kind: Kind, before: Path, after: Path) -> Comparison:
    sides = {"before": before, "after": after}
    paths = {side: _matching(folder, kind.patterns) for side, folder in sides.items()}
    differing = {}
    for name in sorted(paths["before"] | paths["after"]):
        missing = [side for side in sides if name not in paths[side]]
        if missing:
            differing[name] = f"missing {missing[0]}"
            continue
        contents = [kind.content(folder / name) for folder in sides.values()]
        if contents[0] != contents[1]:
            differing[name] = "content differs"
        elif not contents[0]:
            differing[name] = "nothing to compare"
    return Comparison(kind.name, len(paths["before"] | paths["after"]), differing)


def _matching(folder: Path, patterns: tuple[str, ...]) -> set[str]:
    found = (path for pattern in patterns for path in folder.glob(pattern) if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found}


def git(*arguments: str) -> bytes:
    """Output of a git command in the repository."""
    done = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, check=False)
    if done.returncode:
        raise RunError(done.stderr.decode().strip())
    return done.stdout


def export_commit(commit: str, folder: Path) -> None:
    """Write the files of a commit into `folder`."""
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit))) as archive:
        archive.extractall(folder, filter="data")


def export_worktree(folder: Path) -> None:
    """Copy the files of the working tree into `folder`, but those that git ignores."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").decode()
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file():  # else deleted, and not committed yet
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)


def run_demo(folder: Path, cores: int) -> Path:
    """Run the tiny demo in `folder`, with the code there; return its folder of results."""
    own = {"PYTHONPATH": str(folder / "src")}
    place = subprocess.run(
        [sys.executable, "-c", "import resed; print(resed.__file__)"],
        cwd=folder,
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=False,
    )
    if not Path(place.stdout.strip()).is_relative_to(folder / "src"):
        raise RunError(f"{folder}: Python does not import resed from there: {place.stderr}")
    done = snakemake(folder, "--cores", str(cores), overlay=TINY, variables=own)
    if done.returncode:
        raise RunError("\n".join(done.stdout.splitlines()[-LOG_LINES:]))
    return folder / RESULTS


def results_of(commit: str | None, folder: Path, keep: Path | None, cores: int) -> Path:
    """Results of a commit, or of the working tree if None, run in `folder` or kept in `keep`."""
    kept = keep / kept_name(commit) if keep and commit else None
    if kept and kept.is_dir():
        print(f"{commit}: results of {kept}", flush=True)
        return kept
    begin = time.monotonic()
    folder.mkdir()
    if commit:
        export_commit(commit, folder)
    else:
        export_worktree(folder)
    results = run_demo(folder, cores)
    print(f"{commit or 'working tree'}: run in {time.monotonic() - begin:.0f} s", flush=True)
    if kept is None:
        return results
    keep.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=keep, prefix="part-")) / "results"
    shutil.copytree(results, part)
    if not kept.is_dir():  # another comparison may have kept the same commit meanwhile
        part.rename(kept)
    shutil.rmtree(part.parent)
    return kept


def kept_name(commit: str) -> str:
    """Name of a kept run: its commit and the hash of its config."""
    return f"{commit}-{hashlib.sha256(yaml.safe_dump(TINY).encode()).hexdigest()[:8]}"


def main() -> int:
    """Run and compare both sides; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", help="commit to compare with")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("after", nargs="?", default="HEAD", help="commit to compare; default: HEAD")
    other.add_argument("--worktree", action="store_true", help="compare the working tree as it is")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep and reuse runs of commits")
    parser.add_argument("--cores", type=int, default=2, metavar="N", help="cores of each run")
    given = parser.parse_args()
    try:
        before, after = (
            git("rev-parse", "--verify", f"{name}^{{commit}}").decode().strip()
            for name in (given.before, given.after)
        )
        with tempfile.TemporaryDirectory(prefix="compare-") as name:
            folder = Path(name).resolve()
            commits = {"before": before, "after": None if given.worktree else after}
            sides = [
                results_of(commit, folder / side, given.keep, given.cores)
                for side, commit in commits.items()
            ]
            comparisons = compare(*sides)
    except RunError as error:
        print(error, file=sys.stderr)
        return 2
    print(*comparisons, sep="\n")
    return int(not all(comparison.same for comparison in comparisons))


if __name__ == "__main__":
    sys.exit(main())
