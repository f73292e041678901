"""`resed choose`: one of several trainings, by development; `resed card`: what it is."""

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
        [],
        help="NAME=FILE: windows (TSV, seconds) of each training; default: none, for "
        "trainings that are decoded with fixed windows.",
    ),
    settings: list[str] = typer.Option(..., help="NAME=JSON: decode settings of each training."),
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
    from resed.formats.windows import write_windows
    from resed.runtime.files import atomic_path, write_json

    files = {name: Path(path) for name, path in _named(thresholds, "--thresholds").items()}
    others = {"checkpoint": checkpoint, "settings": settings}
    others |= {"windows": windows} if windows else {}
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
        **({"windows.tsv": named["windows"][best]} if windows else {}),
    }
    for name, source in copies.items():
        with atomic_path(out / name) as path:
            shutil.copyfile(source, path)
    if not windows:
        write_windows(out / "windows.tsv", [])
    write_json(out / "settings.json", decode[best].model_dump(mode="json"))
    write_choice(out / "choice.json", choice(ordered))
    for one in ordered:
        typer.echo(f"{one.name}: event-based macro F1 {100 * one.event_macro_f1:.1f} %")
    typer.echo(f"chosen: {best}")


def card(
    choice: Path = typer.Option(..., help="choice.json of resed choose."),
    checkpoint: Path = typer.Option(..., help="checkpoint.pt of the chosen training."),
    results: Path = typer.Option(
        ..., help="Folder of the run, with the scores of all trainings that could be chosen."
    ),
    dataset: str = typer.Option(..., help="Dataset: a name in config/datasets, or a YAML file."),
    soundbank: Path | None = typer.Option(
        None, help="Folder of the recordings that clips were mixed from, if there is one."
    ),
    network_file: Path | None = typer.Option(
        None,
        help="Python file with the network, if it is one of your own (docs/own-network.md); its "
        "code is run.",
    ),
    about: Path | None = typer.Option(
        None, help="YAML file with title, purpose, limits (a list) and privacy."
    ),
    out: Path = typer.Option(..., help="JSON file to write, for resed export --card."),
    markdown: Path | None = typer.Option(None, help="Markdown file to write."),
) -> None:
    """Collect the card of a model: data, licences, scores with intervals (%), limits, privacy.

    Single recordings of the development and evaluation folds are tagged as they are, not mixed.

    Example: resed card --choice chosen/choice.json --checkpoint chosen/checkpoint.pt
    --results results/everyday --dataset everyday --soundbank ESC-50 --out card.json
    """
    from resed.config.dataset import load_dataset
    from resed.config.network_file import NetworkFile
    from resed.export import model_card
    from resed.export.model_card_text import card_text
    from resed.export.model_texts import read_about
    from resed.formats.choice import read_choice
    from resed.predict.networks import load_trained
    from resed.runtime.files import write_json, write_text

    chosen, source = read_choice(choice), load_dataset(dataset)
    network = NetworkFile.read(network_file) if network_file else None
    trained = load_trained(checkpoint, network)
    used = model_card.recordings(source, soundbank)
    found = {
        "name": source.name,
        "about": read_about(about) if about else {},
        "data": model_card.data(source, trained),
        "training": model_card.training(trained),
        "choice": {key: value for key, value in chosen.items() if key != "format"},
        "scores": model_card.scores(results, list(chosen["event_macro_f1"]), chosen["chosen"]),
        "single_recordings": model_card.single_recordings(trained, source, soundbank),
        "licences": model_card.licences(used),
        "recordings": used,
    }
    write_json(out, found)
    if markdown:
        write_text(markdown, card_text(found))
    typer.echo(f"wrote {out}")


def _named(values: list[str], option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values:
        name, separator, text = value.partition("=")
        if not separator or not name or not text or name in found:
            raise typer.BadParameter(f"{value}: use NAME=VALUE, once per name", param_hint=option)
        found[name] = text
    return found
