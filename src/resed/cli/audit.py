"""`resed audit`: what lies on the disk, clip by clip."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(audit)


def audit(
    dataset: str = typer.Option(..., help="Dataset: a name in config/datasets, or a YAML file."),
    root: Path = typer.Option(..., help="Folder of the dataset: audio/ and metadata/ lie in it."),
    out: Path = typer.Option(..., help="Folder for manifest.tsv, audit.json and index.html."),
    processes: int = typer.Option(1, min=1, help="Processes that read clips."),
) -> None:
    """Read every clip that the annotations name: hash, rate (Hz), channels, seconds and status.

    Clips that are missing or cannot be used are listed, not refused; one summary line is printed.
    """
    from resed.audit import audit_dataset
    from resed.config import load_dataset

    audit_dataset(load_dataset(dataset), root, out, processes, typer.echo)
