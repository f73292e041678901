"""The configuration of a run, closed, layered and checked before the first job.

Later layers replace earlier ones: a base of config/systems/*.yaml, the systems based on it,
`override`, `system_overrides`, and in the study of readings `sensitivity.override` and the reading.
"""

from collections.abc import Mapping
from functools import cached_property, reduce
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from resed.config.dataset import Dataset, load_dataset
from resed.config.external import External, check_external
from resed.config.generations import Generations
from resed.config.leftover_files import refuse_unread_files
from resed.config.loading import check, check_overlay, overlay, read_yaml
from resed.config.origins import Traits, check_composite, check_origin, members
from resed.config.paper_name import paper_name
from resed.config.readings import Readings, load_readings, reading_settings, readings_file
from resed.config.rows import UNCHANGED, Row
from resed.config.run_name import RunName
from resed.config.split_needs import refuse_missing_frames, refuse_missing_splits
from resed.config.stages import (
    AcquireSettings,
    AuditSettings,
    BrowseSettings,
    PredictSettings,
    RepairSettings,
    SensitivitySettings,
)
from resed.config.systems import (
    DEFAULT_FEATURES,
    SystemEntry,
    SystemFiles,
    base_settings,
    known,
    lineage,
    load_systems,
)
from resed.errors import ConfigError
from resed.settings import (
    CalibrateSettings,
    FeatureSettings,
    Repetitions,
    StoreSettings,
    Strict,
    SystemSettings,
)


