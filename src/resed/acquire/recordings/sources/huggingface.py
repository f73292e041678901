"""Plug `huggingface`: sound files that lie one by one in a dataset repository."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from resed.acquire.recordings.fetch.transfer import FetchError, Remote
from resed.acquire.recordings.sources.hub import Hub, HubFile
from resed.acquire.recordings.sources.names import Candidate, Names, one_of
from resed.acquire.recordings.sources.plug import Context, Outcome, Wanted
from resed.acquire.recordings.sources.remote import cause, fetch_each
from resed.acquire.recordings.sources.settings import HuggingFaceSource


class HuggingFace:
    """Lists once a split, then asks for nothing that is not listed."""

    def __init__(self, settings: HuggingFaceSource, context: Context):
        self._settings, self._context = settings, context
        self._hub = Hub(settings, context)

    def deliver(self, wanted: Sequence[Wanted]) -> Iterator[Outcome]:
        """See `resed.acquire.recordings.sources.plug.Plug`."""
        split = wanted[0].split
        folder = self._settings.folders.get(split, "")
        try:
            names = Names(self._context.dataset)
            for file in self._hub.listing(folder):
                names.add(Candidate(file.path, file.bytes, file))
            found = {item: names.find(item, folder or None) for item in wanted}
        except FetchError as error:
            for item in wanted:
                yield Outcome(item, error.state, cause(error))
            return
        items: list[tuple[Wanted, Remote, str]] = []
        for item, candidates in found.items():
            if not candidates:
                yield Outcome(item, "gone", "not in the repository", final=True)
                continue
            chosen = one_of(candidates, _digest)
            if isinstance(chosen, str):
                yield Outcome(item, "failed", chosen, final=True)
                continue
            file: HubFile = chosen.where
            items.append((item, self._hub.remote(file), PurePosixPath(file.path).name))
        settings = self._settings
        yield from fetch_each(self._context, settings.name, settings.patience, items)


def _digest(candidate: Candidate) -> str | None:
    return candidate.where.sha256 or None
