"""`resed export`: a trained system as one file for other programs."""

from pathlib import Path

import typer


def export(
    checkpoint: Path = typer.Option(
        ..., help="checkpoint.pt of a finished training, or a model file to change."
    ),
    out: Path = typer.Option(..., help="Model file to write (.safetensors)."),
    windows: Path | None = typer.Option(
        None,
        help="Windows of resed calibrate (TSV, seconds). Default: none, or those of a model file.",
    ),
    thresholds: Path | None = typer.Option(
        None,
        help="JSON of resed threshold. Default: frame_threshold of --settings, or the thresholds "
        "of a model file.",
    ),
    settings: str | None = typer.Option(
        None,
        help="Decode settings: inline JSON, or a YAML/JSON file. Default: those of resed decode, "
        "or of a model file.",
    ),
    name: str | None = typer.Option(
        None, help="Name of the model. Default: that of the system, or of the model file."
    ),
    card: Path | None = typer.Option(
        None, help="Facts for people, such as data, licences and scores: a YAML or JSON mapping."
    ),
) -> None:
    """Write a trained system and all that it needs to one file, which runs no code when it is read.

    The file holds weights, features, classes, settings, windows (seconds) and thresholds (0 to 1).

    Example: resed export --checkpoint checkpoint.pt --windows windows_esp.tsv --out m.safetensors
    """
    from resed.config.loading import read_yaml
    from resed.decode.events import decode_settings
    from resed.errors import counted
    from resed.export.packing import pack
    from resed.formats.model_file import SUFFIX, write_model_file
    from resed.formats.windows import read_windows

    if out.suffix != SUFFIX:
        raise typer.BadParameter(f"{out}: use the ending {SUFFIX}", param_hint="--out")
    decode = None if settings is None else decode_settings(settings)
    model = pack(
        checkpoint,
        windows=read_windows(windows) if windows else None,
        decode=decode,
        name=name,
        card=read_yaml(card) if card else None,
    )
    write_model_file(out, model)
    size = out.stat().st_size / 1e6
    typer.echo(f"wrote {out}: {model.name}, {counted(len(model.classes), 'class')}, {size:.1f} MB")
    chosen = model.settings.decode
    longest = max(window.window_s for window in model.windows.values())
    if not longest and chosen.filter != "none" and chosen.window_frames != "fixed":
        typer.echo("note: without --windows, no median filter smooths the frames", err=True)
