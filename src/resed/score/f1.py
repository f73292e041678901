"""F1 of detections: event-based and segment-based by sed_eval, clip tags by counting.

All scores are computed from counts (true positives, false positives, false negatives) per clip and
class. sed_eval (Mesaros et al. 2016) makes them, clip by clip as its manual recommends: onset
collar 200 ms, offset collar max(200 ms, 20 % of the reference event), optimal matching, segments of
1 s up to the last offset of the clip. The classes are the union of the labels on both sides.

For a class that was never predicted (segments) or that occurs only in the prediction, sed_eval
returns NaN and leaves it out of its averages. Here such a class counts 0; otherwise a system would
gain by never predicting a hard class. The score without any class is 0.
"""

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from resed import __version__
from resed.errors import ScoreError
from resed.formats.annotations import Event, read_clips, read_events, read_tags, tags_of
from resed.formats.counts import Counts, write_counts
from resed.formats.metrics import FORMAT, write_metrics
from resed.runtime.files import sha256

if TYPE_CHECKING:
    from resed.score.threshold_free import Detector

Events = Mapping[str, Sequence[Event]]
Tags = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Rules:
    """When a detection counts as correct.

    Attributes:
        collar: tolerance of onsets and offsets in seconds.
        offset_fraction: tolerance of offsets as a share of the reference event, if that is longer.
        segment: length of a segment in seconds.
    """

    collar: float = 0.2
    offset_fraction: float = 0.2
    segment: float = 1.0

    def settings(self) -> dict[str, float | str]:
        """The rules as written to metrics.json."""
        return {
            "onset_collar_s": self.collar,
            "offset_collar_s": self.collar,
            "offset_fraction": self.offset_fraction,
            "segment_s": self.segment,
            "event_matching": "optimal",
        }


