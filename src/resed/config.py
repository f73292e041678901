"""The configuration: closed, layered, checked before the first job.

Layers, later ones winning: the defaults in `settings.py`, a system of config/systems/*.yaml and its
bases, `override` of the config, `system_overrides` of the config.
"""

import difflib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError

from resed.errors import ConfigError
from resed.files import existing
from resed.settings import FeatureSettings, Fraction, Positive, Strict, SystemSettings

Model = TypeVar("Model", bound=BaseModel)
ROLES = ("weak", "unlabeled", "strong", "development", "evaluation")
TRAINING_ROLES = ROLES[:3]


class SplitFile(Strict):
    """Where a split lies below the dataset's root, in the DESED layout."""

    audio: str
    annotations: str
    labels: Literal["weak", "none", "strong"]
    clips: Positive  # at scale 1


class SoundbankFile(Strict):
    """Where isolated recordings come from."""

    kind: Literal["demo", "folder"]
    source: str = ""  # where the public can fetch it


class Dataset(Strict):
    """config/datasets/{name}.yaml: classes, splits, sources. `soundscapes` is acquire's own."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")]
    title: str
    kind: Literal["soundscapes", "recordings"]
    note: str = ""  # stands at the top of the report
    classes: Annotated[list[str], Field(min_length=1)]
    splits: dict[Literal["weak", "unlabeled", "strong", "development", "evaluation"], SplitFile]
    soundbank: SoundbankFile | None = None
    soundscapes: dict[str, Any] = {}
    sources: list[dict[str, Any]] = []


class AcquireSettings(Strict):
    """What `resed acquire` renders."""

    scale: Annotated[float, Field(gt=0, le=1)] = 1.0
    seed: Annotated[int, Field(ge=0)] = 2019
    soundbank: str | None = None


class CalibrateSettings(Strict):
    """Event-specific windows (eq. 7) and the thresholds beyond the paper."""

    eta: Annotated[float, Field(gt=0)] = 1 / 3
    knee: Literal["kneedle", "kde_mode", "cumulative_elbow", "quantile"] = "kneedle"
    guard: Fraction = 0.1
    quantile: Fraction = 0.5


class Config(Strict):
    """The whole run. `root` is where config/ lies."""

    dataset: str
    paper: Literal["liang_journal", "liang_letter"] = "liang_journal"
    systems: Annotated[list[str], Field(min_length=1)]
    seeds: Positive = 1
    acquire: AcquireSettings = AcquireSettings()
    features: FeatureSettings = FeatureSettings()
    calibrate: CalibrateSettings = CalibrateSettings()
    sanity_system: str | None = None
    confusion: Literal["spread", "cooccurrence", "single"] = "spread"
    override: dict[str, Any] = {}
    system_overrides: dict[str, dict[str, Any]] = {}
    root: str = "."

    @cached_property
    def dataset_file(self) -> Dataset:
        """The dataset's own file."""
        return load_dataset(self.dataset, Path(self.root))

    @cached_property
    def catalogue(self) -> dict[str, "SystemEntry"]:
        """All systems of config/systems/*.yaml by name."""
        return load_systems(Path(self.root))

    def system(self, name: str) -> SystemSettings:
        """The fully resolved settings of one system."""
        entry = _known(self.catalogue, name, "systems")
        layers = [*(e.settings for e in _lineage(self.catalogue, name)), self.override]
        layers.append(self.system_overrides.get(name, {}))
        merged: dict[str, Any] = {}
        for layer in layers:
            merged = overlay(merged, layer)
        if entry.trained_as:  # shares weights: only the decoding may be its own
            other = self.system(entry.trained_as)
            own = check(SystemSettings, merged, f"systems.{name}").decode
            return other.model_copy(update={"decode": own})
        return check(SystemSettings, merged, f"systems.{name}")

    def trained_as(self, name: str) -> str:
        """The system whose checkpoint `name` uses: its own, or the one it shares."""
        return _known(self.catalogue, name, "systems").trained_as or name

    def seed_list(self) -> list[int]:
        """Seeds 0 to seeds - 1."""
        return list(range(self.seeds))


class SystemEntry(Strict):
    """One entry of config/systems/*.yaml."""

    title: str
    row: int | None = None  # in Table 1 of the journal version
    base: str | None = None
    trained_as: str | None = None
    settings: dict[str, Any] = {}


class _SystemFile(Strict):
    systems: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")], SystemEntry]


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid on `below`: mappings merge key by key, anything else replaces."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            value = overlay(merged[key], value)
        merged[key] = value
    return merged


