"""Encode the chosen clips, as many as the bounds allow."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from resed.browse.contents import ClipSound, Collection, Curves, ShownClip
from resed.browse.picture import SUFFIX, spectrogram
from resed.browse.selection import ranking
from resed.browse.sound import RATE
from resed.config.stages import BrowseSettings
from resed.escaping import one_line, plain
from resed.formats.annotations import Event
from resed.formats.media_list import FOLDER
from resed.formats.ogg_writer import vorbis

LOWEST = 0.1  # highest posterior of a class whose curve is carried
LINE = 120  # bytes of the list of files per file, at most
LONGEST_NAME = 300  # characters on the page
Entry = dict[str, Any]


class ClipSource(Protocol):
    """Where clips come from."""

    def sounds(self, clips: Sequence[ShownClip]) -> Iterator[tuple[ShownClip, ClipSound]]:
        """The sound of each clip, in any order."""

    def curves(self, clips: Sequence[ShownClip]) -> list[dict[int, Curves]]:
        """The curves of each clip."""


@dataclass(frozen=True)
class Carried:
    """The chosen clips as the page has them.

    Attributes:
        entries: JSON values of each clip.
        files: path in the folder of the page -> content.
        candidates: number of clips of which they are chosen.
    """

    entries: list[Entry]
    files: dict[str, bytes]
    candidates: int


def carry(
    collection: Collection,
    source: ClipSource,
    settings: BrowseSettings,
    size_of_page: int,
    *,
    advance: Callable[[int], None] = lambda count: None,
) -> Carried:
    """Choose clips and encode their sound and spectrograms.

    Args:
        size_of_page: bytes of the page without clips.
        advance: called with the number of clips that are done.
    """
    chosen = ranking(collection.strata, settings.seed)[: settings.clips]
    clips = [collection.clips[index] for index in chosen]
    rank = {id(clip): place for place, clip in enumerate(clips)}
    encoded: list[tuple[Entry, bytes, bytes] | None] = [None] * len(clips)
    curves = source.curves(clips)
    for clip, sound in source.sounds(clips):
        place = rank[id(clip)]
        entry = entry_of(collection, clip, sound, curves[place])
        encoded[place] = entry, *_encoded(sound)
        advance(1)
    limit, kept = settings.megabytes * 1e6 - size_of_page, []
    for one in filter(None, encoded):
        limit -= len(json.dumps(one[0])) + len(one[1]) + len(one[2]) + 2 * LINE
        if limit < 0:
            break
        kept.append(one)
    kept.sort(key=lambda one: (one[0]["group"], one[0]["name"], one[0]["start"]))
    files: dict[str, bytes] = {}
    for number, (entry, sound, picture) in enumerate(kept, start=1):
        for key, suffix, content in (("sound", ".ogg", sound), ("picture", SUFFIX, picture)):
            if content:
                entry[key] = f"{FOLDER}/{number:03d}{suffix}"
                files[entry[key]] = content
    return Carried([one[0] for one in kept], files, len(collection.clips))


def _encoded(sound: ClipSound) -> tuple[bytes, bytes]:
    """Sound and picture of a clip; empty if it has none."""
    if sound.wave is None or not len(sound.wave):
        return b"", b""
    return vorbis(sound.wave, RATE) if sound.copied else b"", spectrogram(sound.wave, RATE)


def entry_of(
    collection: Collection, clip: ShownClip, sound: ClipSound, curves: Mapping[int, Curves]
) -> Entry:
    """The JSON values of a clip; classes are indices. Text is without control characters."""
    column = {label: index for index, label in enumerate(collection.classes)}
    seconds = clip.seconds if sound.wave is None else min(clip.seconds, len(sound.wave) / RATE)

    def spans(events: Sequence[Event]) -> list[list[float]]:
        return [
            [column[one.event_label], round(one.onset, 3), round(one.offset, 3)] for one in events
        ]

    there = {one.event_label for one in clip.reference}
    there |= {one.event_label for lane in clip.lanes for one in lane.events}
    return {
        "group": clip.group,
        "name": one_line(clip.name, LONGEST_NAME),
        "start": round(clip.start, 3),
        "seconds": round(seconds, 3),
        "sound": "",
        "picture": "",
        "local": sound.address,
        "note": plain(sound.note),
        "credits": [one_line(credit) for credit in sound.credits],
        "reference": spans(clip.reference),
        "lanes": [spans(lane.events) for lane in clip.lanes],
        "kinds": [[int(kind) for kind in lane.kinds] for lane in clip.lanes],
        "reference_kinds": [[int(kind) for kind in lane.reference_kinds] for lane in clip.lanes],
        "curves": {
            str(index): {
                "seconds": round(one.seconds, 3),
                "values": {
                    str(column[label]): _packed(values)
                    for label, values in one.values.items()
                    if label in column and (label in there or values.max() >= LOWEST)
                },
            }
            for index, one in curves.items()
        },
    }


def _packed(values: np.ndarray) -> str:
    """Values from 0 to 1 as bytes in base64."""
    octets = (255 * np.clip(values, 0, 1)).round().astype(np.uint8)
    return base64.b64encode(octets.tobytes()).decode("ascii")
