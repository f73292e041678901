"""One training in several processes: its losses are those of one process."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from systems import BASE
from test_train_loop import make_tiny

from resed.config.dataset import load_dataset
from resed.config.loading import overlay
from resed.errors import CheckpointError, ConfigError
from resed.formats import checkpoint
from resed.settings import SystemSettings
from resed.train.objective import Targets
from resed.train.parallel import (
    ONE,
    BatchDropout,
    Processes,
    part_of,
    refuse_too_few_devices,
    refuse_undivided,
    started_by_torchrun,
)
from resed.train.setup import build_trainer

TESTS = Path(__file__).parent
CPU = torch.device("cpu")
WELS = {"channels": [64, 64], "pools": [[4, 4], [2, 16]], "heads": [64], "segment": [3, 1]}
CRNN = {"channels": [64], "pools": [64], "layers": 1, "kernel": 3, "hidden": 64, "dropout": 0.3}
SCHEDULE = {
    "epochs": 2, "steps_per_epoch": 3, "teacher_noise": 0.0, "selection": "last",
    "batch": {"weak": 4, "strong": 2, "unlabeled": 0, "sampling": "balanced"},
}  # fmt: skip
SYSTEMS = {
    # A network with batch normalisation, and clips that are drawn class by class
    "wels": {"model": {"wels": WELS}, "schedule": SCHEDULE},
    # Dropout, a recurrent layer, and random numbers for the whole batch
    "crnn": {
        "model": {"frame_crnn": CRNN},
        "schedule": {
            **SCHEDULE, "teacher_noise": 0.1, "augment": {"gain": 0.3, "mixup": 0.5},
            "batch": {**SCHEDULE["batch"], "sampling": "strata"},
        },
    },
}  # fmt: skip


def settings(name, **changes):
    single = {"model": {"framework": "single", "input_norm": "batch_norm", "width": 0.1}}
    return overlay(overlay(overlay(BASE, single), SYSTEMS[name]), changes)


def in_processes(count, *words, **options):
    """torchrun on the CPU with a port of its own."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, f"--nproc-per-node={count}", *map(str, words)],
        capture_output=True, text=True, timeout=300, env=environment, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder of results, by `system` of one process and `system2` of two processes."""
    import json

    from train_parallel import train

    root = tmp_path_factory.mktemp("parallel")
    make_tiny(root)
    jobs = [[settings(name), str(root / f"{name}2"), None] for name in SYSTEMS]
    jobs.append([settings("crnn"), str(root / "resumed2"), 4])
    (root / "jobs.json").write_text(json.dumps(jobs))
    done = in_processes(2, f"{TESTS}/train_parallel.py", root, cwd=TESTS)
    assert done.returncode == 0, done.stderr[-3000:]
    torch.set_num_threads(1)
    for name in SYSTEMS:
        train(ONE, root, settings(name), root / name)
    train(ONE, root, settings("crnn"), root / "resumed", 4)
    return root, done.stdout


def history(folder):
    with (folder / "history.csv").open() as handle:
        return list(csv.DictReader(handle))


@pytest.mark.parametrize("name", SYSTEMS)
def test_losses_are_those_of_one_process(trained, name):
    root, _ = trained
    alone, together = history(root / name), history(root / f"{name}2")
    assert len(alone) == len(together) == 2
    for one, two in zip(alone, together, strict=True):
        assert one.keys() == two.keys()
        assert {key for key in one if one[key]} == {key for key in two if two[key]}
        # Norms and ranks of features: see the next test. F1: a rounding turns a decision at 0.5
        # of networks that have learnt nothing yet, so posteriors are compared instead.
        columns = {key for key in one if one[key] and not key.startswith("feature_")}
        for column in columns - {"clips_per_second"} - {key for key in one if key.endswith("_f1")}:
            assert float(two[column]) == pytest.approx(float(one[column]), abs=1e-5), column
    losses = [float(row["loss"]) for row in alone]
    assert losses[0] > losses[1] > 0


@pytest.mark.parametrize("name", SYSTEMS)
def test_posteriors_of_every_epoch_are_those_of_one_process(trained, name):
    root, _ = trained
    alone, together = (np.load(root / folder / "posteriors.npy") for folder in (name, f"{name}2"))
    assert alone.shape == together.shape == (2, 5, *alone.shape[2:])
    assert np.ptp(alone) > 0.01, "posteriors that differ"
    np.testing.assert_allclose(together, alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", SYSTEMS)
def test_weights_and_statistics_are_those_of_one_process(trained, name):
    root, _ = trained
    alone, together = (
        checkpoint.load_finished(root / folder / "checkpoint.pt")["networks"]
        for folder in (name, f"{name}2")
    )
    assert alone.keys() == together.keys()
    for key, value in alone.items():
        # A shift that a later normalisation removes has a gradient of rounding, which Adam scales.
        if name == "wels" and ".cnn." in key and key.endswith(("bias", "running_mean")):
            continue
        torch.testing.assert_close(together[key], value, atol=2e-5, rtol=1e-4, msg=key)
    assert any(key.endswith("running_var") for key in alone)


@pytest.mark.parametrize("folder", ["resumed", "resumed2"])
def test_a_training_resumes_at_its_step_with_the_same_bytes(trained, folder):
    root, _ = trained
    whole = root / folder.replace("resumed", "crnn")
    for name in ("checkpoint.pt", "history.csv"):
        found, wanted = ((place / name).read_bytes() for place in (root / folder, whole))
        if name == "history.csv":
            found, wanted = (
                [{k: v for k, v in row.items() if k != "clips_per_second"} for row in history(p)]
                for p in (root / folder, whole)
            )
        assert found == wanted
    assert not (root / folder / "resume.pt").exists()


def test_one_process_prints(trained):
    _, output = trained
    assert output.count("wels seed 0: epoch 1/2") == 3  # of three trainings, not of two processes
    assert "wels seed 0: resumed after step 1 of epoch 2" in output


def test_a_state_within_an_epoch_that_does_not_fit_is_refused(trained, tmp_path):
    from train_parallel import Interrupted

    root, _ = trained

    def fresh(chosen):
        return build_trainer(
            load_dataset(root / "tiny.yaml"), root, system="wels", settings=chosen, seed=0,
            stores={role: root / f"{role}.store" for role in ("weak", "strong", "development")},
            folder=tmp_path, device=CPU,
        )  # fmt: skip

    trainer = fresh(settings("wels"))
    trainer.save_seconds, make = -1.0, trainer._step

    def step(number, moment):
        if number == 2:
            raise Interrupted
        return make(number, moment)

    trainer._step = step
    with pytest.raises(Interrupted):
        trainer.train()
    path = tmp_path / "resume.pt"
    state = checkpoint.load_state(path)
    assert (state["epoch"], state["within"]["step"]) == (0, 2)
    content = {key: value for key, value in state.items() if key not in ("format", "version")}
    for change, words in (
        ({"step": 3}, "within does not fit the steps of an epoch, or the classes; delete it"),
        ({"step": 0}, "within.step"),
        ({"losses": state["within"]["losses"][:, :3]}, "within does not fit"),
        ({"posteriors": torch.zeros(3)}, "within does not fit"),
        ({"present": ["loss.of.nothing"]}, "within.present"),
        ({"weights": torch.full((2,), torch.nan)}, "within.weights"),
    ):
        checkpoint.save(path, content | {"within": state["within"] | change})
        with pytest.raises(CheckpointError, match=words) as error:
            fresh(settings("wels")).train()
        assert "\n" not in str(error.value)


def test_wrong_use_is_one_line(trained, tmp_path):
    import json

    root, _ = trained
    odd = settings("wels", schedule={"batch": {"weak": 3}})
    words = ["-m", "resed", "train", "--dataset", root / "tiny.yaml", "--root", root, "--system",
             "x", "--changed", "--device", "cpu", "--out", tmp_path / "out",
             *(f"--{role}={root}/{role}.store" for role in ("weak", "strong", "development")),
             "--settings", json.dumps(odd)]  # fmt: skip
    done = in_processes(2, *words)
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("resed: ")]
    assert said == [
        "resed: schedule.batch.weak: 3 clips cannot be divided among 2 processes; set it to a "
        "multiple of 2 (now 1 too many), or change --nproc-per-node"
    ]
    assert not (tmp_path / "out").exists()


def refused(count, values):
    with pytest.raises(ConfigError) as error:
        refuse_undivided(Processes(0, count, count), SystemSettings.model_validate(values))
    return str(error.value)


def test_systems_that_one_process_must_train():
    assert refused(2, BASE).startswith("model.framework: joint is trained in one process, not in 2")
    together = settings("wels", schedule={"batch": {"sampling": "random"}})
    assert refused(2, together).startswith("schedule.batch.sampling: random cannot be divided")
    refuse_undivided(ONE, SystemSettings.model_validate(BASE))
    refuse_undivided(Processes(1, 2, 2), SystemSettings.model_validate(settings("wels")))
    with pytest.raises(ConfigError, match="--nproc-per-node: 4 processes need as many GPUs"):
        refuse_too_few_devices(Processes(0, 8, 4), 2)
    refuse_too_few_devices(Processes(0, 8, 4), 4)
    refuse_too_few_devices(Processes(0, 8, 4), 0)  # on the CPU


@pytest.mark.parametrize(
    "change", [{"RANK": "2"}, {"RANK": "x"}, {"WORLD_SIZE": "1e9"}, {"LOCAL_WORLD_SIZE": "0"}, {}]
)
def test_variables_of_torchrun(change):
    right = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    assert started_by_torchrun(right) == Processes(1, 2, 2)
    assert started_by_torchrun({"WORLD_SIZE": "2"}) == ONE  # set by another program
    values = {**right, **change} if change else {"RANK": "0", "WORLD_SIZE": "2"}
    with pytest.raises(ConfigError, match="RANK, WORLD_SIZE, LOCAL_WORLD_SIZE: the variables"):
        started_by_torchrun(values)


def test_parts_of_a_batch_have_all_its_clips_and_labels():
    mels = torch.arange(12.0).reshape(12, 1, 1)
    targets = Targets(torch.arange(8.0).reshape(8, 1), torch.arange(4.0).reshape(4, 1, 1),
                      weak=4, strong=4, unlabeled=4)  # fmt: skip
    parts = [part_of(Processes(rank, 2, 2), mels, targets) for rank in range(2)]
    assert [part[0].flatten().tolist() for part in parts] == [
        [0, 2, 4, 6, 8, 10], [1, 3, 5, 7, 9, 11]
    ]  # fmt: skip
    for values, found in parts:
        assert (found.weak, found.strong, found.unlabeled) == (2, 2, 2)
        assert found.tags.flatten().tolist() == values.flatten()[:4].tolist()
        strong = values.flatten()[found.strong_clips]
        assert found.frames.flatten().tolist() == (strong - 4).tolist()


def test_dropout_has_the_mask_of_the_whole_batch():
    values = torch.rand(6, 3, 4, 5)
    torch.manual_seed(0)
    expected = torch.nn.Dropout(0.4)(values)
    for rank in range(3):
        torch.manual_seed(0)
        found = BatchDropout(0.4, Processes(rank, 3, 3))(values[rank::3])
        torch.testing.assert_close(found, expected[rank::3])
    layer = BatchDropout(0.4, Processes(0, 3, 3)).eval()
    assert layer(values) is values
    assert np.isclose(float((expected == 0).float().mean()), 0.4, atol=0.1)
