"""A dataset file, config/datasets/{name}.yaml: classes, splits and sources."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

from resed.config.inside_path import Inside, WithoutWildcard
from resed.config.loading import check, read_yaml
from resed.config.published_lists import PublishedLists, lists_problem
from resed.config.recording_pattern import RecordingPattern
from resed.config.systems import NAME, Title
from resed.config.yaml_reader import SHOWN
from resed.errors import ConfigError
from resed.escaping import one_line
from resed.formats.clip_names import composed
from resed.runtime.files import existing
from resed.settings import Positive, Strict

Role = Literal["weak", "unlabeled", "strong", "out_of_domain", "development", "evaluation"]
ROLES: tuple[Role, ...] = (
    "weak",
    "unlabeled",
    "strong",
    "out_of_domain",  # unlabeled clips that mostly have none of the classes
    "development",
    "evaluation",
)
TRAINING_ROLES = ROLES[:4]  # each is optional
LABELLED_ROLES: tuple[Role, ...] = ("weak", "strong")  # a dataset has at least one of them
SCORED_ROLES = ROLES[4:]  # with the annotations that are the reference of scores; required
EVALUATION = "evaluation"  # the split for results on one split only


FORBIDDEN = {",": "a comma", "\t": "a tab", "\n": "a line end", "/": "a slash"}  # in classes
LONGEST_NAME = 200  # characters of a class
OVERALL = "Overall"  # the row of all classes in tables


def class_problem(name: str) -> str:
    """Why a text cannot be the name of a class in annotations and folders; "" if it can."""
    if found := [words for sign, words in FORBIDDEN.items() if sign in name]:
        return f"contains {found[0]}"
    if not name:
        return "contains no characters"
    if name != name.strip():
        return "contains leading or trailing spaces"
    if name in (".", ".."):
        return "is the name of a folder"
    return f"is longer than {LONGEST_NAME} characters" if len(name) > LONGEST_NAME else ""


def _class(value: str) -> str:
    reserved = "is reserved for a row of the tables" if value == OVERALL else ""
    if problem := class_problem(value) or reserved:
        raise ValueError(f"{one_line(repr(value), SHOWN)} {problem}; rename the class")
    return value


# Whether the clip browser may copy sound: yes; where each recording in a clip has an open licence,
# with its author; no: it plays the files below data/.
SoundRule = Literal["copied", "credited", "local"]


class SplitFile(Strict):
    """Paths of a split below the root of the dataset, in the DESED layout."""

    audio: Inside
    annotations: WithoutWildcard
    labels: Literal["weak", "none", "strong"]
    clips: Positive  # the official count; of soundscapes, at scale 1
    paper: Positive | None = None  # the count of the paper, if it differs


class SoundbankFile(Strict):
    """The source of isolated sounds."""

    kind: Literal["demo", "folder"]
    source: str = ""  # URL of a public copy
    # Recordings that are not used, by their file name without folder and ending
    leave_out: tuple[str, ...] = ()

    @model_serializer(mode="wrap")
    def _without_default(self, values: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Splits that were made before the key existed are not made again."""
        found = values(self)
        if not self.leave_out:
            found.pop("leave_out", None)
        return found


class PublishedFile(Strict):
    """One published version of an annotation file, by which the audit identifies it."""

    version: str
    split: Role
    sha256: str = ""  # of the published file; empty if only its number of rows is known
    rows_sha256: str = ""  # of its rows in any order, as `resed audit` prints it
    rows: Positive  # without the header
    note: str = ""


