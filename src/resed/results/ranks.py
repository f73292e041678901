"""Means over seeds of mAP and mAUC, and their differences, with intervals as those of F1."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resed.errors import ResultsError
from resed.formats.ranking import Measure, Ranking
from resed.stats.intervals import Interval, difference_of, interval_of

MEASURE_OF: dict[str, Measure] = {"tags_map": "ap", "tags_mauc": "auc"}  # of a metric's score


@dataclass(frozen=True)
class Ranks:
    """One measure of all seeds of a row on one split."""

    each: tuple[Ranking, ...]
    measure: Measure

    def values(self, labels: Sequence[str] = ()) -> list[float]:
        """One fraction per seed, over `labels` (none: all); empty without a value of every seed."""
        found = [one.value(self.measure, labels) for one in self.each]
        return [value for value in found if value is not None] if None not in found else []

    def interval(self, labels: Sequence[str] = ()) -> Interval | None:
        """The mean over seeds in percent with its interval; None without a value."""
        values = self.values(labels)
        if not values:
            return None
        return interval_of(100 * np.array(values), self.resampled(labels), self.each[0].clips)

    def difference(
        self, other: "Ranks", paired: bool, labels: Sequence[str] = ()
    ) -> Interval | None:
        """This minus the other, in points; None if a side has no value.

        Raises ResultsError if the sides were scored on other clips.
        """
        one, two = self.values(labels), other.values(labels)
        if not one or not two:
            return None
        if len({(r.clips_sha256, r.seed) for r in (*self.each, *other.each)}) > 1:
            problem = "two systems to compare have mAP on different clips"
            raise ResultsError(problem, cure="run resed score again for both")
        resampled = np.concatenate([self.resampled(labels), other.resampled(labels)])
        sides = (100 * np.array(one), 100 * np.array(two))
        return difference_of(*sides, resampled, paired, self.each[0].clips)

    def resampled(self, labels: Sequence[str] = ()) -> np.ndarray:
        """The scores in percent on the same resamples of the clips: [seeds, resamples]."""
        return 100 * np.array([one.resamples(self.measure, labels) for one in self.each])
