"""`resed repair`: strong labels mended by rule, into a copy."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(repair)


def repair(
    dataset: str = typer.Option(..., help="Dataset: a name in config/datasets, or a YAML file."),
    root: Path = typer.Option(..., help="Folder of the dataset: metadata/ lies in it."),
    out: Path = typer.Option(
        ..., help="Folder for the copies, repairs.tsv (one row per change) and repair.json."
    ),
    manifest: Path | None = typer.Option(
        None, help="Manifest of the audit: where each clip ends; else the dataset's clip_seconds."
    ),
    gap: float = typer.Option(
        0.15, min=0, help="Events of a class less than this apart become one; seconds, 0 for none."
    ),
) -> None:
    """Mend strong labels by rule: duplicates, offsets past the end, overlaps, short gaps.

    The original files stay as they are. What repairs.tsv does not name is theirs, byte for byte.
    """
    from resed.config.run import load_dataset
    from resed.repair import repair_dataset

    repair_dataset(load_dataset(dataset), root, out, manifest, gap, typer.echo)
