"""Adapter `files`: single files, each with its own address."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from resed.acquire.recordings.fetch.partial_download import Remote
from resed.acquire.recordings.sources.adapter import AcquireContext, Delivery, WantedFile
from resed.acquire.recordings.sources.downloads import deliver_downloads
from resed.acquire.recordings.sources.settings import FileEntry, FilesSource


class FilesAdapter:
    """Downloads the files that the dataset file lists, and gives no answer for other files."""

    def __init__(self, settings: FilesSource, context: AcquireContext):
        self._settings, self._context = settings, context
        self._listed = {entry.path: entry for entry in settings.files}

    def deliver(self, wanted: Sequence[WantedFile]) -> Iterator[Delivery]:
        """See `SourceAdapter.deliver`."""
        items = [
            (item, self._remote(self._listed[item.path]), item.filename)
            for item in wanted
            if item.path in self._listed
        ]
        settings = self._settings
        return deliver_downloads(self._context, settings.name, settings.patience, items)

    def _remote(self, entry: FileEntry) -> Remote:
        url = entry.url or f"{self._settings.url.rstrip('/')}/{quote(entry.at or entry.path)}"
        return Remote(url, entry.bytes, entry.checksum)
