"""Clips in archives: list the members, choose the wanted ones, unpack only these."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from resed.acquire.recordings.fetch.archive_base import Archive, Member
from resed.acquire.recordings.fetch.archives import open_archive
from resed.acquire.recordings.fetch.errors import FetchError, FullDiskError
from resed.acquire.recordings.fetch.partial_download import Remote
from resed.acquire.recordings.sources.adapter import (
    AcquireContext,
    Delivery,
    WantedFile,
    incoming_path,
    problem_of,
)
from resed.acquire.recordings.sources.convert import before_conversion, convert_and_delete
from resed.acquire.recordings.sources.downloads import download
from resed.acquire.recordings.sources.name_index import (
    ARCHIVES,
    Candidate,
    NameIndex,
    choose_candidate,
)
from resed.errors import ResedError
from resed.runtime.files import sha256


@dataclass(frozen=True)
class ArchiveMember:
    """A member of an archive, by name."""

    archive: Path
    member: str


@dataclass(frozen=True)
class ArchiveContents:
    """The members of an archive; `damage` is "" if all of them could be listed."""

    candidates: list[Candidate]
    damage: str = ""


def is_archive(name: str) -> bool:
    """Whether a file has the suffix of an archive."""
    return name.lower().endswith(ARCHIVES)


def list_members(context: AcquireContext, archive: Path, shown: str) -> ArchiveContents:
    """List the members of an archive, and report those that are refused.

    The name of the archive (`shown`) without its suffix counts as a folder around the members.
    """
    suffix = max((s for s in ARCHIVES if shown.lower().endswith(s)), key=len, default="")
    outer = shown.removesuffix(suffix) if suffix else shown
    found: list[Candidate] = []
    try:
        with open_archive(archive) as opened:
            for member in opened:
                where = ArchiveMember(archive, member.name)
                found.append(Candidate(f"{outer}/{member.name}", member.bytes, where))
            for refused in opened.refused:
                context.report(f"{shown}: {refused.name!r} is skipped: {refused.reason}")
            damage = opened.damage
    except FullDiskError:
        raise
    except ResedError as error:
        damage = error.problem
    if damage:
        context.report(f"{shown}: {damage}")
    return ArchiveContents(found, damage)


def unpack_members(
    context: AcquireContext,
    source: str,
    archive: Path,
    chosen: Mapping[str, Sequence[WantedFile]],
) -> Iterator[Delivery]:
    """Unpack the chosen members of an archive (name -> the wanted files that it matches)."""
    left = dict(chosen)
    try:
        with open_archive(archive) as opened:
            for member in opened:
                for item in left.pop(member.name, ()):
                    path = incoming_path(context, source, item)
                    yield _unpacked(opened, member, item, path)
                if not left:
                    return
    except FullDiskError:
        raise
    except ResedError:
        pass  # reported by `list_members`
    for items in left.values():
        for item in items:
            yield Delivery(item, "corrupt", "the archive is truncated before it", final=True)


def _unpacked(opened: Archive, member: Member, item: WantedFile, path: Path) -> Delivery:
    unpacked = path if item.annotations else before_conversion(path, member.name)
    try:
        opened.extract(member, unpacked)
        convert_and_delete(unpacked, path)
    except FullDiskError:
        raise
    except ResedError as error:
        return Delivery(item, "corrupt", problem_of(error, member.name), final=True)
    return Delivery(item, "present", path=path, final=True)


def deliver_from_archives(
    context: AcquireContext,
    source: str,
    remotes: Mapping[str, Remote],
    wanted: Sequence[WantedFile],
) -> Iterator[Delivery]:
    """Download and unpack archives one after the other until all wanted files are found.

    Archives are kept until all splits of the source are complete (see `leftovers`).
    """
    left = list(wanted)
    incomplete: tuple[str, str, bool] | None = None  # answer if an archive could not be searched
    for key, remote in remotes.items():
        if not left:
            return
        archive = context.downloaded(source) / PurePosixPath(key).name
        context.progress.expect(remote.bytes or 0)
        try:
            download(context, remote, archive)
        except FetchError as error:
            incomplete = incomplete or (error.state, f"{key}: {error.detail}", False)
            continue
        contents = list_members(context, archive, key)
        if contents.damage:
            final = bool(remote.checksum)
            incomplete = incomplete or ("corrupt", f"{key}: {contents.damage}", final)
        chosen, ambiguous = _choose_members(context, contents.candidates, left)
        yield from ambiguous
        sizes = {candidate.where.member: candidate.bytes for candidate in contents.candidates}
        context.check_space(sum(sizes[name] or 0 for name in chosen))
        yield from unpack_members(context, source, archive, chosen)
        settled = {item for items in chosen.values() for item in items}
        settled |= {delivery.wanted for delivery in ambiguous}
        left = [item for item in left if item not in settled]
    state, detail, final = incomplete or ("gone", f"not in {', '.join(remotes)}", True)
    for item in left:
        yield Delivery(item, state, detail, final=final)


def _choose_members(
    context: AcquireContext, candidates: Sequence[Candidate], wanted: Sequence[WantedFile]
) -> tuple[dict[str, list[WantedFile]], list[Delivery]]:
    """Member name -> wanted files that it matches; and answers for ambiguous names."""
    names = NameIndex(context.dataset)
    for candidate in candidates:
        names.add(candidate)
    chosen: dict[str, list[WantedFile]] = {}
    ambiguous = []
    for item in wanted:
        if found := names.find(item):
            one = choose_candidate(found, lambda candidate: candidate_sha256(context, candidate))
            if isinstance(one, str):
                ambiguous.append(Delivery(item, "failed", one, final=True))
            else:
                chosen.setdefault(one.where.member, []).append(item)
    return chosen, ambiguous


def candidate_sha256(context: AcquireContext, candidate: Candidate) -> str | None:
    """SHA-256 of a file or of an archive member; None if it cannot be read."""
    where = candidate.where
    if isinstance(where, Path):
        return sha256(where)
    unpacked = context.downloaded("compared") / "member"
    try:
        with open_archive(where.archive) as opened:
            for member in opened:
                if member.name == where.member:
                    opened.extract(member, unpacked)
                    return sha256(unpacked)
    except ResedError:
        return None
    finally:
        unpacked.unlink(missing_ok=True)
        unpacked.parent.rmdir()
    return None
