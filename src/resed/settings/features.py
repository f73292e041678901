"""Settings of the log-mel features. Row numbers refer to the tables of docs/readings.md."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from resed.settings.base import Positive, Strict


class FeatureSettings(Strict):
    """Log-mel features, row 1: 64 mels and 600 frames for 10 s (hop 735 at 44.1 kHz)."""

    sample_rate: Positive = 44100  # Hz
    n_fft: Positive = 2048  # samples
    window: Positive = 1764  # samples: 40 ms
    hop: Positive = 735  # samples: 16.67 ms
    n_mels: Positive = 64
    f_min: Annotated[float, Field(ge=0)] = 0.0  # Hz
    f_max: Annotated[float, Field(gt=0)] = 22050.0  # Hz
    frames: Positive = 600  # per clip
    spectrum: Literal["magnitude", "power"] = "magnitude"
    # Added to the waveform: 2.2e-16 in Guided Learning, where it matters only for digital silence
    offset: Annotated[float, Field(ge=0)] = 0.0
    floor: Annotated[float, Field(gt=0)] = 2.2e-16  # added before the natural logarithm
    window_shape: Literal["hann", "hamming"] = "hann"  # periodic Hann, symmetric Hamming
    edges: Literal["silence", "reflect"] = "silence"  # extends the waveform at both ends
    mel_norm: Literal["slaney", "none"] = "slaney"
    # linear: mel magnitudes, for a model that computes decibels itself (Mean Teacher)
    scale: Literal["log", "linear"] = "log"
    # Padding of shorter clips: silence before the transform, or zeros after the logarithm, which
    # are loud (0 dB), as in the code of both peers.
    short: Literal["silence", "zeros"] = "silence"

    @model_validator(mode="after")
    def _consistent(self) -> "FeatureSettings":
        if self.window > self.n_fft:
            raise ValueError(f"window {self.window} exceeds n_fft {self.n_fft}; lower the window")
        if not self.f_min < self.f_max <= self.sample_rate / 2:
            raise ValueError("f_min < f_max <= sample_rate / 2 is required; lower f_max")
        return self

    @property
    def seconds_per_frame(self) -> float:
        """Seconds from one frame to the next."""
        return self.hop / self.sample_rate

    @property
    def seconds(self) -> float:
        """Seconds per clip."""
        return self.frames * self.hop / self.sample_rate
