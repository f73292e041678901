"""Measure the annotations of the real task, so that soundscapes can have the same statistics.

`python -m resed.acquire.soundscapes.annotation_statistics METADATA_DIR OUT_DIR` wrote the files in
statistics/ from the annotations of DCASE 2019 Task 4 (github.com/turpaultn/DCASE2019_task4, MIT
licence): the frequency of each set of classes, the number of events of a class in a clip, and
quantiles of durations, gaps and positions. No annotation is copied.
"""

import itertools
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from resed.formats.annotations import Event, read_events, read_tags
from resed.runtime.files import write_text

CLIP_SECONDS = 10.0
MINIMUM_GAP_S = 0.15  # DESED joins events of one class that are less than 150 ms apart
LEVELS = np.linspace(0.0, 1.0, 21)
QUANTILES = [f"q{100 * level:.0f}" for level in LEVELS]  # columns of quantiles.csv
MANY = 3  # clips with at least three events of a class share one distribution of durations
FEWEST = 4  # values per row of quantiles
SOURCES = {
    "synthetic": "train/synthetic.tsv",
    "validation": "validation/validation.tsv",
    "public": "eval/public.tsv",
}
WEAK = "train/weak.tsv"

Span = tuple[float, float]
Group = tuple[str, str, str, int]  # quantity, label, company, events in the clip ("" and 0: any)
ALONE, TOGETHER = "alone", "together"  # company: whether the clip has other classes


def class_spans(events: Sequence[Event]) -> dict[str, list[Span]]:
    """Label -> (onset, offset) by time, cut at the end of the clip and with short gaps closed."""
    spans: dict[str, list[Span]] = defaultdict(list)
    for event in sorted(events, key=lambda e: e.onset):
        onset, offset = event.onset, min(event.offset, CLIP_SECONDS)
        own = spans[event.event_label]
        if own and onset - own[-1][1] < MINIMUM_GAP_S - 1e-3:  # files are rounded to milliseconds
            own[-1] = (own[-1][0], max(offset, own[-1][1]))
        else:
            own.append((onset, offset))
    return dict(spans)


def measure(
    clips: Mapping[str, Sequence[Event]],
) -> tuple[Counter, Counter, dict[Group, list[float]]]:
    """Measure annotations.

    Returns:
        The number of clips per set of classes; the number of clips per label, company and number of
        events; and all durations, gaps and positions.

    "Company" is whether a clip has other classes (together) or not (alone). A class without other
    classes fills more of a clip, so counts and durations are measured separately. A position is the
    onset of the first event of a class divided by (10 s - the span of its events).
    """
    sets: Counter = Counter()
    counts: Counter = Counter()
    values: dict[Group, list[float]] = defaultdict(list)
    for events in clips.values():
        by_class = class_spans(events)
        sets[tuple(sorted(by_class))] += 1
        company = ALONE if len(by_class) == 1 else TOGETHER
        for label, spans in by_class.items():
            counts[label, company, len(spans)] += 1
            many = min(len(spans), MANY)
            values["duration", label, company, many] += [offset - onset for onset, offset in spans]
            pairs = itertools.pairwise(spans)
            values["gap", label, "", 0] += [later[0] - earlier[1] for earlier, later in pairs]
            room = CLIP_SECONDS - (spans[-1][1] - spans[0][0])
            if room > 0.1:
                values["position", label, "", 0].append(min(spans[0][0] / room, 1.0))
    return sets, counts, values


def statistics_tables(metadata: Path) -> dict[str, str]:
    """File name -> CSV text, measured from a DESED metadata folder."""
    sets, counts, quantiles = [], [], []
    for name, relative in SOURCES.items():
        class_sets, class_counts, values = measure(read_events(metadata / relative))
        sets += [[name, ";".join(k), n] for k, n in sorted(class_sets.items())]
        counts += [[name, *key, n] for key, n in sorted(class_counts.items())]
        quantiles += [
            [name, quantity, label, company, many or "", len(group)]
            + [f"{q:.3f}" for q in np.quantile(group, LEVELS)]
            for (quantity, label, company, many), group in sorted(values.items())
            if len(group) >= FEWEST
        ]
    weak = Counter(read_tags(metadata / WEAK).values())
    sets += [["weak", ";".join(k), n] for k, n in sorted(weak.items())]
    columns = {
        "class_sets.csv": ["event_labels", "clips"],
        "event_counts.csv": ["event_label", "company", "events", "clips"],
        "quantiles.csv": ["quantity", "event_label", "company", "events_in_clip", "n", *QUANTILES],
    }
    return {
        name: "".join(f"{','.join(map(str, row))}\n" for row in [["statistics", *header], *rows])
        for (name, header), rows in zip(columns.items(), (sets, counts, quantiles), strict=True)
    }


if __name__ == "__main__":
    for _file, _text in statistics_tables(Path(sys.argv[1])).items():
        write_text(Path(sys.argv[2]) / _file, _text)
