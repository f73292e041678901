"""Plug `folder`: what the user has already, loose or in archives. It is read, never changed."""

import csv
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from resed.acquire.recordings.sources.archived import Place, digest, index, is_archive, unpack
from resed.acquire.recordings.sources.convert import rewrite
from resed.acquire.recordings.sources.names import Candidate, Names, one_of
from resed.acquire.recordings.sources.plug import Context, Outcome, Wanted, incoming_path
from resed.acquire.recordings.sources.remote import reason
from resed.acquire.recordings.sources.settings import FolderSource
from resed.errors import AudioError, DatasetError
from resed.runtime.files import atomic_path, existing


class Folder:
    """Searches a folder, its folders and its archives once, then copies what is wanted."""

    def __init__(self, settings: FolderSource, context: Context):
        self._settings, self._context = settings, context
        self._path = Path(settings.path).expanduser()
        if not self._path.exists():
            raise DatasetError(f"{self._path}: no such folder or archive; correct --folder")
        self._hashes = _read_hashes(Path(settings.hashes)) if settings.hashes else {}
        self._names: Names | None = None
        self._digests: dict[Candidate, str | None] = {}

    def deliver(self, wanted: Sequence[Wanted]) -> Iterator[Outcome]:
        """See `resed.acquire.recordings.sources.plug.Plug`."""
        packed: dict[Path, dict[str, list[Wanted]]] = {}
        for item in wanted:
            found = self._found(item)
            if isinstance(found, Outcome):
                yield found
            elif isinstance(found.where, Place):
                members = packed.setdefault(found.where.archive, {})
                members.setdefault(found.where.member, []).append(item)
            else:
                yield self._copied(item, found.where)
        for archive, members in packed.items():
            yield from unpack(self._context, self._settings.name, archive, members)

    def _found(self, item: Wanted) -> Candidate | Outcome:
        """The candidate that is the wanted file, or why there is none."""
        names, match = self._searched(), self._settings.match
        expected = self._hashes.get((item.split, item.filename))
        if match == "name" or item.annotations:
            found = names.find(item)
        elif expected is None:
            return Outcome(item, "gone", "not in the manifest")
        else:
            pool = names.sounds() if match == "hash" else names.find(item)
            found = [candidate for candidate in pool if self._digest(candidate) == expected][:1]
        if not found:
            return Outcome(item, "gone", "not there")
        one = one_of(found, self._digest)
        return Outcome(item, "failed", one) if isinstance(one, str) else one

    def _searched(self) -> Names:
        if self._names is None:
            self._names = Names(self._context.dataset)
            for path in _files(self._path):
                shown = path.relative_to(self._path.parent).as_posix()
                if is_archive(path.name):
                    for candidate in index(self._context, path, shown).candidates:
                        self._names.add(candidate)
                elif path != self._path:
                    self._names.add(Candidate(shown, path.stat().st_size, path))
        return self._names

    def _digest(self, candidate: Candidate) -> str | None:
        if candidate not in self._digests:
            self._digests[candidate] = digest(self._context, candidate)
        return self._digests[candidate]

    def _copied(self, item: Wanted, source: Path) -> Outcome:
        path = incoming_path(self._context, self._settings.name, item)
        try:
            if item.annotations or source.suffix.lower() == path.suffix.lower():
                with atomic_path(path) as temporary:
                    shutil.copyfile(source, temporary)
            else:
                rewrite(source, path)
        except AudioError as error:
            return Outcome(item, "corrupt", reason(error, source))
        except PermissionError:
            return Outcome(item, "failed", f"{source.name}: no permission to read it")
        self._context.meter.received(path.stat().st_size)
        return Outcome(item, "present", path=path)


def _files(path: Path) -> Iterator[Path]:
    """All files below a folder in a fixed order, links to folders followed once; or the file."""
    if path.is_file():
        yield path
        return
    seen = set()
    for folder, inner, files in os.walk(path, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:
            inner.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in sorted(files):
            found = Path(folder, name)
            if not name.startswith(".") and found.is_file():
                yield found


def _read_hashes(path: Path) -> dict[tuple[str, str], str]:
    """(split, clip) -> SHA-256, from the manifest of an audit."""
    with existing(path, "give the manifest.tsv of an audit").open(encoding="utf-8") as handle:
        rows = csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
        if not {"split", "filename", "sha256"} <= set(rows.fieldnames or ()):
            raise DatasetError(
                f"{path} line 1: needs the columns split, filename and sha256; "
                "give the manifest.tsv of an audit"
            )
        return {(row["split"], row["filename"]): row["sha256"] for row in rows if row["sha256"]}
