"""Quantities that change with time: alpha, beta, the learning rate, the stage."""

import math

import torch

from resed.settings import BetaSettings, ConsistencySettings, ScheduleSettings

EPSILON = 1e-7  # of Adam in Keras


def alpha(epoch: int, settings: ConsistencySettings) -> float:
    """alpha = 1 - lambda^(e - s) for e > s, otherwise 0 (section 3.2).

    The printed formula is negative before s; there it is 0, because the text adds the term only
    "when the teacher is stable". `epoch` counts from 0.
    """
    if epoch <= settings.alpha_start:
        return 0.0
    return 1.0 - settings.alpha_lambda ** (epoch - settings.alpha_start)


def beta(step: int, steps_per_epoch: int, epochs: int, settings: BetaSettings) -> float:
    """beta = maximum * exp(-5 (1 - x)^2), x from 0 to 1 (section 3.2, row 15).

    `step` counts the optimiser steps of the whole training from 0.
    """
    total = steps_per_epoch * epochs
    if settings.ramp == "constant":
        return settings.maximum
    if settings.ramp == "half":
        return settings.maximum * sigmoid_ramp(step, 0.5 * total)
    over = epochs if settings.ramp == "full" else settings.ramp_epochs
    return settings.maximum * sigmoid_ramp(step // steps_per_epoch, over)


def sigmoid_ramp(position: float, over: float) -> float:
    """exp(-5 (1 - x)^2) with x = position / over, and 1 from x = 1 on (Laine and Aila, 2017)."""
    return math.exp(-5.0 * (1.0 - min(1.0, position / over)) ** 2)


def learning_rate(epoch: int, settings: ScheduleSettings) -> float:
    """The rate of an epoch, counted from 0 (row 20).

    It is multiplied by `decay` every `decay_every` epochs, each time `decay_delay` epochs later.
    """
    decays = max(0, epoch - settings.decay_delay) // settings.decay_every
    return settings.learning_rate * settings.decay**decays


def adam_step(optimiser: torch.optim.Adam, step: int, settings: ScheduleSettings) -> None:
    """Make optimiser step `step`, counted from 0, with the epsilon of schedule.adam.

    Keras adds it to the root of the second moment before the bias of the moment is corrected; after
    the correction, it is 1e-7 / sqrt(1 - beta2^t) at step t, counted from 1.
    """
    if settings.adam == "pytorch":
        optimiser.step()
        return
    (group,) = optimiser.param_groups
    kept = group["eps"]
    group["eps"] = EPSILON / math.sqrt(1 - group["betas"][1] ** (step + 1))
    optimiser.step()
    group["eps"] = kept  # a resumed training compares it


def is_focal(epoch: int, focal: bool, settings: ScheduleSettings) -> bool:
    """Whether an epoch is in stage two: with focal loss, after the first tau epochs (eq. 6)."""
    return focal and epoch >= settings.stage_one


def steps_per_epoch(settings: ScheduleSettings, counts: dict[str, int]) -> int:
    """Optimiser steps per epoch.

    longest: until every clip of every role was used. shortest: as many full batches as the role
    with the fewest has, at least one. With batch.sampling random, all roles count as one.

    Args:
        counts: clips of each training role.
    """
    if isinstance(settings.steps_per_epoch, int):
        return settings.steps_per_epoch
    sizes = {role: getattr(settings.batch, role) for role in counts}
    if settings.batch.sampling == "random":
        counts, sizes = {"all": sum(counts.values())}, {"all": sum(sizes.values())}
    counts = {role: n for role, n in counts.items() if sizes[role]}
    if settings.steps_per_epoch == "longest":
        return max(math.ceil(n / sizes[role]) for role, n in counts.items())
    return max(1, min(n // sizes[role] for role, n in counts.items()))
