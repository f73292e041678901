"""Scores without a threshold, which the papers do not have: PSDS1, PSDS2 and clip mAP.

mAP is the mean over classes of the average precision of the clip posteriors. PSDS judges the system
as it decodes, at every frame threshold at once: gated as configured, then filtered with its
windows. The filters are applied to the scores; both median passes, and opening and closing, commute
with a threshold (resed.decode.events says why), so the curve passes through the very events
that the
system decodes at its own threshold. Where the gate is shut the score is -inf: no threshold opens
it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from resed.decode.events import (
    PASSES,
    clip_tags,
    decode_settings,
    gated,
    opening_closing,
    windows_in_frames,
)
from resed.errors import ScoreError
from resed.formats.annotations import Event
from resed.formats.posteriors import Posteriors
from resed.formats.windows import Window, read_windows
from resed.score.psds import SCENARIOS, Truth, psds, sed_scores_eval
from resed.settings import DecodeSettings


@dataclass(frozen=True)
class Detector:
    """Posteriors of one system on one split and how it decodes them; `source` names them."""

    posteriors: Posteriors
    windows: Mapping[str, Window]
    settings: DecodeSettings
    source: str = "the posteriors"

    @classmethod
    def load(cls, posteriors: Path, windows: Path, settings: str = "{}") -> "Detector":
        """Read the files of resed predict and resed calibrate, and decode settings (JSON)."""
        chosen = decode_settings(settings)
        return cls(Posteriors.load(posteriors), read_windows(windows), chosen, str(posteriors))

    def on(self, clips: Sequence[str]) -> Posteriors:
        """The posteriors of `clips`, in that order. ScoreError where one is missing."""
        row = {clip: index for index, clip in enumerate(self.posteriors.clips)}
        missing = [clip for clip in clips if clip not in row]
        if missing:
            raise ScoreError(
                f"clip {missing[0]} is to be scored but is not in {self.source} "
                f"({len(missing)} such); run resed predict on this split again"
            )
        rows = [row[clip] for clip in clips]
        found = self.posteriors
        lost = found.lost_head_tags
        return replace(
            found,
            frames=found.frames[rows],
            tags=found.tags[rows],
            teacher_tags=found.teacher_tags[rows],
            clips=list(clips),
            lost_head_tags=None if lost is None else lost[rows],
        )


def threshold_free(
    detector: Detector,
    reference: Mapping[str, Sequence[Event]],
    tags: Mapping[str, Collection[str]],
    clips: Sequence[str],
) -> dict[str, Any]:
    """psds1, psds2, tags_map and tags_map_teacher over `clips`, as fractions.

    None where no class has a reference; `notes` says so, and what was mended in the reference.
    `reference` and `tags` are the true events and tags. Every clip counts with its nominal length,
    frames times seconds a frame. Raises ScoreError for a clip that the posteriors lack and for a
    reference of other classes.
    """
    posteriors = detector.on(clips)
    _refuse_foreign(detector, reference, tags, clips)
    seconds = posteriors.frames.shape[1] * posteriors.seconds_per_frame
    truth, changes = mended(reference, clips, seconds, posteriors.seconds_per_frame)
    scores = frame_scores(posteriors, detector.windows, detector.settings)
    student = clip_tags(posteriors, detector.settings)
    values = {
        **psds(scores, truth, posteriors.classes, posteriors.seconds_per_frame),
        "tags_map": mean_average_precision(student, tags, clips, posteriors.classes),
        "tags_map_teacher": mean_average_precision(
            posteriors.teacher_tags, tags, clips, posteriors.classes
        ),
    }
    heard = {label for events in truth.values() for *_, label in events}
    absent = [label for label in posteriors.classes if label not in heard]
    if absent:
        changes.append(f"classes left out, for the reference has no event: {', '.join(absent)}")
    notes = {key: "no class has a reference" for key, value in values.items() if value is None}
    if changes:
        notes["reference"] = "; ".join(changes)
    settings = {
        **{name: asdict(criteria) for name, criteria in SCENARIOS.items()},
        **detector.settings.model_dump(mode="json", exclude={"frame_threshold", "tags"}),
        "seconds_per_clip": seconds,
    }
    return {**values, "settings": settings, "notes": notes}


def frame_scores(
    posteriors: Posteriors, windows: Mapping[str, Window], settings: DecodeSettings
) -> np.ndarray:
    """Scores [clips, frames, classes] that reach a threshold where the system decodes activity.

    float32, -inf where the gate is shut. `>= t` is `resed.decode.events.active_frames` at t,
    for any t.
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
                rows = median(rows, window)
        filtered[chosen, :, index] = rows
    return filtered


def median(rows: np.ndarray, window: int) -> np.ndarray:
    """Running median of rows [rows, frames], mirrored at the ends, as
    `resed.decode.events.majority`.
    """
    from scipy.ndimage import median_filter

    before = window // 2
    padded = np.pad(rows, ((0, 0), (before, window - 1 - before)), mode="symmetric")
    # All rows as one: scipy is quick in one dimension only, and no kept window leaves its row.
    found = median_filter(padded.ravel(), window).reshape(padded.shape)
    return found[:, before : before + rows.shape[1]]


def mended(
    reference: Mapping[str, Sequence[Event]], clips: Sequence[str], seconds: float, slack: float
) -> tuple[Truth, list[str]]:
    """Reference events as PSDS takes them, and notes on what had to be changed.

    Cut at the clip's end (`seconds`; less than `slack` beyond it is not worth a note), and events
    of one class that overlap or touch made one.
    """
    truth: Truth = {}
    cut = late = joined = 0
    for clip in clips:
        found: Truth = {}
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
        f"cut at their clip's end ({seconds:g} s)": cut,
        f"left out, for they begin after their clip's end ({seconds:g} s)": late,
        "joined with one of their class that they overlap or touch": joined,
    }
    return truth, [f"reference events {what}: {count}" for what, count in counts.items() if count]


def mean_average_precision(
    posteriors: np.ndarray,
    tags: Mapping[str, Collection[str]],
    clips: Sequence[str],
    classes: Sequence[str],
) -> float | None:
    """Mean over classes of the average precision of clip posteriors [clips, classes].

    Sum over thresholds of the gain in recall times the precision there, equal posteriors taken
    together. A clip that `tags` does not name has none. Classes without a tag are left out; None
    where none is left.
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
            f"the reference has {foreign[0]}, which is none of the classes of {detector.source} "
            f"({', '.join(known)}); give posteriors and reference of one dataset"
        )