def load_config(values: Mapping[str, Any] | None = None, root: Path | str = ".") -> Config:
    """Validate a config (config/config.yaml where None) and everything it names.

    Raises:
        ConfigError: one line with the key's path, what is wrong and the cure.
    """
    if values is None:
        values = read_yaml(Path(root) / "config" / "config.yaml")
    config = check(Config, {"root": str(root), **values}, "config")
    _ = config.dataset_file
    for name in config.systems:
        config.system(name)
        if config.trained_as(name) not in config.systems:
            cure = f"add {config.trained_as(name)} to config.systems"
            raise ConfigError(
                f"config.systems: {name} needs the system it shares weights with; {cure}"
            )
    for name in (*config.system_overrides, *filter(None, [config.sanity_system])):
        if name not in config.systems:
            raise ConfigError(
                f"config: {name} is overridden or named but not in config.systems; add it there"
            )
    return config


def load_dataset(name_or_file: str | Path, root: Path | str = ".") -> Dataset:
    """A dataset by name (config/datasets/{name}.yaml) or by the path of its YAML file."""
    path = Path(name_or_file)
    if path.suffix not in {".yaml", ".yml"}:
        path = Path(root) / "config" / "datasets" / f"{name_or_file}.yaml"
    known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml"))) or "none"
    existing(path, f"known datasets: {known}; or give the path of a dataset's YAML file")
    dataset = check(Dataset, read_yaml(path), str(path))
    missing = [role for role in ROLES if role not in dataset.splits]
    if missing:
        raise ConfigError(f"{path}: splits lacks {', '.join(missing)}; add each with its paths")
    if len(set(dataset.classes)) != len(dataset.classes):
        raise ConfigError(f"{path}: classes holds a class twice; remove the repetition")
    return dataset


def load_systems(root: Path) -> dict[str, SystemEntry]:
    """All systems of config/systems/*.yaml; a name may stand only once."""
    catalogue: dict[str, SystemEntry] = {}
    for path in sorted((root / "config" / "systems").glob("*.yaml")):
        for name, entry in check(_SystemFile, read_yaml(path), str(path)).systems.items():
            if name in catalogue:
                raise ConfigError(f"{path}: systems.{name} stands in another file too; rename it")
            catalogue[name] = entry
    return catalogue


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping safely; ConfigError names the line where it is malformed."""
    try:
        value = yaml.safe_load(existing(path).read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        what = getattr(error, "problem", None) or "not UTF-8 text"
        raise ConfigError(f"{path}{line}: not valid YAML ({what}); mend that line") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: must hold keys and values; compare config/config.yaml")
    return value


def read_settings(text: str) -> dict[str, Any]:
    """Settings from the command line: inline JSON, or the path of a YAML or JSON file."""
    if not text.lstrip().startswith("{"):
        return read_yaml(Path(text))
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"--settings: not valid JSON ({error}); quote it for the shell") from None


def check(model: type[Model], values: Any, place: str) -> Model:
    """Validate `values`; the first mistake becomes one line with its key's path and a cure."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join([place, *map(str, first["loc"])])
        if first["type"] == "extra_forbidden":
            raise ConfigError(f"{path}: unknown key; {_suggest(model, first['loc'])}") from None
        given = "" if isinstance(first["input"], dict) else f" (given: {first['input']!r})"
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{path}: {message}{given}; correct this key") from None


def _suggest(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    for key in location[:-1]:
        field = model.model_fields.get(str(key))
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return "remove it"
        model = inner
    close = difflib.get_close_matches(str(location[-1]), model.model_fields, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"known here: {', '.join(model.model_fields)}"


def _known(catalogue: Mapping[str, SystemEntry], name: str, place: str) -> SystemEntry:
    if name not in catalogue:
        known = ", ".join(catalogue)
        raise ConfigError(f"config.{place}: unknown system {name}; known: {known}")
    return catalogue[name]


def _lineage(catalogue: Mapping[str, SystemEntry], name: str) -> list[SystemEntry]:
    """The system and its bases, the root first."""
    line: list[SystemEntry] = []
    seen: list[str] = []
    current: str | None = name
    while current:
        if current in seen:
            raise ConfigError(f"systems.{name}: its bases form a circle ({' -> '.join(seen)})")
        seen.append(current)
        line.append(_known(catalogue, current, f"systems.{name}.base"))
        current = line[-1].base
    return line[::-1]
