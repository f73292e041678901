"""Baselines that know nothing, or everything: what a number in the tables is worth beside them.

nothing: no event. everything: all classes, the whole clip. prior: each class drawn by its share of
the strong training clips, laid out as in a training clip that has it. own_tags: a system's raw tags
over the whole clip, so that what it gains by localising shows. loudness: the true tags wherever the
clip is 6 dB above its background. reference: the truth itself, which must score 100 %.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resed.config.rows import BASELINES
from resed.config.run import check
from resed.decode.events import Decoded, events_of, majority, tags_of_hot, window_frames
from resed.errors import ScoreError
from resed.formats.annotations import Event, tags_of
from resed.formats.posteriors import Posteriors
from resed.settings import DecodeSettings, FeatureSettings

if TYPE_CHECKING:
    from resed.formats.store import Store

Events = Mapping[str, Sequence[Event]]

GATE_DB = 6.0
BACKGROUND_PERCENTILE = 10
SMOOTHING_S = 0.25  # the shortest event that DESED's annotators marked


@dataclass(frozen=True)
class Split:
    """What the baselines need to know of a split.

    features: natural-log mels [clips, frames, mels], of `spectrum` (magnitude or power).
    """

    clips: list[str]
    classes: list[str]
    features: np.ndarray
    seconds_per_frame: float
    spectrum: str

    @classmethod
    def of(cls, store: "Store", classes: Sequence[str]) -> "Split":
        """The split that an open feature store holds."""
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
    train: Events | None = None,
    posteriors: Posteriors | None = None,
    seed: int = 0,
) -> Decoded:
    """The detections of one baseline for all clips of `split`.

    `prior` needs `train`, `own_tags` needs `posteriors`; ScoreError where they are not given.
    """
    clips, classes = split.clips, split.classes
    if kind == "own_tags":
        if posteriors is None:
            raise ScoreError("sanity own_tags needs --posteriors; give those of the split")
        return own_tags(posteriors, clips, split.seconds)
    if kind == "nothing":
        events: dict[str, list[Event]] = {clip: [] for clip in clips}
    elif kind == "everything":
        events = whole_clip(dict.fromkeys(clips, classes), clips, split.seconds)
    elif kind == "prior":
        if train is None:
            raise ScoreError("sanity prior needs --train-events; give the strong training labels")
        events = prior(train, clips, classes, split.seconds, seed)
    elif kind == "loudness":
        gate = loudness_gate(split.features, split.seconds_per_frame, split.spectrum)
        events = loudness(reference, clips, classes, gate, split.seconds_per_frame)
    elif kind == "reference":
        events = {clip: list(reference.get(clip, ())) for clip in clips}
    else:
        raise ValueError(f"unknown baseline {kind!r}; one of {', '.join(BASELINES)}")
    return from_events(events)


def whole_clip(
    tags: Mapping[str, Sequence[str]], clips: Sequence[str], seconds: float
) -> dict[str, list[Event]]:
    """Every tag of a clip as one event from 0 to `seconds`."""
    return {clip: [Event(clip, 0.0, seconds, tag) for tag in tags.get(clip, ())] for clip in clips}


def prior(
    train: Events, clips: Sequence[str], classes: Sequence[str], seconds: float, seed: int
) -> dict[str, list[Event]]:
    """Random detections by the class priors of `train` (strong labels); seeded.

    A class is drawn for a clip with the probability that a training clip holds it; its onsets and
    offsets are then those of a random training clip that does, cut at `seconds`.
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
    """Frames at least 6 dB above the clip's background, bool [clips, frames].

    `features` are natural-log mels [clips, frames, mels] of a `spectrum` (magnitude or power); the
    background is the 10th percentile of the clip's frame levels. Smoothed by a median of 0.25 s.
    """
    exponent = 2.0 if spectrum == "magnitude" else 1.0
    gate = np.zeros(features.shape[:2], dtype=bool)
    for row, clip in enumerate(features):  # clip by clip: the store need not fit into memory
        power = np.exp(exponent * clip.astype(np.float64)).sum(axis=1)
        level = 10 * np.log10(np.maximum(power, 1e-30))
        gate[row] = level >= np.percentile(level, BACKGROUND_PERCENTILE) + GATE_DB
    return majority(gate, window_frames(SMOOTHING_S, seconds_per_frame))


def loudness(
    reference: Events,
    clips: Sequence[str],
    classes: Sequence[str],
    gate: np.ndarray,
    seconds_per_frame: float,
) -> dict[str, list[Event]]:
    """The reference's tags wherever `gate` [clips, frames] is open."""
    true = tags_of(reference)
    hot = np.array([[label in true.get(clip, ()) for label in classes] for clip in clips], bool)
    active = gate[:, :, None] & hot.reshape(len(clips), 1, len(classes))
    return events_of(active, list(clips), list(classes), seconds_per_frame)


def own_tags(posteriors: Posteriors, clips: Sequence[str], seconds: float) -> Decoded:
    """A system's raw tags (at 0.5) over the whole clip. Raises ScoreError for missing clips."""
    known = set(posteriors.clips)
    missing = [clip for clip in clips if clip not in known]
    if missing:
        raise ScoreError(
            f"clip {missing[0]} has no posteriors ({len(missing)} such); "
            "give the posteriors and the store of one and the same split"
        )
    limit = DecodeSettings().tag_threshold
    raw = tags_of_hot(posteriors.tags >= limit, posteriors.clips, posteriors.classes)
    teacher = tags_of_hot(posteriors.teacher_tags >= limit, posteriors.clips, posteriors.classes)
    raw = {clip: raw[clip] for clip in clips}
    return Decoded(
        whole_clip(raw, clips, seconds), raw, raw, {clip: teacher[clip] for clip in clips}
    )


def from_events(events: dict[str, list[Event]]) -> Decoded:
    """A decoding whose tags, raw and teacher's too, are the classes of its events."""
    tags = tags_of(events)
    return Decoded(events, tags, tags, tags)
