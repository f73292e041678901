"""`resed audit`: check the clips and the annotations of a dataset."""

from pathlib import Path

import typer


def audit(
    dataset: str = typer.Option(None, help="Dataset: a name in config/datasets, or a YAML file."),
    root: Path = typer.Option(None, help="Folder of the dataset, with audio/ and metadata/."),
    out: Path = typer.Option(
        None,
        help="Folder for manifest.tsv, audit.json, findings.tsv and index.html. With --compare: "
        "TSV file for the differences.",
    ),
    processes: int = typer.Option(1, min=1, help="Number of processes that read clips."),
    settings: str = typer.Option(
        "{}", help="Keys of `audit` in config.yaml (least, leaks), as JSON or a YAML file."
    ),
    no_refuse: bool = typer.Option(
        False, "--no-refuse", help="Exit with 0 even if the dataset is refused (see resed admit)."
    ),
    compare: tuple[str, str] = typer.Option(
        ("", ""),
        show_default=False,
        metavar="A B",
        help="Compare two manifests (files, or folders of audits) instead.",
    ),
) -> None:
    """Check every listed clip and every row of the annotations.

    The exit code is 0 if the dataset is accepted by --settings, and 1 if it is refused; all files
    are written in both cases. Malformed annotations are refused. Missing and broken clips are
    listed; the dataset is refused only if too many clips are unusable.

    Example: resed audit --dataset demo --root data/demo --out results/demo/audit
    """
    if any(compare):
        from resed.audit.manifest_comparison import compare_manifests

        compare_manifests(Path(compare[0]), Path(compare[1]), out, typer.echo)
        return
    for name, value in (("dataset", dataset), ("root", root), ("out", out)):
        if value is None:
            raise typer.BadParameter("required without --compare", param_hint=f"--{name}")
    from resed.audit import audit_dataset
    from resed.config.dataset import load_dataset
    from resed.config.loading import check, read_settings
    from resed.config.stages import AuditSettings

    audit_dataset(
        load_dataset(dataset),
        root,
        out,
        processes=processes,
        report=typer.echo,
        settings=check(AuditSettings, read_settings(settings), "audit"),
        refuse=not no_refuse,
    )
