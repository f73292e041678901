"""Read what earlier stages left under results/{dataset}: scores, histories, windows, tags.

Every reader raises ResultsError or MissingFileError in one line that names the file and the stage
that makes it.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from resed.config import study
from resed.config.rows import Row
from resed.config.run import Config
from resed.errors import ResultsError
from resed.formats.counts import Counts, read_counts
from resed.formats.history import read_history
from resed.formats.metrics import BLOCKS, read_metrics
from resed.formats.thresholds import read_threshold
from resed.formats.windows import Window, read_windows
from resed.paper.legacy_numbers import Paper, load_paper
from resed.results.layout import Layout
from resed.runtime.files import read_json
from resed.settings import CalibrateSettings, FeatureSettings, SystemSettings
from resed.stats.intervals import Decision, Interval, decide, difference, interval

ONE_STAGE = 6  # the row of the journal's Table 1 that Table 2 repeats as its row of one stage
SPLITS = ("development", "evaluation")
LAID_OVER = {"override", "system_overrides", "features", "feature_overrides", "calibrate"}
A_THIRD = 1e-4  # how near 1/3 an eta is one: configs and commands write 0.3333333 and 0.3333
KNEE_OPTIONS = {"kneedle": ("guard",), "quantile": ("quantile",)}  # other knees know neither


@dataclass(frozen=True)
class Results:
    """The folder results/{dataset}, that of data/{dataset}, and the config behind both."""

    config: Config
    folder: Path
    data: Path

    @classmethod
    def of(cls, config: Config, folder: Path, data: Path | None = None) -> "Results":
        """`data` is the dataset's own folder; by default data/{dataset} beside config/."""
        return cls(config, folder, data or Path(config.root) / "data" / config.dataset_file.name)

    @cached_property
    def paper(self) -> Paper:
        """The paper whose numbers stand beside ours."""
        return load_paper("liang_journal", self.config.root)

    @cached_property
    def changed_settings(self) -> list[str]:
        """What the config lays over the settings of its systems and windows; [] for no change."""
        config = self.config
        bare = Config.model_validate(config.model_dump(exclude=LAID_OVER))
        found = []
        if config.features != bare.features or any(
            _settings(name, config) != _settings(name, bare) for name in config.systems
        ):
            found.append("settings other than the paper's (see the settings of each system)")
        windows = _other_windows(config.calibrate, bare.calibrate)
        if windows:
            found.append(f"windows by settings other than the paper's: {', '.join(windows)}")
        return found

    @property
    def dataset(self) -> str:
        """The dataset's title, with its name where the title does not hold it."""
        name, title = self.config.dataset_file.name, self.config.dataset_file.title
        return title if name in title else f"{title} ({name})"

    @cached_property
    def audit(self) -> dict[str, Any]:
        """What audit.json holds; nothing where there was no audit."""
        path = self.folder / "audit" / "audit.json"
        return read_json(path) if path.is_file() else {}

    @property
    def manifest(self) -> str | None:
        """Hash of the audit's manifest; None where there was no audit."""
        return self.audit.get("manifest_sha256")

    def system_of_row(self, row: int) -> str:
        """The configured system that stands in row `row` of the journal's Table 1."""
        for name in self.config.systems:
            if self.config.catalogue[name].row == row:
                return name
        known = [n for n, entry in self.config.catalogue.items() if entry.row == row]
        cure = f"add {known[0]} to config.systems" if known else "give a system this row"
        raise ResultsError(f"config.systems: no system of row {row} of Table 1; {cure}")

    def system_of_stage(self, tau: int, gamma: float | None, form: str = "printed") -> str | None:
        """The configured system of a row of Table 2; None where there is none.

        `gamma` None is the row without the focal loss, which is a row of Table 1; with gamma 1
        both forms of the loss are the same.
        """
        for name in self.config.systems:
            entry = self.config.catalogue[name]
            if gamma is None and entry.row == ONE_STAGE:
                return name
            stage = entry.stage
            same = stage is not None and (stage.tau, stage.gamma) == (tau, gamma)
            if same and (stage.form == form or gamma == 1):
                return name
        return None

    def has_rows(self, rows: Collection[int]) -> bool:
        """Whether a configured system stands in each of these rows."""
        return set(rows) <= {self.config.catalogue[name].row for name in self.config.systems}

    def annotations(self, split: str) -> Path:
        """Annotation file of a split."""
        return self.data / self.config.dataset_file.splits[split].annotations

    @property
    def layout(self) -> Layout:
        """Where the files of each stage are."""
        return Layout(self.folder)

    def tags(self, split: str, row: Row | str, seed: int = 0) -> Path:
        """Decoded tags of a row."""
        return self.layout.decoded(split, row, seed) / "tags.tsv"

    def events(self, split: str, row: Row | str, seed: int = 0) -> Path:
        """Decoded events of a row."""
        return self.layout.decoded(split, row, seed) / "events.tsv"

    def posteriors(self, split: str, row: Row | str, seed: int = 0) -> Path:
        """Posteriors of the checkpoint that a row uses."""
        return self.layout.posteriors(split, self.config.trained_as(row), seed)

    def windows(self, method: str) -> dict[str, Window]:
        """Windows by `average` or `esp`: label -> row."""
        return read_windows(self.layout.windows(method))

    def threshold(self, system: str, seed: int = 0) -> float:
        """Frame threshold chosen on development."""
        return read_threshold(self.layout.threshold(system, seed))

    def history(self, system: str, seed: int = 0) -> dict[str, list[float]]:
        """A training history: column -> one value per epoch, NaN where a cell is empty."""
        folder = self.layout.trained(self.config.trained_as(system), seed)
        return read_history(folder / "history.csv")

    def metrics(self, split: str, row: Row | str, seed: int = 0) -> dict[str, Any]:
        """metrics.json of one row and seed, validated, with its path under the key `path`."""
        path = self.layout.scored(split, row, seed) / "metrics.json"
        values = read_metrics(path, f"run resed score for {Row.of(row).folder} on {split}")
        return {**values, "path": str(path)}

    def seeds(self, row: Row | str) -> list[int]:
        """Seeds that a row of any kind is scored with."""
        row = Row.of(row)
        if row.baseline:
            return [0]
        if row.reading:
            if row not in self._seeds:
                self._seeds[row] = study.seeds(self.config, row)
            return self._seeds[row]
        return self.config.seed_list(row.system)

    def scored(self, split: str, row: Row | str) -> bool:
        """Whether every seed of a row was scored."""
        folders = (self.layout.scored(split, row, seed) for seed in self.seeds(row))
        return all((folder / "metrics.json").is_file() for folder in folders)

    def counts(
        self, split: str, row: Row | str, seed: int, block: str, label: str | None = None
    ) -> Counts | None:
        """True and false positives and misses a clip, of all classes or of one.

        None where the block was not scored. Raises MissingFileError, and ResultsError where
        counts.tsv and metrics.json are not of one scoring.
        """
        place = split, Row.of(row), seed
        if place not in self._read:
            self._read[place] = _counts(self.metrics(*place))
        found = self._read[place].get(block)
        return found if found is None or label is None else found.only(label)

    @cached_property
    def _read(self) -> dict[tuple[str, Row, int], dict[str, Counts]]:
        return {}  # so that a table of hundreds of cells reads each file once

    def interval(
        self, split: str, row: Row | str, block: str, label: str | None = None
    ) -> Interval | None:
        """F1 in percent over seeds with its interval; None where it was not scored."""
        tables = self._tables(split, row, block, label)
        return interval(tables, label) if tables else None

    def difference(
        self, split: str, first: Row | str, second: Row | str, block: str, label: str | None = None
    ) -> Interval | None:
        """First minus second in points of F1; None where one of them was not scored."""
        one, two = (self._tables(split, row, block, label) for row in (first, second))
        if not (one and two):
            return None
        return difference(one, two, self.paired(first, second), label)

    def paired(self, first: Row | str, second: Row | str) -> bool:
        """Whether two rows rest on the same checkpoints."""
        return self._trained_as(first) == self._trained_as(second)

    def decision(
        self, split: str, first: Row | str, second: Row | str, block: str, label: str | None = None
    ) -> Decision | None:
        """Whether `first` is better or worse than `second`; None where one was not scored."""
        found = self.difference(split, first, second, block, label)
        return decide(found, self.paired(first, second)) if found else None

    def _tables(
        self, split: str, row: Row | str, block: str, label: str | None
    ) -> list[Counts] | None:
        """Counts a seed; None where the block was not scored, or no seed knows the class."""
        found = [self.counts(split, row, seed, block) for seed in self.seeds(row)]
        tables = [table for table in found if table is not None]
        known = label is None or any(label in table.classes for table in tables)
        return tables if len(tables) == len(found) and known else None

    def _trained_as(self, row: Row | str) -> str:
        row = Row.of(row)
        return row.folder if row.baseline else self.config.trained_as(row)

    @cached_property
    def _seeds(self) -> dict[Row, list[int]]:
        return {}  # a study asks thousands of times


