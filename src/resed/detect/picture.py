"""A picture of a sound file: log-mel spectrogram, a lane of events per class, tags at the side.

Features are reduced while they arrive, so that the picture of hours takes no more memory.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from resed.detect.detector import ModelDetector
from resed.detect.file_detection import Watcher
from resed.draw.style import DOTS_PER_INCH, GREY, HEAT, SERIES, look, new
from resed.escaping import one_line
from resed.extract.logmel import mel_points
from resed.formats.detection_journal import DetectedFile
from resed.runtime.files import atomic_path
from resed.settings import FeatureSettings

WIDTH, SPECTROGRAM, LANE, MARGINS = 11.0, 2.7, 0.25, 0.9  # inches
COLUMNS = 2048  # of the spectrogram, more than its pixels
MOST_LANES = 20
LONGEST_TITLE, LONGEST_LABEL = 90, 28  # characters
RANGE = 9.0  # of the colours, in natural logarithms of magnitudes: 78 dB
TAGS = 0.17  # share of the width
THINNEST = 1 / 1500  # of the width: an event that is shorter is drawn so wide
TICKS_HZ = (100, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
HOUR, MINUTE = 3600, 60
TICKS_S = (  # steps of the time axis
    *(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800),
    *(3600, 7200, 14_400, 28_800, 86_400),
)


class Spectrogram(Watcher):
    """Means of consecutive frames in less than 2 COLUMNS columns; their width doubles if needed."""

    def __init__(self, settings: FeatureSettings) -> None:
        self._linear, self._floor = settings.scale == "linear", settings.floor
        self._columns = np.empty((0, settings.n_mels), np.float32)
        self._rest = self._columns
        self.width = 1  # frames per column

    def features(self, rows: np.ndarray) -> None:
        """Add frames, float32 [frames, n_mels]."""
        if self._linear:
            rows = np.log(np.maximum(rows, 0) + np.float32(self._floor))
        rows = np.concatenate([self._rest, rows])
        columns, self._rest = _means(rows, self.width)
        self._columns = np.concatenate([self._columns, columns])
        while len(self._columns) >= 2 * COLUMNS:
            self._columns, odd = _means(self._columns, 2)
            self._rest = np.concatenate([np.repeat(odd, self.width, axis=0), self._rest])
            self.width *= 2

    def image(self) -> np.ndarray:
        """float32 [n_mels, columns]; the frames of the last column may be fewer."""
        rest = self._rest.mean(axis=0, keepdims=True) if len(self._rest) else self._rest
        return np.concatenate([self._columns, rest]).T


def _means(rows: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Means of each `width` rows, and the rows that remain."""
    count = len(rows) // width
    return rows[: count * width].reshape(count, width, -1).mean(axis=1), rows[count * width :]


class PictureWatcher(Spectrogram):
    """Draws the picture when the file was read."""

    def __init__(self, detector: ModelDetector, path: Path) -> None:
        super().__init__(detector.trained.features)
        self._detector, self._path = detector, path

    def finish(self, found: DetectedFile) -> None:
        """Write the picture."""
        draw(self._path, found, self, self._detector)


@contextmanager
def picture_watcher(detector: ModelDetector, path: Path, name: str) -> Iterator[Watcher]:
    """Draw the picture of the sound file `name`."""
    yield PictureWatcher(detector, path)


def draw(
    path: Path, found: DetectedFile, spectrogram: Spectrogram, detector: ModelDetector
) -> None:
    """Write a PNG atomically; equal inputs give equal bytes."""
    labels = lanes(found, detector)
    with look(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a label in another script
        lower = LANE * len(labels)
        figure = new(WIDTH, SPECTROGRAM + lower + MARGINS)
        axes = figure.subplots(
            2, 2, gridspec_kw={
                "width_ratios": (1 - TAGS, TAGS), "height_ratios": (SPECTROGRAM, lower),
            },
        )  # fmt: skip
        _draw_spectrogram(axes[0, 0], spectrogram, detector.trained.features, found.seconds)
        axes[0, 0].set_title(one_line(found.file, LONGEST_TITLE))
        _draw_lanes(axes[1, 0], labels, found)
        _draw_tags(axes[1, 1], labels, found, detector.decode.tag_threshold)
        axes[0, 1].set_axis_off()
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})


