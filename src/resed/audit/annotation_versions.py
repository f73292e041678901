"""Recognise published versions of annotation files."""

from collections.abc import Iterator
from typing import Any

from resed.audit.annotation_checks import SplitAnnotations
from resed.audit.findings import Defect
from resed.config.dataset import Dataset, PublishedFile


def recognise_version(dataset: Dataset, split: str, found: SplitAnnotations) -> dict[str, Any]:
    """The published version of the annotations of a split, and how it was recognised.

    `by` is bytes (the file as published), rows (the same rows with another order, line ends,
    columns or decimals), count (only the number of rows is known and equal) or None (unknown).
    """
    known = [one for one in dataset.published if one.split == split]
    version, by = _match(known, found)
    return {
        "sha256": found.sha256,
        "rows_sha256": found.rows_sha256,
        "rows": found.rows,
        "version": version.version if version else None,
        "by": by,
        "note": version.note if version else "",
    }


def _match(
    known: list[PublishedFile], found: SplitAnnotations
) -> tuple[PublishedFile | None, str | None]:
    for one in known:
        if one.sha256 and one.sha256 == found.sha256:
            return one, "bytes"
    for one in known:
        if one.rows_sha256 and one.rows_sha256 == found.rows_sha256:
            return one, "rows"
    for one in known:  # only versions whose bytes are unknown may be recognised by their count
        if one.rows == found.rows and not one.sha256:
            return one, "count"
    return None, None


def check_version(dataset: Dataset, split: str, version: dict[str, Any]) -> Iterator[Defect]:
    """A split whose annotations are not certainly a published version."""
    known = [one.version for one in dataset.published if one.split == split]
    if not known or not version["sha256"]:
        return
    if version["by"] == "count":
        yield Defect("version_by_count", split, detail=f"{version['version']}. {version['note']}")
    elif version["by"] is None:
        yield Defect("version_unknown", split, detail=f"{version['rows']} rows")
