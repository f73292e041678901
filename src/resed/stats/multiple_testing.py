"""Changes of a score: the possible part of their interval, and correction for multiple testing.

If no change had an effect, one in twenty 95 % intervals would still exclude 0. Holm's step-down
procedure (Scand. J. Statist. 6, 1979, p. 65-70) limits the probability of at least one such error
among all tests to the level alpha, for any dependence between the tests. Tests on the same clips
are dependent.

The procedure needs the far tail of the distribution: with 57 tests, a p-value of 0.0009.
`resed.stats.intervals` estimates the degrees of freedom and overestimates them if two seeds happen
to agree. At 95 % the errors cancel; in the far tail they do not: tests/test_change.py shows that
p-values of 0.0009 would occur more than ten times too often. The p-value therefore uses the
smallest degrees of freedom that an interval can have. This is conservative: with two seeds, hardly
any change is significant.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit

from resed.stats.intervals import LEVEL, Decision, Interval

ALPHA = 1 - LEVEL
NO_WIDTH = 1e-9  # points; rounding error of an interval of width 0


@dataclass(frozen=True)
class ScoreChange:
    """The change of a score, and the decision from its own interval.

    Attributes:
        found: the change with its interval.
        decision: better, worse or undecided.
        reference: the score before the change.
        full_scale: the highest possible score, 100 for percent.
    """

    found: Interval
    decision: Decision
    reference: float
    full_scale: float = 100.0

    @property
    def ends(self) -> tuple[float, float]:
        """Ends of the interval, clipped to the scale of the score, but not beyond the mean."""
        found, least = self.found, 0.0 - self.reference
        high = min(found.high, self.full_scale + least)
        return min(found.mean, max(found.low, least)), max(found.mean, high)

    @property
    def empty(self) -> bool:
        """Whether the interval contains every possible change and is therefore uninformative."""
        room = self.full_scale - self.reference
        return self.found.low <= -self.reference and self.found.high >= room


def p_value(found: Interval) -> float:
    """Two-sided p-value of a difference being 0, by Student's t, from its interval.

    Below 0.05 exactly if the interval excludes 0. The degrees of freedom are seeds - 1 (of the
    side with fewer), or clips - 1 with one seed. 1 for an interval of width 0 and for a number
    without an interval.
    """
    half = found.high - found.mean
    if not found.known or half < NO_WIDTH:
        return 1.0
    freedom = max(1, (found.seeds if found.seeds > 1 else found.clips) - 1)
    distance = abs(found.mean) / half * stdtrit(freedom, (1 + LEVEL) / 2)
    return 2 * float(stdtr(freedom, -distance))


def holm(values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values in the order of `values`; a test is significant below alpha.

    The smallest of m p-values is multiplied by m, the next one by m - 1, and so on. An adjusted
    p-value is never smaller than that of a smaller p-value.
    """
    corrected, least = [0.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        least = max(least, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = least
    return corrected
