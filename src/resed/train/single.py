"""One network that is trained alone, on tags, on frames, or on both (framework: single).

It is one of resed, or a class in a file of the user.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from resed.config.network_file import NetworkFile
from resed.errors import ConfigError
from resed.settings import ModelSettings, SystemSettings
from resed.train.batches import Stratum
from resed.train.frame_crnn import FrameCrnn
from resed.train.input_norm import Scaler
from resed.train.model import Output, initialise
from resed.train.objective import Targets, cross_entropy, limited
from resed.train.own_network import OwnNetwork
from resed.train.wels import WelsNet


class OneNetwork(nn.Module):
    """The network `model.wels`, `model.frame_crnn` or `model.own`; it has no teacher.

    Args:
        file: the file with the class of `model.own`, which is initialised by its own code.
    """

    teacher = None

    def __init__(
        self,
        mels: int,
        frames: int,
        classes: int,
        model: ModelSettings,
        file: NetworkFile | None = None,
    ):
        super().__init__()
        self.student: WelsNet | FrameCrnn | OwnNetwork
        if model.own is not None:
            if file is None:
                raise ConfigError(
                    f"the file with the class {model.own.class_name} is not given",
                    place="model.own",
                    cure="add --network-file FILE.py, or network_file to your config",
                )
            self.student = OwnNetwork(mels, frames, classes, model.own, file)
            return
        network = WelsNet if model.wels is not None else FrameCrnn
        self.student = network(mels, frames, classes, model)
        initialise(self, model)

    def scale(self, mean: Tensor, deviation: Tensor) -> None:
        """Set the statistics of the training clips, with input_norm: training_clips."""
        scaler = self.student.norm
        assert isinstance(scaler, Scaler)
        scaler.mean.copy_(mean)
        scaler.deviation.copy_(deviation)


def refuse_unlabelled(settings: SystemSettings, training: Mapping[str, Stratum]) -> None:
    """Raise ConfigError if a loss has a weight and clips have no target for it.

    With `clips: all`, clips of a role; with `clips: labelled`, all clips.
    """
    weights = settings.objective.single
    if weights.clips == "labelled":
        strata = training.values()
        for name, weight, known in (
            ("tags", weights.tags, any(one.tags is not None for one in strata)),
            ("frames", weights.frames, any(one.frames is not None for one in strata)),
        ):
            if weight and not known:
                problem, cure = f"no training clip has {name}", "set it to 0, or add such clips"
                raise ConfigError(problem, place=f"objective.single.{name}", cure=cure)
        return
    for role, stratum in training.items():
        for name, weight, target in (
            ("tags", weights.tags, stratum.tags),
            ("frames", weights.frames, stratum.frames),
        ):
            if weight and target is None:
                raise ConfigError(
                    f"the {role} clips have no {name}",
                    place=f"objective.single.{name}",
                    cure=f"set it to 0, train on targets that have {name}, set "
                    f"schedule.batch.{role} to 0, or objective.single.clips to labelled",
                )


def single_losses(student: Output, targets: Targets, settings: SystemSettings) -> dict[str, Tensor]:
    """Binary cross-entropy on tags and on frames; targets may be soft.

    Means over clips and classes, and over frames: eq. 1 and 2 of Kumar and Ithapu (2020). With
    `clips: labelled`, over the clips of the batch that have the target; 0 without any.
    """
    chosen, limit = settings.objective.single, settings.objective.posterior_limit
    tag_logits, frame_logits = student.tag_logits, student.frame_logits
    if chosen.clips == "labelled":
        tag_logits = tag_logits[: len(targets.tags)]
        frame_logits = frame_logits[targets.framed]
    terms = {}
    for name, weight, logits, target in (
        ("loss.weak.student", chosen.tags, tag_logits, targets.tags),
        ("loss.strong.student", chosen.frames, frame_logits, targets.frames),
    ):
        if weight:
            losses = cross_entropy(limited(logits, limit), target)
            terms[name] = weight * (losses.mean() if len(losses) else losses.sum())
    terms["loss"] = torch.stack(list(terms.values())).sum()
    return terms
