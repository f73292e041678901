"""Adapter `huggingface`: single audio files in a dataset repository."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from resed.acquire.recordings.fetch.errors import FetchError
from resed.acquire.recordings.fetch.partial_download import Remote
from resed.acquire.recordings.sources.adapter import AcquireContext, Delivery, WantedFile
from resed.acquire.recordings.sources.downloads import deliver_downloads
from resed.acquire.recordings.sources.hub_repository import HubFile, HubRepository
from resed.acquire.recordings.sources.name_index import Candidate, NameIndex, choose_candidate
from resed.acquire.recordings.sources.settings import HuggingFaceSource


class HuggingFaceAdapter:
    """Lists the repository once per split, and downloads listed files only."""

    def __init__(self, settings: HuggingFaceSource, context: AcquireContext):
        self._settings, self._context = settings, context
        self._repository = HubRepository(settings, context)

    def deliver(self, wanted: Sequence[WantedFile]) -> Iterator[Delivery]:
        """See `SourceAdapter.deliver`."""
        folder = self._settings.folders.get(wanted[0].split, "")
        try:
            names = NameIndex(self._context.dataset)
            for file in self._repository.listing(folder):
                names.add(Candidate(file.path, file.bytes, file))
            found = {item: names.find(item, folder or None) for item in wanted}
        except FetchError as error:
            for item in wanted:
                yield Delivery(item, error.state, error.detail)
            return
        items: list[tuple[WantedFile, Remote, str]] = []
        for item, candidates in found.items():
            if not candidates:
                yield Delivery(item, "gone", "not in the repository", final=True)
                continue
            chosen = choose_candidate(candidates, lambda one: one.where.sha256 or None)
            if isinstance(chosen, str):
                yield Delivery(item, "failed", chosen, final=True)
                continue
            file: HubFile = chosen.where
            items.append((item, self._repository.remote(file), PurePosixPath(file.path).name))
        settings = self._settings
        yield from deliver_downloads(self._context, settings.name, settings.patience, items)
