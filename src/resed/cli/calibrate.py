"""`resed calibrate`: windows of the median filters. `resed threshold`: frame thresholds.

`resed search`: both together.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

if TYPE_CHECKING:
    from resed.calibrate.search import GridCounts
    from resed.calibrate.thresholds import Search
    from resed.config.rows import Threshold

Method = Literal["esp", "average"]
KneeMethod = Literal["kneedle", "kde_mode", "cumulative_elbow", "quantile"]


def calibrate(
    events: Path = typer.Option(
        ..., help="Strong labels of the training split (TSV or CSV, seconds)."
    ),
    out: Path = typer.Option(..., help="TSV file for the windows (seconds)."),
    method: Method = typer.Option(
        "esp", help="esp: mean duration up to the knee; average: mean of all events."
    ),
    eta: float = typer.Option(1 / 3, min=1e-6, help="Window as a fraction of the mean duration."),
    knee: KneeMethod = typer.Option("kneedle", help="How esp finds the knee of durations."),
    guard: float = typer.Option(
        0.0,
        min=0.0,
        max=1.0,
        help="kneedle: below this height (0 to 1) esp uses the average; 0: never.",
    ),
    quantile: float = typer.Option(
        0.5, min=0.0, max=1.0, help="quantile: share of the events up to the knee."
    ),
    classes_from: str | None = typer.Option(
        None, help="Dataset (name or YAML file); all its classes get a row, even without events."
    ),
) -> None:
    """Compute median-filter windows per class from strong training labels (equation 7).

    Example: resed calibrate --events strong.tsv --out windows_esp.tsv
    """
    from resed.calibrate.windows import calibrate
    from resed.config.dataset import load_dataset
    from resed.errors import MOST_CLASSES, AnnotationError, counted, some
    from resed.formats.annotations import read_events
    from resed.formats.windows import write_windows

    classes = load_dataset(classes_from).classes if classes_from else None
    options = {"method": knee, "guard": guard, "quantile": quantile}
    found = read_events(events, classes)
    if not any(found.values()):
        raise AnnotationError(
            "contains no event", place=events, cure="use the strong labels of the training split"
        )
    windows = calibrate(found, method, eta=eta, classes=classes, options=options)
    write_windows(out, windows)
    width = max(len(window.event_label) for window in windows)
    for w in windows:
        mean = "-" if w.mean_s is None else f"{w.mean_s:.3f}"
        at = "" if w.knee_s is None else f", knee at {w.knee_s:.3f} s (event {w.knee_index})"
        note = f"; fallback: {w.fallback}" if w.fallback else ""
        typer.echo(
            f"{w.event_label:{width}}  {counted(w.events, 'event')}, mean {mean} s, "
            f"window {w.window_s:.3f} s{at}{note}"
        )
    fallen = [w.event_label for w in windows if w.fallback]
    typer.echo(
        f"{counted(sum(w.events for w in windows), 'event')}, {counted(len(windows), 'class')}; "
        f"fallback: {some(fallen, MOST_CLASSES) or 'none'}"
    )


def threshold(
    posteriors: Path = typer.Option(..., help="Posteriors of the development split (npz)."),
    windows: Path = typer.Option(..., help="Windows of resed calibrate (TSV, seconds)."),
    reference: Path = typer.Option(
        ..., help="Strong labels of the development split (TSV or CSV)."
    ),
    out: Path = typer.Option(
        ..., help="JSON file for threshold, grid, event_macro_f1 and, with --per-class, classes."
    ),
    per_class: bool = typer.Option(
        False,
        "--per-class",
        help="Also choose one threshold per class; beyond the paper. Classes with fewer events "
        "on development than class_threshold_events of the settings have the common threshold.",
    ),
    settings: str = typer.Option("{}", help="Decode settings: inline JSON, or a YAML/JSON file."),
    until: float | None = typer.Option(
        None,
        min=0.001,
        help="Seconds at which the reference of each clip ends: later events are left out, and "
        "events that reach past it end there. Default: all events.",
    ),
) -> None:
    """Choose one frame threshold for all classes, or one per class, on the development split.

    The threshold of the grid with the highest event-based macro F1 (200 ms collar) is chosen; if
    several are equal, the highest one. Per class, the one with the highest F1 of the class is
    chosen; if several are equal, the one nearest to the threshold for all classes.

    Example: resed threshold --posteriors dev.npz --windows windows_esp.tsv
    --reference development.tsv --out threshold.json
    """
    from resed.calibrate.thresholds import search_thresholds
    from resed.decode.events import decode_settings
    from resed.formats.posteriors import Posteriors
    from resed.formats.reference import read_reference
    from resed.formats.windows import read_windows

    loaded, chosen = Posteriors.load(posteriors), decode_settings(settings)
    labels = read_reference(reference, until=until)
    search = search_thresholds(loaded, read_windows(windows), labels, chosen)
    kind = "per_class" if per_class else "development"
    write_chosen(search, kind, chosen.class_threshold_events, out)


def search(
    posteriors: Path = typer.Option(..., help="Posteriors of the development split (npz)."),
    reference: Path = typer.Option(
        ..., help="Strong labels of the development split (TSV or CSV, seconds)."
    ),
    settings: str = typer.Option(
        ...,
        help="Decode settings with the key search: windows (frames), thresholds (0 to 1), and for "
        "both all or class. Inline JSON, or a YAML/JSON file.",
    ),
    out_windows: Path = typer.Option(..., help="TSV file for the windows (seconds)."),
    out_thresholds: Path = typer.Option(..., help="JSON file for the thresholds (0 to 1)."),
    until: float | None = typer.Option(
        None,
        min=0.001,
        help="Seconds at which the reference of each clip ends, as in resed score.",
    ),
) -> None:
    """Choose windows and thresholds on development by event-based F1 (200 ms collar).

    With `all`, one value has the best macro F1; with `class`, each class has its best. If several
    are equal, the first window and then the first threshold is chosen.

    Example: resed search --posteriors dev.npz --reference development.tsv
    --settings search.yaml --out-windows windows.tsv --out-thresholds thresholds.json
    """
    from resed.calibrate.search import count_grid, searched
    from resed.decode.events import decode_settings
    from resed.formats.posteriors import Posteriors
    from resed.formats.reference import read_reference

    chosen, loaded = decode_settings(settings), Posteriors.load(posteriors)
    labels = read_reference(reference, until=until)
    found = count_grid(loaded, labels, chosen, searched(chosen))
    write_searched(found, loaded.seconds_per_frame, out_windows, out_thresholds)


def write_searched(
    found: "GridCounts", seconds_per_frame: float, windows: Path, thresholds: Path
) -> None:
    """Write the windows and the thresholds of a search."""
    from resed.formats.thresholds import read_thresholds, write_thresholds
    from resed.formats.windows import write_windows

    chosen = found.windows(seconds_per_frame)
    write_windows(windows, chosen)
    write_thresholds(thresholds, found.thresholds())
    seconds = sorted({window.window_s for window in chosen})
    typer.echo(
        f"windows of {' to '.join(f'{s:.3f}' for s in (seconds[0], seconds[-1])[: len(seconds)])} "
        f"s, thresholds {read_thresholds(thresholds)}: event macro F1 {100 * found.macro_f1:.1f} % "
        "on development, which chose them"
    )


def write_chosen(search: "Search", kind: "Threshold", least_events: int, out: Path) -> None:
    """Write the threshold of a search for all classes to `out`, or those per class."""
    from resed.formats.thresholds import write_thresholds

    if kind == "development":
        chosen = search.common()
        best = 100 * max(chosen["event_macro_f1"])
        said = f"threshold {chosen['threshold']:g}, event macro F1 {best:.1f} % on development"
    else:
        chosen = search.per_class(least_events)
        said = "\n".join(
            f"{label}: threshold {one['threshold']:g}, event F1 {100 * one['event_f1']:.1f} % of "
            f"{one['events']} events on development"
            + f"; fallback: {one['fallback']}"
            * bool(one["fallback"])
            for label, one in chosen["classes"].items()
        )
    write_thresholds(out, chosen)
    typer.echo(said)
