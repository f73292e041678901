"""What a split was made from: enough to render any of its clips anew, to the same bytes.

The recipe lies at .acquire/render/{split}.json below the dataset's root, whether clips are kept as
files or not.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from resed.acquire.soundscapes.clip_renderer import Job, Scene
from resed.acquire.soundscapes.settings import Soundscapes, soundscapes_of
from resed.acquire.soundscapes.soundbank import Soundbank, load_soundbank
from resed.acquire.soundscapes.twin import given_scenes
from resed.config.closed import check
from resed.config.dataset import Dataset, Role
from resed.errors import DatasetError
from resed.runtime.files import read_json, sha256, write_json
from resed.settings import Strict

CURE = "run resed acquire again"


class Recipe(Strict):
    """All that the bytes of a split's clips follow from."""

    resed: str
    dataset: Dataset
    split: Role
    seed: int
    scale: float
    clips: int
    soundbank: str | None
    soundbank_sha256: str
    annotations_sha256: str | None  # of given ones; drawn ones follow from the rest
    audio: Literal["kept", "rendered when read"]

    @property
    def soundscapes(self) -> Soundscapes:
        """How the dataset's clips sound."""
        return soundscapes_of(self.dataset)

    def bank(self) -> Soundbank:
        """The soundbank; DatasetError where it is another than the split was made from."""
        folds = self.soundscapes.splits[self.split].folds
        return _bank(self.dataset.model_dump_json(), tuple(folds), self.soundbank)

    def job(self, root: Path) -> Job:
        """What renders the clips; DatasetError where bank or annotations have changed since."""
        bank = self.bank()
        if bank.sha256 != self.soundbank_sha256:
            place = self.soundbank or f"soundbank {self.dataset.name}"
            raise DatasetError(
                f"{place}: its recordings are not those that {recipe_path(root, self.split)} was "
                f"made from; restore them, or {CURE}"
            )
        return Job(bank, self.soundscapes, self.split, self.seed, self._scenes(root))

    def _scenes(self, root: Path) -> Mapping[str, Scene]:
        if self.soundscapes.annotations == "drawn":
            return drawn_scenes(self.split, self.clips)
        path = root / self.dataset.splits[self.split].annotations
        if sha256(path) != self.annotations_sha256:
            raise DatasetError(f"{path}: was changed since its clips were made; {CURE}")
        return given_scenes(self.dataset, self.split, path)


def drawn_scenes(split: str, count: int) -> dict[str, Scene]:
    """Clips that are numbered, of which everything is drawn."""
    return {clip_name(split, index): Scene(index) for index in range(count)}


def clip_name(split: str, index: int) -> str:
    """File name of clip `index`; it tells nothing of what sounds in it."""
    return f"{split}_{index:05d}.wav"


def recipe_path(root: Path, split: str) -> Path:
    """Where the recipe of a split lies."""
    return root / ".acquire" / "render" / f"{split}.json"


def read_recipe(root: Path, split: str) -> Recipe | None:
    """The recipe of a split; None where it was not rendered. One line where it is damaged."""
    path = recipe_path(root, split)
    return check(Recipe, read_json(path), str(path)) if path.is_file() else None


def write_recipe(root: Path, recipe: Recipe) -> None:
    """Write it atomically; equal recipes give equal bytes."""
    write_json(recipe_path(root, recipe.split), recipe.model_dump(mode="json"))


@functools.lru_cache(maxsize=1)  # 90 MB of the demo's; the training splits share one
def _bank(dataset: str, folds: tuple[int, ...], folder: str | None) -> Soundbank:
    found = Dataset.model_validate_json(dataset)
    return load_soundbank(found, soundscapes_of(found).classes, folds, folder)
