"""Training steps on random clips: numbers of two devices, clips per second, memory and watts."""

import copy
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from resed.formats.label_matrix import Grid
from resed.runtime.energy import Gpu, gpu
from resed.settings import FeatureSettings, SystemSettings
from resed.train.batches import Stratum
from resed.train.epoch_log import EpochLog
from resed.train.framework import frame_grid
from resed.train.loop import Trainer
from resed.train.precision import arithmetic
from resed.train.run import TrainingRun

SETTINGS = Path(__file__).with_name("settings.json")
EPOCH = 40  # of the measured steps: alpha, beta and the focal loss are at work
SAMPLE_SECONDS = 0.1  # between two readings of the power
CPU = torch.device("cpu")
Row = dict[str, Any]


def quiet(values: Any) -> Any:
    """Settings without dropout and noise, which two devices draw differently."""
    if isinstance(values, dict):
        off = ("dropout", "teacher_noise")
        return {key: 0.0 if key in off else quiet(value) for key, value in values.items()}
    return values


def trainer_of(
    name: str,
    device: torch.device,
    precision: str,
    *,
    steps: int,
    clips: int = 0,
    small: bool = False,
    still: bool = False,
) -> Trainer:
    """The trainer of a system of settings.json on random clips, with seed 0.

    Args:
        steps: per epoch.
        clips: largest number of clips of a role in a batch; 0: as in the settings.
        small: a tenth of the width.
        still: without dropout and noise.
    """
    values = copy.deepcopy(json.loads(SETTINGS.read_text())[name])
    system, classes = values["system"], values["classes"]
    schedule, batch = system["schedule"], system["schedule"]["batch"]
    schedule |= {"precision": precision, "steps_per_epoch": steps}
    if clips:
        for role in ("weak", "strong", "unlabeled"):
            batch[role] = min(batch[role], clips)
    if small:
        system["model"]["width"] = 0.1
    settings = SystemSettings(**(quiet(system) if still else system))
    features = FeatureSettings(**values["features"])
    cells, seconds = frame_grid(settings.model, features)
    run = TrainingRun(
        system=name, settings=settings, seed=0, classes=[f"class{k}" for k in range(classes)],
        features=features, data={}, shares=[1.0] * classes,
        grid=Grid(cells, seconds, settings.objective.strong.rounding), folder=Path(os.devnull),
    )  # fmt: skip
    draw = torch.Generator().manual_seed(0)
    strata = {}
    for role in settings.training_roles:
        count = 2 * batch[role]
        mels = torch.randn(count, features.frames, features.n_mels, generator=draw)
        mels = mels.abs() if features.scale == "linear" else mels
        tags = frames = None
        if role != "unlabeled":
            tags = (torch.rand(count, classes, generator=draw) < 0.2).byte()
        if role == "strong":
            frames = (torch.rand(count, cells, classes, generator=draw) < 0.1).byte()
        strata[role] = Stratum(role, mels, tags, frames).to(device)
    trainer = Trainer(run, strata, {}, device, say=lambda line: None)
    trainer.epoch = EPOCH
    return trainer


def wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


# ---- the same numbers on two devices ------------------------------------------------------------


def step(trainer: Trainer, number: int, precision: str) -> tuple[float, torch.Tensor]:
    """Make a step; its loss, and the gradients of all parameters in one vector (float64, CPU)."""
    arithmetic(precision, trainer.device)
    number += EPOCH * trainer.steps
    _, terms, *_ = trainer._step(number, trainer.framework.moment(number, trainer.steps))
    grads = [p.grad for p in trainer.framework.parameters() if p.grad is not None]
    return float(terms["loss"]), torch.cat([g.detach().double().cpu().flatten() for g in grads])


def give_weights(source: Trainer, target: Trainer) -> None:
    target.networks.load_state_dict(source.networks.state_dict())
    if source.projections is not None and target.projections is not None:
        target.projections.load_state_dict(source.projections.state_dict())


def agreement(
    name: str, device: torch.device, *, steps: int, clips: int, small: bool, until: float
) -> Iterator[Row]:
    """Losses and gradients of `steps` steps on the CPU in float32 and on `device`.

    `differs`: both compute each step from the weights that the CPU has before it. `apart` is the
    difference of the losses at the last step where each goes on from its own weights.
    """
    options: dict[str, Any] = {"steps": steps, "clips": clips, "small": small, "still": True}
    ours = trainer_of(name, CPU, "float32", **options)
    others = {
        (precision, forced): trainer_of(name, device, precision, **options)
        for precision in ("float32", "bfloat16")
        for forced in (True, False)
    }
    found: dict[tuple[str, bool], list[tuple[float, float]]] = {key: [] for key in others}
    loss, done = float("nan"), 0
    for number in range(steps):
        if time.monotonic() > until and number:
            break
        for (_, forced), other in others.items():
            if forced:
                give_weights(ours, other)
        loss, grad = step(ours, number, "float32")
        for (precision, forced), other in others.items():
            theirs, grads = step(other, number, precision)
            apart = abs(theirs - loss) / abs(loss)
            found[precision, forced].append((apart, float((grads - grad).norm() / grad.norm())))
        done += 1
    for precision in ("float32", "bfloat16"):
        losses, grads = zip(*found[precision, True], strict=True)
        yield {
            "system": name, "precision": precision, "clips": ours.batches.clips, "steps": done,
            "loss": loss, "loss_differs": max(losses),
            "gradient_differs": statistics.median(grads), "gradient_differs_most": max(grads),
            "loss_apart": found[precision, False][-1][0],
        }  # fmt: skip


