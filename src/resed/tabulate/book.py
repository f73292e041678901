"""Scores that are to stand in one table: all must rest on the same clips of the same audit."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Any

from resed.errors import ResultsError
from resed.results import Results


@dataclass(frozen=True)
class Score:
    """One F1 over seeds, in percent."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """Sample standard deviation over seeds; None for one seed."""
        return stdev(self.values) if len(self.values) > 1 else None


@dataclass
class ScoreBook:
    """Scores that are to stand in one table: all must rest on the same clips."""

    results: Results
    clips: dict[str, int] = field(default_factory=dict)
    manifest: str | None = None
    _first: dict[str, str] = field(default_factory=dict)

    def read(self, split: str, system: str, seeds: Sequence[int]) -> list[dict[str, Any]]:
        """metrics.json a seed, checked against all read before.

        Raises ResultsError where the number of clips or the manifest's hash differs.
        """
        found = [self.results.metrics(split, system, seed) for seed in seeds]
        for metrics in found:
            self._check("manifest", metrics.get("manifest_sha256"), metrics["path"])
            self._check(split, metrics["clips"], metrics["path"])
            self.clips[split], self.manifest = metrics["clips"], metrics.get("manifest_sha256")
        return found

    def _check(self, key: str, value: Any, path: str) -> None:
        before = self.manifest if key == "manifest" else self.clips.get(key)
        if key in self._first and value != before:
            what = "manifest hash" if key == "manifest" else f"clips on {key}"
            raise ResultsError(
                f"{path}: {what} {_short(value)}, but {_short(before)} in {self._first[key]}; "
                "score both again on the same audit"
            )
        self._first.setdefault(key, path)


def score(found: Sequence[dict[str, Any]], block: str, label: str | None = None) -> Score | None:
    """F1 in percent over seeds: macro-averaged, or of one class; None where it was not scored."""
    values = []
    for metrics in found:
        if block not in metrics:
            return None
        if label is None:
            values.append(100 * metrics[block]["macro_f1"])
        elif label in metrics[block]["classes"]:
            values.append(100 * metrics[block]["classes"][label]["f1"])
    return Score(tuple(values)) if values else None


def _short(value: Any) -> str:
    return value[:12] if isinstance(value, str) else str(value)
