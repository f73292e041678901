"""`resed train`: train one system with one seed."""

from pathlib import Path

import typer

from resed.cli.by_split import LARGEST_SEED


def train(
    dataset: str = typer.Option(..., help="Dataset: a name in config/datasets, or a YAML file."),
    root: Path = typer.Option(..., help="Folder of the dataset, with audio/ and metadata/."),
    system: str = typer.Option(..., help="Name of the system, written into the checkpoint."),
    settings: str | None = typer.Option(
        None,
        help="Settings of the system: inline JSON, or a YAML file. With --init: changes of the "
        "settings of that model; default: none. Required without --init.",
    ),
    seed: int = typer.Option(
        0, min=0, max=LARGEST_SEED, help="Seed of weights, batches, noise and dropout."
    ),
    weak: Path | None = typer.Option(
        None, help="Feature store of the weak split; required by framework joint."
    ),
    unlabeled: Path | None = typer.Option(
        None, help="Feature store of the unlabeled split; required by framework joint."
    ),
    strong: Path | None = typer.Option(
        None, help="Feature store of the strong split; required by framework joint."
    ),
    out_of_domain: Path | None = typer.Option(
        None, help="Feature store of the out_of_domain split; framework single only."
    ),
    development: Path = typer.Option(..., help="Feature store of the development split."),
    out: Path = typer.Option(
        ..., help="Folder for checkpoint.pt, history.csv, energy.json and resume.pt."
    ),
    init: str | None = typer.Option(
        None,
        help="Start from these weights: a model file, a checkpoint, or a name of resed models. "
        "Heads of classes that it lacks are new. Default: random weights.",
    ),
    changed: bool = typer.Option(
        False,
        "--changed",
        help="Accept settings that differ from those of the system in config/systems.",
    ),
    targets: list[str] = typer.Option(
        [],
        help="ROLE=FILE: targets of resed distil that replace the labels of training "
        "clips, repeated for several roles; framework single only.",
    ),
    network_file: Path | None = typer.Option(
        None,
        help="Python file with the class that model.own of the settings names; its code is run. "
        "Required by such settings.",
    ),
    generation: int = typer.Option(
        0,
        min=0,
        max=1_000_000,
        help="Of a student of earlier systems: 1000 times this number is added to the seed of "
        "weights and batches, so that a student starts from other weights than its teacher.",
    ),
    resume: bool = typer.Option(True, help="Continue an interrupted training from OUT/resume.pt."),
    branches: Path | None = typer.Option(
        None,
        help="Folder with states that trainings with equal settings up to an epoch have in common. "
        "Such a state is continued, and written there after each epoch of --branch-after. The "
        "checkpoint has the same bytes as without this option.",
    ),
    branch_after: list[int] = typer.Option(
        [], min=1, help="An epoch after which the state is written to --branches; repeated."
    ),
    threads: int = typer.Option(1, min=1, help="Number of CPU threads; the result depends on it."),
    device: str = typer.Option("auto", help="auto, cpu or cuda."),
    jobs_per_gpu: int = typer.Option(
        1, min=1, help="Number of jobs that may share a GPU; others wait."
    ),
) -> None:
    """Train teacher and student of one system with one seed.

    Prints the loss, the development F1 (%) and the remaining minutes after each epoch. If it is
    killed and started again, the training continues and ends with the same bytes (on a CPU).
    torchrun --nproc-per-node 4 -m resed train ... divides every batch among four processes.

    Example: resed train --dataset demo --root data/demo --system pts --settings pts.yaml
    --weak weak.store --unlabeled unlabeled.store --strong strong.store --development dev.store
    --out train/pts/seed0
    """
    from resed.cli.by_split import by_split, required
    from resed.config.dataset import load_dataset
    from resed.config.loading import overlay, read_settings
    from resed.config.network_file import NetworkFile
    from resed.config.systems import refuse_other_settings
    from resed.predict.models import model_path
    from resed.runtime.devices import device_for, visible_devices
    from resed.train.branches import Branches
    from resed.train.initial import Initial
    from resed.train.parallel import connected, refuse_too_few_devices, started_by_torchrun
    from resed.train.setup import build_trainer, keep_freed_memory, prepare_torch

    if settings is None:
        required("without --init", settings=settings)
    if branch_after:
        required("with --branch-after", branches=branches)
    values = read_settings(settings) if settings is not None else {}
    initial = Initial.read(model_path(init)) if init else None
    if initial is not None:
        values = overlay(initial.settings, values)
    if not changed:
        refuse_other_settings(system, values, Path())
    network = NetworkFile.read(network_file) if network_file else None
    processes = started_by_torchrun()
    if device != "cpu":
        refuse_too_few_devices(processes, jobs_per_gpu * len(visible_devices(processes.say)))
    keep_freed_memory()
    given = {
        "weak": weak,
        "unlabeled": unlabeled,
        "strong": strong,
        "out_of_domain": out_of_domain,
        "development": development,
    }
    stores = {role: path for role, path in given.items() if path is not None}
    with (
        device_for(device, jobs_per_gpu, processes.say) as chosen,
        connected(processes, chosen),
        processes.together(),
    ):
        prepare_torch(threads, chosen)
        trainer = build_trainer(
            load_dataset(dataset),
            root,
            system=system,
            settings=values,
            seed=seed,
            stores=stores,
            folder=out,
            device=chosen,
            initial=initial,
            generation=generation,
            targets=by_split(targets, "--targets"),
            network=network,
            processes=processes,
        )
        common = Branches(branches, branch_after) if branches and processes.count == 1 else None
        processes.say(f"wrote {trainer.train(resume, common)}")
