"""Scores against the repaired truth, beside those against the original.

The original stays the truth of every other number. A clip whose labels were not mended counts the
same against both, so only mended clips are scored again, by the functions that scored all.
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
from resed.formats.repairs import read_repair_summary, read_repairs
from resed.results.folder import Results
from resed.runtime.files import existing, sha256
from resed.score.f1 import event_counts, segment_counts

METRICS = {"event": event_counts, "segment": segment_counts}
AGAIN = "run resed repair again"


@dataclass(frozen=True)
class Truth:
    """What `resed repair` made of one split.

    `repairs`: a clip's changes, by rule; `original` and `mended` are the events of those clips.
    """

    repairs: Mapping[str, Counter[str]]
    original: Mapping[str, Sequence[Event]]
    mended: Mapping[str, Sequence[Event]]

    def rules(self, clips: Collection[str] | None = None) -> Counter[str]:
        """Changes by rule, of these clips or of all."""
        kept = [count for clip, count in self.repairs.items() if clips is None or clip in clips]
        return sum(kept, Counter())


def load_truth(results: Results, split: str) -> Truth | None:
    """The repair of a split; None where none was made.

    Raises ResultsError where it was made of other labels or another manifest than lie here.
    """
    folder = results.folder / "repair"
    if not (folder / "repair.json").is_file():
        return None
    summary = read_repair_summary(folder / "repair.json")
    place = results.config.dataset_file.splits[split].annotations
    original, copy = existing(results.annotations(split)), existing(folder / place, AGAIN)
    _check(folder / "repair.json", summary, split, original, copy, results.manifest)
    rows = read_repairs(folder / "repairs.tsv")
    clips = rows[rows["split"] == split].groupby("filename", sort=False)["rule"]
    repairs = {clip: Counter(rules) for clip, rules in clips}
    sides = [read_events(path) for path in (original, copy)]
    before, after = ({clip: side.get(clip, []) for clip in repairs} for side in sides)
    return Truth(repairs, before, after)


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
            raise ResultsError(f"{path}: {file} has changed since it was mended; {AGAIN}")
    if manifest and audited != manifest:
        raise ResultsError(
            f"{path}: made by manifest {str(audited)[:12]}, but the audit's is {manifest[:12]}; "
            f"{AGAIN} with --manifest"
        )


def repaired_counts(
    results: Results, truth: Truth, split: str, system: str
) -> Iterator[tuple[frozenset[str], dict[str, Counts]]]:
    """A seed: the mended clips that were scored, and what was counted against the repaired truth.

    Raises ResultsError where the detected events are not those that were scored.
    """
    for seed in results.seeds(system):
        scored = {metric: _known(results.counts(split, system, seed, metric)) for metric in METRICS}
        if not truth.repairs:
            yield frozenset(), scored
            continue
        clips = [c for c in read_clips(results.tags(split, system, seed)) if c in truth.repairs]
        path = results.events(split, system, seed)
        guess = read_events(existing(path, f"run resed decode for {system} on {split}"))
        found = {}
        for metric, count in METRICS.items():
            before = count(truth.original, guess, clips)
            if not _same(scored[metric], before):
                raise ResultsError(
                    f"{path}: not the events behind its {metric} counts; run resed score again"
                )
            found[metric] = replaced(scored[metric], count(truth.mended, guess, clips))
        yield frozenset(clips), found


def _known(counts: Counts | None) -> Counts:
    assert counts is not None  # Results.metrics refuses scores without event and segment
    return counts


def _same(scored: Counts, counted: Counts) -> bool:
    """Whether both hold the same of the clips of `counted`."""
    again = replaced(scored, counted)
    same = (again.names, again.classes) == (scored.names, scored.classes)
    return same and np.array_equal(again.values, scored.values)


def replaced(scored: Counts, again: Counts) -> Counts:
    """The counts of a scoring with those of some clips counted again in their place."""
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
