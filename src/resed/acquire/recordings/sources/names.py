"""Which of the files that a source has is the one that is wanted: matched by name, never guessed.

A clip's name may be written in several ways: with or without the Y before a video's name, its times
as 30.000_40.000 or 30_40, and with another suffix. `Dataset.recording` says what a name tells.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from resed.acquire.recordings.sources.plug import Wanted
from resed.config.dataset import Dataset

SOUNDS = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64"}
)
TABLES = frozenset({".tsv", ".csv", ".txt"})
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
SAMPLE = 3  # names told where several fit


@dataclass(frozen=True)
class Candidate:
    """A file that a source has. `path` is where it lies there, with slashes."""

    path: str
    bytes: int | None = None
    where: Any = None  # what the plug needs to get it


class Names:
    """Candidates by what their names tell."""

    def __init__(self, dataset: Dataset):
        self._recording = re.compile(dataset.recording) if dataset.recording else None
        self._audio = {role: place.audio for role, place in dataset.splits.items()}
        self._found: dict[Hashable, list[Candidate]] = defaultdict(list)

    def add(self, candidate: Candidate) -> None:
        """Take in a sound or an annotation file; anything else, and hidden files, are left out."""
        path = PurePosixPath(candidate.path)
        if any(part.startswith(".") or part == "__MACOSX" for part in path.parts):
            return
        if path.suffix.lower() in SOUNDS:
            self._found[self._told(path.name)].append(candidate)
        elif path.suffix.lower() in TABLES:
            self._found["table", path.name].append(candidate)

    def sounds(self) -> list[Candidate]:
        """All sounds, in the order they were added."""
        groups = (group for key, group in self._found.items() if key[0] != "table")
        return [candidate for group in groups for candidate in group]

    def same(self, name: str) -> str | None:
        """The name of a candidate that means the same recording, written in whatever way."""
        found = self._found.get(self._told(name), [])
        return PurePosixPath(found[0].path).name if found else None

    def find(self, wanted: Wanted, folder: str | None = None) -> list[Candidate]:
        """The candidates that fit best; several where it cannot be told which. [] for none.

        The name as it stands goes before other ways of writing it, then its own suffix before
        others, then the split's folder (`folder`, else as in the DESED layout) before others. A
        number alone names nothing: such clips must lie in a folder of the split's name.
        """
        if wanted.annotations:
            return _least(
                self._found.get(("table", wanted.filename), []),
                lambda candidate: not f"/{candidate.path}".endswith(f"/{wanted.path}"),
            )
        name, place = wanted.filename, folder or self._audio[wanted.split]
        found = self._found.get(self._told(name), [])
        if PurePosixPath(name).stem.isdigit():
            found = [candidate for candidate in found if _distance(candidate, place) < 2]
        return _least(found, lambda c: (_unlike(c, name), _distance(c, place)))

    def _told(self, name: str) -> Hashable:
        path = PurePosixPath(unicodedata.normalize("NFC", name))
        for suffix in dict.fromkeys((path.suffix, ".wav")):
            match = self._recording.match(path.stem + suffix) if self._recording else None
            if match:
                told = match.groupdict()
                times = (_number(told.get(key)) for key in ("start", "end"))
                return ("recording", told.get("id"), *times)
        return ("name", path.stem)


def one_of(
    candidates: Sequence[Candidate], digest: Callable[[Candidate], str | None]
) -> Candidate | str:
    """The one candidate, or the first of several with equal bytes; else a text that names them."""
    if len(candidates) == 1:
        return candidates[0]
    sizes = {candidate.bytes for candidate in candidates}
    if len(sizes) == 1:
        digests = {digest(candidate) for candidate in candidates}
        if len(digests) == 1 and None not in digests:
            return candidates[0]
    names = ", ".join(sorted(candidate.path for candidate in candidates)[:SAMPLE])
    return f"{len(candidates)} files fit the name and differ: {names}"


def _least(candidates: Sequence[Candidate], rank: Callable[[Candidate], Any]) -> list[Candidate]:
    if len(candidates) < 2:
        return list(candidates)
    ranks = [rank(candidate) for candidate in candidates]
    best = min(ranks)
    return [candidate for candidate, own in zip(candidates, ranks, strict=True) if own == best]


def _unlike(candidate: Candidate, name: str) -> int:
    """0: the name as it stands; 1: written in another way; 2: also with another suffix."""
    path = PurePosixPath(candidate.path)
    if path.name == name:
        return 0
    return 1 if path.suffix.lower() == PurePosixPath(name).suffix.lower() else 2


def _distance(candidate: Candidate, place: str) -> int:
    """0: it lies in the split's own folder; 1: in one of the same last name; 2: elsewhere."""
    folder = PurePosixPath("/", candidate.path).parent
    if f"{folder}/".endswith(f"/{place.strip('/')}/"):
        return 0
    return 1 if folder.name == PurePosixPath(place).name else 2


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)
