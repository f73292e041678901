"""A dataset repository of Hugging Face, at a commit that the lock file stores."""

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from resed.acquire.recordings.fetch.partial_download import Remote
from resed.acquire.recordings.sources.adapter import AcquireContext
from resed.acquire.recordings.sources.settings import HubSource
from resed.errors import DatasetError

MOST_PAGES = 10_000  # a listing with more pages is a loop
CURE = "open the address in a browser: the interface may have changed"


@dataclass(frozen=True)
class HubFile:
    """A file of the repository; `sha256` is empty for files outside large-file storage."""

    path: str
    bytes: int
    sha256: str


class HubRepository:
    """One repository at one commit."""

    def __init__(self, settings: HubSource, context: AcquireContext):
        self._settings, self._context = settings, context

    def listing(self, folder: str = "") -> list[HubFile]:
        """All files below `folder`, sorted by path. Locks the commit and the listing.

        Raises:
            FetchError: the listing cannot be downloaded.
            DatasetError: the answer is not a listing, or differs from the locked one.
        """
        commit, files = self._commit(), []
        base = f"{self._settings.api.rstrip('/')}/{self._settings.repository}/tree/{commit}"
        address = f"{base}/{quote(folder)}".rstrip("/") + "?recursive=true"
        for _ in range(MOST_PAGES):
            entries, headers = self._context.transfer.json(address)
            files += _files(entries, address)
            following = _next_page(headers)
            if not following:
                break
            address = following
        files.sort(key=lambda file: file.path)
        lines = "".join(f"{file.path}\t{file.bytes}\t{file.sha256}\n" for file in files)
        digest = hashlib.sha256(lines.encode()).hexdigest()
        listing = {"commit": commit, "files": len(files), "sha256": digest}
        self._context.lock.agree(f"{self._settings.name}:{folder or '.'}", listing)
        return files

    def remote(self, file: HubFile) -> Remote:
        """The address, size and checksum of a listed file."""
        settings = self._settings
        address = f"{settings.files.rstrip('/')}/{settings.repository}/resolve/{self._commit()}"
        checksum = f"sha256:{file.sha256}" if file.sha256 else None
        return Remote(f"{address}/{quote(file.path)}", file.bytes, checksum)

    def _commit(self) -> str:
        """The locked commit; the commit of `revision` is requested and locked if there is none."""
        settings, lock = self._settings, self._context.lock
        if lock.get(settings.name) is None:
            base = f"{settings.api.rstrip('/')}/{settings.repository}"
            address = f"{base}/revision/{settings.revision}"
            value, _ = self._context.transfer.json(address)
            commit = value.get("sha") if isinstance(value, dict) else None
            if not isinstance(commit, str) or not commit.isalnum():
                raise DatasetError("the answer has no commit (key sha)", place=address, cure=CURE)
            lock.agree(settings.name, {"repository": settings.repository, "commit": commit})
        locked = lock.get(settings.name)
        if not isinstance(locked, dict) or locked.get("repository") != settings.repository:
            problem = f"{settings.name} is locked to another repository than {settings.repository}"
            raise DatasetError(problem, place=lock.path, cure="delete this entry of the file")
        return str(locked["commit"])


def _files(entries: Any, address: str) -> list[HubFile]:
    """The files of one page of a listing."""
    if not isinstance(entries, list):
        raise DatasetError("not a listing of files", place=address, cure=CURE)
    found = []
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("type") != "file":
            continue
        large = entry.get("lfs") or {}
        try:
            size = int(large.get("size", entry["size"]))
            found.append(HubFile(str(entry["path"]), size, large.get("oid", "")))
        except (KeyError, TypeError, ValueError):
            problem = "an entry of the listing has no path or size"
            raise DatasetError(problem, place=address, cure=CURE) from None
    return found


def _next_page(headers: Any) -> str | None:
    """The address of the next page, from the Link header."""
    from requests.utils import parse_header_links

    links = parse_header_links(headers.get("Link", "") or headers.get("link", ""))
    return next((link["url"] for link in links if link.get("rel") == "next"), None)
