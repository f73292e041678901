"""`resed choose`: one of several trainings, chosen on development."""

import shutil
from pathlib import Path

import typer


def choose(
    thresholds: list[str] = typer.Option(
        ...,
        help="NAME=FILE: a training, and its thresholds per class (resed threshold --per-class); "
        "repeat the option for each.",
    ),
    checkpoint: list[str] = typer.Option(
        ..., help="NAME=FILE: checkpoint.pt of each training, with the names of --thresholds."
    ),
    windows: list[str] = typer.Option(
        ..., help="NAME=FILE: windows (TSV, seconds) of each training."
    ),
    settings: list[str] = typer.Option(
        ..., help="NAME=JSON: decode settings of each training."
    ),
    out: Path = typer.Option(
        ...,
        help="Folder for choice.json, checkpoint.pt, thresholds.json, windows.tsv and "
        "settings.json of the chosen training.",
    ),
) -> None:
    """Choose the training with the highest event-based macro F1 (0 to 1) on development.

    The scores are those in the files of thresholds, which were chosen on development as well;
    evaluation is not read.

    Example: resed choose --thresholds a=a.json --thresholds b=b.json --checkpoint a=a.pt
    --checkpoint b=b.pt --windows a=w.tsv --windows b=w.tsv --settings a={} --settings b={}
    --out chosen
    """
    from resed.decode.events import decode_settings
    from resed.export.choice import candidates, choice
    from resed.formats.choice import write_choice
    from resed.runtime.files import atomic_path, write_json

    files = {name: Path(path) for name, path in _named(thresholds, "--thresholds").items()}
    others = {"checkpoint": checkpoint, "windows": windows, "settings": settings}
    named = {option: _named(values, f"--{option}") for option, values in others.items()}
    for option, values in named.items():
        if values.keys() != files.keys():
            problem = "has other names than --thresholds"
            raise typer.BadParameter(problem, param_hint=f"--{option}")
    decode = {name: decode_settings(text) for name, text in named["settings"].items()}
    ordered = candidates(files)
    best = ordered[0].name
    out.mkdir(parents=True, exist_ok=True)
    copies = {
        "checkpoint.pt": named["checkpoint"][best],
        "thresholds.json": files[best],
        "windows.tsv": named["windows"][best],
    }
    for name, source in copies.items():
        with atomic_path(out / name) as path:
            shutil.copyfile(source, path)
    write_json(out / "settings.json", decode[best].model_dump(mode="json"))
    write_choice(out / "choice.json", choice(ordered))
    for one in ordered:
        typer.echo(f"{one.name}: event-based macro F1 {100 * one.event_macro_f1:.1f} %")
    typer.echo(f"chosen: {best}")


def _named(values: list[str], option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values:
        name, separator, text = value.partition("=")
        if not separator or not name or not text or name in found:
            raise typer.BadParameter(f"{value}: use NAME=VALUE, once per name", param_hint=option)
        found[name] = text
    return found
