"""Adapter `parquet`: audio in a column of the parquet files (shards) of a dataset repository."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from resed.acquire.recordings.fetch.errors import FetchError
from resed.acquire.recordings.sources.adapter import (
    AcquireContext,
    Delivery,
    WantedFile,
    flat_name,
    incoming_path,
    problem_of,
)
from resed.acquire.recordings.sources.convert import before_conversion, convert_and_delete
from resed.acquire.recordings.sources.downloads import download
from resed.acquire.recordings.sources.hub_repository import HubRepository
from resed.acquire.recordings.sources.name_index import Candidate, NameIndex
from resed.acquire.recordings.sources.settings import ParquetSource
from resed.errors import AudioError, DatasetError, ResedError
from resed.runtime.files import atomic_path

BATCH = 64  # rows in memory: a clip of 10 s has 882 kB


class BrokenShardError(ResedError):
    """A shard is damaged, although its length and checksum are as listed."""


class ParquetAdapter:
    """Reads one shard after the other until all wanted clips are found, and deletes each one."""

    def __init__(self, settings: ParquetSource, context: AcquireContext):
        self._settings, self._context = settings, context
        self._repository = HubRepository(settings, context)

    def deliver(self, wanted: Sequence[WantedFile]) -> Iterator[Delivery]:
        """See `SourceAdapter.deliver`."""
        parquet = _pyarrow_parquet()
        left = {item.filename: item for item in wanted if not item.annotations}
        for item in wanted:
            if item.annotations:
                yield Delivery(item, "gone", "shards contain only audio", final=True)
        wanted_by = self._wanted_by(left)
        state, detail, final = "gone", "not in the shards", True  # of clips that are not found
        try:
            listing = self._repository.listing(self._settings.folder)
        except FetchError as error:
            listing, (state, detail, final) = [], (error.state, error.detail, False)
        for shard in listing:
            if not left:
                break
            if not shard.path.endswith(".parquet"):
                continue
            path = self._context.downloaded(self._settings.name) / flat_name(shard.path)
            self._context.progress.expect(shard.bytes)
            try:
                download(self._context, self._repository.remote(shard), path)
            except FetchError as error:
                state, detail, final = error.state, error.detail, False
                continue
            try:
                for delivery in self._read_shard(parquet, path, left, wanted_by):
                    left.pop(delivery.wanted.filename)
                    yield delivery
            except BrokenShardError as error:  # its clips may be in other shards
                state, detail, final = "corrupt", f"{flat_name(shard.path)}: {error.problem}", False
                self._context.report(f"{self._settings.name}: {detail}; it is skipped")
            # A broken one is downloaded again in the next run; after other errors it is whole.
            path.unlink(missing_ok=True)
        for item in left.values():
            yield Delivery(item, state, detail, final=final)

    def _read_shard(
        self,
        parquet: Any,
        path: Path,
        left: dict[str, WantedFile],
        wanted_by: Callable[[str], str],
    ) -> Iterator[Delivery]:
        """Write the wanted clips of a shard; the first row of each clip is used.

        Raises BrokenShardError if it cannot be read, after the clips before the damage.
        """
        settings, open_items = self._settings, dict(left)
        columns = [settings.audio, *([settings.filename] if settings.filename else [])]
        shard = _read(lambda: parquet.ParquetFile(path))
        there = _read(lambda: shard.schema_arrow.names)
        unknown = [name for name in columns if name not in there]
        if unknown:
            there = ", ".join(there)
            problem = f"the shards have no column {unknown[0]} (columns: {there})"
            cure = "correct the keys audio and filename of the source"
            raise DatasetError(problem, place=f"sources.{settings.name}", cure=cure)
        batches = _read(lambda: shard.iter_batches(BATCH, columns=columns))
        while rows := _read(lambda: next(batches).to_pylist(), []):
            for row in rows:
                sound = row[settings.audio] or {}
                if not isinstance(sound, dict):
                    problem = f"the column {settings.audio} has no bytes and path"
                    cure = "correct the key audio of the source"
                    raise DatasetError(problem, place=f"sources.{settings.name}", cure=cure)
                name = row[settings.filename] if settings.filename else sound.get("path")
                name = str(name or "")
                item = open_items.pop(wanted_by(PurePosixPath(name).name), None)
                if item is not None and sound.get("bytes"):
                    yield self._write(item, name, sound["bytes"])

    def _wanted_by(self, left: Mapping[str, WantedFile]) -> Callable[[str], str]:
        """The wanted clip that a name in the shards stands for; "" for other names."""
        if self._settings.names == "id":
            by_recording = self._by_recording(left)
            return lambda name: by_recording.get(PurePosixPath(name).stem, "")
        every = set(left)
        names = NameIndex(self._context.dataset)
        for name in left:
            names.add(Candidate(name))
        return lambda name: name if name in every else names.same(name) or ""

    def _by_recording(self, wanted: Iterable[str]) -> dict[str, str]:
        """Recording -> its only wanted clip; recordings of several wanted clips are left out."""
        pattern = self._context.dataset.pattern
        if pattern is None:
            raise DatasetError(
                "names: id requires the key recording of the dataset file",
                place=f"sources.{self._settings.name}",
                cure="add the pattern of clip names, or remove the key names",
            )
        clips: dict[str, list[str]] = defaultdict(list)
        for name in wanted:
            if part := pattern.match(name):
                clips[part.id].append(name)
        return {recording: names[0] for recording, names in clips.items() if len(names) == 1}

    def _write(self, item: WantedFile, name: str, data: bytes) -> Delivery:
        path = incoming_path(self._context, self._settings.name, item)
        written = before_conversion(path, name)
        with atomic_path(written) as temporary:
            temporary.write_bytes(data)
        try:
            convert_and_delete(written, path)
        except AudioError as error:
            return Delivery(item, "corrupt", problem_of(error, written.name), final=True)
        return Delivery(item, "present", path=path, final=True)


def _read(read: Callable[[], Any], at_end: Any = None) -> Any:
    """The result of pyarrow; `at_end` if there is no more. Raises BrokenShardError."""
    try:
        return read()
    except StopIteration:
        return at_end
    except Exception as error:  # pyarrow raises many classes, OSError among them
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BrokenShardError(f"not a readable parquet file ({reason[:80]})") from None


def _pyarrow_parquet() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        cure = "run pip install pyarrow, or use another --source"
        raise DatasetError("sources of kind parquet require pyarrow", cure=cure) from None
    return pyarrow.parquet
