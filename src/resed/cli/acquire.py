"""`resed acquire`: bring a dataset into the DESED layout."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(acquire)


def acquire(
    dataset: str = typer.Option(..., help="Dataset: a name in config/datasets, or a YAML file."),
    root: Path = typer.Option(..., help="Folder of the dataset: audio/ and metadata/ lie in it."),
    source: list[str] | None = typer.Option(
        None,
        help="Recordings: ask this source of the dataset file; repeat it for several, in their "
        "order. `local`: fetch nothing. Default: all that are not optional.",
    ),
    folder: Path | None = typer.Option(
        None, help="Recordings: a folder or an archive that you have already; it is asked first."
    ),
    hashes: Path | None = typer.Option(
        None, help="Recordings: a manifest.tsv; of --folder only clips with its SHA-256 are taken."
    ),
    downloads: int = typer.Option(4, min=1, max=64, help="Recordings: downloads at a time."),
    again: bool = typer.Option(
        False, "--again", help="Recordings: ask again where a source said that a clip is gone."
    ),
    list_sources: bool = typer.Option(
        False, "--list", help="Show the sources of the dataset file and what they hold; then end."
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
    """Fetch or check the recordings of a dataset, or render its soundscapes.

    What is there costs no request. Rendered clips last 10 s, at 44.1 kHz, mono, 16 bit (882 kB
    each); times in annotations are in seconds.
    """
    from resed.acquire.acquisition import Fetching, acquire_splits, listed_sources
    from resed.acquire.recordings.sources.lock import LockFile
    from resed.config.dataset import dataset_path, load_dataset
    from resed.runtime.acquired_annotations import acquiring
    from resed.runtime.files import write_json

    loaded, file = load_dataset(dataset), dataset_path(dataset)
    if list_sources:
        for line in listed_sources(loaded, LockFile(file)):
            typer.echo(line)
        return
    with acquiring():
        records = acquire_splits(
            loaded,
            root,
            Fetching(file, source or None, folder, hashes, downloads, again),
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
