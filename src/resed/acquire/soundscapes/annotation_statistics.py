"""Measure the real task's annotations, so that soundscapes can follow them.

`python -m resed.acquire.soundscapes.annotation_statistics METADATA_DIR OUT_DIR` made the CSV
files beside this module from
the annotations of DCASE 2019 Task 4 (github.com/turpaultn/DCASE2019_task4, MIT licence): how often
each set of classes occurs together, how many events a class has in a clip, and quantiles of
durations, gaps and positions. They are counts and quantiles; no annotation is copied.
"""

import csv
import itertools
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from resed.formats.annotations import Event, read_events, read_tags
from resed.runtime.files import write_text

CLIP_SECONDS = 10.0
MINIMUM_GAP_S = 0.15  # DESED joins same-class events that are less than 150 ms apart
LEVELS = np.linspace(0.0, 1.0, 21)
MANY = 3  # clips with three or more events of a class share one distribution of durations
FEWEST = 4  # a quantile row needs at least this many values
SOURCES = {
    "synthetic": "train/synthetic.tsv",
    "validation": "validation/validation.tsv",
    "public": "eval/public.tsv",
}
WEAK = "train/weak.tsv"

Span = tuple[float, float]
Group = tuple[str, str, str, int]  # quantity, label, company, events in the clip ("", 0: any)
Values = dict[Group, list[float]]
ALONE, TOGETHER = "alone", "together"  # whether a clip holds other classes too


def class_runs(events: Sequence[Event]) -> dict[str, list[Span]]:
    """Label -> its (onset, offset) in time order, cut at the clip's end, near ones joined."""
    runs: dict[str, list[Span]] = defaultdict(list)
    for event in sorted(events, key=lambda e: e.onset):
        onset, offset = event.onset, min(event.offset, CLIP_SECONDS)
        spans = runs[event.event_label]
        if spans and onset - spans[-1][1] < MINIMUM_GAP_S - 1e-3:  # files round to milliseconds
            spans[-1] = (spans[-1][0], max(offset, spans[-1][1]))
        else:
            spans.append((onset, offset))
    return dict(runs)


def gather(clips: Mapping[str, Sequence[Event]]) -> tuple[Counter, Counter, Values]:
    """Class sets, (label, company, events in the clip) counts; durations, gaps and positions.

    A class that is alone in its clip fills more of it: counts and durations are told apart by that.
    A position is where a class's run of events begins in the room it has: onset of its first event
    over (10 s - its span); 0 touches the clip's start, 1 its end.
    """
    sets: Counter = Counter()
    counts: Counter = Counter()
    values: Values = defaultdict(list)
    for events in clips.values():
        runs = class_runs(events)
        sets[tuple(sorted(runs))] += 1
        company = ALONE if len(runs) == 1 else TOGETHER
        for label, spans in runs.items():
            counts[label, company, len(spans)] += 1
            many = min(len(spans), MANY)
            values["duration", label, company, many] += [offset - onset for onset, offset in spans]
            pairs = itertools.pairwise(spans)
            values["gap", label, "", 0] += [later[0] - earlier[1] for earlier, later in pairs]
            room = CLIP_SECONDS - (spans[-1][1] - spans[0][0])
            if room > 0.1:
                values["position", label, "", 0].append(min(spans[0][0] / room, 1.0))
    return sets, counts, values


def quantile_rows(name: str, values: Values) -> list[list[str]]:
    """CSV rows of 21 quantiles of each group of values that is large enough."""
    rows = []
    for (quantity, label, company, many), group in sorted(values.items()):
        if len(group) >= FEWEST:
            numbers = [f"{q:.3f}" for q in np.quantile(group, LEVELS)]
            size = [str(many or ""), str(len(group))]
            rows.append([name, quantity, label, company, *size, *numbers])
    return rows


def tables(metadata: Path) -> dict[str, str]:
    """File name -> CSV text, measured from a DESED metadata folder."""
    sets, counts, quantiles = [], [], []
    for name, relative in SOURCES.items():
        class_sets, class_counts, values = gather(read_events(metadata / relative))
        sets += [[name, ";".join(k), str(n)] for k, n in sorted(class_sets.items())]
        counts += [[name, k, c, str(e), str(n)] for (k, c, e), n in sorted(class_counts.items())]
        quantiles += quantile_rows(name, values)
    weak = Counter(tuple(labels) for labels in read_tags(metadata / WEAK).values())
    sets += [["weak", ";".join(k), str(n)] for k, n in sorted(weak.items())]
    levels = [f"q{100 * level:.0f}" for level in LEVELS]
    counted = ["statistics", "event_label", "company", "events", "clips"]
    header = ["statistics", "quantity", "event_label", "company", "events_in_clip", "n", *levels]
    return {
        "class_sets.csv": _csv(["statistics", "event_labels", "clips"], sets),
        "event_counts.csv": _csv(counted, counts),
        "quantiles.csv": _csv(header, quantiles),
    }


def _csv(header: list[str], rows: list[list[str]]) -> str:
    return "".join(",".join(row) + "\n" for row in [header, *rows])


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file as dictionaries."""
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


if __name__ == "__main__":
    for _file, _text in tables(Path(sys.argv[1])).items():
        write_text(Path(sys.argv[2]) / _file, _text)
