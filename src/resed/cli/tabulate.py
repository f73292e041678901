"""`resed tabulate`: make tables."""

from pathlib import Path

import typer


def tabulate(
    table: list[str] = typer.Option(
        ...,
        help="Table to make: one of the paper (a key of tables: in its numbers.yaml), comparisons, "
        "scorecard, claims, contradictions, readings, sensitivity or repaired (original and "
        "repaired labels), or runs (with --other-run). Repeat it to make several in one folder.",
    ),
    config_json: str = typer.Option(..., help="The complete config: inline JSON, or a file."),
    results: Path = typer.Option(..., help="Folder results/{dataset} to read from."),
    out_csv: Path | None = typer.Option(
        None, help="CSV file: one row per value, F1 in percent, full precision."
    ),
    out_md: Path | None = typer.Option(None, help="Markdown file: F1 in percent, one decimal."),
    out_json: Path | None = typer.Option(
        None, help="JSON file for resed report: title, notes and layout."
    ),
    out_folder: Path | None = typer.Option(
        None, help="Folder for TABLE.csv, TABLE.json and TABLE.md, instead of these files."
    ),
    data: Path | None = typer.Option(
        None, help="Folder of the dataset, for annotations. Default: data/{dataset}."
    ),
    other_run: Path | None = typer.Option(
        None, help="Folder of another run of the dataset, for the table runs, which compares both."
    ),
    other_config_json: str = typer.Option(
        "", help="The config of the other run; without it, settings are not compared."
    ),
) -> None:
    """Make tables of scores and the numbers of the paper, or of verdicts on them.

    All scores of a table must come from the same clips. Brackets contain the 95 % interval over
    clips and seeds, or over clips only if there is one seed.

    Example: resed tabulate --table comparisons --table scorecard --config-json config/config.yaml
    --results results/dcase2019 --out-folder tables
    """
    from resed.config.loading import read_settings
    from resed.config.run import load_config
    from resed.results.folder import Results
    from resed.runtime.checksums import comparing
    from resed.runtime.files import write_text
    from resed.tabulate import RUNS, compare_runs, make_table
    from resed.tabulate.markdown import markdown

    option = "--other-config-json"
    files = (out_csv, out_json, out_md)
    if out_folder is None and (len(table) > 1 or None in (out_csv, out_md)):
        raise typer.BadParameter(
            "use --out-folder, or one --table with --out-csv, --out-json and --out-md"
        )
    config = load_config(read_settings(config_json, "--config-json"))
    source = Results.of(config, results, data)
    if (other_run is None) != (RUNS not in table):
        raise typer.BadParameter(f"use --other-run with --table {RUNS}", param_hint="--other-run")
    for name in table:
        with comparing(results):
            if name == RUNS:
                other = read_settings(other_config_json, option) if other_config_json else None
                made = compare_runs(source, other_run, other)
            else:
                made = make_table(name, source)
        if out_folder is not None:
            files = tuple(out_folder / f"{name}.{suffix}" for suffix in ("csv", "json", "md"))
        for path, text in zip(files, (made.csv(), made.json(), markdown(made)), strict=True):
            if path is not None:
                write_text(path, text)
        typer.echo(f"{made.title}: {len(made.frame)} rows")
