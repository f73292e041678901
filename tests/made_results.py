"""Small made-up results in the layout of the stages, without audio and training."""

import csv
import json
import math
import shutil
import zlib
from pathlib import Path

import numpy as np
import yaml

from resed.calibrate.windows import calibrate
from resed.config import study_rows
from resed.config.rows import BASELINES, Row
from resed.config.run import Config, load_config
from resed.formats.annotations import Event, read_events, tags_of, write_events, write_tags
from resed.formats.counts import Counts, write_counts
from resed.formats.posteriors import Posteriors
from resed.formats.windows import write_windows
from resed.paper.numbers import Metric
from resed.results.folder import Results
from resed.results.layout import Layout
from resed.stats.intervals import decide

REPOSITORY = Path(__file__).parents[1]
PAPERS = Path(__file__).parent / "papers"  # made-up papers
MANIFEST = "0123456789abcdef" * 4
CLASSES = ["Alarm_bell_ringing", "Blender", "Cat", "Dishes", "Dog"]
SPLITS = {
    "weak": ("train/weak", "weak"),
    "unlabeled": ("train/unlabel_in_domain", "none"),
    "strong": ("train/synthetic", "strong"),
    "development": ("validation/validation", "strong"),
    "evaluation": ("eval/public", "strong"),
}


def make_root(root: Path, classes: list[str] = CLASSES, **config: object) -> Config:
    """A folder with config/ as in the repository and a dataset `made` of `classes`.

    config/papers also holds the made-up papers of tests/papers.
    """
    for part in ("systems", "papers"):
        shutil.copytree(REPOSITORY / "config" / part, root / "config" / part)
    shutil.copytree(PAPERS, root / "config" / "papers", dirs_exist_ok=True)
    dataset = {
        "name": "made",
        "title": "Made-up results",
        "kind": "soundscapes",
        "note": "Numbers made up to test tables and figures.",
        "classes": classes,
        "splits": {
            role: {
                "audio": f"audio/{place}",
                "annotations": f"metadata/{place}.tsv",
                "labels": labels,
                "clips": 40,
            }
            for role, (place, labels) in SPLITS.items()
        },
    }
    (root / "config" / "datasets").mkdir()
    (root / "config" / "datasets" / "made.yaml").write_text(yaml.safe_dump(dataset))
    systems = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())["systems"]
    own = {"dataset": "made", "paper": "liang", "systems": systems}
    return load_config({**own, **config}, root)


def be_the_papers_data(root: Path) -> None:
    """Let config/papers/liang under `root` name `made` as its data: numbers are compared."""
    path = root / "config" / "papers" / "liang" / "numbers.yaml"
    path.write_text(path.read_text().replace("dataset: dcase2019", "dataset: made"))


def be_own_recordings(root: Path) -> None:
    """Let the dataset `made` under `root` be recordings of the user."""
    path = root / "config" / "datasets" / "made.yaml"
    path.write_text(path.read_text().replace("kind: soundscapes", "kind: recordings"))


def make_results(config: Config, clips: int = 40, readings: bool = False) -> Path:
    """Fill data/made and results/made under the config's root; return results/made.

    `readings` adds the scores of the sensitivity study.
    """
    root = Path(config.root)
    folder = root / "results" / "made"
    random = np.random.default_rng(7)
    splits = config.dataset_file.splits
    reference = {role: _events(config, role, clips, random) for role in splits if role != "weak"}
    for role, events in reference.items():
        write_events(root / "data" / "made" / splits[role].annotations, events)
    _audit(folder, clips)
    for method in ("average", "esp"):
        windows = calibrate(reference["strong"], method, classes=config.dataset_file.classes)
        write_windows(folder / "calibrate" / f"windows_{method}.tsv", windows)
    for index, system in enumerate(config.systems):
        for seed in config.seed_list(system):
            _system(config, folder, system, seed, index, reference, random)
    studied = config.sensitivity_rows() if readings else []
    for split in ("development", "evaluation"):
        for index, kind in enumerate(BASELINES):
            level = 1.0 if kind == "reference" else 0.05 * index
            row = Row(kind, baseline=True)
            make_score(folder, split, row, 0, level, reference[split], raw=False)
        for index, name in enumerate(studied):
            for seed in study_rows.seeds(config, name):
                make_score(folder, split, name, seed, 0.5 + 0.02 * index, reference[split])
    return folder


