"""The usable clips of a split, and estimates that have more than them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from resed.errors import ScoreError, counted, some
from resed.formats.manifest import read_manifest

Content = TypeVar("Content")


@dataclass(frozen=True)
class UsableClips:
    """The clips of a manifest.

    Attributes:
        clips: the usable clips of the split.
        listed: all clips of the manifest, of every split and status.
    """

    clips: tuple[str, ...]
    listed: frozenset[str]

    @classmethod
    def of(cls, manifest: Path, split: str) -> "UsableClips":
        """Read them. Raises ScoreError for a split without a usable clip."""
        rows = read_manifest(manifest)
        usable = rows[(rows["split"] == split) & (rows["status"] == "ok")]["filename"]
        if usable.empty:
            problem = f"no usable clip of {split}"
            raise ScoreError(problem, place=manifest, cure="use another --split, or audit again")
        return cls(tuple(usable), frozenset(rows["filename"]))

    def only(
        self, content: Mapping[str, Content], path: Path, reference: Collection[str]
    ) -> tuple[dict[str, Content], list[str]]:
        """The content of an estimate in usable clips, and a note on what is left out.

        Raises ScoreError for a clip that neither the manifest nor the reference lists.
        """
        refuse_unknown(path, content, {*reference, *self.listed}, "the dataset")
        usable = set(self.clips)
        others = [clip for clip in content if clip not in usable]
        if not others:
            return dict(content), []
        note = (
            f"{counted(len(others), 'clip')} of {path} are left out, because they are not usable "
            f"clips of this split ({some(others)})"
        )
        return {clip: found for clip, found in content.items() if clip in usable}, [note]


def refuse_unknown(
    path: Path, clips: Collection[str], known: Collection[str], place: Path | str
) -> None:
    """Raise ScoreError for an estimated clip that is not known, because no score could count it."""
    strange = [clip for clip in clips if clip not in known]
    if strange:
        raise ScoreError(
            f"clip {strange[0]} is not a clip of {place} ({len(strange)} such)",
            place=path,
            cure="remove it, or write each name as in the reference",
        )
