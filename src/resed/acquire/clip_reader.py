"""The bytes of a split's clips, wherever they are: files below the dataset's root, or a recipe."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from resed.config.dataset import Dataset

if TYPE_CHECKING:
    from resed.acquire.soundscapes.clip_renderer import Job

ClipReader = Callable[[str], bytes | None]


@dataclass(frozen=True)
class FileReader:
    """Reads the files of one folder; small when passed on to another process."""

    folder: Path

    def __call__(self, filename: str) -> bytes | None:
        """The bytes of a clip, None where there is no such file; OSError where it is unreadable."""
        path = self.folder / filename
        return path.read_bytes() if path.is_file() else None


@dataclass(frozen=True)
class RecipeReader:
    """Renders clips that are not kept; each process loads the soundbank when it needs it."""

    root: Path
    recipe: str  # as JSON: small to pass on, and equal recipes share what was loaded

    def __call__(self, filename: str) -> bytes | None:
        """The bytes that the clip's file would have, None where the recipe has no such clip.

        Raises DatasetError where soundbank or annotations are not those of the recipe any more.
        """
        from resed.acquire.soundscapes.clip_renderer import wav

        job = _job(self.root, self.recipe)
        return wav(job.render(filename)) if filename in job.scenes else None


def clip_reader(dataset: Dataset, root: Path | str, split: str) -> ClipReader:
    """A function from a clip's file name to its bytes; None where the clip is missing.

    Where acquire kept no audio (`keep_audio: false`) each call renders its clip, whatever files lie
    there: they may be of other settings. The function can be passed to other processes. Raises
    OSError where a file cannot be read, ResedError where a recipe cannot be followed.
    """
    root = Path(root)
    if dataset.kind == "soundscapes":
        from resed.acquire.soundscapes.recipe import read_recipe

        recipe = read_recipe(root, split)
        if recipe is not None and recipe.audio != "kept":
            return RecipeReader(root, recipe.model_dump_json())
    return FileReader(root / dataset.splits[split].audio)


@functools.lru_cache(maxsize=1)
def _job(root: Path, recipe: str) -> "Job":
    from resed.acquire.soundscapes.recipe import Recipe

    return Recipe.model_validate_json(recipe).job(root)
