"""The losses of eqs. 3 to 6, as functions of probabilities, and their sum."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from resed.settings import FocalSettings, ObjectiveSettings
from resed.train.distillation import (
    Projections,
    distances,
    pool_mask,
    repeat_cells,
    target_event_loss,
)
from resed.train.model import Output

EPSILON = 1e-6  # posteriors are clamped to [EPSILON, 1 - EPSILON] before a logarithm


@dataclass
class Targets:
    """Labels of a batch with clips in the order weak, strong, unlabeled.

    Attributes:
        tags: [weak + strong, classes], 0 or 1.
        frames: [strong, frames, classes], 0 or 1.
        weak, strong, unlabeled: number of clips of each role.
    """

    tags: Tensor
    frames: Tensor
    weak: int
    strong: int
    unlabeled: int

    @property
    def strong_clips(self) -> slice:
        """The strong clips of the batch."""
        return slice(self.weak, self.weak + self.strong)


def cross_entropy(posterior: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy per element; targets may be soft."""
    p = posterior.clamp(EPSILON, 1 - EPSILON)
    return -(target * p.log() + (1 - target) * (1 - p).log())


def focal_weight(p: Tensor, settings: FocalSettings) -> Tensor:
    """The factor before log p in eq. 4: 1 - p^gamma as printed, or (1 - p)^gamma."""
    if settings.form == "printed":
        return 1 - p.pow(settings.gamma)
    return (1 - p).pow(settings.gamma)


def focal_loss(posterior: Tensor, target: Tensor, settings: FocalSettings) -> Tensor:
    """Eq. 4 per element, where p is read as p_t, the posterior of the true state (row 18).

    As printed, with p for all elements, p = 1 everywhere would be the minimum.
    """
    p = posterior.clamp(EPSILON, 1 - EPSILON)
    present, absent = focal_weight(p, settings), focal_weight(1 - p, settings)
    if settings.detach_weight:
        present, absent = present.detach(), absent.detach()
    loss = -target * present * p.log()
    if not settings.positives_only:
        loss = loss - (1 - target) * absent * (1 - p).log()
    return loss


def pool_targets(frames: Tensor, cells: int, how: str) -> Tensor:
    """Frame labels [clips, frames, classes] -> the teacher's cells, by max or mean (row 12)."""
    pool = functional.adaptive_max_pool1d if how == "max" else functional.adaptive_avg_pool1d
    return pool(frames.mT, cells).mT


def consistency(guide: Tensor, learner: Tensor, settings: ObjectiveSettings,
                alpha: float = 1.0) -> Tensor:  # fmt: skip
    """L_con of eq. 3: tags of the learner against detached tags of the guide (row 13)."""
    chosen = settings.consistency
    target = guide.detach()
    if chosen.targets == "hard":
        target = (target > 0.5).float()
    if chosen.loss == "mse":
        return alpha * (learner - target).square().mean()
    if chosen.alpha_place == "inside":
        return cross_entropy(alpha * learner, alpha * target).mean()
    return alpha * cross_entropy(learner, target).mean()


class Objective:
    """The weighted sum of all losses for one batch."""

    def __init__(self, settings: ObjectiveSettings, projections: Projections | None):
        self.settings = settings
        self.projections = projections

    def __call__(self, teacher: Output, student: Output, targets: Targets, *, alpha: float,
                 beta: float, focal: bool) -> dict[str, Tensor]:  # fmt: skip
        """All loss terms by name, with their weights, and their sum as "loss".

        Args:
            alpha: weight of student-to-teacher consistency.
            beta: weight of the distillation losses.
            focal: stage two, where the adaptive focal loss replaces BCE in L_weak and L_strong
                (eq. 6).
        """
        terms = {}
        for name, output in (("teacher", teacher), ("student", student)):
            terms[f"loss.weak.{name}"] = self._weak(output.tags, targets, focal)
            terms[f"loss.strong.{name}"] = self._strong(name, output.frames, targets, focal)
        terms |= self._consistency(teacher.tags, student.tags, targets, alpha)
        if self.projections is not None:
            terms |= self._distillation(teacher.features, student.features, targets, beta)
        terms["loss"] = torch.stack(list(terms.values())).sum()
        return terms

    def _supervised(self, posterior: Tensor, target: Tensor, focal: bool) -> Tensor:
        if not len(posterior):  # a random batch may lack a role
            return posterior.new_zeros(())
        if focal:
            return focal_loss(posterior, target, self.settings.focal).mean()
        return cross_entropy(posterior, target).mean()

    def _weak(self, tags: Tensor, targets: Targets, focal: bool) -> Tensor:
        weak = self.settings.weak
        clips = targets.weak + (targets.strong if weak.clips == "labelled" else 0)
        weight = weak.weight * (clips / len(tags) if weak.average == "batch" else 1)
        return weight * self._supervised(tags[:clips], targets.tags[:clips], focal)

    def _strong(self, name: str, frames: Tensor, targets: Targets, focal: bool) -> Tensor:
        strong = self.settings.strong
        target = targets.frames
        if strong.weight == 0:
            return frames.new_zeros(())
        if name == "teacher":
            if strong.teacher == "none" or not len(target):
                return frames.new_zeros(())
            if strong.teacher == "repeat":
                frames = repeat_cells(frames, target.shape[1])
            else:
                target = pool_targets(target, frames.shape[1], strong.teacher)
        return strong.weight * self._supervised(frames, target, focal)

    def _consistency(self, teacher: Tensor, student: Tensor, targets: Targets,
                     alpha: float) -> dict[str, Tensor]:  # fmt: skip
        chosen, weight = self.settings.consistency, self.settings.consistency.weight
        if chosen.clips == "unlabeled":
            labelled = targets.weak + targets.strong
            weight *= targets.unlabeled / len(teacher) if chosen.average == "batch" else 1
            teacher, student = teacher[labelled:], student[labelled:]
        forth = back = teacher.new_zeros(())
        if len(teacher):  # a random batch may lack a role
            forth = consistency(teacher, student, self.settings)
            back = consistency(student, teacher, self.settings, alpha) if alpha else back
        return {
            "loss.consistency.teacher_to_student": weight * forth,
            "loss.consistency.student_to_teacher": weight * back,
        }

    def _distillation(self, teacher: Tensor, student: Tensor, targets: Targets,
                      beta: float) -> dict[str, Tensor]:  # fmt: skip
        assert self.projections is not None
        chosen = self.settings.distillation
        teacher, student = self.projections(teacher, student)
        terms = {}
        if chosen.tfd and targets.strong:
            strong = targets.strong_clips
            distance = distances(teacher[strong], student[strong], chosen.distance)
            mask = pool_mask(targets.frames.amax(dim=2), distance.shape[1])
            loss = target_event_loss(distance, mask, chosen.average)
            terms["loss.tfd"] = beta * chosen.tfd_weight * loss
        if chosen.dfd != "none":
            if chosen.dfd_clips == "weak_unlabeled":
                keep = [*range(targets.weak), *range(targets.strong_clips.stop, len(teacher))]
                teacher, student = teacher[keep], student[keep]
            if chosen.dfd == "mse":
                loss = functional.mse_loss(student, teacher)
            else:
                loss = distances(teacher, student, chosen.distance).mean()
            terms["loss.dfd"] = beta * chosen.dfd_weight * loss
        return terms
