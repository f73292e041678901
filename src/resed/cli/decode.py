"""`resed decode`: events and tags. `resed sanity`: baselines, in the same files."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from resed.cli.by_split import LARGEST_SEED
from resed.config.rows import BASELINES

if TYPE_CHECKING:
    from resed.formats.posteriors import Posteriors
    from resed.formats.thresholds import Thresholds
    from resed.formats.windows import Window
    from resed.settings import DecodeSettings

Kind = StrEnum("Kind", {kind: kind for kind in BASELINES})


def decode(
    posteriors: list[str] = typer.Option(
        ..., help="Posteriors of resed predict (npz); with --row: SPLIT=FILE, repeatable."
    ),
    windows: Path | None = typer.Option(
        None,
        help="Windows of resed calibrate (TSV, seconds); not required if window_frames is fixed or "
        "filter is none, nor with --row and search, which chooses windows on development.",
    ),
    out: Path | None = typer.Option(None, help="Folder for events.tsv and the three tag files."),
    settings: str = typer.Option("{}", help="Decode settings: inline JSON, or a YAML/JSON file."),
    threshold_file: Path | None = typer.Option(
        None, help="JSON of resed threshold; its thresholds replace frame_threshold."
    ),
    row: list[str] = typer.Option(
        [],
        help="Row of the tables to decode, repeatable: SYSTEM or SYSTEM@READING. The suffix "
        "@development_threshold chooses the frame threshold on the development split, and "
        "@class_thresholds one per class (beyond the paper).",
    ),
    seed: int = typer.Option(0, min=0, max=LARGEST_SEED, help="With --row: seed of the training."),
    results: Path | None = typer.Option(
        None, help="With --row: folder results/{dataset}; writes decode/SPLIT/ROW/seedSEED."
    ),
    reference: Path | None = typer.Option(
        None,
        help="For rows @development_threshold and @class_thresholds, and for search of the "
        "settings: strong labels of development (TSV, seconds).",
    ),
    until: float | None = typer.Option(
        None,
        min=0.001,
        help="Seconds at which the reference of each clip ends, as in resed score.",
    ),
) -> None:
    """Turn posteriors into events (seconds) and tags.

    tags.tsv has the classes with an active frame after the filters; raw_tags.tsv and
    teacher_tags.tsv have the clip posteriors of student and teacher at the tag threshold.

    Example: resed decode --posteriors eval.npz --windows windows_esp.tsv --out decoded
    """
    from resed.cli.by_split import by_split, one_file, required
    from resed.decode.events import decode_parts, decode_settings, write_parts
    from resed.formats.posteriors import Posteriors
    from resed.formats.thresholds import Thresholds, read_thresholds

    chosen = decode_settings(settings)
    if row:
        required("with --row", results=results)
        if chosen.calibrated:
            required("unless window_frames is fixed or filter is none", windows=windows)
        assert results is not None
        _decode_rows(
            row,
            seed,
            results,
            by_split(posteriors, "--posteriors"),
            windows,
            settings=settings,
            reference=reference,
            until=until,
        )
        return
    required("without --row", out=out)
    at = Thresholds(chosen.frame_threshold)
    if chosen.search:
        made = {"windows": windows, "threshold_file": threshold_file}
        required("with decode.search, which resed search makes", **made)
    if threshold_file:
        at = read_thresholds(threshold_file)
    loaded = Posteriors.load(one_file(posteriors, "--posteriors"))
    counts = write_parts(out, decode_parts(loaded, _windows(windows), chosen, at))
    typer.echo(f"{_counted(*counts)} at {at}")


def _decode_rows(
    rows: Sequence[str],
    seed: int,
    results: Path,
    posteriors: Mapping[str, Path],
    windows_file: Path | None,
    *,
    settings: str,
    reference: Path | None,
    until: float | None,
) -> None:
    """Decode every row on every split; the posteriors of a split are read once."""
    from resed.calibrate.thresholds import search_thresholds
    from resed.cli.by_split import required
    from resed.cli.calibrate import write_chosen
    from resed.config.rows import Row
    from resed.decode.events import decode_parts, decode_settings, write_parts
    from resed.formats.posteriors import Posteriors
    from resed.formats.reference import read_reference
    from resed.formats.thresholds import Thresholds, read_thresholds
    from resed.results.layout import Layout

    layout, windows, chosen = Layout(results), _windows(windows_file), decode_settings(settings)
    loaded = {split: Posteriors.load(path) for split, path in posteriors.items()}
    configured = Thresholds(chosen.frame_threshold)
    if chosen.search:
        windows, configured = _searched(
            loaded, chosen, layout.searched(rows[0], seed), reference, until
        )
    search = None  # of thresholds on development, once for all rows
    for row in map(Row.of, rows):
        at = configured
        if row.threshold != "configured":
            required(f"with --row {row.folder}", reference=reference)
            assert reference is not None
            if search is None:
                labels = read_reference(reference, until=until)
                search = search_thresholds(loaded["development"], windows, labels, chosen)
            place = layout.threshold(row, seed)
            write_chosen(search, row.threshold, chosen.class_threshold_events, place)
            at = read_thresholds(place)
        for split, values in loaded.items():
            counts = write_parts(
                layout.decoded(split, row, seed), decode_parts(values, windows, chosen, at)
            )
            typer.echo(f"{row.folder}, {split}: {_counted(*counts)} at {at}")


def _searched(
    posteriors: Mapping[str, "Posteriors"],
    settings: "DecodeSettings",
    places: tuple[Path, Path],
    reference: Path | None,
    until: float | None,
) -> "tuple[dict[str, Window], Thresholds]":
    """Windows and thresholds that `settings.search` chooses on development, and writes."""
    from resed.calibrate.search import count_grid, searched
    from resed.cli.by_split import required
    from resed.cli.calibrate import write_searched
    from resed.formats.reference import read_reference
    from resed.formats.thresholds import read_thresholds
    from resed.formats.windows import read_windows

    required("with decode.search", reference=reference)
    assert reference is not None
    if "development" not in posteriors:
        raise typer.BadParameter("requires those of development", param_hint="--posteriors")
    development = posteriors["development"]
    labels = read_reference(reference, until=until)
    found = count_grid(development, labels, settings, searched(settings))
    write_searched(found, development.seconds_per_frame, *places)
    return read_windows(places[0]), read_thresholds(places[1])


def _windows(path: Path | None) -> "dict[str, Window]":
    """The windows of a file; none without a file."""
    from resed.formats.windows import read_windows

    return {} if path is None else read_windows(path)


def sanity(
    kind: list[Kind] = typer.Option(..., help="Baseline; repeatable with --results."),
    reference: list[str] = typer.Option(
        ...,
        help="Strong labels of the split (TSV, seconds); with --results: SPLIT=FILE, repeatable.",
    ),
    train_events: Path | None = typer.Option(
        None, help="Strong labels of the training split; required by prior."
    ),
    store: list[str] = typer.Option(
        ...,
        help="Feature store of the split, for clips, lengths and loudness; with --results: "
        "SPLIT=FILE, repeatable.",
    ),
    classes_from: str = typer.Option(
        ..., help="Dataset (name or YAML file) whose classes are used."
    ),
    out: Path | None = typer.Option(None, help="Folder for the files of resed decode."),
    results: Path | None = typer.Option(
        None,
        help="For several baselines and splits: folder results/{dataset}; writes "
        "decode/SPLIT/sanity_KIND/seed0.",
    ),
    posteriors: list[str] = typer.Option(
        [], help="Posteriors of the split, for own_tags; with --results: SPLIT=FILE, repeatable."
    ),
    seed: int = typer.Option(
        0, min=0, max=LARGEST_SEED, help="Seed of the random events of prior."
    ),
    until: float | None = typer.Option(
        None,
        min=0.001,
        help="Seconds at which the reference of each clip ends, as in resed score.",
    ),
) -> None:
    """Write the detections of a baseline or an oracle, in the files of resed decode.

    Example: resed sanity --kind prior --reference eval.tsv --train-events strong.tsv
    --store eval.store --classes-from demo --out decoded
    """
    from resed.cli.by_split import by_split, required, same_splits
    from resed.config.dataset import load_dataset
    from resed.config.rows import Row
    from resed.decode.baselines import Split, baseline
    from resed.decode.events import write_parts
    from resed.formats.annotations import read_events
    from resed.formats.posteriors import Posteriors
    from resed.formats.reference import read_reference
    from resed.formats.store import Store
    from resed.results.layout import Layout

    split_name = "evaluation" if results is None else None  # name for plain files of any split
    references = by_split(reference, "--reference", split_name)
    stores = by_split(store, "--store", split_name)
    own = by_split(posteriors, "--posteriors", split_name)
    same_splits(reference=references, store=stores, **({"posteriors": own} if own else {}))
    if results is None:
        required("without --results", out=out)
        if len(kind) > 1 or len(stores) > 1:
            raise typer.BadParameter(
                "required with several kinds or splits", param_hint="--results"
            )
    classes = load_dataset(classes_from).classes
    if "prior" in kind:
        required("by --kind prior", train_events=train_events)
    train = read_events(train_events, classes) if train_events and "prior" in kind else None
    for name, path in stores.items():
        split = Split.of(Store.open(path, verify="loudness" in kind), classes)
        timed = {"loudness", "reference"} & {*kind}  # others do not look at the reference
        events = read_reference(references[name], classes, until) if timed else {}
        loaded = Posteriors.load(own[name]) if own and "own_tags" in kind else None
        for one in kind:
            decoded = baseline(one, split, events, train=train, posteriors=loaded, seed=seed)
            row = Row(one, baseline=True)
            folder = Layout(results).decoded(name, row, 0) if results else out
            typer.echo(f"sanity {one}: {_counted(*write_parts(folder, [decoded]))}")


def _counted(events: int, clips: int) -> str:
    return f"{events} events in {clips} clips"
