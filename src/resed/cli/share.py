"""`resed share` and `resed restore`: push the results of a run, and fetch those of another."""

from typing import Literal

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
    tier: Literal["full", "evidence"] = typer.Option(
        "full",
        help="full: all but sound; evidence: also without features, checkpoints and posteriors, "
        "with the sound of at most 100 clips of the clip browser.",
    ),
    prepare: bool = typer.Option(
        False,
        "--prepare",
        help="Verify and write the files that a clone requires; no push.",
    ),
    publish: bool = typer.Option(
        False,
        "--publish",
        help="Maintainers: write the evidence into evidence/ of this repository, not elsewhere.",
    ),
) -> None:
    """Verify a finished run and push it with DVC, without audio, which is only tracked by hash.

    Example: resed share --config config/demo.yaml --remote s3://bucket/resed
    """
    from dataclasses import replace

    from resed.share import share as push
    from resed.share.runs import SharedRun

    push(replace(SharedRun.of(config), tier=tier), remote, prepare, typer.echo, publish)


def restore(
    config: list[str] = CONFIG,
    remote: str | None = REMOTE,
    force: bool = typer.Option(
        False, "--force", help="Overwrite local files that differ from the shared ones."
    ),
    needs_dvc: bool = typer.Option(
        False, "--needs-dvc", help="Only tell by the exit code 0 whether DVC is required."
    ),
) -> None:
    """Fetch a run and verify it; Snakemake then has nothing to do.

    Without --config, it is the only run that was shared. A run in evidence/ of this repository
    requires neither DVC nor a network.

    Example: resed restore --config config/demo.yaml
    """
    from resed.share import restore as fetch
    from resed.share.restore import needs_dvc as needs
    from resed.share.restore import run_of

    run = run_of(config)
    if needs_dvc:
        raise typer.Exit(0 if needs(run, remote) else 1)
    fetch(run, remote, force, typer.echo)