def clips_to_score(
    reference: Collection[str], estimated: Collection[str], clips: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Return the clips to score: `clips` if given, otherwise the sorted union of both sides.

    A clip that occurs only in the estimate counts as a clip without reference events, so that all
    its detections are false positives.

    Raises:
        ScoreError: an estimated clip is not among `clips`, or there is no clip.
    """
    if clips is None:
        clips = sorted({*reference, *estimated})
    else:
        allowed = set(clips)
        strange = [clip for clip in estimated if clip not in allowed]
        if strange:
            raise ScoreError(
                f"clip {strange[0]} was estimated but is not among the clips to score "
                f"({len(strange)} such)",
                cure="remove it from the estimate or add it to the clips",
            )
    if not clips:
        problem = "no clip to score, because the reference and the estimate are empty"
        raise ScoreError(problem, cure="use files with at least one clip")
    return tuple(clips)


def event_counts(
    reference: Events, estimated: Events, clips: Sequence[str], rules: Rules = Rules()
) -> Counts:
    """Count event-based hits and errors of `clips` by sed_eval.EventBasedMetrics."""
    classes = _event_classes(reference, estimated, clips)
    metric = sed_eval().sound_event.EventBasedMetrics(
        event_label_list=_codes(classes),
        t_collar=float(rules.collar),
        percentage_of_length=float(rules.offset_fraction),
    )
    return _count(metric, (reference, estimated), clips, classes)


def segment_counts(
    reference: Events, estimated: Events, clips: Sequence[str], rules: Rules = Rules()
) -> Counts:
    """Count segment-based hits and errors of `clips` by sed_eval.SegmentBasedMetrics."""
    classes = _event_classes(reference, estimated, clips)
    metric = sed_eval().sound_event.SegmentBasedMetrics(
        event_label_list=_codes(classes), time_resolution=float(rules.segment)
    )
    return _count(metric, (reference, estimated), clips, classes)


def tag_counts(reference: Tags, estimated: Tags, clips: Sequence[str]) -> Counts:
    """Count hits and errors of clip tags; a clip that a side does not list has no tags there."""
    labels = {
        tag for side in (reference, estimated) for clip in clips for tag in side.get(clip, ())
    }
    classes = tuple(sorted(labels))
    column = {label: i for i, label in enumerate(classes)}
    hot = np.zeros((2, len(clips), len(classes)), dtype=bool)
    for side, tags in enumerate((reference, estimated)):
        for row, clip in enumerate(clips):
            for tag in tags.get(clip, ()):
                hot[side, row, column[tag]] = True
    true, guess = hot
    values = np.stack([true & guess, ~true & guess, true & ~guess], axis=-1).astype(np.int64)
    return Counts.of(clips, classes, values)


def sed_eval() -> ModuleType:
    """Import sed_eval lazily, because it takes seconds, and without pkg_resources warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import sed_eval as module
    return module


def _event_classes(reference: Events, estimated: Events, clips: Sequence[str]) -> tuple[str, ...]:
    sides = (reference, estimated)
    labels = {event.event_label for side in sides for clip in clips for event in side.get(clip, ())}
    return tuple(sorted(labels))


def _codes(classes: Sequence[str]) -> list[str]:
    """Numbers instead of labels: sed_eval strips labels and reads "none" as no label."""
    return [str(index) for index in range(len(classes))]


def _count(
    metric: Any, both: tuple[Events, Events], clips: Sequence[str], classes: Sequence[str]
) -> Counts:
    """Evaluate clip by clip; grouping here is several times as fast as sed_eval's containers."""
    code = {label: str(index) for index, label in enumerate(classes)}
    values = np.zeros((len(clips), len(classes), 3), dtype=np.int64)
    for row, clip in enumerate(clips):
        sides = [
            [
                {
                    "onset": event.onset,
                    "offset": event.offset,
                    "event_label": code[event.event_label],
                }
                for event in side.get(clip, ())
            ]
            for side in both
        ]
        if not any(sides):
            continue  # sed_eval is slow with empty clips
        present = sorted({event["event_label"] for side in sides for event in side})
        metric.event_label_list = present  # other classes have no counts in this clip
        metric.reset()
        metric.evaluate(*sides)
        for label in present:
            found = metric.class_wise[label]
            values[row, int(label)] = found["Ntp"], found["Nfp"], found["Nfn"]
    return Counts.of(clips, classes, values)


def score_files(
    reference: Path,
    estimated: Path,
    out: Path,
    *,
    clips: Path | None = None,
    reference_tags: Path | None = None,
    tags: Mapping[str, Path | None] | None = None,
    counts: Path | None = None,
    manifest: Path | None = None,
    detector: "Detector | None" = None,
) -> tuple[dict[str, Any], list[str]]:
    """Score TSV files; write metrics.json and, if asked, counts.tsv.

    Args:
        clips: the clips to score; default: all of both files.
        reference_tags: true tags; default: the classes of the events of `reference`.
        tags: estimated tags by block (tags, tags_raw, tags_teacher). If only `reference_tags` is
            given, the estimated tags are the classes of the events of `estimated`.
        counts: counts.tsv to write.
        manifest: manifest of the audit, whose hash the metrics record.
        detector: adds the block threshold_free (see resed.score.threshold_free).

    Returns:
        The metrics, and notes to print.
    """
    true, guess = read_events(reference), read_events(estimated)
    blocks = {block: read_tags(path) for block, path in (tags or {}).items() if path}
    true_tags = read_tags(reference_tags) if reference_tags else tags_of(true)
    if reference_tags and "tags" not in blocks:
        blocks["tags"] = tags_of(guess)
    chosen = clips_to_score(
        {**true, **(true_tags if blocks else {})},
        {clip for side in (guess, *blocks.values()) for clip in side},
        read_clips(clips) if clips else None,
    )
    tables = {
        "event": event_counts(true, guess, chosen),
        "segment": segment_counts(true, guess, chosen),
        **{block: tag_counts(true_tags, found, chosen) for block, found in blocks.items()},
    }
    metrics = _metrics(tables, len(chosen), manifest)
    notes = _notes(reference, [clip for clip in chosen if clip not in true])
    if detector:
        from resed.score.threshold_free import threshold_free

        found = threshold_free(detector, true, true_tags, chosen)
        metrics["versions"]["sed_scores_eval"] = version("sed_scores_eval")
        metrics["threshold_free"] = found
        notes += [f"threshold-free, {key}: {text}" for key, text in found["notes"].items()]
    write_metrics(out, metrics)
    if counts:
        write_counts(counts, tables)
    return metrics, notes


def _metrics(tables: Mapping[str, Counts], clips: int, manifest: Path | None) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "clips": clips,
        "settings": Rules().settings(),
        "versions": {"resed": __version__, "sed_eval": version("sed_eval")},
        "manifest_sha256": sha256(manifest) if manifest else None,
        **{block: table.summary() for block, table in tables.items()},
    }


def _notes(reference: Path, strange: Sequence[str]) -> list[str]:
    if not strange:
        return []
    note = (
        f"clip {strange[0]} is not in {reference} ({len(strange)} such); it counts as a clip "
        "without events, and its detections as false positives"
    )
    return [note]
