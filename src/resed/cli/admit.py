"""`resed admit`: whether the run may go on from what the audit found."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(admit)


def admit(
    audit: Path = typer.Option(..., help="audit.json of resed audit."),
    out: Path = typer.Option(..., help="JSON to write: usable and official clips per split."),
) -> None:
    """Exit 1 with the first reasons where the audit says that the run may not go on."""
    from resed.audit.admit import admit as run

    splits = run(audit, out)["splits"]
    counts = ", ".join(f"{split} {one['n']} of {one['N']}" for split, one in splits.items())
    typer.echo(f"admitted: {counts}")
