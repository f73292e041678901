"""Audit a dataset, and write what was found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from resed.audit.examination import examine
from resed.audit.finding_kinds import finding_kinds
from resed.audit.findings import group_defects, write_findings
from resed.audit.page import page
from resed.audit.summary import refusal, summarise, summary_line
from resed.config.dataset import Dataset
from resed.config.stages import AuditSettings
from resed.formats.manifest import write_manifest
from resed.runtime.files import sha256, write_json, write_text


def audit_dataset(
    dataset: Dataset,
    root: Path,
    out: Path,
    *,
    processes: int = 1,
    report: Callable[[str], None] = print,
    settings: AuditSettings | None = None,
    refuse: bool = True,
) -> dict[str, Any]:
    """Audit all splits and write manifest.tsv, findings.tsv, index.html and audit.json.

    Args:
        out: folder for the four files; audit.json is written last.
        processes: number of processes that read clips.
        settings: the conditions for refusing the dataset.
        refuse: raise DatasetError if the dataset is refused.

    Returns:
        The content of audit.json.

    Raises:
        MissingFileError: no split has an annotation file.
        DatasetError: the dataset is refused; all files have been written.
    """
    seen = examine(dataset, root, processes, settings or AuditSettings())
    certain = {
        split: version["version"]
        for split, version in seen.versions.items()
        if version["by"] in {"bytes", "rows"}
    }
    write_manifest(out / "manifest.tsv", seen.all_rows)
    write_findings(out / "findings.tsv", seen.defects)
    summary = summarise(
        seen,
        group_defects(seen.defects, certain, finding_kinds(dataset.own)),
        manifest_sha256=sha256(out / "manifest.tsv"),
    )
    write_text(out / "index.html", page(dataset, summary, out))
    write_json(out / "audit.json", summary)
    report(summary_line(summary))
    if refuse and not summary["go"]:
        raise refusal(summary, str(root), out / "index.html")
    return summary
