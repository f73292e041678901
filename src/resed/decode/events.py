"""From posteriors to events and tags: clip-tag gate, threshold, median filters.

The papers filter twice with the same window W_c: first the gated posteriors, then the binarised
frames. A median commutes with a threshold (the median of a window is at least t if and only if more
than half of its frames are), so that a threshold followed by two majority filters gives exactly the
same events. `resed.decode.filters` has the filters.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from resed.config.loading import check, read_settings
from resed.decode.filters import active_frames, regions
from resed.errors import MOST_CLASSES, ResultsError, some
from resed.formats.annotations import (
    EVENT_COLUMNS,
    TAG_COLUMNS,
    Event,
    annotation_writer,
    event_rows,
    tag_rows,
)
from resed.formats.posteriors import Posteriors
from resed.formats.thresholds import Thresholds
from resed.formats.windows import Window
from resed.settings import DecodeSettings

DECIMALS = 6  # of times; milliseconds are coarser than frames and change event F1 by 0.2 points
CLIPS_AT_ONCE = 256
FILES = {
    "events": EVENT_COLUMNS,
    **dict.fromkeys(("tags", "raw_tags", "teacher_tags"), TAG_COLUMNS),
}


@dataclass(frozen=True)
class Decoded:
    """Detections by clip, in the order of the posteriors.

    Attributes:
        events: the detected events, sorted by onset.
        tags: classes with an active frame after the filters (row 10), or raw_tags.
        raw_tags: classes whose clip posterior of the student reaches the tag threshold.
        teacher_tags: the same for the teacher.
    """

    events: dict[str, list[Event]]
    tags: dict[str, tuple[str, ...]]
    raw_tags: dict[str, tuple[str, ...]]
    teacher_tags: dict[str, tuple[str, ...]]


def decode_settings(text: str) -> DecodeSettings:
    """Decode settings from the command line: decode settings, or a system with the key `decode`."""
    values = read_settings(text)
    return check(DecodeSettings, values.get("decode", values), "decode")


def window_frames(seconds: float, seconds_per_frame: float) -> int:
    """W_c in frames: the odd number nearest to `seconds`, at least 1."""
    return 2 * int(seconds / seconds_per_frame / 2 + 1e-9) + 1


def guided_window(mean_seconds: float, seconds_per_frame: float) -> int:
    """W_c in frames as in the code of Guided Learning: a third of the mean, rounded down twice."""
    return max(1, int(int(mean_seconds / seconds_per_frame + 1e-9) * 0.333))


def windows_in_frames(
    windows: Mapping[str, Window], posteriors: Posteriors, settings: DecodeSettings
) -> list[int]:
    """W_c in frames for each class of `posteriors`, in their order.

    A class without a row has no strong training event and is not smoothed.

    Raises:
        ResultsError: there is a row of a class that `posteriors` do not have, or no row although
            the settings use windows of `resed calibrate`.
    """
    foreign = [label for label in windows if label not in posteriors.classes]
    if foreign or (settings.calibrated and not windows):
        raise ResultsError(
            f"the windows are for {some(foreign, MOST_CLASSES) or 'no class'}, the posteriors for "
            f"{some(posteriors.classes, MOST_CLASSES)}",
            cure="run resed calibrate on the strong labels of this dataset, or set "
            "window_frames: fixed",
        )
    spf = posteriors.seconds_per_frame
    if settings.search is None and settings.window_frames == "fixed":
        return [settings.fixed_window] * len(posteriors.classes)
    if settings.search is None and settings.window_frames == "guided":
        means = [windows[c].mean_s or 0.0 if c in windows else 0.0 for c in posteriors.classes]
        return [guided_window(value, spf) for value in means]
    seconds = [windows[c].window_s if c in windows else 0.0 for c in posteriors.classes]
    return [window_frames(value, spf) for value in seconds]


def clip_tags(posteriors: Posteriors, settings: DecodeSettings) -> np.ndarray:
    """The clip posteriors of the student, by its trained head or the mean over fresh ones.

    Raises:
        ResultsError: the posteriors of fresh heads are required but do not exist.
    """
    if settings.attention_head == "kept":
        return posteriors.tags
    if posteriors.lost_head_tags is None:
        raise ResultsError(
            "lost requires posteriors of Mean Teacher",
            place="decode.attention_head",
            cure="set it to kept",
        )
    heads = posteriors.lost_head_tags.shape[1]
    if heads < settings.lost_heads:
        raise ResultsError(
            f"the posteriors have {heads} heads",
            place="decode.lost_heads",
            cure=f"set it to {heads} or less",
        )
    return posteriors.lost_head_tags[:, : settings.lost_heads].mean(axis=1)


def gated(posteriors: Posteriors, settings: DecodeSettings) -> tuple[np.ndarray, np.ndarray]:
    """Gated frame posteriors [clips, frames, classes], and where a class may be active.

    `student` and `teacher` multiply by the multi-hot tags of that model, `soft` by the clip
    posterior of the student, `none` by 1.

    Returns:
        Scores [clips, frames, classes], and bool [clips, classes], False if no frame of a clip can
        be active.
    """
    teacher = settings.gate == "teacher"
    tags = posteriors.teacher_tags if teacher else clip_tags(posteriors, settings)
    if settings.gate == "none":
        return posteriors.frames, np.ones(tags.shape, dtype=bool)
    if settings.gate == "soft":
        return posteriors.frames * tags[:, None, :], np.ones(tags.shape, dtype=bool)
    return posteriors.frames, tags >= settings.tag_threshold


def parts(posteriors: Posteriors, clips: int = CLIPS_AT_ONCE) -> Iterator[Posteriors]:
    """The posteriors of some clips after the other, so that memory does not grow."""
    lost = posteriors.lost_head_tags
    for start in range(0, len(posteriors.clips), clips):
        rows = slice(start, start + clips)
        yield replace(
            posteriors,
            frames=posteriors.frames[rows],
            tags=posteriors.tags[rows],
            teacher_tags=posteriors.teacher_tags[rows],
            clips=posteriors.clips[rows],
            lost_head_tags=None if lost is None else lost[rows],
        )


def decode_parts(
    posteriors: Posteriors,
    windows: Mapping[str, Window],
    settings: DecodeSettings,
    thresholds: Thresholds | None = None,
) -> Iterator[Decoded]:
    """`decode` of each of the `parts` of `posteriors`."""
    windows_in_frames(windows, posteriors, settings)  # refuses foreign windows before any part
    if thresholds:
        thresholds.of(posteriors.classes)  # refuses foreign thresholds
    return (decode(part, windows, settings, thresholds) for part in parts(posteriors))


def decode(
    posteriors: Posteriors,
    windows: Mapping[str, Window],
    settings: DecodeSettings,
    thresholds: Thresholds | None = None,
) -> Decoded:
    """Decode every clip of `posteriors`; `windows` as read by
    `resed.formats.windows.read_windows`. `thresholds` replace `frame_threshold`.

    Requires about 30 kB of memory per clip of 600 frames and 10 classes; `decode_parts` does not.
    """
    if posteriors.tags_only:
        return _without_events(posteriors, settings)
    frames = windows_in_frames(windows, posteriors, settings)
    scores, allowed = gated(posteriors, settings)
    limits = (thresholds or Thresholds(settings.frame_threshold)).of(posteriors.classes)
    active = active_frames(
        scores, allowed, frames, limits, method=settings.filter, edges=settings.filter_edges
    )
    clips, classes = posteriors.clips, posteriors.classes
    limit = settings.tag_threshold
    raw = clip_tags(posteriors, settings) >= limit
    tags = active.any(axis=1) if settings.tags == "after_filters" else raw
    return Decoded(
        events_of(active, clips, classes, posteriors.seconds_per_frame),
        tags_of_hot(tags, clips, classes),
        tags_of_hot(raw, clips, classes),
        tags_of_hot(posteriors.teacher_tags >= limit, clips, classes),
    )


def _without_events(posteriors: Posteriors, settings: DecodeSettings) -> Decoded:
    """The tags of posteriors without frames, at the tag threshold."""
    clips, classes = posteriors.clips, posteriors.classes
    found = clip_tags(posteriors, settings) >= settings.tag_threshold
    raw = tags_of_hot(found, clips, classes)
    teacher = posteriors.teacher_tags >= settings.tag_threshold
    return Decoded({clip: [] for clip in clips}, raw, raw, tags_of_hot(teacher, clips, classes))


def events_of(
    active: np.ndarray, clips: list[str], classes: list[str], seconds_per_frame: float
) -> dict[str, list[Event]]:
    """Events of `active` [clips, frames, classes] in seconds, by clip, sorted by onset."""
    events: dict[str, list[Event]] = {clip: [] for clip in clips}
    for row, column, start, end in zip(*regions(active), strict=True):
        onset, offset = float(start * seconds_per_frame), float(end * seconds_per_frame)
        events[clips[row]].append(Event(clips[row], onset, offset, classes[column]))
    for found in events.values():
        found.sort(key=lambda event: event.onset)
    return events


def tags_of_hot(
    hot: np.ndarray, clips: list[str], classes: list[str]
) -> dict[str, tuple[str, ...]]:
    """Tags by clip from a multi-hot array bool [clips, classes]."""

    def labels(row: np.ndarray) -> Iterator[str]:
        return (classes[column] for column in np.flatnonzero(row))

    return {clip: tuple(labels(row)) for clip, row in zip(clips, hot, strict=True)}


def write_parts(folder: Path | str, found: Iterable[Decoded]) -> tuple[int, int]:
    """Write events.tsv, tags.tsv, raw_tags.tsv and teacher_tags.tsv into `folder`, part by part.

    Returns the counts of events and clips.
    """
    folder = Path(folder)
    counts = [0, 0]
    with ExitStack() as stack:
        events, tags, raw_tags, teacher_tags = (
            stack.enter_context(annotation_writer(folder / f"{name}.tsv", columns))
            for name, columns in FILES.items()
        )
        for part in found:
            events(event_rows(folder / "events.tsv", part.events, DECIMALS))
            tags(tag_rows(part.tags))
            raw_tags(tag_rows(part.raw_tags))
            teacher_tags(tag_rows(part.teacher_tags))
            counts[0] += sum(map(len, part.events.values()))
            counts[1] += len(part.events)
    return counts[0], counts[1]
