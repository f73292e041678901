"""Plug `zenodo`: archives of a record, held to the size and checksum of the record's own listing.

The listing is https://developers.zenodo.org: files[].key, size, checksum ("md5:..."), links.self.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from resed.acquire.recordings.fetch.transfer import FetchError, Remote
from resed.acquire.recordings.sources.archived import from_archives
from resed.acquire.recordings.sources.plug import Context, Outcome, Wanted
from resed.acquire.recordings.sources.remote import cause
from resed.acquire.recordings.sources.settings import ZenodoSource
from resed.errors import DatasetError


class Zenodo:
    """Downloads the archives that the dataset file names, unpacks what is wanted, removes them."""

    def __init__(self, settings: ZenodoSource, context: Context):
        self._settings, self._context = settings, context

    def deliver(self, wanted: Sequence[Wanted]) -> Iterator[Outcome]:
        """See `resed.acquire.recordings.sources.plug.Plug`."""
        try:
            remotes = self._listing()
        except FetchError as error:
            for item in wanted:
                yield Outcome(item, error.state, cause(error))
            return
        yield from from_archives(self._context, self._settings.name, remotes, wanted)

    def _listing(self) -> dict[str, Remote]:
        """Archive -> where it is; locked once seen."""
        settings = self._settings
        address = f"{settings.api.rstrip('/')}/{settings.record}"
        value, _ = self._context.transfer.json(address)
        entries = _entries(value, address)
        missing = [key for key in settings.archives if key not in entries]
        if missing:
            there = ", ".join(sorted(entries)) or "none"
            raise DatasetError(
                f"{address}: record {settings.record} has no file {missing[0]} (files: {there}); "
                f"correct sources.{settings.name}.archives of the dataset file"
            )
        seen = {
            key: {"bytes": entries[key]["size"], "checksum": entries[key]["checksum"]}
            for key in settings.archives
        }
        self._context.lock.agree(settings.name, {"record": settings.record, "files": seen})
        return {
            key: Remote(
                entries[key].get("links", {}).get("self")
                or f"{address}/files/{quote(key)}/content",
                seen[key]["bytes"],
                seen[key]["checksum"],
            )
            for key in settings.archives
        }


def _entries(value: Any, address: str) -> dict[str, dict[str, Any]]:
    try:
        entries = {str(entry["key"]): entry for entry in value["files"]}
        for entry in entries.values():
            if not isinstance(entry["size"], int) or ":" not in entry["checksum"]:
                raise TypeError
    except (KeyError, TypeError):
        raise DatasetError(
            f"{address}: not the listing of a record (files with key, size and checksum); "
            "look at it in a browser: the interface may have changed"
        ) from None
    return entries