class Config(Strict):
    """The configuration of a run. `root` is the folder that contains config/."""

    dataset: str
    run: RunName = ""
    compare_run: RunName = ""  # empty: the unnamed run
    paper: str = ""  # empty: that of config/config.yaml, or the only folder of config/papers
    systems: Annotated[list[str], Field(min_length=1)]
    seeds: Repetitions = 1
    system_seeds: dict[str, Repetitions] = {}
    acquire: AcquireSettings = AcquireSettings()
    audit: AuditSettings = AuditSettings()
    repair: RepairSettings = RepairSettings()
    features: FeatureSettings = FeatureSettings()
    feature_overrides: dict[str, dict[str, Any]] = {}
    store: StoreSettings = StoreSettings()
    predict: PredictSettings = PredictSettings()
    calibrate: CalibrateSettings = CalibrateSettings()
    sensitivity: SensitivitySettings = SensitivitySettings()
    init: str = ""  # model from whose weights every training starts
    network_file: str = ""  # Python file of the user with the classes of model.own
    browse: BrowseSettings = BrowseSettings()
    sanity_system: str | None = None
    confusion: Literal["spread", "cooccurrence", "single"] = "spread"
    external: External = {}
    override: dict[str, Any] = {}
    system_overrides: dict[str, dict[str, Any]] = {}
    root: str = "."

    @cached_property
    def dataset_file(self) -> Dataset:
        """The content of the dataset file."""
        return load_dataset(self.dataset, Path(self.root))

    @cached_property
    def paper_readings(self) -> Readings:
        """The content of the paper's readings.yaml."""
        return load_readings(self.root, self.paper)

    @cached_property
    def catalogue(self) -> dict[str, SystemEntry]:
        """All systems of config/systems/*.yaml by name."""
        return self._systems.systems

    @cached_property
    def _systems(self) -> SystemFiles:
        return load_systems(Path(self.root))

    def base_settings(self, name: str) -> dict[str, Any]:
        """The settings of the base of a system, without its own and those of the config."""
        return base_settings(self._systems, name)

    @cached_property
    def feature_sets(self) -> dict[str, FeatureSettings]:
        """Log-mel settings by name: `default`, and the feature sets of config/systems/*.yaml."""
        own = self._systems.features
        for name in self.feature_overrides:
            known(own, name, "feature_overrides", "feature set")
        layered = {n: overlay(v, self.feature_overrides.get(n, {})) for n, v in own.items()}
        checked = {n: check(FeatureSettings, v, f"features.{n}") for n, v in layered.items()}
        return {DEFAULT_FEATURES: self.features, **checked}

    @property
    def until(self) -> float | None:
        """Seconds at which the reference of each clip ends; None: late events are counted."""
        leave_out = self.audit.late_events == "leave_out"
        return self.dataset_file.clip_seconds if leave_out else None

    def features_of(self, row: Row | str) -> str:
        """Name of the feature set that the system of a row is trained on."""
        base = Row.of(row).system
        own = [e.features for e in lineage(self.catalogue, base) if e.features]
        found = own[-1] if own else DEFAULT_FEATURES
        known(self.feature_sets, found, f"systems.{base}.features", "feature set")
        return found

    def system(self, row: Row | str) -> SystemSettings:
        """All settings of the system of a row, including its reading."""
        row = Row.of(row).configured
        if row not in self._resolved:  # a workflow calls this thousands of times
            self._resolved[row] = self._resolve(row)
        return self._resolved[row]

    def model_copy(self, **options: Any) -> "Config":
        """Copy without the resolved systems and readings, because an update may change them."""
        copied = super().model_copy(**options)
        for kept in ("_resolved", "_weights", "paper_readings"):
            copied.__dict__.pop(kept, None)
        return copied

    @cached_property
    def _resolved(self) -> dict[Row, SystemSettings]:
        return {}

    @cached_property
    def _weights(self) -> dict[Row, str]:
        return {}

    def _resolve(self, row: Row) -> SystemSettings:
        entry = known(self.catalogue, row.system, "systems")
        layers = [self.base_settings(row.system)]
        layers += [*(e.settings for e in lineage(self.catalogue, row.system)), self.override]
        layers.append(self.system_overrides.get(row.system, {}))
        if row.reading:
            layers += [self.sensitivity.override, self._reading(row.reading)]
        cure = f"add this key, or a base with all settings to systems.{row.system} (base: base)"
        merged = reduce(overlay, layers)
        settings = check(SystemSettings, merged, f"systems.{row.folder}", cure)
        if entry.trained_as:  # shares weights: only its decoding can differ
            other = self.system(Row(entry.trained_as, row.reading))
            return other.model_copy(update={"decode": settings.decode})
        return settings

    def trained_as(self, row: Row | str) -> str:
        """Folder name of the row whose checkpoint a row uses: its own or a shared one.

        A reading that changes only the decoding uses the checkpoint of the unchanged system.
        """
        row = Row.of(row).configured
        if row.external:
            return row.folder
        if row not in self._weights:
            self._weights[row] = self._owner_of_weights(row).folder
        return self._weights[row]

    def members(self, row: Row | str) -> list[str]:
        """The systems of the composite that a row decodes; none if it decodes a training."""
        return members(self.catalogue, Row.of(self.trained_as(row)).system)

    def _owner_of_weights(self, row: Row) -> Row:
        trained = known(self.catalogue, row.system, "systems").trained_as or row.system
        own = Row(trained, row.reading)
        for shared in (Row(trained), own.unchanged) if row.reading else ():
            if not self.system(own).requires_other_weights(self.system(shared)):
                return shared
        return own

    def _reading(self, reading: str) -> dict[str, Any]:
        if reading == UNCHANGED:
            return {}
        return reading_settings(self.paper_readings, reading)["settings"]

    def sensitivity_rows(self) -> list[Row]:
        """The rows of the study of readings: the unchanged system, then one row per reading.

        Empty if the paper has no readings.yaml. If `sensitivity.readings` is empty, readings that
        are incompatible with the settings of this config are omitted; named readings and the
        unchanged system must be compatible.
        """
        if not readings_file(self.root, self.paper).is_file():
            return []
        named = self.sensitivity.readings
        names = named or self.paper_readings.names()
        unchanged, *rows = [Row(self.sensitivity.system, name) for name in (UNCHANGED, *names)]
        return [unchanged, *(row for row in rows if named or self._fits(row))]

    def _fits(self, row: Row) -> bool:
        try:
            refuse_missing_splits(row.folder, self.system(row), self.dataset_file)
        except ConfigError:
            return False
        return True

    @property
    def own_tags_system(self) -> str:
        """The system whose tags a baseline uses: `sanity_system`, or the last one if not run."""
        chosen = self.sanity_system
        return chosen if chosen in self.systems else self.systems[-1]

    @property
    def seeds_in_words(self) -> str:
        """The number of trainings per system: "1 seed", "3 seeds" or "1 to 3 seeds"."""
        counts = sorted({len(self.seed_list(name)) for name in self.systems})
        many = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
        return f"{many} seed" + "s" * (counts[-1] > 1)

    @property
    def generations(self) -> Generations:
        """The teachers of the systems."""
        return Generations(
            self.catalogue,
            self.systems,
            self.system,
            self.trained_as,
            lambda name: len(self.seed_list(name)),
        )

    def traits(self, system: str) -> Traits:
        """What systems must have in common that use the same posteriors."""
        seeds = len(self.seed_list(system))
        return Traits(system in self.systems, seeds, self.features_of(system))

    def seed_list(self, system: str) -> list[int]:
        """Seeds 0, 1, ... of a configured system."""
        return list(range(self.system_seeds.get(system, self.seeds)))


