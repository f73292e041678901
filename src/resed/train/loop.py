"""The training loop, which joins model, objective, schedule and batches and can be resumed."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from resed.errors import MOST_CLASSES, DivergedError, some
from resed.formats import checkpoint
from resed.formats.history import write_history
from resed.runtime.fingerprint import made_by
from resed.train import schedule
from resed.train.augment import noisy
from resed.train.batches import Batches, Stratum
from resed.train.epoch_log import EpochLog, geometry
from resed.train.evaluate import infer, quick_scores
from resed.train.finite import NumberError, StepNumbers
from resed.train.framework import build_framework
from resed.train.initial import Initial
from resed.train.objective import focal_weight
from resed.train.precision import arithmetic, made_with
from resed.train.run import TrainingRun
from resed.train.selection import Best, is_better, is_over, score_of, tag_thresholds

SHOWN = (  # scores in the line of an epoch
    ("tags", "development.tags_f1"),
    ("frames", "development.frame_f1"),
    ("mAP", "development.tags_map"),
)
MOST_PARTS = 20  # of networks that a message lists


class Trainer:
    """One training of one system with one seed."""

    def __init__(self, run: TrainingRun, strata: dict[str, Stratum], evaluated: dict[str, Stratum],
                 device: torch.device, *, say: Callable[[str], None] = print):  # fmt: skip
        torch.manual_seed(run.random_seed)
        self.run, self.device, self.say = run, device, say
        self.settings = run.settings.schedule
        self.steps = schedule.steps_per_epoch(self.settings, {r: len(s) for r, s in strata.items()})
        self.batches = Batches(
            strata, self.settings.batch, run.random_seed, device, epoch=self.steps
        )
        self.framework = build_framework(
            run.settings, run.features, len(run.classes), run.shares, run.network
        )
        self.framework.prepare(strata)
        if run.scale is not None:
            self.framework.networks.scale(*run.scale)
        if run.initial is not None:
            self._start_from(run.initial)
        self.networks = self.framework.networks.to(device)
        self.projections = self.framework.projections
        if self.projections is not None:
            self.projections.to(device)
        self.evaluated = evaluated
        trained = [p for p in self.framework.parameters() if p.requires_grad]
        self.optimiser = torch.optim.Adam(
            trained,
            lr=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
            fused=True,
        )
        self.autocast = arithmetic(self.settings.precision, device)
        self.epoch, self.history, self.best = 0, [], Best()
        self.made_by = made_by("train")

    def _start_from(self, initial: Initial) -> None:
        """Replace weights by those of another training, and report which."""
        classes = self.run.classes
        taken, new = initial.put_into(self.framework.networks, classes, self.run.shares)
        added = [label for label in classes if label not in initial.classes]
        self.say(
            f"{self.run.system} starts from {initial.name}: took {some(taken, MOST_PARTS)}; new: "
            f"{some(new, MOST_PARTS) or 'nothing'}"
            + f" (new classes: {some(added, MOST_CLASSES)})"
            * bool(added)
        )

    # ---- the run -------------------------------------------------------------------------

    def train(self, resume: bool = True) -> Path:
        """Train to the last epoch and return the path of the checkpoint.

        Raises:
            DivergedError: a number is not finite or too large; names epoch, step and term. Nothing
                of that epoch is saved.
        """
        state = self.run.folder / "resume.pt"
        if resume:
            self._restore(state)
        while self.epoch < self.settings.epochs and not is_over(self.history, self.settings):
            try:
                self._epoch()
            except NumberError as error:
                raise self._diverged(error) from None
            self._select()
            self.epoch += 1
            checkpoint.save(state, self._state())
            write_history(self.run.folder / "history.csv", self.history, self.run.classes)
        final = self.run.folder / "checkpoint.pt"
        write_history(self.run.folder / "history.csv", self.history, self.run.classes)
        weights = self.framework.final(self.best.weights or _copy(self.networks))
        epoch = self.best.epoch if self.best.weights else self.epoch - 1
        checkpoint.save(
            final,
            {
                "identity": self.run.identity(),
                "epoch": epoch,
                "networks": weights,
                **self._thresholds(weights),
                "made_by": self.made_by,
            },
        )
        state.unlink(missing_ok=True)
        return final

    def _epoch(self) -> None:
        started = time.monotonic()
        rate = schedule.learning_rate(self.epoch, self.settings)
        for group in self.optimiser.param_groups:
            if self.settings.reset_moments and group["lr"] != rate:
                self.optimiser.state.clear()
            group["lr"] = rate
        log = EpochLog(self.steps, len(self.run.classes), self.device)
        moment = self._steps(log, started)
        seconds = time.monotonic() - started
        clips = self.steps * self.batches.clips
        stage = 2 if moment.pop("focal", False) else 1
        row: dict[str, Any] = {
            "epoch": self.epoch,
            "step": (self.epoch + 1) * self.steps,
            "stage": stage,
            **log.means(),
            **moment,
            "learning_rate": rate,
            **geometry(self.networks, self.projections, self._shown()),
            **log.class_means(self.run.classes),
            "clips_per_second": round(clips / seconds, 1),
        }
        if (self.epoch + 1) % self.settings.evaluate_every == 0 or self._is_last():
            row |= self._scores()
        self.history.append(row)
        self._say_epoch(row, seconds)

    def _steps(self, log: EpochLog, started: float) -> dict[str, float]:
        """Make all steps of an epoch; return the weights at its end. Raises NumberError."""
        modules: dict[str, torch.nn.Module] = {"": self.networks}
        if self.projections is not None:
            modules["projections."] = self.projections
        limit = self.settings.largest_loss
        numbers = StepNumbers(modules, self.optimiser, self.steps, self.device, largest_loss=limit)
        inputs: dict[str, Tensor] = {}
        moment: dict[str, float] = {}
        for number in range(self.steps):
            step = self.epoch * self.steps + number
            moment = self.framework.moment(step, self.steps)
            inputs, terms, *means = self._step(step, moment)
            log.add(number, terms, *means)
            numbers.add(number, inputs, terms)
            if self.device.type == "cpu":  # on a GPU this would wait for every step
                numbers.check(inputs, number)
            self._progress(number, log, started)
        numbers.check(inputs)
        return moment

    def _step(
        self, step: int, moment: dict[str, float]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor, Tensor]:
        """Make one optimiser step; return inputs and losses, and mean p_t and weight per class."""
        mels, targets = self.batches(step)
        mels, targets = self.framework.augment(mels, targets)
        inputs = {"of the student": mels, "of the teacher": noisy(mels, self.settings)}
        dtype, enabled = self.autocast or torch.bfloat16, self.autocast is not None
        with torch.autocast(self.device.type, dtype, enabled=enabled):
            teacher, student = self.framework.outputs(inputs["of the teacher"], mels, targets)
        terms = self.framework.losses(teacher, student, targets, moment)
        self.optimiser.zero_grad(set_to_none=True)
        self.framework.backward(terms["loss"])
        schedule.adam_step(self.optimiser, step, self.settings)
        self.framework.after(step)
        with torch.no_grad():
            logits = student.tag_logits[: len(targets.tags)]
            logits = torch.where(targets.tags > 0.5, logits, -logits)  # of p_t
            weight = focal_weight(logits, self.run.settings.objective.focal)
            means = logits.sigmoid().mean(dim=0), weight.mean(dim=0)
        return inputs, {k: v.detach() for k, v in terms.items()}, *means

    def _diverged(self, error: NumberError) -> DivergedError:
        step = self.steps if error.step is None else error.step + 1
        problem = f"diverged at epoch {self.epoch + 1} step {step}: {error.problem}"
        return DivergedError(problem, place=self.run.system, cure=error.cure)

    def _is_last(self) -> bool:
        return self.epoch + 1 == self.settings.epochs

    def _is_single(self) -> bool:
        return self.run.settings.model.framework == "single"

    def _scores(self) -> dict[str, float]:
        """Quick scores of all evaluated strata, as {name}.{score}."""
        found = {}
        for name, stratum in self.evaluated.items():
            events = name == "held_out" and self.settings.selection_score == "events_weak"
            grid = self.run.grid if events else None
            ranked = self.settings.selection_score == "map" or self._is_single()
            scores = quick_scores(self.networks, name, stratum, self.device, grid, ranked=ranked)
            found |= {f"{name}.{key}": value for key, value in scores.items()}
        return found

    def _select(self) -> None:
        """Keep the weights of the best epoch if the settings select epochs (row 21)."""
        score = score_of(self.history[-1], self.settings)
        if score is not None and is_better(score, self.best, self.settings):
            self.best = Best(score, self.epoch, _copy(self.networks))

    def _thresholds(self, weights: dict[str, Tensor]) -> dict[str, Any]:
        """Tag thresholds of the final weights, with schedule.tag_thresholds; otherwise nothing."""
        if not self.settings.tag_thresholds:
            return {}
        clips = self.evaluated[self.settings.selection]
        assert clips.tags is not None
        self.networks.load_state_dict(weights)
        _, tags, _ = infer(self.networks, clips.features, self.device)
        found = tag_thresholds(tags.numpy(), clips.tags.cpu().numpy())
        return {"tag_thresholds": dict(zip(self.run.classes, found, strict=True))}

    # ---- history and terminal --------------------------------------------------------------

    def _shown(self) -> Tensor:
        """Input of the networks for the norms and ranks of the history."""
        mels, targets = self.batches(0)
        return mels[targets.strong_clips] if targets.strong else mels

    def _progress(self, number: int, log: EpochLog, started: float) -> None:
        if self.epoch or (number + 1) not in (1, 10) or number + 1 == self.steps:
            return  # in the first epoch only: progress, and the time it will take
        pace = (time.monotonic() - started) / (number + 1)
        left = pace * self.steps * self.settings.epochs / 60
        self.say(
            f"{self.run.system} seed {self.run.seed}: step {number + 1}/{self.steps}, "
            f"loss {log.last_loss(number):.3f}, about {left:.1f} min in total"
        )

    def _say_epoch(self, row: dict[str, Any], seconds: float) -> None:
        left = seconds * (self.settings.epochs - self.epoch - 1) / 60
        scores = ", ".join(f"{name} {100 * row[key]:.1f}" for name, key in SHOWN if key in row)
        self.say(
            f"{self.run.system} seed {self.run.seed}: epoch {self.epoch + 1}/{self.settings.epochs}"
            f", loss {row['loss']:.3f}, development F1 % [{scores}], "
            f"{row['clips_per_second']:.0f} clips/s, {left:.1f} min left"
        )

    # ---- resuming --------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        generators = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            generators["cuda"] = torch.cuda.get_rng_state(self.device)
        return {
            "identity": self.run.identity(),
            "made_by": self.made_by,
            "made_with": made_with(self.device, self.autocast),
            "epoch": self.epoch,
            "networks": self.networks.state_dict(),
            "projections": self.projections.state_dict() if self.projections else {},
            "optimiser": self.optimiser.state_dict(),
            "generators": generators,
            "history": self.history,
            "best": vars(self.best),
        }

    def _restore(self, path: Path) -> None:
        if not path.is_file():
            return
        state = checkpoint.load_state(path)
        different = checkpoint.first_difference(state["identity"], self.run.identity())
        if different:
            self.say(f"{path}: has other settings ({different}); training starts from epoch 1")
            return
        parameters = self.optimiser.param_groups[0]["params"]
        checkpoint.refuse_unfit(path, state, self._state(), parameters)
        self.networks.load_state_dict(state["networks"])
        if self.projections:
            self.projections.load_state_dict(state["projections"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["generators"]["cpu"])
        if self.device.type == "cuda" and "cuda" in state["generators"]:
            torch.cuda.set_rng_state(state["generators"]["cuda"], self.device)
        self.epoch, self.history = state["epoch"], state["history"]
        self.best = Best(**state["best"])
        self.say(f"{self.run.system} seed {self.run.seed}: resumed after epoch {self.epoch}")
        self._say_if_moved(path, state.get("made_with"))
        self._keep_maker(path, state.get("made_by"))

    def _keep_maker(self, path: Path, theirs: dict[str, Any] | None) -> None:
        """Report a change of the code; the checkpoint keeps the fingerprint of the code before."""
        if theirs is not None and self.made_by and theirs["code"] != self.made_by["code"]:
            self.made_by = theirs
            self.say(
                f"{path}: was begun by other code of resed; training continues, and its checkpoint "
                "counts as stale; delete the file to start again"
            )

    def _say_if_moved(self, path: Path, theirs: dict[str, Any] | None) -> None:
        """Report a change of device or precision since the file was written.

        The change is not refused, because a queue may assign another GPU. The result then differs
        from that of either machine.
        """
        ours = made_with(self.device, self.autocast)
        if theirs is None or theirs == ours:  # older files have none
            return
        pairs = [checkpoint.first_difference({k: theirs.get(k)}, {k: v}) for k, v in ours.items()]
        moved = "; ".join(filter(None, pairs))
        self.say(
            f"{path}: was made on another device or with another precision ({moved}); training "
            "continues with those of this machine; delete the file to start again"
        )


def _copy(networks: torch.nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().cpu().clone() for key, value in networks.state_dict().items()}