def _system(config, folder, system, seed, index, reference, random) -> None:
    threshold = folder / "calibrate" / "thresholds" / system / f"seed{seed}.json"
    common = {"threshold": 0.1, "grid": [0.1], "event_macro_f1": [0.3]}
    _json(threshold, common)
    chosen = {"threshold": 0.1, "events": 20, "event_f1": 0.3, "fallback": ""}
    labels = config.dataset_file.classes
    classes = {
        label: chosen | {"threshold": min(0.9, 0.1 + 0.1 * i)} for i, label in enumerate(labels)
    }
    _json(
        folder / "calibrate" / "class_thresholds" / system / f"seed{seed}.json",
        {"format": 1, **common, "class_threshold_events": 20, "classes": classes},
    )
    if config.trained_as(system) == system:
        _history(folder / "train" / system / f"seed{seed}" / "history.csv", config, system, random)
    for split in ("development", "evaluation"):
        events = reference[split]
        level = 0.3 + 0.015 * index + 0.01 * seed - 0.02 * (split == "evaluation")
        for better, row in enumerate(Row(system).decodings):
            make_score(folder, split, row, seed, level + 0.05 * better, events)
        tags = {
            clip: tuple(
                label
                for label in config.dataset_file.classes
                if random.random() < (0.75 if label in found else 0.08)
            )
            for clip, found in tags_of(events).items()
        }
        write_tags(folder / "decode" / split / system / f"seed{seed}" / "tags.tsv", tags)
        if config.trained_as(system) == system:
            _posteriors(folder / "predict" / split / system / f"seed{seed}.npz", config, tags)


def _posteriors(path: Path, config: Config, tags: dict[str, tuple[str, ...]]) -> None:
    classes = config.dataset_file.classes
    scores = np.array([[0.9 if c in found else 0.1 for c in classes] for found in tags.values()])
    frames = np.repeat(scores[:, None], 6, axis=1)
    meta = {"seconds_per_frame": 1 / 60}
    Posteriors(frames, scores, scores, list(tags), classes, meta).save(path)


def _events(config: Config, role: str, clips: int, random) -> dict[str, list[Event]]:
    classes = config.dataset_file.classes
    events: dict[str, list[Event]] = {}
    for number in range(clips):
        name = f"{role}{number}.wav"
        events[name] = []
        several = min(1 + number % 3, len(classes))
        for label in random.choice(classes, size=several, replace=False):
            for _ in range(1 + number % 2):
                scale = 0.4 * (1 + classes.index(label))
                onset, length = random.uniform(0, 6), 0.25 + min(random.exponential(scale), 3.7)
                events[name].append(Event(name, onset, onset + length, str(label)))
    return events


def lose_a_clip(results: Results, system: str, labels: list[str]) -> None:
    """Make `system` perfect on evaluation, every seed, but for a clip that is not there at all.

    It has one tag, of `labels`; a clip of several would not be missed by `confusion: single`.
    """
    tags = tags_of(read_events(results.annotations("evaluation")))
    tags.pop(next(clip for clip, found in tags.items() if found in {(name,) for name in labels}))
    for seed in results.seeds(system):
        write_tags(results.tags("evaluation", system, seed), tags)
        _posteriors(results.posteriors("evaluation", system, seed), results.config, tags)


def _audit(folder: Path, clips: int) -> None:
    splits = {role: {"clips": clips, "status": {"ok": clips}, "official": 50} for role in SPLITS}
    _json(folder / "audit" / "audit.json", {"manifest_sha256": MANIFEST, "splits": splits})
    rows = ["split\tfilename\tsha256\trate\tchannels\tseconds\tstatus\tsource"]
    for role in SPLITS:
        rows += [
            f"{role}\t{role}{i}.wav\t{MANIFEST}\t44100\t1\t10.0\tok\tmade" for i in range(clips)
        ]
    (folder / "audit" / "manifest.tsv").write_text("\n".join(rows) + "\n")


