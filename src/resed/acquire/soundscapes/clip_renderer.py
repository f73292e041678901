"""Render any clip of a split by its name."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import soundfile

from resed.acquire.soundscapes.mixing import PlacedSound, RenderedClip, drawn_sounds, render_clip
from resed.acquire.soundscapes.scenes import ClipSeed
from resed.acquire.soundscapes.settings import Soundscapes
from resed.acquire.soundscapes.signals import SAMPLE_RATE
from resed.acquire.soundscapes.soundbank import Soundbank


@dataclass(frozen=True)
class ClipContent:
    """The given content of a clip; everything else is drawn.

    Attributes:
        number: seeds the random draws of the clip.
        events: its events; None if they are drawn.
        tags: its classes, if only the times are drawn.
    """

    number: int
    events: Sequence[PlacedSound] | None = None
    tags: Sequence[str] | None = None


@dataclass(frozen=True)
class ClipRenderer:
    """Renders the clips of one split; `contents` maps a file name to the content of the clip."""

    bank: Soundbank
    soundscapes: Soundscapes
    split: str
    seed: int
    contents: Mapping[str, ClipContent]

    def render(self, name: str) -> RenderedClip:
        """Render a clip; equal arguments give equal samples."""
        given = self.contents[name].events
        if given is None and self.contents[name].tags is not None:
            given = self.drawn_sounds(name)
        return render_clip(
            self.bank,
            self.soundscapes.splits[self.split],
            self._clip_seed(name),
            labels=self._labels,
            filename=name,
            given=given,
        )

    def drawn_sounds(self, name: str) -> list[PlacedSound]:
        """Draw the sounds of a clip without rendering it."""
        split, tags = self.soundscapes.splits[self.split], self.contents[name].tags
        return drawn_sounds(split, self._clip_seed(name), self._labels, tags)

    @property
    def _labels(self) -> dict[str, str]:
        """Label of the real task -> class of the dataset."""
        return {item.follows: label for label, item in self.soundscapes.classes.items()}

    def _clip_seed(self, name: str) -> ClipSeed:
        return ClipSeed(self.seed, self.split, self.contents[name].number)


def wav_bytes(clip: RenderedClip) -> bytes:
    """A clip as a WAV file."""
    sound = io.BytesIO()
    soundfile.write(sound, clip.samples, SAMPLE_RATE, subtype="PCM_16", format="WAV")
    return sound.getvalue()
