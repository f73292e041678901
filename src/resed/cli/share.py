"""`resed share` and `resed restore`: push the results of a run, and fetch those of another."""

import typer

CONFIG = typer.Option(
    [],
    help="Config files that override config/config.yaml, as after --configfile; several in quotes.",
)
REMOTE = typer.Option(
    None, help="URL or folder of the remote, kept for this clone; default: that of .dvc/config."
)


def share(
    config: list[str] = CONFIG,
    remote: str | None = REMOTE,
    prepare: bool = typer.Option(
        False,
        "--prepare",
        help="Verify and write the files that a clone requires; no push.",
    ),
) -> None:
    """Verify a finished run and push it with DVC, without audio, which is only tracked by hash.

    Example: resed share --config config/demo.yaml --remote s3://bucket/resed
    """
    from resed.share import share as push
    from resed.share.runs import SharedRun

    push(SharedRun.of(config), remote, prepare, typer.echo)


def restore(
    config: list[str] = CONFIG,
    remote: str | None = REMOTE,
    force: bool = typer.Option(
        False, "--force", help="Overwrite local files that differ from the shared ones."
    ),
) -> None:
    """Fetch a run with DVC and verify it; Snakemake then has nothing to do.

    Example: resed restore --config config/demo.yaml
    """
    from resed.share import restore as fetch
    from resed.share.runs import SharedRun

    fetch(SharedRun.of(config), remote, force, typer.echo)
