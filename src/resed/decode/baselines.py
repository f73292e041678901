"""Trivial baselines and oracles, to compare the scores of systems with.

nothing: no event. everything: all classes over the whole clip. prior: each class with the
probability that a strong training clip contains it, at the times of such a clip. own_tags: the raw
tags of a system over the whole clip, which shows what the system gains by localisation. loudness:
the true tags where the clip is 6 dB above its background. reference: the reference events, which
score 100 %.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resed.config.loading import check
from resed.config.rows import BASELINES
from resed.decode.events import Decoded, events_of, tags_of_hot, window_frames
from resed.decode.filters import majority
from resed.errors import ScoreError
from resed.formats.annotations import Event, tags_of
from resed.formats.posteriors import Posteriors
from resed.settings import DecodeSettings, FeatureSettings

if TYPE_CHECKING:
    from resed.formats.store import Store

Events = Mapping[str, Sequence[Event]]

GATE_DB = 6.0
BACKGROUND_PERCENTILE = 10
SMOOTHING_S = 0.25  # the shortest event of DESED


@dataclass(frozen=True)
class Split:
    """The data of a split from which baselines are made.

    Attributes:
        features: natural-log mels [clips, frames, mels] of a `spectrum` (magnitude or power).
    """

    clips: list[str]
    classes: list[str]
    features: np.ndarray
    seconds_per_frame: float
    spectrum: str

    @classmethod
    def of(cls, store: "Store", classes: Sequence[str]) -> "Split":
        """The split of an open feature store."""
        settings = check(FeatureSettings, store.settings, "store.settings")
        return cls(
            list(store.clips),
            list(classes),
            store.features,
            settings.seconds_per_frame,
            settings.spectrum,
        )

    @property
    def seconds(self) -> float:
        """Seconds of a clip."""
        return self.features.shape[1] * self.seconds_per_frame


def baseline(
    kind: str,
    split: Split,
    reference: Events,
    *,
    train: Events | None = None,
    posteriors: Posteriors | None = None,
    seed: int = 0,
) -> Decoded:
    """The detections of one baseline for all clips of `split`.

    Raises:
        ScoreError: `prior` without `train`, or `own_tags` without `posteriors`.
    """
    clips, classes = split.clips, split.classes
    if kind == "own_tags":
        if posteriors is None:
            cure = "use the posteriors of the split"
            raise ScoreError("the baseline own_tags requires --posteriors", cure=cure)
        return own_tags(posteriors, clips, split.seconds)
    if kind == "nothing":
        events: dict[str, list[Event]] = {clip: [] for clip in clips}
    elif kind == "everything":
        events = whole_clip(dict.fromkeys(clips, classes), clips, split.seconds)
    elif kind == "prior":
        if train is None:
            cure = "use the strong training labels"
            raise ScoreError("the baseline prior requires --train-events", cure=cure)
        events = prior(train, clips, classes, seconds=split.seconds, seed=seed)
    elif kind == "loudness":
        gate = loudness_gate(split.features, split.seconds_per_frame, split.spectrum)
        events = loudness(
            reference, clips, classes, gate=gate, seconds_per_frame=split.seconds_per_frame
        )
    elif kind == "reference":
        events = {clip: list(reference.get(clip, ())) for clip in clips}
    else:
        raise ValueError(f"unknown baseline {kind!r}; one of {', '.join(BASELINES)}")
    return from_events(events)


def whole_clip(
    tags: Mapping[str, Sequence[str]], clips: Sequence[str], seconds: float
) -> dict[str, list[Event]]:
    """One event from 0 to `seconds` per tag of a clip."""
    return {clip: [Event(clip, 0.0, seconds, tag) for tag in tags.get(clip, ())] for clip in clips}


def prior(
    train: Events, clips: Sequence[str], classes: Sequence[str], *, seconds: float, seed: int
) -> dict[str, list[Event]]:
    """Random detections by the class priors of `train` (strong labels).

    A clip has a class with the probability that a training clip has it; onsets and offsets are
    those of a random training clip with that class, cut at `seconds`.
    """
    generator = np.random.default_rng(seed)
    holders: dict[str, list[list[Event]]] = {label: [] for label in classes}
    for events in train.values():
        for label in {event.event_label for event in events} & set(holders):
            holders[label].append([event for event in events if event.event_label == label])
    found: dict[str, list[Event]] = {}
    for clip in clips:
        found[clip] = []
        for label in classes:
            if generator.random() >= len(holders[label]) / max(1, len(train)):
                continue
            layout = holders[label][generator.integers(len(holders[label]))]
            found[clip] += [
                Event(clip, event.onset, min(event.offset, seconds), label)
                for event in layout
                if event.onset < seconds
            ]
        found[clip].sort(key=lambda event: event.onset)
    return found


def loudness_gate(features: np.ndarray, seconds_per_frame: float, spectrum: str) -> np.ndarray:
    """Frames at least 6 dB above the background of the clip, bool [clips, frames].

    The background is the 10th percentile of the frame levels of the clip. The gate is smoothed by a
    median of 0.25 s.

    Args:
        features: natural-log mels [clips, frames, mels].
        spectrum: magnitude or power.
    """
    exponent = 2.0 if spectrum == "magnitude" else 1.0
    gate = np.zeros(features.shape[:2], dtype=bool)
    for row, clip in enumerate(features):  # clip by clip, because the store may exceed the memory
        power = np.exp(exponent * clip.astype(np.float64)).sum(axis=1)
        level = 10 * np.log10(np.maximum(power, 1e-30))
        gate[row] = level >= np.percentile(level, BACKGROUND_PERCENTILE) + GATE_DB
    return majority(gate, window_frames(SMOOTHING_S, seconds_per_frame))


def loudness(
    reference: Events,
    clips: Sequence[str],
    classes: Sequence[str],
    *,
    gate: np.ndarray,
    seconds_per_frame: float,
) -> dict[str, list[Event]]:
    """The true tags of a clip where `gate` [clips, frames] is open."""
    true = tags_of(reference)
    hot = np.array([[label in true.get(clip, ()) for label in classes] for clip in clips], bool)
    active = gate[:, :, None] & hot.reshape(len(clips), 1, len(classes))
    return events_of(active, list(clips), list(classes), seconds_per_frame)


def own_tags(posteriors: Posteriors, clips: Sequence[str], seconds: float) -> Decoded:
    """The raw tags (at 0.5) of a system over the whole clip; ScoreError for missing clips."""
    known = set(posteriors.clips)
    missing = [clip for clip in clips if clip not in known]
    if missing:
        cure = "use the posteriors and the store of the same split"
        raise ScoreError(f"clip {missing[0]} has no posteriors ({len(missing)} such)", cure=cure)
    limit = DecodeSettings().tag_threshold
    raw = tags_of_hot(posteriors.tags >= limit, posteriors.clips, posteriors.classes)
    teacher = tags_of_hot(posteriors.teacher_tags >= limit, posteriors.clips, posteriors.classes)
    raw = {clip: raw[clip] for clip in clips}
    return Decoded(
        whole_clip(raw, clips, seconds), raw, raw, {clip: teacher[clip] for clip in clips}
    )


def from_events(events: dict[str, list[Event]]) -> Decoded:
    """Detections whose tags, raw tags and teacher tags are the classes of the events."""
    tags = tags_of(events)
    return Decoded(events, tags, tags, tags)
