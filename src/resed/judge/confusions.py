"""Tag confusions of a system, for the figures that show them and the claims about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from resed.config.rows import Row
from resed.formats.annotations import read_tags
from resed.formats.posteriors import Posteriors
from resed.formats.reference import read_reference_tags
from resed.results.folder import Results
from resed.score.confusion import cooccurrence, normalise_rows, single, spread

SPLIT = "evaluation"


@dataclass(frozen=True)
class Confusions:
    """Tag confusions of one training.

    Attributes:
        counts: float64 [classes, classes + 1], true class by predicted class; the last column
            counts true tags without a predicted tag.
        clips: int [classes], number of clips per row (with `cooccurrence`, fewer than the counts).
    """

    counts: np.ndarray
    clips: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """Counts as shares of each true class; NaN in a row without clips."""
        return normalise_rows(self.counts)


def confusions(results: Results, row: Row | str, seed: int = 0) -> Confusions:
    """Count tags on evaluation by the method `config.confusion`, over the clips that were decoded.

    Clips that are annotated but have no audio are excluded and not counted as misses. Raises
    MissingFileError.
    """
    config = results.config
    classes = config.dataset_file.classes
    labels = config.dataset_file.splits[SPLIT].labels
    reference = read_reference_tags(results.annotations(SPLIT), labels, classes, config.until)
    if config.confusion == "single":
        posteriors = Posteriors.load(results.posteriors(SPLIT, row, seed))
        known = set(posteriors.clips)
        alone = {c: true for c, true in reference.items() if c in known and len(true) == 1}
        order = [posteriors.classes.index(label) for label in classes]
        counts = single(alone, posteriors.tags[:, order], posteriors.clips, classes)
        return Confusions(counts, _clips(alone, classes))
    found = read_tags(results.tags(SPLIT, row, seed), classes)
    decoded = {clip: true for clip, true in reference.items() if clip in found}
    count = spread if config.confusion == "spread" else cooccurrence
    return Confusions(count(decoded, found, classes), _clips(decoded, classes))


def _clips(reference: Mapping[str, Sequence[str]], classes: Sequence[str]) -> np.ndarray:
    return np.array([sum(label in true for true in reference.values()) for label in classes])
