"""Posteriors of the systems of a composite, which must be of the same clips and frames."""

from collections.abc import Sequence
from pathlib import Path

from resed.errors import StoreError, some
from resed.formats.posteriors import Posteriors

SAME = ("dataset", "split", "manifest_sha256", "seed")
CURE = "use posteriors that resed predict made on one split, with one seed and one set of features"


class Sources:
    """Posteriors of several systems, by name in the given order.

    Args:
        files: name and file of each system.

    Raises:
        StoreError: a name occurs twice, or two files have other classes, clips or frames, or are
            of another dataset, split, audit or seed.
        MissingFileError: a file does not exist.
    """

    def __init__(self, files: Sequence[tuple[str, Path]]):
        self.posteriors: dict[str, Posteriors] = {}
        self.path = files[0][1]
        for name, path in files:
            if name in self.posteriors:
                raise StoreError(f"{name} has another file", place=path, cure="use one per system")
            self.posteriors[name] = Posteriors.load(path)
            self._refuse_other(path, self.posteriors[name])

    @property
    def first(self) -> Posteriors:
        """The posteriors of the first system."""
        return next(iter(self.posteriors.values()))

    def _refuse_other(self, path: Path, here: Posteriors) -> None:
        there = self.first
        if here.classes != there.classes:
            raise StoreError(f"its classes are not those of {self.path}", place=path, cure=CURE)
        if (_grid(here)) != (_grid(there)):
            frames, seconds = _grid(here)
            raise StoreError(
                f"has {frames} frames of {seconds:g} s, {self.path} has "
                f"{_grid(there)[0]} of {_grid(there)[1]:g} s",
                place=path,
                cure="compose systems with the same frames",
            )
        for key in SAME:
            one, other = here.meta.get(key), there.meta.get(key)
            if one != other:
                problem = f"its {key} is {one}, but that of {self.path} is {other}"
                raise StoreError(problem, place=path, cure=CURE)
        if here.clips != there.clips:
            different = sorted({*here.clips} ^ {*there.clips})
            words = f"not both have {some(different, 1)}" if different else "their order differs"
            problem = f"its clips are not those of {self.path} ({words})"
            raise StoreError(problem, place=path, cure=CURE)


def _grid(posteriors: Posteriors) -> tuple[int, float]:
    return posteriors.frames.shape[1], posteriors.seconds_per_frame