def departures(results: Results) -> list[str]:
    """Why the numbers are not comparable with the paper's; empty where they are."""
    config, paper = results.config, results.paper
    found = []
    if config.dataset_file.name != paper.dataset:
        found.append(f"not the paper's data: {config.dataset_file.title}")
    if config.acquire.scale < 1 and config.dataset_file.kind == "soundscapes":
        found.append(f"{100 * config.acquire.scale:g} % of the full number of clips")
    return found + results.changed_settings


def _settings(name: str, config: Config) -> tuple[SystemSettings, FeatureSettings]:
    return config.system(name), config.feature_sets[config.features_of(name)]


def _other_windows(own: CalibrateSettings, papers: CalibrateSettings) -> list[str]:
    """Keys and values of `calibrate` that make other windows than the paper's."""
    same = math.isclose(own.eta, papers.eta, abs_tol=A_THIRD)
    found = [] if same else [f"eta {own.eta:g}"]
    for key in ("knee", *KNEE_OPTIONS.get(own.knee, ())):
        if getattr(own, key) != getattr(papers, key):
            found.append(f"{key} {getattr(own, key)}")
    return found


def short_hash(value: str | None) -> str:
    """First twelve hex digits of a hash."""
    return value[:12] if value else "none (no audit)"


def readable(label: str) -> str:
    """A class label for people: Alarm_bell_ringing -> Alarm bell ringing."""
    text = label.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def _counts(metrics: dict[str, Any]) -> dict[str, Counts]:
    """The counts beside a metrics.json, by block; both must be of one scoring."""
    path = Path(metrics["path"]).with_name("counts.tsv")
    read = read_counts(path, metrics["clips"])
    nothing = Counts((), (), np.zeros((0, 0, 3), np.int64), metrics["clips"])
    found = {}
    for block in BLOCKS:
        if block in metrics:
            found[block] = read.get(block, nothing)
            if abs(found[block].f1() - metrics[block]["macro_f1"]) > 1e-9:
                raise ResultsError(
                    f"{path}: its {block} counts are not those of metrics.json beside it; "
                    "run resed score again"
                )
    return found
