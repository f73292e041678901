"""Scores that are to stand in one table: all must rest on the same clips of the same audit."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from resed.errors import ResultsError
from resed.results.folder import Results
from resed.stats.intervals import Interval


@dataclass
class ScoreBook:
    """What was read for one table. `clips` is how many were scored, a split."""

    results: Results
    clips: dict[str, int] = field(default_factory=dict)
    manifest: str | None = None
    _first: dict[str, str] = field(default_factory=dict)

    def interval(
        self, split: str, system: str | None, block: str, label: str | None = None
    ) -> Interval | None:
        """F1 in percent with its interval, checked as `read` does.

        None without a system, and where the block was not scored.
        """
        if system is None:
            return None
        self.read(split, system, self.results.seeds(system))
        return self.results.interval(split, system, block, label)

    def read(self, split: str, system: str, seeds: Sequence[int]) -> list[dict[str, Any]]:
        """metrics.json a seed, checked against all read before.

        Raises ResultsError where the number of clips or the manifest's hash differs, or is not that
        of the audit that lies here.
        """
        found = [self.results.metrics(split, system, seed) for seed in seeds]
        for metrics in found:
            self._check_audit(metrics.get("manifest_sha256"))
            self._check("manifest", metrics.get("manifest_sha256"), metrics["path"])
            self._check(split, metrics["clips"], metrics["path"])
            self.clips[split], self.manifest = metrics["clips"], metrics.get("manifest_sha256")
        return found

    def _check_audit(self, scored: str | None) -> None:
        """Scores agree with one another, so the first stand for all."""
        audited = self.results.manifest
        if self._first or not (scored and audited) or scored == audited:
            return
        raise ResultsError(
            f"{self.results.folder / 'audit' / 'audit.json'}: manifest {_short(audited)}, but the "
            f"scores rest on {_short(scored)}; score again after the audit"
        )

    def _check(self, key: str, value: Any, path: str) -> None:
        before = self.manifest if key == "manifest" else self.clips.get(key)
        if key in self._first and value != before:
            what = "manifest hash" if key == "manifest" else f"clips on {key}"
            raise ResultsError(
                f"{path}: {what} {_short(value)}, but {_short(before)} in {self._first[key]}; "
                "score both again on the same audit"
            )
        self._first.setdefault(key, path)


def _short(value: Any) -> str:
    return value[:12] if isinstance(value, str) else str(value)
