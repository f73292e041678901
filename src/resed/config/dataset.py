"""A dataset file, config/datasets/{name}.yaml: classes, splits, and where to get them."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator

from resed.config.closed import check, read_yaml
from resed.config.systems import NAME
from resed.errors import ConfigError
from resed.runtime.files import existing
from resed.settings import Positive, Strict

Role = Literal["weak", "unlabeled", "strong", "development", "evaluation"]
ROLES = ("weak", "unlabeled", "strong", "development", "evaluation")
TRAINING_ROLES = ROLES[:3]
SCORED_ROLES = ROLES[3:]  # strong annotations that detections are scored against
EVALUATION = "evaluation"  # the split that decides where one must


def _inside(value: str) -> str:
    """Nothing outside the dataset's root is ever written."""
    path = Path(value)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError("must be a path below the dataset's root, without ..")
    return value


Inside = Annotated[str, AfterValidator(_inside)]


class SplitFile(Strict):
    """Where a split lies below the dataset's root, in the DESED layout."""

    audio: Inside
    annotations: Inside
    labels: Literal["weak", "none", "strong"]
    clips: Positive  # the official count; of soundscapes, at scale 1
    paper: Positive | None = None  # how many the paper had, where that is another number


class SoundbankFile(Strict):
    """Where isolated recordings come from."""

    kind: Literal["demo", "folder"]
    source: str = ""  # where the public can fetch it


class PublishedFile(Strict):
    """One published version of an annotation file, so that the audit can name it."""

    version: str
    split: Role
    sha256: str = ""  # of the bytes as published; empty: known by its counts alone
    rows_sha256: str = ""  # of its rows in any order (resed audit tells it of the file it reads)
    rows: Positive  # without the header
    note: str = ""


class Dataset(Strict):
    """All of a dataset file. `soundscapes` and `sources` are acquire's own to read."""

    name: Annotated[str, Field(pattern=NAME)]
    title: str
    kind: Literal["soundscapes", "recordings"]
    note: str = ""  # stands at the top of the report
    classes: Annotated[list[str], Field(min_length=1)]
    splits: dict[Role, SplitFile]
    clip_seconds: Annotated[float, Field(gt=0)] = 10.0  # length of a whole clip
    recording: str | None = None  # regular expression on file names, groups id, start, end
    published: list[PublishedFile] = []
    soundbank: SoundbankFile | None = None
    soundscapes: dict[str, Any] = {}
    sources: list[dict[str, Any]] = []

    @field_validator("recording")
    @classmethod
    def _names_a_recording(cls, value: str | None) -> str | None:
        try:
            groups = re.compile(value or "(?P<id>)").groupindex
        except re.error as error:
            raise ValueError(f"not a regular expression ({error})") from None
        if "id" not in groups:
            raise ValueError("must name the recording by a group (?P<id>...)")
        return value


def dataset_path(name_or_file: str | Path, root: Path | str = ".") -> Path:
    """The YAML file of a dataset given by name or by that file's path; it need not exist."""
    path = Path(name_or_file)
    if path.suffix in {".yaml", ".yml"}:
        return path
    return Path(root) / "config" / "datasets" / f"{name_or_file}.yaml"


def existing_dataset(name_or_file: str | Path, root: Path | str = ".") -> Path:
    """As `dataset_path`; MissingFileError names the datasets there are where it is not there."""
    path = dataset_path(name_or_file, root)
    there = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml"))) or "none"
    return existing(path, f"known datasets: {there}; or give the path of a dataset's YAML file")


def load_dataset(name_or_file: str | Path, root: Path | str = ".") -> Dataset:
    """A dataset by name (config/datasets/{name}.yaml) or by the path of its YAML file."""
    path = existing_dataset(name_or_file, root)
    dataset = check(Dataset, read_yaml(path), str(path))
    missing = [role for role in ROLES if role not in dataset.splits]
    if missing:
        raise ConfigError(f"{path}: splits lacks {', '.join(missing)}; add each with its paths")
    if len(set(dataset.classes)) != len(dataset.classes):
        raise ConfigError(f"{path}: classes holds a class twice; remove the repetition")
    return dataset
