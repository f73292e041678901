"""Numerical precision of a device: bfloat16, TF32 or float32, by schedule.precision."""

from typing import Any

import torch
from torch import Tensor


def arithmetic(precision: str, device: torch.device) -> torch.dtype | None:
    """The dtype for autocast, None for float32. Also allows or forbids TF32 on a GPU.

    auto is bfloat16 on GPUs that compute in it: those of NVIDIA with compute capability 8.0 and
    above, and all of ROCm. A T4 (7.5) would emulate it. Operations that remain in float32 may use
    TF32 (the range of float32, 10 bits of mantissa) with auto and bfloat16, but not with float32.

    Args:
        precision: schedule.precision, the same for a training and its predictions.
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
    """A context without autocast on the device of `values`.

    Casting the inputs is not enough, because a matrix product under autocast casts them back.
    """
    return torch.autocast(values.device.type, enabled=False)


def made_with(device: torch.device, autocast: torch.dtype | None) -> dict[str, Any]:
    """Properties that affect the bits of a training in addition to its identity."""
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if cuda else device.type,
        "precision": str(autocast or torch.float32).removeprefix("torch."),
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
    }
