"""`resed check`: check a user's dataset before it is used."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from resed.check.dataset_file import DatasetDescription
    from resed.check.messages import CheckMessages

MOST_SHOWN = 200  # messages


def check(
    dataset: str | None = typer.Option(
        None, help="Dataset: a name in config/datasets, or a YAML file."
    ),
    root: Path | None = typer.Option(
        None,
        help="Folder of the dataset, with audio/ and metadata/; with --init: default data/NAME.",
    ),
    config: Path | None = typer.Option(
        None,
        help="Config that will be run with the dataset: an overlay on config/config.yaml; with "
        "--init: the one to write, default NAME.yaml.",
    ),
    init: Path | None = typer.Option(
        None,
        help="Folder of sound files and labels, for which a dataset file and a config are written.",
    ),
    name: str | None = typer.Option(
        None, help="With --init: name of the dataset. Default: that of the folder."
    ),
    dataset_file: Path | None = typer.Option(
        None, help="With --init: dataset file to write. Default: config/datasets/NAME.yaml."
    ),
    label_column: str | None = typer.Option(
        None, help="With --init: column of the labels in selection tables of Raven."
    ),
) -> None:
    """List all errors in a dataset file, its annotations and its folders.

    Of the clips, headers are read and frames or pages of compressed sound are counted; the samples
    are decoded by `resed audit`. The exit code is 0 if there are no errors, and the next command is
    printed; otherwise 1.

    With --init, propose splits, classes and clip counts for a folder of sound files and labels
    (TSV, CSV, Audacity, Raven), write the files, and check them. What was assumed is printed;
    nothing that exists is replaced.

    Example: resed check --dataset yard --root data/yard --config yard.yaml
    """
    from resed.check import check_dataset
    from resed.score.external_files import external_errors

    if init is None:
        for option, value in (("--dataset", dataset), ("--root", root)):
            if value is None:
                raise typer.BadParameter("required without --init", param_hint=option)
        for option, value in (("--name", name), ("--dataset-file", dataset_file)):
            if value is not None:
                raise typer.BadParameter("use it with --init", param_hint=option)
        assert dataset is not None and root is not None
        _show(*check_dataset(dataset, root, config, checks=[external_errors]), config)
        return
    if dataset is not None:
        raise typer.BadParameter("use one of the two", param_hint="--init, --dataset")
    from resed.check.new_dataset import init_dataset

    made = init_dataset(
        init,
        name=name,
        root=root,
        dataset_file=dataset_file,
        run_file=config,
        label_column=label_column,
    )
    for line in made.plan.assumptions:
        typer.echo(f"assumed: {line}")
    for role, split in made.plan.splits.items():
        typer.echo(f"{role:12} {len(split.clips):6} clips  {split.audio}")
    for label, counts in made.plan.clips_by_class().items():
        shown = ", ".join(f"{role} {number}" for role, number in counts.items())
        typer.echo(f"class {label}: clips in {shown}")
    typer.echo(f"wrote {made.dataset_file}, {made.run_file} and {made.root}")
    _show(*check_dataset(made.dataset_file, made.root, made.run_file), made.run_file)


def _show(
    description: "DatasetDescription", messages: "CheckMessages", config: Path | None
) -> None:
    """Print the messages and the next command; DatasetError if there are errors."""
    from resed.errors import DatasetError, counted

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
