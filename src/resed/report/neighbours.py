"""Links between the pages of one run: the report, its clip browser, and the audit."""

import os
from pathlib import Path

from resed.results.folder import Results

REPORT = "report/index.html"
PAGES = (("Clips", "report/clips/index.html"), ("Audit of the data", "audit/index.html"))


def neighbours(results: Results, folder: Path, current: str = "Report") -> list[tuple[str, str]]:
    """Title and address of each page of the run that exists, seen from `folder`.

    The report is the first, also before it is made. The address of the page `current` is empty.
    """
    found = []
    for title, place in (("Report", REPORT), *PAGES):
        path = results.folder / place
        if title == current:
            found.append((title, ""))
        elif title == "Report" or path.is_file():
            found.append((title, _address(path, folder)))
    return found


def _address(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
