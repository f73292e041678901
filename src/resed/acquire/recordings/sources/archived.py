"""Clips that lie in archives: indexed, chosen, and only then unpacked, member by member."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from resed.acquire.recordings.fetch.archives import Archive, Member, open_archive
from resed.acquire.recordings.fetch.transfer import FetchError, FullDiskError, Remote
from resed.acquire.recordings.sources.convert import rewrite
from resed.acquire.recordings.sources.names import ARCHIVES, Candidate, Names, one_of
from resed.acquire.recordings.sources.plug import Context, Outcome, Wanted, incoming_path
from resed.acquire.recordings.sources.remote import cause, download, reason
from resed.errors import AudioError, ResedError
from resed.runtime.files import sha256


@dataclass(frozen=True)
class Place:
    """A member of an archive."""

    archive: Path
    member: str


@dataclass(frozen=True)
class Contents:
    """What an archive holds; `damage` says why there may have been more, "" where it is whole."""

    candidates: list[Candidate]
    damage: str = ""


def is_archive(name: str) -> bool:
    """Whether a file's name says that it is an archive."""
    return name.lower().endswith(ARCHIVES)


def index(context: Context, archive: Path, shown: str) -> Contents:
    """The members of an archive; those that are refused are told by name.

    The archive's name without its suffix counts as a folder around them.
    """
    suffix = max((s for s in ARCHIVES if shown.lower().endswith(s)), key=len, default="")
    outer = shown.removesuffix(suffix) if suffix else shown
    found: list[Candidate] = []
    try:
        with open_archive(archive) as opened:
            for member in opened:
                place = Place(archive, member.name)
                found.append(Candidate(f"{outer}/{member.name}", member.bytes, place))
            for refused in opened.refused:
                context.report(f"{shown}: {refused.name!r} is left out: {refused.reason}")
            damage = opened.damage
    except FullDiskError:
        raise
    except ResedError as error:
        damage = reason(error, archive, shown)
    if damage:
        context.report(f"{shown}: {damage}")
    return Contents(found, damage)


def unpack(
    context: Context, source: str, archive: Path, chosen: Mapping[str, Sequence[Wanted]]
) -> Iterator[Outcome]:
    """Bring the chosen members (name -> the files that are wanted of it) of one archive."""
    left = dict(chosen)
    try:
        with open_archive(archive) as opened:
            for member in opened:
                for item in left.pop(member.name, ()):
                    yield _unpacked(context, source, opened, member, item)
                if not left:
                    return
    except FullDiskError:
        raise
    except ResedError:
        pass  # told when it was indexed; what is left follows
    for items in left.values():
        for item in items:
            yield Outcome(item, "corrupt", "the archive breaks off before it", final=True)


def _unpacked(
    context: Context, source: str, opened: Archive, member: Member, item: Wanted
) -> Outcome:
    path, suffix = incoming_path(context, source, item), PurePosixPath(member.name).suffix
    same = item.annotations or suffix.lower() == path.suffix.lower()
    brought = path if same else path.with_name(f"{path.stem}.fetched{suffix}")
    try:
        opened.extract(member, brought)
        if not same:
            rewrite(brought, path)
    except FullDiskError:
        raise
    except AudioError as error:
        return Outcome(item, "corrupt", reason(error, brought), final=True)
    except ResedError as error:
        return Outcome(item, "corrupt", reason(error, opened.path, opened.path.name), final=True)
    finally:
        if not same:
            brought.unlink(missing_ok=True)
    return Outcome(item, "present", path=path, final=True)


def from_archives(
    context: Context, source: str, remotes: Mapping[str, Remote], wanted: Sequence[Wanted]
) -> Iterator[Outcome]:
    """Download archives one after the other, for as long as something is wanted, and unpack it.

    They stay until every split of the source is through (`resed.acquire.recordings.leftovers`).
    """
    left = list(wanted)
    why: tuple[str, str, bool] | None = None  # why what is left may yet exist
    for key, remote in remotes.items():
        if not left:
            return
        archive = context.archives(source) / PurePosixPath(key).name
        context.meter.expect(remote.bytes or 0)
        try:
            download(context, remote, archive)
        except FullDiskError:
            raise
        except FetchError as error:
            why = why or (error.state, f"{key}: {cause(error)}", False)
            continue
        contents = index(context, archive, key)
        if contents.damage:
            why = why or ("corrupt", f"{key}: {contents.damage}", bool(remote.checksum))
        chosen, unclear = choose(context, contents.candidates, left)
        yield from unclear
        sizes = {candidate.where.member: candidate.bytes for candidate in contents.candidates}
        context.check_room(sum(sizes[name] or 0 for name in chosen))
        yield from unpack(context, source, archive, chosen)
        settled = {item for items in chosen.values() for item in items}
        settled |= {outcome.wanted for outcome in unclear}
        left = [item for item in left if item not in settled]
    state, detail, final = why or ("gone", f"not in {', '.join(remotes)}", True)
    for item in left:
        yield Outcome(item, state, detail, final=final)


def choose(
    context: Context, candidates: Sequence[Candidate], wanted: Sequence[Wanted]
) -> tuple[dict[str, list[Wanted]], list[Outcome]]:
    """Members by name with the files that are wanted of them; and those of which several fit."""
    names = Names(context.dataset)
    for candidate in candidates:
        names.add(candidate)
    chosen: dict[str, list[Wanted]] = {}
    unclear = []
    for item in wanted:
        found = names.find(item)
        if not found:
            continue
        one = one_of(found, lambda candidate: digest(context, candidate))
        if isinstance(one, str):
            unclear.append(Outcome(item, "failed", one, final=True))
        else:
            chosen.setdefault(one.where.member, []).append(item)
    return chosen, unclear


def digest(context: Context, candidate: Candidate) -> str | None:
    """SHA-256 of a loose file or of a member; None where it cannot be read."""
    where = candidate.where
    if isinstance(where, Path):
        return sha256(where)
    probe = context.archives("compared") / "member"
    try:
        with open_archive(where.archive) as opened:
            for member in opened:
                if member.name == where.member:
                    opened.extract(member, probe)
                    return sha256(probe)
    except (ResedError, AudioError):
        return None
    finally:
        probe.unlink(missing_ok=True)
        probe.parent.rmdir()
    return None
