"""Listings of a dataset repository of Hugging Face, at one commit that the lock file keeps."""

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from resed.acquire.recordings.fetch.transfer import Remote
from resed.acquire.recordings.sources.plug import Context
from resed.acquire.recordings.sources.settings import HubSource
from resed.errors import DatasetError

PAGES = 10_000  # a server that gives more pages than this leads in a circle


@dataclass(frozen=True)
class HubFile:
    """A file of the repository; `sha256` where it is kept in large-file storage, else empty."""

    path: str
    bytes: int
    sha256: str


class Hub:
    """One repository at one commit."""

    def __init__(self, settings: HubSource, context: Context):
        self._settings, self._context = settings, context

    def listing(self, folder: str = "") -> list[HubFile]:
        """All files below `folder`, sorted by path. Locks the commit and what is listed.

        Raises:
            FetchError: the listing cannot be had.
            DatasetError: it is no listing, or another one than was locked.
        """
        revision, files = self._revision(), []
        base = f"{self._settings.api.rstrip('/')}/{self._settings.repository}/tree/{revision}"
        address = f"{base}/{quote(folder)}".rstrip("/") + "?recursive=true"
        for _ in range(PAGES):
            entries, headers = self._context.transfer.json(address)
            files += [_file(entry, address) for entry in _list(entries, address) if _is_file(entry)]
            following = _next(headers)
            if not following:
                break
            address = following
        files.sort(key=lambda file: file.path)
        lines = "".join(f"{file.path}\t{file.bytes}\t{file.sha256}\n" for file in files)
        self._context.lock.agree(
            f"{self._settings.name}:{folder or '.'}",
            {
                "commit": revision,
                "files": len(files),
                "sha256": hashlib.sha256(lines.encode()).hexdigest(),
            },
        )
        return files

    def remote(self, file: HubFile) -> Remote:
        """Where a listed file is."""
        settings, revision = self._settings, self._revision()
        address = f"{settings.files.rstrip('/')}/{settings.repository}/resolve/{revision}"
        checksum = f"sha256:{file.sha256}" if file.sha256 else None
        return Remote(f"{address}/{quote(file.path)}", file.bytes, checksum)

    def _revision(self) -> str:
        """The locked commit; resolved and locked where there is none."""
        settings, lock = self._settings, self._context.lock
        locked = lock.get(settings.name)
        if locked is None:
            address = (
                f"{settings.api.rstrip('/')}/{settings.repository}/revision/{settings.revision}"
            )
            value, _ = self._context.transfer.json(address)
            commit = value.get("sha") if isinstance(value, dict) else None
            if not isinstance(commit, str) or not commit.isalnum():
                raise DatasetError(
                    f"{address}: names no commit (key sha); look at it in a browser: "
                    "the interface may have changed"
                )
            lock.agree(settings.name, {"repository": settings.repository, "commit": commit})
            locked = lock.get(settings.name)
        if not isinstance(locked, dict) or locked.get("repository") != settings.repository:
            raise DatasetError(
                f"{lock.path}: {settings.name} is locked to another repository than "
                f"{settings.repository}; remove the entry from this file"
            )
        return str(locked["commit"])


def _list(value: Any, address: str) -> list[Any]:
    if not isinstance(value, list):
        raise DatasetError(
            f"{address}: not a listing of files; look at it in a browser: "
            "the interface may have changed"
        )
    return value


def _is_file(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("type") == "file"


def _file(entry: dict[str, Any], address: str) -> HubFile:
    large = entry.get("lfs") or {}
    try:
        return HubFile(
            str(entry["path"]), int(large.get("size", entry["size"])), large.get("oid", "")
        )
    except (KeyError, TypeError, ValueError):
        raise DatasetError(
            f"{address}: an entry without path and size; look at it in a browser: "
            "the interface may have changed"
        ) from None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _next(headers: Any) -> str | None:
    """The following page, as the Link header names it."""
    from requests.utils import parse_header_links

    links = parse_header_links(headers.get("Link", "") or headers.get("link", ""))
    return next((link["url"] for link in links if link.get("rel") == "next"), None)
