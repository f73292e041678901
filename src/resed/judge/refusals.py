"""Refusals of a claim, corrected for the number of its comparisons.

A claim does not hold if one of its comparisons fails. Without a correction, one of many comparisons
fails by chance far more often than one in twenty: in simulations of a claim with 54 comparisons
between systems that are all equal, in 40 to 55 % of the papers. A comparison therefore fails only
if its own 95 % interval and Holm's step-down procedure (Scand. J. Statist. 6, 1979, p. 65-70) both
say so. The procedure includes all comparisons of the claim that can be decided. With m comparisons
left, its interval has the level 1 - 0.05 / m (`resed.stats.intervals.Interval.at`). A comparison
that does not fail after the correction is undecided. That a claim holds needs no correction: it
requires every comparison to hold.

tests/simulated_papers.py simulates how often claims are refused.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from resed.judge.outcome import Outcome, State
from resed.stats.intervals import LEVEL
from resed.stats.multiple_testing import ALPHA

Rule = Callable[[float], Iterable[Outcome]]  # the outcomes, with intervals of this level


def corrected(rule: Rule) -> list[Outcome]:
    """The outcomes at 95 %, in which only the failures that Holm's procedure keeps are failures."""
    outcomes = list(rule(LEVEL))
    failing = {i for i, outcome in enumerate(outcomes) if outcome.state == State.FAILS}
    left, kept = _tests(outcomes), set[int]()
    while failing - kept:
        stricter = list(rule(1 - ALPHA / max(1, left - len(kept))))
        found = {i for i in failing - kept if stricter[i].state == State.FAILS}
        if not found:
            break
        kept |= found
    return [
        replace(outcome, state=State.UNDECIDED) if i in failing - kept else outcome
        for i, outcome in enumerate(outcomes)
    ]


def _tests(outcomes: Sequence[Outcome]) -> int:
    """Number of tests that can be decided."""
    return sum(
        outcome.tests
        for outcome in outcomes
        if outcome.state != State.ABSENT and (outcome.number is None or outcome.number.settled)
    )
