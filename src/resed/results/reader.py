"""Read the files of earlier stages below results/{dataset}: scores, histories, windows, tags.

Every reader raises ResultsError or MissingFileError with the file and the command that makes it.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from resed.config import study_rows
from resed.config.rows import Row
from resed.config.run import Config
from resed.errors import ResultsError
from resed.formats.audit_summary import read_audit_summary
from resed.formats.counts import Counts, read_counts
from resed.formats.history import read_history
from resed.formats.metrics import BLOCKS, read_metrics
from resed.formats.ranking import Ranking
from resed.formats.thresholds import Thresholds, read_thresholds
from resed.formats.windows import Window, read_windows
from resed.results.layout import Layout
from resed.results.staleness import StaleRows
from resed.runtime.staleness import Made


@dataclass(frozen=True)
class ResultsReader:
    """The files of one run.

    Attributes:
        config: the config that made them.
        folder: results/{dataset}.
        data: data/{dataset}.
    """

    config: Config
    folder: Path
    data: Path

    @property
    def dataset(self) -> str:
        """The title of the dataset, followed by its name unless the title contains it."""
        name, title = self.config.dataset_file.name, self.config.dataset_file.title
        return title if name in title else f"{title} ({name})"

    @property
    def layout(self) -> Layout:
        """Paths of the files of each stage."""
        return Layout(self.folder)

    @cached_property
    def audit(self) -> dict[str, Any]:
        """The content of audit.json; empty without an audit."""
        path = self.folder / "audit" / "audit.json"
        return read_audit_summary(path) if path.is_file() else {}

    @cached_property
    def stale(self) -> StaleRows:
        """The rows that were made by other code than that of now."""
        return StaleRows(self.config, Made.of(self.folder))

    @property
    def manifest(self) -> str | None:
        """Hash of the audit's manifest; None without an audit."""
        return self.audit.get("manifest_sha256")

    def annotations(self, split: str) -> Path:
        """Annotation file of a split."""
        return self.data / self.config.dataset_file.splits[split].annotations

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
        """Windows by `average` or `esp`, per class."""
        return read_windows(self.layout.windows(method))

    def thresholds(self, row: Row, seed: int = 0) -> Thresholds:
        """Frame thresholds of a row that are chosen on development."""
        return read_thresholds(self.layout.threshold(row, seed))

    def history(self, system: str, seed: int = 0) -> dict[str, list[float]]:
        """A training history: column -> one value per epoch, NaN for an empty cell."""
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
        if row not in self._seeds:
            self._seeds[row] = study_rows.seeds(self.config, row)
        return self._seeds[row]

    def scored(self, split: str, row: Row | str) -> bool:
        """Whether every seed of a row was scored."""
        folders = (self.layout.scored(split, row, seed) for seed in self.seeds(row))
        return all((folder / "metrics.json").is_file() for folder in folders)

    def counts(
        self, split: str, row: Row | str, seed: int, block: str, label: str | None = None
    ) -> Counts | None:
        """True positives, false positives and misses per clip, of all classes or of one.

        None if the block was not scored. Raises MissingFileError, and ResultsError if counts.tsv
        and metrics.json do not agree.
        """
        place = split, Row.of(row), seed
        if place not in self._counts:
            self._counts[place] = _read_counts(self.metrics(*place))
        found = self._counts[place].get(block)
        return found if found is None or label is None else found.only(label)

    def tables(self, split: str, row: Row | str, block: str) -> list[Counts]:
        """Counts per seed; empty unless the block was scored for every seed."""
        found = [self.counts(split, row, seed, block) for seed in self.seeds(row)]
        tables = [table for table in found if table is not None]
        return tables if len(tables) == len(found) else []

    def rankings(self, split: str, row: Row | str) -> list[Ranking]:
        """Scores of clip posteriors per seed; empty unless they were made for every seed.

        Raises ResultsError if ranking.npz and metrics.json do not agree.
        """
        place = split, Row.of(row)
        if place not in self._rankings:
            read = [_read_ranking(self.metrics(split, row, seed)) for seed in self.seeds(row)]
            found = [one for one in read if one is not None]
            self._rankings[place] = found if len(found) == len(read) else []
        return self._rankings[place]

    @cached_property
    def _rankings(self) -> dict[tuple[str, Row], list[Ranking]]:
        return {}  # as _counts

    @cached_property
    def _counts(self) -> dict[tuple[str, Row, int], dict[str, Counts]]:
        return {}  # a table of hundreds of cells reads each file once

    @cached_property
    def _seeds(self) -> dict[Row, list[int]]:
        return {}  # a study asks thousands of times


def _read_ranking(metrics: dict[str, Any]) -> Ranking | None:
    """The file in the folder of a metrics.json that has the block `ranking`; otherwise None."""
    if "ranking" not in metrics:
        return None
    path = Path(metrics["path"]).with_name("ranking.npz")
    found = Ranking.load(path)
    own = {key: value for key, value in metrics["ranking"].items() if key != "notes"}
    if found.summary() != own or found.clips != metrics["clips"]:
        problem = "does not agree with metrics.json in the same folder"
        raise ResultsError(problem, place=path, cure="run resed score again")
    return found


def _read_counts(metrics: dict[str, Any]) -> dict[str, Counts]:
    """The counts in the folder of a metrics.json by block, compared with its F1."""
    path = Path(metrics["path"]).with_name("counts.tsv")
    read = read_counts(path, metrics["clips"])
    nothing = Counts((), (), np.zeros((0, 0, 3), np.int64), metrics["clips"])
    found = {}
    for block in BLOCKS:
        if block in metrics:
            found[block] = read.get(block, nothing)
            if abs(found[block].f1() - metrics[block]["macro_f1"]) > 1e-9:
                problem = f"the {block} counts do not agree with metrics.json in the same folder"
                raise ResultsError(problem, place=path, cure="run resed score again")
    return found
