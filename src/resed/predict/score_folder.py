"""Posteriors as score TSVs, the layout of sed_scores_eval: one file per clip."""

from pathlib import Path

import numpy as np

from resed.errors import OverwriteError
from resed.formats.posteriors import Posteriors
from resed.formats.score_tsv import TIMES, file_names, write_scores
from resed.runtime.progress import progress


def write_score_folder(folder: Path, posteriors: Posteriors) -> None:
    """Write the frame posteriors of each clip, before any gate, filter or threshold.

    Score files of the same clips are replaced.

    Raises ScoreError for clips of one file name, and OverwriteError for a file of another kind.
    """
    names = file_names(posteriors.clips)
    for name in names.values():
        _refuse_foreign(folder / name)
    times = np.arange(posteriors.frames.shape[1] + 1) * posteriors.seconds_per_frame
    with progress(len(names), "score files") as advance:
        for row, name in zip(posteriors.frames, names.values(), strict=True):
            write_scores(folder / name, times, row, posteriors.classes)
            advance(1)


def _refuse_foreign(path: Path) -> None:
    """Raise OverwriteError for a file that exists and does not begin as a score file."""
    if not path.exists():
        return
    begin = "\t".join(TIMES).encode()
    if path.is_file():
        with path.open("rb") as handle:
            if handle.read(len(begin)) == begin:
                return
    cure = "write the scores into another folder"
    raise OverwriteError("is not a score file, which would replace it", place=path, cure=cure)
