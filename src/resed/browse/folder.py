"""Write the folder of a page: index.html, and media/ with sound and pictures.

media/files.tsv lists the files that were written, so that the next page of this folder replaces
them, and no other file.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from resed.errors import OverwriteError
from resed.formats.media_list import MOVE, unchanged_media, write_media_list
from resed.formats.origin import written_by_resed
from resed.runtime import checksums
from resed.runtime.files import atomic_path, write_text

INDEX = "index.html"


def write_folder(folder: Path, page: str, files: Mapping[str, bytes]) -> None:
    """Replace the page of a folder and its files.

    The page is deleted first and written last, so that it never has files of another page.

    Args:
        files: path in the folder -> content.

    Raises OverwriteError for a file that is not as resed wrote it, and ResultsError for a damaged
    list of files; nothing is changed then.
    """
    index, old = folder / INDEX, unchanged_media(folder)
    if os.path.lexists(index) and not (index.is_file() and written_by_resed(index)):
        raise OverwriteError("was not written by resed", place=index, cure=MOVE)
    for name in files:
        place = folder / name
        if os.path.lexists(place) and place not in old:
            raise OverwriteError("was not written by resed", place=place, cure=MOVE)
    index.unlink(missing_ok=True)
    for place in old:
        place.unlink()
        checksums.forget(place)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    write_media_list(folder, digests)
    for name, content in files.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes(content)
    write_text(index, page)
