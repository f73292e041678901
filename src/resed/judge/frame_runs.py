"""Rule for claims that frame posteriors are noisy: the share of short runs of active frames."""

from collections.abc import Iterator

import numpy as np

from resed.config.dataset import EVALUATION
from resed.decode.events import regions
from resed.decode.filters import majority
from resed.formats.posteriors import Posteriors
from resed.judge.comparisons import between
from resed.judge.outcome import Measured, Outcome, State
from resed.judge.runs import Runs
from resed.paper.generation_tests import FrameRuns
from resed.stats.intervals import LEVEL, score_difference

RULES = {
    "runs": "holds if more than {bound:.0%} of the active runs of frame posteriors are shorter "
    "than {seconds:g} s, fails if the interval over seeds lies below that",
}


def short_runs(test: FrameRuns, runs: Runs, level: float = LEVEL) -> Iterator[Outcome]:
    """One outcome: the share of short runs; `others` has it after the median filter.

    With one seed the outcome is undecided; without a run, or without posteriors, it is absent.
    """
    shares = []
    if runs.row(test.system) is not None:
        threshold = runs.results.config.system(test.system).decode.frame_threshold
        for seed in runs.results.seeds(test.system):
            path = runs.results.posteriors(EVALUATION, test.system, seed)
            if path.is_file():
                shares.append(_shares(Posteriors.load(path), threshold, test))
    about = {"first": test.system, "split": EVALUATION}
    found = [pair for pair in shares if pair is not None]
    if not found or len(found) < len(runs.results.seeds(test.system)):
        yield Outcome(State.ABSENT, "short_runs", **about)
        return
    numbers = [_measured(runs, [pair[side] for pair in found], level) for side in (0, 1)]
    state = between(numbers[0], test.bound, np.inf)
    others = {"filtered": numbers[1]}
    yield Outcome(state, "short_runs", **about, number=numbers[0], others=others)


def _shares(found: Posteriors, threshold: float, test: FrameRuns) -> tuple[float, float] | None:
    """Shares of runs that are shorter, as they are and filtered (1 without any run there)."""
    active = np.asarray(found.frames) >= threshold
    rows = active.transpose(0, 2, 1).reshape(-1, active.shape[1])
    shape = (active.shape[0], active.shape[2], active.shape[1])
    filtered = majority(rows, test.median).reshape(shape).transpose(0, 2, 1)
    shares = []
    for frames in (active, filtered):
        *_, start, end = regions(frames)
        if not len(start):
            if frames is active:
                return None
            shares.append(0.0)
            continue
        shares.append(float(np.mean((end - start) * found.seconds_per_frame < test.seconds)))
    return shares[0], shares[1]


def _measured(runs: Runs, shares: list[float], level: float) -> Measured:
    found = score_difference(shares, [0.0] * len(shares), True, 0)
    runs.seeds.add(found.seeds)
    low, high = found.at(level) if found.known else (found.low, found.high)
    return Measured(found.mean, low, high, found.seeds > 1, found=found, level=level)
