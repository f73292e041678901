"""Whether one system varies less between seeds than another: the ratio of two variances."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import variance

from scipy.special import fdtri

from resed.stats.intervals import LEVEL


@dataclass(frozen=True)
class VarianceRatio:
    """The ratio of the variances of two groups of seeds, with the interval of the F test.

    Assumes normal scores (Snedecor and Cochran, Statistical Methods, 8th ed., section 6.12). With
    three seeds per system, the 95 % interval reaches from 1/39 of the ratio to 39 times the ratio.

    Attributes:
        value: the first variance divided by the second.
        freedoms: their degrees of freedom, seeds - 1.
        seeds: number of seeds of the side with fewer.
    """

    value: float
    freedoms: tuple[int, int]
    seeds: int

    def at(self, level: float = LEVEL) -> tuple[float, float]:
        """Ends of the interval at a level."""
        first, second = self.freedoms
        upper = (1 + level) / 2
        low = self.value / float(fdtri(first, second, upper))
        return low, self.value * float(fdtri(second, first, upper))

    def prediction(self, level: float = LEVEL) -> None:
        """None: a single training has no variance."""


def variance_ratio(first: Sequence[float], second: Sequence[float]) -> VarianceRatio | None:
    """The ratio of two variances between seeds; None with one seed or a variance of 0."""
    if min(len(first), len(second)) < 2 or not variance(second) or not variance(first):
        return None
    freedoms = len(first) - 1, len(second) - 1
    return VarianceRatio(variance(first) / variance(second), freedoms, min(len(first), len(second)))
