"""The training loop, which joins model, objective, schedule and batches and can be resumed."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from resed.errors import MOST_CLASSES, CheckpointError, DivergedError, some
from resed.formats import checkpoint
from resed.formats.history import write_history
from resed.runtime.fingerprint import made_by
from resed.settings import AugmentSettings
from resed.train import schedule
from resed.train.augment import noisy
from resed.train.batches import Batches, Stratum
from resed.train.branches import Branches
from resed.train.energy import TrainingEnergy
from resed.train.epoch_log import EpochLog, geometry
from resed.train.evaluate import infer, quick_scores
from resed.train.finite import NumberError, StepNumbers
from resed.train.framework import build_framework
from resed.train.initial import Initial
from resed.train.objective import Targets, focal_weight
from resed.train.parallel import ONE, Processes, part_of
from resed.train.precision import arithmetic
from resed.train.resume import keep_maker, restored, state_of
from resed.train.run import TrainingRun
from resed.train.selection import Best, is_better, is_over, score_of, tag_thresholds

SHOWN = (  # scores in the line of an epoch
    ("tags", "development.tags_f1"),
    ("frames", "development.frame_f1"),
    ("mAP", "development.tags_map"),
)
RESUME = "resume.pt"
SAVE_SECONDS = 600.0  # between two states of an epoch
MOST_PARTS = 20  # of networks that a message lists


class Trainer:
    """One training of one system with one seed."""

    def __init__(self, run: TrainingRun, strata: dict[str, Stratum], evaluated: dict[str, Stratum],
                 device: torch.device, *, say: Callable[[str], None] = print,
                 processes: Processes = ONE):  # fmt: skip
        torch.manual_seed(run.random_seed)
        self.run, self.device, self.say, self.processes = run, device, say, processes
        self.settings = run.settings.schedule
        self.steps = schedule.steps_per_epoch(self.settings, {r: len(s) for r, s in strata.items()})
        self.batches = Batches(strata, self.settings.batch, run.random_seed, device,
                               epoch=self.steps, processes=processes)  # fmt: skip
        self.framework = build_framework(
            run.settings, run.features, len(run.classes), run.shares, run.network
        )
        self.framework.prepare(strata)
        if run.scale is not None:
            self.framework.networks.scale(*run.scale)
        if run.initial is not None:
            self._start_from(run.initial)
        self.networks = self.framework.networks.to(device)
        if processes.count > 1:
            self.framework.distribute(processes, device)
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
        self.within: dict[str, Any] | None = None  # of resume.pt, if it is not after an epoch
        self.saved, self.save_seconds = time.monotonic(), SAVE_SECONDS
        self.made_by = made_by("train")
        self.energy = TrainingEnergy(run.folder, device, processes, say)

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

    def train(self, resume: bool = True, branches: Branches | None = None) -> Path:
        """Train to the last epoch and return the path of the checkpoint.

        Args:
            branches: states in common with other trainings.

        Raises:
            DivergedError: a number is not finite or too large; names epoch, step and term. Nothing
                of that epoch is saved.
        """
        state = self.run.folder / RESUME
        if resume:
            self._restore(state)
        own, resumed = self.epoch, bool(self.epoch or self.within)
        if branches is not None:
            branches.enter(self)
        self.energy.begin(self.epoch, resumed, self.epoch - own)
        while self.epoch < self.settings.epochs and not is_over(self.history, self.settings):
            try:
                self._epoch()
            except NumberError as error:
                raise self._diverged(error) from None
            self._select()
            self.epoch += 1
            self._save()
            if branches is not None:
                branches.leave(self)
            self._write_history()
        final = self.run.folder / "checkpoint.pt"
        self._write_history()
        if not self.processes.first:
            return final
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
        first = log.restore(self.within) if self.within else 0
        self.within = None
        moment = self._steps(log, started, first)
        seconds = time.monotonic() - started
        clips = (self.steps - first) * self.batches.clips
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

    def _steps(self, log: EpochLog, started: float, first: int = 0) -> dict[str, float]:
        """Make all steps of an epoch from `first` on; return the weights at its end.

        Raises NumberError.
        """
        modules: dict[str, torch.nn.Module] = {"": self.networks}
        if self.projections is not None:
            modules["projections."] = self.projections
        limit = self.settings.largest_loss
        numbers = StepNumbers(modules, self.optimiser, self.steps, self.device, largest_loss=limit)
        inputs: dict[str, Tensor] = {}
        moment: dict[str, float] = {}
        for number in range(first, self.steps):
            step = self.epoch * self.steps + number
            moment = self.framework.moment(step, self.steps)
            inputs, terms, *means = self._step(step, moment)
            log.add(number, terms, *means)
            numbers.add(number, inputs, terms)
            numbers.largest[number] = self.processes.mean(numbers.largest[number])
            if self.device.type == "cpu":  # on a GPU this would wait for every step
                numbers.check(inputs, number)
            self._progress(number, log, started)
            self.energy.sample()
            due = time.monotonic() - self.saved > self.save_seconds
            if due and number + 1 < self.steps:
                numbers.check(inputs)
                self._save(log, number + 1)
        numbers.check(inputs)
        return moment

    def _step(
        self, step: int, moment: dict[str, float]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor, Tensor]:
        """Make one optimiser step; return inputs and losses, and mean p_t and weight per class."""
        inputs, targets = self._batch(step)
        mels = inputs["of the student"]
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
            chosen = self.run.settings.objective.focal if moment.get("focal") else None
            weight = focal_weight(logits, chosen) if chosen else torch.ones_like(logits)
            means = logits.sigmoid().mean(dim=0), weight.mean(dim=0)
        losses = self.processes.mean(torch.stack([v.detach() for v in terms.values()]))
        means = tuple(map(self.processes.mean, means))
        return inputs, dict(zip(terms, losses, strict=True)), *means

    def _batch(self, step: int) -> tuple[dict[str, Tensor], Targets]:
        """Inputs of student and teacher in this process, and their targets.

        Random numbers are drawn for the whole batch, so that they do not depend on the processes.
        """
        if not (self.settings.teacher_noise or self.settings.augment != AugmentSettings()):
            mels, targets = self.batches.part(step)
            return {"of the student": mels, "of the teacher": mels}, targets
        mels, targets = self.framework.augment(*self.batches(step))
        noise = noisy(mels, self.settings)[self.processes.part(len(mels))]
        mels, targets = part_of(self.processes, mels, targets)
        return {"of the student": mels, "of the teacher": noise}, targets

    def _diverged(self, error: NumberError) -> DivergedError:
        step = self.steps if error.step is None else error.step + 1
        problem = f"diverged at epoch {self.epoch + 1} step {step}: {error.problem}"
        return DivergedError(problem, place=self.run.system, cure=error.cure)

    def _is_last(self) -> bool:
        return self.epoch + 1 == self.settings.epochs

    def _scores(self) -> dict[str, float]:
        """Quick scores of all evaluated strata, as {name}.{score}."""
        found = {}
        single = self.run.settings.model.framework == "single"
        for name, stratum in self.evaluated.items():
            events = name == "held_out" and self.settings.selection_score == "events_weak"
            grid = self.run.grid if events else None
            ranked = self.settings.selection_score == "map" or single
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

    def _write_history(self) -> None:
        if self.processes.first:
            write_history(self.run.folder / "history.csv", self.history, self.run.classes)

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

    def _save(self, log: EpochLog | None = None, step: int = 0) -> None:
        """Write resume.pt after an epoch, or after `step` of its steps."""
        self.energy.save(self.epoch, within=log is not None)
        if self.processes.first:
            checkpoint.save(self.run.folder / RESUME, state_of(self, log, step))
        self.saved = time.monotonic()

    def _restore(self, path: Path) -> None:
        state = restored(self, path) if path.is_file() else None
        if len({*self.processes.agree(state and (self.epoch, state.get("step")))}) > 1:
            cure = "use a folder that all machines share"
            raise CheckpointError("is not the same for all processes", place=path, cure=cure)
        if state is not None:
            keep_maker(self, path, state.get("made_by"))


def _copy(networks: torch.nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().cpu().clone() for key, value in networks.state_dict().items()}