def load_config(values: Mapping[str, Any] | None = None, root: Path | str = ".") -> Config:
    """Validate a config (config/config.yaml if None) and everything that it names.

    Raises:
        ConfigError: with the path of the key, the problem and the cure.
    """
    if values is None:
        values = read_yaml(Path(root) / "config" / "config.yaml")
    config = check(Config, {"root": str(root), **values}, "config")
    refuse_unread_files(config.root)
    paper = paper_name(config.paper, config.root)
    config = _with_studied_system(config.model_copy(update={"paper": paper}))
    _check_overlays(config)
    if config.run and config.run == config.compare_run:
        cure = "name another run, or leave it out to compare with the unnamed run"
        raise ConfigError("is the run itself", place="config.compare_run", cure=cure)
    _ = config.dataset_file, config.feature_sets
    for name in config.systems:
        if config.systems.count(name) > 1:
            problem = f"{name} is listed twice"
            raise ConfigError(problem, place="config.systems", cure="keep one of them")
        refuse_missing_splits(name, config.system(name), config.dataset_file)
        config.features_of(name)
        check_origin(name, config.trained_as(name), config.traits)
        check_composite(name, config.catalogue, config.traits, config.system(name))
    config.generations.check(config.dataset_file.classes, config.predict.tags_only)
    refuse_missing_frames(config.predict.tags_only, config.dataset_file, config.external)
    for split in config.acquire.scales:
        known(config.dataset_file.splits, split, "acquire.scales", "split")
    for key in ("system_overrides", "system_seeds"):  # may name systems that are not run
        for name in getattr(config, key):
            known(config.catalogue, name, key)
    if config.sanity_system:
        known(config.catalogue, config.sanity_system, "sanity_system")
    check_external(config.external, config.systems, config.catalogue)
    _check_study(config)
    return config


def _with_studied_system(config: Config) -> Config:
    """The config with the system of the study of readings: the last training if none is named."""
    trained = [name for name in config.systems if not config.members(name)] or config.systems
    system = config.sensitivity.system or trained[-1]
    study = config.sensitivity.model_copy(update={"system": system})
    return config.model_copy(update={"sensitivity": study})


def _check_overlays(config: Config) -> None:
    """Check each overlay separately, so that an error names the key that contains it."""
    systems = {"override": config.override, "sensitivity.override": config.sensitivity.override}
    systems |= {f"system_overrides.{name}": v for name, v in config.system_overrides.items()}
    for place, values in systems.items():
        check_overlay(SystemSettings, values, f"config.{place}")
    for name, values in config.feature_overrides.items():
        check_overlay(FeatureSettings, values, f"config.feature_overrides.{name}")


def _check_study(config: Config) -> None:
    """Check all rows of the study of readings, because a workflow always plans them."""
    chosen = config.sensitivity
    known(config.catalogue, chosen.system, "sensitivity.system")
    rows = config.sensitivity_rows()
    if not rows:
        return
    _ = config.paper_readings  # an error in that file is not an error of the config
    place = "config.sensitivity.readings"
    try:
        for reading in chosen.readings:
            reading_settings(config.paper_readings, reading)
        place = "config.sensitivity"
        config.features_of(chosen.system)
        for row in rows:
            refuse_missing_splits(row.folder, config.system(row), config.dataset_file)
            config.trained_as(row)
    except ConfigError as error:
        raise ConfigError(
            error.problem,
            place=f"{place}: {error.place}" if error.place else place,
            line=error.line,
            cure=error.cure,
        ) from None
