"""`resed share` and `resed restore`: hand a finished run on, and take one over."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(share)
    app.command()(restore)


CONFIG = typer.Option(
    [],
    help="Config files over config/config.yaml, as after --configfile: one or several in quotes.",
)
REMOTE = typer.Option(
    None, help="URL or folder of the remote, kept for this clone; else that of .dvc/config."
)


def share(
    config: list[str] = CONFIG,
    remote: str | None = REMOTE,
    prepare: bool = typer.Option(
        False, "--prepare", help="Only verify, and write what a clone needs: DVC does the rest."
    ),
) -> None:
    """Verify a finished run, and push it with DVC: all but its audio, which is tracked by hash."""
    from resed.share import share as hand_on
    from resed.share.runs import Run

    hand_on(Run.of(config), remote, prepare, typer.echo)


def restore(
    config: list[str] = CONFIG,
    remote: str | None = REMOTE,
    force: bool = typer.Option(
        False, "--force", help="Give up files here that differ from what was shared."
    ),
) -> None:
    """Pull a run with DVC, verify it, and tell Snakemake what it needs to make nothing anew."""
    from resed.share import restore as take_over
    from resed.share.runs import Run

    take_over(Run.of(config), remote, force, typer.echo)
