"""`resed convert`: labels between the formats of annotation programs."""

from pathlib import Path
from typing import Literal

import typer

from resed.formats.annotations import LONGEST_S
from resed.formats.regions import HIGHEST_HZ

Format = Literal["tsv", "csv", "audacity", "raven"]


def convert(
    source: Path = typer.Argument(
        ...,
        metavar="FROM",
        help="File of labels, or folder with one file per sound file, also in folders below it.",
    ),
    target: Path = typer.Argument(
        ..., metavar="TO", help="File or folder to write; nothing that exists is replaced."
    ),
    from_: Format | None = typer.Option(
        None, "--from", help="Format of FROM. Default: by its name and its first line."
    ),
    to: Format | None = typer.Option(
        None, "--to", help="Format of TO. Default: by its name (.tsv, .csv, .selections.txt)."
    ),
    audio: Path | None = typer.Option(
        None,
        help="Folder of the sound files, for their names, lengths and rates. Default: beside the "
        "label files.",
    ),
    label_column: str | None = typer.Option(
        None, help="Column of the labels in tables of Raven. Default: Annotation, or the only one."
    ),
    suffix: str = typer.Option(
        ".wav", help="Suffix of sound files that are not found beside their labels."
    ),
    point_length: float | None = typer.Option(
        None,
        min=0.001,
        max=LONGEST_S,
        help="Seconds that labels without a length get in formats that have no points.",
    ),
    high_hz: float | None = typer.Option(
        None,
        min=1.0,
        max=HIGHEST_HZ,
        help="Raven: upper frequency of labels without one, in Hz. Default: half of the sample "
        "rate of the sound file, or 8000.",
    ),
) -> None:
    """Convert labels between DESED tables (TSV, CSV), Audacity and Raven.

    The labels of a.wav are in a.txt (Audacity) or a.Table.1.selections.txt (Raven). What the
    format of TO does not hold is listed, or refused. Times are in seconds from the start of each
    sound file; tables have three decimals.

    Example: resed convert events.tsv labels --to audacity
    """
    from resed.convert import LabelOptions, WriteOptions, read_labelled, write_labelled
    from resed.errors import counted
    from resed.formats.clip_names import SOUNDS

    if suffix.lower() not in SOUNDS:
        raise typer.BadParameter(f"use one of {', '.join(sorted(SOUNDS))}", param_hint="--suffix")
    found = read_labelled(source, LabelOptions(from_, audio, label_column, suffix, deep=True))
    beside = audio or (source if source.is_dir() else source.parent)
    options = WriteOptions(to, beside, point_length, high_hz)
    files, notes = write_labelled(found, target, options)
    for note in [*found.notes, *notes]:
        typer.echo(f"note: {note}", err=True)
    clips = counted(len(found.clips), "sound file")
    empty = f", {len(found.empty)} without labels" if found.empty else ""
    what = counted(found.labels, "label")
    typer.echo(f"wrote {target}: {what} of {clips}{empty}, {counted(len(files), 'file')}")
