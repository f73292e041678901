"""Levels of a sound, collected block by block, so that memory does not grow with the file."""

from dataclasses import dataclass

import numpy as np

from resed.formats.audio import mix

SILENT_PEAK = 10 ** (-90 / 20)  # full scale = 1; about one quantization step of 16-bit audio
FULL_SCALE = 1 - 2**-15  # the largest sample value of 16-bit audio


@dataclass
class SoundLevels:
    """Levels of the channels, and of their average (the mix), which systems process.

    Attributes:
        frames: number of samples per channel.
        full: number of samples of the mix at full scale or above.
        low, high: extremes of the mix.
        peak: largest absolute sample of any channel.
        total: sum of the samples of the mix.
        power, power_of_channels: sums of squares of the mix, and of the channels (their average).
        channels: number of channels.
    """

    frames: int = 0
    full: int = 0
    low: float = np.inf
    high: float = -np.inf
    peak: float = 0.0
    total: float = 0.0
    power: float = 0.0
    power_of_channels: float = 0.0
    channels: int = 1

    def add(self, block: np.ndarray) -> None:
        """Add a block, float32 [samples, channels]."""
        mono = mix(block)
        self.channels = block.shape[1]
        self.frames += len(mono)
        self.full += np.count_nonzero(np.abs(mono) >= FULL_SCALE)
        self.low, self.high = min(self.low, float(mono.min())), max(self.high, float(mono.max()))
        self.peak = max(self.peak, float(np.abs(block).max()))
        self.total += float(mono.sum(dtype=np.float64))
        power = np.square(mono, dtype=np.float64).sum()
        self.power += float(power)
        each = np.square(block, dtype=np.float64).sum() if block.shape[1] > 1 else power
        self.power_of_channels += float(each) / block.shape[1]

    @property
    def offset(self) -> float:
        """Mean of the mix."""
        return self.total / self.frames

    @property
    def silent(self) -> bool:
        """Whether no sample of any channel exceeds -90 dB of full scale."""
        return self.peak <= SILENT_PEAK

    @property
    def cancelled(self) -> bool:
        """Whether the channels have sound, but their average has none."""
        return not self.silent and max(self.high, -self.low) <= SILENT_PEAK

    @property
    def constant(self) -> bool:
        """Whether the mix is a constant other than 0."""
        return self.high - self.low <= SILENT_PEAK

    @property
    def kept(self) -> float:
        """Share of the power of the channels that the mix keeps: 1 / channels if independent."""
        return self.power / self.power_of_channels if self.power_of_channels else 1.0
