"""`resed acquire`: bring a dataset into the DESED layout."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(acquire)


def acquire(
    dataset: str = typer.Option(..., help="Dataset: a name in config/datasets, or a YAML file."),
    root: Path = typer.Option(..., help="Folder of the dataset: audio/ and metadata/ lie in it."),
    source: str | None = typer.Option(
        None, help="Where recordings come from. Only `local` works: what lies below --root."
    ),
    split: str | None = typer.Option(
        None, help="weak, unlabeled, strong, development or evaluation. Default: all five."
    ),
    scale: float = typer.Option(
        1.0, min=1e-6, max=1.0, help="Soundscapes: share (0-1) of the paper's counts, each split."
    ),
    seed: int = typer.Option(2019, min=0, help="Soundscapes: equal seeds give equal bytes."),
    soundbank: Path | None = typer.Option(
        None, help="Soundscapes: folder of isolated recordings, where the dataset needs one."
    ),
    annotations: Path | None = typer.Option(
        None, help="Soundscapes of a twin: folder of the real annotations that it follows."
    ),
    keep_audio: bool = typer.Option(
        True, help="Soundscapes: keep clips as files, or render each anew when it is read."
    ),
    processes: int = typer.Option(1, min=1, help="Soundscapes: processes; the bytes stay equal."),
    record: Path | None = typer.Option(None, help="JSON to write: counts, settings and hashes."),
) -> None:
    """Render the clips of a soundscape dataset, or check that recordings are where they must be.

    Clips last 10 s, at 44.1 kHz, mono, 16 bit (882 kB each); times in annotations are in seconds.
    """
    from resed.acquire.acquisition import acquire_splits
    from resed.config import load_dataset
    from resed.files import write_json

    records = acquire_splits(
        load_dataset(dataset),
        root,
        source,
        split,
        scale,
        seed,
        soundbank,
        processes,
        typer.echo,
        annotations,
        keep_audio,
    )
    if record:
        write_json(record, records[split] if split else {"splits": records})
