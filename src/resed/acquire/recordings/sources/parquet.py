"""Plug `parquet`: sounds in a column of the shards of a dataset repository."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from resed.acquire.recordings.fetch.transfer import FetchError, FullDiskError
from resed.acquire.recordings.sources.convert import rewrite
from resed.acquire.recordings.sources.hub import Hub, HubFile
from resed.acquire.recordings.sources.names import Candidate, Names
from resed.acquire.recordings.sources.plug import Context, Outcome, Wanted, flat, incoming_path
from resed.acquire.recordings.sources.remote import cause, download, reason
from resed.acquire.recordings.sources.settings import ParquetSource
from resed.errors import AudioError, DatasetError
from resed.runtime.files import atomic_path

ROWS = 64  # read at a time: 10 s clips of 882 kB each


class Parquet:
    """Takes shard by shard, for as long as clips are wanted; a shard is removed when it is read."""

    def __init__(self, settings: ParquetSource, context: Context):
        self._settings, self._context = settings, context
        self._hub = Hub(settings, context)

    def deliver(self, wanted: Sequence[Wanted]) -> Iterator[Outcome]:
        """See `resed.acquire.recordings.sources.plug.Plug`."""
        reader = _pyarrow()
        left = {item.filename: item for item in wanted if not item.annotations}
        yield from (
            Outcome(item, "gone", "shards hold sounds alone", final=True)
            for item in wanted
            if item.annotations
        )
        verdict: tuple[str, str, bool] = ("gone", "in none of the shards", True)
        try:
            shards = [f for f in self._hub.listing(self._settings.folder) if _is_shard(f)]
        except FetchError as error:
            shards, verdict = [], (error.state, cause(error), False)
        for shard in shards:
            if not left:
                break
            path = self._context.archives(self._settings.name) / flat(shard.path)
            self._context.meter.expect(shard.bytes)
            try:
                download(self._context, self._hub.remote(shard), path)
            except FullDiskError:
                raise
            except FetchError as error:
                verdict = (error.state, cause(error), False)
                continue
            for outcome in self._taken(reader, path, left):
                left.pop(outcome.wanted.filename)
                yield outcome
            path.unlink()
        for item in left.values():
            yield Outcome(item, verdict[0], verdict[1], final=verdict[2])

    def _taken(self, reader: Any, path: Path, left: dict[str, Wanted]) -> Iterator[Outcome]:
        """The wanted sounds of one shard. The same clip in several rows: the first."""
        names = _Wanted(self._context, left)
        settings = self._settings
        columns = [settings.audio, *([settings.filename] if settings.filename else [])]
        shard = reader.ParquetFile(path)
        unknown = [name for name in columns if name not in shard.schema_arrow.names]
        if unknown:
            raise DatasetError(
                f"sources.{settings.name}: its shards have no column {unknown[0]} "
                f"(columns: {', '.join(shard.schema_arrow.names)}); set audio and filename"
            )
        for batch in shard.iter_batches(ROWS, columns=columns):
            for row in batch.to_pylist():
                sound = row[settings.audio] or {}
                name = row[settings.filename] if settings.filename else sound.get("path")
                item = names.find(str(name or ""))
                if item is not None and sound.get("bytes"):
                    yield self._written(item, PurePosixPath(str(name)).suffix, sound["bytes"])

    def _written(self, item: Wanted, suffix: str, data: bytes) -> Outcome:
        path = incoming_path(self._context, self._settings.name, item)
        if suffix.lower() in ("", path.suffix.lower()):
            with atomic_path(path) as temporary:
                temporary.write_bytes(data)
            return Outcome(item, "present", path=path, final=True)
        brought = path.with_name(f"{path.stem}.fetched{suffix}")
        brought.write_bytes(data)
        try:
            rewrite(brought, path)
        except AudioError as error:
            return Outcome(item, "corrupt", reason(error, brought), final=True)
        finally:
            brought.unlink()
        return Outcome(item, "present", path=path, final=True)


class _Wanted:
    """The wanted clip that a row's name means, each once."""

    def __init__(self, context: Context, left: dict[str, Wanted]):
        self._names, self._left = Names(context.dataset), dict(left)
        for name in left:
            self._names.add(Candidate(name, where=name))

    def find(self, name: str) -> Wanted | None:
        """None where no clip of this name is wanted, or it was found already."""
        filename = PurePosixPath(name).name
        if filename not in self._left:
            filename = self._names.same(filename) or ""
        return self._left.pop(filename, None)


def _is_shard(file: HubFile) -> bool:
    return file.path.endswith(".parquet")


def _pyarrow() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise DatasetError(
            "sources of kind parquet need pyarrow; run pip install pyarrow, "
            "or name other sources by --source"
        ) from None
    return pyarrow.parquet
