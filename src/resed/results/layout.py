"""Paths of the files that each stage writes below results/{dataset}. No file is read."""

from dataclasses import dataclass
from pathlib import Path

from resed.config.rows import Row
from resed.formats.ranking import RANKED_BASELINES


def score_files(row: Row | str) -> tuple[str, ...]:
    """The files of `resed score` in the folder of a row: ranking.npz for scores without threshold.

    Oracles and detectors that this run did not make have no posteriors, and a frame threshold does
    not change those of a system.
    """
    row = Row.of(row)
    ranked = row.threshold == "configured" and not row.external
    ranked = ranked and (not row.baseline or row.system in RANKED_BASELINES)
    return ("metrics.json", "counts.tsv", *["ranking.npz"] * ranked)


@dataclass(frozen=True)
class Layout:
    """Paths below `folder`, results/{dataset}.

    A row is given as a `Row`, or by its folder name. `trained` names a checkpoint as
    `Config.trained_as` returns it.

    Examples:
        >>> Layout(Path("results/demo")).scored("evaluation", "pts@default", seed=1).as_posix()
        'results/demo/score/evaluation/pts@default/seed1'
    """

    folder: Path

    def acquired(self, split: str) -> Path:
        """Record of acquire: clips, settings, hashes."""
        return self.folder / "acquire" / f"{split}.json"

    def labels(self, split: str) -> Path:
        """Record of the annotations of a split of recordings, which a user may correct."""
        return self.folder / "acquire" / "labels" / f"{split}.json"

    def repaired(self, annotations: str) -> Path:
        """Repaired copy of an annotation file, given by its path below data/{dataset}."""
        return self.folder / "repair" / annotations

    def store(self, features: str, split: str) -> Path:
        """Feature store of a split, of one feature set."""
        return self.folder / "extract" / features / f"{split}.store"

    def trained(self, trained: str, seed: int) -> Path:
        """Folder of checkpoint.pt and history.csv."""
        return self.folder / "train" / trained / f"seed{seed}"

    def posteriors(self, split: str, trained: str, seed: int) -> Path:
        """Posteriors of one checkpoint on one split."""
        return self.folder / "predict" / split / trained / f"seed{seed}.npz"

    def targets(self, split: str, system: str, seed: int) -> Path:
        """Targets of a later generation on one split."""
        return self.folder / "distil" / split / system / f"seed{seed}.npz"

    def windows(self, name: str) -> Path:
        """Median-filter windows: `average`, `esp`, or those of a reading."""
        return self.folder / "calibrate" / f"windows_{name}.tsv"

    def threshold(self, row: Row | str, seed: int) -> Path:
        """File with the frame threshold of a row chosen on development, or with one per class."""
        row = Row.of(row)
        kind = "class_thresholds" if row.threshold == "per_class" else "thresholds"
        return self.folder / "calibrate" / kind / row.configured.folder / f"seed{seed}.json"

    def searched(self, row: Row | str, seed: int) -> tuple[Path, Path]:
        """Files of the windows and of the thresholds of a row that `decode.search` chose."""
        folder, name = self.folder / "calibrate", Row.of(row).configured.folder
        windows = folder / "searched_windows" / name / f"seed{seed}.tsv"
        return windows, folder / "searched_thresholds" / name / f"seed{seed}.json"

    def choice(self, system: str, seed: int) -> Path:
        """Which system serves which class of a composite."""
        return self.folder / "choose" / system / f"seed{seed}.tsv"

    def decoded(self, split: str, row: Row | str, seed: int) -> Path:
        """Folder of events.tsv, tags.tsv, raw_tags.tsv and teacher_tags.tsv."""
        return self.folder / "decode" / split / Row.of(row).folder / f"seed{seed}"

    def scored(self, split: str, row: Row | str, seed: int) -> Path:
        """Folder of the files of `score_files`."""
        return self.folder / "score" / split / Row.of(row).folder / f"seed{seed}"
