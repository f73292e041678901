"""Plug `files`: single files, each at its own address."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from resed.acquire.recordings.fetch.transfer import Remote
from resed.acquire.recordings.sources.plug import Context, Outcome, Wanted
from resed.acquire.recordings.sources.remote import fetch_each
from resed.acquire.recordings.sources.settings import FileEntry, FilesSource


class Files:
    """Asks for nothing but what the dataset file lists, and says nothing of other files."""

    def __init__(self, settings: FilesSource, context: Context):
        self._settings, self._context = settings, context
        self._listed = {entry.path: entry for entry in settings.files}

    def deliver(self, wanted: Sequence[Wanted]) -> Iterator[Outcome]:
        """See `resed.acquire.recordings.sources.plug.Plug`."""
        items = [
            (item, self._remote(self._listed[item.path]), item.filename)
            for item in wanted
            if item.path in self._listed
        ]
        settings = self._settings
        return fetch_each(self._context, settings.name, settings.patience, items)

    def _remote(self, entry: FileEntry) -> Remote:
        url = entry.url or f"{self._settings.url.rstrip('/')}/{quote(entry.at or entry.path)}"
        return Remote(url, entry.bytes, entry.checksum)
