"""A trained model with the settings by which it detects: classes, thresholds, windows, overlap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import torch

from resed.config.loading import check, nearest, overlay
from resed.decode.events import gated, windows_in_frames
from resed.decode.filters import active_frames
from resed.errors import ConfigError, ResultsError
from resed.formats.posteriors import Posteriors
from resed.predict.networks import Trained
from resed.settings import DecodeSettings
from resed.train.evaluate import infer
from resed.train.precision import arithmetic

DEFAULT_OVERLAP = 0.5
EVERY_CLASS = ""  # in thresholds: all classes that are not named
WINDOWS_AT_ONCE = {"cpu": 4, "cuda": 32}  # more of them need memory, and no less time


@dataclass(frozen=True)
class DecodedWindows:
    """Several windows of a recording, in their order.

    Attributes:
        active: bool [windows, cells, classes], after gate, thresholds and filters.
        frames: float32 [windows, cells, classes], the frame posteriors.
        tags: float32 [windows, classes], the clip posteriors of the student.
    """

    active: np.ndarray
    frames: np.ndarray
    tags: np.ndarray


@dataclass(frozen=True, eq=False)
class ModelDetector:
    """A trained model on a device.

    Attributes:
        trained: the model; its networks are on `device`.
        decode: decode settings: those of the model, with changes.
        thresholds: frame threshold of each class of the model, in its order.
        filters: window of the median filter of each class, in cells.
        classes: the classes that are reported, in the order of the model.
        overlap: 0.5 for a window over each seam of two windows, 0 for none.
        ahead: windows whose features are computed ahead, in a thread of their own.
    """

    trained: Trained
    device: torch.device
    decode: DecodeSettings
    thresholds: tuple[float, ...]
    filters: tuple[int, ...]
    classes: tuple[str, ...]
    overlap: float = DEFAULT_OVERLAP
    ahead: int = 0

    @classmethod
    def of(
        cls,
        trained: Trained,
        device: torch.device,
        *,
        thresholds: Mapping[str, float] | None = None,
        classes: Sequence[str] = (),
        overlap: float = DEFAULT_OVERLAP,
        ahead: int = 0,
        changes: Mapping[str, Any] | None = None,
    ) -> "ModelDetector":
        """A detector with the settings of the model, except those that are given.

        Args:
            thresholds: class, or EVERY_CLASS -> frame threshold.
            classes: the classes to report; by default all.
            changes: decode settings that differ from those of the model.

        Raises ConfigError for an unknown class or setting, and a threshold that is not from 0 to 1.
        """
        given, known = dict(thresholds or {}), trained.classes
        named = [name for name in given if name != EVERY_CLASS]
        for option, names in (("--classes", classes), ("--threshold", named)):
            for name in names:
                if name not in known:
                    raise ConfigError(
                        f"unknown class {name!r}", place=option, cure=nearest(name, known)
                    )
        for name, limit in given.items():
            if not isinstance(limit, Real) or not 0 <= limit <= 1:
                problem = f"{name or 'all classes'}: {limit} is no threshold"
                cure = "use a number from 0 to 1"
                raise ConfigError(problem, place="--threshold", cure=cure)
        values = overlay(trained.settings.decode.model_dump(), changes or {})
        decode = check(DecodeSettings, values, "--settings")
        is_common = EVERY_CLASS in given or "frame_threshold" in (changes or {})
        limits = {} if is_common else dict(trained.thresholds)
        limits |= given
        common = given.get(EVERY_CLASS, decode.frame_threshold)
        trained.networks.to(device).eval()
        return cls(
            trained,
            device,
            decode,
            tuple(float(limits.get(name, common)) for name in known),
            tuple(_filters(trained, decode)),
            tuple(name for name in known if not classes or name in classes),
            overlap,
            ahead,
        )

    @property
    def rate(self) -> int:
        """Sample rate of the waveforms in Hz."""
        return self.trained.features.sample_rate

    @property
    def cells(self) -> int:
        """Frames of the posteriors of a window."""
        return self.trained.cells

    @property
    def cell_frames(self) -> int:
        """Frames of the features per cell."""
        return round(self.trained.seconds_per_frame / self.trained.features.seconds_per_frame)

    @property
    def batch(self) -> int:
        """Windows that are processed at a time."""
        return WINDOWS_AT_ONCE.get(self.device.type, WINDOWS_AT_ONCE["cpu"])

    def decoded(self, windows: Sequence[np.ndarray]) -> DecodedWindows:
        """Decode windows of features, float32 [frames, n_mels] each, as `resed.decode.events` does.

        Raises ResultsError if the posteriors are not finite, or if decoding requires others.
        """
        half = arithmetic(self.trained.settings.schedule.precision, self.device)
        features = torch.from_numpy(np.stack(windows))
        found = infer(
            self.trained.networks, features, self.device, batch=len(windows), autocast=half
        )
        frames, tags, teacher_tags = (values.numpy() for values in found)
        if not all(np.isfinite(values).all() for values in (frames, tags, teacher_tags)):
            problem = "the posteriors are not finite"
            raise ResultsError(problem, cure="check the level of the sound, or use another model")
        names = [str(number) for number in range(len(windows))]
        posteriors = _posteriors(self.trained, frames, tags, teacher_tags, names)
        scores, allowed = gated(posteriors, self.decode)
        active = active_frames(
            scores,
            allowed,
            list(self.filters),
            list(self.thresholds),
            method=self.decode.filter,
            edges=self.decode.filter_edges,
        )
        return DecodedWindows(active, frames, tags)

    def settings(self) -> dict[str, Any]:
        """All that the events depend on besides the model: JSON values."""
        return {
            "classes": list(self.classes),
            "decode": self.decode.model_dump(mode="json"),
            "overlap": self.overlap,
            "thresholds": dict(zip(self.trained.classes, self.thresholds, strict=True)),
        }


def _filters(trained: Trained, decode: DecodeSettings) -> list[int]:
    """Windows of the median filters in cells; 1 where the model has none."""
    count = len(trained.classes)
    if not trained.windows:
        return [decode.fixed_window if decode.window_frames == "fixed" else 1] * count
    nothing = np.zeros((0, trained.cells, count), np.float32)
    return windows_in_frames(
        trained.windows, _posteriors(trained, nothing, nothing[:, 0], nothing[:, 0], []), decode
    )


def _posteriors(
    trained: Trained,
    frames: np.ndarray,
    tags: np.ndarray,
    teacher_tags: np.ndarray,
    names: list[str],
) -> Posteriors:
    meta = {"seconds_per_frame": trained.seconds_per_frame}
    return Posteriors(frames, tags, teacher_tags, names, trained.classes, meta)
