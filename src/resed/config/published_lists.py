"""The key `lists` of a dataset file: published lists from which acquire writes annotations.

The lists have the form of those of AudioSet (resed.formats.segment_lists).
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, model_validator

from resed.config.inside_path import WithoutWildcard
from resed.settings import Positive, Seed, Strict

MOST_LISTS = 100  # of a split
Lists = Annotated[list[WithoutWildcard], Field(min_length=1, max_length=MOST_LISTS)]


class DrawnSplit(Strict):
    """Clips that are drawn from lists of training clips, which then lack them.

    The clips with the lowest SHA-256 of `{seed} {id}` are drawn: the order of the lists is of no
    account, and a clip that leaves a list changes one clip of the draw.
    """

    split: str
    lists: Lists
    clips: Positive
    seed: Seed = 0


class PublishedLists(Strict):
    """Paths of published lists below the root of the dataset.

    Attributes:
        classes: list of the classes: index, mid, display_name.
        segments: split -> its lists of segments.
        draw: a further split, of clips of these lists; None: there is none.
    """

    classes: WithoutWildcard
    segments: Annotated[dict[str, Lists], Field(min_length=1)]
    draw: DrawnSplit | None = None

    @property
    def splits(self) -> dict[str, list[str]]:
        """Split -> the lists from which its annotations are made."""
        return self.segments | ({self.draw.split: self.draw.lists} if self.draw else {})

    @property
    def files(self) -> list[str]:
        """All lists, each once."""
        found = [path for lists in self.segments.values() for path in lists]
        return list(dict.fromkeys([self.classes, *found]))

    @model_validator(mode="after")
    def _each_list_once(self) -> "PublishedLists":
        named = [path for lists in self.segments.values() for path in lists]
        if len({*named}) < len(named):
            raise ValueError("a list is named twice; a clip belongs to one split")
        if self.draw is None:
            return self
        if self.draw.split in self.segments:
            raise ValueError(f"{self.draw.split} is drawn and has lists; remove one of them")
        if unknown := [path for path in self.draw.lists if path not in named]:
            raise ValueError(f"draws from {unknown[0]}, which is no list of a split; add it there")
        if len({*self.draw.lists}) < len(self.draw.lists):
            raise ValueError("draw names a list twice; name it once")
        return self


def lists_problem(lists: PublishedLists, labels: Mapping[str, str]) -> str:
    """Why lists do not fit the splits, given with their kind of labels; "" if they do."""
    for split in lists.splits:
        if split not in labels:
            return f"has lists of {split}, which is no split of the dataset"
        if labels[split] != "weak":
            return f"has lists of {split}, whose labels are {labels[split]}; lists have weak labels"
    return ""
