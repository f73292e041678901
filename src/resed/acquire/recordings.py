"""Datasets of real recordings: nothing is fetched; what lies below the root is checked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from resed.annotations import read_clips, read_events, read_tags
from resed.config import Dataset
from resed.errors import DatasetError
from resed.files import sha256

LOCAL = "local"


def check_split(
    dataset: Dataset, root: Path, split: str, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Check that one split lies below `root` in the DESED layout; its record, for JSON.

    Some clips may be missing (clips vanish from their source; the audit lists which), not all.

    Raises:
        DatasetError: annotations or audio are not there; one line with the path and the source.
        AnnotationError: the annotations cannot be read.
    """
    place = dataset.splits[split]
    annotations, folder = root / place.annotations, root / place.audio
    urls = [str(entry["url"]) for entry in dataset.sources if "url" in entry]
    source = f"; known sources: {', '.join(urls)}" if urls else ""
    if not annotations.is_file():
        columns = {
            "strong": "filename, onset, offset, event_label",
            "weak": "filename, event_labels",
            "none": "filename",
        }
        raise DatasetError(
            f"{annotations}: not there; put the {split} annotations there as tab-separated text "
            f"with the columns {columns[place.labels]}{source}"
        )
    if place.labels == "strong":
        clips = list(read_events(annotations, dataset.classes))
    elif place.labels == "weak":
        clips = list(read_tags(annotations, dataset.classes))
    else:
        clips = read_clips(annotations)
    present = sum(1 for clip in clips if (folder / clip).is_file())
    if not present:
        raise DatasetError(
            f"{folder}: none of the {len(clips)} clips named in {annotations} is there; "
            f"put the {split} audio into this folder{source}"
        )
    report(f"{dataset.name} {split}: {present} of {len(clips)} clips are there")
    return {
        "dataset": dataset.name,
        "split": split,
        "how": "found below the root; nothing was fetched",
        "clips": len(clips),
        "clips_present": present,
        "seed": None,
        "scale": None,
        "annotations": place.annotations,
        "annotations_sha256": sha256(annotations),
    }
