"""Tag confusions of a system here, as a figure draws them and a claim judges them."""

from dataclasses import dataclass

import numpy as np

from resed.formats.annotations import read_events, read_tags, tags_of
from resed.formats.posteriors import Posteriors
from resed.results.folder import Results
from resed.score.confusion import cooccurrence, single, spread

SPLIT = "evaluation"


@dataclass(frozen=True)
class Confusions:
    """How the tags of one training fell.

    counts: float64 [classes, classes + 1], true class by found class; the last column is none.
    clips: int [classes], how many clips a row rests on (with cooccurrence fewer than its counts).
    """

    counts: np.ndarray
    clips: np.ndarray


def confusions(results: Results, system: str, seed: int = 0) -> Confusions:
    """Count on evaluation as config.confusion says, over the clips that were decoded.

    The annotations may name more: a run goes on without clips that could not be had (audit.least),
    and what no system was asked about is no miss. Raises MissingFileError.
    """
    config = results.config
    classes = config.dataset_file.classes
    reference = tags_of(read_events(results.annotations(SPLIT), classes))
    if config.confusion == "single":
        posteriors = Posteriors.load(results.posteriors(SPLIT, system, seed))
        there = set(posteriors.clips)
        alone = {c: true for c, true in reference.items() if c in there and len(true) == 1}
        order = [posteriors.classes.index(label) for label in classes]
        counts = single(alone, posteriors.tags[:, order], posteriors.clips, classes)
        return Confusions(counts, _clips(alone, classes))
    found = read_tags(results.tags(SPLIT, system, seed), classes)
    decoded = {clip: true for clip, true in reference.items() if clip in found}
    count = spread if config.confusion == "spread" else cooccurrence
    return Confusions(count(decoded, found, classes), _clips(decoded, classes))


def _clips(reference: dict[str, tuple[str, ...]], classes: list[str]) -> np.ndarray:
    return np.array([sum(label in true for true in reference.values()) for label in classes])
