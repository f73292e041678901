"""Detect events in many sound files: skip what is done, report what cannot be read, go on."""

import errno
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from resed.detect.detector import ModelDetector
from resed.detect.file_detection import Watcher, detect_in_file, hashed, state_of
from resed.detect.file_outputs import OF_EVENTS, output_paths, score_watcher, write_of_events
from resed.detect.output_folder import EVENTS, FAILURES, OutputFolder, open_output
from resed.detect.progress import AudioProgress, audio_progress
from resed.detect.sources import SoundSource
from resed.errors import (
    AnnotationError,
    AudioError,
    MissingFileError,
    OverwriteError,
    ResedError,
    ResultsError,
    ScoreError,
    counted,
    some,
)
from resed.formats.detection_journal import DetectedFile, KnownFile
from resed.runtime.fingerprint import made_by

# Format -> context that yields a watcher, which writes a path while a file is read.
Watchers = Mapping[str, Callable[[Path, str], AbstractContextManager[Watcher]]]
MOST_NAMES = 20  # of files that failed, in the last line
# Errors that concern a single file; errors of writing end the run.
OF_ONE_FILE = (
    *(AnnotationError, AudioError, MissingFileError, OverwriteError, ResultsError, ScoreError),
)
NAME_ERRORS = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)  # of the output of one file


@dataclass
class DetectionOutcome:
    """What a run did.

    Attributes:
        detected, skipped: files that were processed now, and earlier.
        seconds: of sound that was processed now.
        events: in events.tsv.
        failures: name of a file -> its error.
    """

    detected: int = 0
    skipped: int = 0
    seconds: float = 0.0
    events: int = 0
    failures: dict[str, ResedError] = field(default_factory=dict)

    def summary(self, out: Path) -> str:
        """The last line: what was done, and where the events are."""
        done = f", {self.skipped} done before" if self.skipped else ""
        return (
            f"{counted(self.detected, 'file')} of {self.seconds / 60:.1f} min{done}; "
            f"{counted(self.events, 'event')} in {out / EVENTS}"
        )


def failed(outcome: DetectionOutcome, out: Path) -> ResedError:
    """The error that ends a run in which files failed, with their names."""
    names = list(outcome.failures)
    total = len(names) + outcome.detected + outcome.skipped
    problem = f"{len(names)} of {counted(total, 'file')} failed: {some(names, MOST_NAMES)}"
    return AudioError(problem, cure=f"{out / FAILURES} has the reason and the cure of each")


def run_detection(
    sources: Sequence[SoundSource],
    out: Path,
    detector: ModelDetector,
    model: Mapping[str, str],
    kinds: Sequence[str] = (),
    *,
    say: Callable[[str], None] = print,
) -> DetectionOutcome:
    """Detect events in sound files and write tables and files into an output folder.

    Args:
        model: `name` and `sha256` of the model file, for the journal.
        kinds: formats of the files to make of each sound file: keys of `file_outputs.SUFFIXES`.
        say: receives a line per file.

    Raises:
        ResultsError, OverwriteError: the folder cannot be used; see `open_output`.
        OSError: an output cannot be written.
    """
    watchers = {}
    if "scores" in kinds:
        watchers["scores"] = partial(score_watcher, detector)
    if "png" in kinds:
        from resed.detect.picture import picture_watcher

        watchers["png"] = partial(picture_watcher, detector)
    with open_output(out, detector.settings(), model, made_by("detect")) as folder:
        outcome = DetectionRun(detector, folder, kinds, watchers, say).detect(sources)
        outcome.events = folder.write_tables(outcome.failures)
    return outcome


