"""resume.pt: the state of an unfinished training, after an epoch or within a long one."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from resed.errors import CheckpointError
from resed.formats import checkpoint
from resed.formats.history import LOSS_COLUMNS
from resed.formats.validation import Fields, Kind, SourceFile, integer, list_of
from resed.train.epoch_log import EpochLog
from resed.train.precision import made_with
from resed.train.run import TrainingRun
from resed.train.selection import Best

WITHIN = Fields(  # the log of an epoch after `step` of its steps
    {
        "step": integer(1),
        "present": list_of(Kind("a loss", lambda value: value in LOSS_COLUMNS)),
        **dict.fromkeys(("losses", "posteriors", "weights"), checkpoint.MOMENTS.keys["exp_avg_sq"]),
    }
)


class Resumable(Protocol):
    """The parts of a trainer that resume.pt has, or that show whether it fits."""

    run: TrainingRun
    device: torch.device
    autocast: torch.dtype | None
    steps: int
    within: dict[str, Any] | None
    made_by: dict[str, Any]
    epoch: int
    history: list[dict[str, Any]]
    best: Best
    networks: nn.Module
    projections: nn.Module | None
    optimiser: torch.optim.Optimizer
    say: Callable[[str], None]


def state_of(trainer: Resumable, log: EpochLog | None = None, step: int = 0) -> dict[str, Any]:
    """The content of resume.pt; within an epoch also its `log`, after `step` of its steps."""
    generators = {"cpu": torch.get_rng_state()}
    if trainer.device.type == "cuda":
        generators["cuda"] = torch.cuda.get_rng_state(trainer.device)
    return {
        "identity": trainer.run.identity(),
        "made_by": trainer.made_by,
        "made_with": made_with(trainer.device, trainer.autocast),
        "epoch": trainer.epoch,
        "networks": trainer.networks.state_dict(),
        "projections": trainer.projections.state_dict() if trainer.projections else {},
        "optimiser": trainer.optimiser.state_dict(),
        "generators": generators,
        "history": trainer.history,
        "best": vars(trainer.best),
        **({"within": {"step": step, **log.state()}} if log is not None else {}),
    }


def restored(
    trainer: Resumable,
    path: Path,
    common: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> dict[str, Any] | None:
    """Put the state of a file into a trainer and return it; None if it has other settings.

    Args:
        common: the part of an identity that must be equal, for the state of another training.

    Raises CheckpointError for a file that is damaged or does not fit the networks.
    """
    state = checkpoint.load_state(path)
    needed = common or dict
    different = checkpoint.first_difference(
        needed(state["identity"]), needed(trainer.run.identity())
    )
    if different:
        trainer.say(f"{path}: has other settings ({different}); training starts from epoch 1")
        return None
    parameters = trainer.optimiser.param_groups[0]["params"]
    checkpoint.refuse_unfit(path, state, state_of(trainer), parameters)
    _refuse_other_steps(path, state, trainer.steps, len(trainer.run.classes))
    trainer.networks.load_state_dict(state["networks"])
    if trainer.projections:
        trainer.projections.load_state_dict(state["projections"])
    trainer.optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["generators"]["cpu"])
    if trainer.device.type == "cuda" and "cuda" in state["generators"]:
        torch.cuda.set_rng_state(state["generators"]["cuda"], trainer.device)
    trainer.epoch, trainer.history = state["epoch"], state["history"]
    trainer.best, trainer.within = Best(**state["best"]), state.get("within")
    within = trainer.within
    after = f"step {within['step']} of epoch {trainer.epoch + 1}" if within else (
        f"epoch {trainer.epoch}")  # fmt: skip
    how = "continues the common training" if common else "resumed"
    trainer.say(f"{trainer.run.system} seed {trainer.run.seed}: {how} after {after}")
    say_if_moved(path, state.get("made_with"), made_with(trainer.device, trainer.autocast),
                 trainer.say)  # fmt: skip
    return state


def keep_maker(trainer: Resumable, path: Path, theirs: dict[str, Any] | None) -> None:
    """Report a change of the code; the checkpoint keeps the fingerprint of the code before."""
    if theirs is not None and trainer.made_by and theirs["code"] != trainer.made_by["code"]:
        trainer.made_by = theirs
        trainer.say(
            f"{path}: was begun by other code of resed; training continues, and its checkpoint "
            "counts as stale; delete the file to start again"
        )


def _refuse_other_steps(path: Path, state: Mapping[str, Any], steps: int, classes: int) -> None:
    """Raise CheckpointError for a log of an epoch with other steps or classes."""
    if (within := state.get("within")) is None:
        return
    SourceFile(path, CheckpointError, checkpoint.CURE).check(within, WITHIN, "within")
    shapes = (tuple(within[name].shape) for name in ("posteriors", "weights"))
    if (
        within["losses"].shape != (steps, len(LOSS_COLUMNS))
        or within["step"] >= steps
        or {*shapes} != {(classes,)}
    ):
        problem = "within does not fit the steps of an epoch, or the classes"
        raise CheckpointError(problem, place=path, cure=checkpoint.CURE)


def say_if_moved(
    path: Path,
    theirs: dict[str, Any] | None,
    ours: dict[str, Any],
    say: Callable[[str], None],
) -> None:
    """Report a change of device or precision since the file was written.

    The change is not refused, because a queue may assign another GPU. The result then differs
    from that of either machine.
    """
    if theirs is None or theirs == ours:  # older files have none
        return
    pairs = [checkpoint.first_difference({k: theirs.get(k)}, {k: v}) for k, v in ours.items()]
    moved = "; ".join(filter(None, pairs))
    say(
        f"{path}: was made on another device or with another precision ({moved}); training "
        "continues with those of this machine; delete the file to start again"
    )
