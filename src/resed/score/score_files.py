"""Score TSV files: read both sides, compare them, count, and write metrics.json."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resed import __version__
from resed.errors import ScoreError, counted, some
from resed.formats.annotations import read_clips, read_events, read_tags, tags_of
from resed.formats.counts import Counts, write_counts
from resed.formats.manifest import read_manifest
from resed.formats.metrics import FORMAT, write_metrics
from resed.formats.reference import note_on_late_events, read_reference
from resed.formats.store import Store
from resed.runtime.files import sha256
from resed.runtime.fingerprint import made_by
from resed.runtime.progress import progress
from resed.score.agreement import Side, notes_on, refuse_unrelated
from resed.score.f1 import Events, Tags, clips_to_score, event_counts, segment_counts, tag_counts
from resed.score.matching import Rules
from resed.score.usable_clips import UsableClips

if TYPE_CHECKING:
    from resed.score.threshold_free import Detector


@dataclass(frozen=True)
class ScoredFiles:
    """The files that are scored, and how.

    Attributes:
        estimated: detected events; None with `scores` alone.
        clips: the clips to score; default: all of both files.
        reference_tags: true tags; default: the classes of the events of `reference`.
        tags: estimated tags by block (tags, tags_raw, tags_teacher). If only `reference_tags` is
            given, the estimated tags are the classes of the events of `estimated`.
        manifest: manifest of the audit, whose hash the metrics record; it has the length of clips.
        store: features of the estimate, which must have been made from `manifest`.
        detector: adds the block ranking, mAP and mAUC (see resed.score.rank_resamples), and, if it
            has windows, the block threshold_free (see resed.score.threshold_free).
        scores: a folder of score TSVs, which adds psds1, psds2, map and the block scores (see
            resed.score.score_folder).
        until: end of the reference of each clip in seconds (see resed.formats.reference).
        split: score the usable clips of this split of `manifest`, instead of `clips`, and the
            classes of the events as tags where there are none.
        tags_only: `reference` has weak labels; `estimated` is None, and events are not scored.
    """

    reference: Path
    estimated: Path | None
    clips: Path | None = None
    reference_tags: Path | None = None
    tags: Mapping[str, Path | None] | None = None
    manifest: Path | None = None
    store: Path | None = None
    detector: "Detector | None" = None
    scores: Path | None = None
    until: float | None = None
    split: str | None = None
    tags_only: bool = False

    def place_of(self, block: str) -> Path | None:
        """The file of a block of estimated tags."""
        return (self.tags or {}).get(block) or self.estimated


@dataclass
class _Content:
    """What the files contain: both sides, blocks of estimated tags, clips, and notes."""

    true: Events
    guess: Events
    true_tags: Tags
    blocks: dict[str, Tags]
    wanted: Sequence[str] | None
    notes: list[str] = field(default_factory=list)


def score_files(
    reference: Path,
    estimated: Path | None,
    out: Path | None,
    *,
    counts: Path | None = None,
    ranks: Path | None = None,
    **others: Any,
) -> tuple[dict[str, Any], list[str]]:
    """Score TSV files; write metrics.json and counts.tsv, if asked.

    Args:
        out: metrics.json to write.
        counts: counts.tsv to write.
        ranks: ranking.npz to write, if there is a detector.
        others: further attributes of ScoredFiles.

    Returns:
        The metrics, and notes to print.

    Raises:
        ScoreError: the files cannot belong together (see resed.score.agreement), or the features or
            the posteriors were computed from another manifest.
    """
    files = ScoredFiles(reference, estimated, **others)
    if files.manifest:
        _refuse_other_manifest(files.manifest, files)
    content = _read(files)
    chosen, further = _chosen(files, content)
    notes = _compared(files, content, chosen) + content.notes
    if further:
        names = f"{counted(len(further), 'clip')} of {files.scores} not in {reference}"
        notes.append(f"{names} ({some(further)}); each counts as a clip without events")
    if files.until is not None and not files.tags_only:
        notes += note_on_late_events(read_events(reference), files.until, reference)
    tables = _counted(content, chosen, bool(estimated))
    metrics = _metrics(tables, len(chosen), files.manifest)
    notes += _add_ranking(metrics, files, content, chosen, ranks)
    notes += _add_threshold_free(metrics, files, content, chosen)
    if out:
        write_metrics(out, metrics)
    if counts:
        write_counts(counts, tables)
    return metrics, notes


def _read(files: ScoredFiles) -> _Content:
    true = {} if files.tags_only else read_reference(files.reference, until=files.until)
    guess = read_events(files.estimated) if files.estimated else {}
    blocks = {block: read_tags(path) for block, path in (files.tags or {}).items() if path}
    weak = files.reference_tags or (files.reference if files.tags_only else None)
    true_tags = read_tags(weak) if weak else tags_of(true)
    if (files.reference_tags or files.split) and "tags" not in blocks:
        blocks["tags"] = tags_of(guess)
    wanted = read_clips(files.clips) if files.clips else None
    content = _Content(true, guess, true_tags, dict(blocks), wanted)
    if files.split and files.manifest and files.estimated:
        usable = UsableClips.of(files.manifest, files.split)
        content.wanted = list(usable.clips)
        content.guess, content.notes = usable.only(guess, files.estimated, true)
        for block, tags in blocks.items():
            place = files.place_of(block) or files.estimated
            content.blocks[block], more = usable.only(tags, place, true)
            content.notes += more
    return content


def _chosen(files: ScoredFiles, content: _Content) -> tuple[tuple[str, ...], Sequence[str]]:
    """The clips to score, and those of them that only the folder of score TSVs has."""
    known = {**content.true, **(content.true_tags if content.blocks or files.scores else {})}
    found = {clip for side in (content.guess, *content.blocks.values()) for clip in side}
    further: Sequence[str] = []
    if files.scores and not content.wanted:
        further = _further_clips(files.scores, {*known, *found})
    return clips_to_score(known, {*found, *further}, content.wanted), further


def _counted(content: _Content, clips: Sequence[str], events: bool) -> dict[str, Counts]:
    """The counts of each block."""
    counters = {"event": event_counts, "segment": segment_counts} if events else {}
    with progress(2 * len(clips), "clips scored") as advance:
        tables = {
            block: count(content.true, content.guess, clips, advance=advance)
            for block, count in counters.items()
        }
        for block, found in content.blocks.items():
            tables[block] = tag_counts(content.true_tags, found, clips)
    return tables


def _add_ranking(
    metrics: dict[str, Any],
    files: ScoredFiles,
    content: _Content,
    clips: Sequence[str],
    ranks: Path | None,
) -> list[str]:
    """Add mAP and mAUC of clip posteriors to the metrics; write `ranks`; return notes.

    The clips are sorted, so that equal clips have equal resamples.
    """
    if not files.detector:
        return []
    from resed.score.rank_resamples import notes_on
    from resed.score.threshold_free import ranked

    found = ranked(files.detector, content.true_tags, sorted(clips))
    notes = notes_on(found)
    metrics["ranking"] = {**found.summary(), "notes": notes}
    if ranks:
        found.save(ranks)
    return [f"mAP and mAUC, {note}" for note in notes]


def _add_threshold_free(
    metrics: dict[str, Any], files: ScoredFiles, content: _Content, clips: Sequence[str]
) -> list[str]:
    """Add PSDS and mAP of posteriors and of score TSVs to the metrics; return notes."""
    notes: list[str] = []
    if files.detector and files.detector.windows is not None:
        from resed.score.threshold_free import threshold_free

        found = threshold_free(files.detector, content.true, content.true_tags, clips)
        metrics["versions"]["sed_scores_eval"] = version("sed_scores_eval")
        metrics["threshold_free"] = found
        notes += [f"threshold-free, {key}: {text}" for key, text in found["notes"].items()]
    if files.scores:
        from resed.score.score_folder import score_folder

        free = score_folder(files.scores, content.true, content.true_tags, clips)
        metrics["versions"]["sed_scores_eval"] = version("sed_scores_eval")
        metrics |= free.summary()
        notes += [f"{files.scores}: {note}" for note in free.notes]
    return notes


def _further_clips(scores: Path, clips: Collection[str]) -> list[str]:
    """Names of the score files of other clips."""
    from resed.score.score_folder import unlisted

    return unlisted(scores, clips)


def _refuse_other_manifest(manifest: Path, files: ScoredFiles) -> None:
    """Raise ScoreError for features or posteriors that were computed from another manifest."""
    made: dict[str, str | None] = {}
    if files.store:
        made[str(files.store)] = Store.open(files.store, verify=False).manifest_sha256
    if files.detector:
        made[files.detector.source] = files.detector.posteriors.meta.get("manifest_sha256")
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


def _compared(files: ScoredFiles, content: _Content, clips: Sequence[str]) -> list[str]:
    """Notes on what does not fit; ScoreError for files that cannot belong together."""
    reference, true = files.reference, content.true
    true_tags = Side(files.reference_tags or reference, content.true_tags)
    pairs: list[tuple[Side, Side]] = []
    if files.estimated:
        ours = Side(files.estimated, tags_of(content.guess), content.guess)
        pairs.append((Side(reference, tags_of(true), true), ours))
    for block, tags in content.blocks.items():
        pairs.append((true_tags, Side(files.place_of(block) or reference, tags)))
    for pair in pairs:
        refuse_unrelated(*pair)
    lengths = _lengths(files.manifest, files.detector)
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