@dataclass(frozen=True)
class DetectionRun:
    """A run over sound files.

    Attributes:
        kinds: formats of the files to make of each sound file.
        watchers: of those formats that need the sound.
        say: receives a line per file.
    """

    detector: ModelDetector
    folder: OutputFolder
    kinds: Sequence[str]
    watchers: Watchers
    say: Callable[[str], None]

    def detect(self, sources: Sequence[SoundSource]) -> DetectionOutcome:
        """Process all sources in their order; an error of one file does not end the run.

        Raises OSError if an output cannot be written.
        """
        outcome = DetectionOutcome()
        names = [source.name for source in sources]
        paths = output_paths(names, self.kinds, self.folder.journal.files)
        with audio_progress([_size(source) for source in sources]) as progress:
            for source in sources:
                try:
                    self._one(source, paths[source.name], outcome, progress)
                except OF_ONE_FILE as error:
                    outcome.failures[source.name] = _without_frames(error)
                except OSError as error:
                    if error.errno not in NAME_ERRORS:
                        raise
                    outcome.failures[source.name] = _unfit_name(source, error)
                if failure := outcome.failures.get(source.name):
                    self.say(f"failed: {failure}")
                progress.next_file()
        return outcome

    def _one(self, source: SoundSource, paths: Mapping[str, str], outcome: DetectionOutcome,
             progress: AudioProgress) -> None:  # fmt: skip
        if source.error:
            raise source.error
        known = self._known(source)
        missing = [
            kind
            for kind, path in paths.items()
            if known is None or path not in known.outputs or not self.folder.has(path)
        ]
        if known and not missing:
            outcome.skipped += 1
            return
        for path in paths.values() if known is None else map(paths.get, missing):
            self.folder.refuse_foreign(path)
        if known and all(kind in OF_EVENTS for kind in missing):
            found = self.folder.journal.read(source.name)
        else:
            missing = list(paths)
            found = self._read(source, paths, progress)
        for kind in OF_EVENTS:
            if kind in missing:
                try:
                    write_of_events(kind, self.folder.stage(paths[kind]), found)
                except AnnotationError as error:  # its place is a file that nobody sees
                    raise AnnotationError(
                        error.problem, place=source.path, cure=error.cure
                    ) from None
        self.folder.publish_file(found, {kind: paths[kind] for kind in missing})
        outcome.detected += 1
        outcome.seconds += found.seconds
        self.say(f"{source.name}: {found.seconds:.1f} s, {counted_events(found)}")

    def _read(
        self, source: SoundSource, paths: Mapping[str, str], progress: AudioProgress
    ) -> DetectedFile:
        with ExitStack() as stack:
            watchers = [
                stack.enter_context(opened(self.folder.stage(paths[kind]), source.name))
                for kind, opened in self.watchers.items()
            ]
            found = detect_in_file(self.detector, source, watchers, progress.advance)
            for watcher in watchers:
                watcher.finish(found)
        return found

    def _known(self, source: SoundSource) -> KnownFile | None:
        """The finished file of the journal if it is the same file; None if it is to be detected.

        Raises OverwriteError if the journal has another file of this name.
        """
        known, state = self.folder.journal.files.get(source.name), state_of(source.path)
        if known is None:
            return None
        if replace(known.state, sha256="") == state:
            return known
        if known.state.sha256 == hashed(source.path, state).sha256:
            return known
        if known.state.path != state.path and Path(known.state.path).exists():
            problem = f"the output folder has the events of {known.state.path} under this name"
            cure = "use another --out, or give the folder that contains both"
            raise OverwriteError(problem, place=source.path, cure=cure)
        return None


def counted_events(found: DetectedFile) -> str:
    """The number of events, and of each class.

    Examples: `no event`, `3 events: Dog 2, Rain 1`.
    """
    counts: dict[str, int] = {}
    for one in found.events:
        counts[one.label] = counts.get(one.label, 0) + 1
    if not counts:
        return "no event"
    total = sum(counts.values())
    shown = ", ".join(f"{label} {count}" for label, count in counts.items())
    return f"{total} event{'s' * (total > 1)}: {shown}"


def _without_frames(error: ResedError) -> ResedError:
    """The error without its traceback, which keeps the sound, and the thread that reads ahead."""
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)


def _unfit_name(source: SoundSource, error: OSError) -> ResedError:
    problem = f"its output cannot have its name ({error.strerror})"
    return AudioError(problem, place=source.path, cure="rename it")


def _size(source: SoundSource) -> int:
    """Bytes of a file; 0 if unknown."""
    try:
        return 0 if source.error else source.path.stat().st_size
    except OSError:
        return 0
