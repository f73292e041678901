"""`resed export`: a trained system as one file for other programs."""

from pathlib import Path
from typing import Literal

import typer

Input = Literal["waveform", "mels"]
ONNX = ".onnx"


def export(
    checkpoint: Path = typer.Option(
        ...,
        help="checkpoint.pt of a finished training, or a model file or the name of an installed "
        "model to change.",
    ),
    out: Path = typer.Option(
        ...,
        help="File to write: a model file (.safetensors), or ONNX (.onnx; requires resed[onnx]).",
    ),
    windows: Path | None = typer.Option(
        None,
        help="Windows of resed calibrate (TSV, seconds). Default: none, or those of a model file.",
    ),
    thresholds: Path | None = typer.Option(
        None,
        help="JSON of resed threshold, one or per class (0 to 1). Default: frame_threshold of "
        "--settings, or the thresholds of a model file.",
    ),
    settings: str | None = typer.Option(
        None,
        help="Decode settings: inline JSON, or a YAML/JSON file. Default: those of resed decode, "
        "or of a model file.",
    ),
    name: str | None = typer.Option(
        None, help="Name of the model. Default: that of the system, or of the model file."
    ),
    input_kind: Input = typer.Option(
        "waveform",
        "--input",
        help="Input of an ONNX file: a waveform (mono, -1 to 1, at the sample rate of the "
        "features), or the log-mels of resed extract.",
    ),
    network_file: Path | None = typer.Option(
        None,
        help="Python file with the network, if it is one of your own (docs/own-network.md); its "
        "code is run.",
    ),
    card: Path | None = typer.Option(
        None, help="Facts for people, such as data, licences and scores: a YAML or JSON mapping."
    ),
) -> None:
    """Write a trained system and all that it needs to one file, which is read without running code.

    A model file holds weights, features, classes, settings, windows (seconds) and thresholds (0 to
    1). An ONNX file computes posteriors (0 to 1) of any number of frames: frames [clips, frames,
    classes], tags and teacher_tags [clips, classes]. It is written only if onnxruntime gives the
    posteriors of PyTorch to 1e-4.

    Example: resed export --checkpoint checkpoint.pt --windows windows_esp.tsv --out m.safetensors
    """
    from resed.config.loading import read_yaml
    from resed.config.network_file import NetworkFile
    from resed.decode.events import decode_settings
    from resed.errors import counted
    from resed.export.onnx_file import write_onnx
    from resed.export.packing import pack
    from resed.formats.model_file import write_model_file
    from resed.formats.thresholds import read_thresholds
    from resed.formats.windows import read_windows
    from resed.predict.models import SUFFIX, model_path

    if out.suffix not in (SUFFIX, ONNX):
        raise typer.BadParameter(f"{out}: use the ending {SUFFIX} or {ONNX}", param_hint="--out")
    decode = None if settings is None else decode_settings(settings)
    network = NetworkFile.read(network_file) if network_file else None
    model = pack(
        model_path(checkpoint),
        windows=read_windows(windows) if windows else None,
        thresholds=read_thresholds(thresholds) if thresholds else None,
        decode=decode,
        name=name,
        card=read_yaml(card) if card else None,
        network=network,
    )
    found = f"{model.name}, {counted(len(model.classes), 'class')}"
    if out.suffix == ONNX:
        difference = write_onnx(out, model, input_kind, network)
        found += f", {input_kind} in, largest difference from PyTorch {difference:.1e}"
    else:
        write_model_file(out, model)
    typer.echo(f"wrote {out}: {found}, {out.stat().st_size / 1e6:.1f} MB")
    chosen = model.settings.decode
    longest = max(window.window_s for window in model.windows.values())
    if not longest and chosen.filter != "none" and chosen.window_frames != "fixed":
        typer.echo("note: without --windows, no median filter smooths the frames", err=True)
