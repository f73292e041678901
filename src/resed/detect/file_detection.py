"""Detect events in one sound file, in blocks, and pass its features and scores on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from resed.detect.detector import ModelDetector
from resed.detect.event_stream import EventStream
from resed.detect.sources import SoundSource
from resed.detect.windows import DecodedCells, WindowedRecording
from resed.errors import AudioError
from resed.formats.audio import open_audio, resampled
from resed.formats.audio_errors import EmptyAudioError, refusal
from resed.formats.detection_journal import DetectedFile, FileState
from resed.runtime.checksums import digest

Advance = Callable[[float, float], None]  # seconds that were read, and the share of the file


class Watcher:
    """What else is made of a file while it is read; by default nothing."""

    def features(self, rows: np.ndarray) -> None:
        """Receive the next features, float32 [frames, n_mels]."""

    def cells(self, part: DecodedCells) -> None:
        """Receive the next joined scores."""

    def finish(self, found: DetectedFile) -> None:
        """Receive the events of the file after all features and scores."""


@dataclass
class _SoundReader:
    """Reads a file as mono at `rate` Hz; `source_rate` is its own rate, known after the start."""

    source: SoundSource
    rate: int
    advance: Advance
    source_rate: int = 0

    def waves(self) -> Iterator[np.ndarray]:
        """The waveform in blocks. Raises AudioError, also where the file cannot be read."""
        count, place = 0, str(self.source.path)
        try:
            with open_audio(self.source.path) as sound:
                self.source_rate = sound.rate
                total = sound.frames * self.rate / sound.rate if sound.frames else 0.0
                for wave in resampled(sound, self.rate):
                    count += len(wave)
                    yield wave
                    self.advance(len(wave) / self.rate, min(1.0, count / total if total else 0.0))
        except OSError as error:
            raise unreadable(self.source.path, error) from None
        if count == 0:
            raise refusal(EmptyAudioError, f"the file has no sample at {self.rate} Hz", place)


def detect_in_file(
    detector: ModelDetector,
    source: SoundSource,
    watchers: Sequence[Watcher] = (),
    advance: Advance = lambda seconds, share: None,
) -> DetectedFile:
    """Detect events in a sound file of any length, rate and channel count.

    Memory does not grow with its length, except for its events.

    Args:
        watchers: receive features and scores as they are computed.
        advance: called after each block.

    Raises:
        AudioError: the file cannot be read, is damaged, or changed meanwhile.
        ResultsError: it has too many events, or the model gives numbers that are not finite.
    """

    def watch(rows: np.ndarray) -> None:
        for watcher in watchers:
            watcher.features(rows)

    before, reader = state_of(source.path), _SoundReader(source, detector.rate, advance)
    recording, stream = WindowedRecording(detector, reader.waves(), watch), EventStream(detector)
    for part in recording.parts():
        for watcher in watchers:
            watcher.cells(part)
        stream.add(part)
    tags = dict(zip(detector.trained.classes, map(float, recording.tags), strict=True))
    return DetectedFile(
        source.name,
        _unchanged(source.path, before),
        recording.seconds,
        reader.source_rate,
        {name: tags[name] for name in detector.classes},
        stream.events(recording.seconds),
    )


def state_of(path: Path) -> FileState:
    """A file as it is now, without its SHA-256. Raises AudioError if it cannot be read."""
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(path, error) from None
    name = str(path).encode("utf-8", "backslashreplace").decode()
    return FileState(name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def hashed(path: Path, state: FileState) -> FileState:
    """The state with the SHA-256 of the file. Raises AudioError if it cannot be read."""
    try:
        return replace(state, sha256=digest(path))
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> AudioError:
    """The error of a file that the system does not read."""
    problem = f"cannot be read ({error.strerror or error})"
    return AudioError(problem, place=path, cure="check its permissions and its disk")


def _unchanged(path: Path, before: FileState) -> FileState:
    found = hashed(path, before)
    if replace(state_of(path), sha256=found.sha256) != found:
        cure = "run the command again when it is complete"
        raise AudioError("changed while it was read", place=path, cure=cure)
    return found
