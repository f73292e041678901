"""Which published version of an annotation file lies there."""

from collections.abc import Iterator
from typing import Any

from resed.audit.findings import Defect
from resed.audit.label_checks import Truth
from resed.config.dataset import Dataset, PublishedFile


def recognise(dataset: Dataset, split: str, truth: Truth) -> dict[str, Any]:
    """The published version of a split's annotations, and what tells so.

    `by` is bytes (the file as published), rows (its rows in another order, with other line ends,
    columns or decimals), count (as many rows, no more is known) or None: none that is known.
    """
    known = [one for one in dataset.published if one.split == split]
    found, by = _match(known, truth)
    return {
        "sha256": truth.sha256,
        "rows_sha256": truth.content,
        "rows": truth.rows,
        "version": found.version if found else None,
        "by": by,
        "note": found.note if found else "",
    }


def _match(known: list[PublishedFile], truth: Truth) -> tuple[PublishedFile | None, str | None]:
    for one in known:
        if one.sha256 and one.sha256 == truth.sha256:
            return one, "bytes"
    for one in known:
        if one.rows_sha256 and one.rows_sha256 == truth.content:
            return one, "rows"
    for one in known:  # whose bytes are known is not known by its count
        if one.rows == truth.rows and not one.sha256:
            return one, "count"
    return None, None


def version_defects(dataset: Dataset, split: str, version: dict[str, Any]) -> Iterator[Defect]:
    """Findings of a split whose annotations are not surely a published version."""
    known = [one.version for one in dataset.published if one.split == split]
    if not known or not version["sha256"]:
        return
    if version["by"] == "count":
        yield Defect("version_by_count", split, detail=f"{version['version']}. {version['note']}")
    elif version["by"] is None:
        yield Defect("version_unknown", split, detail=f"{version['rows']} rows")
