"""The dataset's YAML file: what of it can be used, and all that is wrong in it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resed.check.findings import Findings
from resed.config.closed import check, mistakes, read_yaml
from resed.config.dataset import ROLES, Dataset, SplitFile, existing_dataset
from resed.errors import ConfigError, ResedError
from resed.paper.numbers import OVERALL

LABELS = {
    "weak": "weak",
    "unlabeled": "none",
    "strong": "strong",
    "development": "strong",
    "evaluation": "strong",
}
WITHOUT = {  # what to do about a split that one does not have
    "weak": "make it of strong clips: one row per clip, its classes joined by commas",
    "unlabeled": "where you have none, name the weak split's audio and annotations once more, with "
    "labels: none; its clips are then learnt from twice, once without their labels",
    "strong": "frames are learnt from it alone: label some of your clips in time",
    "development": "keep a tenth of your strongly labelled recordings out of training for it",
    "evaluation": "keep a tenth of your strongly labelled recordings out of training for it",
}
FORBIDDEN = {",": "comma", "\t": "tab", "\n": "line end", "/": "slash"}


@dataclass
class Description:
    """What could be read of a dataset file; empty where it could not."""

    path: Path
    name: str
    kind: str = "recordings"
    classes: list[str] = field(default_factory=list)
    splits: dict[str, SplitFile] = field(default_factory=dict)
    clip_seconds: float = 10.0


def read_description(dataset: str | Path, base: Path, findings: Findings) -> Description:
    """Read a dataset file as far as it goes. Raises MissingFileError where there is none."""
    path = existing_dataset(dataset, base)
    made = Description(path, path.stem)
    try:
        values = read_yaml(path)
    except ConfigError as error:
        findings.wrong(str(error))
        return made
    for line in mistakes(Dataset, values, str(path)):
        findings.wrong(line)
    made.kind = str(values.get("kind", made.kind))
    made.name = str(values.get("name", made.name))
    made.clip_seconds = _number(values.get("clip_seconds", made.clip_seconds))
    made.classes = _classes(values.get("classes"), path, findings)
    made.splits = _splits(values.get("splits"), path, findings)
    _check_name(made, base, findings)
    if made.kind == "soundscapes" and not findings.mistakes:
        _check_soundscapes(values, path, findings)
    return made


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and value > 0 else 10.0


def _classes(values: Any, path: Path, findings: Findings) -> list[str]:
    names = [name for name in values if isinstance(name, str)] if isinstance(values, list) else []
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        findings.wrong(f"{path}.classes: {name} stands there twice; remove the repetition")
    for name in dict.fromkeys(names):
        bad = [word for sign, word in FORBIDDEN.items() if sign in name]
        if bad or name != name.strip() or not name:
            what = f"a {bad[0]}" if bad else "a space at an end, or nothing"
            findings.wrong(f"{path}.classes: {name!r} holds {what}; rename it")
        if name == OVERALL:
            findings.wrong(f"{path}.classes: {name} is the name of a row in the tables; rename it")
    return list(dict.fromkeys(names))


def _splits(values: Any, path: Path, findings: Findings) -> dict[str, SplitFile]:
    if not isinstance(values, dict):
        return {}
    made: dict[str, SplitFile] = {}
    for role in ROLES:
        if role not in values:
            findings.wrong(f"{path}.splits: lacks {role}; {WITHOUT[role]}")
            continue
        try:
            made[role] = check(SplitFile, values[role], f"{path}.splits.{role}")
        except ConfigError:
            continue  # told above, with all of them
        if made[role].labels != LABELS[role]:
            findings.wrong(
                f"{path}.splits.{role}.labels: {made[role].labels}, but this split is read with "
                f"labels: {LABELS[role]}"
            )
    return made


def _check_name(made: Description, base: Path, findings: Findings) -> None:
    folder = (base / "config" / "datasets").resolve()
    if made.path.resolve().parent != folder:
        findings.note(
            f"{made.path}: lies outside config/datasets; copy it there, as {made.name}.yaml, for a "
            f"config to say dataset: {made.name}"
        )
    elif made.name != made.path.stem:
        findings.wrong(
            f"{made.path}.name: {made.name}, but the file is {made.path.name}; give both one name"
        )


def _check_soundscapes(values: dict[str, Any], path: Path, findings: Findings) -> None:
    from resed.acquire.soundscapes.settings import soundscapes_of

    try:
        soundscapes_of(check(Dataset, values, str(path)))
    except ResedError as error:
        findings.wrong(str(error))
