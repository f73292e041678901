"""`resed acquire`: get a dataset in the DESED layout."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from resed.cli.by_split import LARGEST_SEED

if TYPE_CHECKING:
    from resed.config.dataset import Dataset


def acquire(
    dataset: str = typer.Option(..., help="Dataset: a name in config/datasets, or a YAML file."),
    root: Path = typer.Option(..., help="Folder of the dataset, with audio/ and metadata/."),
    source: list[str] | None = typer.Option(
        None,
        help="Recordings: name of a source in the dataset file; repeat the option for several, in "
        "their order. `local`: only check existing files. Default: all that are not optional.",
    ),
    folder: Path | None = typer.Option(
        None, help="Recordings: your own folder or archive, which is searched first."
    ),
    hashes: Path | None = typer.Option(
        None, help="Recordings: a manifest.tsv; files of --folder are matched by its hashes."
    ),
    downloads: int = typer.Option(
        4, min=1, max=64, help="Recordings: number of downloads at the same time."
    ),
    again: bool = typer.Option(
        False, "--again", help="Recordings: also request clips that a source did not have."
    ),
    list_sources: bool = typer.Option(
        False, "--list", help="List the sources of the dataset file and exit."
    ),
    split: str | None = typer.Option(
        None, help="weak, unlabeled, strong, development or evaluation. Default: all five."
    ),
    scale: float = typer.Option(
        1.0, min=1e-6, max=1.0, help="Soundscapes: share of the clips of each split (0 to 1)."
    ),
    seed: int = typer.Option(
        2019, min=0, max=LARGEST_SEED, help="Soundscapes: equal seeds give equal bytes."
    ),
    soundbank: Path | None = typer.Option(
        None, help="Soundscapes: folder of isolated recordings, if the dataset needs one."
    ),
    annotations: Path | None = typer.Option(
        None, help="Soundscapes: folder of the annotations to follow, if the dataset needs them."
    ),
    keep_audio: bool = typer.Option(
        True, help="Soundscapes: write clips as files, or render each when it is read."
    ),
    processes: int = typer.Option(
        1, min=1, help="Soundscapes: number of processes; the bytes do not depend on it."
    ),
    record: Path | None = typer.Option(
        None, help="JSON file for the record of the run: counts, settings and hashes."
    ),
    labels: bool = typer.Option(
        False,
        "--labels",
        help="Only check and record the annotations of --split; no clip is read or requested.",
    ),
) -> None:
    """Get or check the recordings of a dataset, or render its soundscapes.

    Existing clips are not requested again. Rendered clips last 10 s and are mono, 44.1 kHz, 16 bit
    (882 kB each); times in annotations are in seconds.

    Example: resed acquire --dataset demo --root data/demo --scale 0.01
    """
    from resed.acquire.acquisition import FetchOptions, acquire_splits, listed_sources
    from resed.acquire.recordings.sources.lock_file import LockFile
    from resed.config.dataset import dataset_path, load_dataset
    from resed.runtime import checksums
    from resed.runtime.files import write_json

    loaded, file = load_dataset(dataset), dataset_path(dataset)
    if list_sources:
        for line in listed_sources(loaded, LockFile(file)):
            typer.echo(line)
        return
    if labels:
        _record_labels(loaded, root, split, record)
        return
    with checksums.acquiring():
        records = acquire_splits(
            loaded,
            root,
            FetchOptions(file, source or None, folder, hashes, downloads, again),
            split,
            report=typer.echo,
            scale=scale,
            seed=seed,
            soundbank=soundbank,
            annotations=annotations,
            keep_audio=keep_audio,
            processes=processes,
        )
        for name in records:
            checksums.record_annotations(name, root / loaded.splits[name].annotations)
    if record:
        write_json(record, records[split] if split else {"splits": records})


def _record_labels(dataset: "Dataset", root: Path, split: str | None, record: Path | None) -> None:
    """Check the annotations of a split, and record their checksum."""
    from resed.acquire.recordings.annotation_files import clip_names
    from resed.cli.by_split import required
    from resed.runtime import checksums
    from resed.runtime.files import sha256, write_json

    required("with --labels", split=split, record=record)
    role = next((role for role in dataset.roles if role == split), None)
    if role is None:
        raise typer.BadParameter(f"use one of {', '.join(dataset.roles)}", param_hint="--split")
    annotations = dataset.splits[role].annotations
    with checksums.acquiring():
        clips = clip_names(dataset, root / annotations, role)
        checksums.record_annotations(role, root / annotations)
        found = {
            "dataset": dataset.name,
            "split": split,
            "clips": len(clips),
            "annotations": annotations,
            "annotations_sha256": sha256(root / annotations),
        }
        write_json(record, found)
    typer.echo(f"{dataset.name} {split}: annotations of {len(clips)} clips recorded")
