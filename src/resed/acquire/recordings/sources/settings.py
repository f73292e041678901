"""The key `sources` of a dataset file: sources of clips and annotations, in order."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from resed.config.dataset import Dataset, Inside, Role
from resed.config.loading import check
from resed.config.systems import NAME
from resed.errors import ConfigError
from resed.formats.acquisition import LOCAL
from resed.settings import Positive, Strict

FOLDER = "folder"  # the source that --folder creates
Checksum = Annotated[str, Field(pattern=r"^(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})$")]


class Source(Strict):
    """Keys of all kinds of sources."""

    reserved: ClassVar = (LOCAL, FOLDER)

    name: Annotated[str, Field(pattern=NAME)]
    splits: Annotated[list[Role], Field(min_length=1)]
    optional: bool = False  # used only if --source or acquire.sources names it
    note: str = ""  # licence and other remarks
    patience: Positive = 8  # failed or blocked clips in a row after which the source is skipped

    @field_validator("name")
    @classmethod
    def _not_taken(cls, value: str) -> str:
        if value in cls.reserved:
            raise ValueError(f"{value} is reserved; use another name")
        return value


class FolderSource(Source):
    """A folder, an archive, or a folder of archives of the user."""

    reserved: ClassVar = (LOCAL,)

    kind: Literal["folder"]
    path: str
    match: Literal["name", "hash", "both"] = "name"
    hashes: str | None = None  # manifest of an audit

    @model_validator(mode="after")
    def _needs_hashes(self) -> "FolderSource":
        if (self.match != "name") != bool(self.hashes):
            raise ValueError("set hashes (a manifest) if and only if match is hash or both")
        return self


class FileEntry(Strict):
    """One file: its path below the root of the dataset, its size and its checksum."""

    path: Inside
    url: str | None = None  # None: url of the source, followed by `at` or `path`
    at: str | None = None
    bytes: Annotated[int, Field(ge=0)] | None = None
    checksum: Checksum | None = None


class FilesSource(Source):
    """Single files, such as annotations."""

    kind: Literal["files"]
    url: str = ""  # prefix of the paths
    files: Annotated[list[FileEntry], Field(min_length=1)]


class ZenodoSource(Source):
    """Archives of a Zenodo record, or of a server with the same interface."""

    kind: Literal["zenodo"]
    record: Annotated[str, Field(pattern=r"^\d+$")]
    archives: Annotated[list[str], Field(min_length=1)]
    api: str  # the listing is at {api}/{record}


class HubSource(Source):
    """A dataset repository of Hugging Face, or of a server with the same interface."""

    repository: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    revision: str = "main"  # the lock file stores its commit
    api: str  # listings: {api}/{repository}/tree/{revision}
    files: str  # files: {files}/{repository}/resolve/{revision}/{path}


class HuggingFaceSource(HubSource):
    """Single audio files in a repository."""

    kind: Literal["huggingface"]
    folders: dict[Role, str] = {}  # folder of a split; default: all folders


class ParquetSource(HubSource):
    """Parquet files with a column of audio."""

    kind: Literal["parquet"]
    folder: str = ""  # folder of the parquet files
    audio: str = "audio"  # column of {bytes, path}
    filename: str | None = None  # column of clip names; None: path of the audio
    # What the names are: those of clips, or of recordings of which each has one clip (the group id
    # of the key `recording`)
    names: Literal["clip", "id"] = "clip"


class YouTubeSource(Source):
    """Audio of videos, downloaded by the program yt-dlp."""

    kind: Literal["youtube"]
    url: str  # contains {id}
    program: str = "yt-dlp"
    per_minute: Annotated[float, Field(gt=0)] = 6.0
    seconds: Annotated[float, Field(gt=0)] = 300.0  # time limit per video

    @field_validator("url")
    @classmethod
    def _has_id(cls, value: str) -> str:
        if "{id}" not in value:
            raise ValueError("must contain {id}, the place of the name of the video")
        return value


AnySource = (
    FolderSource | FilesSource | ZenodoSource | HuggingFaceSource | ParquetSource | YouTubeSource
)
KINDS: dict[str, type[Any]] = {
    "folder": FolderSource,
    "files": FilesSource,
    "zenodo": ZenodoSource,
    "huggingface": HuggingFaceSource,
    "parquet": ParquetSource,
    "youtube": YouTubeSource,
}


def sources_of(dataset: Dataset) -> list[AnySource]:
    """The sources of a dataset in order. Raises ConfigError with the path of the key."""
    found: list[AnySource] = []
    for number, entry in enumerate(dataset.sources):
        place = f"datasets.{dataset.name}.sources.{number}"
        kind = str(entry.get("kind", ""))
        if kind not in KINDS:
            near = difflib.get_close_matches(kind, KINDS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(KINDS)}"
            problem = f"unknown kind of source {kind!r}" if kind else "missing"
            raise ConfigError(problem, place=f"{place}.kind", cure=hint)
        source = check(KINDS[kind], entry, place)
        if any(other.name == source.name for other in found):
            problem = f"two sources are called {source.name}"
            raise ConfigError(problem, place=f"{place}.name", cure="rename one of them")
        found.append(source)
    return found


def chosen_sources(
    dataset: Dataset,
    names: Sequence[str] | None,
    folder: Path | str | None,
    hashes: Path | str | None = None,
) -> list[AnySource]:
    """The sources of a run, in order.

    Args:
        names: names of sources in order; None: all sources that are not optional. `local` is not a
            source. Sources of kind files, which have the annotations, are added to other sources.
        folder: a folder or archive that is searched first.
        hashes: a manifest; files of `folder` are matched by its hashes.

    Raises:
        ConfigError: the dataset file has no source of this name.
    """
    known = {source.name: source for source in sources_of(dataset)}
    first: list[AnySource] = []
    if folder is not None:
        values = {
            "kind": "folder",
            "name": FOLDER,
            "path": str(folder),
            "splits": list(dataset.splits),
        }
        if hashes is not None:
            values |= {"match": "hash", "hashes": str(hashes)}
        first.append(check(FolderSource, values, "--folder"))
    if names is None:
        return first + [source for source in known.values() if not source.optional]
    for name in names:
        if name not in known and name != LOCAL:
            cure = f"known: {', '.join([LOCAL, *known])}"
            problem = f"{dataset.name} has no such source"
            raise ConfigError(problem, place=f"--source {name}", cure=cure)
    chosen = [known[name] for name in dict.fromkeys(names) if name != LOCAL]
    if chosen:
        lists = (s for s in known.values() if s.kind == "files" and not s.optional)
        chosen += [source for source in lists if source not in chosen]
    return first + chosen
