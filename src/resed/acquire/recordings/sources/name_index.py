"""Match wanted files with the files of a source by their names.

The name of a clip may be written with or without the Y before the name of a video, with times such
as 30.000_40.000 or 30_40, and with another suffix. The key `recording` of the dataset file is the
pattern of the parts of a name.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from resed.acquire.recordings.sources.adapter import WantedFile
from resed.config.dataset import Dataset
from resed.formats.clip_names import SOUNDS

TABLES = frozenset({".tsv", ".csv", ".txt"})
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
EXAMPLES = 3  # names in the answer for an ambiguous name


@dataclass(frozen=True)
class Candidate:
    """A file of a source; `path` is its path in the source, and `where` is for the adapter."""

    path: str
    bytes: int | None = None
    where: Any = None


class NameIndex:
    """Candidates by the parts of their names."""

    def __init__(self, dataset: Dataset):
        self._recording = dataset.pattern
        self._audio = {role: place.audio for role, place in dataset.splits.items()}
        self._found: dict[Hashable, list[Candidate]] = defaultdict(list)

    def add(self, candidate: Candidate) -> None:
        """Add an audio or annotation file; other files and hidden files are ignored."""
        path = PurePosixPath(candidate.path)
        if any(part.startswith(".") or part == "__MACOSX" for part in path.parts):
            return
        if path.suffix.lower() in SOUNDS:
            self._found[self._key(path.name)].append(candidate)
        elif path.suffix.lower() in TABLES:
            self._found["table", path.name].append(candidate)

    def sounds(self) -> list[Candidate]:
        """All audio files, in the order in which they were added."""
        groups = (group for key, group in self._found.items() if key[0] != "table")
        return [candidate for group in groups for candidate in group]

    def same(self, name: str) -> str | None:
        """The name of a candidate with the same parts as `name`."""
        found = self._found.get(self._key(name), [])
        return PurePosixPath(found[0].path).name if found else None

    def find(self, wanted: WantedFile, folder: str | None = None) -> list[Candidate]:
        """The candidates that match best: [] if there is none, several if they match equally.

        An equal name is preferred to another spelling, then the same suffix to another one, then
        the folder of the split (`folder`; by default, that of the DESED layout) to others. Names
        that are only numbers match only in a folder with the name of the folder of the split.
        """
        if wanted.annotations:
            return _best(
                self._found.get(("table", wanted.filename), []),
                lambda candidate: not f"/{candidate.path}".endswith(f"/{wanted.path}"),
            )
        name, place = wanted.filename, folder or self._audio[wanted.split]
        found = self._found.get(self._key(name), [])
        if PurePosixPath(name).stem.isdigit():
            found = [candidate for candidate in found if _folder_rank(candidate, place) < 2]
        return _best(found, lambda c: (_name_rank(c, name), _folder_rank(c, place)))

    def _key(self, name: str) -> Hashable:
        path = PurePosixPath(unicodedata.normalize("NFC", name))
        for suffix in dict.fromkeys((path.suffix, ".wav")):
            part = self._recording.match(path.stem + suffix) if self._recording else None
            if part and part.part_known:
                return ("recording", part.id, part.start, part.end)
        return ("name", path.stem)


def choose_candidate(
    candidates: Sequence[Candidate], digest: Callable[[Candidate], str | None]
) -> Candidate | str:
    """The first candidate if all have equal bytes; otherwise a text with their names."""
    if len(candidates) == 1:
        return candidates[0]
    if len({candidate.bytes for candidate in candidates}) == 1:
        digests = {digest(candidate) for candidate in candidates}
        if len(digests) == 1 and None not in digests:
            return candidates[0]
    names = ", ".join(sorted(candidate.path for candidate in candidates)[:EXAMPLES])
    return f"{len(candidates)} different files match: {names}"


def _best(candidates: Sequence[Candidate], rank: Callable[[Candidate], Any]) -> list[Candidate]:
    ranks = [rank(candidate) for candidate in candidates]
    best = min(ranks, default=None)
    return [candidate for candidate, own in zip(candidates, ranks, strict=True) if own == best]


def _name_rank(candidate: Candidate, name: str) -> int:
    """0: the same name; 1: another spelling; 2: another suffix."""
    path = PurePosixPath(candidate.path)
    if path.name == name:
        return 0
    return 1 if path.suffix.lower() == PurePosixPath(name).suffix.lower() else 2


def _folder_rank(candidate: Candidate, place: str) -> int:
    """0: in the folder of the split; 1: in a folder with its name; 2: in another folder."""
    folder = PurePosixPath("/", candidate.path).parent
    if f"{folder}/".endswith(f"/{place.strip('/')}/"):
        return 0
    return 1 if folder.name == PurePosixPath(place).name else 2
