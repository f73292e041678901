"""The sound of the clip browser that travels with the tier evidence: that of at most 100 clips.

The page has copies only where licences allow it, and names the authors below each clip. Also, which
files of a run that tier may lack.
"""

import json
import re
from pathlib import Path

from resed.config.rows import Row
from resed.errors import ShareError
from resed.formats.media_list import FOLDER, unchanged_media
from resed.results.inputs import RANKING
from resed.runtime.files import write_text
from resed.share import pack
from resed.share.runs import SharedRun

CLIPS = "report/clips"  # folder of the clip browser in the results
INDEX = "index.html"  # its page
MEDIA = f"{CLIPS}/{FOLDER}"
LACKING = ("extract", "train", "predict", "distil")
MOST = 100  # clips with sound in the tier evidence
SUFFIX = ".ogg"
HEAD = "# Written by resed share: what DVC leaves out of the tier evidence."
DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


def may_lack(name: str) -> bool:
    """Whether the tier evidence may lack a file, given relative to the results."""
    path = Path(name)
    # results/{dataset}/score/{split}/{row}/{seed}/ranking.npz of a reading
    ranking = path.match(f"score/*/*/*/{RANKING}") and bool(Row.of(path.parts[2]).reading)
    sound = path.parent == Path(MEDIA) and path.suffix == SUFFIX
    return path.parts[0] in LACKING or ranking or sound


def left_out(run: SharedRun) -> list[Path]:
    """The sound that the tier does not have: of more clips than MOST, evenly spread ones."""
    found = sorted(path for path in unchanged_media(run.results / CLIPS) if path.suffix == SUFFIX)
    if run.tier == "full" or len(found) <= MOST:
        return []
    kept = {found[index * len(found) // MOST] for index in range(MOST)}
    return [path for path in found if path not in kept]


def write_ignored(run: SharedRun) -> None:
    """Let DVC leave out this sound and the files of the archive; of the tier full, nothing.

    Raises ShareError if a file that `resed share` did not write is in the place of the list.
    """
    place = run.ignored
    if place.is_symlink() or (place.exists() and not _is_own(place)):
        raise ShareError("not made by resed share", place=place, cure="move it away")
    if run.tier == "full":
        place.unlink(missing_ok=True)
        return
    sound = [f"/{path.relative_to(run.results).as_posix()}" for path in left_out(run)]
    write_text(place, "\n".join([HEAD, *pack.ignored(), *sound]) + "\n")


def _is_own(path: Path) -> bool:
    return path.is_file() and path.read_text("utf-8", "replace").startswith(HEAD)


def credits(run: SharedRun) -> list[str]:
    """Title, author and licence of each recording whose sound the clip browser carries.

    Raises ShareError if the page has no data of clips.
    """
    page = run.results / CLIPS / INDEX
    if not page.is_file():
        return []
    found = DATA.search(page.read_text(encoding="utf-8"))
    try:
        clips = json.loads(found[1])["clips"] if found else None
        named = [credit for clip in clips if clip["sound"] for credit in clip["credits"]]
    except (ValueError, KeyError, TypeError):
        cure = f"delete it, then {run.cure}"
        raise ShareError("has no data of clips", place=page, cure=cure) from None
    return sorted(set(map(str, named)))
