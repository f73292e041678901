"""Trained models for programs in Python: `resed.load_model`, `Model` and `Detection`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
import torch

from resed.config.network_file import NetworkFile
from resed.detect.detector import ModelDetector
from resed.detect.event_stream import EventStream
from resed.detect.windows import WindowedRecording
from resed.errors import AudioError, DeviceError
from resed.formats.audio import mix
from resed.formats.detection_journal import DetectedEvent
from resed.predict.models import model_path
from resed.predict.networks import load_trained

BLOCK = 1 << 20  # samples that are resampled at a time
MOST_CHANNELS = 64
INTEGERS = (np.int8, np.int16, np.int32)
LOWEST_RATE, HIGHEST_RATE = 100, 10_000_000  # Hz


@dataclass(frozen=True)
class Detection:
    """What a model found in a waveform.

    Attributes:
        tags: class -> probability that the waveform has it (0 to 1); in a waveform that is longer
            than a clip, the highest of all windows.
        frames: float32 [frames, classes], probability of each class in each frame (0 to 1).
        seconds_per_frame: seconds from one frame to the next.
        classes: the labels of the columns of `frames`.
        events: sorted by onset; each has `onset` and `offset` (seconds), `label`, and `score` (0 to
            1), the mean of its frames.
        seconds: length of the waveform.
    """

    tags: dict[str, float]
    frames: npt.NDArray[np.float32]
    seconds_per_frame: float
    classes: tuple[str, ...]
    events: list[DetectedEvent]
    seconds: float


class Model:
    """A trained model. Make one with `resed.load_model`.

    Attributes:
        name: of the model.
        classes: the labels that it detects.
        sample_rate: Hz of its features; waveforms of other rates are resampled.
        clip_seconds: length of its windows.
        card: facts about the model: data, licences, scores, limits.
    """

    def __init__(self, detector: ModelDetector) -> None:
        self._detector = detector
        trained = detector.trained
        self.name: str = trained.name
        self.classes: tuple[str, ...] = detector.classes
        self.sample_rate: int = detector.rate
        self.clip_seconds: float = trained.features.seconds
        self.card: dict[str, Any] = trained.card

    def __call__(self, waveform: npt.ArrayLike, rate: int) -> Detection:
        """Detect events in a waveform of any length.

        A waveform of one clip has exactly the posteriors of `resed extract` and `resed predict` and
        the events of `resed decode`. A shorter one is padded as in training. A longer one is cut
        into windows, whose events are joined, as by `resed detect`.

        Args:
            waveform: [samples], or [samples, channels], of which the mean is used. Numbers from -1
                to 1; int8, int16 and int32 are divided by the magnitude of their smallest value.
            rate: Hz of the waveform.

        Raises:
            AudioError: the waveform is empty, has another shape or type, or numbers that are not
                finite; or the rate is not from 100 to 10,000,000 Hz.
            ResultsError: the model gives numbers that are not finite, or there are more than
                200,000 events.
        """
        wave = _resampled(_mono(waveform), _rate(rate), self.sample_rate)
        recording = WindowedRecording(self._detector, _blocks(wave))
        stream = EventStream(self._detector)
        frames = []
        for part in recording.parts():
            frames.append(part.frames)
            stream.add(part)
        columns = [self._detector.trained.classes.index(label) for label in self.classes]
        step = self._detector.trained.seconds_per_frame
        tags = [float(value) for value in recording.tags]
        return Detection(
            tags={label: tags[column] for label, column in zip(self.classes, columns, strict=True)},
            frames=np.ascontiguousarray(np.concatenate(frames)[:, columns]),
            seconds_per_frame=step,
            classes=self.classes,
            events=stream.events(recording.seconds),
            seconds=recording.seconds,
        )

    def __repr__(self) -> str:
        return f"Model({self.name!r}, {len(self.classes)} classes, {self.sample_rate} Hz)"


def load_model(
    path_or_name: Path | str,
    device: str = "cpu",
    *,
    classes: Sequence[str] = (),
    thresholds: Mapping[str, float] | None = None,
    network_file: Path | str | None = None,
) -> Model:
    """Load a model file, a checkpoint, or a model that is installed with resed.

    Args:
        path_or_name: path of a file of `resed export` or `resed train`, or a name of `resed
            models`.
        device: cpu, cuda, or auto: a GPU if there is one.
        classes: the classes to report; by default all.
        thresholds: class -> frame threshold (0 to 1), instead of those of the model; "" for all
            classes that are not named. A checkpoint has 0.5 for all classes and no median filter.
        network_file: Python file with the network, if it is one of your own; its code is run.

    Raises:
        MissingFileError: there is no such file or model.
        ModelFileError, CheckpointError: the file is damaged, foreign or of another version.
        ConfigError: a class is unknown, or a threshold is not from 0 to 1.
        DeviceError: the device is not available.

    Examples:
        Of a file that soundfile reads::

            model = resed.load_model("m.safetensors")
            waveform, rate = soundfile.read("dog.wav")
            for event in model(waveform, rate).events:
                print(event.onset, event.offset, event.label, event.score)
    """
    network = NetworkFile.read(network_file) if network_file else None
    trained = load_trained(model_path(path_or_name), network)
    return Model(ModelDetector.of(trained, _device(device), thresholds=thresholds, classes=classes))


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise DeviceError("unknown device", place=name, cure="use cpu, cuda or auto")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise DeviceError("no GPU is available", place=name, cure="use cpu or auto")
    return device


def _rate(rate: Any) -> float:
    number = isinstance(rate, (int, float, np.integer, np.floating)) and not isinstance(rate, bool)
    if not number or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        problem = f"must be a number from {LOWEST_RATE} to {HIGHEST_RATE} Hz"
        raise AudioError(problem, place="rate", cure="use the sample rate of the waveform")
    return float(rate)


def _mono(waveform: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """The mean of the channels, float32 [samples]. Raises AudioError."""
    values = np.asarray(waveform)
    if values.ndim not in (1, 2) or (values.ndim == 2 and not 0 < values.shape[1] <= MOST_CHANNELS):
        problem = f"has the shape {values.shape}"
        cure = "use [samples] or [samples, channels]"
        raise AudioError(problem, place="waveform", cure=cure)
    if not len(values):
        raise AudioError("is empty", place="waveform", cure="use at least one sample")
    kind = values.dtype
    if kind.kind != "f" and kind not in INTEGERS:  # int64 states no full scale
        cure = "use float32 from -1 to 1, or int16"
        raise AudioError(f"has the type {kind}", place="waveform", cure=cure)
    with np.errstate(over="ignore"):
        if kind.kind == "i":
            values = values / -float(np.iinfo(kind).min)
        values = values.astype(np.float32)
    mono = values if values.ndim == 1 else mix(values)
    if not np.isfinite(mono).all():
        problem = "has samples that are not finite, or too large for float32"
        raise AudioError(problem, place="waveform", cure="use numbers from -1 to 1")
    return mono


def _resampled(wave: npt.NDArray[np.float32], rate: float, to: int) -> npt.NDArray[np.float32]:
    if rate == to:
        return wave
    found = soxr.resample(wave, rate, to, quality="HQ")
    if not len(found):
        cure = "use a longer waveform"
        raise AudioError(f"has no sample at {to} Hz", place="waveform", cure=cure)
    return found


def _blocks(wave: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
    for start in range(0, len(wave), BLOCK):
        yield wave[start : start + BLOCK]
