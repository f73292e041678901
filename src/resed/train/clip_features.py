"""Features that are read from disk when a batch takes them, like a tensor of all clips."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from resed.formats.store_features import MappedFeatures


class ClipFeatures:
    """Features of some clips of a store: float32 [clips, frames, mels] on the CPU.

    It has the part of the interface of a tensor that training and prediction use.
    """

    device = torch.device("cpu")

    def __init__(self, mapped: MappedFeatures, rows: np.ndarray | None = None):
        """All clips, or those of the `rows` of the store."""
        self._mapped = mapped
        self._rows = np.arange(len(mapped)) if rows is None else rows
        self.shape = torch.Size((len(self._rows), *mapped.shape[1:]))

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def nbytes(self) -> int:
        """Bytes as a tensor."""
        return 4 * self.shape.numel()

    def __getitem__(self, index: slice | Tensor) -> Tensor:
        """A tensor of the clips of a slice, or of a tensor of integers."""
        rows = self._rows[index if isinstance(index, slice) else index.numpy()]
        return torch.from_numpy(self._mapped[rows])

    def split(self, size: int) -> Iterator[Tensor]:
        """Tensors of `size` clips each; the last one may have fewer."""
        for start in range(0, len(self), size):
            yield self[start : start + size]

    def take(self, keep: Tensor) -> "ClipFeatures":
        """The clips with the indices `keep`, not read yet."""
        return ClipFeatures(self._mapped, self._rows[keep.numpy()])
