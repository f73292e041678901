"""One network that is trained alone, on tags, on frames, or on both (framework: single)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from resed.errors import ConfigError
from resed.settings import ModelSettings, SystemSettings
from resed.train.batches import Stratum
from resed.train.frame_crnn import FrameCrnn
from resed.train.model import Output, initialise
from resed.train.objective import Targets, cross_entropy, limited
from resed.train.wels import WelsNet


class OneNetwork(nn.Module):
    """The network `model.wels` or `model.frame_crnn`; it has no teacher."""

    teacher = None

    def __init__(self, mels: int, frames: int, classes: int, model: ModelSettings):
        super().__init__()
        network = WelsNet if model.wels is not None else FrameCrnn
        self.student = network(mels, frames, classes, model)
        initialise(self, model)


def refuse_unlabelled(settings: SystemSettings, training: Mapping[str, Stratum]) -> None:
    """Raise ConfigError if a loss has a weight and clips of a role have no target for it."""
    weights = settings.objective.single
    for role, stratum in training.items():
        for name, weight, target in (
            ("tags", weights.tags, stratum.tags),
            ("frames", weights.frames, stratum.frames),
        ):
            if weight and target is None:
                raise ConfigError(
                    f"the {role} clips have no {name}",
                    place=f"objective.single.{name}",
                    cure=f"set it to 0, train on targets that have {name}, or set "
                    f"schedule.batch.{role} to 0",
                )


def single_losses(student: Output, targets: Targets, settings: SystemSettings) -> dict[str, Tensor]:
    """Binary cross-entropy on tags and on frames; targets may be soft.

    Means over clips and classes, and over frames: eq. 1 and 2 of Kumar and Ithapu (2020).
    """
    chosen, limit = settings.objective.single, settings.objective.posterior_limit
    terms = {}
    for name, weight, logits, target in (
        ("loss.weak.student", chosen.tags, student.tag_logits, targets.tags),
        ("loss.strong.student", chosen.frames, student.frame_logits, targets.frames),
    ):
        if weight:
            terms[name] = weight * cross_entropy(limited(logits, limit), target).mean()
    terms["loss"] = torch.stack(list(terms.values())).sum()
    return terms
