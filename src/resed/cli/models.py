"""`resed models`: the models that are installed with resed, and their cards."""

import typer


def models(
    name_or_file: str | None = typer.Argument(
        None, help="Print the card of this model: a name of the list, or a model file."
    ),
) -> None:
    """List the models that are installed with resed, or print the card of one.

    The list has classes, size, length of a window (seconds) and sample rate (Hz) of each model.
    `resed detect --model`, `resed predict --checkpoint`, `resed export --checkpoint`, `resed train
    --init` and resed.load_model take the names. A card is YAML.

    Example: resed models everyday
    """
    from resed.export.cards import facts_text, summary_of
    from resed.formats.model_file import read_model_file
    from resed.predict.models import installed_models, model_path

    if name_or_file is None:
        found = installed_models()
        for name, path in found.items():
            typer.echo(summary_of(name, path))
        if not found:
            typer.echo("no model is installed; resed export makes one of a checkpoint")
        return
    path = model_path(name_or_file)
    model = read_model_file(path)
    typer.echo(summary_of(model.name, path))
    typer.echo(facts_text(model).rstrip())
