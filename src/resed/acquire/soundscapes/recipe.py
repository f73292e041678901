"""The recipe of a rendered split: all settings that its clips depend on.

It is stored in .acquire/render/{split}.json below the root of the dataset, and is sufficient to
render each clip again to the same bytes.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from resed.acquire.soundscapes.clip_renderer import ClipContent, ClipRenderer
from resed.acquire.soundscapes.given_annotations import given_contents
from resed.acquire.soundscapes.settings import Soundscapes, soundscapes_of
from resed.acquire.soundscapes.soundbank import Soundbank, load_soundbank
from resed.config.dataset import Dataset, Role
from resed.config.loading import check
from resed.errors import DatasetError
from resed.runtime.files import read_json, sha256, write_json
from resed.settings import Strict

CURE = "run resed acquire again"


class Recipe(Strict):
    """All settings that the clips of a split depend on."""

    resed: str
    dataset: Dataset
    split: Role
    seed: int
    scale: float
    clips: int
    soundbank: str | None
    soundbank_sha256: str
    annotations_sha256: str | None  # of given annotations; drawn ones depend on the other keys
    audio: Literal["kept", "rendered when read"]

    @property
    def soundscapes(self) -> Soundscapes:
        """The soundscapes of the dataset."""
        return soundscapes_of(self.dataset)

    def renderer(self, root: Path) -> ClipRenderer:
        """The renderer; raises DatasetError if the soundbank or the annotations have changed."""
        folds = self.soundscapes.splits[self.split].folds
        bank = _bank(self.dataset.model_dump_json(), tuple(folds), self.soundbank)
        if bank.sha256 != self.soundbank_sha256:
            raise DatasetError(
                f"the recordings differ from those of {recipe_path(root, self.split)}",
                place=self.soundbank or f"soundbank {self.dataset.name}",
                cure=f"restore them, or {CURE}",
            )
        contents = self._contents(root)
        return ClipRenderer(bank, self.soundscapes, self.split, self.seed, contents)

    def _contents(self, root: Path) -> Mapping[str, ClipContent]:
        if self.soundscapes.annotations == "drawn":
            return drawn_contents(self.split, self.clips)
        path = root / self.dataset.splits[self.split].annotations
        if sha256(path) != self.annotations_sha256:
            raise DatasetError("changed after the clips were rendered", place=path, cure=CURE)
        return given_contents(self.dataset, self.split, path)


def drawn_contents(split: str, count: int) -> dict[str, ClipContent]:
    """The numbered clips of a split of which everything is drawn."""
    return {clip_name(split, index): ClipContent(index) for index in range(count)}


def clip_name(split: str, index: int) -> str:
    """File name of a drawn clip."""
    return f"{split}_{index:05d}.wav"


def recipe_path(root: Path, split: str) -> Path:
    """The file of the recipe of a split."""
    return root / ".acquire" / "render" / f"{split}.json"


def written_path(root: Path, split: str) -> Path:
    """The file with the SHA-256 of the drawn annotations of a split, as acquire wrote them."""
    return recipe_path(root, split).with_suffix(".sha256")


def read_recipe(root: Path, split: str) -> Recipe | None:
    """Read the recipe of a split; None if it was not rendered. Raises ConfigError if malformed."""
    path = recipe_path(root, split)
    return check(Recipe, read_json(path), str(path)) if path.is_file() else None


def write_recipe(root: Path, recipe: Recipe) -> None:
    """Write a recipe atomically; equal recipes give equal bytes."""
    write_json(recipe_path(root, recipe.split), recipe.model_dump(mode="json"))


@functools.lru_cache(maxsize=1)  # 90 MB for the demo; the training splits have the same one
def _bank(dataset: str, folds: tuple[int, ...], folder: str | None) -> Soundbank:
    found = Dataset.model_validate_json(dataset)
    return load_soundbank(found, soundscapes_of(found).classes, folds, folder)
