"""The effect of each reading on the scores of one system.

Every reading is compared with the unchanged system (the reading `default`) on the same clips.
`resed.stats.intervals` decides each change separately. A reading that requires its own training
needs two seeds; a reading that changes only the decoding uses the same networks and can be decided
over clips with one seed. `resed.stats.multiple_testing` then corrects for the number of changes;
only changes that remain significant are named.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean

from resed.config import study_rows
from resed.config.dataset import EVALUATION, SCORED_ROLES
from resed.config.readings import OFF, Option, Question
from resed.config.rows import UNCHANGED, Row
from resed.errors import ResultsError
from resed.results.folder import Results
from resed.stats.intervals import decide
from resed.stats.multiple_testing import ALPHA, ScoreChange, holm, p_value

Key = tuple[str, str]  # metric, split
Changes = Mapping[Key, ScoreChange]


@dataclass(frozen=True)
class ReadingEffect:
    """One reading against the unchanged system, and against the system without that part.

    Attributes:
        name: the reading, `question.option`.
        option: the option in config/papers/{paper}/readings.yaml.
        shared: whether both use the same networks.
        seeds: number of seeds of the reading.
        scores: mean over seeds per metric and split, in the metric's unit.
        changes: the reading minus the unchanged system, per metric and split.
        beside_off: the reading minus the option `off`; empty if the question has no option `off`
            or it was not run.
    """

    name: str
    option: Option
    shared: bool
    seeds: int
    scores: Mapping[Key, float]
    changes: Changes
    beside_off: Changes

    @property
    def decided(self) -> bool:
        """Whether the interval of any metric on evaluation excludes 0."""
        return overall(self.changes) != "undecided"

    @property
    def largest(self) -> tuple[str, ScoreChange]:
        """The metric with the largest decided change on evaluation, else the largest change."""
        changes = on_evaluation(self.changes).items()
        decided = [pair for pair in changes if pair[1].decision != "undecided"]
        return max(decided or changes, key=lambda pair: abs(pair[1].found.mean))

    @property
    def weight(self) -> float:
        """The absolute value of that change."""
        return abs(self.largest[1].found.mean)


@dataclass(frozen=True)
class QuestionEffects:
    """The readings of one question, the largest change first.

    Attributes:
        unchanged: title of the option that the unchanged system follows.
        beside_off: the unchanged system minus the option `off`; empty if that was not run.
    """

    name: str
    question: Question
    unchanged: str
    effects: tuple[ReadingEffect, ...]
    beside_off: Changes

    @property
    def weight(self) -> float:
        """The largest decided change of its readings, else the largest change."""
        decided = [effect.weight for effect in self.effects if effect.decided]
        return max(decided or [effect.weight for effect in self.effects])


@dataclass(frozen=True)
class ReadingsStudy:
    """All readings that were run.

    Attributes:
        metrics: the paper's metrics.
        seeds: number of seeds of the unchanged system; 0 if it was not run.
        scores: its mean over seeds per metric and split, in the metric's unit.
        spread: highest minus lowest score of its seeds; empty with one seed.
        questions: the questions with a reading that was run, the largest change first.
        idle: readings that change nothing in this config.
        missing: readings that were not run.
        unfit: readings that are incompatible with the settings of this config.
    """

    metrics: tuple[str, ...]
    seeds: int = 0
    scores: Mapping[Key, float] = field(default_factory=dict)
    spread: Mapping[Key, float] = field(default_factory=dict)
    questions: tuple[QuestionEffects, ...] = ()
    idle: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()

    @property
    def effects(self) -> list[ReadingEffect]:
        """Every reading that was run, in the order of the questions."""
        return [effect for question in self.questions for effect in question.effects]

    @property
    def tested(self) -> dict[tuple[str, str], ScoreChange]:
        """Every change on evaluation that can be decided, by reading and metric.

        A difference between two single trainings cannot be decided.
        """
        return {
            (effect.name, metric): change
            for effect in self.effects
            for metric, change in on_evaluation(effect.changes).items()
            if change.found.known and (effect.shared or change.found.seeds > 1)
        }

    @property
    def corrected(self) -> dict[tuple[str, str], float]:
        """The p-values of the tested changes after Holm's correction for their number."""
        values = holm([p_value(change.found) for change in self.tested.values()])
        return dict(zip(self.tested, values, strict=True))

    @property
    def standing(self) -> dict[tuple[str, str], ScoreChange]:
        """The tested changes that are significant after the correction, the largest first."""
        corrected = self.corrected
        kept = [pair for pair in self.tested.items() if corrected[pair[0]] < ALPHA]
        return dict(sorted(kept, key=lambda pair: -abs(pair[1].found.mean)))


