"""For each class the system with the highest event-based F1 of this class on development."""

from collections.abc import Mapping, Sequence

import numpy as np

from resed.calibrate.search import NOTHING, GridCounts, count_grid
from resed.compose.sources import Sources
from resed.formats.annotations import Event
from resed.formats.class_choices import ClassChoice
from resed.settings import DecodeSettings, SearchSettings


def choose_systems(
    sources: Sources,
    reference: Mapping[str, Sequence[Event]],
    settings: DecodeSettings,
    search: SearchSettings,
) -> list[ClassChoice]:
    """The system of each class, in the order of the classes.

    Each system is scored at its own window and threshold, which `search` chooses on the same
    clips. The first of equal systems serves the class.

    Raises:
        ScoreError: a clip has no reference.
    """
    counted: dict[str, GridCounts] = {
        name: count_grid(posteriors, reference, settings, search)
        for name, posteriors in sources.posteriors.items()
    }
    names = list(counted)
    classes = sources.first.classes
    scores = np.stack([one.class_scores[: len(classes)] for one in counted.values()])
    best = np.where(np.isnan(scores), NOTHING, scores).argmax(axis=0)
    step = sources.first.seconds_per_frame
    found = []
    for column, (label, row) in enumerate(zip(classes, best.tolist(), strict=True)):
        window, threshold = counted[names[row]].chosen[column].tolist()
        score = scores[row, column]
        found.append(
            ClassChoice(
                label,
                names[row],
                None if np.isnan(score) else float(score),
                search.windows[window] * step,
                float(search.thresholds[threshold]),
            )
        )
    return found
