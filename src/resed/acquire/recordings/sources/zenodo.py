"""Adapter `zenodo`: archives of a record, with the sizes and checksums of the record's listing.

See https://developers.zenodo.org: files[].key, size, checksum ("md5:..."), links.self.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from resed.acquire.recordings.fetch.errors import FetchError
from resed.acquire.recordings.fetch.partial_download import Remote
from resed.acquire.recordings.sources.adapter import AcquireContext, Delivery, WantedFile
from resed.acquire.recordings.sources.archive_members import deliver_from_archives
from resed.acquire.recordings.sources.settings import ZenodoSource
from resed.errors import DatasetError


class ZenodoAdapter:
    """Downloads the archives that the dataset file lists, and unpacks wanted files."""

    def __init__(self, settings: ZenodoSource, context: AcquireContext):
        self._settings, self._context = settings, context

    def deliver(self, wanted: Sequence[WantedFile]) -> Iterator[Delivery]:
        """See `SourceAdapter.deliver`."""
        try:
            remotes = self._listing()
        except FetchError as error:
            for item in wanted:
                yield Delivery(item, error.state, error.detail)
            return
        yield from deliver_from_archives(self._context, self._settings.name, remotes, wanted)

    def _listing(self) -> dict[str, Remote]:
        """Archive -> address, size and checksum; the listing is locked."""
        settings = self._settings
        address = f"{settings.api.rstrip('/')}/{settings.record}"
        value, _ = self._context.transfer.json(address)
        entries = _entries(value, address)
        missing = [key for key in settings.archives if key not in entries]
        if missing:
            files = ", ".join(sorted(entries)) or "none"
            problem = f"record {settings.record} has no file {missing[0]} (files: {files})"
            cure = f"correct sources.{settings.name}.archives in the dataset file"
            raise DatasetError(problem, place=address, cure=cure)
        chosen = {key: entries[key] for key in settings.archives}
        files = {
            key: {"bytes": one["size"], "checksum": one["checksum"]} for key, one in chosen.items()
        }
        self._context.lock.agree(settings.name, {"record": settings.record, "files": files})
        return {
            key: Remote(
                one.get("links", {}).get("self") or f"{address}/files/{quote(key)}/content",
                one["size"],
                one["checksum"],
            )
            for key, one in chosen.items()
        }


def _entries(value: Any, address: str) -> dict[str, dict[str, Any]]:
    try:
        entries = {str(entry["key"]): entry for entry in value["files"]}
        for entry in entries.values():
            if not isinstance(entry["size"], int) or ":" not in entry["checksum"]:
                raise TypeError
    except (KeyError, TypeError):
        raise DatasetError(
            "not the listing of a record (files with key, size and checksum)",
            place=address,
            cure="open the address in a browser: the interface may have changed",
        ) from None
    return entries
