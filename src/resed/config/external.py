"""Detectors that were not made by this run: their files, which become rows of the tables."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from resed.config.dataset import EVALUATION, SCORED_ROLES
from resed.config.loading import nearest
from resed.config.rows import BASELINES
from resed.config.systems import NAME
from resed.errors import ConfigError, counted
from resed.settings import Strict

MOST_FILES = 1000  # trainings of one detector
# Snakemake reads <x> and {x} as names of its own.
UNFIT = re.compile(r"[\t\n\r\0<>{}]|[\ud800-\udfff]")
_PATHS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_SCHEMA = {
    "anyOf": [
        *_PATHS["anyOf"],
        {
            "type": "object",
            "properties": dict.fromkeys(SCORED_ROLES, _PATHS),
            "additionalProperties": False,
        },
    ]
}


def _by_split(value: Any) -> Any:
    """A path or a list of paths is of evaluation; a path is a list of one."""
    if not isinstance(value, Mapping):
        value = {EVALUATION: value}
    if unknown := [split for split in value if split not in SCORED_ROLES]:
        known = " and ".join(SCORED_ROLES)
        raise ValueError(f"unknown split {str(unknown[0])[:40]!r}; files are of {known}")
    found = {split: [v] if isinstance(v, str) else v for split, v in value.items()}
    for paths in found.values():
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise ValueError("must be a path, or a list with one path per seed")
    return found


def _usable(value: dict[str, list[str]]) -> dict[str, list[str]]:
    if not value:
        raise ValueError("must have files of a split")
    for paths in value.values():
        if not paths or len(paths) > MOST_FILES:
            raise ValueError(f"must have 1 to {MOST_FILES} paths per split")
        if any(not path.strip() or UNFIT.search(path) for path in paths):
            raise ValueError("a path must not be empty or contain tabs, line ends, < > { }")
        if len(set(paths)) < len(paths):
            raise ValueError("a path occurs twice; each seed has a file of its own")
    return value


Paths = Annotated[
    dict[str, list[str]],
    BeforeValidator(_by_split),
    AfterValidator(_usable),
    WithJsonSchema(_SCHEMA),
]


class ExternalDetector(Strict):
    """A detector that is scored from its files.

    Attributes:
        title: its name in tables; "": its key.
        events: split -> event files (TSV or CSV), one per seed; a path is the file of evaluation.
        tags: split -> tag files, one per seed; empty: the classes of the events.
        scores: split -> folders of score TSVs, one per seed, for PSDS and mAP; may be empty.
        against: systems and other detectors that it is compared with; empty: the system with the
            highest event-F1 on development.
    """

    title: Annotated[str, Field(max_length=200)] = ""
    events: Paths
    tags: Paths | None = None
    scores: Paths | None = None
    against: list[str] = []

    @property
    def seeds(self) -> int:
        """Number of files per split."""
        return len(next(iter(self.events.values())))

    def files(self, split: str, seed: int) -> tuple[str, str | None, str | None]:
        """Events, tags and folder of scores; None where there are none."""
        tags, scores = ((part or {}).get(split) for part in (self.tags, self.scores))
        return (
            self.events[split][seed],
            tags[seed] if tags else None,
            scores[seed] if scores else None,
        )

    def all_files(self) -> Iterator[tuple[str, int, str]]:
        """Split, seed and path of each file of events and tags."""
        for split, paths in self.events.items():
            for seed in range(len(paths)):
                events, tags, _ = self.files(split, seed)
                yield from ((split, seed, path) for path in (events, tags) if path)


External = dict[Annotated[str, Field(pattern=NAME, max_length=100)], ExternalDetector]


def check_external(
    external: Mapping[str, ExternalDetector], systems: list[str], catalogue: Mapping[str, Any]
) -> None:
    """Raise ConfigError for names that are taken or unknown, and files that do not fit together."""
    for name, one in external.items():
        place = f"config.external.{name}"
        if name in catalogue or name in BASELINES:
            kind = "system of config/systems" if name in catalogue else "baseline"
            raise ConfigError(f"is the name of a {kind}", place=place, cure="use another name")
        for key in ("events", "tags", "scores"):
            _check_numbers(one, key, f"{place}.{key}")
        for other in one.against:
            if other == name or other not in {*systems, *external}:
                problem = f"{other} is no system or other detector of this run"
                cure = nearest(other, [*systems, *(n for n in external if n != name)])
                raise ConfigError(problem, place=f"{place}.against", cure=cure)
        if len(set(one.against)) < len(one.against):
            cure = "name each once"
            raise ConfigError("a name occurs twice", place=f"{place}.against", cure=cure)


def _check_numbers(one: ExternalDetector, key: str, place: str) -> None:
    files: dict[str, list[str]] = getattr(one, key) or {}
    for split, paths in files.items():
        if split not in one.events:
            cure = f"add the events of {split}, or remove this split"
            raise ConfigError(f"has {split}, of which there are no events", place=place, cure=cure)
        if len(paths) != one.seeds:
            problem = f"has {counted(len(paths), 'file')} of {split}, but {one.seeds} of events"
            if key == "events":
                problem = f"has {one.seeds} and {counted(len(paths), 'file')} per split"
            raise ConfigError(problem, place=place, cure="give one file per seed, in one order")
    if files and files.keys() != one.events.keys():
        lacking = next(split for split in one.events if split not in files)
        raise ConfigError(f"has no files of {lacking}", place=place, cure="add them, or none")