# ---- speed --------------------------------------------------------------------------------------


@contextmanager
def watched(device: torch.device) -> Iterator[Callable[[], float | None]]:
    """While the block runs, read the power of the GPU; yields a function with the mean in watts."""
    readings: list[float] = []
    ended = threading.Event()
    card = meter_of(device)

    def read() -> None:
        while card is not None and not ended.is_set():
            watts = card.watts()
            if watts is not None:
                readings.append(watts)
            ended.wait(SAMPLE_SECONDS)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield lambda: round(statistics.fmean(readings), 1) if readings else None
    finally:
        ended.set()
        reader.join()


def meter_of(device: torch.device) -> Gpu | None:
    if device.type != "cuda":
        return None
    uuid = getattr(torch.cuda.get_device_properties(device), "uuid", "")
    return gpu(f"GPU-{uuid}")


def epochs_for(trainer: Trainer, seconds: float, epoch: Callable[[], object]) -> tuple[int, float]:
    """Clips of whole epochs of about `seconds`, and the seconds that they took."""
    wait_for(trainer.device)
    begin, clips = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        epoch()
        wait_for(trainer.device)
        clips += trainer.steps * trainer.batches.clips
    return clips, time.perf_counter() - begin


def epoch_of(trainer: Trainer) -> Callable[[], object]:
    """The steps of an epoch with their checks and log, as a training makes them."""

    def epoch() -> None:
        log = EpochLog(trainer.steps, len(trainer.run.classes), trainer.device)
        trainer._steps(log, time.monotonic())

    return epoch


def graph_of(trainer: Trainer) -> Callable[[], object]:
    """Replays of one step as a CUDA graph, with one batch and weights that do not change with time.

    No training can run so; it is the limit of what graphs can gain.
    """
    number = EPOCH * trainer.steps
    moment = trainer.framework.moment(number, trainer.steps)
    inputs, targets = trainer._batch(number)
    for group in trainer.optimiser.param_groups:
        group["capturable"] = True
    kind, half = trainer.device.type, trainer.autocast

    def body() -> None:
        trainer.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(kind, half or torch.bfloat16, half is not None, cache_enabled=False):
            both = trainer.framework.outputs(
                inputs["of the teacher"], inputs["of the student"], targets
            )
        trainer.framework.losses(*both, targets, moment)["loss"].backward()
        trainer.optimiser.step()
        trainer.framework.after(number)

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            body()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        body()

    def epoch() -> None:
        for _ in range(trainer.steps):
            graph.replay()

    return epoch


def speed(
    name: str, device: torch.device, precision: str, *, mode: str = "eager", seconds: float,
    steps: int, clips: int = 0, small: bool = False, ready: Callable[[], object] = lambda: None,
) -> Row:  # fmt: skip
    """Clips per second, memory and watts of one job.

    Args:
        mode: eager, compiled, compiled with graphs, one graph (see `graph_of`).
        seconds: of the measurement.
        ready: called when the job is warm; returns when it shall begin.
    """
    trainer = trainer_of(name, device, precision, steps=steps, clips=clips, small=small)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # as in a training
        torch.cuda.reset_peak_memory_stats(device)
    begin = time.perf_counter()
    if mode.startswith("compiled"):
        how = "reduce-overhead" if mode.endswith("graphs") else "default"
        networks = trainer.networks
        for network in (networks.student, networks.teacher):
            if network is not None:
                network.compile(mode=how)
    epoch = graph_of(trainer) if mode == "one graph" else epoch_of(trainer)
    epoch()
    wait_for(device)
    first = time.perf_counter() - begin
    ready()
    with watched(device) as watts:
        made, taken = epochs_for(trainer, seconds, epoch)
    memory = torch.cuda.max_memory_reserved(device) / 1e9 if device.type == "cuda" else None
    return {
        "system": name, "precision": precision, "mode": mode, "batch": trainer.batches.clips,
        "clips_per_second": round(made / taken, 1), "first_epoch_s": round(first, 2),
        "memory_gb": memory and round(memory, 2), "watts": watts(),
    }  # fmt: skip


def device_name(device: torch.device) -> str:
    """The device and what computes on it."""
    cuda = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if cuda else f"CPU, {torch.get_num_threads()} threads"
    python = ".".join(map(str, sys.version_info[:3]))
    return f"{name}; PyTorch {torch.__version__}, Python {python}"
