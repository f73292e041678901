"""Rows whose numbers were made, at least in part, by other code than that of now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from resed.config import study_rows
from resed.config.dataset import SCORED_ROLES
from resed.config.rows import BASELINES, Row
from resed.config.run import Config
from resed.config.systems import DEFAULT_FEATURES
from resed.results.layout import Layout
from resed.runtime.staleness import SCORES, Made

BELOW = Layout(Path())  # paths relative to results/{dataset}


@dataclass(frozen=True)
class StaleRows:
    """The stale stages of the rows of a run.

    Attributes:
        config: the config of the run.
        made: what its files were made by.
    """

    config: Config
    made: Made

    @cached_property
    def _stages(self) -> dict[Row, tuple[str, ...]]:
        return {}

    def stages(self, row: Row | str) -> tuple[str, ...]:
        """Stale stages on which the scores of a row rest, in the order of a run."""
        row = Row.of(row)
        if row not in self._stages:
            stale = self.made.stale(score_files(self.config, row))
            self._stages[row] = tuple(stage for stage in SCORES if stage in stale)
        return self._stages[row]

    def of_systems(self, systems: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """System -> its stale stages, of the systems that have any."""
        found = {name: self.stages(Row(name)) for name in systems}
        return {name: stages for name, stages in found.items() if stages}

    def of_value(self, value: Mapping[str, Any]) -> tuple[str, ...]:
        """Stale stages of one value of a table, by its columns system, against and reading."""
        rows = [Row(name) for key in ("system", "against") if (name := value.get(key))]
        if "system" not in value and value.get("reading"):
            rows = [Row(self.config.sensitivity.system, value["reading"])]
        external = self.config.external
        rows = [Row(row.system, external=True) if row.system in external else row for row in rows]
        if value.get("group") == "baseline":
            rows = [Row(value["system"], baseline=True)]
        stale = {
            stage
            for row in rows
            if row.system in (*self.config.systems, *BASELINES, *external)
            for stage in self.stages(row)
        }
        return tuple(stage for stage in SCORES if stage in stale)


def score_files(config: Config, row: Row | str) -> list[str]:
    """All files on which the scores of a row rest, relative to results/{dataset}."""
    row = Row.of(row)
    seeds = study_rows.seeds(config, row)
    if row.external:
        return [
            (BELOW.scored(split, row, seed) / "metrics.json").as_posix()
            for split in config.external[row.system].events
            for seed in seeds
        ]
    if row.baseline:
        found = [BELOW.store(DEFAULT_FEATURES, split) for split in SCORED_ROLES]
        trained = config.own_tags_system if row.system == "own_tags" else ""
        found += _trained(config, Row(trained), [0]) if trained else []
    else:
        found = _trained(config, row, seeds)
        if config.system(row).decode.search:
            found += [path for seed in seeds for path in BELOW.searched(row, seed)]
        else:
            found += [BELOW.windows(study_rows.windows_name(config, row))]
    for split in SCORED_ROLES:
        for seed in seeds:
            found += [BELOW.decoded(split, row, seed) / name for name in ("events.tsv", "tags.tsv")]
            found += [BELOW.scored(split, row, seed) / "metrics.json"]
    return [path.as_posix() for path in found]


def _trained(config: Config, row: Row, seeds: Iterable[int]) -> list[Path]:
    """Stores, checkpoints and posteriors of a row, and of the teachers of its training."""
    features, trained = config.features_of(row), config.trained_as(row)
    found = [BELOW.store(features, split) for split in config.dataset_file.splits]
    members = config.members(row)
    for seed in seeds:
        for name in members or [Row.of(trained).system]:
            found += _taught(config, name, seed)
        made = [BELOW.trained(name, seed) / "checkpoint.pt" for name in members or [trained]]
        found += [*made, *[BELOW.choice(trained, seed)] * bool(members)]
        found += [BELOW.posteriors(split, trained, seed) for split in SCORED_ROLES]
    return found


def _taught(config: Config, name: str, seed: int) -> list[Path]:
    """Targets of a system, and what made them."""
    found, generations = list[Path](), config.generations
    roles = generations.roles(name)
    for teacher in map(config.trained_as, generations.teachers(name)):
        found += [BELOW.posteriors(role, teacher, seed) for role in roles]
        found += _trained(config, Row(teacher), [seed])
    return found + [BELOW.targets(role, generations.owner(name), seed) for role in roles]
