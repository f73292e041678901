"""The card of a model: data, authors and licences of its recordings, scores, limits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest

from resed.acquire.soundscapes.settings import soundscapes_of
from resed.acquire.soundscapes.soundbank_list import (
    ListedRecording,
    attributions,
    listed_recordings,
)
from resed.config.dataset import SCORED_ROLES, TRAINING_ROLES, Dataset
from resed.config.rows import Row
from resed.errors import ResultsError
from resed.extract.logmel import clip_features, samples_needed
from resed.formats.audio import read_audio
from resed.formats.counts import Counts, read_counts
from resed.formats.metrics import read_metrics
from resed.predict.networks import Trained
from resed.results.layout import Layout
from resed.stats.intervals import LEVEL, interval
from resed.train.model import parameter_count

BLOCKS = ("event", "segment", "tags_raw")  # of metrics.json


def training_of(name: str) -> tuple[str, int]:
    """System and seed of a candidate, `SYSTEM/seedN`.

    Raises ResultsError for another name.

    Examples:
        >>> training_of("everyday/seed2")
        ('everyday', 2)
    """
    system, _, seed = name.partition("/seed")
    if not system or not seed.isdecimal():
        cure = "name trainings SYSTEM/seedN in resed choose"
        raise ResultsError("names no system and seed", place=name, cure=cure)
    return system, int(seed)


def scores(results: Path, names: Sequence[str], chosen: str) -> dict[str, Any]:
    """Scores with intervals over clips, by split: all candidates, and the chosen one in detail.

    Rows are those with thresholds per class. F1 in percent.

    Raises:
        MissingFileError, ResultsError: a candidate was not scored.
    """
    found: dict[str, Any] = {}
    for split in SCORED_ROLES:
        tables = {name: _counts(results, split, name) for name in names}
        own = tables[chosen]
        found[split] = {
            "clips": own["event"].clips,
            "candidates": {name: _interval(table["event"]) for name, table in tables.items()},
            **{block: _interval(own[block]) for block in BLOCKS if block in own},
            "classes": {label: _interval(own["event"], label) for label in own["event"].classes},
        }
    return found


def _counts(results: Path, split: str, name: str) -> dict[str, Counts]:
    system, seed = training_of(name)
    folder = Layout(results).scored(split, Row(system).tuned_per_class, seed)
    metrics = read_metrics(folder / "metrics.json", f"run resed score for {name} on {split}")
    return read_counts(folder / "counts.tsv", metrics["clips"])


def _interval(counts: Counts, label: str | None = None) -> dict[str, float]:
    found = interval([counts], label)
    return {"f1": round(found.mean, 2), "low": round(found.low, 2), "high": round(found.high, 2)}


def recordings(dataset: Dataset, soundbank: Path | None) -> list[dict[str, Any]]:
    """Every recording that clips are mixed from, by name: class, fold, and whose it is."""
    listed = _listed(dataset, soundbank)
    known = attributions(soundbank) if soundbank else {}
    return [
        {"file": one.name, "class": one.label, "fold": one.fold, **known.get(one.name, {})}
        for one in listed
    ]


def _listed(dataset: Dataset, soundbank: Path | None) -> list[ListedRecording]:
    if dataset.soundbank is None or dataset.soundbank.kind != "folder":
        return []
    scenes = soundscapes_of(dataset)
    used = {fold for split in scenes.splits.values() for fold in split.folds}
    found = listed_recordings(dataset, scenes.classes, soundbank)
    return [one for one in found if one.fold in used]


@torch.no_grad()
def single_recordings(
    trained: Trained, dataset: Dataset, soundbank: Path | None
) -> dict[str, dict[str, Any]]:
    """How often the class of a single recording has the highest tag, by split.

    The recordings are those of the folds of a split, not mixed; of each, the first clip is used.
    The interval is that of Wilson (1927), over recordings, in percent.
    """
    listed, found = _listed(dataset, soundbank), {}
    for split in SCORED_ROLES:
        folds = set(soundscapes_of(dataset).splits[split].folds) if listed else set()
        chosen = [one for one in listed if one.fold in folds]
        if not chosen:
            continue
        right: Counter[str] = Counter()
        for one in chosen:
            right[one.label] += _highest(trained, one.path) == one.label
        total = sum(right.values())
        ends = binomtest(total, len(chosen)).proportion_ci(LEVEL, "wilson")
        found[split] = {
            "recordings": len(chosen),
            "right": total,
            "percent": round(100 * total / len(chosen), 1),
            "low": round(100 * ends.low, 1),
            "high": round(100 * ends.high, 1),
            "classes": {label: right[label] for label in dataset.classes},
        }
    return found


def _highest(trained: Trained, path: Path) -> str:
    """The class with the highest clip posterior of a recording."""
    rate = trained.features.sample_rate
    wave = read_audio(path, rate)[: samples_needed(trained.features)]
    mels = torch.from_numpy(clip_features(wave, trained.features))[None]
    return trained.classes[int(np.argmax(trained.networks.student(mels).tags[0].numpy()))]


def data(dataset: Dataset, trained: Trained) -> dict[str, Any]:
    """What the model was trained, chosen and scored on."""
    splits = soundscapes_of(dataset).splits if dataset.kind == "soundscapes" else {}
    bank = dataset.soundbank
    roles = {role: TRAINING_ROLES if role == "training" else (role,) for role in (
        "training", *SCORED_ROLES)}  # fmt: skip
    return {
        "dataset": dataset.title,
        "note": dataset.note.strip(),
        "clips": trained.training["data"]["clips"],
        "folds": {
            name: sorted({fold for role in own if role in splits for fold in splits[role].folds})
            for name, own in roles.items()
            if splits
        },
        "source": bank.source if bank else "",
        "left_out": list(bank.leave_out) if bank else [],
    }


def training(trained: Trained) -> dict[str, Any]:
    """How it was trained."""
    schedule = trained.settings.schedule
    return {
        "system": trained.training["system"],
        "seed": trained.training["seed"],
        "epochs": schedule.epochs,
        "batch": schedule.batch.model_dump(mode="json"),
        "augment": schedule.augment.model_dump(mode="json"),
        "parameters": parameter_count(trained.networks.student),
    }


def licences(used: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Licence -> number of recordings, the most frequent first; "" for those without one."""
    return dict(Counter(one.get("license", "") for one in used).most_common())