def compare_readings(results: Results) -> ReadingsStudy:
    """Compare all readings of config.sensitivity that were scored with the unchanged system.

    Raises ResultsError if scores come from different clips or audits.
    """
    config, metrics = results.config, tuple(results.paper.metrics)
    rows = {row.reading: row for row in config.sensitivity_rows()}
    unchanged = rows.pop(UNCHANGED, None)
    if unchanged is None or not _scored(results, unchanged):
        return ReadingsStudy(metrics, missing=tuple(rows))
    wanted = config.sensitivity.readings or config.paper_readings.names()
    idle = {name for name, row in rows.items() if study_rows.changes_nothing(config, row)}
    run = {n: row for n, row in rows.items() if n not in idle and _scored(results, row)}
    _check_clips(results, [unchanged, *run.values()])
    names = dict.fromkeys(map(_question, run))
    questions = [_effects(results, name, run, unchanged) for name in names]
    scores = {key: results.values(key[1], unchanged, key[0]) for key in _keys(results)}
    several = len(results.seeds(unchanged)) > 1
    return ReadingsStudy(
        metrics,
        seeds=len(results.seeds(unchanged)),
        scores={key: fmean(values) for key, values in scores.items()},
        spread={key: max(v) - min(v) for key, v in scores.items()} if several else {},
        questions=tuple(sorted(questions, key=lambda one: one.weight, reverse=True)),
        idle=tuple(name for name in rows if name in idle),
        missing=tuple(name for name in rows if name not in idle and name not in run),
        unfit=tuple(name for name in wanted if name not in rows),
    )


def overall(changes: Changes) -> str:
    """better, worse, undecided, or mixed, over all metrics on evaluation."""
    words = {change.decision for change in on_evaluation(changes).values()} - {"undecided"}
    if not words:
        return "undecided"
    return "mixed" if len(words) > 1 else words.pop()


def on_evaluation(changes: Changes) -> dict[str, ScoreChange]:
    """The changes on evaluation by metric."""
    return {metric: change for (metric, split), change in changes.items() if split == EVALUATION}


def _keys(results: Results) -> list[Key]:
    return [(metric, split) for metric in results.paper.metrics for split in SCORED_ROLES]


def _question(reading: str) -> str:
    return reading.partition(".")[0]


def _effects(
    results: Results, name: str, run: Mapping[str, Row], unchanged: Row
) -> QuestionEffects:
    """The readings of the question `name`."""
    readings = results.config.paper_readings
    question, off = readings.questions[name], run.get(f"{name}.{OFF}")
    effects = [
        ReadingEffect(
            reading,
            readings.option(reading),
            shared=results.paired(row, unchanged),
            seeds=len(results.seeds(row)),
            scores={(m, s): fmean(results.values(s, row, m)) for m, s in _keys(results)},
            changes=_changes(results, row, unchanged),
            beside_off=_changes(results, row, off) if off and off != row else {},
        )
        for reading, row in run.items()
        if _question(reading) == name
    ]
    effects.sort(key=lambda effect: effect.weight, reverse=True)
    beside_off = _changes(results, unchanged, off) if off else {}
    here = study_rows.option_here(results.config, question)
    title = question.options[here].title if here else "as set in this config"
    return QuestionEffects(name, question, title, tuple(effects), beside_off)


def _changes(results: Results, first: Row, second: Row) -> dict[Key, ScoreChange]:
    made = {}
    for metric, split in _keys(results):
        found = results.difference(split, first, second, metric)
        if found is None:
            problem = f"no {metric} score of {first.folder} on {split}"
            raise ResultsError(problem, place=results.folder, cure="run resed score again")
        decision = decide(found, results.paired(first, second))
        reference = fmean(results.values(split, second, metric))
        full_scale = results.paper.metrics[metric].full_scale
        made[metric, split] = ScoreChange(found, decision, reference, full_scale)
    return made


def _scored(results: Results, row: Row) -> bool:
    return all(results.scored(split, row) for split in SCORED_ROLES)


def _check_clips(results: Results, rows: Iterable[Row]) -> None:
    """Raise ResultsError if two scores come from different clips or from different audits."""
    first: dict[str, tuple[object, str]] = {}
    for row in rows:
        for split in SCORED_ROLES:
            for seed in results.seeds(row):
                metrics = results.metrics(split, row, seed)
                clips = metrics["clips"], metrics.get("manifest_sha256")
                known, path = first.setdefault(split, (clips, metrics["path"]))
                if clips != known:
                    raise ResultsError(
                        f"clips or manifest differ from those of {path}",
                        place=metrics["path"],
                        cure="score both again on the same audit",
                    )
