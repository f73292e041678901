"""Measure the speed of training steps and of log-mels on one CPU core.

    python benchmarks/speed.py [--parts mt pts mels] [--peer FOLDER] [--rounds 5] [--out FILE]

Prints a Markdown table. Times are CPU seconds of a process with one thread. Two sides of a ratio
are measured in turns; the ratio is the median of the rounds, with the smallest and the largest.

mt: a step of Mean Teacher at full size, batch 24, of resed and of the original code. FOLDER is a
clone of turpaultn/DCASE2019_task4. Its networks and its function `train` run unchanged, except for
the argument order of `add_`, which torch no longer has, in a process of their own. Both get random
clips of the same shape; loading is not measured.
pts: a step of PTS+TFD per clip, at the size of the paper, of config/esc10.yaml and of
config/demo.yaml, and the time that its multiplications would take at the speed of a product of two
matrices.
mels: the log-mels of one clip of resed and of librosa.
"""

import argparse
import ast
import logging
import multiprocessing
import statistics
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

from resed.config.dataset import load_dataset
from resed.config.run import load_config
from resed.extract.logmel import clip_features
from resed.formats.store import create
from resed.settings import FeatureSettings
from resed.train.loop import Trainer
from resed.train.setup import build_trainer, keep_freed_memory, prepare_torch

REPOSITORY = Path(__file__).resolve().parents[1]
ROLES = ("weak", "unlabeled", "strong", "development")
CLASSES = 10
MATRIX = 2048  # rows and columns of the product that sets the limit
DATASET = """
name: speed
title: Speed
kind: recordings
classes: [{classes}]
splits:
"""


