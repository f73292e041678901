"""`resed verify`: compare results and annotations with their checksums."""

from importlib.util import find_spec
from pathlib import Path

import typer


def verify(
    results: Path | None = typer.Option(
        None, help="Folder results/{dataset}, or that of a named run."
    ),
    config: list[str] = typer.Option(
        [], help="Config files of a run, as for resed share, instead of --results."
    ),
    threads: int | None = typer.Option(
        None, min=1, help="Number of files hashed at once; default: one per core."
    ),
    record: bool = typer.Option(
        False, help="Record files that have no checksum yet (results of an older version of resed)."
    ),
    audio: bool = typer.Option(
        False,
        "--audio",
        help="Also compare every audio file with the SHA-256 that acquire recorded.",
    ),
) -> None:
    """Compare all results and annotations with their checksums; list the files that differ.

    Altered: the content differs. Missing: recorded, but deleted. Unrecorded: not made by a run. The
    exit code is 1 if any file is altered, missing or unrecorded. Files that other code of resed
    made are named with the command that redoes them, and so are trainings of a network_file of the
    config that has changed since; this is no error.

    Example: resed verify --config config/demo.yaml
    """
    from resed.audit.acquired_files import verify_audio
    from resed.config.dataset import load_dataset
    from resed.errors import ResedError
    from resed.runtime.checksums import absolute, data_folder
    from resed.runtime.fingerprint import hand_to_jobs
    from resed.runtime.staleness import RULES, Made
    from resed.runtime.verify import adopt, refuse_bad, summary
    from resed.runtime.verify import verify as compare
    from resed.share.runs import SharedRun

    if results is None and not config:
        raise typer.BadParameter("use --results or --config", param_hint="--results")
    run = SharedRun.of(config) if config else None
    results = results or run.results
    configs, is_leftover = (run.configs, run.is_leftover) if run else (None, None)
    wrong: ResedError | None = None  # raised after the results are compared, too
    if audio:
        root = data_folder(results)
        dataset = run.file if run else load_dataset(data_folder(absolute(results)).name)
        try:
            number = verify_audio(dataset, root, threads, typer.echo)
            typer.echo(f"{root}: all {number} audio files are those that were acquired")
        except ResedError as error:
            wrong = error
    try:
        found = compare(results, threads)
        if record:
            adopt(results, found)
            found = compare(results, threads)
        refuse_bad(results, found, typer.echo, configs, is_leftover)
    except ResedError:
        if wrong:
            typer.echo(f"resed: {wrong}", err=True)
        raise
    typer.echo(summary(results, found))
    # Of all stages at once: each file of the package is then parsed once, not once a stage.
    current = {name: code.fingerprint for name, code in hand_to_jobs(list(RULES)).items()}
    lines = Made.of(results, current).lines(configs, is_leftover)
    if run and run.config and any(run.config.system(n).model.own for n in run.config.systems):
        if find_spec("torch"):  # which reads checkpoints
            from resed.results.network_changes import network_changes

            lines += network_changes(run.config, results, run.configs)
        else:
            lines.append("train: PyTorch is not installed, so network_file was not compared")
    for line in lines:
        typer.echo(f"note: {line}")
    if wrong:
        raise wrong
