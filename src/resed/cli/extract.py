"""`resed extract`: extract the features of one or several splits."""

import os
import time
from pathlib import Path

import typer


def extract(
    dataset: str = typer.Option(..., help="Dataset: a name in config/datasets, or a YAML file."),
    root: Path = typer.Option(..., help="Folder of the dataset, with audio/ and metadata/."),
    split: str | None = typer.Option(
        None, help="weak, unlabeled, strong, development or evaluation; with a plain --out."
    ),
    manifest: Path = typer.Option(..., help="manifest.tsv of resed audit."),
    out: list[str] = typer.Option(
        ..., help="File for the feature store; or SPLIT=FILE, repeated for several splits."
    ),
    settings: str = typer.Option(
        "{}", help="Feature settings that differ from the defaults, as JSON or a YAML file."
    ),
    store: str = typer.Option(
        "{}",
        help="How the features are kept, as JSON or a YAML file: dtype (float32 or float16) and "
        "shard_clips (clips per file; 0: one file per split).",
    ),
    processes: int | None = typer.Option(
        None, min=1, help="Number of processes. Default: number of available cores."
    ),
) -> None:
    """Extract log-mel features (by default 64 bands, 600 frames per 10 s clip), one file per split.

    Example: resed extract --dataset demo --root data/demo --manifest manifest.tsv
    --split weak --out weak.store
    """
    from resed.acquire.clip_reader import clip_reader
    from resed.cli.by_split import by_split
    from resed.config.dataset import load_dataset
    from resed.config.loading import check, read_settings
    from resed.errors import DatasetError
    from resed.extract.stores import extract as run
    from resed.formats.acquired_audio import recorded_hashes
    from resed.settings import FeatureSettings, StoreSettings

    kept = check(StoreSettings, read_settings(store), "store")
    features = check(FeatureSettings, read_settings(settings), "features")
    found = load_dataset(dataset)
    stores = by_split(out, "--out", split)
    for name in (*filter(None, [split]), *stores):
        if name not in found.splits:
            cure = f"use one of {', '.join(found.splits)}"
            raise DatasetError("unknown split", place=f"--split {name}", cure=cure)
    processes = processes or _cores()
    for name, path in stores.items():
        folder, read = root / found.splits[name].audio, clip_reader(found, root, name)
        begin = time.monotonic()
        clips = run(
            manifest,
            name,
            folder,
            path,
            settings=features,
            processes=processes,
            read=read,
            recorded=recorded_hashes(root, name),
            kept=kept,
        )
        seconds = time.monotonic() - begin
        typer.echo(f"{path}: {clips} clips in {seconds:.1f} s, {clips / seconds:.1f} clips/s")


def _cores() -> int:
    """Number of cores that this process may use; under Slurm fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
