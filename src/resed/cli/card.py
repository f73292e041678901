"""`resed card`: what people must know about a model."""

from pathlib import Path

import typer


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
    from resed.export import card as cards
    from resed.export.about import read_about
    from resed.export.card_text import card_text
    from resed.formats.choice import read_choice
    from resed.predict.networks import load_trained
    from resed.runtime.files import write_json, write_text

    chosen, source = read_choice(choice), load_dataset(dataset)
    trained = load_trained(checkpoint)
    used = cards.recordings(source, soundbank)
    found = {
        "name": source.name,
        "about": read_about(about) if about else {},
        "data": cards.data(source, trained),
        "training": cards.training(trained),
        "choice": {key: value for key, value in chosen.items() if key != "format"},
        "scores": cards.scores(results, list(chosen["event_macro_f1"]), chosen["chosen"]),
        "single_recordings": cards.single_recordings(trained, source, soundbank),
        "licences": cards.licences(used),
        "recordings": used,
    }
    write_json(out, found)
    if markdown:
        write_text(markdown, card_text(found))
    typer.echo(f"wrote {out}")
