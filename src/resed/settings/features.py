"""Settings of the log-mel features. Row numbers refer to the tables of docs/readings.md."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from resed.settings.base import Samples, Strict, Width

HIGHEST_RATE = 10_000_000  # Hz
MOST_FRAMES = 1_000_000  # per clip: 4.6 hours at 60 frames per second
MOST_VALUES = 1 << 27  # of the mel filters, and of the features of a clip: 512 MB
LONGEST_CLIP = 1 << 28  # samples, which resed.formats.audio reads at most


class FeatureSettings(Strict):
    """Log-mel features, row 1: 64 mels and 600 frames for 10 s (hop 735 at 44.1 kHz)."""

    sample_rate: Annotated[int, Field(gt=0, le=HIGHEST_RATE)] = 44100  # Hz
    n_fft: Samples = 2048  # samples
    window: Samples = 1764  # samples: 40 ms
    hop: Samples = 735  # samples: 16.67 ms
    n_mels: Width = 64
    f_min: Annotated[float, Field(ge=0)] = 0.0  # Hz
    f_max: Annotated[float, Field(gt=0)] = 22050.0  # Hz
    frames: Annotated[int, Field(gt=0, le=MOST_FRAMES)] = 600  # per clip
    spectrum: Literal["magnitude", "power"] = "magnitude"
    # Added to the waveform: 2.2e-16 in Guided Learning, where it matters only for digital silence
    offset: Annotated[float, Field(ge=0)] = 0.0
    floor: Annotated[float, Field(gt=0)] = 2.2e-16  # added before the natural logarithm
    # Periodic Hann, symmetric Hamming, or periodic Hamming (DCASE 2018)
    window_shape: Literal["hann", "hamming", "hamming_periodic"] = "hann"
    # What extends the waveform at both ends, so that a frame is centred on its time. none: nothing;
    # a frame begins at its time
    edges: Literal["silence", "reflect", "none"] = "silence"
    mel_norm: Literal["slaney", "none"] = "slaney"
    # linear: mel magnitudes, for a model that computes decibels itself (Mean Teacher)
    scale: Literal["log", "linear"] = "log"
    # Padding of shorter clips: silence before the transform, or zeros after the logarithm, which
    # are loud (0 dB), as in the code of both peers. marked: a value below every logarithm, which
    # model.input_norm training_clips replaces by the mean of the training clips (DCASE 2018).
    short: Literal["silence", "zeros", "marked"] = "silence"

    @model_validator(mode="after")
    def _consistent(self) -> "FeatureSettings":
        if self.window > self.n_fft:
            raise ValueError(f"window {self.window} exceeds n_fft {self.n_fft}; lower the window")
        if self.short == "marked" and self.scale == "linear":
            raise ValueError("short: marked requires scale: log")
        if not self.f_min < self.f_max <= self.sample_rate / 2:
            raise ValueError("f_min < f_max <= sample_rate / 2 is required; lower f_max")
        if self.n_mels * self.n_fft > MOST_VALUES:
            raise ValueError(f"n_mels times n_fft exceeds {MOST_VALUES}; lower one of them")
        if self.n_mels * self.frames > MOST_VALUES:
            raise ValueError(f"n_mels times frames exceeds {MOST_VALUES}; lower one of them")
        if self.hop * self.frames > LONGEST_CLIP:
            raise ValueError(f"hop times frames exceeds {LONGEST_CLIP} samples; lower one of them")
        return self

    @property
    def seconds_per_frame(self) -> float:
        """Seconds from one frame to the next."""
        return self.hop / self.sample_rate

    @property
    def seconds(self) -> float:
        """Seconds per clip."""
        return self.frames * self.hop / self.sample_rate
