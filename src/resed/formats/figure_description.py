"""The description of a figure for the report: figures/NAME.json."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from resed.errors import ResultsError
from resed.formats.validation import LONGEST_TEXT, SourceFile
from resed.runtime.files import write_text
from resed.settings import Closed

Inches = Annotated[float, Field(gt=0, le=1000)]
Sentence = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]


class FigureDescription(Closed):
    """Title, caption and size of one figure.

    `kind` is the module that draws it. `provenance` names the clips and the manifest that the
    figure is based on; it is "" for a figure that shows no results.
    """

    format: Literal["resed figure"] = "resed figure"
    version: Literal[1] = 1
    name: Sentence
    kind: Sentence
    title: Sentence
    caption: Sentence
    provenance: Annotated[str, Field(max_length=LONGEST_TEXT)]
    width_inches: Inches
    height_inches: Inches


def write_figure_description(path: Path | str, description: FigureDescription) -> None:
    """Write the description as JSON, atomically."""
    write_text(path, description.model_dump_json(indent=2) + "\n")


def read_figure_description(path: Path | str) -> FigureDescription:
    """Read and validate a description. Raises MissingFileError or ResultsError."""
    cure = f"run resed draw --figure {Path(path).stem}"
    return SourceFile(Path(path), ResultsError, cure).model(FigureDescription)
