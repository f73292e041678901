"""Check the YAML file of a dataset, and return the parts that are valid."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resed.acquire.recordings.sources.settings import sources_of
from resed.acquire.soundscapes.settings import soundscapes_of
from resed.check.messages import CheckMessages
from resed.config.dataset import (
    LABELLED_ROLES,
    ROLES,
    SCORED_ROLES,
    Dataset,
    Role,
    SplitFile,
    existing_dataset,
)
from resed.config.loading import check, mistakes, read_yaml
from resed.errors import ConfigError, ResedError
from resed.formats.clip_names import composed

LABELS = {  # of scored splits: those of a new dataset, see SCORED_LABELS
    "weak": "weak",
    "unlabeled": "none",
    "strong": "strong",
    "out_of_domain": "none",
    "development": "strong",
    "evaluation": "strong",
}
SCORED_LABELS = ("strong", "weak")  # of all scored splits alike
CURE = "keep a tenth of the strongly labelled recordings out of training for it"


@dataclass
class DatasetDescription:
    """The valid parts of a dataset file; defaults for the others."""

    path: Path
    name: str
    kind: str = "recordings"
    classes: list[str] = field(default_factory=list)
    splits: dict[str, SplitFile] = field(default_factory=dict)
    clip_seconds: float = 10.0


def read_description(
    dataset: str | Path, base: Path, messages: CheckMessages
) -> DatasetDescription:
    """Read a dataset file. Raises MissingFileError if there is none."""
    path = existing_dataset(dataset, base)
    made = DatasetDescription(path, path.stem)
    try:
        values = read_yaml(path)
    except ConfigError as error:
        messages.add(error)
        return made
    for line in mistakes(Dataset, values, str(path)):
        messages.error(line)
    made.kind = str(values.get("kind", made.kind))
    made.name = str(values.get("name", made.name))
    with suppress(TypeError, ValueError, OverflowError):  # YAML reads 2e0 as text
        seconds = float(values.get("clip_seconds", made.clip_seconds))
        made.clip_seconds = seconds if seconds > 0 else made.clip_seconds
    made.classes = _classes(values.get("classes"), f"{path}.classes", messages)
    made.splits = _splits(values.get("splits"), f"{path}.splits", messages)
    _check_name(made, base, messages)
    if not messages.errors:
        recipe = soundscapes_of if made.kind == "soundscapes" else sources_of
        try:
            recipe(check(Dataset, values, str(path)))
        except ResedError as error:
            messages.add(error)
    return made


def _classes(values: Any, place: str, messages: CheckMessages) -> list[str]:
    names = [name for name in values if isinstance(name, str)] if isinstance(values, list) else []
    forms = Counter(map(composed, names))
    for name in dict.fromkeys(composed(name) for name in names if forms[composed(name)] > 1):
        messages.error(f"{name} is listed twice", place=place, cure="remove the repetition")
    return list(dict.fromkeys(names))


def _splits(values: Any, place: str, messages: CheckMessages) -> dict[str, SplitFile]:
    if not isinstance(values, dict):
        return {}
    made: dict[str, SplitFile] = {}
    if not {*LABELLED_ROLES} & values.keys():
        cure = "add the clips on which systems are trained"
        messages.error(f"{' and '.join(LABELLED_ROLES)} are missing", place=place, cure=cure)
    for role in ROLES:
        if role not in values:
            if role in SCORED_ROLES:
                messages.error(f"{role} is missing", place=place, cure=CURE)
            continue
        try:
            made[role] = check(SplitFile, values[role], f"{place}.{role}")
        except ConfigError:
            continue  # reported by `mistakes` before
        if role in SCORED_ROLES:
            _check_scored(role, made, place, messages)
        elif made[role].labels != LABELS[role]:
            problem = f"{made[role].labels} is not possible for this split"
            cure = f"set labels: {LABELS[role]}"
            messages.error(problem, place=f"{place}.{role}.labels", cure=cure)
    return made


def _check_scored(
    role: Role, made: dict[str, SplitFile], place: str, messages: CheckMessages
) -> None:
    """Report labels of a scored split that cannot be scored, or that differ from the other's."""
    labels = made[role].labels
    others = {made[one].labels for one in SCORED_ROLES if one in made and one != role}
    if labels not in SCORED_LABELS:
        problem, cure = f"{labels} is not possible for this split", "set labels: strong, or weak"
    elif others - {labels}:
        problem = f"{labels}, but the other scored split has {others.pop()} labels"
        cure = "give both the same kind"
    else:
        return
    messages.error(problem, place=f"{place}.{role}.labels", cure=cure)


def _check_name(made: DatasetDescription, base: Path, messages: CheckMessages) -> None:
    folder = (base / "config" / "datasets").resolve()
    if made.path.resolve().parent != folder:
        cure = f"copy it there as {made.name}.yaml to use it by the key `dataset: {made.name}`"
        messages.note("the file is not in config/datasets", place=made.path, cure=cure)
    elif made.name != made.path.stem:
        problem = f"{made.name} differs from the file name {made.path.name}"
        messages.error(problem, place=f"{made.path}.name", cure="use the same name for both")
