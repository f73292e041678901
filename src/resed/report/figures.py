"""The figures on the page: stored pictures with their stored captions."""

import base64
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from resed.errors import ResultsError
from resed.formats.figure_description import FigureDescription, read_figure_description
from resed.runtime.files import existing

SECTIONS = {
    "stages": "Generations",
    "gain_by_base": "Gains per class",
    "smoothing": "Smoothing",
    "class_weights": "Weights per class",
    "confusion": "Confusions",
    "durations": "Durations and windows",
    "training_curves": "Training",
}  # of the kinds of figures of a paper
SHORT = {
    "stages": "generations",
    "gain_by_base": "gains",
    "smoothing": "smoothing",
    "class_weights": "weights",
    "confusion": "confusions",
    "durations": "durations",
    "training_curves": "training",
}
PIXELS_PER_INCH = 108  # CSS pixels, so that text in figures is as large as that of the page


@dataclass(frozen=True)
class Picture:
    """A figure: its description, and the picture as a data URL."""

    description: FigureDescription
    source: str

    @property
    def width(self) -> int:
        """Width in CSS pixels."""
        return round(self.description.width_inches * PIXELS_PER_INCH)


@dataclass(frozen=True)
class Section:
    """The figures of one kind."""

    kind: str
    names: tuple[str, ...]

    @property
    def anchor(self) -> str:
        """Its id on the page."""
        return f"figures-{self.kind}"

    @property
    def title(self) -> str:
        """Its heading."""
        return SECTIONS[self.kind]


def sections(shown: Mapping[str, Picture]) -> list[Section]:
    """The figures of the paper by kind."""
    found = []
    for kind in SECTIONS:
        names = tuple(name for name, one in shown.items() if one.description.kind == kind)
        if names:
            found.append(Section(kind, names))
    return found


def contents(shown: Collection[Section]) -> str:
    """What the figures show, in a few words."""
    return ", ".join(SHORT[section.kind] for section in shown)


def pictures(folder: Path, names: Collection[str]) -> dict[str, Picture]:
    """Read {name}.png and {name}.json of each figure.

    Raises MissingFileError, or ResultsError if a description is malformed.
    """
    return {name: _picture(folder, name) for name in names}


def _picture(folder: Path, name: str) -> Picture:
    description = read_figure_description(folder / f"{name}.json")
    picture = existing(folder / f"{name}.png", f"run resed draw --figure {name}")
    return Picture(description, _embedded(_smaller(picture)))


def _smaller(path: Path) -> bytes:
    """A PNG with a palette of 256 colours if that is smaller; the file itself otherwise.

    Raises ResultsError if it is not a picture.
    """
    content = path.read_bytes()
    buffer = io.BytesIO()
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            flat = Image.new("RGB", picture.size, "white")
            shown = picture.convert("RGBA")
            flat.paste(shown, mask=shown)
        flat.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
            buffer, "PNG", optimize=True
        )
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        cure = f"run resed draw --figure {path.stem}"
        raise ResultsError(f"not a picture ({error})", place=path, cure=cure) from error
    return min(content, buffer.getvalue(), key=len)


def _embedded(content: bytes) -> str:
    """A data URL, which makes the page independent of other files."""
    return f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"
