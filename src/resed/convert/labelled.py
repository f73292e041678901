"""Clips with their labels, as they are between two formats, and the formats."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from resed.errors import AnnotationError
from resed.formats.annotations import CHANGED, clip_name_of
from resed.formats.regions import Region

Kind = Literal["tsv", "csv", "audacity", "raven"]
KINDS: tuple[Kind, ...] = ("tsv", "csv", "audacity", "raven")
TABLES = ("tsv", "csv")  # one file for all clips, in the columns of DESED
PER_CLIP = ("audacity", "raven")  # one file per sound file


@dataclass
class LabelledClips:
    """Clips in the order of their files.

    Attributes:
        clips: name of the sound file -> its labels.
        tags: the labels have no times: they are those of weak labels, at 0 s.
        notes: what was assumed or left out, one sentence each.
    """

    clips: dict[str, list[Region]] = field(default_factory=dict)
    tags: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def labels(self) -> int:
        """Number of all labels."""
        return sum(map(len, self.clips.values()))

    @property
    def empty(self) -> list[str]:
        """Clips without a label."""
        return [clip for clip, regions in self.clips.items() if not regions]


Folders = Literal["any", "below", "none"]
CURES = {
    "any": "write names without tabs, and spaces at the ends",
    "below": "write names in folders below TO, such as site/a.wav, without tabs, and spaces at the "
    "ends",
    "none": "give a folder, for one table per file, or write names without folders, tabs, and "
    "spaces at the ends",
}


def check_clip_names(clips: Iterable[str], place: object, folders: Folders = "none") -> None:
    """Raise AnnotationError for a name that could not be read back.

    Args:
        folders: those that names may contain: any, as in a table; those below the place, where each
            sound file has a file of labels; or none.
    """
    for clip in clips:
        leads = clip in ("", ".", "..")
        if folders == "below":
            leads = "\\" in clip or not {"", ".", ".."}.isdisjoint(clip.split("/"))
        elif folders == "none":
            leads |= not {"/", "\\"}.isdisjoint(clip)
        if leads or CHANGED.search(clip) or clip_name_of(clip) != clip:
            problem = f"{clip!r} is not the name of a sound file"
            raise AnnotationError(problem, place=place, cure=CURES[folders])
