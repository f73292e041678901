"""Arrange 240 recordings of six classes as a dataset: audio, and annotations as TSV.

    python docs/examples/six_classes.py SOURCE OUT

SOURCE is a copy of ESC-50 (meta/esc50.csv, audio/) or of its ESC-10 part (clips.csv and folders of
classes). OUT is a folder without such a dataset. Every clip is one recording of 5 s. A fold of
ESC-50 becomes a split, so no recording is in two splits, and neither is a source of recordings.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

CLASSES = {  # name here -> name in ESC-50
    "baby_cry": "crying_baby",
    "chainsaw": "chainsaw",
    "clock_tick": "clock_tick",
    "dog_bark": "dog",
    "rain": "rain",
    "rooster": "rooster",
}
SPLITS = {1: "strong", 2: "weak", 3: "unlabeled", 4: "development", 5: "evaluation"}
LISTS = (  # file, folder of the audio, columns of file name, class and fold
    ("clips.csv", ".", "file", "class", "fold"),
    ("meta/esc50.csv", "audio", "filename", "category", "fold"),
)
CLIP_SECONDS = 5
BLOCK_S = 0.05
BELOW_PEAK_DB = 25.0  # from the loudest block; quieter blocks are not part of an event
SHORTEST_PAUSE_S = 0.15  # rule of DESED: sounds of a class that are closer are one event
SHORTEST_EVENT_S = 0.25


def recordings(source: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield file, class and split of every recording of the six classes."""
    names = {name: ours for ours, theirs in CLASSES.items() for name in (ours, theirs)}
    found = [entry for entry in LISTS if (source / entry[0]).is_file()]
    if not found:
        sys.exit(f"{source}: has neither clips.csv nor meta/esc50.csv; give a copy of ESC-50")
    table, audio, file, label, fold = found[0]
    with (source / table).open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            if row[label] in names:
                yield source / audio / row[file], names[row[label]], SPLITS[int(row[fold])]


def events(samples: np.ndarray, rate: int) -> list[tuple[float, float]]:
    """Onsets and offsets in seconds of the parts within 25 dB of the loudest 50 ms."""
    size = round(BLOCK_S * rate)
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    level = 10 * np.log10((blocks.astype(float) ** 2).mean(axis=1) + 1e-12)
    spans: list[tuple[float, float]] = []
    for block in np.flatnonzero(level > level.max() - BELOW_PEAK_DB):
        onset, offset = block * BLOCK_S, (block + 1) * BLOCK_S
        if spans and onset - spans[-1][1] < SHORTEST_PAUSE_S:
            onset = spans.pop()[0]
        spans.append((onset, max(offset, min(onset + SHORTEST_EVENT_S, len(samples) / rate))))
    return spans


def write(path: Path, columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    """Write tab-separated text with a header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(map(str, row)) for row in (columns, *rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(source: Path, out: Path) -> None:
    """Write audio and annotations of all splits."""
    if (out / "metadata").exists():
        sys.exit(f"{out}: contains a dataset; give another folder or remove it")
    strong: dict[str, list[tuple[object, ...]]] = {split: [] for split in SPLITS.values()}
    tags: dict[str, list[tuple[object, ...]]] = {split: [] for split in SPLITS.values()}
    for path, label, split in sorted(recordings(source), key=lambda found: found[0].name):
        samples, rate = soundfile.read(path, always_2d=True)
        samples = samples[: round(CLIP_SECONDS * rate)]  # the files end a few milliseconds later
        name = f"{path.stem}.wav"
        (out / "audio" / split).mkdir(parents=True, exist_ok=True)
        soundfile.write(out / "audio" / split / name, samples, rate, subtype="PCM_16")
        tags[split].append((name, label))
        spans = events(samples.mean(axis=1), rate)
        strong[split] += [(name, f"{a:.3f}", f"{b:.3f}", label) for a, b in spans]
        if not spans:  # a clip without events keeps a row
            strong[split].append((name, "", "", ""))
    for split in ("strong", "development", "evaluation"):
        columns = ("filename", "onset", "offset", "event_label")
        write(out / "metadata" / f"{split}.tsv", columns, strong[split])
    write(out / "metadata" / "weak.tsv", ("filename", "event_labels"), tags["weak"])
    unlabeled = [row[:1] for row in tags["unlabeled"]]
    write(out / "metadata" / "unlabeled.tsv", ("filename",), unlabeled)
    counts = ", ".join(f"{split} {len(rows)}" for split, rows in tags.items())
    print(f"{out}: clips of {len(CLASSES)} classes: {counts}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python docs/examples/six_classes.py SOURCE OUT")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
