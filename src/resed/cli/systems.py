"""`resed systems`: the systems of config/systems."""

from pathlib import Path

import typer


def systems(
    root: Path | None = typer.Option(
        None,
        help="Folder of the Snakefile, with config/. Default: the current folder if it has one, "
        "otherwise the systems that are installed with resed.",
    ),
) -> None:
    """List all systems with title, base and number of trainable parameters.

    The columns are separated by tabs: system, base, weights_of (the system whose training it uses),
    student and teacher (parameters, for the classes of the dataset of config/config.yaml), title.
    Where heads depend on labels (disentangled features), it is the largest number.

    Example: resed systems
    """
    from resed.export.system_list import COLUMNS, system_list

    typer.echo("\t".join(COLUMNS))
    for row in system_list(root):
        typer.echo("\t".join(str(getattr(row, column)) for column in COLUMNS))
