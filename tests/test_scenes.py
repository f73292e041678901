"""Statistics of the real annotations, of which some labels may be followed by no class."""

import csv
from collections import Counter

import numpy as np
import pytest

from resed.acquire.soundscapes.scenes import FOLDER, load_statistics


def sets(name):
    """Set of labels -> clips, as the file has them."""
    with (FOLDER / "class_sets.csv").open(newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["statistics"] == name]
    return {tuple(filter(None, row["event_labels"].split(";"))): int(row["clips"]) for row in rows}


@pytest.mark.parametrize("name", ["synthetic", "weak", "validation"])
@pytest.mark.parametrize("followed", [None, {"Dog", "Cat", "Speech"}, {"Frying"}])
def test_clips_lose_labels_that_no_class_follows(name, followed):
    """Clips that had only such labels are left out; clips without labels stay."""
    expected = Counter()
    for labels, clips in sets(name).items():
        kept = tuple(label for label in labels if followed is None or label in followed)
        if kept or not labels:
            expected[kept] += clips
    found = load_statistics(name, "validation", followed and frozenset(followed)).sets
    assert set(found.values) == set(expected)
    shares = np.diff([0.0, *found.cumulative])
    total = sum(expected.values())
    for labels, share in zip(found.values, shares, strict=True):
        assert share == pytest.approx(expected[labels] / total)