def lanes(found: DetectedFile, detector: ModelDetector) -> list[str]:
    """The classes that have a lane, in the order of the model; at most MOST_LANES.

    If there are more classes, those with events and the highest tags have a lane.
    """
    active = {one.label for one in found.events}
    order = sorted(detector.classes, key=lambda name: (name not in active, -found.tags[name]))
    kept = set(order[:MOST_LANES])
    return [name for name in detector.classes if name in kept]


def _draw_spectrogram(
    axes: Axes, spectrogram: Spectrogram, settings: FeatureSettings, seconds: float
) -> None:
    image = spectrogram.image()
    top = float(image.max())
    end = image.shape[1] * spectrogram.width * settings.seconds_per_frame
    axes.imshow(
        image, origin="lower", aspect="auto", cmap=HEAT, extent=(0, end, 0, settings.n_mels),
        vmin=top - RANGE, vmax=top, interpolation="nearest",
    )  # fmt: skip
    axes.grid(False)
    time_axis(axes, seconds)
    axes.tick_params(labelbottom=False)
    axes.set_xlabel("")
    centres = mel_points(settings)[1:-1]
    shown = [hertz for hertz in TICKS_HZ if centres[0] <= hertz <= centres[-1]]
    axes.set_yticks(
        np.interp(shown, centres, np.arange(settings.n_mels) + 0.5),
        [f"{hertz / 1000:g}" for hertz in shown],
    )
    axes.set_ylabel("kHz")


def _draw_lanes(axes: Axes, labels: list[str], found: DetectedFile) -> None:
    thinnest = found.seconds * THINNEST
    for row, label in enumerate(labels):
        spans = [
            (one.onset, max(one.offset - one.onset, thinnest))
            for one in found.events
            if one.label == label
        ]
        axes.broken_barh(spans, (row + 0.14, 0.72), facecolors=_colour(row), linewidth=0)
        axes.axhline(row, color="#e3e3e3", linewidth=0.6)
    _rows(axes, labels)
    axes.set_yticklabels([one_line(label, LONGEST_LABEL) for label in labels])
    time_axis(axes, found.seconds)


def time_axis(axes: Axes, seconds: float) -> None:
    """Ticks at round times of a file of this length, in seconds, minutes or hours."""
    axes.set_xlim(0, seconds)
    step = next((one for one in TICKS_S if seconds <= 12 * one), 0)
    axes.xaxis.set_major_locator(MultipleLocator(step) if step else MaxNLocator(10))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _time(value, seconds)))
    unit = "minutes:seconds" if seconds < HOUR else "hours:minutes:seconds"
    axes.set_xlabel("seconds" if seconds < 2 * MINUTE else f"time ({unit})")


def _draw_tags(axes: Axes, labels: list[str], found: DetectedFile, limit: float) -> None:
    for row, label in enumerate(labels):
        value = found.tags[label]
        axes.barh(row + 0.5, value, height=0.72, color=_colour(row), linewidth=0)
        axes.text(1.04, row + 0.5, f"{value:.2f}", va="center", fontsize=8, color=GREY)
    axes.axvline(limit, color=GREY, linewidth=0.8, linestyle=":")
    _rows(axes, labels)
    axes.set_yticklabels([])
    axes.set_xlim(0, 1.3)
    axes.set_xticks([0, 0.5, 1])
    axes.set_xlabel("highest tag posterior")


def _rows(axes: Axes, labels: list[str]) -> None:
    axes.grid(False)
    axes.set_ylim(len(labels), 0)
    axes.set_yticks(np.arange(len(labels)) + 0.5)
    axes.tick_params(axis="y", length=0)


def _colour(row: int) -> str:
    return SERIES[row % len(SERIES)]


def _time(value: float, total: float) -> str:
    """Seconds, m:ss, or h:mm:ss, by the length of the file."""
    if total < 2 * MINUTE:
        return f"{value:g}"
    whole = round(value)
    minutes, seconds = divmod(whole, MINUTE)
    if total < HOUR:
        return f"{minutes}:{seconds:02d}"
    return f"{minutes // MINUTE}:{minutes % MINUTE:02d}:{seconds:02d}"
