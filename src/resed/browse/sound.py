"""The sound of clips of a run, as far as the dataset file and licences allow copies of it."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from resed.acquire.clip_reader import ClipReader, FileReader, clip_reader
from resed.acquire.soundscapes.recipe import read_recipe
from resed.acquire.soundscapes.soundbank_list import attributions
from resed.browse.contents import ClipSound
from resed.config.dataset import Dataset
from resed.errors import ResedError
from resed.formats.acquired_audio import is_file
from resed.formats.audio import decode
from resed.formats.clip_names import clip_file

if TYPE_CHECKING:
    from resed.acquire.soundscapes.clip_renderer import ClipRenderer

RATE = 44_100  # Hz of the sound that is carried
# Licences that allow copies of mixes: CC0 and CC BY, not BY-NC, BY-SA, BY-ND or Sampling+.
PUBLIC, BY = re.compile(r"CC[ -]?0.*", re.IGNORECASE), re.compile(r"CC[ -]BY([ -][\d.]+)?", re.I)
MOST_CREDITS = 20


@dataclass(frozen=True)
class SplitSound:
    """Reads clips of one split of a run.

    Attributes:
        page: folder of the page, from which local files are addressed.
        seconds: the longest part of a clip that is read.
    """

    dataset: Dataset
    root: Path
    split: str
    page: Path
    seconds: float

    def __call__(self, name: str) -> ClipSound:
        """The sound of a clip.

        Raises AudioError for a damaged file, and the errors of `resed.acquire.clip_reader`.
        """
        address = self._address(name)
        if self.dataset.sound == "local":
            note = "the dataset file does not allow copies"
            return ClipSound(self._wave(name), False, address, note)
        if self.dataset.sound == "copied":
            return ClipSound(self._wave(name), True, address)
        renderer, authors, obstacle = self._mixer
        if renderer is None:
            return ClipSound(self._wave(name), False, address, obstacle)
        clip = renderer.render(name)
        credits, obstacle = credited(list(dict.fromkeys(clip.sources)), authors)
        wave = clip.samples.astype(np.float32) / np.float32(32767)
        return ClipSound(wave, not obstacle, address, obstacle, credits)

    @cached_property
    def _mixer(self) -> "tuple[ClipRenderer | None, Mapping[str, Mapping[str, str]], str]":
        """What renders the clips again, and whose the recordings are; or why it is not known."""
        recipe = read_recipe(self.root, self.split)
        bank = recipe and recipe.soundbank
        if recipe is None or not bank or not Path(bank).is_dir():
            return None, {}, "the recordings in it are not known, because the soundbank is not here"
        try:
            return recipe.renderer(self.root), attributions(bank), ""
        except ResedError as error:
            return None, {}, f"the recordings in it are not known: {error.place} {error.problem}"

    def _wave(self, name: str) -> np.ndarray | None:
        """The waveform; None if the clip is not here."""
        handle = self._reader(name)
        if handle is None:
            return None
        with handle:
            return decode(handle, name, RATE, max(1, round(RATE * self.seconds)))

    @cached_property
    def _reader(self) -> ClipReader:
        return clip_reader(self.dataset, self.root, self.split)

    def _address(self, name: str) -> str:
        if not isinstance(self._reader, FileReader):
            return ""
        return address_of(clip_file(self._reader.folder, name), self.page)


def address_of(path: Path, page: Path) -> str:
    """Address of a file as seen from a page in the folder `page`; "" if there is no such file."""
    if not is_file(path):
        return ""
    place = os.path.relpath(path.absolute(), page.resolve())
    return quote(os.fsencode(Path(place).as_posix()))


def credited(
    names: Sequence[str], authors: Mapping[str, Mapping[str, str]]
) -> tuple[list[str], str]:
    """Credits of recordings, and why they may not be copied; "" if they may be.

    Args:
        authors: name of a recording -> title, author, url and license.
    """
    credits = []
    for name in names:
        known = authors.get(name, {})
        licence, author = known.get("license", "").strip(), known.get("author", "").strip()
        if not licence:
            return [], f"the list of the soundbank has no licence of {name}"
        if not (PUBLIC.fullmatch(licence) or BY.fullmatch(licence)):
            return [], f"{name} has the licence {licence}"
        if BY.fullmatch(licence) and not author:
            return [], f"the list of the soundbank has no author of {name}"
        title, address = known.get("title") or name, known.get("url", "")
        parts = [f"{title} by {author}" if author else title, licence, address]
        credits.append(", ".join(filter(None, parts)))
    if len(credits) > MOST_CREDITS:
        return [], f"{len(credits)} recordings are in it"
    return credits, ""
