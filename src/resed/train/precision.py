"""The arithmetic of a device: bfloat16, TF32 or float32, as schedule.precision asks."""

from typing import Any

import torch
from torch import Tensor


def arithmetic(precision: str, device: torch.device) -> torch.dtype | None:
    """The dtype for autocast, None where all is float32; says to a GPU what float32 shall mean.

    auto is bfloat16 on GPUs that compute in it: NVIDIA's from compute capability 8.0, all of ROCm.
    A T4 (7.5) would emulate it. What auto and bfloat16 leave in float32 may be TF32 (float32's
    range, 10 bits of mantissa); float32 asked for by name is float32 and nothing less.

    Args:
        precision: schedule.precision; a training and its predictions take the same.
    """
    half = precision == "bfloat16"
    if device.type == "cuda":
        half = half or (
            precision == "auto" and torch.cuda.is_bf16_supported(including_emulation=False)
        )
        named = precision == "float32"
        torch.set_float32_matmul_precision("highest" if named else "high")
        torch.backends.cudnn.allow_tf32 = not named
    return torch.bfloat16 if half else None


def without_autocast(values: Tensor) -> torch.autocast:
    """A block in which operations keep the dtype of what they are given, on the device of `values`.

    Casting the inputs is not enough: under autocast a matrix product casts them back.
    """
    return torch.autocast(values.device.type, enabled=False)


def made_with(device: torch.device, autocast: torch.dtype | None) -> dict[str, Any]:
    """What else, beside its identity, decides the bits of a training: plain values, for a file."""
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if cuda else device.type,
        "precision": str(autocast or torch.float32).removeprefix("torch."),
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
    }
