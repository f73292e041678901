"""F1 of detections: event-based and segment-based by the rules of sed_eval, clip tags by counting.

All scores are computed from counts (true positives, false positives, false negatives) per clip and
class, which equal those of sed_eval (Mesaros et al. 2016) for each clip: onset collar 200 ms,
offset collar max(200 ms, 20 % of the reference event), optimal matching, segments of 1 s up to the
last offset of the clip. The classes are the union of the labels on both sides.

For a class that was never predicted (segments) or that occurs only in the prediction, sed_eval
returns NaN and leaves it out of its averages. Here such a class counts 0; otherwise a system would
gain by never predicting a hard class. The score without any class is 0.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resed import __version__
from resed.errors import ScoreError, counted, some
from resed.formats.annotations import Event, read_clips, read_events, read_tags, tags_of
from resed.formats.counts import Counts, write_counts
from resed.formats.manifest import read_manifest
from resed.formats.metrics import FORMAT, write_metrics
from resed.formats.reference import note_on_late_events, read_reference
from resed.formats.store import Store
from resed.runtime.files import sha256
from resed.runtime.fingerprint import made_by
from resed.runtime.progress import progress
from resed.score.agreement import Side, notes_on, refuse_unrelated
from resed.score.matching import DenseEventsError, Rules, event_array, event_totals, segment_totals
from resed.score.usable_clips import UsableClips

if TYPE_CHECKING:
    from resed.score.threshold_free import Detector

Events = Mapping[str, Sequence[Event]]
Tags = Mapping[str, Collection[str]]
Advance = Callable[[int], None]  # receives the number of clips that are done
CLIPS_AT_ONCE = 1000


def ignore(count: int) -> None:
    """No progress is shown."""


def clips_to_score(
    reference: Collection[str], estimated: Collection[str], clips: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Return the clips to score: `clips` if given, otherwise the sorted union of both sides.

    A clip that occurs only in the estimate counts as a clip without reference events, so that all
    its detections are false positives.

    Raises:
        ScoreError: an estimated clip is not among `clips`, or there is no clip.
    """
    if clips is None:
        clips = sorted({*reference, *estimated})
    else:
        allowed = set(clips)
        strange = [clip for clip in estimated if clip not in allowed]
        if strange:
            raise ScoreError(
                f"clip {strange[0]} was estimated but is not among the clips to score "
                f"({len(strange)} such)",
                cure="remove it from the estimate or add it to the clips",
            )
    if not clips:
        problem = "no clip to score, because the reference and the estimate are empty"
        raise ScoreError(problem, cure="use files with at least one clip")
    return tuple(clips)


def event_counts(
    reference: Events,
    estimated: Events,
    clips: Sequence[str],
    rules: Rules = Rules(),
    advance: Advance = ignore,
) -> Counts:
    """Count event-based hits and errors of `clips` (see resed.score.matching).

    `advance` is called with the number of clips after each block of clips.
    """
    return _count(event_totals, (reference, estimated), clips, rules, advance)


def segment_counts(
    reference: Events,
    estimated: Events,
    clips: Sequence[str],
    rules: Rules = Rules(),
    advance: Advance = ignore,
) -> Counts:
    """Count segment-based hits and errors of `clips` (see resed.score.matching)."""
    return _count(segment_totals, (reference, estimated), clips, rules, advance)


def tag_counts(reference: Tags, estimated: Tags, clips: Sequence[str]) -> Counts:
    """Count hits and errors of clip tags; a clip that a side does not list has no tags there."""
    labels = {
        tag for side in (reference, estimated) for clip in clips for tag in side.get(clip, ())
    }
    classes = tuple(sorted(labels))
    column = {label: i for i, label in enumerate(classes)}
    hot = np.zeros((2, len(clips), len(classes)), dtype=bool)
    for side, tags in enumerate((reference, estimated)):
        for row, clip in enumerate(clips):
            for tag in tags.get(clip, ()):
                hot[side, row, column[tag]] = True
    true, guess = hot
    values = np.stack([true & guess, ~true & guess, true & ~guess], axis=-1).astype(np.int64)
    return Counts.of(clips, classes, values)


