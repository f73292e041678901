"""Adapter `folder`: the user's own files and archives, which are only read."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from resed.acquire.recordings.sources.adapter import (
    AcquireContext,
    Delivery,
    WantedFile,
    incoming_path,
    problem_of,
)
from resed.acquire.recordings.sources.archive_members import (
    ArchiveMember,
    candidate_sha256,
    is_archive,
    list_members,
    unpack_members,
)
from resed.acquire.recordings.sources.convert import copy_or_convert
from resed.acquire.recordings.sources.name_index import Candidate, NameIndex, choose_candidate
from resed.acquire.recordings.sources.settings import FolderSource
from resed.errors import AudioError, DatasetError
from resed.formats.manifest import read_manifest
from resed.runtime.files import walk


class FolderAdapter:
    """Searches a folder with its subfolders and archives once, and copies wanted files."""

    def __init__(self, settings: FolderSource, context: AcquireContext):
        self._settings, self._context = settings, context
        self._path = Path(settings.path).expanduser()
        if not self._path.exists():
            cure = "correct --folder"
            raise DatasetError("no such folder or archive", place=self._path, cure=cure)
        self._hashes = _read_hashes(Path(settings.hashes)) if settings.hashes else {}
        self._names: NameIndex | None = None
        self._digests: dict[Candidate, str | None] = {}

    def deliver(self, wanted: Sequence[WantedFile]) -> Iterator[Delivery]:
        """See `SourceAdapter.deliver`."""
        packed: dict[Path, dict[str, list[WantedFile]]] = {}
        for item in wanted:
            found = self._find(item)
            if isinstance(found, Delivery):
                yield found
            elif isinstance(found.where, ArchiveMember):
                members = packed.setdefault(found.where.archive, {})
                members.setdefault(found.where.member, []).append(item)
            else:
                yield self._copy(item, found.where)
        for archive, members in packed.items():
            yield from unpack_members(self._context, self._settings.name, archive, members)

    def _find(self, item: WantedFile) -> Candidate | Delivery:
        """The matching candidate, or the answer if there is none."""
        names, match = self._index(), self._settings.match
        expected = self._hashes.get((item.split, item.filename))
        if match == "name" or item.annotations:
            found = names.find(item)
        elif expected is None:
            return Delivery(item, "gone", "not in the manifest")
        else:
            pool = names.sounds() if match == "hash" else names.find(item)
            found = [candidate for candidate in pool if self._digest(candidate) == expected][:1]
        if not found:
            return Delivery(item, "gone", "not in the folder")
        one = choose_candidate(found, self._digest)
        return Delivery(item, "failed", one) if isinstance(one, str) else one

    def _index(self) -> NameIndex:
        if self._names is None:
            self._names = NameIndex(self._context.dataset)
            for path in _files(self._path):
                shown = path.relative_to(self._path.parent).as_posix()
                if is_archive(path.name):
                    for candidate in list_members(self._context, path, shown).candidates:
                        self._names.add(candidate)
                elif path != self._path:
                    self._names.add(Candidate(shown, path.stat().st_size, path))
        return self._names

    def _digest(self, candidate: Candidate) -> str | None:
        if candidate not in self._digests:
            self._digests[candidate] = candidate_sha256(self._context, candidate)
        return self._digests[candidate]

    def _copy(self, item: WantedFile, source: Path) -> Delivery:
        path = incoming_path(self._context, self._settings.name, item)
        try:
            copy_or_convert(source, path)
        except AudioError as error:
            return Delivery(item, "corrupt", problem_of(error, source.name))
        except PermissionError:
            return Delivery(item, "failed", f"{source.name}: no permission to read it")
        self._context.progress.received(path.stat().st_size)
        return Delivery(item, "present", path=path)


def _files(path: Path) -> Iterator[Path]:
    """All visible files below a folder in a fixed order; each linked folder once."""
    if path.is_file():
        yield path
        return
    for folder, inner, files in walk(path):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in sorted(files):
            found = folder / name
            if not name.startswith(".") and found.is_file():
                yield found


def _read_hashes(path: Path) -> dict[tuple[str, str], str]:
    """(split, clip) -> SHA-256, from the manifest of an audit."""
    rows = read_manifest(path)
    known = rows.loc[rows["sha256"] != "", ["split", "filename", "sha256"]]
    return {(split, name): digest for split, name, digest in known.itertuples(index=False)}
