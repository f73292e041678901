"""`resed train`."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(train)


def train(
    dataset: str = typer.Option(..., help="Name of config/datasets/NAME.yaml, or a YAML file."),
    root: Path = typer.Option(..., help="Folder of the dataset in the DESED layout."),
    system: str = typer.Option(..., help="Name that the checkpoint carries."),
    settings: str = typer.Option(..., help="The system's settings: inline JSON or a YAML file."),
    seed: int = typer.Option(0, min=0, help="Seed of weights, batches, noise and dropout."),
    weak: Path = typer.Option(..., help="Feature store of the weak split."),
    unlabeled: Path = typer.Option(..., help="Feature store of the unlabeled split."),
    strong: Path = typer.Option(..., help="Feature store of the strong split."),
    development: Path = typer.Option(..., help="Feature store of the development split."),
    out: Path = typer.Option(..., help="Folder for checkpoint.pt, history.csv, resume.pt."),
    resume: bool = typer.Option(True, help="Go on from OUT/resume.pt where a run was cut off."),
    threads: int = typer.Option(1, min=1, help="CPU threads; the result depends on their number."),
    device: str = typer.Option("auto", help="auto, cpu or cuda."),
    jobs_per_gpu: int = typer.Option(1, min=1, help="Jobs that may share a GPU; others wait."),
) -> None:
    """Train teacher and student of one system with one seed.

    A line per epoch shows the loss, the development F1 (%) and the minutes left. Killed at any
    moment and started again, it ends with the same bytes (on a CPU).
    """
    from resed.config.run import load_dataset, read_settings
    from resed.runtime.devices import device_for
    from resed.train.setup import build_trainer, keep_freed_memory, prepare_torch

    keep_freed_memory()
    stores = {
        "weak": weak,
        "unlabeled": unlabeled,
        "strong": strong,
        "development": development,
    }
    with device_for(device, jobs_per_gpu) as chosen:
        prepare_torch(threads, chosen)
        trainer = build_trainer(
            load_dataset(dataset),
            root,
            system=system,
            settings=read_settings(settings),
            seed=seed,
            stores=stores,
            folder=out,
            device=chosen,
        )
        print(f"wrote {trainer.train(resume)}")
