"""Generations: systems that are trained on targets, which their teachers, earlier systems, make.

An entry of the catalogue names teachers with their shares of the targets. There is one file per
split; systems with equal teachers, shares and options use the files of the first of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from resed.config.dataset import LABELLED_ROLES
from resed.config.systems import SystemEntry, known
from resed.errors import ConfigError, some
from resed.settings import SystemSettings


@dataclass(frozen=True)
class Generations:
    """The teachers of the systems of a run.

    Attributes:
        catalogue: all systems by name.
        systems: those of the run.
        settings: of a system of the run.
        trained_as: the system whose checkpoint a system uses.
        seeds: number of seeds of a system.
    """

    catalogue: Mapping[str, SystemEntry]
    systems: Sequence[str]
    settings: Callable[[str], SystemSettings]
    trained_as: Callable[[str], str]
    seeds: Callable[[str], int]

    def teachers(self, name: str) -> dict[str, float]:
        """Teachers of a system, with their shares of the targets; none for a first generation."""
        return dict(self.catalogue[name].teachers) if name in self.catalogue else {}

    def roles(self, name: str) -> list[str]:
        """Training roles whose labels are replaced by targets."""
        entry = self.catalogue.get(name)
        if entry is None or not entry.teachers:
            return []
        trained = self.settings(name).training_roles
        return [role for role in trained if role in (entry.targets or trained)]

    def owner(self, name: str) -> str:
        """The first system of the run with the same targets, whose files a system uses."""
        own = self.catalogue[name]
        for other in self.systems:
            entry = self.catalogue[other]
            same = (entry.teachers, entry.labels, entry.distil) == (
                own.teachers,
                own.labels,
                own.distil,
            )
            if same and self.seeds(other) == self.seeds(name):
                return other
        return name

    def taught(self) -> dict[str, list[str]]:
        """System -> training splits of which later systems require its posteriors."""
        found: dict[str, list[str]] = {}
        waiting = [
            (self.trained_as(teacher), role)
            for name in self.systems
            for teacher in self.teachers(name)
            for role in self.roles(name)
        ]
        while waiting:
            name, role = waiting.pop(0)
            splits = found.setdefault(name, [])
            if role not in splits:
                splits.append(role)
                composite = self.catalogue[name].composite
                waiting += [(member, role) for member in (composite.of if composite else ())]
        return found

    def generation(self, name: str) -> int:
        """0 of a system without teachers, otherwise one more than that of its latest teacher."""
        entry = self.catalogue[name]
        if entry.trained_as:
            return self.generation(entry.trained_as)
        if entry.composite:
            return max(map(self.generation, entry.composite.of))
        return 1 + max(map(self.generation, entry.teachers)) if entry.teachers else 0

    def options(self, name: str, split: str) -> list[str]:
        """Options of `resed distil` for one split, as words, without files.

        The gate by labels is one of labelled clips only.
        """
        entry = self.catalogue[name]
        distil = entry.distil
        gate = distil.gate if distil.gate != "labels" or split in LABELLED_ROLES else "none"
        shares = [f"{teacher}={share:g}" for teacher, share in entry.teachers.items()]
        found = ["--labels", f"{entry.labels:g}", *(w for s in shares for w in ("--share", s))]
        found += ["--frames", distil.frames, "--gate", gate, "--median", str(distil.median)]
        found += ["--gaussian", f"{distil.gaussian:g}", "--rounding", distil.rounding]
        found += [w for c, at in distil.hard.items() for w in ("--hard", f"{c}={at:g}")]
        found += ["--thresholds", distil.thresholds] * (distil.thresholds != "given")
        return found + ["--labels-smoothed"] * distil.labels_smoothed

    def check(self, classes: Sequence[str], tags_only: bool = False) -> None:
        """Raise ConfigError for a system whose targets cannot be made or used.

        Args:
            classes: of the dataset.
            tags_only: whether teachers have no posteriors of frames (`predict.tags_only`).
        """
        for name in self.systems:
            if self.teachers(name):
                self._check_teachers(name)
                self._check_use(name, classes)
                if tags_only and self.catalogue[name].distil.frames != "none":
                    raise ConfigError(
                        "targets of frames need frames of the teachers",
                        place=f"systems.{name}.distil.frames",
                        cure="set it to none, or config.predict.tags_only: false",
                    )
            else:
                self._refuse_unlabelled(name)
        for name in self.systems:
            self._refuse_circle(name)

    def _check_teachers(self, name: str) -> None:
        for teacher in self.teachers(name):
            place = f"systems.{name}.teachers"
            known(self.catalogue, teacher, place)
            for needed in dict.fromkeys([teacher, self.trained_as(teacher)]):
                if needed not in self.systems:
                    raise ConfigError(
                        f"{name} learns from {needed}",
                        place="config.systems",
                        cure=f"add {needed} to config.systems",
                    )
                if self.seeds(needed) != self.seeds(name):
                    raise ConfigError(
                        f"{name} learns from {needed}, seed by seed",
                        place="config.system_seeds",
                        cure="give both the same number of seeds",
                    )

    def _check_use(self, name: str, classes: Sequence[str]) -> None:
        entry, settings = self.catalogue[name], self.settings(name)
        place = f"systems.{name}"
        if settings.model.framework != "single":
            cure = "use model.framework: single, or leave teachers out"
            problem = f"{settings.model.framework} is not trained on targets of teachers"
            raise ConfigError(problem, place=f"{place}.model.framework", cure=cure)
        absent = [role for role in entry.targets if role not in settings.training_roles]
        if absent and not self.roles(name):  # a run may leave some of the roles out
            cure = f"leave it out, or set schedule.batch.{absent[0]}"
            problem = f"the system is not trained on {absent[0]} clips"
            raise ConfigError(problem, place=f"{place}.targets", cure=cure)
        unlabelled = [role for role in self.roles(name) if role not in LABELLED_ROLES]
        mixed = "labels" if entry.labels else "distil.labels_smoothed"
        if unlabelled and (entry.labels or entry.distil.labels_smoothed):
            cure = "leave it out, or name only labelled roles in targets"
            problem = f"{unlabelled[0]} clips have no labels"
            raise ConfigError(problem, place=f"{place}.{mixed}", cure=cure)
        if settings.objective.single.frames and entry.distil.frames == "none":
            raise ConfigError(
                "the frames are trained, but the targets have none",
                place=f"{place}.distil.frames",
                cure="use posteriors or tags, or set objective.single.frames: 0",
            )
        if entry.distil.thresholds == "teacher":
            self._check_thresholds(name)
        if entry.distil.hard and entry.distil.hard.keys() != {*classes}:
            raise ConfigError(
                f"differs from the classes in {some(sorted({*entry.distil.hard} ^ {*classes}))}",
                place=f"{place}.distil.hard",
                cure="give a threshold for each class",
            )

    def _check_thresholds(self, name: str) -> None:
        first, *others = self.teachers(name)
        of_training = not self.catalogue[first].composite
        if others or not of_training or not self.settings(first).schedule.tag_thresholds:
            raise ConfigError(
                "thresholds of the teacher require one teacher with schedule.tag_thresholds: true",
                place=f"systems.{name}.distil.thresholds",
                cure="set it to given, or use one teacher that has thresholds",
            )

    def _refuse_unlabelled(self, name: str) -> None:
        if self.catalogue[self.trained_as(name)].composite:  # not trained
            return
        settings = self.settings(name)
        weights = settings.objective.single
        if settings.model.framework != "single" or not (weights.tags or weights.frames):
            return
        for role in settings.training_roles:
            if role not in LABELLED_ROLES:
                raise ConfigError(
                    f"{role} clips have no labels and {name} has no teachers",
                    place=f"systems.{name}.schedule.batch.{role}",
                    cure="set it to 0, or add teachers, whose posteriors are the targets",
                )

    def _refuse_circle(self, name: str) -> None:
        waiting, seen = [(name, (name,))], {name}
        while waiting:
            current, path = waiting.pop()
            entry = self.catalogue[current]
            further = [*entry.teachers, *(entry.composite.of if entry.composite else ())]
            further += [entry.trained_as] if entry.trained_as else []
            for other in further:
                if other == name:
                    line = " -> ".join((*path, other))
                    raise ConfigError(
                        f"its teachers form a circle ({line})",
                        place=f"systems.{name}.teachers",
                        cure="remove one teacher",
                    )
                if other not in seen:
                    seen.add(other)
                    waiting.append((other, (*path, other)))
