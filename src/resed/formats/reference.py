"""The reference of scores: the strong labels of the part of each clip that systems process."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from resed.formats.annotations import Event, read_events, read_tags, tags_of

COLLAR_S, COLLAR_SHARE = 0.2, 0.2  # of offsets: seconds, share of the event


def read_reference(
    path: Path | str, classes: Sequence[str] | None = None, until: float | None = None
) -> dict[str, list[Event]]:
    """Read strong labels as `read_events`, up to `until` seconds of each clip; None: all.

    Raises the errors of `read_events`.
    """
    events = read_events(path, classes)
    return events if until is None else {c: _until(found, until) for c, found in events.items()}


def read_reference_tags(
    path: Path | str,
    labels: str,
    classes: Sequence[str] | None = None,
    until: float | None = None,
) -> dict[str, tuple[str, ...]]:
    """True tags by clip: weak `labels` as they are, or the classes of the events of strong ones.

    Raises the errors of `read_events`.
    """
    if labels == "weak":
        return read_tags(path, classes)
    return tags_of(read_reference(path, classes, until))


def _until(events: Sequence[Event], until: float) -> list[Event]:
    """Events that begin before `until`; offsets that no system could find there end at it."""
    kept = [event for event in events if event.onset < until]
    return [replace(event, offset=until) if is_cut(event, until) else event for event in kept]


def is_late(event: Event, until: float) -> bool:
    """Whether an event begins after the part that systems process."""
    return event.onset >= until


def is_cut(event: Event, until: float) -> bool:
    """Whether a system that processes a clip until `until` cannot find the offset of an event.

    Offsets within the collar of event-based F1 can be found, and stay as annotated.
    """
    collar = max(COLLAR_S, COLLAR_SHARE * (event.offset - event.onset))
    return event.onset < until and event.offset - until > collar


def note_on_late_events(
    events: Mapping[str, Sequence[Event]], until: float, path: Path | str
) -> list[str]:
    """How many events `read_reference` leaves out or cuts, in a sentence; [] if none."""
    late = sum(is_late(event, until) for found in events.values() for event in found)
    cut = sum(is_cut(event, until) for found in events.values() for event in found)
    parts = [f"{late} begin later and are left out"] if late else []
    parts += [f"{cut} reach past it and end there"] if cut else []
    total = sum(map(len, events.values()))
    what = f"of {total} events of {path}, {' and '.join(parts)}"
    return [f"the reference ends at {until:g} s: {what}"] if parts else []
