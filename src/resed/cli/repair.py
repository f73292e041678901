"""`resed repair`: correct strong labels by rules, in a copy."""

from pathlib import Path

import typer


def repair(
    dataset: str = typer.Option(..., help="Dataset: a name in config/datasets, or a YAML file."),
    root: Path = typer.Option(..., help="Folder of the dataset, with metadata/."),
    out: Path = typer.Option(
        ..., help="Folder for the copies, repairs.tsv (one row per change) and repair.json."
    ),
    manifest: Path | None = typer.Option(
        None,
        help="Manifest of the audit with the length of each clip. Default: the clip_seconds of the "
        "dataset.",
    ),
    gap: float = typer.Option(
        0.15,
        min=0,
        help="Events of a class that are less than this apart (seconds) are merged; 0: none.",
    ),
) -> None:
    """Correct strong labels: duplicates, offsets past the end, overlaps and short gaps.

    The original files are not changed. All rows that repairs.tsv does not list are
    copied byte for byte.

    Example: resed repair --dataset dcase2019 --root data/dcase2019 --out repaired
    """
    from resed.config.dataset import load_dataset
    from resed.repair import repair_dataset

    repair_dataset(
        load_dataset(dataset), root, out, manifest=manifest, gap_s=gap, report=typer.echo
    )
