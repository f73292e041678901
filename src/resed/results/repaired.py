"""Scores against the repaired labels, to be compared with those against the original labels.

All other numbers use the original labels. A clip whose labels were not repaired has the same counts
with both, so only repaired clips are scored again, with the functions that computed all scores.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resed.errors import ResultsError
from resed.formats.annotations import Event, read_clips, read_events
from resed.formats.counts import Counts
from resed.formats.reference import read_reference
from resed.formats.repairs import read_repair_summary, read_repairs
from resed.results.folder import Results
from resed.runtime.files import existing, sha256
from resed.score.f1 import event_counts, segment_counts

METRICS = {"event": event_counts, "segment": segment_counts}
AGAIN = "run resed repair again"


@dataclass(frozen=True)
class RepairedLabels:
    """The changes of `resed repair` in one split.

    Attributes:
        repairs: number of changes by rule, per repaired clip.
        original, repaired: events of those clips before and after.
    """

    repairs: Mapping[str, Counter[str]]
    original: Mapping[str, Sequence[Event]]
    repaired: Mapping[str, Sequence[Event]]

    def rules(self, clips: Collection[str] | None = None) -> Counter[str]:
        """Changes by rule, of these clips or of all."""
        kept = [count for clip, count in self.repairs.items() if clips is None or clip in clips]
        return sum(kept, Counter())


def load_repair(results: Results, split: str) -> RepairedLabels | None:
    """The repair of a split; None if the labels were not repaired, as weak ones never are.

    Raises ResultsError if the repair was made from other labels or another manifest.
    """
    folder = results.folder / "repair"
    chosen = results.config.dataset_file.splits[split]
    if chosen.labels != "strong" or not (folder / "repair.json").is_file():
        return None
    summary = read_repair_summary(folder / "repair.json")
    place = chosen.annotations
    original, copy = existing(results.annotations(split)), existing(folder / place, AGAIN)
    _check(folder / "repair.json", summary, split, original, copy, results.manifest)
    rows = read_repairs(folder / "repairs.tsv")
    clips = rows[rows["split"] == split].groupby("filename", sort=False)["rule"]
    repairs = {clip: Counter(rules) for clip, rules in clips}
    sides = [read_reference(path, until=results.config.until) for path in (original, copy)]
    before, after = ({clip: side.get(clip, []) for clip in repairs} for side in sides)
    return RepairedLabels(repairs, before, after)


def _check(
    path: Path, summary: Any, split: str, original: Path, copy: Path, manifest: str | None
) -> None:
    own = summary["splits"].get(split)
    if own is None:
        raise ResultsError(f"has no split {split}", place=path, cure=AGAIN)
    hashes = {original: own["original_sha256"], copy: own["repaired_sha256"]}
    audited = summary["manifest_sha256"]
    for file, expected in hashes.items():
        if sha256(file) != expected:
            raise ResultsError("changed since the repair", place=file, cure=AGAIN)
    if manifest and audited != manifest:
        problem = f"made with manifest {str(audited)[:12]}; the audit has {manifest[:12]}"
        raise ResultsError(problem, place=path, cure=f"{AGAIN} with --manifest")


def repaired_counts(
    results: Results, labels: RepairedLabels, split: str, system: str
) -> Iterator[tuple[frozenset[str], dict[str, Counts]]]:
    """Per seed: the repaired clips that were scored, and the counts against the repaired labels.

    Raises ResultsError if the detected events are not those that were scored.
    """
    scored = {metric: results.tables(split, system, metric) for metric in METRICS}
    for index, seed in enumerate(results.seeds(system)):
        own = {metric: tables[index] for metric, tables in scored.items()}
        if not labels.repairs:
            yield frozenset(), own
            continue
        clips = [c for c in read_clips(results.tags(split, system, seed)) if c in labels.repairs]
        path = results.events(split, system, seed)
        guess = read_events(existing(path, f"run resed decode for {system} on {split}"))
        found = {}
        for metric, count in METRICS.items():
            if not _same(own[metric], count(labels.original, guess, clips)):
                problem = f"the events do not agree with the {metric} counts"
                raise ResultsError(problem, place=path, cure="run resed score again")
            found[metric] = replaced(own[metric], count(labels.repaired, guess, clips))
        yield frozenset(clips), found


def _same(scored: Counts, counted: Counts) -> bool:
    """Whether both have the same counts on the clips of `counted`."""
    again = replaced(scored, counted)
    same = (again.names, again.classes) == (scored.names, scored.classes)
    return same and np.array_equal(again.values, scored.values)


def replaced(scored: Counts, again: Counts) -> Counts:
    """The counts of a scoring, with some clips replaced by their counts in `again`."""
    classes = tuple(sorted({*scored.classes, *again.classes}))
    names = tuple(sorted({*scored.names, *again.names}))
    place = {clip: row for row, clip in enumerate(names)}
    values = np.zeros((len(names), len(classes), 3), np.int64)
    for part, clips in ((scored, scored.names), (again, again.names)):
        rows = [place[clip] for clip in clips]
        columns = [classes.index(label) for label in part.classes]
        values[rows] = 0
        values[np.ix_(rows, columns)] = part.values
    rows, columns = values.any(axis=(1, 2)), values.any(axis=(0, 2))
    return Counts(
        tuple(np.array(names)[rows].tolist()),
        tuple(np.array(classes)[columns].tolist()),
        values[rows][:, columns],
        scored.clips,
    )
