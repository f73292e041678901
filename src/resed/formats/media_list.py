"""media/files.tsv of a clip browser: its sound and pictures, with their SHA-256."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from resed.errors import OverwriteError, ResultsError
from resed.formats.text_table import TextTable
from resed.formats.validation import SourceFile
from resed.runtime.checksums import digest
from resed.runtime.files import write_tsv

FOLDER = "media"  # in the folder of the page
LISTED = f"{FOLDER}/files.tsv"
COLUMNS = ("filename", "sha256")
NAME = re.compile(r"[0-9]{3,4}\.(ogg|webp)")
MOVE = "move it away, or use another --out"


def write_media_list(folder: Path, digests: Mapping[str, str]) -> None:
    """Write the list of a page in `folder`: path in that folder -> SHA-256."""
    write_tsv(folder / LISTED, COLUMNS, ((Path(name).name, one) for name, one in digests.items()))


def unchanged_media(folder: Path) -> set[Path]:
    """The listed files of a page in `folder` that are as they were written; empty without a list.

    Raises ResultsError for a damaged list, and OverwriteError for something else in its place.
    """
    path = folder / LISTED
    if not path.is_file():
        if os.path.lexists(path):
            raise OverwriteError("was not written by resed", place=path, cure=MOVE)
        return set()
    table = TextTable(SourceFile(path, ResultsError, MOVE), COLUMNS)
    table.refuse(~table.frame["filename"].str.fullmatch(NAME).astype(bool), "not a file of a page")
    found = set()
    for name, recorded in zip(table.frame["filename"], table.frame["sha256"], strict=True):
        place = path.with_name(name)
        if place.is_file() and not place.is_symlink() and digest(place) == recorded:
            found.add(place)
    return found
