"""`resed predict`: compute posteriors."""

from pathlib import Path

import typer


def predict(
    checkpoint: Path = typer.Option(
        ...,
        help="checkpoint.pt of a finished training, a model file (.safetensors), or the name of an "
        "installed model.",
    ),
    store: list[str] = typer.Option(
        ..., help="Feature store of the split; or SPLIT=FILE, repeated for several splits."
    ),
    split: str | None = typer.Option(
        None, help="Name of the split, written into the output; required with a plain --store FILE."
    ),
    out: list[str] = typer.Option(
        ..., help="Posteriors to write (.npz), probabilities in [0, 1]; or SPLIT=FILE, repeated."
    ),
    scores: list[str] = typer.Option(
        [],
        help="Folder for the frame posteriors as one score TSV per clip (onset, offset, one column "
        "per class); or SPLIT=DIR, repeated.",
    ),
    other_data: bool = typer.Option(
        False,
        "--other-data",
        help="Accept stores whose manifest is not that of the training, such as other recordings.",
    ),
    network_file: Path | None = typer.Option(
        None,
        help="Python file with the network, if it is one of your own (docs/own-network.md); its "
        "code is run.",
    ),
    tags_only: bool = typer.Option(
        False,
        "--tags-only",
        help="Leave out the frames, for taggers of many classes: there are then no events.",
    ),
    threads: int = typer.Option(1, min=1, help="Number of CPU threads."),
    device: str = typer.Option("auto", help="auto, cpu or cuda."),
    jobs_per_gpu: int = typer.Option(
        1, min=1, help="Number of jobs that may share a GPU; others wait."
    ),
) -> None:
    """Compute frame and clip posteriors of one system on one or several splits.

    Example: resed predict --checkpoint checkpoint.pt --store development=dev.store
    --store evaluation=eval.store --out development=dev.npz --out evaluation=eval.npz
    """
    from resed.cli.by_split import by_split, same_splits
    from resed.config.network_file import NetworkFile
    from resed.predict.inference import predict_splits
    from resed.predict.models import model_path
    from resed.predict.score_folder import write_score_folder
    from resed.runtime.devices import device_for
    from resed.train.setup import keep_freed_memory, prepare_torch

    stores, outputs = by_split(store, "--store", split), by_split(out, "--out", split)
    same_splits(store=stores, out=outputs)
    tables = by_split(scores, "--scores", split)
    if tables and tags_only:
        raise typer.BadParameter("score TSVs require frames", param_hint="--tags-only, --scores")
    if tables:
        same_splits(store=stores, scores=tables)
    network = NetworkFile.read(network_file) if network_file else None
    keep_freed_memory()
    with device_for(device, jobs_per_gpu) as chosen:
        prepare_torch(threads, chosen)
        folders = {name: path.parent for name, path in outputs.items()}
        for name, posteriors in predict_splits(
            model_path(checkpoint),
            stores,
            chosen,
            folders,
            other_data=other_data,
            tags_only=tags_only,
            network=network,
        ):
            posteriors.save(outputs[name])
            if name in tables:
                write_score_folder(tables[name], posteriors)
            print(f"wrote {outputs[name]}: {len(posteriors.clips)} clips")