class Dataset(Strict):
    """A dataset file. `resed acquire` validates `soundscapes` and `sources`."""

    name: Annotated[str, Field(pattern=NAME)]
    title: Title
    kind: Literal["soundscapes", "recordings"]
    note: str = ""  # shown at the top of the report
    classes: Annotated[list[Annotated[str, AfterValidator(_class)]], Field(min_length=1)]
    splits: dict[Role, SplitFile]
    clip_seconds: Annotated[float, Field(gt=0, le=86_400)] = 10.0  # length of a complete clip
    sound: SoundRule = "local"  # in the clip browser
    recording: str | None = None  # regular expression on file names, groups id, start, end
    published: list[PublishedFile] = []
    soundbank: SoundbankFile | None = None
    soundscapes: dict[str, Any] = {}
    sources: list[dict[str, Any]] = []
    lists: PublishedLists | None = None  # from which acquire writes annotations

    @property
    def tags_only(self) -> bool:
        """Whether the scored splits have tags without times, so that no event can be scored."""
        return all(self.splits[role].labels == "weak" for role in SCORED_ROLES)

    @property
    def pattern(self) -> RecordingPattern | None:
        """The key `recording`, for matching names; None without it."""
        return None if self.recording is None else RecordingPattern(self.recording)

    @property
    def own(self) -> bool:
        """Whether the recordings are the user's own, because no source has them."""
        return self.kind == "recordings" and not self.sources

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that the dataset has, in the order of ROLES."""
        return tuple(role for role in ROLES if role in self.splits)

    @property
    def audio_folders(self) -> dict[str, str]:
        """Split -> folder of its audio below the root of the dataset."""
        return {split: place.audio for split, place in self.splits.items()}

    @field_validator("recording")
    @classmethod
    def _names_a_recording(cls, value: str | None) -> str | None:
        if value is not None and "id" not in RecordingPattern(value).names:
            raise ValueError("must name the recording by a group (?P<id>...)")
        return value


def missing_roles(splits: Collection[str]) -> str:
    """The roles that a dataset requires but lacks, in words; "" if it has them."""
    missing = [role for role in SCORED_ROLES if role not in splits]
    if not {*LABELLED_ROLES} & {*splits}:
        missing.insert(0, " or ".join(LABELLED_ROLES))
    return ", ".join(missing)


def dataset_path(name_or_file: str | Path, root: Path | str = ".") -> Path:
    """The YAML file of a dataset, given by its name or by its path; it need not exist."""
    path = Path(name_or_file)
    if path.suffix in {".yaml", ".yml"}:
        return path
    return Path(root) / "config" / "datasets" / f"{name_or_file}.yaml"


def existing_dataset(name_or_file: str | Path, root: Path | str = ".") -> Path:
    """As `dataset_path`, but raises MissingFileError if there is no such file."""
    path = dataset_path(name_or_file, root)
    names = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml"))) or "none"
    return existing(path, f"known datasets: {names}; or give the path of a dataset's YAML file")


def load_dataset(name_or_file: str | Path, root: Path | str = ".") -> Dataset:
    """Read a dataset file, given by its name or by its path.

    Raises MissingFileError and ConfigError.
    """
    path = existing_dataset(name_or_file, root)
    dataset = check(Dataset, read_yaml(path), str(path))
    if missing := missing_roles(dataset.splits):
        raise ConfigError(f"splits lacks {missing}", place=path, cure="add it with its paths")
    _refuse_labels(dataset, path)
    if len(set(map(composed, dataset.classes))) != len(dataset.classes):
        raise ConfigError(
            "classes contains a class twice", place=path, cure="remove the repetition"
        )
    return dataset


def _refuse_labels(dataset: Dataset, path: Path) -> None:
    """Raise ConfigError for labels with which a split cannot be used, or lists that do not fit."""
    labels = {role: place.labels for role, place in dataset.splits.items()}
    scored = [labels[role] for role in SCORED_ROLES]
    if "none" in scored or len({*scored}) > 1:
        both = " and ".join(f"{role} {labels[role]}" for role in SCORED_ROLES)
        raise ConfigError(
            f"labels of the scored splits: {both}",
            place=f"{path}: splits",
            cure="give both strong labels, or both weak ones",
        )
    if labels.get("strong", "strong") != "strong":
        raise ConfigError(
            f"are {labels['strong']}",
            place=f"{path}: splits.strong.labels",
            cure="set it to strong, or call the split weak",
        )
    problem = lists_problem(dataset.lists, labels) if dataset.lists else ""
    if not problem and dataset.lists and dataset.kind != "recordings":
        problem = "soundscapes have no lists of clips"
    if problem:
        raise ConfigError(problem, place=f"{path}: lists", cure="correct or remove it")
