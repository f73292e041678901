"""What the archive is made of: a clean commit whose versions agree."""

import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

import resed
from archive.errors import ReleaseError
from resed.errors import counted, some

CITATION = Path("CITATION.cff")
CHANGELOG = Path("CHANGELOG.md")
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Commit:
    """A commit: its hash, and the time of the commit in UTC."""

    name: str
    time: datetime


@dataclass(frozen=True)
class Version:
    """The version to release.

    Attributes:
        number: for example 0.2.0.
        released: the date in CITATION.cff, as YYYY-MM-DD.
        tagged: whether the tag is already that of the commit.
    """

    number: str
    released: str
    tagged: bool = False

    @property
    def tag(self) -> str:
        """The name of its tag."""
        return f"v{self.number}"

    def tagging(self, commit: Commit) -> str:
        """The command that sets its tag, or that there is nothing to set."""
        if self.tagged:
            return f"none, {self.tag} is the tag of this commit"
        return f"git tag --annotate {self.tag} --message 'resed {self.number}' {commit.name[:12]}"


def commit() -> Commit:
    """The commit of the current folder.

    Raises ReleaseError if the folder is not the top of a clone, or has other files than its commit.
    """
    top = _git("rev-parse", "--show-toplevel")
    if Path(top).resolve() != Path.cwd().resolve():
        raise ReleaseError("not the top folder of the clone", place=Path.cwd(), cure=f"cd {top}")
    changed = [line[3:] for line in _git("status", "--porcelain").splitlines()]
    if changed:
        problem = f"{counted(len(changed), 'file')} not as in the commit ({some(changed)})"
        raise ReleaseError(problem, place="git status", cure="commit, ignore or remove them")
    name, seconds = _git("log", "-1", "--format=%H %ct").split()
    return Commit(name, datetime.fromtimestamp(int(seconds), UTC))


def version(commit: Commit) -> Version:
    """The version of the package, which citation, changelog and tags must agree with.

    Raises ReleaseError for the first one that does not.
    """
    number = resed.__version__
    citation = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    if str(citation.get("version")) != number:
        problem = f"version is {citation.get('version')}, that of the package is {number}"
        raise ReleaseError(problem, place=CITATION, cure="make them equal")
    released = str(citation.get("date-released"))
    heading = HEADING.search(CHANGELOG.read_text(encoding="utf-8"))
    found, wanted = heading[1] if heading else "", f"{number} ({released})"
    if found != wanted:
        problem = f"the first heading is {found!r}, not {wanted!r}"
        raise ReleaseError(problem, place=CHANGELOG, cure=f"give version and date as in {CITATION}")
    tagged = _git("tag", "--list", f"v{number}")
    if tagged and _git("rev-list", "-1", f"v{number}") != commit.name:
        cure = f"raise the version in src/resed/__init__.py, {CITATION} and {CHANGELOG}"
        raise ReleaseError("is the tag of another commit", place=f"v{number}", cure=cure)
    return Version(number, released, bool(tagged))


def _git(*arguments: str) -> str:
    """The output of git, without the last line end."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        message = (done.stderr.strip().splitlines() or ["failed"])[0].removeprefix("fatal: ")
        cure = "run make release in a clone of resed"
        raise ReleaseError(message, place=f"git {arguments[0]}", cure=cure)
    return done.stdout.rstrip("\n")
