"""How far each reading of what the paper leaves open moves the scores of one system.

Every reading stands against `{system}@default`, the same system unchanged, on the same clips.
`resed.intervals` says what is decided: a reading that needs a training of its own needs two seeds,
one of the decoding alone rests on the same networks and is decided over clips.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean

from resed import study
from resed.config import READING, UNCHANGED
from resed.errors import ResultsError
from resed.intervals import Decision, Interval
from resed.readings import OFF, Option, Question, load_readings
from resed.results import Results

METRICS = ("event", "segment", "tags")
SPLITS = ("development", "evaluation")
SCORED = "evaluation"  # what order and sentences go by
Key = tuple[str, str]  # metric, split
KEYS: tuple[Key, ...] = tuple((metric, split) for metric in METRICS for split in SPLITS)


@dataclass(frozen=True)
class Change:
    """Points of F1 that a reading adds, and whether that is decided."""

    found: Interval
    decision: Decision


@dataclass(frozen=True)
class Effect:
    """One reading against the unchanged system, and against the method left out.

    `shared`: both rest on the same networks. `seeds`: of the reading itself. `beside_off` is empty
    where the question has no option `off`; `scores` are means over seeds in percent.
    """

    name: str
    option: Option
    shared: bool
    seeds: int
    scores: Mapping[Key, float]
    changes: Mapping[Key, Change]
    beside_off: Mapping[Key, Change]

    @property
    def weight(self) -> tuple[bool, float]:
        """Whether a change is decided, and the largest such (else the largest), in points."""
        every = [self.changes[metric, SCORED] for metric in METRICS]
        decided = [change for change in every if change.decision != "undecided"]
        sizes = [abs(change.found.mean) for change in decided or every]
        return bool(decided), max(sizes)


@dataclass(frozen=True)
class Group:
    """The readings of one question, the weightiest first.

    `beside_off`: the unchanged system against the method left out; empty where that was not run.
    """

    name: str
    question: Question
    effects: tuple[Effect, ...]
    beside_off: Mapping[Key, Change]

    @property
    def weight(self) -> tuple[bool, float]:
        """That of its weightiest reading."""
        return max(effect.weight for effect in self.effects)


@dataclass(frozen=True)
class Study:
    """All that was run; `seeds` and `scores` are those of the unchanged system (0: not run).

    `apart`: how far apart its seeds are, in points, empty for one seed. `idle`: readings that
    change nothing in this config; `missing`: those that were not run.
    """

    seeds: int = 0
    scores: Mapping[Key, float] = field(default_factory=dict)
    apart: Mapping[Key, float] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    idle: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def effects(self) -> list[Effect]:
        """Every reading that was run, in the order of the picture."""
        return [effect for group in self.groups for effect in group.effects]


def sensitivity(results: Results) -> Study:
    """Compare all readings of config.sensitivity that were scored with the unchanged system.

    Raises ResultsError where scores rest on other clips or another audit.
    """
    config = results.config
    systems = {name.partition(READING)[2]: name for name in config.sensitivity_systems()}
    unchanged = systems.pop(UNCHANGED, None)
    if unchanged is None or not _scored(results, unchanged):
        return Study(missing=tuple(systems))
    idle = {name for name, system in systems.items() if study.changes_nothing(config, system)}
    run = {n: s for n, s in systems.items() if n not in idle and _scored(results, s)}
    _same_ground(results, [unchanged, *run.values()])
    groups = [_group(results, name, run, unchanged) for name in dict.fromkeys(map(_question, run))]
    scores = {key: _scores(results, unchanged, key) for key in KEYS}
    several = len(results.seeds(unchanged)) > 1
    return Study(
        seeds=len(results.seeds(unchanged)),
        scores={key: fmean(values) for key, values in scores.items()},
        apart={key: max(values) - min(values) for key, values in scores.items()} if several else {},
        groups=tuple(sorted(groups, key=lambda group: group.weight, reverse=True)),
        idle=tuple(name for name in systems if name in idle),
        missing=tuple(name for name in systems if name not in idle and name not in run),
    )


def _question(reading: str) -> str:
    return reading.partition(".")[0]


def _group(results: Results, name: str, run: Mapping[str, str], unchanged: str) -> Group:
    readings = load_readings(results.config.root)
    off = run.get(f"{name}.{OFF}")
    effects = []
    for reading, system in run.items():
        if _question(reading) == name:
            effects.append(
                Effect(
                    reading,
                    readings.option(reading),
                    shared=results.paired(system, unchanged),
                    seeds=len(results.seeds(system)),
                    scores={key: fmean(_scores(results, system, key)) for key in KEYS},
                    changes=_changes(results, system, unchanged),
                    beside_off=_changes(results, system, off) if off and off != system else {},
                )
            )
    effects.sort(key=lambda effect: effect.weight, reverse=True)
    beside = _changes(results, unchanged, off) if off else {}
    return Group(name, readings.questions[name], tuple(effects), beside)


def _changes(results: Results, first: str, second: str) -> dict[Key, Change]:
    made = {}
    for metric, split in KEYS:
        found = results.difference(split, first, second, metric)
        decision = results.decision(split, first, second, metric)
        if found is None or decision is None:
            raise ResultsError(f"{first} on {split}: no {metric} score; run resed score again")
        made[metric, split] = Change(found, decision)
    return made


def _scores(results: Results, system: str, key: Key) -> list[float]:
    """F1 a seed, in percent."""
    metric, split = key
    every = (results.metrics(split, system, seed) for seed in results.seeds(system))
    return [100 * metrics[metric]["macro_f1"] for metrics in every]


def _scored(results: Results, system: str) -> bool:
    return all(results.scored(split, system) for split in SPLITS)


def _same_ground(results: Results, systems: Iterable[str]) -> None:
    """Raise where two scores rest on different clips, or on another audit."""
    first: dict[str, tuple[object, str]] = {}
    for system in systems:
        for split in SPLITS:
            for seed in results.seeds(system):
                metrics = results.metrics(split, system, seed)
                ground = metrics["clips"], metrics.get("manifest_sha256")
                known, path = first.setdefault(split, (ground, metrics["path"]))
                if ground != known:
                    raise ResultsError(
                        f"{metrics['path']}: other clips or another manifest than {path}; "
                        "score both again on the same audit"
                    )
