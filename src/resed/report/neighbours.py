"""Links between the pages of one run: the report, its clip browser, and the audit."""

import os
from pathlib import Path

from resed.results.folder import Results

PAGES = (("Clips", "report/clips/index.html"), ("Audit of the data", "audit/index.html"))


def neighbours(results: Results, folder: Path) -> list[tuple[str, str]]:
    """Title and address of each page of the run that exists, seen from `folder`.

    The report itself is the first; its address is empty.
    """
    found = [("Report", "")]
    for title, place in PAGES:
        path = results.folder / place
        if path.is_file():
            found.append((title, _address(path, folder)))
    return found


def _address(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
