"""A small dataset of recordings for tests of the audit, without defects until a test adds them."""

from pathlib import Path

import numpy as np
import soundfile

from resed.audit import audit_dataset
from resed.config.dataset import Dataset, load_dataset
from resed.config.stages import AuditSettings
from resed.formats.annotations import Event, write_clips, write_events, write_tags

REPOSITORY = Path(__file__).resolve().parents[1]
RATE = 44100
CLASSES = ["Cat", "Dog", "Speech"]
CLIPS = {"weak": 12, "unlabeled": 6, "strong": 12, "development": 12, "evaluation": 12}


def name(split: str, i: int) -> str:
    """Clip i of a split, as DCASE names them: evaluation without Y and with short times."""
    identity = f"{split[:6]:_<6}{i:05d}"
    return f"{identity}_30_40.wav" if split == "evaluation" else f"Y{identity}_30.000_40.000.wav"


def dataset(**changes) -> Dataset:
    """DCASE 2019 with three classes, twelve clips a split, of one second each."""
    real = load_dataset("dcase2019", REPOSITORY)
    splits = {
        role: place.model_copy(update={"clips": CLIPS[role], "paper": None})
        for role, place in real.splits.items()
    }
    update = {"classes": CLASSES, "splits": splits, "published": [], "clip_seconds": 1.0}
    return real.model_copy(update={**update, **changes})


def make(root: Path, what: Dataset) -> Path:
    """Write a clean dataset below `root`: every clip another noise."""
    generator = np.random.default_rng(0)
    for split, place in what.splits.items():
        names = [name(split, i) for i in range(CLIPS[split])]
        (root / place.audio).mkdir(parents=True)
        for clip in names:
            sound = 0.1 * generator.standard_normal(RATE)
            soundfile.write(root / place.audio / clip, sound, RATE)
        annotations = root / place.annotations
        labels = {clip: CLASSES[i % 3] for i, clip in enumerate(names)}
        if place.labels == "none":
            write_clips(annotations, names)
        elif place.labels == "weak":
            write_tags(annotations, {clip: [label] for clip, label in labels.items()})
        else:
            events = {
                clip: [Event(clip, 0.01 * i, 0.01 * i + 0.5, labels[clip])]
                for i, clip in enumerate(names)
            }
            write_events(annotations, events)
    return root


def audit(what: Dataset, root: Path, **settings) -> dict:
    """The content of audit.json; the outputs are in root/out."""
    checked = AuditSettings(**settings)
    return audit_dataset(
        what, root, root / "out", report=lambda _: None, settings=checked, refuse=False
    )


def found(summary: dict) -> dict[tuple[str, str], int]:
    """(kind, split) -> count of all findings."""
    return {(one["id"], one["split"]): one["count"] for one in summary["findings"]}


def rows(root: Path, table: str = "findings.tsv") -> list[list[str]]:
    """Cells of a table of the audit, without the header."""
    lines = (root / "out" / table).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines[1:]]