def make_score(
    folder: Path,
    split: str,
    row: Row | str,
    seed: int,
    level: float,
    events: dict[str, list[Event]],
    raw: bool = True,
) -> None:
    """metrics.json and counts.tsv of one row and seed; it finds about `level` of the events.

    Events are hard or easy for all systems alike, and a little different for each seed.
    """
    names = {"event": 0.0, "segment": 0.1, "tags": 0.2}
    if raw:
        names |= {"tags_raw": 0.23, "tags_teacher": 0.18}
    tables = {
        block: _counts(
            events, f"{split} {block}", f"{Row.of(row).folder} {seed}", level and level + add
        )
        for block, add in names.items()
    }
    versions = {"resed": "0.1.0", "sed_eval": "0.2.1"}
    metrics = {block: table.summary() for block, table in tables.items()} | {
        "clips": len(events),
        "manifest_sha256": MANIFEST,
        "versions": versions,
        "settings": {},
    }
    if raw and Row.of(row).threshold == "configured":
        metrics["threshold_free"] = {
            "psds1": level / 2,
            "psds2": level / 1.5,
            "psds1_ungated": level / 1.8,
            "psds2_ungated": level / 1.4,
            "tags_map": level,
            "settings": {},
            "tags_map_teacher": None,
            "notes": {"tags_map_teacher": "made without a teacher"},
        }
    place = Layout(folder).scored(split, row, seed)
    _json(place / "metrics.json", metrics)
    write_counts(place / "counts.tsv", tables)


def _counts(events: dict[str, list[Event]], shared: str, own: str, level: float) -> Counts:
    clips, labels = (
        list(events),
        sorted({e.event_label for found in events.values() for e in found}),
    )
    there = np.array(
        [[sum(e.event_label == label for e in events[clip]) for label in labels] for clip in clips]
    )
    for_all, alone = (np.random.default_rng(zlib.crc32(name.encode())) for name in (shared, own))
    ease = 0.85 * for_all.random(there.shape) + 0.15 * alone.random(there.shape)
    noise = 0.85 * for_all.random(there.shape) + 0.15 * alone.random(there.shape)
    hits = np.where(ease < level, there, 0)
    false = (noise < 0.3 * (1 - level)) & (level > 0)
    values = np.stack([hits, false, there - hits], axis=-1).astype(np.int64)
    kept = values.any(axis=(0, 2))
    classes = tuple(np.array(labels)[kept].tolist())
    return Counts.of(tuple(events), classes, values[:, kept])


def _history(path: Path, config: Config, system: str, random, epochs: int = 12) -> None:
    settings = config.system(system)
    distillation, focal = settings.objective.distillation, settings.objective.focal
    rows = []
    for epoch in range(epochs):
        decay = math.exp(-epoch / 5) + 0.03 * random.random()
        row = {"epoch": epoch, "step": 20 * (epoch + 1), "stage": 1 + (focal.enabled and epoch > 5)}
        for k, name in enumerate(("weak", "strong")):
            for side in ("teacher", "student"):
                row[f"loss.{name}.{side}"] = 0.1 + 0.6 * decay * (1 + k)
        row["loss.consistency.teacher_to_student"] = 0.2 * decay
        row["loss.consistency.student_to_teacher"] = 0.25 * decay if epoch > 4 else ""
        row["loss.tfd"] = 3 * decay if distillation.tfd else ""
        row["loss.dfd"] = 2 * decay if distillation.dfd != "none" else ""
        row["loss"] = 2 * decay
        row["alpha"] = max(0.0, 1 - 0.996 ** (epoch - 4))
        row["beta"] = math.exp(-5 * (1 - min(1, epoch / (epochs / 2))) ** 2)
        row["learning_rate"] = 0.0018 * 0.8 ** (epoch // 4)
        distilled = distillation.tfd or distillation.dfd != "none"
        for k, side in enumerate(("teacher", "student")):
            row[f"norm.{side}"] = 7 - 2 * k - decay if distilled else ""
            row[f"rank.{side}"] = 20 - 4 * k + decay if distilled else ""
            row[f"feature_norm.{side}"] = 5 + k
            row[f"feature_rank.{side}"] = 30 - 5 * k + decay
        for k, name in enumerate(("tags_f1", "teacher_tags_f1", "frame_f1")):
            row[f"development.{name}"] = (0.6 - 0.1 * k) * (1 - decay / 2)
        row["clips_per_second"] = 40 + random.random()
        for k, label in enumerate(config.dataset_file.classes):
            value = min(0.97, 0.35 + 0.06 * k + 0.02 * epoch)
            row |= {f"posterior.{label}": value, f"weight.{label}": 1 - value**2}
        rows.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def decision(results: Results, split: str, first: str, second: str, metric: Metric | str):
    """Whether the first row is better or worse than the second."""
    found = results.difference(split, first, second, metric)
    return decide(found, results.paired(first, second))
