"""What the clip browser shows, as types: clips, lanes, curves, sound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from resed.formats.annotations import Event


@dataclass(frozen=True)
class Lane:
    """The events of one system in a clip, in seconds from its start.

    Attributes:
        events: detected events.
        kinds: index of KINDS per detected event; empty without a reference.
        reference_kinds: the same per event of the reference.
    """

    events: Sequence[Event]
    kinds: Sequence[int] = ()
    reference_kinds: Sequence[int] = ()


@dataclass(frozen=True)
class Curves:
    """Frame posteriors of a clip: class -> values of equal steps; `seconds` in total."""

    seconds: float
    values: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class ClipSound:
    """The sound of a clip.

    Attributes:
        wave: float32 [samples] at sound.RATE; None if it is not here.
        copied: whether the page may carry it.
        address: of the file that plays instead, relative to the page; "" if there is none.
        note: why it is not carried, or where it comes from; may be empty.
        credits: one line per recording in it.
    """

    wave: np.ndarray | None = None
    copied: bool = False
    address: str = ""
    note: str = ""
    credits: Sequence[str] = ()


@dataclass(frozen=True)
class ShownClip:
    """A clip, or a part of a longer recording.

    Attributes:
        group: index of its split, or of its recording.
        name: file name.
        start, seconds: the part of the file, in seconds.
        reference: true events; empty without a reference.
        lanes: one per system.
    """

    group: int
    name: str
    start: float
    seconds: float
    reference: Sequence[Event] = ()
    lanes: Sequence[Lane] = ()


@dataclass(frozen=True)
class Totals:
    """Events of all clips of a split by class and kind: int [classes, kinds], and the clips."""

    clips: int
    counts: np.ndarray


@dataclass(frozen=True)
class Collection:
    """All clips that can be shown, and what is known of all of them.

    Attributes:
        title: the heading of the page.
        notes: paragraphs below it.
        grouped: what a group is: "Split" or "Recording".
        groups: names of the groups.
        classes: labels.
        systems: titles of the lanes.
        curve_of: index of the curves of each system; several systems may share a checkpoint.
        clips: all of them, before the selection.
        strata: bool [clips, strata]: see resed.browse.selection.
        totals: (group, system) -> totals; empty without a reference.
        pages: title and address of the other pages.
    """

    title: str
    notes: Sequence[str]
    grouped: str
    groups: Sequence[str]
    classes: Sequence[str]
    systems: Sequence[str]
    curve_of: Sequence[int]
    clips: Sequence[ShownClip]
    strata: np.ndarray
    totals: Mapping[tuple[int, int], Totals] = field(default_factory=dict)
    pages: Sequence[tuple[str, str]] = ()

    @property
    def has_reference(self) -> bool:
        """Whether events are compared with a reference."""
        return bool(self.totals)
