"""Distillation of deep features (TFD, DFD-MSE, DFD-D) with all options of row 16 (eqs. 1, 2)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from resed.settings import DistillationSettings

TINY = 1e-12  # added under a square root, whose slope is infinite at 0


class Projections(nn.Module):
    """W_t and W_s of eq. 2, and the alignment of teacher cells and student frames."""

    def __init__(self, teacher: int, student: int, dimension: int, settings: DistillationSettings):
        super().__init__()
        self.settings = settings
        reading = settings.reading
        self.teacher = _matrix(teacher, dimension, trained=reading == "literal")
        self.student = _matrix(student, dimension, trained=reading != "frozen")
        normalise = settings.distance == "mse_batch_norm"
        self.teacher_norm = nn.BatchNorm1d(dimension, affine=False) if normalise else None
        self.student_norm = nn.BatchNorm1d(dimension, affine=False) if normalise else None

    def forward(self, teacher: Tensor, student: Tensor) -> tuple[Tensor, Tensor]:
        """F_t W_t and F_s W_s on a common time axis: two [clips, cells, dimension], float32."""
        teacher, student = at_least_float32(teacher), at_least_float32(student)
        if self.settings.reading == "hint":
            teacher = teacher.detach()
        teacher = teacher @ self.teacher.to(teacher.dtype)
        student = student @ self.student.to(student.dtype)
        if self.teacher_norm is not None and self.student_norm is not None:
            teacher = self.teacher_norm(teacher.flatten(0, 1)).view_as(teacher)
            student = self.student_norm(student.flatten(0, 1)).view_as(student)
        return self._align(teacher, student)

    def _align(self, teacher: Tensor, student: Tensor) -> tuple[Tensor, Tensor]:
        cells, frames = teacher.shape[1], student.shape[1]
        if self.settings.align == "pool":
            return teacher, functional.adaptive_avg_pool1d(student.mT, cells).mT
        if self.settings.align == "linear":
            size = {"size": frames, "mode": "linear", "align_corners": False}
            return functional.interpolate(teacher.mT, **size).mT, student
        return repeat_cells(teacher, frames), student


def at_least_float32(values: Tensor) -> Tensor:
    """Convert to float32 unless the values are float64: half precision is too coarse here."""
    return values if values.dtype == torch.float64 else values.float()


def repeat_cells(cells: Tensor, frames: int) -> Tensor:
    """[clips, cells, n] -> [clips, frames, n]: each frame has the values of its cell."""
    index = torch.arange(frames, device=cells.device) * cells.shape[1] // frames
    return cells[:, index]


def _matrix(inside: int, outside: int, trained: bool) -> nn.Parameter:
    """An orthonormal projection [inside, outside], frozen unless `trained`."""
    matrix = nn.init.orthogonal_(torch.empty(inside, outside))
    return nn.Parameter(matrix, requires_grad=trained)


def rows(one: Tensor, other: Tensor, distance: str) -> tuple[Tensor, Tensor]:
    """Two maps [clips, cells, dimension]; with `rows_normalised`, each cell has length 1."""
    if distance == "rows_normalised":
        return functional.normalize(one, dim=2), functional.normalize(other, dim=2)
    return one, other


def distances(teacher: Tensor, student: Tensor, distance: str) -> Tensor:
    """D of eq. 2, [clips, cells]: distance of two projected maps per cell."""
    teacher, student = rows(teacher, student, distance)
    difference = teacher - student
    if distance == "mse_batch_norm":
        return difference.square().mean(dim=2)
    return (difference.square().sum(dim=2) + TINY).sqrt()


def target_event_loss(distance: Tensor, mask: Tensor, average: str) -> Tensor:
    """Eq. 1: L_TFD = (1/T) (D * M) A, averaged over strong clips.

    Args:
        distance: D, [clips, cells].
        mask: M, [clips, cells], 1 if any target event is active.
        average: frames: divide by T, as printed; active: divide by the cells under the mask.
    """
    masked = (distance * mask).sum(dim=1)
    cells = mask.sum(dim=1).clamp(min=1) if average == "active" else distance.shape[1]
    return (masked / cells).mean()


def pool_mask(mask: Tensor, cells: int) -> Tensor:
    """Max-pool a frame mask [clips, frames] to [clips, cells]."""
    if mask.shape[1] == cells:
        return mask
    return functional.adaptive_max_pool1d(mask.unsqueeze(1), cells).squeeze(1)


def effective_rank(rows: Tensor) -> float:
    """exp(entropy) of the normalised singular values of `rows` [n, d] (Roy and Vetterli, 2007)."""
    gram = rows.double().mT @ rows.double()
    singular = torch.linalg.eigvalsh(gram).clamp(min=0).sqrt()
    share = singular / singular.sum().clamp(min=TINY)
    return float(torch.exp(-(share * share.clamp(min=TINY).log()).sum()))