def _count(
    totals: Callable[..., np.ndarray],
    both: tuple[Events, Events],
    clips: Sequence[str],
    rules: Rules,
    advance: Advance,
) -> Counts:
    """Count block by block, so that progress can be shown."""
    labels = {event.event_label for side in both for clip in clips for event in side.get(clip, ())}
    classes = tuple(sorted(labels))
    values = np.zeros((len(clips), len(classes), 3), dtype=np.int64)
    for start in range(0, len(clips), CLIPS_AT_ONCE):
        block = clips[start : start + CLIPS_AT_ONCE]
        true, found = (event_array(side, block, classes)[0] for side in both)
        try:
            here = totals(true, found, (len(block), len(classes)), rules)
        except DenseEventsError as error:
            problem = f"clip {block[error.clip]} has too many events of one class at the same time"
            raise ScoreError(problem, cure="delete repeated rows") from None
        values[start : start + len(block)] = here
        advance(len(block))
    return Counts.of(clips, classes, values)


def score_files(
    reference: Path,
    estimated: Path | None,
    out: Path,
    *,
    clips: Path | None = None,
    reference_tags: Path | None = None,
    tags: Mapping[str, Path | None] | None = None,
    counts: Path | None = None,
    manifest: Path | None = None,
    store: Path | None = None,
    detector: "Detector | None" = None,
    scores: Path | None = None,
    until: float | None = None,
    split: str | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Score TSV files; write metrics.json and, if asked, counts.tsv.

    Args:
        estimated: detected events; None with `scores` alone.
        clips: the clips to score; default: all of both files.
        reference_tags: true tags; default: the classes of the events of `reference`.
        tags: estimated tags by block (tags, tags_raw, tags_teacher). If only `reference_tags` is
            given, the estimated tags are the classes of the events of `estimated`.
        counts: counts.tsv to write.
        manifest: manifest of the audit, whose hash the metrics record; it has the length of clips.
        store: features of the estimate, which must have been made from `manifest`.
        detector: adds the block threshold_free (see resed.score.threshold_free).
        scores: a folder of score TSVs, which adds psds1, psds2, map and the block scores (see
            resed.score.score_folder).
        until: end of the reference of each clip in seconds (see resed.formats.reference).
        split: score the usable clips of this split of `manifest`, instead of `clips`, and the
            classes of the events as tags where there are none.

    Returns:
        The metrics, and notes to print.

    Raises:
        ScoreError: the files cannot belong together (see resed.score.agreement), or the features or
            the posteriors were computed from another manifest.
    """
    if manifest:
        _refuse_other_manifest(manifest, store, detector)
    true = read_reference(reference, until=until)
    guess = read_events(estimated) if estimated else {}
    blocks = {block: read_tags(path) for block, path in (tags or {}).items() if path}
    true_tags = read_tags(reference_tags) if reference_tags else tags_of(true)
    if (reference_tags or split) and "tags" not in blocks:
        blocks["tags"] = tags_of(guess)
    wanted, left_out = read_clips(clips) if clips else None, []
    if split and manifest and estimated:
        usable = UsableClips.of(manifest, split)
        wanted = list(usable.clips)
        guess, left_out = usable.only(guess, estimated, true)
        for block, content in blocks.items():
            place = (tags or {}).get(block) or estimated
            blocks[block], more = usable.only(content, place, true)
            left_out += more
    known = {**true, **(true_tags if blocks or scores else {})}
    found = {clip for side in (guess, *blocks.values()) for clip in side}
    further = _further_clips(scores, {*known, *found}) if scores and not wanted else []
    chosen = clips_to_score(known, {*found, *further}, wanted)
    ours = Side(estimated, tags_of(guess), guess) if estimated else None
    notes = _compared(
        Side(reference, tags_of(true), true),
        ours,
        Side(reference_tags or reference, true_tags),
        [
            Side((tags or {}).get(block) or estimated or reference, found)
            for block, found in blocks.items()
        ],
        chosen,
        _lengths(manifest, detector),
    )
    notes += left_out
    if further:
        names = f"{counted(len(further), 'clip')} of {scores} not in {reference} ({some(further)})"
        notes.append(f"{names}; each counts as a clip without events")
    if until is not None:
        notes += note_on_late_events(read_events(reference), until, reference)
    with progress(2 * len(chosen), "clips scored") as advance:
        counted_blocks = {"event": event_counts, "segment": segment_counts} if estimated else {}
        tables = {
            **{
                block: count(true, guess, chosen, advance=advance)
                for block, count in counted_blocks.items()
            },
            **{block: tag_counts(true_tags, found, chosen) for block, found in blocks.items()},
        }
    metrics = _metrics(tables, len(chosen), manifest)
    if detector:
        from resed.score.threshold_free import threshold_free

        found = threshold_free(detector, true, true_tags, chosen)
        metrics["versions"]["sed_scores_eval"] = version("sed_scores_eval")
        metrics["threshold_free"] = found
        notes += [f"threshold-free, {key}: {text}" for key, text in found["notes"].items()]
    if scores:
        from resed.score.score_folder import score_folder

        free = score_folder(scores, true, true_tags, chosen)
        metrics["versions"]["sed_scores_eval"] = version("sed_scores_eval")
        metrics |= free.summary()
        notes += [f"{scores}: {note}" for note in free.notes]
    write_metrics(out, metrics)
    if counts:
        write_counts(counts, tables)
    return metrics, notes


def _further_clips(scores: Path, clips: Collection[str]) -> list[str]:
    """Names of the score files of other clips."""
    from resed.score.score_folder import unlisted

    return unlisted(scores, clips)


def _refuse_other_manifest(manifest: Path, store: Path | None, detector: "Detector | None") -> None:
    """Raise ScoreError for features or posteriors that were computed from another manifest."""
    made: dict[str, str | None] = {}
    if store:
        made[str(store)] = Store.open(store, verify=False).manifest_sha256
    if detector:
        made[detector.source] = detector.posteriors.meta.get("manifest_sha256")
    audited = sha256(manifest)
    for place, found in made.items():
        if found and found != audited:
            raise ScoreError(
                f"computed on the clips of another manifest than {manifest}",
                place=place,
                cure="in a run: snakemake --forcerun extract; otherwise omit --manifest",
            )


def _metrics(tables: Mapping[str, Counts], clips: int, manifest: Path | None) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "clips": clips,
        "settings": Rules().settings(),
        "versions": _versions(),
        "made_by": made_by("score"),
        "manifest_sha256": sha256(manifest) if manifest else None,
        **{block: table.summary() for block, table in tables.items()},
    }


def _versions() -> dict[str, str]:
    """Versions of resed and of sed_eval, whose rules are followed, if it is installed."""
    found = {"resed": __version__}
    with suppress(PackageNotFoundError):
        found["sed_eval"] = version("sed_eval")
    return found


def _compared(
    reference: Side,
    estimated: Side | None,
    true_tags: Side,
    tags: Sequence[Side],
    clips: Sequence[str],
    lengths: Mapping[str, float],
) -> list[str]:
    """Notes on what does not fit; ScoreError for files that cannot belong together."""
    pairs = [(reference, estimated)] if estimated else []
    pairs += [(true_tags, side) for side in tags]
    for pair in pairs:
        refuse_unrelated(*pair)
    found = [note for pair in pairs for note in notes_on(*pair, clips, lengths)]
    return list(dict.fromkeys(found))


def _lengths(manifest: Path | None, detector: "Detector | None") -> dict[str, float]:
    """Seconds of each clip, by the manifest or else by the posteriors, as far as they are known.

    A name that stands in several splits has the longest of its lengths.
    """
    if manifest:
        rows = read_manifest(manifest)
        longest = rows[rows["seconds"] > 0].groupby("filename")["seconds"].max()
        return dict(zip(longest.index, longest, strict=True))
    if detector:
        return dict.fromkeys(detector.posteriors.clips, detector.posteriors.seconds)
    return {}
