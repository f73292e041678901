"""The losses of eqs. 3 to 6, as functions of logits, and their sum."""

import math
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
    rows,
    target_event_loss,
)
from resed.train.model import Output


@dataclass
class Targets:
    """Labels of a batch with clips in the order weak, strong, unlabeled, out_of_domain.

    Attributes:
        tags: of the clips that have tags, in this order: [weak + strong, classes], 0 or 1.
        frames: of `framed`, the strong clips or all: [strong, frames, classes], 0 or 1.
        weak, strong, unlabeled: number of clips of each role; unlabeled with out_of_domain.
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

    @property
    def framed(self) -> slice:
        """The clips that have frames: all, or the strong clips."""
        everything = len(self.frames) == self.weak + self.strong + self.unlabeled
        return slice(0, len(self.frames)) if everything else self.strong_clips


def limited(logits: Tensor, limit: float, factor: float = 1.0) -> Tensor:
    """Logits of `factor` times the posteriors, limited to [limit, 1 - limit].

    With a limit, posteriors are formed and turned back into logits, as Keras does: a posterior
    beyond the limit has no gradient. Without one, the logits remain exact at any size.

    Args:
        logits: of the posteriors.
        limit: objective.posterior_limit; 0 for none.
        factor: above 0, at most 1.
    """
    if limit:
        p = (factor * logits.sigmoid()).clamp(limit, 1 - limit)
        return (p / (1 - p)).log()
    if factor == 1:
        return logits
    # a p / (1 - a p) = a e^x / (1 + (1 - a) e^x)
    return math.log(factor) + logits - functional.softplus(logits + math.log1p(-factor))


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy per element; targets may be soft. Its gradient is p - y."""
    return functional.binary_cross_entropy_with_logits(logits, target, reduction="none")


def focal_weight(logits: Tensor, settings: FocalSettings) -> Tensor:
    """The factor before log p in eq. 4: 1 - p^gamma as printed, or (1 - p)^gamma."""
    if settings.form == "printed":
        return -torch.expm1(settings.gamma * functional.logsigmoid(logits))
    return torch.exp(settings.gamma * functional.logsigmoid(-logits))


def focal_loss(logits: Tensor, target: Tensor, settings: FocalSettings) -> Tensor:
    """Eq. 4 per element, where p is read as p_t, the posterior of the true state (row 18).

    As printed, with p for all elements, p = 1 everywhere would be the minimum.
    """
    present, absent = focal_weight(logits, settings), focal_weight(-logits, settings)
    if settings.detach_weight:
        present, absent = present.detach(), absent.detach()
    loss = -target * present * functional.logsigmoid(logits)
    if not settings.positives_only:
        loss = loss - (1 - target) * absent * functional.logsigmoid(-logits)
    return loss


def pool_targets(frames: Tensor, cells: int, how: str) -> Tensor:
    """Frame labels [clips, frames, classes] -> the teacher's cells, by max or mean (row 12)."""
    pool = functional.adaptive_max_pool1d if how == "max" else functional.adaptive_avg_pool1d
    return pool(frames.mT, cells).mT


def consistency(guide: Tensor, learner: Tensor, settings: ObjectiveSettings,
                alpha: float = 1.0) -> Tensor:  # fmt: skip
    """L_con of eq. 3: logits of the learner against detached logits of the guide (row 13)."""
    chosen, limit = settings.consistency, settings.posterior_limit
    target = guide.detach().sigmoid()
    if chosen.targets == "hard":
        target = (guide.detach() > 0).to(learner.dtype)  # a posterior above 0.5
    if chosen.loss == "mse":
        return alpha * (learner.sigmoid() - target).square().mean()
    if chosen.alpha_place == "inside":
        return cross_entropy(limited(learner, limit, alpha), alpha * target).mean()
    return alpha * cross_entropy(limited(learner, limit), target).mean()


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
            terms[f"loss.weak.{name}"] = self._weak(output.tag_logits, targets, focal)
            terms[f"loss.strong.{name}"] = self._strong(name, output.frame_logits, targets, focal)
        terms |= self._consistency(teacher.tag_logits, student.tag_logits, targets, alpha)
        if self.projections is not None:
            terms |= self._distillation(teacher.features, student.features, targets, beta)
        terms["loss"] = torch.stack(list(terms.values())).sum()
        return terms

    def _supervised(self, logits: Tensor, target: Tensor, focal: bool) -> Tensor:
        if not len(logits):  # a random batch may lack a role
            return logits.new_zeros(())
        logits = limited(logits, self.settings.posterior_limit)
        if focal:
            return focal_loss(logits, target, self.settings.focal).mean()
        return cross_entropy(logits, target).mean()

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
                loss = functional.mse_loss(*rows(student, teacher, chosen.distance))
            else:
                loss = distances(teacher, student, chosen.distance).mean()
            terms["loss.dfd"] = beta * chosen.dfd_weight * loss
        return terms
