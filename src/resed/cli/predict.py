"""`resed predict`."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(predict)


def predict(
    checkpoint: Path = typer.Option(..., help="checkpoint.pt of a finished training."),
    store: Path = typer.Option(..., help="Feature store of the split."),
    split: str = typer.Option(..., help="Name of the split, kept in the file."),
    out: Path = typer.Option(..., help="Posteriors (.npz), probabilities in [0, 1]."),
    threads: int = typer.Option(1, min=1, help="CPU threads."),
    device: str = typer.Option("auto", help="auto, cpu or cuda."),
    jobs_per_gpu: int = typer.Option(1, min=1, help="Jobs that may share a GPU; others wait."),
) -> None:
    """Frame and clip posteriors of one system on one split."""
    from resed.predict.inference import predict as run
    from resed.runtime.devices import device_for
    from resed.train.setup import keep_freed_memory, prepare_torch

    keep_freed_memory()
    with device_for(device, jobs_per_gpu) as chosen:
        prepare_torch(threads, chosen)
        posteriors = run(checkpoint, store, split, chosen)
    posteriors.save(out)
    print(f"wrote {out}: {len(posteriors.clips)} clips")
