"""The files that `resed detect` makes of each sound file: labels, selections, scores, pictures."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np

from resed.detect.detector import ModelDetector
from resed.detect.file_detection import Watcher
from resed.detect.windows import DecodedCells
from resed.formats import audacity, raven, score_tsv
from resed.formats.detection_journal import DetectedFile
from resed.formats.regions import Region

# Format -> suffix of its files. They are in a folder of the name of the format.
SUFFIXES = {
    "audacity": audacity.SUFFIX,
    "raven": raven.SUFFIX,
    "scores": score_tsv.SUFFIX,
    "png": ".png",
}
Write = Callable[[Sequence[float], np.ndarray], None]  # edges of cells in seconds, their scores
OF_EVENTS = ("audacity", "raven")  # made of the events alone, without the sound


def output_paths(
    names: Collection[str], kinds: Collection[str], earlier: Collection[str] = ()
) -> dict[str, dict[str, str]]:
    """Sound file -> format -> path of its file, relative to the output folder.

    A name contains the suffix of the sound file, so that a.wav and a.flac have files of their own.
    Score files are named as sed_scores_eval names them, a.tsv, where no other file is a, nor was in
    an earlier call (`earlier`). Those of a.wav.wav are not called a.wav.tsv if a.wav is there,
    whose scores may have this name.
    """
    known = {*names, *earlier}
    stems = Counter(map(_stem, known))
    found: dict[str, dict[str, str]] = {}
    for name in names:
        found[name] = {kind: f"{kind}/{name}{SUFFIXES[kind]}" for kind in kinds}
        if "scores" in kinds and stems[_stem(name)] == 1 and _stem(name) not in known:
            found[name]["scores"] = f"scores/{_stem(name)}{SUFFIXES['scores']}"
    return found


def _stem(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_name(score_tsv.stem(path.name) or path.name))


def write_of_events(kind: str, path: Path, found: DetectedFile) -> None:
    """Write Audacity labels or a Raven selection table. Raises AnnotationError or OSError."""
    regions = [Region(one.onset, one.offset, one.label, score=one.score) for one in found.events]
    if kind == "audacity":
        audacity.write_labels(path, regions)
    else:
        name = PurePosixPath(found.file).name
        raven.write_selections(path, {name: regions}, high_hz=found.rate / 2)


class ScoreWatcher(Watcher):
    """Writes the joined frame posteriors, before gate, threshold and filters."""

    def __init__(self, detector: ModelDetector, write: Write) -> None:
        labels = detector.trained.classes
        self._columns = [labels.index(name) for name in detector.classes]
        self._seconds, self._write = detector.trained.seconds_per_frame, write

    def cells(self, part: DecodedCells) -> None:
        """Write the next cells."""
        edges = np.arange(part.start, part.stop + 1) * self._seconds
        self._write(edges, part.frames[:, self._columns])


@contextmanager
def score_watcher(detector: ModelDetector, path: Path, name: str) -> Iterator[Watcher]:
    """Write the score file of the sound file `name` while it is read."""
    with score_tsv.score_writer(path, detector.classes) as write:
        yield ScoreWatcher(detector, write)
