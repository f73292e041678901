"""`resed verify`: are the results the files that were made?"""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(verify)


def verify(
    results: Path | None = typer.Option(None, help="Folder results/{dataset}."),
    config: list[str] = typer.Option(
        [], help="Or the config files of a run, as for resed share: the folder that it wrote."
    ),
    threads: int | None = typer.Option(
        None, min=1, help="Files that are hashed at once; default: one a core."
    ),
    record: bool = typer.Option(
        False, help="Record what has no checksum yet, as it is now (results of an older resed)."
    ),
) -> None:
    """Compare every artefact with the checksum recorded when it was made; name those that differ.

    Altered: other bytes. Missing: recorded, but gone. Unrecorded: not made by a run. With any of
    them the exit code is 1.
    """
    from resed.runtime.verify import adopt, refuse_bad, summary
    from resed.runtime.verify import verify as compare
    from resed.share.runs import Run

    if results is None and not config:
        raise typer.BadParameter("give this, or --config", param_hint="--results")
    results = results or Run.of(config).results
    findings = compare(results, threads)
    if record:
        adopt(results, findings)
        findings = compare(results, threads)
    refuse_bad(results, findings, typer.echo)
    typer.echo(summary(results, findings))
