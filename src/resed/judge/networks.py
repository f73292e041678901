"""Rules for claims about the networks themselves, their losses, and their confusions."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from scipy.stats import norm, rankdata

from resed.config.run import Config
from resed.judge.confusions import confusions
from resed.judge.outcome import Outcome, State
from resed.judge.sources import Runs
from resed.paper.legacy_claims import Confusion, Parameters, Weights
from resed.paper.legacy_numbers import Paper
from resed.results.folder import Results, readable
from resed.score.confusion import normalise_rows
from resed.settings import FeatureSettings

RULES = {
    "parameters": "holds if the student has fewer, at full size and with the default readings",
    "confusion": "holds if, with two seeds or more, the interval over clips lies between {low:.0%} "
    "and {high:.0%}, not if outside",
    "weights": "holds if the rank correlation of weight and posterior over the classes is below "
    "-0.5 for every seed, not if above 0.5",
}
CORRELATION = 0.5
LEAST_CLASSES = 3  # two are always in one order or the other
POSTERIORS = (0.1, 0.3, 0.5, 0.7, 0.9)


def network_parameters(config: Config, row: int) -> dict[str, int]:
    """Trainable parameters of teacher and student of a row of Table 1, at full size.

    Full size: without the overrides of the config, which shrink networks to what a laptop trains.
    """
    from resed.train.model import TeacherStudent, parameter_count

    bare = config.model_copy(update={"override": {}, "system_overrides": {}})
    name = next(name for name, entry in config.catalogue.items() if entry.row == row)
    features = FeatureSettings()
    classes = len(config.dataset_file.classes)
    model = TeacherStudent(bare.system(name).model, features.n_mels, features.frames, classes)
    networks = {"teacher": model.teacher, "student": model.student}
    return {side: parameter_count(network) for side, network in networks.items()}


def parameters(test: Parameters, results: Results) -> Iterator[Outcome]:
    """One outcome: the sizes that the text fixes, and the defaults for those it does not."""
    found = network_parameters(results.config, test.row)
    smaller = found["student"] < found["teacher"]
    value = ", ".join(f"{side} {thousands(found[side])}" for side in ("student", "teacher"))
    yield Outcome("holds" if smaller else "fails", "trainable parameters", "", value)


def thousands(count: int) -> str:
    """1 550 814."""
    return f"{count:,}".replace(",", " ")


def printed_confusion(test: Confusion, paper: Paper) -> Iterator[Outcome]:
    """A recall r allows an F1 of at most 2 r / (1 + r), which Table 3 must not exceed."""
    ceiling = 200 * test.high / (1 + test.high)
    for label in test.classes:
        f1 = paper.number(f"table3.{label}.esp.tags")
        if f1 is None:
            yield Outcome("absent", "AT-F1", readable(label))
            continue
        state: State = "holds" if f1 <= ceiling else "fails"
        value = f"{f1:.1f} (recall {test.high:.0%} allows {ceiling:.1f} at most)"
        yield Outcome(state, "AT-F1", readable(label), value)


def confusion(test: Confusion, runs: Runs) -> Iterator[Outcome]:
    """One outcome a class: the share on the diagonal, over clips (Wilson) and the mean of seeds.

    A single training settles nothing: another might confuse other classes.
    """
    name = runs.system(test.row)
    if name is None:
        for label in test.classes:
            yield Outcome("absent", "diagonal", readable(label))
        return
    seeds = runs.results.seeds(name)
    found = [confusions(runs.results, name, seed) for seed in seeds]
    runs.seeds.add(len(seeds))
    for label in test.classes:
        row = list(runs.labels).index(label)
        clips = found[0].clips[row]
        if not clips:
            yield Outcome("absent", "diagonal", readable(label))
            continue
        share = float(np.mean([normalise_rows(one.counts)[row, row] for one in found]))
        low, high = _wilson(share, clips)
        state: State = "undecided"
        if len(seeds) > 1 and test.low <= low and high <= test.high:
            state = "holds"
        elif len(seeds) > 1 and (high < test.low or low > test.high):
            state = "fails"
        value = f"{share:.0%} [{low:.0%}, {high:.0%}]"
        yield Outcome(state, "diagonal", readable(label), value)


def _wilson(share: float, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of `count` clips."""
    z = float(norm.ppf(0.975))
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2) / (1 + z**2 / count)
    return float(centre - half), float(centre + half)


def printed_weights(test: Weights, paper: Paper) -> Iterator[Outcome]:
    """Both weights, as printed and as cited, at the paper's exponent."""
    gamma = paper.cell("settings.gamma")
    for item, weight in (("1 - p^γ", printed_weight), ("(1 - p)^γ", standard_weight)):
        values = [weight(p, gamma) for p in POSTERIORS]
        falls = all(one > two for one, two in pairwise(values))
        value = f"{values[0]:.2f} at p = {POSTERIORS[0]} to {values[-1]:.2f} at {POSTERIORS[-1]}"
        yield Outcome("holds" if falls else "fails", f"γ = {gamma:g}", item, value)


def printed_weight(p: float, gamma: float) -> float:
    """The weight of eq. 4 as printed."""
    return 1 - p**gamma


def standard_weight(p: float, gamma: float) -> float:
    """The weight of the focal loss that eq. 4 cites (Lin et al. 2017)."""
    return (1 - p) ** gamma


def weights(test: Weights, runs: Runs) -> Iterator[Outcome]:
    """One outcome a seed: ranks of posterior and weight over the classes, at the last epoch."""
    name = runs.system(test.row)
    if name is None:
        yield Outcome("absent", "rank correlation", "")
        return
    for seed in runs.results.seeds(name):
        found = _last(runs, name, seed)
        if found is None:
            yield Outcome("absent", "rank correlation", f"seed {seed}")
            continue
        if len(runs.labels) < LEAST_CLASSES:
            value = f"{LEAST_CLASSES} classes are needed to rank them"
            yield Outcome("undecided", "rank correlation", f"seed {seed}", value)
            continue
        ranks = [rankdata(values) for values in found]
        correlation = float(np.corrcoef(ranks)[0, 1])
        state: State = "undecided"
        if abs(correlation) > CORRELATION:
            state = "holds" if correlation < 0 else "fails"
        yield Outcome(state, "rank correlation", f"seed {seed}", f"{correlation:+.2f}")


def _last(runs: Runs, name: str, seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean posterior and weight of each class at the last epoch that has them."""
    history = runs.results.history(name, seed)
    columns = [
        np.array([history.get(f"{kind}.{label}", []) for label in runs.labels])
        for kind in ("posterior", "weight")
    ]
    if any(column.ndim < 2 or not column.size for column in columns):
        return None
    there = np.flatnonzero(np.isfinite(np.concatenate(columns)).all(axis=0))
    return (columns[0][:, there[-1]], columns[1][:, there[-1]]) if there.size else None