def seconds(action: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    begin = time.process_time()
    action()
    return time.process_time() - begin


def in_turns(first: Callable, second: Callable, rounds: int) -> tuple[float, float, list[float]]:
    """Median seconds of both actions, and second over first per round, without a first round."""
    pairs = [(seconds(first), seconds(second)) for _ in range(rounds + 1)][1:]
    ratios = sorted(theirs / ours for ours, theirs in pairs)
    return *(statistics.median(side) for side in zip(*pairs, strict=True)), ratios


def spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


# ---- training steps of resed


def made_clips(folder: Path, features: FeatureSettings, clips: int) -> None:
    """A dataset of random features; every clip has one class, and strong clips one event."""
    rng = np.random.default_rng(0)
    names = [f"class{number}" for number in range(CLASSES)]
    text = DATASET.format(classes=", ".join(names))
    for role in ROLES:
        labels = {"weak": "weak", "unlabeled": "none"}.get(role, "strong")
        text += f"  {role}: {{audio: a/{role}, annotations: {role}.tsv, labels: {labels}, "
        text += f"clips: {clips}}}\n"
        files = [f"{role}{number}.wav" for number in range(clips)]
        with create(folder / f"{role}.store", files, features, role, "0" * 64) as writer:
            for row in range(clips):
                size = features.frames, features.n_mels
                writer.write(row, np.abs(rng.normal(size=size)).astype(np.float32))
        header = {"weak": "filename\tevent_labels", "none": "filename"}.get(
            labels, "filename\tonset\toffset\tevent_label"
        )
        event = {"weak": "\t{}", "none": ""}.get(labels, "\t1.0\t3.0\t{}")
        rows = [file + event.format(names[k % CLASSES]) for k, file in enumerate(files)]
        (folder / f"{role}.tsv").write_text("\n".join([header, *rows]) + "\n")
    text += "  evaluation: {audio: a/e, annotations: development.tsv, labels: strong, clips: 1}\n"
    (folder / "speed.yaml").write_text(text)


def trainer_of(config: str, system: str, folder: Path) -> Trainer:
    """The trainer of a system of a config (`` for the paper's size) on random clips."""
    values = yaml.safe_load((REPOSITORY / f"config/{config or 'config'}.yaml").read_text())
    values |= {"systems": [system], "system_seeds": {}, "sanity_system": ""}
    values["sensitivity"] = {"system": system, "report": False, "readings": []}
    chosen = load_config(values, REPOSITORY)
    features = chosen.feature_sets[chosen.features_of(system)]
    settings = chosen.system(system).model_dump(mode="json")
    batch = settings["schedule"]["batch"]
    made_clips(folder, features, 2 * max(v for v in batch.values() if isinstance(v, int)))
    settings["schedule"]["steps_per_epoch"] = 1000
    return build_trainer(
        load_dataset(folder / "speed.yaml"), folder, system=system, settings=settings, seed=0,
        stores={role: folder / f"{role}.store" for role in ROLES}, folder=folder / "out",
        device=torch.device("cpu"),
    )  # fmt: skip


def stepping(trainer: Trainer) -> Callable[[], object]:
    """An action that makes the next step of a training."""
    numbers = iter(range(10**6))

    def step() -> None:
        number = next(numbers)
        trainer._step(number, trainer.framework.moment(number, trainer.steps))

    return step


def sgemm() -> float:
    """Multiplications and additions per second of a product of two matrices."""
    first, second = torch.randn(MATRIX, MATRIX), torch.randn(MATRIX, MATRIX)
    best = min(seconds(lambda: first @ second) for _ in range(5))
    return 2 * MATRIX**3 / best


def pts(rounds: int) -> Iterator[tuple[str, ...]]:
    """Rows for PTS+TFD: CPU time per clip, the limit, and the ratio."""
    for name, config in (("paper", ""), ("ESC-10", "esc10"), ("demo", "demo")):
        with tempfile.TemporaryDirectory() as folder:
            trainer = trainer_of(config, "pts_tfd", Path(folder))
            step, clips = stepping(trainer), trainer.batches.clips
            with FlopCounterMode(display=False) as counter:
                step()
            work = counter.get_total_flops()
            taken, product = [], []
            for _ in range(rounds):
                product.append(work / sgemm())
                taken.append(min(seconds(step) for _ in range(1 if config == "" else 10)))
            ratios = sorted(a / b for a, b in zip(taken, product, strict=True))
            yield (
                f"PTS+TFD step, {name}, batch {clips}",
                f"{1000 * statistics.median(taken) / clips:.1f} ms per clip",
                f"{1000 * statistics.median(product) / clips:.1f} ms for "
                f"{work / clips / 1e9:.2f} GFLOP",
                spread(ratios),
            )


# ---- Mean Teacher


def original(peer: Path) -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor], Callable]:
    """The original training loop: inputs -> an action that makes one step."""
    code = peer / "baseline"
    sys.path.insert(0, str(code))
    from models.CRNN import CRNN
    from utils import ramps

    names = {"train", "update_ema_variables"}
    tree = ast.parse((code / "main.py").read_text())
    tools = ast.parse((code / "utils" / "utils.py").read_text())
    wanted = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name in names]
    helpers = {"AverageMeterSet", "AverageMeter", "to_cuda_if_available", "weights_init"}
    wanted += [n for n in tools.body if getattr(n, "name", "") in helpers]
    source = ast.unparse(ast.Module(wanted, []))
    changed = source.replace("add_(1 - alpha, param.data)", "add_(param.data, alpha=1 - alpha)")
    if changed == source:
        raise SystemExit(f"{code / 'main.py'}: not the code that this script expects")
    space = {"torch": torch, "nn": torch.nn, "np": np, "time": time, "ramps": ramps,
             "LOG": logging.getLogger("peer"),
             "cfg": types.SimpleNamespace(n_epoch=100, max_consistency_cost=2)}  # fmt: skip
    exec(compile(changed, "peer", "exec"), space)
    # crnn_kwargs of its config.py, whose import reads the dataset.
    sizes = {"n_in_channel": 1, "nclass": CLASSES, "attention": True, "n_RNN_cell": 64,
             "n_layers_RNN": 2, "activation": "glu", "dropout": 0.5, "kernel_size": 3 * [3],
             "padding": 3 * [1], "stride": 3 * [1], "nb_filters": [64, 64, 64],
             "pooling": [(2, 4)] * 3}  # fmt: skip
    student, teacher = CRNN(**sizes), CRNN(**sizes)
    for network in (student, teacher):
        network.apply(space["weights_init"])
    for parameter in teacher.parameters():
        parameter.detach_()
    optimiser = torch.optim.Adam(student.parameters(), lr=0.001, betas=(0.9, 0.999))

    def action(mels: torch.Tensor, noisy: torch.Tensor, target: torch.Tensor) -> Callable:
        quarter = len(mels) // 4  # its batches: a quarter weak, half unlabeled, a quarter strong
        weak, strong = slice(quarter), slice(3 * quarter, len(mels))
        batch = [(mels, noisy, target)]
        return lambda: space["train"](batch, student, optimiser, 1, ema_model=teacher,
                                      weak_mask=weak, strong_mask=strong)  # fmt: skip

    return action


