"""One of many changes of F1: what of its interval is possible, and whether chance explains it.

Of many 95 % intervals of nothing one in twenty leaves out 0. Holm's step-down procedure (Scand. J.
Statist. 6, 1979, p. 65-70) keeps the chance of even one such mistake among all tests at the level,
however the tests depend on each other, as those on one set of clips do.

It asks for far tails: among 57 tests a p of 0.0009. `resed.stats.intervals` estimates its
degrees of
freedom, and finds many where two seeds happen to agree; at 95 % that evens out, out there it does
not: tests/test_change.py shows 0.0009 come more than ten times too often. So p rests on the least
degrees of freedom that an interval can have. That is careful: two seeds will hardly ever do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit

from resed.stats.intervals import LEVEL, Decision, Interval

ALPHA = 1 - LEVEL
NO_WIDTH = 1e-9  # points; what rounding leaves of an interval without any


@dataclass(frozen=True)
class Change:
    """Points of F1 that something adds, and whether its own interval decides that.

    `reference`: F1 in percent, as measured, of what it is added to.
    """

    found: Interval
    decision: Decision
    reference: float

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends of the interval, cut where F1 would leave 0 to 100; never beyond the mean."""
        found, least = self.found, 0.0 - self.reference
        high = min(found.high, 100 + least)
        return min(found.mean, max(found.low, least)), max(found.mean, high)

    @property
    def empty(self) -> bool:
        """Whether the interval holds all that is possible, and says nothing."""
        return self.found.low <= -self.reference and self.found.high >= 100 - self.reference


def p_value(found: Interval) -> float:
    """Two-sided p-value of a difference being 0, by Student's t, from its interval.

    Below 0.05 exactly where the interval leaves out 0. The degrees of freedom are seeds - 1 (of
    the side with fewer), or clips - 1 where one seed says nothing of others. An interval without
    width has nothing to measure by: 1.
    """
    half = found.high - found.mean
    if half < NO_WIDTH:
        return 1.0
    freedom = max(1, (found.seeds if found.seeds > 1 else found.clips) - 1)
    distance = abs(found.mean) / half * stdtrit(freedom, (1 + LEVEL) / 2)
    return 2 * float(stdtr(freedom, -distance))


def holm(values: Sequence[float]) -> list[float]:
    """Holm's p-values in the order of `values`: what is below alpha stands among all.

    The smallest of m times m, the next times m - 1, and so on; none below the one before it.
    """
    corrected, least = [0.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        least = max(least, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = least
    return corrected
