"""`resed extract`."""

import os
import time
from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command()
    def extract(
        dataset: str = typer.Option(..., help="Name of a dataset, or the path of its YAML file."),
        root: Path = typer.Option(..., help="Folder of the dataset: audio/ and metadata/."),
        split: str = typer.Option(..., help="weak, unlabeled, strong, development or evaluation."),
        manifest: Path = typer.Option(..., help="manifest.tsv made by resed audit."),
        out: Path = typer.Option(..., help="Store to make (one file, memory-mapped later)."),
        settings: str = typer.Option(
            "{}", help="Feature settings that differ from the defaults: JSON, or a YAML file."
        ),
        processes: int | None = typer.Option(
            None, min=1, help="Processes, one clip each at a time; default: all cores."
        ),
    ) -> None:
        """Turn the audio of a split into log-mels, by default 64 bands and 600 frames: one file."""
        from resed.acquire.clip_reader import clip_reader
        from resed.config.run import check, load_dataset, read_settings
        from resed.errors import DatasetError
        from resed.extract.stores import extract as run
        from resed.settings import FeatureSettings

        features = check(FeatureSettings, read_settings(settings), "features")
        found = load_dataset(dataset)
        if split not in found.splits:
            known = ", ".join(found.splits)
            raise DatasetError(f"--split {split}: no split of {dataset}; use one of {known}")
        folder, read = root / found.splits[split].audio, clip_reader(found, root, split)
        begin = time.monotonic()
        clips = run(manifest, split, folder, out, features, processes or _cores(), read)
        seconds = time.monotonic() - begin
        typer.echo(f"{out}: {clips} clips in {seconds:.1f} s, {clips / seconds:.1f} clips/s")


def _cores() -> int:
    """Cores that this process may use: under Slurm fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
