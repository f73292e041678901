"""`resed check`: check a user's dataset before it is used."""

from pathlib import Path

import typer

MOST_SHOWN = 200  # messages


def check(
    dataset: str = typer.Option(..., help="Dataset: a name in config/datasets, or a YAML file."),
    root: Path = typer.Option(..., help="Folder of the dataset, with audio/ and metadata/."),
    config: Path | None = typer.Option(
        None, help="Config that will be run with the dataset: an overlay on config/config.yaml."
    ),
) -> None:
    """List all errors in a dataset file, its annotations and its folders.

    Of the clips, headers are read and frames or pages of compressed sound are counted; the samples
    are decoded by `resed audit`. The exit code is 0 if there are no errors, and the next command is
    printed; otherwise 1.

    Example: resed check --dataset yard --root data/yard --config yard.yaml
    """
    from resed.check import check_dataset
    from resed.errors import DatasetError, counted

    description, messages = check_dataset(dataset, root, config)
    found = messages.found
    more = len(found) - MOST_SHOWN
    if more > 0:  # no error is left out for a note
        found = sorted(found, key=lambda one: one.level != "error")[:MOST_SHOWN]
    for one in found:
        typer.echo(f"{one.level:5}  {one.text}")
    if more > 0:
        typer.echo(f"... and {more} more")
    if messages.errors:
        problem = f"{counted(messages.errors, 'error')} (listed above)"
        raise DatasetError(problem, place=description.path, cure="correct them and check again")
    notes = f", {counted(messages.notes, 'note')}" if messages.notes else ""
    classes = counted(len(description.classes), "class")
    typer.echo(f"{description.name}: {classes}, no errors{notes}")
    run = f"--configfile {config}" if config else f"--config dataset={description.name}"
    typer.echo(f"next: snakemake audit --cores 2 {run}")
