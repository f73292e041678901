"""Scores of clip posteriors by their order, per class and on resamples of the clips: ranking.npz.

An uncompressed .npz file without pickles. Intervals of average precision and of the area under the
ROC curve come from it, as those of F1 come from counts.tsv.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from resed.errors import ResultsError
from resed.formats.arrays import TEXT, read_arrays, write_arrays
from resed.formats.validation import (
    HASH,
    Fields,
    Kind,
    SourceFile,
    are_unique_names,
    integer,
    short_line,
)
from resed.runtime.files import existing
from resed.runtime.json_text import parse_json

VERSION = 1
FORMAT = "resed ranking"
CURE = "run resed score again"
MEASURES = ("ap", "auc")  # average precision, area under the ROC curve
Measure = Literal["ap", "auc"]
# Baselines that rank all clips of a class alike, and all baselines that rank clips.
BLIND_BASELINES = ("nothing", "everything", "prior")
RANKED_BASELINES = (*BLIND_BASELINES, "own_tags")
KINDS = {"values": "<f8", "resampled": "<f4", "positives": "<i8"}
KINDS |= dict.fromkeys(("classes", "meta"), TEXT)
META = Fields(
    {
        "format": Kind(repr(FORMAT), lambda value: value == FORMAT),
        "version": integer(VERSION, VERSION),
        "clips": integer(1),
        "clips_sha256": HASH,
        "seed": integer(),  # of the resamples
    }
)


@dataclass(frozen=True, eq=False)
class Ranking:
    """Scores of one system and seed on one split, as fractions.

    Attributes:
        classes: class labels, in the order of the posteriors.
        positives: number of clips with each class: int64 [classes].
        values: float64 [2, classes], in the order of MEASURES; NaN without a clip that has the
            class, and for `auc` also without a clip that lacks it.
        resampled: the same on each resample of the clips [2, classes, resamples]; float32 in the
            file.
        clips: number of clips.
        clips_sha256: hash of their names in order. Equal hashes have the same resamples.
        seed: of the resamples.
    """

    classes: tuple[str, ...]
    positives: np.ndarray
    values: np.ndarray
    resampled: np.ndarray
    clips: int
    clips_sha256: str
    seed: int

    def value(self, measure: Measure, labels: Sequence[str] = ()) -> float | None:
        """Mean over `labels` (none: all classes); classes without a value are left out.

        None if no class has a value.
        """
        found = self.values[MEASURES.index(measure), self._columns(labels)]
        found = found[~np.isnan(found)]
        return float(np.mean(found)) if found.size else None

    def resamples(self, measure: Measure, labels: Sequence[str] = ()) -> np.ndarray:
        """As `value`, on each resample: float64 [resamples], NaN without a value."""
        found = self.resampled[MEASURES.index(measure), self._columns(labels)].astype(np.float64)
        there = np.isfinite(found)
        total = np.where(there, found, 0.0).sum(axis=0)
        with np.errstate(invalid="ignore"):
            return total / there.sum(axis=0)

    def _columns(self, labels: Sequence[str]) -> list[int]:
        return [i for i, name in enumerate(self.classes) if not labels or name in labels]

    def summary(self) -> dict[str, Any]:
        """map, mauc, map_by_priors and, per class, ap, auc and positives, for metrics.json.

        `map_by_priors` is the mAP of clips that are ranked by chance alone, as by class priors: the
        mean over classes of the share of clips with the class.
        """
        shares = self.positives[self.positives > 0] / self.clips
        return {
            "map": self.value("ap"),
            "mauc": self.value("auc"),
            "map_by_priors": float(np.mean(shares)) if shares.size else None,
            "classes": {
                label: {
                    **{measure: self.value(measure, (label,)) for measure in MEASURES},
                    "positives": int(self.positives[index]),
                }
                for index, label in enumerate(self.classes)
            },
        }

    def save(self, path: Path | str) -> None:
        """Write a .npz file atomically; equal scores give equal bytes."""
        meta = {"format": FORMAT, "version": VERSION, "clips": self.clips}
        meta |= {"clips_sha256": self.clips_sha256, "seed": self.seed}
        _check(SourceFile(Path(path), ResultsError, CURE), self, meta)
        arrays = {
            "values": np.asarray(self.values, "<f8"),
            "resampled": np.asarray(self.resampled, "<f4"),
            "positives": np.asarray(self.positives, "<i8"),
            "classes": np.array(self.classes, dtype=np.str_),
            "meta": np.array(json.dumps(meta, sort_keys=True)),
        }
        write_arrays(path, arrays)

    @classmethod
    def load(cls, path: Path | str) -> "Ranking":
        """Read and check a file that `save` wrote.

        Raises ResultsError for a damaged file, another version, or values out of range; or
        MissingFileError.
        """
        source = SourceFile(existing(path, CURE), ResultsError, CURE)
        try:
            values: dict[str, Any] = read_arrays(source.path, KINDS, mapped="")
            classes, meta = tuple(values.pop("classes").tolist()), values.pop("meta")
            meta = parse_json(meta.item().encode())
        except ValueError as error:
            raise source.wrong(f"not a ranking file, or damaged ({short_line(error)})") from None
        source.check(meta, META, "meta")
        own = {key: meta[key] for key in ("clips", "clips_sha256", "seed")}
        found = cls(classes, **values, **own)
        _check(source, found, meta)
        return found


def _check(source: SourceFile, found: Ranking, meta: dict[str, Any]) -> None:
    source.check(meta, META, "meta")
    if not are_unique_names(list(found.classes)):
        raise source.wrong("classes must be unique names, none empty")
    count = len(found.classes)
    shapes = {
        "positives": (count,),
        "values": (len(MEASURES), count),
        "resampled": (len(MEASURES), count, np.shape(found.resampled)[-1]),
    }
    for name, shape in shapes.items():
        if np.shape(getattr(found, name)) != shape:
            raise source.wrong(f"{name} do not fit the classes")
    if not (np.all(found.positives >= 0) and np.all(found.positives <= found.clips)):
        raise source.wrong("positives must be numbers of clips")
    for name in ("values", "resampled"):
        numbers = getattr(found, name)
        there = numbers[~np.isnan(numbers)]
        if there.size and not (there.min() >= 0 and there.max() <= 1 + 1e-6):
            raise source.wrong(f"{name} must be numbers from 0 to 1, or NaN")
