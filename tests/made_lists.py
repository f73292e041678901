"""A tiny dataset of the form of AudioSet: published lists, sound, dataset file and config."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from generations import write
from runs import copy_workflow

LABELS = ["Speech", "Male speech - man speaking", "Dog", "Rain", "Music", "Bell", "Siren", "Drum"]
LABELS += ["Guitar", "Wind", "Engine", "Dishes - pots - and pans"]
MIDS = [f"/m/0{number:04x}" for number in range(11)] + ["/t/dd00012"]
RATE, SECONDS = 16000, 2.0
COUNTS = {"balanced": 24, "unbalanced": 60, "eval": 36}
DRAWN, SEED = 24, 5
HEAD = """# Segments csv created Sun Mar  5 10:54:31 2017
# num_ytids={0}, num_segs={0}, num_unique_labels=12, num_positive_labels=1
# YTID, start_seconds, end_seconds, positive_labels
"""
DATASET: dict[str, Any] = {
    "name": "made_tags",
    "title": "Made tags",
    "kind": "recordings",
    "classes": LABELS,
    "clip_seconds": SECONDS,
    "recording": r"^Y(?P<id>[\w-]{11})\.wav$",
    "splits": {
        "weak": {"audio": "audio/weak", "annotations": "weak.tsv", "labels": "weak", "clips": 60},
        "development": {
            "audio": "audio/weak",
            "annotations": "development.tsv",
            "labels": "weak",
            "clips": DRAWN,
        },
        "evaluation": {
            "audio": "audio/eval",
            "annotations": "evaluation.tsv",
            "labels": "weak",
            "clips": 36,
        },
    },
    "lists": {
        "classes": "lists/class_labels_indices.csv",
        "segments": {
            "weak": ["lists/balanced_train_segments.csv", "lists/unbalanced_train_segments.csv"],
            "evaluation": ["lists/eval_segments.csv"],
        },
        "draw": {
            "split": "development",
            "lists": ["lists/unbalanced_train_segments.csv"],
            "clips": DRAWN,
            "seed": SEED,
        },
    },
}
CONFIG: dict[str, Any] = {
    "dataset": "made_tags",
    "paper": "secost",
    "systems": ["secost_base", "secost_fixed_s1"],
    "predict": {"tags_only": True},
    "store": {"dtype": "float16", "shard_clips": 25},
    "feature_overrides": {"secost": {"hop": 320, "frames": 100}},
    "sensitivity": {"system": "secost_base", "report": False, "readings": []},
    "sanity_system": "secost_base",
    "override": {
        "model": {
            "width": 0.125,
            "wels": {"channels": [64, 128], "pools": [[4, 8], [4, 4]], "heads": [256]},
        },
        "schedule": {"epochs": 8, "batch": {"sampling": "balanced", "weak": 12}},
    },
}


def video(chance: random.Random) -> str:
    """A name as of a video; some begin with a hyphen."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return "".join(chance.choices(letters, k=11))


def made_rows(name: str) -> list[tuple[str, list[int]]]:
    """Video and classes of each row of a list; every class has a row."""
    chance = random.Random(name)
    return [
        (video(chance), sorted({number % 12, chance.randrange(12)}))
        for number in range(COUNTS[name])
    ]


def write_lists(folder: Path, names: tuple[str, ...] = tuple(COUNTS)) -> None:
    """Write the list of the classes and lists of segments."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f'{n},{mid},"{name.replace(" - ", ", ")}"'
            for n, (mid, name) in enumerate(zip(MIDS, LABELS, strict=True))]  # fmt: skip
    text = "\n".join(["index,mid,display_name", *rows]) + "\n"
    (folder / "class_labels_indices.csv").write_text(text)
    for name in names:
        lines = [
            f'{clip}, 30.000, 40.000, "{",".join(MIDS[label] for label in labels)}"'
            for clip, labels in made_rows(name)
        ]
        stem = name if name == "eval" else f"{name}_train"
        text = HEAD.format(COUNTS[name]) + "\n".join(lines) + "\n"
        (folder / f"{stem}_segments.csv").write_text(text)


def write_sound(root: Path) -> None:
    """A clip per row: noise, and one tone per class."""
    time = np.arange(round(RATE * SECONDS)) / RATE
    for name in COUNTS:
        folder = root / "audio" / ("eval" if name == "eval" else "weak")
        folder.mkdir(parents=True, exist_ok=True)
        for number, (clip, labels) in enumerate(made_rows(name)):
            wave = 0.01 * np.random.default_rng([len(name), number]).standard_normal(len(time))
            for label in labels:
                wave += 0.1 * np.sin(2 * np.pi * 200 * 1.3**label * time)
            soundfile.write(folder / f"Y{clip}.wav", wave, RATE, subtype="PCM_16")


def copy_with_lists(folder: Path) -> Path:
    """A copy of the workflow with the dataset, its lists and its sound."""
    copy_workflow(folder)
    root = folder / "data" / "made_tags"
    write_lists(root / "lists")
    write_sound(root)
    write(folder / "config" / "datasets" / "made_tags.yaml", DATASET)
    return folder
