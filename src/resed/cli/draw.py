"""`resed draw`."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(draw)


def draw(
    figure: str = typer.Option(
        ...,
        help="figure3, figure5, figure5_system3, figure6, figure7, figure7_all, training_curves, "
        "training_curves_table2, dag or sensitivity.",
    ),
    config_json: str = typer.Option(..., help="The whole config: inline JSON, or a file."),
    results: Path = typer.Option(..., help="Folder results/{dataset} to read from."),
    out_png: Path = typer.Option(..., help="PNG to write, 180 dots per inch."),
    out_svg: Path = typer.Option(..., help="SVG to write."),
    data: Path | None = typer.Option(
        None, help="Folder of the dataset (annotations); default: data/{dataset}."
    ),
) -> None:
    """Draw one figure; the same results give the same bytes."""
    from resed.config.run import load_config, read_settings
    from resed.draw import FIGURES
    from resed.draw.style import look, save
    from resed.results.folder import Results

    if figure not in FIGURES:
        raise typer.BadParameter(f"one of {', '.join(FIGURES)}", param_hint="--figure")
    config = load_config(read_settings(config_json, "--config-json"))
    source = Results.of(config, results, data)
    with look():
        save(FIGURES[figure].draw(source), out_png, out_svg)
    typer.echo(f"{FIGURES[figure].title}: {out_png}, {out_svg}")
