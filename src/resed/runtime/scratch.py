"""Arrays on disk for results that may exceed the memory."""

import os
import tempfile
from math import prod
from pathlib import Path

import numpy as np


def scratch_array(
    shape: tuple[int, ...], folder: Path | None = None, dtype: type[np.floating] = np.float32
) -> np.ndarray:
    """An array of zeros in a file without a name that ends with the array.

    Args:
        folder: where the file is; created if it does not exist. Default: that of temporary files.

    Raises:
        OSError: the disk has no space for it. The space is reserved, because a full disk would
            crash the process later.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as handle:
        size = max(1, np.dtype(dtype).itemsize * prod(shape))
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle.fileno(), 0, size)
        os.truncate(handle.fileno(), size)
        return np.memmap(handle, dtype, "r+", shape=shape)
