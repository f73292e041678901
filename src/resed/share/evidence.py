"""The runs whose evidence is in this repository: the folder remote, and whose sound it carries."""

import os
from pathlib import Path

from resed.errors import ShareError
from resed.runtime.files import write_text
from resed.share import carried_sound, folder_remote
from resed.share.lock import locked, locked_stages
from resed.share.objects import Cache
from resed.share.registry import published, register
from resed.share.runs import SharedRun
from resed.share.settings import Settings

CREDITS = "credits"  # folder in the folder remote
HEAD = "Recordings of which evidence/ has sound, in mixes, in the clip browser of this run:\n\n"


def publish(run: SharedRun, cache: Cache) -> str:
    """Write a run into evidence/, remove what no published run has, and return what was done."""
    folder = folder_remote.FOLDER
    outs = locked(run)
    size = folder_remote.publish(cache, [*outs, *cache.files(outs)])
    register(run, in_repository=True)
    _write_credits(run)
    gone = folder_remote.prune(_kept(cache))
    return f"{run.title}: evidence in {folder}/ ({size / 1e6:.1f} MB); {gone} old objects removed"


def _kept(cache: Cache) -> set[str]:
    """The objects of all published runs; a list that is not in the cache is read in the folder."""
    found = set[str]()
    for run in published(locked_stages()):
        outs = locked(run)
        found |= {item.md5 for item in outs}
        for item in outs:
            where = cache if cache.state(item) == "ok" else folder_remote.REMOTE
            if where.state(item) != "ok":
                place, cure = where.place(item), f"git checkout -- {folder_remote.FOLDER}"
                raise ShareError(f"damaged or missing: {item.path}", place=place, cure=cure)
            found |= {file.md5 for file in where.files([item])}
    return found


def _write_credits(run: SharedRun) -> None:
    """Name the authors beside the objects; without sound, remove the list."""
    place = folder_remote.FOLDER / CREDITS / f"{run.key}.txt"
    named = carried_sound.credits(run)
    if named:
        write_text(place, HEAD + "".join(f"- {line}\n" for line in named))
    else:
        place.unlink(missing_ok=True)


def keep_out(settings: Settings, url: str | None) -> None:
    """Raise ShareError if a run would be pushed into evidence/, which only --publish writes."""
    name = settings.values.get("core.remote", "")
    address = (url or settings.values.get(f"remote.{name}.url", "")).removeprefix("file://")
    own = Path(os.path.realpath(folder_remote.FOLDER))
    if "://" not in address and Path(os.path.realpath(address)).is_relative_to(own):
        problem = f"{folder_remote.FOLDER}/ is read-only; only make evidence writes it"
        raise ShareError(problem, place="remote", cure="use another --remote, or core.remote store")
