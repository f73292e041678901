"""`resed score`: F1 of events and tags, and scores without a threshold."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from resed.cli.by_split import LARGEST_SEED

if TYPE_CHECKING:
    from resed.score.threshold_free import Detector


def score(
    reference: list[str] = typer.Option(
        ...,
        help="Reference events (TSV or CSV, seconds); with --row: SPLIT=FILE, repeatable.",
    ),
    estimated: Path | None = typer.Option(None, help="Detected events (TSV or CSV, seconds)."),
    out: Path | None = typer.Option(
        None, help="JSON file for the scores, as fractions. Default: none."
    ),
    clips: Path | None = typer.Option(
        None, help="Clips to score (TSV or CSV, column filename). Default: all clips of both files."
    ),
    reference_tags: Path | None = typer.Option(
        None, help="Reference tags (TSV or CSV). Default: those of --reference."
    ),
    estimated_tags: Path | None = typer.Option(
        None,
        help="Estimated tags (TSV or CSV). Default with --reference-tags: those of --estimated.",
    ),
    raw_tags: Path | None = typer.Option(
        None, help="Tags before the filters (TSV), scored as tags_raw."
    ),
    teacher_tags: Path | None = typer.Option(
        None, help="Tags of the teacher (TSV), scored as tags_teacher."
    ),
    counts: Path | None = typer.Option(
        None, help="TSV file for tp, fp and fn per clip, metric and class."
    ),
    manifest: Path | None = typer.Option(
        None, help="Manifest of the audit; its hash is written into --out."
    ),
    split: str | None = typer.Option(
        None,
        help="With --manifest: score the usable clips of this split; clips of the dataset that are "
        "not usable are left out of the estimate.",
    ),
    store: list[str] = typer.Option(
        [],
        help="With --manifest: feature store of the split, which must be of the same manifest; "
        "with --row: SPLIT=FILE, repeatable.",
    ),
    posteriors: list[str] = typer.Option(
        [],
        help="Posteriors of resed predict (npz), for mAP and mAUC of clips, and with --windows for "
        "PSDS1 and PSDS2; with --row: SPLIT=FILE, repeatable, of baselines those of own_tags.",
    ),
    windows: Path | None = typer.Option(
        None,
        help="With --posteriors: windows of resed calibrate (TSV, seconds).",
    ),
    ranks: Path | None = typer.Option(
        None,
        help="With --posteriors: file (.npz) for average precision and AUC per class, and on the "
        "resamples of the clips that intervals come from.",
    ),
    settings: str = typer.Option("{}", help="With --posteriors: settings of resed decode."),
    scores: Path | None = typer.Option(
        None,
        help="Folder with one score TSV per clip (onset, offset, one column per class), for psds1, "
        "psds2, map and mauc with 95 % intervals over clips; --estimated may then be omitted.",
    ),
    row: list[str] = typer.Option(
        [],
        help="Row of the tables to score, repeatable: a row of resed decode, or sanity_KIND.",
    ),
    seed: int = typer.Option(0, min=0, max=LARGEST_SEED, help="With --row: seed of the training."),
    results: Path | None = typer.Option(
        None,
        help="With --row: folder results/{dataset}; reads decode/SPLIT/ROW/seedSEED and writes "
        "score/SPLIT/ROW/seedSEED.",
    ),
    tags_only: bool = typer.Option(
        False,
        "--tags-only",
        help="--reference has weak labels (filename, event_labels): score tags, mAP and mAUC, and "
        "no events. Without --row, --estimated-tags are required.",
    ),
    until: float | None = typer.Option(
        None,
        min=0.001,
        help="Seconds at which the reference of each clip ends: later events are left out, and "
        "events that reach past it end there. Default: all events.",
    ),
) -> None:
    """Score events and tags by F1, and posteriors by scores without a threshold.

    event: onset within 200 ms, offset within max(200 ms, 20 % of the event). segment: 1 s.
    A class that is never predicted counts 0. A clip that occurs only in the estimate counts as a
    clip without reference events. PSDS1 and PSDS2 are scenarios 1 and 2 of DCASE, on posteriors
    that are gated and filtered as in decoding, up to 100 false alarms per hour. Clip mAP is the
    mean of the average precision over classes, mAUC that of the areas under their ROC curves
    (classes that no clip has, or every clip, are left out). With --scores, the scores of any
    detector are used as they are, without gate and filter.

    Example: resed score --reference eval.tsv --estimated events.tsv --out metrics.json
    """
    from resed.cli.by_split import by_split, one_file, required, same_splits

    for name, given in (("--windows", windows), ("--ranks", ranks)):
        if given is not None and not posteriors:
            raise typer.BadParameter("requires --posteriors", param_hint=name)
    if store:
        required("with --store", manifest=manifest)
    if split:
        required("with --split", manifest=manifest, estimated=estimated)
        if row or clips:
            raise typer.BadParameter("use it without --row and --clips", param_hint="--split")
    if tags_only and (estimated or reference_tags or scores or split or windows):
        hint = "--estimated, --reference-tags, --scores, --split, --windows"
        raise typer.BadParameter("leave them out with --tags-only", param_hint=hint)
    if row:
        required("with --row", results=results)
        for name, given in (("--scores", scores), ("--ranks", ranks)):
            if given is not None:
                raise typer.BadParameter("use it without --row", param_hint=name)
        assert results is not None
        references = by_split(reference, "--reference")
        scores = by_split(posteriors, "--posteriors")
        detectors = {
            split: _detector(scores[split], windows, settings)
            for split in references
            if split in scores
        }
        stores = by_split(store, "--store")
        if stores:
            same_splits(reference=references, store=stores)
        _score_rows(
            row,
            seed,
            results,
            references,
            detectors,
            stores,
            manifest=manifest,
            until=until,
            tags_only=tags_only,
        )
        return
    if tags_only:
        required("with --tags-only", estimated_tags=estimated_tags)
    elif scores is None:
        required("without --row and --scores", estimated=estimated)
    elif posteriors:
        raise typer.BadParameter("use one of the two", param_hint="--scores, --posteriors")
    found = one_file(posteriors, "--posteriors") if posteriors else None
    _score(
        one_file(reference, "--reference"),
        estimated,
        clips=clips,
        reference_tags=reference_tags,
        tags={"tags": estimated_tags, "tags_raw": raw_tags, "tags_teacher": teacher_tags},
        counts=counts,
        ranks=ranks,
        manifest=manifest,
        store=one_file(store, "--store") if store else None,
        out=out,
        detector=_detector(found, windows, settings) if found else None,
        scores=scores,
        until=until,
        split=split,
        tags_only=tags_only,
        by_class=True,
    )


def _score_rows(
    rows: Sequence[str],
    seed: int,
    results: Path,
    references: Mapping[str, Path],
    detectors: "Mapping[str, Detector]",
    stores: Mapping[str, Path],
    **options: Any,
) -> None:
    """Score every row on every split.

    Scores without a threshold are computed once per split, for the row at the configured threshold.
    Of a baseline they are those of its ranking of the clips.
    """
    from resed.config.rows import Row
    from resed.results.layout import Layout
    from resed.score.baseline_ranks import of_baseline

    layout = Layout(results)
    for row in map(Row.of, rows):
        for split, reference in references.items():
            decoded, scored = layout.decoded(split, row, seed), layout.scored(split, row, seed)
            tags = {"tags": decoded / "tags.tsv"}
            if not row.baseline:
                tags["tags_raw"] = decoded / "raw_tags.tsv"
                tags["tags_teacher"] = decoded / "teacher_tags.tsv"
            typer.echo(f"{row.folder}, {split}:")
            detector = detectors.get(split) if row.threshold == "configured" else None
            if detector and row.baseline:
                detector = of_baseline(row.system, detector)
            _score(
                reference,
                None if options["tags_only"] else decoded / "events.tsv",
                clips=decoded / "tags.tsv",
                tags=tags,
                counts=scored / "counts.tsv",
                out=scored / "metrics.json",
                store=stores.get(split),
                detector=detector,
                ranks=scored / "ranking.npz" if detector else None,
                **options,
            )


def _score(
    reference: Path, estimated: Path | None, *, by_class: bool = False, **options: Any
) -> None:
    """Score one pair of files and print the scores."""
    from resed.escaping import one_line
    from resed.score.class_table import class_lines
    from resed.score.score_files import score_files

    metrics, notes = score_files(reference, estimated, **options)
    for note in notes:
        typer.echo(f"note: {one_line(note)}", err=True)
    blocks = ("event", "segment", "tags", "tags_raw", "tags_teacher")
    line = ", ".join(f"{b} {100 * metrics[b]['macro_f1']:.1f}" for b in blocks if b in metrics)
    if line:
        typer.echo(f"{metrics['clips']} clips, macro F1 in percent: {line}")
    for line in class_lines(metrics) if by_class else ():
        typer.echo(line)
    free, ranked = metrics.get("threshold_free", {}), metrics.get("ranking", {})
    further = ("mauc",) if "tags_map" in free else ("map", "mauc")
    found = {**free, **{key: ranked.get(key) for key in further}}
    values = {key: value for key, value in found.items() if isinstance(value, float)}
    if values:
        line = ", ".join(f"{key} {100 * value:.1f}" for key, value in values.items())
        typer.echo(f"without a threshold, in percent: {line}")
    if "scores" in metrics:
        _show_scores(metrics)


def _detector(posteriors: Path, windows: Path | None, settings: str) -> "Detector":
    from resed.score.threshold_free import Detector

    return Detector.load(posteriors, windows, settings)


def _show_scores(metrics: Mapping[str, Any]) -> None:
    """Print psds1, psds2, map and mauc of a folder of scores, with their intervals."""
    parts = []
    for name, ends in metrics["scores"]["intervals"].items():
        value = metrics[name]
        text = "-" if value is None else f"{100 * value:.1f}"
        if ends is not None:
            text += f" ({100 * ends[0]:.1f} to {100 * ends[1]:.1f})"
        parts.append(f"{name} {text}")
    clips = f"{metrics['clips']} clips, scores in percent (95 % interval over clips)"
    typer.echo(f"{clips}: {', '.join(parts)}")
