"""The detectors of a comparison: a name, and one file of events per seed."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from resed.errors import ScoreError, counted
from resed.formats.validation import is_name

LONGEST_NAME = 100  # characters
MOST_DETECTORS = 50  # 1225 pairs
Named = Iterable[tuple[str, Path]]  # NAME=PATH in the order of the command line


@dataclass(frozen=True)
class GivenDetector:
    """A detector as it was given.

    Attributes:
        events: detected events, one file per seed.
        tags: clip tags, one file per seed; empty: the classes of the events.
        scores: folders of score TSVs, one per seed; may be empty.
    """

    name: str
    events: tuple[Path, ...]
    tags: tuple[Path, ...] = ()
    scores: tuple[Path, ...] = ()

    @property
    def seeds(self) -> int:
        """Number of files of events."""
        return len(self.events)


def given_detectors(events: Named, tags: Named = (), scores: Named = ()) -> list[GivenDetector]:
    """The detectors in the order of their first file; equal names are seeds of one detector.

    Raises ScoreError for a name that cannot be shown, a file that is given twice, and tags or
    scores that do not fit the files of events.
    """
    files, others = _by_name(events), {"--tags": _by_name(tags), "--scores": _by_name(scores)}
    if len(files) > MOST_DETECTORS:
        problem = f"{len(files)} detectors; at most {MOST_DETECTORS} are compared"
        raise ScoreError(problem, place="NAME=EST", cure="compare fewer at a time")
    for name, paths in files.items():
        _refuse_repeated(name, paths)
    for option, named in others.items():
        _refuse_other_numbers(option, named, files)
    found = {name: others["--tags"].get(name, []) for name in files}
    return [
        GivenDetector(
            name, tuple(paths), tuple(found[name]), tuple(others["--scores"].get(name, []))
        )
        for name, paths in files.items()
    ]


def paired_names(
    pairs: Iterable[tuple[str, str]], detectors: Sequence[GivenDetector]
) -> set[frozenset[str]]:
    """The pairs of detectors whose files share trainings, seed by seed.

    Raises ScoreError for an unknown name, and for two detectors with different numbers of seeds.
    """
    seeds = {one.name: one.seeds for one in detectors}
    found = set()
    for pair in pairs:
        first, second = (unicodedata.normalize("NFC", name) for name in pair)
        for name in (first, second):
            if name not in seeds:
                cure = f"use names of the detectors: {', '.join(seeds)}"
                raise ScoreError(f"no detector has the name {name}", place="--paired", cure=cure)
        if first == second:
            problem, cure = f"{first} is named twice", "name two detectors"
            raise ScoreError(problem, place="--paired", cure=cure)
        if seeds[first] != seeds[second]:
            problem = f"{first} has {counted(seeds[first], 'file')}, {second} {seeds[second]}"
            cure = "give as many files of both, in the same order of trainings"
            raise ScoreError(problem, place="--paired", cure=cure)
        found.add(frozenset((first, second)))
    return found


def _by_name(named: Named) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for name, path in named:
        name = unicodedata.normalize("NFC", name)
        if not is_name(name) or len(name) > LONGEST_NAME or name != name.strip():
            cure = f"use 1 to {LONGEST_NAME} characters, without tabs and line ends, none a space "
            cure += "at the beginning or the end"
            raise ScoreError(f"{name!r} cannot be a name", place="NAME=PATH", cure=cure)
        found.setdefault(name, []).append(path)
    return found


def _refuse_repeated(name: str, paths: Sequence[Path]) -> None:
    """Refuse one file as two seeds: the interval would be too narrow."""
    seen: dict[Path, Path] = {}
    for path in paths:
        real = path.resolve()
        if real in seen:
            cure = "give each seed's own file, or another name"
            raise ScoreError(f"{name} has the same file twice", place=path, cure=cure)
        seen[real] = path


def _refuse_other_numbers(
    option: str, named: Mapping[str, Sequence[Path]], files: Mapping[str, Sequence[Path]]
) -> None:
    for name, paths in named.items():
        if name not in files:
            cure = f"use the name of a detector: {', '.join(files)}"
            raise ScoreError(f"no detector has the name {name}", place=option, cure=cure)
        if len(paths) != len(files[name]):
            problem = f"{name} has {len(paths)} here and {counted(len(files[name]), 'event file')}"
            cure = "give one for each event file, in the same order"
            raise ScoreError(problem, place=option, cure=cure)
