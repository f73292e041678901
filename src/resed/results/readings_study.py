"""How far each reading of what the paper leaves open moves the scores of one system.

Every reading stands against `{system}@default`, the same system unchanged, on the same clips.
`resed.stats.intervals` says what is decided: a reading that needs a training of its own needs
two seeds,
one of the decoding alone rests on the same networks and can be decided over clips with one. These
decisions are one by one; what stands among all `resed.stats.multiple_testing` says, and no
other reading is named.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean

from resed.config import study
from resed.config.readings import OFF, Option, Question
from resed.config.rows import UNCHANGED, Row
from resed.errors import ResultsError
from resed.results.folder import Results
from resed.stats.intervals import decide
from resed.stats.multiple_testing import ALPHA, ScoreChange, holm, p_value

METRICS = ("event", "segment", "tags")
SPLITS = ("development", "evaluation")
NAMES = {"event": "event-F1", "segment": "segment-F1", "tags": "AT-F1"}
SCORED = "evaluation"  # what order and sentences go by
Key = tuple[str, str]  # metric, split
Test = tuple[str, str]  # reading, metric; on SCORED
KEYS: tuple[Key, ...] = tuple((metric, split) for metric in METRICS for split in SPLITS)


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
    changes: Mapping[Key, ScoreChange]
    beside_off: Mapping[Key, ScoreChange]

    @property
    def decided(self) -> bool:
        """Whether an interval of its own decides any metric."""
        return verdict(self.changes) != "undecided"

    @property
    def largest(self) -> tuple[str, ScoreChange]:
        """The metric that is moved most on evaluation, of those decided if any is; and how far."""
        every = [(metric, self.changes[metric, SCORED]) for metric in METRICS]
        decided = [pair for pair in every if pair[1].decision != "undecided"]
        return max(decided or every, key=lambda pair: abs(pair[1].found.mean))

    @property
    def weight(self) -> float:
        """That change in points, whatever its sign."""
        return abs(self.largest[1].found.mean)


@dataclass(frozen=True)
class Group:
    """The readings of one question, the weightiest first.

    `unchanged`: how the unchanged system reads it. `beside_off`: that system against the method
    left out; empty where that was not run.
    """

    name: str
    question: Question
    unchanged: str
    effects: tuple[Effect, ...]
    beside_off: Mapping[Key, ScoreChange]

    @property
    def weight(self) -> float:
        """The largest decided change of its readings, else the largest, in points."""
        decided = [effect.weight for effect in self.effects if effect.decided]
        return max(decided or [effect.weight for effect in self.effects])


@dataclass(frozen=True)
class Study:
    """All that was run; `seeds` and `scores` are those of the unchanged system (0: not run).

    `apart`: how far apart its seeds are, in points, empty for one seed. `idle`: readings that
    change nothing in this config; `missing`: those that were not run; `unfit`: those that do not
    go with the settings of this config.
    """

    seeds: int = 0
    scores: Mapping[Key, float] = field(default_factory=dict)
    apart: Mapping[Key, float] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    idle: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()

    @property
    def effects(self) -> list[Effect]:
        """Every reading that was run, in the order of the picture."""
        return [effect for group in self.groups for effect in group.effects]

    @property
    def tested(self) -> dict[Test, ScoreChange]:
        """Every change on evaluation that could be decided: no single training against another."""
        return {
            (effect.name, metric): effect.changes[metric, SCORED]
            for effect in self.effects
            for metric in METRICS
            if effect.shared or effect.changes[metric, SCORED].found.seeds > 1
        }

    @property
    def corrected(self) -> dict[Test, float]:
        """The p-values of all of these, corrected for being so many (Holm)."""
        values = holm([p_value(change.found) for change in self.tested.values()])
        return dict(zip(self.tested, values, strict=True))

    @property
    def standing(self) -> dict[Test, ScoreChange]:
        """The changes that are decided among all, the largest first."""
        corrected = self.corrected
        kept = [pair for pair in self.tested.items() if corrected[pair[0]] < ALPHA]
        return dict(sorted(kept, key=lambda pair: -abs(pair[1].found.mean)))


def compare_readings(results: Results) -> Study:
    """Compare all readings of config.sensitivity that were scored with the unchanged system.

    Raises ResultsError where scores rest on other clips or another audit.
    """
    config = results.config
    rows = {row.reading: row for row in config.sensitivity_rows()}
    unchanged = rows.pop(UNCHANGED, None)
    if unchanged is None or not _scored(results, unchanged):
        return Study(missing=tuple(rows))
    wanted = config.sensitivity.readings or config.paper_readings.names()
    idle = {name for name, row in rows.items() if study.changes_nothing(config, row)}
    run = {n: row for n, row in rows.items() if n not in idle and _scored(results, row)}
    _same_ground(results, [unchanged, *run.values()])
    groups = [_group(results, name, run, unchanged) for name in dict.fromkeys(map(_question, run))]
    scores = {key: _scores(results, unchanged, key) for key in KEYS}
    several = len(results.seeds(unchanged)) > 1
    return Study(
        seeds=len(results.seeds(unchanged)),
        scores={key: fmean(values) for key, values in scores.items()},
        apart={key: max(values) - min(values) for key, values in scores.items()} if several else {},
        groups=tuple(sorted(groups, key=lambda group: group.weight, reverse=True)),
        idle=tuple(name for name in rows if name in idle),
        missing=tuple(name for name in rows if name not in idle and name not in run),
        unfit=tuple(name for name in wanted if name not in rows),
    )


def _question(reading: str) -> str:
    return reading.partition(".")[0]


def _group(results: Results, name: str, run: Mapping[str, Row], unchanged: Row) -> Group:
    readings = results.config.paper_readings
    off = run.get(f"{name}.{OFF}")
    effects = []
    for reading, row in run.items():
        if _question(reading) == name:
            effects.append(
                Effect(
                    reading,
                    readings.option(reading),
                    shared=results.paired(row, unchanged),
                    seeds=len(results.seeds(row)),
                    scores={key: fmean(_scores(results, row, key)) for key in KEYS},
                    changes=_changes(results, row, unchanged),
                    beside_off=_changes(results, row, off) if off and off != row else {},
                )
            )
    effects.sort(key=lambda effect: effect.weight, reverse=True)
    beside = _changes(results, unchanged, off) if off else {}
    question = readings.questions[name]
    here = study.option_here(results.config, question)
    title = question.options[here].title if here else "as this config sets it"
    return Group(name, question, title, tuple(effects), beside)


def _changes(results: Results, first: Row, second: Row) -> dict[Key, ScoreChange]:
    made = {}
    for metric, split in KEYS:
        found = results.difference(split, first, second, metric)
        if found is None:
            place = f"{first.folder} on {split}"
            raise ResultsError(f"no {metric} score", place=place, cure="run resed score again")
        decision = decide(found, results.paired(first, second))
        reference = fmean(_scores(results, second, (metric, split)))
        made[metric, split] = ScoreChange(found, decision, reference)
    return made


def _scores(results: Results, row: Row, key: Key) -> list[float]:
    """F1 per seed, in percent."""
    metric, split = key
    every = (results.metrics(split, row, seed) for seed in results.seeds(row))
    return [100 * metrics[metric]["macro_f1"] for metrics in every]


def _scored(results: Results, row: Row) -> bool:
    return all(results.scored(split, row) for split in SPLITS)


def _same_ground(results: Results, rows: Iterable[Row]) -> None:
    """Raise where two scores rest on different clips, or on another audit."""
    first: dict[str, tuple[object, str]] = {}
    for row in rows:
        for split in SPLITS:
            for seed in results.seeds(row):
                metrics = results.metrics(split, row, seed)
                ground = metrics["clips"], metrics.get("manifest_sha256")
                known, path = first.setdefault(split, (ground, metrics["path"]))
                if ground != known:
                    raise ResultsError(
                        f"{metrics['path']}: other clips or another manifest than {path}; "
                        "score both again on the same audit"
                    )


def verdict(changes: Mapping[Key, ScoreChange]) -> str:
    """better, worse, undecided, or mixed, over the three metrics on evaluation."""
    words = {changes[metric, SCORED].decision for metric in METRICS} - {"undecided"}
    if not words:
        return "undecided"
    return "mixed" if len(words) > 1 else words.pop()


def points(change: ScoreChange) -> str:
    """A change for people: '-1.2 (-3.0 to 0.6)', or '+19.6 (too few seeds)'."""
    low, high = change.ends
    within = f"{low:.1f} to {high:.1f}"
    if change.empty:
        within = f"too few {'seeds' if change.found.seeds > 1 else 'clips'}"
    return minus(f"{change.found.mean:+.1f} ({within})")


def minus(text: str) -> str:
    """Numbers with a true minus sign."""
    return text.replace("-", "−")


def headline(found: Study, results: Results) -> str:
    """What the study shows: how much is decided, how much chance decides, and what stands."""
    title = results.config.catalogue[results.config.sensitivity.system].title
    if not found.groups:
        return f"Not run: no reading of {title} was scored; `snakemake sensitivity` does it."
    tested = found.tested
    if not tested:
        return f"No change of {title} was tested: what is trained anew needs two seeds."
    decided = sum(change.decision != "undecided" for change in tested.values())
    chance = ALPHA * len(tested)
    text = (
        f"Changes of {title} that were tested: {len(tested)} "
        f"({len({reading for reading, _ in tested})} readings, {len(METRICS)} metrics); decided by "
        f"their own 95 % intervals: {decided}, where about {chance:.{int(chance < 1)}f} are "
        "expected by chance; standing after Holm's correction for all: "
    )
    standing = found.standing
    if not standing:
        return f"{text}none, so no reading is named."
    return f"{text}{len(standing)}. The largest: {_moves(found, *next(iter(standing.items())))}."


def _moves(found: Study, test: Test, change: ScoreChange) -> str:
    reading, metric = test
    title = next(group.question.title for group in found.groups if group.name == _question(reading))
    option = next(effect.option for effect in found.effects if effect.name == reading)
    return f"{title}, read as “{option.title}”: {NAMES[metric]} {points(change)} points"


def sentences(found: Study, results: Results) -> list[str]:
    """What else a reader must know: the ground, what is undecided, what was left out."""
    names = [f"{reading} ({NAMES[metric]})" for reading, metric in found.standing]
    told = [f"Standing after Holm's correction: {', '.join(names)}."] if names else []
    told += [_seeds(found)] if found.groups else []
    told += [_beside_off(group) for group in found.groups if group.beside_off]
    if found.idle:
        told.append(f"No change in this config: {', '.join(found.idle)}.")
    if found.unfit:
        told.append(f"Do not go with the settings of this config: {', '.join(found.unfit)}.")
    if found.missing:
        told.append(f"Not run: {', '.join(found.missing)}.")
    return told


def _seeds(found: Study) -> str:
    effects = found.effects
    trained = [effect for effect in effects if not effect.shared]
    undecided = sum(not effect.decided for effect in effects)
    text = f"Readings: {len(effects)}, of which {undecided} undecided on every metric. "
    if trained:
        counts = sorted({effect.seeds for effect in trained})
        each = " or ".join(map(str, counts))
        text += f"Trained anew: {len(trained)}, seeds each: {each}"
        alone = "; with one, nothing that is trained apart can be decided" if 1 in counts else ""
        text += alone + ". "
    if not found.apart:
        return text + "One seed of the unchanged system: how far its seeds are apart is not known."
    gaps = ", ".join(f"{found.apart[metric, SCORED]:.1f}" for metric in METRICS)
    further = sum(
        any(
            abs(effect.changes[metric, SCORED].found.mean) > found.apart[metric, SCORED]
            for metric in METRICS
        )
        for effect in trained
    )
    return (
        f"{text}The {found.seeds} seeds of the unchanged system are up to {gaps} points apart "
        f"(event, segment, AT); of the readings trained anew {further} move a metric further."
    )


def _beside_off(group: Group) -> str:
    judged = {f"unchanged ({group.unchanged})": verdict(group.beside_off)}
    judged |= {e.name: verdict(e.beside_off) for e in group.effects if e.beside_off}
    parts = []
    for word in ("better", "worse", "mixed", "undecided"):
        members = [name for name, found in judged.items() if found == word]
        parts += [f"{word}: {', '.join(members)}"] * bool(members)
    against = f"{group.question.title} against {group.name}.{OFF}"
    return f"{against}, by intervals that are not corrected: {'; '.join(parts)}."
