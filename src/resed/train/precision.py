"""The arithmetic of a device: what stays out of autocast."""

import torch
from torch import Tensor


def without_autocast(values: Tensor) -> torch.autocast:
    """A block in which operations keep the dtype of what they are given, on the device of `values`.

    Casting the inputs is not enough: under autocast a matrix product casts them back.
    """
    return torch.autocast(values.device.type, enabled=False)
