"""Make a small dataset of two classes that no model of resed knows, from recordings of ESC-10.

    python docs/examples/own_sounds.py SOURCE OUT

SOURCE is a copy of ESC-50 (meta/esc50.csv, audio/) or of its ESC-10 part (clips.csv and folders of
classes). The classes are recordings at another speed: Drone is a chainsaw 1.8 times as fast, Whale
a rooster backwards at half the speed. Folds 1 to 3 are for training, 4 for development, 5 for
evaluation, so no recording is in two splits. A clip lasts 10 s and has one sound in quiet noise.
"""

import sys
from pathlib import Path

import numpy as np
import soundfile
from six_classes import events, recordings, write

CLASSES = {"chainsaw": ("Drone", 1.8), "rooster": ("Whale", -0.5)}  # name, speed; -: backwards
FOLDS = {"weak": "strong", "unlabeled": "strong", "strong": "strong"}  # roles of six_classes
CLIPS = {"strong": 24, "development": 16, "evaluation": 16}
CLIP_SECONDS, LONGEST_S = 10, 4
NOISE = 0.003


def at_speed(samples: np.ndarray, speed: float) -> np.ndarray:
    """The sound at another speed and pitch, backwards if the speed is negative."""
    if speed < 0:
        samples = samples[::-1]
    places = np.arange(0, len(samples) - 1, abs(speed))
    return np.interp(places, np.arange(len(samples)), samples)


def main(source: Path, out: Path) -> None:
    """Write audio and annotations of all splits."""
    if (out / "metadata").exists():
        sys.exit(f"{out}: contains a dataset; give another folder or remove it")
    generator = np.random.default_rng(2019)
    rows: dict[str, list[tuple[object, ...]]] = {split: [] for split in CLIPS}
    tags, counts = [], dict.fromkeys(((s, c) for s in CLIPS for c in CLASSES), 0)
    for path, label, role in sorted(recordings(source), key=lambda found: found[0].name):
        split = FOLDS.get(role, role)
        if label not in CLASSES or counts[split, label] == CLIPS[split] // len(CLASSES):
            continue
        counts[split, label] += 1
        name, speed = CLASSES[label]
        samples, rate = soundfile.read(path, always_2d=True)
        loud = events(samples.mean(axis=1), rate)
        first, last = (round(time * rate) for time in (loud[0][0], loud[-1][1]))
        sound = at_speed(samples.mean(axis=1)[first:last], speed)[: LONGEST_S * rate]
        clip = generator.normal(0, NOISE, CLIP_SECONDS * rate)
        start = int(generator.integers(len(clip) - len(sound)))
        clip[start : start + len(sound)] += 0.5 * sound / np.abs(sound).max()
        file = f"{name.lower()}_{path.stem}.wav"
        (out / "audio" / split).mkdir(parents=True, exist_ok=True)
        soundfile.write(out / "audio" / split / file, clip, rate, subtype="PCM_16")
        for onset, offset in events(sound, rate):
            times = f"{start / rate + onset:.3f}", f"{start / rate + offset:.3f}"
            rows[split].append((file, *times, name))
        if split == "strong":
            tags.append((file, name))
    for split, found in rows.items():
        columns = ("filename", "onset", "offset", "event_label")
        write(out / "metadata" / f"{split}.tsv", columns, found)
    write(out / "metadata" / "weak.tsv", ("filename", "event_labels"), tags)
    print(f"{out}: clips: {', '.join(f'{split} {number}' for split, number in CLIPS.items())}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python docs/examples/own_sounds.py SOURCE OUT")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