def serve(peer: Path, pipe: Connection) -> None:
    """In a process of its own, without the memory settings of resed: a step per request."""
    torch.set_num_threads(1)
    clips, frames, bands = pipe.recv()
    mels = torch.randn(clips, 1, frames, bands)
    target = (torch.rand(clips, frames // 8, CLASSES) > 0.9).float()
    step = original(peer)(mels, mels + 0.1 * torch.randn_like(mels), target)
    while pipe.recv():
        pipe.send(seconds(step))


def mean_teacher(rounds: int, peer: Path) -> Iterator[tuple[str, ...]]:
    """A row for a step of Mean Teacher at full size."""
    context = multiprocessing.get_context("spawn")
    ours_end, theirs_end = context.Pipe()
    other = context.Process(target=serve, args=(peer, theirs_end), daemon=True)
    other.start()

    def theirs() -> float:
        ours_end.send(True)
        return ours_end.recv()

    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of("", "mean_teacher", Path(folder))
        clips, features = trainer.batches.clips, trainer.run.features
        ours_end.send((clips, features.frames // 8 * 8, features.n_mels))
        step = stepping(trainer)
        pairs = [(seconds(step), theirs()) for _ in range(rounds + 1)][1:]
    ours_end.send(False)
    ratios = sorted(slow / fast for fast, slow in pairs)
    medians = [statistics.median(side) for side in zip(*pairs, strict=True)]
    yield (
        f"MT step, full size, batch {clips}",
        f"{medians[0]:.2f} s",
        f"{medians[1]:.2f} s (original code)",
        spread(ratios),
    )


# ---- log-mels


def mels(rounds: int) -> Iterator[tuple[str, ...]]:
    """A row for the log-mels of 10 s of noise at the settings of the paper."""
    import librosa

    settings = load_config(
        yaml.safe_load((REPOSITORY / "config/config.yaml").read_text()), REPOSITORY
    ).features
    wave = np.random.default_rng(0).normal(0, 0.1, settings.sample_rate * 10).astype(np.float32)

    def theirs() -> np.ndarray:
        power = librosa.feature.melspectrogram(
            y=wave, sr=settings.sample_rate, n_fft=settings.n_fft, hop_length=settings.hop,
            win_length=settings.window, n_mels=settings.n_mels, fmax=settings.f_max,
        )  # fmt: skip
        return librosa.power_to_db(power)

    ours, other, ratios = in_turns(lambda: clip_features(wave, settings), theirs, rounds * 10)
    yield (
        f"log-mels of 10 s, {settings.n_mels} bands",
        f"{1000 * ours:.1f} ms",
        f"{1000 * other:.1f} ms (librosa {librosa.__version__})",
        spread(ratios),
    )


def main() -> None:
    """Print the table, each row when it is measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="*", default=["mels", "pts", "mt"])
    parser.add_argument("--peer", type=Path, help="clone of turpaultn/DCASE2019_task4, for mt")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="also write the table there")
    given = parser.parse_args()
    keep_freed_memory()
    prepare_torch(1, torch.device("cpu"))
    lines = ["| what | resed | compared with | ratio, median (range) |", "|---|---:|---:|---:|"]
    print("\n".join(lines))
    parts = {"mels": mels, "pts": pts, "mt": lambda rounds: mean_teacher(rounds, given.peer)}
    for part in given.parts:
        if part == "mt" and given.peer is None:
            print("mt is left out: give --peer")
            continue
        for row in parts[part](given.rounds):
            lines.append(f"| {' | '.join(row)} |")
            print(lines[-1], flush=True)
    if given.out:
        given.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
