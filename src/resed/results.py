"""Read what earlier stages left under results/{dataset}: scores, histories, windows, tags.

Every reader raises ResultsError or MissingFileError in one line that names the file and the stage
that makes it.
"""

import csv
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from resed.calibrate import Window, read_windows
from resed.config import Config
from resed.errors import ResultsError
from resed.files import existing, read_json
from resed.papers import Paper, load_paper

THRESHOLD = "@development_threshold"  # suffix of a system's row with the threshold of its own
BLOCKS = ("event", "segment", "tags", "tags_raw", "tags_teacher")
SPLITS = ("development", "evaluation")


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


@dataclass(frozen=True)
class Results:
    """The folder results/{dataset}, that of data/{dataset}, and the config behind both."""

    config: Config
    folder: Path
    data: Path

    @classmethod
    def of(cls, config: Config, folder: Path, data: Path | None = None) -> "Results":
        """`data` is the dataset's own folder; by default data/{dataset} beside config/."""
        return cls(config, folder, data or Path(config.root) / "data" / config.dataset)

    @cached_property
    def paper(self) -> Paper:
        """The paper whose numbers stand beside ours."""
        return load_paper(self.config.paper, self.config.root)

    @property
    def dataset(self) -> str:
        """The dataset's title, with its name where the title does not hold it."""
        name, title = self.config.dataset, self.config.dataset_file.title
        return title if name in title else f"{title} ({name})"

    @cached_property
    def manifest(self) -> str | None:
        """Hash of the audit's manifest; None where there was no audit."""
        path = self.folder / "audit" / "audit.json"
        return read_json(path).get("manifest_sha256") if path.is_file() else None

    def system_of_row(self, row: int) -> str:
        """The configured system that stands in row `row` of the journal's Table 1."""
        for name in self.config.systems:
            if self.config.catalogue[name].row == row:
                return name
        known = [n for n, entry in self.config.catalogue.items() if entry.row == row]
        cure = f"add {known[0]} to config.systems" if known else "give a system this row"
        raise ResultsError(f"config.systems: no system of row {row} of Table 1; {cure}")

    def has_rows(self, rows: Collection[int]) -> bool:
        """Whether a configured system stands in each of these rows."""
        return set(rows) <= {self.config.catalogue[name].row for name in self.config.systems}

    def annotations(self, split: str) -> Path:
        """Annotation file of a split."""
        return self.data / self.config.dataset_file.splits[split].annotations

    def tags(self, split: str, system: str, seed: int = 0) -> Path:
        """Decoded tags of a system."""
        return self.folder / "decode" / split / system / f"seed{seed}" / "tags.tsv"

    def posteriors(self, split: str, system: str, seed: int = 0) -> Path:
        """Posteriors of the checkpoint that `system` uses."""
        trained = self.config.trained_as(system)
        return self.folder / "predict" / split / trained / f"seed{seed}.npz"

    def windows(self, method: str) -> dict[str, Window]:
        """Windows by `average` or `esp`: label -> row."""
        return read_windows(self.folder / "calibrate" / f"windows_{method}.tsv")

    def threshold(self, system: str, seed: int = 0) -> float:
        """Frame threshold chosen on development."""
        path = self.folder / "calibrate" / "thresholds" / system / f"seed{seed}.json"
        try:
            return float(read_json(path)["threshold"])
        except (KeyError, TypeError, ValueError):
            raise ResultsError(f"{path}: no threshold in it; run resed threshold again") from None

    def history(self, system: str, seed: int = 0) -> dict[str, list[float]]:
        """A training history: column -> a value an epoch, NaN where a cell is empty or text."""
        path = (
            self.folder / "train" / self.config.trained_as(system) / f"seed{seed}" / "history.csv"
        )
        with existing(path, "run resed train").open(newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        if not rows:
            raise ResultsError(f"{path}: no epoch in it; run resed train again")
        return {column: [_number(row[column]) for row in rows] for column in rows[0] if column}

    def metrics(self, split: str, system: str, seed: int = 0) -> dict[str, Any]:
        """metrics.json of one system and seed; ResultsError where a key is missing."""
        path = self.folder / "score" / split / system / f"seed{seed}" / "metrics.json"
        values = read_json(existing(path, f"run resed score for {system} on {split}"))
        for key in ("clips", "event", "segment"):
            if key not in values:
                raise ResultsError(f"{path}: lacks {key}; run resed score again")
        return {**values, "path": str(path)}


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


def departures(results: Results) -> list[str]:
    """Why the numbers are not comparable with the paper's; empty where they are."""
    config, paper = results.config, results.paper
    found = []
    if config.dataset != paper.dataset:
        found.append(f"not the paper's data: {config.dataset_file.title}")
    if config.acquire.scale < 1 and config.dataset_file.kind == "soundscapes":
        found.append(f"{100 * config.acquire.scale:g} % of the full number of clips")
    if config.override or config.system_overrides or config.features != type(config.features)():
        found.append("settings other than the paper's (see the settings of each system)")
    return found


def short_hash(value: str | None) -> str:
    """First twelve hex digits of a hash."""
    return value[:12] if value else "none (no audit)"


def readable(label: str) -> str:
    """A class label for people: Alarm_bell_ringing -> Alarm bell ringing."""
    text = label.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def _short(value: Any) -> str:
    return value[:12] if isinstance(value, str) else str(value)


def _number(cell: str | None) -> float:
    try:
        return float(cell) if cell else math.nan
    except ValueError:
        return math.nan
