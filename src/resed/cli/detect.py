"""`resed detect`: events in sound files of any length."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

OVERLAPS = (0.0, 0.5)
WINDOWS_AHEAD = 16
FORMATS = ("tsv", "audacity", "raven", "scores", "png")


def detect(
    audio: list[str] = typer.Argument(
        ..., help="Sound files, folders (searched recursively), or quoted patterns."
    ),
    out: Path = typer.Option(..., help="Folder for events.tsv, failures.tsv and all other files."),
    model: str | None = typer.Option(
        None, help="Name of an installed model, or a model file. Default: the installed one."
    ),
    formats: str = typer.Option(
        "tsv",
        help="Files to make, separated by commas: tsv (events.tsv, which is always made); per "
        "sound file audacity (labels), raven (selections), scores (TSV), png (picture).",
    ),
    threshold: list[str] = typer.Option(
        [],
        help="Threshold of frame posteriors, 0 to 1, for all classes or as CLASS=NUMBER; "
        "repeatable. Default: those of the model.",
    ),
    classes: list[str] = typer.Option(
        [], help="Classes to report, separated by commas; repeatable. Default: all."
    ),
    overlap: float = typer.Option(
        0.5,
        help="0.5: windows over the seams of windows decide on events that the seams cut. 0: no "
        "such windows, about twice as fast.",
    ),
    settings: str = typer.Option(
        "{}", help="Decode settings that differ from the model's, as JSON or a YAML/JSON file."
    ),
    network_file: Path | None = typer.Option(
        None,
        help="Python file with the network, if it is one of your own (docs/own-network.md); its "
        "code is run.",
    ),
    device: str = typer.Option("auto", help="auto, cpu or cuda."),
    threads: int | None = typer.Option(
        None, min=1, help="Number of CPU threads. Default: number of available cores."
    ),
) -> None:
    """Detect events in sound files of any length, sample rate and number of channels.

    events.tsv has one row per event: filename, onset and offset in seconds, event_label, score. A
    second call with the same --out skips files that are done, and goes on after a kill.

    Example: resed detect recordings --out detected --formats audacity,png
    """
    kinds, limits, named = _kinds(formats), _thresholds(threshold), _classes(classes)
    if overlap not in OVERLAPS:
        raise typer.BadParameter(f"{overlap:g}: use 0.5 or 0", param_hint="--overlap")

    from resed.config.loading import read_settings
    from resed.detect.sources import find_sources

    changes = read_settings(settings)
    sources = find_sources(audio, out)

    from threadpoolctl import threadpool_limits

    from resed.config.network_file import NetworkFile
    from resed.detect.detector import ModelDetector
    from resed.detect.run import failed, run_detection
    from resed.predict.models import model_path
    from resed.predict.networks import load_trained
    from resed.runtime.devices import device_for
    from resed.runtime.files import sha256
    from resed.train.setup import prepare_torch

    threads = threads or _cores()
    path = model_path(model or _default_model())
    trained = load_trained(path, NetworkFile.read(network_file) if network_file else None)
    with device_for(device, say=lambda line: print(line, file=sys.stderr)) as chosen:
        # The networks are small: a thread for features is worth more than another for them.
        prepare_torch(max(1, threads - 1), chosen)
        detector = ModelDetector.of(
            trained,
            chosen,
            thresholds=limits,
            classes=named,
            overlap=overlap,
            ahead=WINDOWS_AHEAD if threads > 1 else 0,
            changes=changes.get("decode", changes),
        )
        names = {"name": trained.name, "sha256": sha256(path)}
        with threadpool_limits(1, user_api="blas"):  # of the features
            outcome = run_detection(sources, out, detector, names, kinds, say=_say)
    typer.echo(outcome.summary(out))
    if outcome.failures:
        raise failed(outcome, out)


def _say(line: str) -> None:
    """Print a line at once; typer.echo would write into the status line of a terminal."""
    print(line, flush=True)


def _kinds(text: str) -> list[str]:
    """The formats per sound file, each once."""
    kinds = [name.strip() for name in text.split(",") if name.strip()]
    for name in kinds:
        if name not in FORMATS:
            problem = f"{name}: use some of {', '.join(FORMATS)}"
            raise typer.BadParameter(problem, param_hint="--formats")
    return [name for name in FORMATS if name in kinds and name != "tsv"]


def _thresholds(values: Sequence[str]) -> Mapping[str, float]:
    """Class, or "" for all -> threshold."""
    found: dict[str, float] = {}
    for value in values:
        name, _, text = value.rpartition("=")
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0 <= number <= 1 or "_" in text:  # Python reads 0_1 as 1
            problem = f"{value}: use a number from 0 to 1, or CLASS=NUMBER"
            raise typer.BadParameter(problem, param_hint="--threshold")
        if name in found:
            problem = f"{value}: this threshold is given twice"
            raise typer.BadParameter(problem, param_hint="--threshold")
        found[name] = number
    return found


def _classes(values: Sequence[str]) -> list[str]:
    """The named classes; none if the option is not used."""
    found = [name for text in values for name in map(str.strip, text.split(",")) if name]
    if values and not found:
        raise typer.BadParameter("names no class", param_hint="--classes")
    return found


def _default_model() -> str:
    """The installed model, if there is one."""
    from resed.predict.models import installed_models

    names = list(installed_models())
    if len(names) == 1:
        return names[0]
    problem = f"required; installed: {', '.join(names) or 'none'}"
    raise typer.BadParameter(problem, param_hint="--model")


def _cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
