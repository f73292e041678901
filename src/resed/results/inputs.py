"""The rows of a run and the files that each table reads, as needed to plan a workflow.

A `Layout` makes the paths. Its folder may be a placeholder of a workflow manager.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resed.config import study_rows
from resed.config.dataset import SCORED_ROLES
from resed.config.rows import BASELINES, Row
from resed.config.run import Config
from resed.errors import ResedError
from resed.formats.acquired_audio import audio_sample_hash
from resed.formats.annotations import read_clips
from resed.paper.numbers import Paper
from resed.results.claimed_readings import claimed_rows, frame_systems
from resed.results.layout import Layout, score_files
from resed.results.ranks import MEASURE_OF
from resed.runtime import checksums
from resed.runtime.files import parse_json

STUDY = "sensitivity"  # name of the table of the study of readings
RANKING = "ranking.npz"  # of `score_files`
# Tables that are made for every paper from its scores.
VERDICTS = ("comparisons", "scorecard", "claims", "contradictions", "readings", "repaired")
VERDICTS += ("per_class",)


def clips_and_sound(
    annotations: Path, audio: Path, record: Path, names: Sequence[str] = ()
) -> list[str]:
    """Two hashes of a user's own split: of the clip names and of the sound.

    A run compares them with those of the last one, so that other clips or other sound make acquire
    run again, and corrected labels do not. Without sound, as in a clone that restored a run, the
    second is that of the record of acquire.

    Args:
        annotations: of the split.
        audio: folder of its sound.
        record: of acquire.
        names: clips of a split whose annotations acquire has yet to make.
    """
    try:
        with checksums.acquiring():
            names = sorted(names or read_clips(annotations))
    except ResedError:  # acquire reports it
        return []
    sound = audio_sample_hash(audio, names)
    if not sound:
        with suppress(OSError, ValueError, AttributeError):
            sound = str(parse_json(record).get("audio_sample", ""))
    return [hashlib.sha256("\n".join(names).encode()).hexdigest(), sound]


def folder_state(folder: str) -> str:
    """Hash of the names, sizes and times of the files of a folder, which change with its content.

    Empty if there is no folder.
    """
    path = Path(folder)
    if not folder or not path.is_dir():  # the path of "" would be the working directory
        return ""
    total = hashlib.sha256()
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        with suppress(OSError):
            status = entry.stat()
            total.update(f"{entry.name!a} {status.st_size} {status.st_mtime_ns}\n".encode())
    return total.hexdigest()


def baselines(config: Config) -> list[str]:
    """The baselines of a run: `prior` only with strong training clips, from which it draws.

    Of a dataset without times only that without detections: the others are about times.
    """
    if config.dataset_file.tags_only:
        return ["nothing"]
    strong = "strong" in config.dataset_file.splits
    return [kind for kind in BASELINES if strong or kind != "prior"]


def scored_splits(config: Config, row: Row | str) -> list[str]:
    """The splits on which a row is scored: of an external detector, those of its files."""
    row = Row.of(row)
    own = config.external[row.system].events if row.external else SCORED_ROLES
    return [split for split in SCORED_ROLES if split in own]


@dataclass(frozen=True)
class Inputs:
    """Files of earlier stages, as paths; see `Layout`."""

    config: Config
    paper: Paper
    layout: Layout

    def main_systems(self) -> list[str]:
        """Configured systems of the paper's main table, and those that are in none of its tables.

        They are scored at the configured frame threshold, at one chosen on development and at one
        per class chosen there, and with metrics that need no threshold.
        """
        main = self.paper.main_table
        if main is None:
            return []
        elsewhere = set(self.paper.systems()) - set(self.paper.tables[main].systems())
        return [name for name in self.config.systems if name not in elsewhere]

    def tuned_systems(self) -> list[str]:
        """Main systems that are also decoded at thresholds chosen on development.

        Not those with `decode.search`, which chooses windows and thresholds there itself, and
        none if development has no events.
        """
        if self.config.dataset_file.tags_only:
            return []
        return [n for n in self.main_systems() if self.config.system(n).decode.search is None]

    def rows_of(self, system: str) -> list[Row]:
        """The rows that are decoded and scored for one configured system or one reading."""
        row = Row.of(system)
        return [*row.decodings] if row.folder in self.tuned_systems() else [row]

    def baselines(self) -> list[Row]:
        """The rows that require no trained detector: `prior` only with strong training clips."""
        return [Row(kind, baseline=True) for kind in baselines(self.config)]

    def external(self) -> list[Row]:
        """The rows of detectors that this run did not make."""
        return [Row(name, external=True) for name in self.config.external]

    def external_files(self, wildcards: Any) -> tuple[str, str | None, str | None]:
        """Events, tags and folder of scores of a job with these wildcards; None if not given."""
        one = self.config.external[wildcards.external]
        return one.files(wildcards.split, int(wildcards.seed))

    def table_systems(self, table: str) -> list[str]:
        """Configured systems that a table shows."""
        if table == self.paper.main_table:
            return self.main_systems()
        if table in self.paper.tables:
            members = self.paper.tables[table].systems()
            return [name for name in self.config.systems if name in members]
        return [self.config.sensitivity.system] if table == STUDY else self.config.systems

    def table(self, table: str) -> list[str]:
        """Scores that a table of the paper, or the table of the study, reads."""
        if table == STUDY:
            return self.scores(study_rows.rows(self.config))
        rows = [Row(name) for name in self.table_systems(table)]
        if table == self.paper.main_table:
            rows = [way for row in rows for way in self.rows_of(row.folder)]
            rows += [*self.baselines(), *self.external()]
        return self.scores(rows)

    def verdicts(self) -> list[str]:
        """Everything that the tables in `VERDICTS` read."""
        config = self.config
        rows = [Row(name) for name in config.systems]
        readings = study_rows.rows(config) * config.sensitivity.report + claimed_rows(config)
        found = self.scores(rows + list(dict.fromkeys(readings)) + self.external())
        found += self.histories(config.systems)
        found += self.detections(rows)
        if config.confusion == "single":  # counts posteriors instead of decoded tags
            found += self.posteriors("evaluation", config.systems)
        found += [
            path
            for path in self.posteriors("evaluation", frame_systems(config))
            if path not in found
        ]
        scored = (config.dataset_file.splits[split] for split in SCORED_ROLES)
        annotations = (place.annotations for place in scored if place.labels == "strong")
        found += [self.layout.repaired(name).as_posix() for name in (*annotations, "repairs.tsv")]
        return found

    def scores(self, rows: Iterable[Row]) -> list[str]:
        """Scores of rows and the counts that their intervals come from, every seed and split."""
        return self._each(self.layout.scored, rows, self._score_files)

    def _score_files(self, row: Row) -> Sequence[str]:
        """Readings are compared by the paper's metrics, of which few papers rank posteriors."""
        ranked = any(metric.score in MEASURE_OF for metric in self.paper.metrics.values())
        return [name for name in score_files(row) if name != RANKING or ranked or not row.reading]

    def detections(self, rows: Iterable[Row]) -> list[str]:
        """Events and tags of rows, every seed and split."""
        return self._each(self.layout.decoded, rows, lambda row: ("events.tsv", "tags.tsv"))

    def _each(
        self,
        folder: Callable[[str, Row, int], Path],
        rows: Iterable[Row],
        files: Callable[[Row], Sequence[str]],
    ) -> list[str]:
        return [
            (folder(split, row, seed) / file).as_posix()
            for row in rows
            for seed in study_rows.seeds(self.config, row)
            for split in scored_splits(self.config, row)
            for file in files(row)
        ]

    def tags(self, split: str, systems: Iterable[str], seed: int = 0) -> list[str]:
        """Decoded tags of systems on one split, one seed."""
        folders = (self.layout.decoded(split, name, seed) for name in systems)
        return [(folder / "tags.tsv").as_posix() for folder in folders]

    def histories(self, systems: Iterable[str]) -> list[str]:
        """Training histories of the checkpoints that systems use, every seed."""
        return [
            (self.layout.trained(name, seed) / "history.csv").as_posix()
            for name in study_rows.trainings(self.config, systems)
            for seed in self.config.seed_list(name)
        ]

    def posteriors(self, split: str, systems: Iterable[str], seeds: int | None = None) -> list[str]:
        """Posteriors of the checkpoints that systems use, of the first `seeds` or of all."""
        return [
            self.layout.posteriors(split, name, seed).as_posix()
            for name in dict.fromkeys(map(self.config.trained_as, systems))
            for seed in self.config.seed_list(name)[:seeds]
        ]
