"""The example of docs/own-classes.md: its sounds, its dataset file and its run."""

import csv
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from runs import REPOSITORY

from resed.check import check_dataset
from resed.config.loading import overlay, read_yaml
from resed.config.run import load_config
from resed.formats.annotations import read_events

EXAMPLES = REPOSITORY / "docs" / "examples"
RATE = 44100


def test_example_of_own_classes(tmp_path):
    """Speeds and times of events by hand: a tone of 1 s at 300 Hz becomes 1.8 times as high."""
    bank = tmp_path / "bank"
    bank.mkdir()
    tone = np.sin(2 * np.pi * 300 * np.arange(RATE) / RATE)
    rows = []
    for label in ("chainsaw", "rooster"):
        for fold in range(1, 6):
            name = f"{fold}-{label}.wav"
            soundfile.write(bank / name, np.pad(tone, (RATE, 2 * RATE)), RATE)
            rows.append((name, label, fold))
    with (bank / "clips.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([("file", "class", "fold"), *rows])
    out = tmp_path / "data"
    command = [sys.executable, str(EXAMPLES / "own_sounds.py"), str(bank), str(out)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    roles = {"strong": 6, "development": 2, "evaluation": 2}
    found = {role: read_events(out / "metadata" / f"{role}.tsv") for role in roles}
    assert {role: len(clips) for role, clips in found.items()} == roles
    for role, clips in found.items():
        for clip, events in clips.items():
            (event,) = events
            speed = 1.8 if event.event_label == "Drone" else 0.5
            assert event.offset - event.onset == pytest.approx(1 / speed, abs=0.11)
            samples, rate = soundfile.read(out / "audio" / role / clip)
            assert len(samples) == 10 * rate
            start = round(event.onset * rate) + 2000
            part = samples[start : start + rate // 2]
            loudest = np.abs(np.fft.rfft(part)).argmax() * rate / len(part)
            assert loudest == pytest.approx(300 * speed, abs=4)


def test_run_of_own_classes_fits_its_dataset(tmp_path):
    """The batch is not larger than the clips; the run starts from the installed model."""
    values = overlay(
        read_yaml(REPOSITORY / "config" / "config.yaml"),
        read_yaml(EXAMPLES / "own_classes_run.yaml"),
    )
    values["dataset"] = str(EXAMPLES / "own_classes.yaml")
    config = load_config(values, REPOSITORY)
    system = config.system("everyday")
    assert config.init == "everyday" and config.dataset_file.classes == ["Drone", "Whale"]
    assert system.schedule.batch.strong == 12 <= config.dataset_file.splits["strong"].clips
    assert system.decode.tag_threshold == 0.5 and system.objective.mean_teacher.decay == 0.97
    _, messages = check_dataset(EXAMPLES / "own_classes.yaml", tmp_path, base=REPOSITORY)
    assert all("no such file" in one.text for one in messages.found if one.level == "error")
