"""`resed tabulate`."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(tabulate)


def tabulate(
    table: str = typer.Option(
        ...,
        help="table1 (systems), table2 (focal loss), table3 (classes), letter_table1, "
        "letter_table2, comparisons, scorecard, claims, contradictions, readings, sensitivity or "
        "truths (original and repaired labels).",
    ),
    config_json: str = typer.Option(..., help="The whole config: inline JSON, or a file."),
    results: Path = typer.Option(..., help="Folder results/{dataset} to read from."),
    out_csv: Path = typer.Option(..., help="CSV to write; F1 in percent, full precision."),
    out_md: Path = typer.Option(..., help="Markdown to write; F1 in percent, one decimal."),
) -> None:
    """Tabulate scores with the paper's beside, or what follows from them.

    All scores of a table must rest on the same clips. In brackets stands the 95 % interval, over
    clips and seeds, or over clips only where there is one seed.
    """
    from resed.config.run import load_config, read_settings
    from resed.results.folder import Results
    from resed.runtime.files import write_text
    from resed.tabulate import TABLES

    if table not in TABLES:
        raise typer.BadParameter(f"one of {', '.join(TABLES)}", param_hint="--table")
    config = load_config(read_settings(config_json, "--config-json"))
    made = TABLES[table](Results.of(config, results))
    write_text(out_csv, made.csv())
    write_text(out_md, made.markdown())
    typer.echo(f"{made.title}: {len(made.records)} rows")
