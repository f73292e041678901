"""Sentences about the study of readings, for its table, its figure and the page."""

from resed.config.dataset import EVALUATION
from resed.results.folder import Results
from resed.results.readings_study import (
    QuestionEffects,
    ReadingsStudy,
    on_evaluation,
    overall,
)
from resed.stats.multiple_testing import ALPHA, ScoreChange


def points(change: ScoreChange, decimals: int = 1) -> str:
    """A change: '−1.2 (−3.0 to 0.6)', or '+19.6 (too few seeds)'."""
    low, high = change.ends
    within = f"{low:.{decimals}f} to {high:.{decimals}f}"
    if change.empty:
        within = f"too few {'seeds' if change.found.seeds > 1 else 'clips'}"
    return minus(f"{change.found.mean:+.{decimals}f} ({within})")


def minus(text: str) -> str:
    """Numbers with a typographic minus sign."""
    return text.replace("-", "−")


def headline(study: ReadingsStudy, results: Results) -> str:
    """The numbers of tested, decided and significant changes, and the largest significant one."""
    title = results.config.catalogue[results.config.sensitivity.system].title
    if not study.questions:
        return f"Not run: no reading of {title} was scored; `snakemake sensitivity` runs the study."
    tested = study.tested
    if not tested:
        return f"No change of {title} was tested: a reading with its own training needs two seeds."
    decided = sum(change.decision != "undecided" for change in tested.values())
    chance = ALPHA * len(tested)
    text = (
        f"Changes of {title} that were tested: {len(tested)} "
        f"({len({reading for reading, _ in tested})} readings, {len(study.metrics)} metrics); "
        f"decided by their own 95 % intervals: {decided}, where about "
        f"{chance:.{int(chance < 1)}f} are expected by chance; significant after Holm's "
        "correction: "
    )
    standing = study.standing
    if not standing:
        return f"{text}none."
    (reading, metric), change = next(iter(standing.items()))
    return f"{text}{len(standing)}. The largest: {_moves(study, reading, metric, change, results)}."


def _moves(
    study: ReadingsStudy, reading: str, metric: str, change: ScoreChange, results: Results
) -> str:
    question, effect = next(
        (question.question, effect)
        for question in study.questions
        for effect in question.effects
        if effect.name == reading
    )
    entry = results.paper.metrics[metric]
    moved = f"{entry.title} {points(change, entry.decimals)}"
    return f"{question.title}, read as “{effect.option.title}”: {moved} points"


def sentences(study: ReadingsStudy, results: Results) -> list[str]:
    """Further sentences: seeds, undecided readings, and readings that were not run."""
    metrics = results.paper.metrics
    names = [f"{reading} ({metrics[metric].title})" for reading, metric in study.standing]
    text = [f"Significant after Holm's correction: {', '.join(names)}."] if names else []
    text += [_seeds(study, results)] if study.questions else []
    text += [_beside_off(question) for question in study.questions if question.beside_off]
    if study.idle:
        text.append(f"No change in this config: {', '.join(study.idle)}.")
    if study.unfit:
        text.append(f"Incompatible with the settings of this config: {', '.join(study.unfit)}.")
    if study.missing:
        text.append(f"Not run: {', '.join(study.missing)}.")
    return text


def _seeds(study: ReadingsStudy, results: Results) -> str:
    effects = study.effects
    trained = [effect for effect in effects if not effect.shared]
    undecided = sum(not effect.decided for effect in effects)
    text = f"Readings: {len(effects)}, of which {undecided} undecided on every metric. "
    if trained:
        counts = sorted({effect.seeds for effect in trained})
        each = " or ".join(map(str, counts))
        text += f"With their own training: {len(trained)}, seeds each: {each}"
        text += "; with one seed, none of them can be decided. " if 1 in counts else ". "
    if not study.spread:
        return text + "The unchanged system has one seed, so the spread of its seeds is unknown."
    spread = {metric: study.spread[metric, EVALUATION] for metric in study.metrics}
    metrics = results.paper.metrics
    listed = ", ".join(f"{value:.{metrics[m].decimals}f}" for m, value in spread.items())
    further = sum(
        any(abs(c.found.mean) > spread[m] for m, c in on_evaluation(effect.changes).items())
        for effect in trained
    )
    shorts = ", ".join(metrics[metric].short for metric in spread)
    return (
        f"{text}The {study.seeds} seeds of the unchanged system are up to {listed} points apart "
        f"({shorts}); {further} of the readings with their own training change a metric by more."
    )


def _beside_off(question: QuestionEffects) -> str:
    judged = {f"unchanged ({question.unchanged})": overall(question.beside_off)}
    judged |= {e.name: overall(e.beside_off) for e in question.effects if e.beside_off}
    parts = []
    for word in ("better", "worse", "mixed", "undecided"):
        members = [name for name, found in judged.items() if found == word]
        parts += [f"{word}: {', '.join(members)}"] * bool(members)
    against = f"{question.question.title} against {question.name}.off"
    return f"{against}, by uncorrected intervals: {'; '.join(parts)}."
