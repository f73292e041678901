"""`resed check`: a dataset of one's own, before anything reads it."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(check)


def check(
    dataset: str = typer.Option(..., help="Dataset: a name in config/datasets, or a YAML file."),
    root: Path = typer.Option(..., help="Folder of the dataset: audio/ and metadata/ lie in it."),
    config: Path | None = typer.Option(
        None, help="The config that is to be run: an overlay on config/config.yaml (YAML)."
    ),
) -> None:
    """Say all that is missing or wrong in a dataset file, its annotations and its folders.

    Only headers of clips are read. Exit code 0: the next command is printed; 1: something is wrong.
    """
    from resed.check import check_dataset
    from resed.check.findings import counted
    from resed.errors import DatasetError

    description, findings = check_dataset(dataset, root, config)
    for one in findings.found:
        typer.echo(f"{one.level:5}  {one.text}")
    if findings.mistakes:
        things = "1 thing is" if findings.mistakes == 1 else f"{findings.mistakes} things are"
        raise DatasetError(f"{description.path}: {things} wrong (listed above); mend them")
    notes = f", {counted(findings.notes, 'note')}" if findings.notes else ""
    classes = counted(len(description.classes), "class")
    typer.echo(f"{description.name}: {classes}, nothing is wrong{notes}")
    run = f"--configfile {config}" if config else f"--config dataset={description.name}"
    typer.echo(f"next: snakemake audit --cores 2 {run}")
