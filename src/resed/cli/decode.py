"""`resed decode`, and `resed sanity` (baselines that write the same files)."""

from pathlib import Path
from typing import Literal

import typer

Kind = Literal["nothing", "everything", "prior", "own_tags", "loudness", "reference"]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(decode)
    app.command()(sanity)


def decode(
    posteriors: Path = typer.Option(..., help="Posteriors of resed predict (npz)."),
    windows: Path = typer.Option(..., help="WINDOWS.tsv of resed calibrate; seconds."),
    out: Path = typer.Option(..., help="Folder for events.tsv and the three tag files."),
    settings: str = typer.Option("{}", help="Decode settings: inline JSON, or a YAML/JSON file."),
    threshold_file: Path | None = typer.Option(
        None, help="JSON of resed threshold; its threshold replaces frame_threshold."
    ),
) -> None:
    """Turn posteriors into events (seconds) and tags.

    tags.tsv: classes with an active frame left after the filters. raw_tags.tsv, teacher_tags.tsv:
    clip posteriors of student and teacher at the tag threshold.
    """
    from resed.decode.events import decode, decode_settings, write_decoded
    from resed.formats.posteriors import Posteriors
    from resed.formats.thresholds import read_threshold
    from resed.formats.windows import read_windows

    chosen = decode_settings(settings)
    if threshold_file:
        chosen = chosen.model_copy(update={"frame_threshold": read_threshold(threshold_file)})
    decoded = decode(Posteriors.load(posteriors), read_windows(windows), chosen)
    write_decoded(out, decoded)
    count = sum(map(len, decoded.events.values()))
    typer.echo(f"{count} events in {len(decoded.events)} clips at {chosen.frame_threshold:g}")


def sanity(
    kind: Kind = typer.Option(..., help="Which baseline."),
    reference: Path = typer.Option(..., help="Strong labels of the split (TSV, seconds)."),
    train_events: Path = typer.Option(..., help="Strong labels of the training split (prior)."),
    store: Path = typer.Option(..., help="Feature store of the split: clips, length, loudness."),
    classes_from: str = typer.Option(..., help="Dataset (name or YAML file) with the classes."),
    out: Path = typer.Option(..., help="Folder, as of resed decode."),
    posteriors: Path | None = typer.Option(None, help="Posteriors of the split (own_tags)."),
    seed: int = typer.Option(0, min=0, help="Seed of the random choices (prior)."),
) -> None:
    """Write the detections of a trivial baseline or an oracle, in the same files as decode."""
    from resed.config.run import load_dataset
    from resed.decode.baselines import Split, baseline
    from resed.decode.events import write_decoded
    from resed.formats.annotations import read_events
    from resed.formats.posteriors import Posteriors
    from resed.formats.store import Store

    classes = load_dataset(classes_from).classes
    decoded = baseline(
        kind,
        Split.of(Store.open(store, verify=kind == "loudness"), classes),
        read_events(reference, classes),
        train=read_events(train_events, classes) if kind == "prior" else None,
        posteriors=Posteriors.load(posteriors) if posteriors else None,
        seed=seed,
    )
    write_decoded(out, decoded)
    count = sum(map(len, decoded.events.values()))
    typer.echo(f"sanity {kind}: {count} events in {len(decoded.events)} clips")
