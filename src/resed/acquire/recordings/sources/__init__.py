"""Sources of clips: one adapter per kind of source."""

from resed.acquire.recordings.sources.adapter import AcquireContext, SourceAdapter
from resed.acquire.recordings.sources.files import FilesAdapter
from resed.acquire.recordings.sources.folder import FolderAdapter
from resed.acquire.recordings.sources.huggingface import HuggingFaceAdapter
from resed.acquire.recordings.sources.parquet import ParquetAdapter
from resed.acquire.recordings.sources.settings import AnySource
from resed.acquire.recordings.sources.youtube import YouTubeAdapter
from resed.acquire.recordings.sources.zenodo import ZenodoAdapter

ADAPTERS = {
    "folder": FolderAdapter,
    "files": FilesAdapter,
    "zenodo": ZenodoAdapter,
    "huggingface": HuggingFaceAdapter,
    "parquet": ParquetAdapter,
    "youtube": YouTubeAdapter,
}


def adapter_of(source: AnySource, context: AcquireContext) -> SourceAdapter:
    """The adapter of a source; one per run, so that a folder is searched once."""
    if source.name not in context.adapters:
        context.adapters[source.name] = ADAPTERS[source.kind](source, context)
    return context.adapters[source.name]
