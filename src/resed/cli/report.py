"""`resed report`: write the page of a run."""

from pathlib import Path

import typer


def report(
    config_json: str = typer.Option(..., help="The complete config: inline JSON, or a file."),
    results: Path = typer.Option(..., help="Folder results/{dataset} to read from."),
    out: Path = typer.Option(..., help="HTML file of the page; it requires no other file."),
    data: Path | None = typer.Option(
        None, help="Folder of the dataset, for annotations. Default: data/{dataset}."
    ),
    summary: Path | None = typer.Option(
        None, help="Text file for what was found, in at most five lines."
    ),
) -> None:
    """Write one page with all tables and figures, their data and settings.

    Example: resed report --config-json config/demo.yaml --results results/demo --out index.html
    """
    from resed.config.loading import read_settings
    from resed.config.run import load_config
    from resed.report import render, render_summary
    from resed.results.folder import Results
    from resed.runtime.checksums import comparing
    from resed.runtime.files import write_text

    config = load_config(read_settings(config_json, "--config-json"))
    with comparing(results):
        found = Results.of(config, results, data)
        page, lines = render(found, out.parent), render_summary(found) if summary else ""
    write_text(out, page)
    if summary:
        write_text(summary, lines)
    typer.echo(f"{out}: {len(page) / 1e6:.1f} MB")
