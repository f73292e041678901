"""`resed admit`: accept or refuse a run by the result of its audit."""

from pathlib import Path

import typer


def admit(
    audit: Path = typer.Option(..., help="audit.json of resed audit."),
    out: Path = typer.Option(
        ..., help="JSON file for the number of usable (n) and official (N) clips per split."
    ),
) -> None:
    """Exit with 1 and the first reasons if the audit refused the dataset.

    Example: resed admit --audit results/demo/audit/audit.json --out admitted.json
    """
    from resed.audit.admit import admit as run

    splits = run(audit, out)["splits"]
    counts = ", ".join(f"{split} {one['n']} of {one['N']}" for split, one in splits.items())
    typer.echo(f"accepted: {counts}")
