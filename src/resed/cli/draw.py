"""`resed draw`: draw one figure."""

from pathlib import Path

import typer


def draw(
    figure: str = typer.Option(
        ...,
        help="A figure of config/papers/{paper}/numbers.yaml, dag, sensitivity or architecture.",
    ),
    config_json: str = typer.Option(..., help="The complete config: inline JSON, or a file."),
    results: Path = typer.Option(..., help="Folder results/{dataset} to read from."),
    out_png: Path = typer.Option(..., help="PNG file of the figure, 180 dots per inch."),
    out_svg: Path = typer.Option(..., help="SVG file of the figure."),
    out_json: Path | None = typer.Option(
        None, help="JSON file for the report: title, caption, size in inches, provenance."
    ),
    system: str = typer.Option(
        "",
        help="The system whose networks `architecture` shows. Default: that of the study of "
        "readings, or the last one of the config.",
    ),
    data: Path | None = typer.Option(
        None, help="Folder of the dataset, for annotations. Default: data/{dataset}."
    ),
) -> None:
    """Draw one figure; equal results give equal bytes.

    Example: resed draw --figure dag --config-json config/demo.yaml --results results/demo
    --out-png dag.png --out-svg dag.svg
    """
    from resed.config.loading import nearest, read_settings
    from resed.config.run import load_config
    from resed.draw.inputs import BUILT_IN
    from resed.draw.registry import figure_of
    from resed.draw.style import look, save
    from resed.errors import ConfigError
    from resed.formats.figure_description import write_figure_description
    from resed.results.folder import Results
    from resed.runtime.checksums import comparing

    config = load_config(read_settings(config_json, "--config-json"))
    source = Results.of(config, results, data)
    names = [*source.paper.figures, *BUILT_IN]
    if figure not in names:
        raise typer.BadParameter(f"one of {', '.join(names)}", param_hint="--figure")
    if system:
        if figure != "architecture":
            raise typer.BadParameter("only with --figure architecture", param_hint="--system")
        if system not in config.catalogue:
            cure = nearest(system, config.catalogue)
            raise ConfigError(f"unknown system {system}", place="--system", cure=cure)
    drawing = figure_of(figure, source, system)
    with comparing(results), look():
        made = drawing.draw()
        save(made, out_png, out_svg)
    if out_json:
        write_figure_description(out_json, drawing.describe(made))
    typer.echo(f"{drawing.title}: {out_png}, {out_svg}")
