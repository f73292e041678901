"""Where clips come from: one small plug a kind of source."""

from resed.acquire.recordings.sources.plug import Context, Plug
from resed.acquire.recordings.sources.settings import AnySource


def plug_of(source: AnySource, context: Context) -> Plug:
    """The plug of a source; a context keeps one for each, so that a folder is searched once."""
    if source.name not in context.plugs:
        context.plugs[source.name] = _made(source, context)
    return context.plugs[source.name]


def _made(source: AnySource, context: Context) -> Plug:
    from resed.acquire.recordings.sources.files import Files
    from resed.acquire.recordings.sources.folder import Folder
    from resed.acquire.recordings.sources.huggingface import HuggingFace
    from resed.acquire.recordings.sources.parquet import Parquet
    from resed.acquire.recordings.sources.youtube import YouTube
    from resed.acquire.recordings.sources.zenodo import Zenodo

    kinds = {
        "folder": Folder,
        "files": Files,
        "zenodo": Zenodo,
        "huggingface": HuggingFace,
        "parquet": Parquet,
        "youtube": YouTube,
    }
    return kinds[source.kind](source, context)
