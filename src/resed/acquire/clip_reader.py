"""Open the clips of a split, from files or by rendering them."""

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from resed.config.dataset import Dataset
from resed.formats.acquired_audio import is_file
from resed.formats.clip_names import clip_file

if TYPE_CHECKING:
    from resed.acquire.soundscapes.clip_renderer import ClipRenderer

# Name of a clip -> its open file, which the caller closes; None if there is no such clip.
ClipReader = Callable[[str], BinaryIO | None]


@dataclass(frozen=True)
class FileReader:
    """Opens the files of a folder."""

    folder: Path

    def __call__(self, filename: str) -> BinaryIO | None:
        """The open file of a clip; None if there is no such file."""
        path = clip_file(self.folder, filename)
        return path.open("rb") if is_file(path) else None


@dataclass(frozen=True)
class RecipeReader:
    """Renders clips that are not stored; each process loads the soundbank for its first clip."""

    root: Path
    recipe: str  # JSON, which is small to send to processes and a valid cache key

    def __call__(self, filename: str) -> BinaryIO | None:
        """A clip as a WAV file in memory; None if the recipe has no such clip."""
        from resed.acquire.soundscapes.clip_renderer import wav_bytes  # scipy: slow to import

        renderer = _renderer(self.root, self.recipe)
        if filename not in renderer.contents:
            return None
        return io.BytesIO(wav_bytes(renderer.render(filename)))


def clip_reader(dataset: Dataset, root: Path | str, split: str) -> ClipReader:
    """A function from the name of a clip to its open file, or None if the clip is missing.

    With `keep_audio: false`, each call renders the clip, even if a file with its name exists. The
    function can be passed to other processes. It raises OSError if a file cannot be opened, and
    DatasetError if the soundbank or the annotations have changed since the split was rendered.
    """
    root = Path(root)
    if dataset.kind == "soundscapes":
        from resed.acquire.soundscapes.recipe import read_recipe

        recipe = read_recipe(root, split)
        if recipe is not None and recipe.audio != "kept":
            return RecipeReader(root, recipe.model_dump_json())
    return FileReader(root / dataset.splits[split].audio)


@functools.lru_cache(maxsize=1)
def _renderer(root: Path, recipe: str) -> "ClipRenderer":
    from resed.acquire.soundscapes.recipe import Recipe

    return Recipe.model_validate_json(recipe).renderer(root)
