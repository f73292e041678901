"""How teacher and student are coupled, and what a training step computes.

Joint: both are trained and guide each other. Averaged: the teacher is the moving average of the
student.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from resed.config.network_file import NetworkFile
from resed.errors import ConfigError
from resed.settings import (
    FeatureSettings,
    ModelSettings,
    ScheduleSettings,
    SystemSettings,
    scaled,
)
from resed.train import schedule
from resed.train.augment import augment, augment_magnitudes
from resed.train.batches import Stratum
from resed.train.crnn import MeanTeacher, statistics
from resed.train.distillation import Projections
from resed.train.model import Output, TeacherStudent
from resed.train.objective import Objective, Targets, cross_entropy, limited
from resed.train.own_network import OwnNetwork
from resed.train.parallel import Processes, distributed_network
from resed.train.single import OneNetwork, refuse_unlabelled, single_losses
from resed.train.wels import wels_grid

Networks = TeacherStudent | MeanTeacher | OneNetwork


def build_networks(
    model: ModelSettings,
    features: FeatureSettings,
    classes: int,
    shares: Sequence[float],
    file: NetworkFile | None = None,
) -> Networks:
    """Student and teacher of a framework; ConfigError if the features do not fit it.

    Args:
        file: the file with the class of `model.own`.
    """
    scale = "linear" if model.framework == "mean_teacher" else "log"
    if features.scale != scale:
        raise ConfigError(
            f"{model.framework} takes {scale} mels, but the features have scale: {features.scale}",
            place="model.framework",
            cure="correct the feature set of the system",
        )
    if features.short == "marked" and model.own is not None:
        problem = "frames after the end of a clip have no numbers, which such a network cannot take"
        raise ConfigError(problem, place="model.own", cure="use a feature set with short: silence")
    if features.short == "marked" and model.input_norm != "training_clips":
        raise ConfigError(
            "requires input_norm: training_clips, because the features have short: marked",
            place="model.input_norm",
            cure="set it, with model.scaler; or use a feature set with short: silence",
        )
    if model.framework == "mean_teacher":
        return MeanTeacher(features.n_mels, features.frames, classes, model)
    if model.framework == "single":
        return OneNetwork(features.n_mels, features.frames, classes, model, file)
    return TeacherStudent(model, features.n_mels, features.frames, classes, shares=shares)


def frame_grid(model: ModelSettings, features: FeatureSettings) -> tuple[int, float]:
    """Frames of the posteriors of the student, and the seconds from one to the next."""
    if model.wels is not None:
        cells, step = wels_grid(features.frames, model.wels)
        return cells, step * features.seconds_per_frame
    if model.framework in ("joint", "single"):
        return features.frames, features.seconds_per_frame
    cells, step = features.frames, 1
    for pool, _ in model.crnn.pools:
        cells, step = cells // pool, step * pool
    return cells, step * features.seconds_per_frame


class Framework(ABC):
    """Networks and objective of a training; `moment` returns the weights that change with time."""

    def __init__(self, settings: SystemSettings, networks: nn.Module):
        self.settings, self.networks = settings, networks
        self.projections: Projections | None = None

    def parameters(self) -> Iterator[nn.Parameter]:
        """All parameters, trained or not."""
        yield from self.networks.parameters()
        if self.projections is not None:
            yield from self.projections.parameters()

    def prepare(self, training: Mapping[str, Stratum]) -> None:  # noqa: B027 (a hook that may stay empty)
        """Use the training clips before the first step."""

    def augment(self, mels: Tensor, targets: Targets) -> tuple[Tensor, Targets]:
        """Augment a batch by schedule.augment."""
        return augment(mels, targets, self.settings.schedule.augment)

    def distribute(self, processes: Processes, device: torch.device) -> None:
        """Compute a part of every batch in each of several processes."""
        raise NotImplementedError  # refuse_undivided names the frameworks that cannot

    @abstractmethod
    def outputs(self, noisy: Tensor, mels: Tensor, targets: Targets) -> tuple[Output, Output]:
        """Outputs of teacher and student for a batch."""

    @abstractmethod
    def moment(self, step: int, steps: int) -> dict[str, float]:
        """Weights that change with time, at optimiser step `step` of `steps` per epoch."""

    @abstractmethod
    def losses(self, teacher: Output, student: Output, targets: Targets,
               moment: Mapping[str, float]) -> dict[str, Tensor]:  # fmt: skip
        """All loss terms by name, and their sum as "loss"."""

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients of the loss."""
        loss.backward()

    def after(self, step: int) -> None:  # noqa: B027 (a hook that may stay empty)
        """Called after optimiser step `step`, counted from 0."""

    def final(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a checkpoint, from those at the end of the training."""
        return weights


class Joint(Framework):
    """Guided Learning and Liang et al. (eqs. 3 to 6)."""

    def __init__(self, settings: SystemSettings, networks: TeacherStudent):
        super().__init__(settings, networks)
        chosen = settings.objective.distillation
        if chosen.tfd or chosen.dfd != "none":
            dimension = scaled(chosen.dimension, settings.model.width)
            sizes = networks.teacher.dimension, networks.student.dimension
            self.projections = Projections(*sizes, dimension, chosen)
        self.objective = Objective(settings.objective, self.projections)

    def outputs(self, noisy: Tensor, mels: Tensor, targets: Targets) -> tuple[Output, Output]:
        """Outputs with frame posteriors of the strong clips only, which the losses use."""
        strong = targets.strong_clips
        return self.networks.teacher(noisy, strong), self.networks.student(mels, strong)

    def moment(self, step: int, steps: int) -> dict[str, float]:
        """alpha, beta, and whether it is stage two."""
        objective, epochs = self.settings.objective, self.settings.schedule.epochs
        ramp = objective.distillation.beta
        return {
            "alpha": schedule.alpha(step // steps, objective.consistency),
            "beta": schedule.beta(step, steps, epochs, ramp) if self.projections else 0.0,
            "focal": schedule.is_focal(
                step // steps, objective.focal.enabled, self.settings.schedule
            ),
        }

    def losses(self, teacher: Output, student: Output, targets: Targets,
               moment: Mapping[str, float]) -> dict[str, Tensor]:  # fmt: skip
        """Eq. 5, or eq. 6 in stage two."""
        return self.objective(
            teacher, student, targets, alpha=moment["alpha"], beta=moment["beta"],
            focal=bool(moment["focal"]),
        )  # fmt: skip


class Averaged(Framework):
    """Mean Teacher, the official baseline."""

    networks: MeanTeacher

    def prepare(self, training: Mapping[str, Stratum]) -> None:
        """Scale by the statistics of all training clips, without noise."""
        self.networks.scale(*statistics([stratum.features for stratum in training.values()]))

    def augment(self, mels: Tensor, targets: Targets) -> tuple[Tensor, Targets]:
        """Augment the logarithms of a batch of magnitudes by schedule.augment."""
        return augment_magnitudes(mels, targets, self.settings.schedule.augment)

    def outputs(self, noisy: Tensor, mels: Tensor, targets: Targets) -> tuple[Output, Output]:
        """All frames of both; the teacher has no gradient but is in training mode.

        Without consistency, a teacher with averaged statistics computes nothing; the student's
        output then stands for its.
        """
        chosen = self.settings.objective.mean_teacher
        if chosen.statistics == "averaged" and not chosen.consistency:
            student = self.networks.student(mels)
            return Output(*(part.detach() for part in vars(student).values())), student
        with torch.no_grad():
            teacher = self.networks.teacher(noisy)
        return teacher, self.networks.student(mels)

    def moment(self, step: int, steps: int) -> dict[str, float]:
        """The weight of the consistency losses."""
        chosen = self.settings.objective.mean_teacher
        total = steps * self.settings.schedule.epochs
        return {
            "consistency": chosen.consistency * schedule.sigmoid_ramp(step, total * chosen.ramp)
        }

    def losses(self, teacher: Output, student: Output, targets: Targets,
               moment: Mapping[str, float]) -> dict[str, Tensor]:  # fmt: skip
        """BCE of the student on tags and strong frames, MSE to the teacher on all clips."""
        weak, strong = targets.weak, targets.strong_clips
        if self.settings.objective.weak.clips == "labelled":
            weak += targets.strong
        weight = moment["consistency"]
        limit = self.settings.objective.posterior_limit
        clips = limited(student.tag_logits[:weak], limit)
        frames = limited(student.frame_logits[strong], limit)
        apart = functional.mse_loss(student.tags, teacher.tags)
        frames_apart = functional.mse_loss(student.frames, teacher.frames)
        terms = {
            "loss.weak.student": _mean(cross_entropy(clips, targets.tags[:weak])),
            "loss.strong.student": cross_entropy(frames, targets.frames).mean(),
            "loss.consistency.teacher_to_student": weight * apart,
            "loss.consistency.frames": weight * frames_apart,
        }
        terms["loss"] = torch.stack(list(terms.values())).sum()
        return terms

    def after(self, step: int) -> None:
        """Average the student into the teacher."""
        chosen = self.settings.objective.mean_teacher
        statistics = chosen.statistics == "averaged"
        self.networks.average(step + 1, chosen.decay, statistics=statistics)

    def final(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """With `final: teacher`, the weights of the moving average for both networks."""
        if self.settings.objective.mean_teacher.final == "student":
            return weights
        names = {key: key.replace("student.", "teacher.", 1) for key in weights}
        return {key: weights[name] for key, name in names.items()}


class Single(Framework):
    """One network, whose output stands for that of the teacher, too."""

    networks: OneNetwork

    def __init__(self, settings: SystemSettings, networks: OneNetwork):
        super().__init__(settings, networks)
        self.student: nn.Module = networks.student

    def distribute(self, processes: Processes, device: torch.device) -> None:
        """Average gradients over all processes."""
        self.student = distributed_network(self.networks.student, processes, device)

    def prepare(self, training: Mapping[str, Stratum]) -> None:
        """Require targets, and logits of frames, for each loss."""
        refuse_unlabelled(self.settings, training)
        student = self.networks.student
        is_own = isinstance(student, OwnNetwork)
        if is_own and self.settings.objective.single.frames and not student.has_frames:
            raise ConfigError(
                f"{student.name} returns no frame logits",
                place="objective.single.frames",
                cure="set it to 0, or return frame logits",
            )

    def outputs(self, noisy: Tensor, mels: Tensor, targets: Targets) -> tuple[Output, Output]:
        """Outputs with frame posteriors of all clips."""
        student = self.student(mels)
        return student, student

    def moment(self, step: int, steps: int) -> dict[str, float]:
        """No weight changes with time."""
        return {}

    def losses(self, teacher: Output, student: Output, targets: Targets,
               moment: Mapping[str, float]) -> dict[str, Tensor]:  # fmt: skip
        """BCE on tags and on frames."""
        return single_losses(student, targets, self.settings)

    def backward(self, loss: Tensor) -> None:
        """Compute the gradients; errors in the code of the user become one line."""
        student = self.networks.student
        student.backward(loss) if isinstance(student, OwnNetwork) else loss.backward()


def _mean(losses: Tensor) -> Tensor:
    """The mean, or 0 of no clips."""
    return losses.mean() if len(losses) else losses.sum()


def build_framework(
    settings: SystemSettings,
    features: FeatureSettings,
    classes: int,
    shares: Sequence[float],
    file: NetworkFile | None = None,
) -> Framework:
    """The framework of `settings.model`, with newly initialised networks."""
    refuse_unfit(settings.schedule, settings.model, features)
    networks = build_networks(settings.model, features, classes, shares, file)
    if isinstance(networks, MeanTeacher):
        return Averaged(settings, networks)
    if isinstance(networks, OneNetwork):
        return Single(settings, networks)
    return Joint(settings, networks)


def refuse_unfit(chosen: ScheduleSettings, model: ModelSettings, features: FeatureSettings) -> None:
    """Raise ConfigError if the schedule has options that features or Mean Teacher do not support.

    Frames past the end of a clip that are not silence cannot be augmented.
    """
    average = model.framework == "mean_teacher"
    changed = {k: v for k, v in chosen.augment.model_dump().items() if v}
    if changed and features.short != "silence" and (average or features.short == "marked"):
        whose = "Mean Teacher" if average else "the system"
        raise ConfigError(
            f"requires complete clips, but the features of {whose} have frames past their end",
            place=f"schedule.augment.{next(iter(changed))}",
            cure="remove it, or set short: silence in the feature set",
        )
    if average and chosen.batch.sampling == "random":
        problem, place = "Mean Teacher requires strata", "schedule.batch.sampling"
        raise ConfigError(problem, place=place, cure="set it to strata")
