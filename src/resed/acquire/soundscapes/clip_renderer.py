"""Render any clip of a split by its name: everything that takes, and the bytes that come out."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import soundfile

from resed.acquire.soundscapes.mixing import Clip, Sound, drawn_sounds, render_clip
from resed.acquire.soundscapes.settings import Soundscapes
from resed.acquire.soundscapes.signals import SAMPLE_RATE
from resed.acquire.soundscapes.soundbank import Soundbank


@dataclass(frozen=True)
class Scene:
    """What is known of a clip before it is rendered.

    number: of its random draws; events: what happens when, None: drawn; tags: its classes, where
    only the times are drawn.
    """

    number: int
    events: Sequence[Sound] | None = None
    tags: Sequence[str] | None = None


@dataclass(frozen=True)
class Job:
    """Everything a process needs to render any clip of one split."""

    bank: Soundbank
    soundscapes: Soundscapes
    split: str
    seed: int
    scenes: Mapping[str, Scene]  # by file name

    @property
    def labels(self) -> dict[str, str]:
        """The real task's label -> the dataset's class."""
        return {item.follows: label for label, item in self.soundscapes.classes.items()}

    def render(self, name: str) -> Clip:
        """A clip; equal recipes give equal samples."""
        scene, split = self.scenes[name], self.soundscapes.splits[self.split]
        where = (self.labels, self.seed, self.split, scene.number)
        given = scene.events
        if given is None and scene.tags is not None:
            given = drawn_sounds(split, *where, scene.tags)
        return render_clip(self.bank, split, *where, name, given)


def wav(clip: Clip) -> bytes:
    """A clip as the bytes of a WAV file."""
    sound = io.BytesIO()
    soundfile.write(sound, clip.samples, SAMPLE_RATE, subtype="PCM_16", format="WAV")
    return sound.getvalue()
