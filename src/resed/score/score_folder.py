"""PSDS1, PSDS2, mAP and mAUC of anybody's detector, from a folder of score TSVs.

The scores are used as they are: without gate, filter or windows. PSDS equals that of
sed_scores_eval on the same files, with the last offset of each file as the length of its clip;
reference events of one class that overlap or touch, which sed_scores_eval refuses, are joined. mAP
is the mean over classes of the average precision of clips, whose score of a class is the highest of
its frames, as in sed_scores_eval; mAUC is that of the areas under their ROC curves. Classes without
a reference event or tag are left out.

The intervals are 95 % intervals over clips, by the bootstrap of `resed.stats`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resed.errors import MOST_CLASSES, ScoreError, some
from resed.formats.annotations import Event
from resed.formats.score_tsv import ClipScores, files_by_name, files_of_clips, read_scores, stem
from resed.score.psds import SCENARIOS, count
from resed.score.psds_resamples import psds_resamples
from resed.score.rank_resamples import ranking
from resed.score.threshold_free import mean_average_precision, mended
from resed.stats.bootstrap import SEED
from resed.stats.intervals import LEVEL, RESAMPLES, interval_of

METRICS = ("psds1", "psds2", "map", "mauc")
MOST_ABSENT = 10  # classes without a reference that a note lists
MOST_FRAMES = 50_000  # of a clip: the time of PSDS grows with their square
MOST_CLIP_SCORES = 40_000_000  # clips times classes, for mAP


@dataclass(frozen=True)
class FolderScores:
    """Scores of one detector.

    Attributes:
        values: psds1, psds2, map and mauc as fractions; None if no class has a reference.
        resampled: the same on each resample of the clips: fractions [resamples], NaN without a
            reference.
        clips: number of clips.
        seconds: their length.
        notes: what was left out or joined.
    """

    values: Mapping[str, float | None]
    resampled: Mapping[str, np.ndarray]
    clips: int
    seconds: float
    notes: tuple[str, ...] = ()

    def intervals(self) -> dict[str, list[float] | None]:
        """The 95 % interval of each score over clips, as fractions; None if there is no score."""
        found: dict[str, list[float] | None] = {}
        for name, value in self.values.items():
            resampled = self.resampled[name]
            if value is None or not np.isfinite(resampled).any():
                found[name] = None
                continue
            one = interval_of(np.array([100 * value]), 100 * resampled[None], self.clips)
            found[name] = [one.low / 100, one.high / 100]
        return found

    def summary(self) -> dict[str, Any]:
        """The keys of metrics.json: the scores as fractions, their intervals and settings."""
        settings = {name: asdict(criteria) for name, criteria in SCENARIOS.items()}
        bootstrap = {"level": LEVEL, "resamples": len(self.resampled["map"]), "seed": SEED}
        return {
            **self.values,
            "scores": {
                "intervals": self.intervals(),
                "settings": {**settings, **bootstrap, "seconds": self.seconds},
                "notes": list(self.notes),
            },
        }


def score_folder(
    folder: Path,
    reference: Mapping[str, Sequence[Event]],
    tags: Mapping[str, Collection[str]],
    clips: Sequence[str],
    resamples: int = RESAMPLES,
) -> FolderScores:
    """Score the TSVs of a folder.

    The files are read one after the other; of each, the highest scores and the changes of the
    counts of PSDS are kept. Equal clips in equal order have the same resamples.

    Args:
        reference: true events by clip; a clip that it lacks has none.
        tags: true tags by clip.
        clips: the clips to score; other files are not read.

    Raises:
        ScoreError: a clip has no file, a file is malformed, or classes differ between files or from
            the reference.
    """
    files = files_of_clips(files_by_name(folder), clips, folder)
    classes = read_scores(next(iter(files.values()))).classes
    _refuse_foreign(folder, classes, reference, tags, clips)
    if len(clips) * len(classes) > MOST_CLIP_SCORES:
        problem = f"{len(clips)} clips times {len(classes)} classes; at most {MOST_CLIP_SCORES}"
        raise ScoreError(problem, place=folder, cure="score fewer clips")
    truth, changes = mended(reference, clips, np.inf, 0.0)
    highest = np.empty((len(clips), len(classes)))
    counts = count(_scores(files, classes, highest), truth, classes, by_clip=True)
    ranked = ranking(highest, tags, clips, classes, resamples)
    values = {
        **counts.values(),
        "map": mean_average_precision(highest, tags, clips, classes),
        "mauc": ranked.value("auc"),
    }
    resampled = {
        **psds_resamples(counts, resamples),
        "map": ranked.resamples("ap"),
        "mauc": ranked.resamples("auc"),
    }
    notes = [*changes, *_on_classes(classes, reference, clips)]
    return FolderScores(values, resampled, len(clips), sum(counts.seconds), tuple(notes))


def _scores(
    files: Mapping[str, Path], classes: Sequence[str], highest: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Scores and times of each clip; its highest scores are written into `highest`."""
    for row, path in enumerate(files.values()):
        found = read_scores(path)
        _refuse_misfit(path, found, classes)
        place = [found.classes.index(label) for label in classes]
        values = found.values if found.classes == tuple(classes) else found.values[:, place]
        highest[row] = values.max(axis=0)
        yield values, found.times


def _refuse_misfit(path: Path, found: ClipScores, classes: Sequence[str]) -> None:
    if set(found.classes) != set(classes):
        other = sorted(set(found.classes) ^ set(classes))
        problem = f"has other classes than the first file ({some(other, MOST_CLASSES)})"
        raise ScoreError(problem, place=path, cure="write the same classes into all files")
    if len(found.values) > MOST_FRAMES:
        problem = f"{len(found.values)} frames; at most {MOST_FRAMES} are scored"
        raise ScoreError(problem, place=path, cure="cut the recording into clips")


def _refuse_foreign(
    folder: Path,
    classes: Sequence[str],
    reference: Mapping[str, Sequence[Event]],
    tags: Mapping[str, Collection[str]],
    clips: Sequence[str],
) -> None:
    """Raise ScoreError for a class of the reference that the scores lack."""
    labels = {event.event_label for clip in clips for event in reference.get(clip, ())}
    labels |= {label for clip in clips for label in tags.get(clip, ())}
    foreign = sorted(labels - set(classes))
    if foreign:
        problem = f"no column of the class {foreign[0]} of the reference"
        if len(foreign) > 1:
            problem += f" ({len(foreign)} such)"
        cure = f"the columns are {some(classes, MOST_CLASSES)}; use the same names in both"
        raise ScoreError(problem, place=folder, cure=cure)


def _on_classes(
    classes: Sequence[str], reference: Mapping[str, Sequence[Event]], clips: Sequence[str]
) -> list[str]:
    """A note on classes that PSDS leaves out."""
    heard = {event.event_label for clip in clips for event in reference.get(clip, ())}
    absent = [label for label in classes if label not in heard]
    if not absent:
        return []
    return [f"classes without a reference event, left out: {some(absent, MOST_ABSENT)}"]


def unlisted(folder: Path, clips: Collection[str]) -> list[str]:
    """Names, without suffix, of score files of none of these clips."""
    known = {name for clip in clips for name in (stem(clip), clip)}
    return [name for name in files_by_name(folder) if name not in known]
