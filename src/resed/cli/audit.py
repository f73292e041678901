"""`resed audit`: what lies on the disk, clip by clip, and what is wrong with it."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(audit)


def audit(
    dataset: str = typer.Option(None, help="Dataset: a name in config/datasets, or a YAML file."),
    root: Path = typer.Option(None, help="Folder of the dataset: audio/ and metadata/ lie in it."),
    out: Path = typer.Option(
        None,
        help="Folder for manifest.tsv, audit.json, findings.tsv and index.html; with --compare, "
        "a table of what differs.",
    ),
    processes: int = typer.Option(1, min=1, help="Processes that read clips."),
    settings: str = typer.Option(
        "{}", help="Keys of audit in config.yaml (least, leaks): JSON, or a YAML file."
    ),
    no_refuse: bool = typer.Option(
        False, "--no-refuse", help="Exit 0 whatever is found; resed admit then decides."
    ),
    compare: tuple[str, str] = typer.Option(
        ("", ""),
        show_default=False,
        metavar="A B",
        help="Compare two manifests (files, or folders of audits) instead: which clips differ.",
    ),
) -> None:
    """Check every clip that the annotations name, and the annotations: is it there, is it whole?

    Exit 0 where the run may go on by the thresholds in --settings, 1 where it may not. Clips that
    are missing or cannot be used are listed, not refused, while there are enough others; one
    summary line is printed. Everything is written in both cases.
    """
    if any(compare):
        from resed.audit.compare import compare as run

        run(Path(compare[0]), Path(compare[1]), out, typer.echo)
        return
    for name, value in (("dataset", dataset), ("root", root), ("out", out)):
        if value is None:
            raise typer.BadParameter("is needed, unless --compare is given", param_hint=f"--{name}")
    from resed.audit import audit_dataset
    from resed.config.closed import check, read_settings
    from resed.config.dataset import load_dataset
    from resed.config.run import AuditSettings

    limits = check(AuditSettings, read_settings(settings), "audit")
    audit_dataset(
        load_dataset(dataset), root, out, processes, typer.echo, limits, refuse=not no_refuse
    )
