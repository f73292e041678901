"""Read the scores of one table, which must all come from the same clips and the same audit."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from resed.config.rows import Row
from resed.errors import ResultsError
from resed.formats.tables import Column
from resed.paper.numbers import Metric
from resed.results.folder import Results
from resed.stats.intervals import Interval, decide


@dataclass
class ScoreReader:
    """Read scores for one table and compare their clips and manifests.

    Attributes:
        results: the results that contain the scores.
        clips: number of scored clips per split.
    """

    results: Results
    clips: dict[str, int] = field(default_factory=dict)
    _first: dict[str, tuple[Any, str]] = field(default_factory=dict)

    def fields(
        self, row: Row, split: str, metric: Metric, label: str | None = None
    ) -> dict[str, Any]:
        """Columns of the frame for one score, overall or of one class; empty if not scored."""
        self.read(row, split)
        found = self.results.interval(split, row, metric, label)
        return estimate(found) if found else {}

    def predicted(
        self, row: Row, split: str, metric: Metric, label: str | None = None
    ) -> dict[str, Any]:
        """As `fields`, with the interval for one further training; without it for one seed."""
        fields = self.fields(row, split, metric, label)
        found = self.results.interval(split, row, metric, label) if fields else None
        ends = found and found.prediction()
        if not ends:
            return fields
        low, high = max(0.0, ends[0]), min(metric.full_scale, ends[1])
        return fields | {"predicted_low": low, "predicted_high": high}

    def difference(
        self, first: Row, second: Row, split: str, metric: Metric, label: str | None = None
    ) -> dict[str, Any]:
        """Columns of the frame for first minus second; empty if one of them was not scored."""
        for row in (first, second):
            self.read(row, split)
        found = self.results.difference(split, first, second, metric, label)
        if not found:
            return {}
        paired = self.results.paired(first, second)
        decision = decide(found, paired)
        return estimate(found) | {"decision": decision, "reason": undecided(found, paired)}

    def read(self, row: Row, split: str) -> list[dict[str, Any]]:
        """metrics.json of each seed, compared with those that were read before.

        Raises ResultsError if the number of clips or the hash of the manifest differs, or is not
        that of the audit.
        """
        seeds: Sequence[int] = self.results.seeds(row)
        found = [self.results.metrics(split, row, seed) for seed in seeds]
        for metrics in found:
            manifest, path = metrics.get("manifest_sha256"), metrics["path"]
            self._compare_with_audit(manifest)
            self._compare("manifest", manifest, path)
            self._compare(split, metrics["clips"], path)
            self.clips[split] = metrics["clips"]
        return found

    def _compare_with_audit(self, scored: str | None) -> None:
        """Compare the manifest of the first scores; `_compare` compares the others with it."""
        audited = self.results.manifest
        if self._first or not (scored and audited) or scored == audited:
            return
        raise ResultsError(
            f"has manifest {_short(audited)}; the scores were made with {_short(scored)}",
            place=self.results.folder / "audit" / "audit.json",
            cure="run resed score again",
        )

    def _compare(self, key: str, value: Any, path: str) -> None:
        before, where = self._first.setdefault(key, (value, path))
        if value != before:
            what = "manifest hash" if key == "manifest" else f"number of clips on {key}"
            raise ResultsError(
                f"{what} {_short(value)} differs from {_short(before)} in {where}",
                place=path,
                cure="score both again on the same audit",
            )


PREDICTED = ("predicted_low", "predicted_high")  # columns for one further training
# Columns of the frame for an interval; empty in a row without a score.
ESTIMATE = ("value", "low", "high", "deviation", "seeds", "clips", "covers")


def estimate_column(title: str, metric: Metric, where: dict[str, str], **more: Any) -> Column:
    """The displayed column of one of our scores with its interval."""
    look = {"kind": "estimate", "role": "number", "digits": metric.decimals, **more}
    return Column(title=title, where=where, **look)


def paper_column(metric: Metric, where: dict[str, str], **more: Any) -> Column:
    """The displayed column of the paper's number."""
    look = {"kind": "number", "role": "published", "digits": metric.decimals, **more}
    return Column(title="paper", field="published", where=where, **look)


def undecided(found: Interval, paired: bool) -> str:
    """Why a difference is undecided, in a few words; "" if it is decided."""
    if decide(found, paired) != "undecided":
        return ""
    if found.seeds < 2 and not paired:
        return "1 seed"
    return "interval contains 0" if found.known else "no interval"


def estimate(found: Interval) -> dict[str, Any]:
    """An interval as columns of the frame."""
    return {
        "value": found.mean,
        "low": found.low,
        "high": found.high,
        "deviation": found.deviation,
        "seeds": found.seeds,
        "clips": found.clips,
        "covers": found.covers,
    }


def _short(value: Any) -> str:
    return value[:12] if isinstance(value, str) else str(value)
