"""Scores that need no threshold and that the papers do not report: PSDS1, PSDS2 and clip mAP.

mAP is the mean over classes of the average precision of the clip posteriors. PSDS evaluates the
system as it decodes, at all frame thresholds: gated as configured, then filtered with its windows.
The filters are applied to the scores: median, opening and closing commute with a threshold (see
resed.decode.events), so the curve contains the events that the system decodes at its own threshold.
The score is -inf where the gate is closed. A gate that misses whole clips of a class makes PSDS 0,
because it subtracts the deviation between classes; therefore PSDS is also computed without gate.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from resed.decode.events import (
    clip_tags,
    decode_settings,
    gated,
    parts,
    windows_in_frames,
)
from resed.decode.filters import PASSES, opening_closing
from resed.errors import MOST_CLASSES, ScoreError, some
from resed.formats.annotations import Event
from resed.formats.posteriors import Posteriors
from resed.formats.ranking import Ranking
from resed.formats.windows import Window, read_windows
from resed.score.psds import SCENARIOS, ReferenceEvents, psds, sed_scores_eval
from resed.score.rank_resamples import ranking
from resed.settings import DecodeSettings

NOT_USED = {"frame_threshold", "class_threshold_events", "tags", "search"}  # decode settings
MOST_ABSENT = 10  # classes without a reference that a note lists


@dataclass(frozen=True)
class Detector:
    """Posteriors of one system on one split, and how it decodes them.

    Attributes:
        windows: None for scores of clip posteriors alone.
        source: name of the posteriors in error messages.
    """

    posteriors: Posteriors
    windows: Mapping[str, Window] | None
    settings: DecodeSettings
    source: str = "the posteriors"

    @classmethod
    def load(cls, posteriors: Path, windows: Path | None, settings: str = "{}") -> "Detector":
        """Read posteriors, windows, and decode settings (JSON)."""
        chosen = decode_settings(settings)
        found = read_windows(windows) if windows else None
        return cls(Posteriors.load(posteriors), found, chosen, str(posteriors))

    def rows(self, clips: Sequence[str]) -> list[int]:
        """The rows of `clips` in the posteriors; ScoreError if one is missing."""
        row = {clip: index for index, clip in enumerate(self.posteriors.clips)}
        missing = [clip for clip in clips if clip not in row]
        if missing:
            raise ScoreError(
                f"clip {missing[0]} is to be scored but is not in {self.source} "
                f"({len(missing)} such)",
                cure="run resed predict on this split",
            )
        return [row[clip] for clip in clips]

    def on(self, clips: Sequence[str]) -> Posteriors:
        """The posteriors of `clips`, in that order; ScoreError if one is missing."""
        rows, found = self.rows(clips), self.posteriors
        if list(clips) == found.clips:  # no copy, which could exceed the memory
            return found
        lost = found.lost_head_tags
        return replace(
            found,
            frames=found.frames[rows],
            tags=found.tags[rows],
            teacher_tags=found.teacher_tags[rows],
            clips=list(clips),
            lost_head_tags=None if lost is None else lost[rows],
        )


def ranked(
    detector: Detector, tags: Mapping[str, Collection[str]], clips: Sequence[str]
) -> Ranking:
    """mAP and mAUC of the clip posteriors with which the system decodes, over `clips`.

    Raises ScoreError as `threshold_free`. Equal clips in equal order have equal resamples.
    """
    _refuse_foreign(detector, {}, tags, clips)
    student = clip_tags(detector.posteriors, detector.settings)[detector.rows(clips)]
    return ranking(student, tags, clips, detector.posteriors.classes)


def threshold_free(
    detector: Detector,
    reference: Mapping[str, Sequence[Event]],
    tags: Mapping[str, Collection[str]],
    clips: Sequence[str],
) -> dict[str, Any]:
    """psds1, psds2, both without gate, tags_map and tags_map_teacher over `clips`, as fractions.

    Every clip counts with its nominal length: frames times seconds per frame.

    Args:
        reference: true events by clip.
        tags: true tags by clip.

    Returns:
        The scores, None if no class has a reference; `settings`; `notes` on missing classes and on
        changes of the reference.

    Raises:
        ScoreError: a clip has no posteriors, or the reference has a class that they lack.
    """
    posteriors = detector.on(clips)
    _refuse_foreign(detector, reference, tags, clips)
    seconds = posteriors.frames.shape[1] * posteriors.seconds_per_frame
    end = np.inf if posteriors.tags_only else seconds
    truth, changes = mended(reference, clips, end, posteriors.seconds_per_frame)
    student = clip_tags(posteriors, detector.settings)
    values = {
        **_psds(posteriors, detector, truth),
        "tags_map": mean_average_precision(student, tags, clips, posteriors.classes),
        "tags_map_teacher": mean_average_precision(
            posteriors.teacher_tags, tags, clips, posteriors.classes
        ),
    }
    heard = {label for events in truth.values() for *_, label in events}
    absent = [label for label in posteriors.classes if label not in heard]
    if absent:
        changes.append(f"classes without a reference event, left out: {some(absent, MOST_ABSENT)}")
    notes = {key: "no class has a reference" for key, value in values.items() if value is None}
    if posteriors.tags_only:
        notes |= {key: "the posteriors have no frames" for key in values if key.startswith("psds")}
    if changes:
        notes["reference"] = "; ".join(changes)
    settings = {
        **{name: asdict(criteria) for name, criteria in SCENARIOS.items()},
        **_decode_settings(detector.settings),
        "seconds_per_clip": seconds,
    }
    return {**values, "settings": settings, "notes": notes}


def _decode_settings(settings: DecodeSettings) -> dict[str, Any]:
    """The settings that matter here; filter_edges only if it is not the default, as before it."""
    default = {"filter_edges"} if settings.filter_edges == "reflect" else set[str]()
    return settings.model_dump(mode="json", exclude=NOT_USED | default)


def _psds(
    posteriors: Posteriors, detector: Detector, truth: ReferenceEvents
) -> dict[str, float | None]:
    """PSDS of both scenarios, as the system decodes and without its gate."""
    if posteriors.tags_only:
        return dict.fromkeys(("psds1", "psds2", "psds1_ungated", "psds2_ungated"))
    found = {}
    step = posteriors.seconds_per_frame
    seconds = len(posteriors.clips) * posteriors.frames.shape[1] * step
    for gate in dict.fromkeys((detector.settings.gate, "none")):
        settings = detector.settings.model_copy(update={"gate": gate})
        scores = (
            row
            for part in parts(posteriors)
            for row in frame_scores(part, detector.windows, settings)
        )
        found[gate] = psds(scores, truth, posteriors.classes, step, seconds)
    ungated = {f"{name}_ungated": value for name, value in found["none"].items()}
    return found[detector.settings.gate] | ungated


def frame_scores(
    posteriors: Posteriors, windows: Mapping[str, Window], settings: DecodeSettings
) -> np.ndarray:
    """Filtered scores, float32 [clips, frames, classes]; -inf where the gate is closed.

    For any t, `frame_scores(...) >= t` equals `resed.decode.filters.active_frames` at threshold t.
    """
    sizes = windows_in_frames(windows, posteriors, settings)
    scores, allowed = gated(posteriors, settings)
    filtered = np.full(scores.shape, -np.inf, dtype=np.float32)
    for index, window in enumerate(sizes):
        chosen = np.flatnonzero(allowed[:, index])
        if not chosen.size:
            continue
        rows = scores[chosen, :, index]
        if settings.filter == "opening_closing":
            rows = opening_closing(rows, window)
        else:
            for _ in range(PASSES[settings.filter]):
                rows = median(rows, window, settings.filter_edges)
        filtered[chosen, :, index] = rows
    return filtered


def median(rows: np.ndarray, window: int, edges: str = "reflect") -> np.ndarray:
    """Running median of rows [rows, frames]; at the ends they are mirrored, or zeros follow.

    The same filter as `resed.decode.filters.majority`, for scores.
    """
    from scipy.ndimage import median_filter

    before = window // 2
    width = ((0, 0), (before, window - 1 - before))
    padded = np.pad(rows, width) if edges == "zeros" else np.pad(rows, width, mode="symmetric")
    # All rows as one: scipy is fast in one dimension only. The padding keeps rows apart.
    found = median_filter(padded.ravel(), window).reshape(padded.shape)
    return found[:, before : before + rows.shape[1]]


def mended(
    reference: Mapping[str, Sequence[Event]], clips: Sequence[str], seconds: float, slack: float
) -> tuple[ReferenceEvents, list[str]]:
    """Reference events in the form that PSDS requires, and notes on the changes.

    Events are cut at the end of the clip, and events of one class that overlap or touch are joined.

    Args:
        seconds: length of a clip.
        slack: seconds by which an event may exceed the clip without a note.
    """
    truth: ReferenceEvents = {}
    cut = late = joined = 0
    for clip in clips:
        found: ReferenceEvents = {}
        for event in sorted(reference.get(clip, ()), key=lambda event: event.onset):
            if event.onset >= seconds:
                late += 1
                continue
            cut += event.offset > seconds + slack
            offset = min(event.offset, seconds)
            before = found.setdefault(event.event_label, [])
            if before and event.onset <= before[-1][1]:
                joined += 1
                onset, last, _ = before.pop()
                before.append((onset, max(last, offset), event.event_label))
            else:
                before.append((event.onset, offset, event.event_label))
        truth[clip] = [event for events in found.values() for event in events]
    counts = {
        f"cut at the end of the clip ({seconds:g} s)": cut,
        f"left out because they begin after the end of the clip ({seconds:g} s)": late,
        "joined with an event of the same class that they overlap or touch": joined,
    }
    return truth, [f"reference events {what}: {count}" for what, count in counts.items() if count]


def mean_average_precision(
    posteriors: np.ndarray,
    tags: Mapping[str, Collection[str]],
    clips: Sequence[str],
    classes: Sequence[str],
) -> float | None:
    """Mean over classes of the average precision of clip posteriors [clips, classes].

    The average precision is the sum over thresholds of precision times gain in recall; equal
    posteriors are one threshold. A clip that `tags` does not list has no tags. Classes without a
    tagged clip are left out; None if no class is left.
    """
    tagged = {label for clip in clips for label in tags.get(clip, ())}
    columns = [index for index, label in enumerate(classes) if label in tagged]
    if not columns:
        return None
    module = sed_scores_eval()
    names = [str(column) for column in columns]
    frame = module.base_modules.scores.create_score_dataframe
    scores = {
        clip: frame(posteriors[row : row + 1, columns], np.array([0.0, 1.0]), names)
        for row, clip in enumerate(clips)
    }
    truth = {
        clip: [str(column) for column in columns if classes[column] in tags.get(clip, ())]
        for clip in clips
    }
    return float(module.clip_based.average_precision(scores, truth)[0]["mean"])


def _refuse_foreign(
    detector: Detector,
    reference: Mapping[str, Sequence[Event]],
    tags: Mapping[str, Collection[str]],
    clips: Sequence[str],
) -> None:
    known = detector.posteriors.classes
    labels = {event.event_label for clip in clips for event in reference.get(clip, ())}
    labels |= {label for clip in clips for label in tags.get(clip, ())}
    foreign = sorted(labels - set(known))
    if foreign:
        raise ScoreError(
            f"class {foreign[0]} of the reference is not a class of {detector.source} "
            f"({some(known, MOST_CLASSES)})",
            cure="use posteriors and reference of the same dataset",
        )
