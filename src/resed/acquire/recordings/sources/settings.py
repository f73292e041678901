"""The `sources` part of a dataset file: where clips and annotations come from, in which order."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from resed.config.closed import check
from resed.config.dataset import Dataset, Inside, Role
from resed.config.systems import NAME
from resed.errors import ConfigError
from resed.settings import Positive, Strict

LOCAL = "local"  # not a source: what lies below the root already
FOLDER = "folder"  # the source that --folder stands for
Checksum = Annotated[str, Field(pattern=r"^(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})$")]


class Source(Strict):
    """What every kind of source has."""

    name: Annotated[str, Field(pattern=NAME)]
    splits: Annotated[list[Role], Field(min_length=1)]
    optional: bool = False  # asked only where it is named by --source or acquire.sources
    note: str = ""  # licence, what is known of it
    # After so many clips in a row that fail or are blocked the source is left alone for this run.
    patience: Positive = 8

    @field_validator("name")
    @classmethod
    def _not_taken(cls, value: str) -> str:
        if value in (LOCAL, FOLDER):
            raise ValueError(f"{value} has a meaning of its own; give another name")
        return value


class FolderSource(Source):
    """A folder, an archive, or a folder of archives that the user has already."""

    kind: Literal["folder"]
    path: str
    match: Literal["name", "hash", "both"] = "name"
    hashes: str | None = None  # manifest of an audit: columns split, filename, sha256

    @model_validator(mode="after")
    def _needs_hashes(self) -> "FolderSource":
        if (self.match != "name") != bool(self.hashes):
            raise ValueError("match hash and both need hashes: a manifest; match name needs none")
        return self

    @field_validator("name")
    @classmethod
    def _not_taken(cls, value: str) -> str:
        if value == LOCAL:
            raise ValueError(f"{value} has a meaning of its own; give another name")
        return value


class FileEntry(Strict):
    """One file: its place below the dataset's root, and what is known of its bytes."""

    path: Inside
    url: str | None = None  # None: the source's url and `at`, or this path
    at: str | None = None
    bytes: Annotated[int, Field(ge=0)] | None = None
    checksum: Checksum | None = None


class FilesSource(Source):
    """Single files, each with an address of its own: annotations above all."""

    kind: Literal["files"]
    url: str = ""  # what comes before a file's path
    files: Annotated[list[FileEntry], Field(min_length=1)]


class ZenodoSource(Source):
    """Archives of a Zenodo record, or of a server that lists its files alike."""

    kind: Literal["zenodo"]
    record: Annotated[str, Field(pattern=r"^\d+$")]
    archives: Annotated[list[str], Field(min_length=1)]
    api: str  # the record's listing is {api}/{record}


class HubSource(Source):
    """A dataset repository of Hugging Face, or of a server with the same interface."""

    repository: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    revision: str = "main"  # resolved once; the commit is kept in the lock file
    api: str  # listings: {api}/{repository}/tree/{revision}
    files: str  # files: {files}/{repository}/resolve/{revision}/{path}


class HuggingFaceSource(HubSource):
    """A tree of sound files in a repository."""

    kind: Literal["huggingface"]
    folders: dict[Role, str] = {}  # where a split lies in it; left out: searched everywhere


class ParquetSource(HubSource):
    """Parquet shards with a column of sounds."""

    kind: Literal["parquet"]
    folder: str = ""  # where the shards lie in it
    audio: str = "audio"  # column of {bytes, path}
    filename: str | None = None  # column of clip names; None: the path beside the bytes


class YouTubeSource(Source):
    """Videos, by the program yt-dlp: clip by clip, slowly, and only where asked for."""

    kind: Literal["youtube"]
    url: str  # with {id} in it
    program: str = "yt-dlp"
    per_minute: Annotated[float, Field(gt=0)] = 6.0
    seconds: Annotated[float, Field(gt=0)] = 300.0  # longest time a video may take

    @field_validator("url")
    @classmethod
    def _has_id(cls, value: str) -> str:
        if "{id}" not in value:
            raise ValueError("must hold {id}, where the video's name goes")
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
    """A dataset's sources in the order they are asked; ConfigError names the key's path."""
    found: list[AnySource] = []
    for number, entry in enumerate(dataset.sources):
        place = f"datasets.{dataset.name}.sources.{number}"
        kind = str(entry.get("kind", ""))
        if kind not in KINDS:
            near = difflib.get_close_matches(kind, KINDS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(KINDS)}"
            raise ConfigError(f"{place}.kind: {kind or 'is missing'}: no kind of source; {hint}")
        source = check(KINDS[kind], entry, place)
        if any(other.name == source.name for other in found):
            raise ConfigError(f"{place}.name: {source.name} is there twice; give each its own name")
        found.append(source)
    return found


def chosen_sources(
    dataset: Dataset,
    names: Sequence[str] | None,
    folder: Path | str | None,
    hashes: Path | str | None = None,
) -> list[AnySource]:
    """The sources of a run: `folder` first, then those named, in the order given; None: all that
    are not optional. `local` stands for none. Sources of kind files, which cost little and bring
    the annotations, are asked also where others are named.

    Raises ConfigError for a source that the dataset file does not know.
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
            there = ", ".join([LOCAL, *known])
            raise ConfigError(f"--source {name}: {dataset.name} has no such source; known: {there}")
    chosen = [known[name] for name in dict.fromkeys(names) if name != LOCAL]
    if chosen:
        lists = (s for s in known.values() if s.kind == "files" and not s.optional)
        chosen += [source for source in lists if source not in chosen]
    return first + chosen
