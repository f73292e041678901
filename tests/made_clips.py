"""Sound, detections and tags of made-up results, for the clip browser."""

import random
from pathlib import Path

import numpy as np
import soundfile
import yaml
from made_results import make_results, make_root

from resed.formats.annotations import Event, read_events, tags_of, write_events, write_tags
from resed.formats.posteriors import Posteriors
from resed.results.folder import Results

RATE, SECONDS = 44100, 10.0
SPLITS = ("development", "evaluation")


def make_run(
    root: Path, systems: list[str], clips: int = 6, sound: str = "copied", **config
) -> Results:
    """A made-up run whose scored clips have sound, detections and posteriors."""
    made = make_root(root, systems=systems, **config)
    path = root / "config" / "datasets" / "made.yaml"
    values = yaml.safe_load(path.read_text()) | {"sound": sound}
    path.write_text(yaml.safe_dump(values, allow_unicode=True))
    made.__dict__.pop("dataset_file", None)
    results = Results.of(made, make_results(made, clips))
    for split in SPLITS:
        reference = read_events(results.annotations(split))
        make_sound(results.data / made.dataset_file.splits[split].audio, reference)
        for index, system in enumerate(systems):
            make_detections(results, split, system, reference, random.Random(index))
    return results


def make_sound(folder: Path, events: dict[str, list[Event]]) -> None:
    """A file per clip: noise, and a tone in each event."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = sorted({one.event_label for found in events.values() for one in found})
    time = np.arange(round(RATE * SECONDS)) / RATE
    noise = np.random.default_rng(0).standard_normal(len(time))
    for clip, found in events.items():
        wave = 0.003 * noise
        for one in found:
            pitch = 300 * 1.5 ** labels.index(one.event_label)
            part = slice(round(one.onset * RATE), round(one.offset * RATE))
            wave[part] += 0.15 * np.sin(2 * np.pi * pitch * time[part])
        soundfile.write(folder / clip, wave, RATE, subtype="PCM_16")


def make_detections(results: Results, split: str, system: str, reference, chance) -> None:
    """Detections of which some are right, late, missed and invented, with curves that fit them."""
    labels = results.config.dataset_file.classes
    found: dict[str, list[Event]] = {}
    for clip, events in reference.items():
        found[clip] = []
        for one in events:
            fate = chance.random()
            if fate < 0.45:
                found[clip].append(one)
            elif fate < 0.7:
                moved = chance.uniform(0.3, 0.5) * (one.offset - one.onset) + 0.25
                offset = max(one.offset, one.onset + moved + 0.1)
                found[clip].append(Event(clip, one.onset + moved, offset, one.event_label))
        if chance.random() < 0.4:
            onset = chance.uniform(0, 8)
            offset = onset + chance.uniform(0.2, 1.8)
            found[clip].append(Event(clip, onset, offset, chance.choice(labels)))
    folder = results.layout.decoded(split, system, 0)
    write_events(folder / "events.tsv", found)
    write_tags(folder / "tags.tsv", tags_of(found))
    if results.config.trained_as(system) == system:
        frames = np.full((len(found), 500, len(labels)), 0.03, np.float32)
        for row, events in enumerate(found.values()):
            for one in events:
                part = slice(
                    int(one.onset * 50), max(int(one.offset * 50), int(one.onset * 50) + 1)
                )
                frames[row, part, labels.index(one.event_label)] = 0.9
        tags = frames.max(axis=1)
        made = Posteriors(frames, tags, tags, list(found), labels, {"seconds_per_frame": 0.02})
        made.save(results.layout.posteriors(split, system, 0))
