"""Archives of unknown origin: intact members are extracted bit-exact, others are refused."""

import errno
import io
import random
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from resed.acquire.recordings.fetch.archive_base import ArchiveError, DamagedMemberError
from resed.acquire.recordings.fetch.archives import open_archive
from resed.acquire.recordings.fetch.errors import FullDiskError
from resed.errors import MissingFileError, ResedError
from resed.runtime.files import sha256

TARS = {"tar": "w", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}
KINDS = ["zip", *TARS]
CHANCE = random.Random(4)
CLIPS = {f"audio/Yclip {i} ü.wav": CHANCE.randbytes(3000 + 700 * i) for i in range(8)}


def zip_of(path, members, **how):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **how) as archive:
        for name, body in members:
            archive.writestr(name if isinstance(name, zipfile.ZipInfo) else plain(name), body)
    return path


def plain(name):
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.filename = info.orig_filename = name  # as it is: the library would mend some
    return info


def tar_of(path, members, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, body in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return path


def made(path, kind, members):
    return zip_of(path, members) if kind == "zip" else tar_of(path, members, TARS[kind])


def unpacked(path, folder, **how):
    """The readable members of an archive (name -> bytes), its damaged members, and the archive."""
    had, damaged = {}, {}
    with open_archive(path, **how) as archive:
        for number, member in enumerate(archive):
            target = folder / str(number)
            try:
                digest = archive.extract(member, target)
            except DamagedMemberError as error:
                damaged[member.name] = str(error)
                continue
            assert digest == sha256(target)
            had[member.name] = target.read_bytes()
            assert len(had[member.name]) == member.bytes
    assert not list(folder.glob(".*")), "nothing temporary stays"
    return had, damaged, archive


@pytest.mark.parametrize("kind", KINDS)
def test_all_members_arrive_whatever_the_archive_is_called(tmp_path, kind):
    path = made(tmp_path / "download", kind, CLIPS.items())
    had, damaged, archive = unpacked(path, tmp_path / "out")
    assert (had, damaged, archive.refused, archive.damage) == (CLIPS, {}, [], "")


@pytest.mark.parametrize("kind", KINDS)
def test_members_may_be_listed_first_and_unpacked_in_any_order(tmp_path, kind):
    with open_archive(made(tmp_path / "a", kind, CLIPS.items())) as archive:
        for member in reversed(list(archive)):
            archive.extract(member, tmp_path / "one")
            assert (tmp_path / "one").read_bytes() == CLIPS[member.name]
        assert [member.name for member in archive] == list(CLIPS), "and listed again"


EVIL = {
    "../../x": "its name leads out of the folder",
    "audio/../../x": "its name leads out of the folder",
    "/etc/x": "its name is an absolute path",
    "C:x": "its name begins with a drive letter",
    "..\\x": "its name contains a backslash",
    "a\nb.wav": "its name contains control characters or is not UTF-8",
}


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_lead_out_are_refused_and_the_rest_goes_on(tmp_path, kind):
    litter = {"._a.wav": b"x", "audio/._b.wav": b"x", "__MACOSX/audio/c.wav": b"x"}
    members = [*((name, b"evil") for name in EVIL), *litter.items(), *CLIPS.items()]
    out = tmp_path / "root" / "out"
    had, _, archive = unpacked(made(tmp_path / "a", kind, members), out)
    assert had == CLIPS
    assert {refused.name: refused.reason for refused in archive.refused} == EVIL
    assert {path.name for path in tmp_path.iterdir()} == {"a", "root"}
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["out"]


def test_names_are_told_without_what_leads_nowhere(tmp_path):
    path = tar_of(tmp_path / "a", [("./audio//a.wav", b"a"), ("b..wav", b"b")])
    had, _, archive = unpacked(path, tmp_path / "out")
    assert (had, archive.refused) == ({"audio/a.wav": b"a", "b..wav": b"b"}, [])


def test_links_and_devices_of_a_tar_are_refused(tmp_path):
    kinds = {
        "soft": tarfile.SYMTYPE,
        "hard": tarfile.LNKTYPE,
        "pipe": tarfile.FIFOTYPE,
        "disk": tarfile.BLKTYPE,
        "folder": tarfile.DIRTYPE,
    }
    members = []
    for name, kind in kinds.items():
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        members.append((info, b""))
    had, _, archive = unpacked(tar_of(tmp_path / "a", [*members, ("a", b"a")]), tmp_path / "out")
    assert had == {"a": b"a"}
    assert [(refused.name, refused.reason) for refused in archive.refused] == [
        ("soft", "it is a link"),
        ("hard", "it is a link"),
        ("pipe", "it is not a regular file"),
        ("disk", "it is not a regular file"),
    ]


def test_links_of_a_zip_are_refused(tmp_path):
    info = plain("link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    path = zip_of(tmp_path / "a", [(info, b"/etc/passwd"), ("folder/", b""), ("a", b"a")])
    had, _, archive = unpacked(path, tmp_path / "out")
    assert had == {"a": b"a"}
    assert [(refused.name, refused.reason) for refused in archive.refused] == [
        ("link", "it is a link")
    ]


def test_encrypted_and_oddly_packed_members_are_refused(tmp_path):
    path = zip_of(tmp_path / "a", [("secret", b"a" * 50), ("odd", b"b" * 50), ("fine", b"c")])
    content = bytearray(path.read_bytes())
    for name, offset, value in ((b"secret", 8, 1), (b"odd", 10, 99)):
        place = content.rindex(name) - 46  # of the directory
        struct.pack_into("<H", content, place + offset, value)
    path.write_bytes(content)
    had, _, archive = unpacked(path, tmp_path / "out")
    assert had == {"fine": b"c"}
    assert [(refused.name, refused.reason) for refused in archive.refused] == [
        ("secret", "it is encrypted"),
        ("odd", "unknown compression method 99"),
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_members_of_one_name_the_first_is_taken(tmp_path, kind):
    members = [("a", b"one"), ("b", b"same"), ("./a", b"two"), ("b", b"same"), ("b", b"longer")]
    had, _, archive = unpacked(made(tmp_path / "a", kind, members), tmp_path / "out")
    assert had == {"a": b"one", "b": b"same"}
    assert [refused.name for refused in archive.refused] == ["./a", "b"]
    assert "duplicate name with different bytes" in archive.refused[0].reason


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_is_refused_by_its_size_and_by_the_room_left(tmp_path, kind):
    path = made(tmp_path / "a", kind, [("bomb", bytes(5_000_000)), ("a", b"a")])
    had, _, archive = unpacked(path, tmp_path / "out", largest_bytes=1_000_000)
    assert had == {"a": b"a"}
    assert archive.refused[0].name == "bomb"
    assert "5000000 bytes, above the limit of 1000000" in archive.refused[0].reason
    with pytest.raises(FullDiskError, match=r"5 MB and a margin of 67 MB are required, 70 MB are"):
        unpacked(path, tmp_path / "out", free=lambda folder: 70_000_000)
    assert not list((tmp_path / "out").glob("*bomb*"))


def test_a_member_longer_than_it_says_is_damaged(tmp_path):
    path = zip_of(tmp_path / "a", [("liar", bytes(100_000)), ("a", b"a")])
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.rindex(b"liar") - 46 + 24, 10)
    path.write_bytes(content)
    had, damaged, _ = unpacked(path, tmp_path / "out")
    assert had == {"a": b"a"}
    assert list(damaged) == ["liar"]


def test_a_huge_tar_header_is_not_read_into_memory(tmp_path):
    info = tarfile.TarInfo("long")
    info.type = tarfile.XHDTYPE
    path = tar_of(tmp_path / "a", [("first", b"1"), (info, bytes(2 << 20)), ("last", b"2")])
    had, _, archive = unpacked(path, tmp_path / "out")
    assert had == {"first": b"1"}
    assert archive.damage == "invalid data"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.0005, 0.2, 0.5, 0.9, 0.999])
def test_of_a_truncated_archive_all_before_the_end_is_had(tmp_path, kind, share):
    path = made(tmp_path / "a", kind, CLIPS.items())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    try:
        had, damaged, archive = unpacked(path, tmp_path / "out")
    except ArchiveError as error:
        assert share < 0.01 or kind in ("tar.xz", "tar.bz2"), error  # one block holds it all
        return
    assert had.items() <= CLIPS.items(), "nothing accepted wrongly"
    assert archive.damage or had == CLIPS, "of a tar, its padding may be missing"
    assert len(damaged) <= 1, "but the one it breaks off in"
    if kind in ("zip", "tar", "tar.gz"):
        assert len(had) >= share * len(CLIPS) - 3
    if share > 0.99 and kind in ("zip", "tar"):
        assert had == CLIPS, "only the directory or the end mark is missing"


class Pipe(io.RawIOBase):
    """Output that cannot seek, so that sizes follow after the members."""

    def __init__(self):
        self.content = bytearray()

    def writable(self):
        return True

    def write(self, piece):
        self.content += piece
        return len(piece)


@pytest.mark.parametrize("big", [False, True], ids=["zip", "zip64"])
@pytest.mark.parametrize("streamed", [False, True], ids=["file", "streamed"])
def test_a_zip_without_its_directory_gives_its_members(tmp_path, streamed, big):
    handle = Pipe() if streamed else io.BytesIO()
    with zipfile.ZipFile(handle, "w") as archive:
        for name, body in CLIPS.items():
            with archive.open(plain(name), "w", force_zip64=big) as stream:
                stream.write(body)
    content = handle.content if streamed else handle.getvalue()
    (tmp_path / "a").write_bytes(content[: content.index(b"PK\x01\x02")])
    had, damaged, archive = unpacked(tmp_path / "a", tmp_path / "out")
    assert (had, damaged) == (CLIPS, {})
    assert archive.damage == "the central directory is missing"


def test_a_full_disk_is_no_damage(tmp_path, monkeypatch):
    path = zip_of(tmp_path / "a", CLIPS.items())

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("resed.acquire.recordings.fetch.archive_base.os.fsync", full)
    with pytest.raises(FullDiskError, match="no space left on device; free disk space and run"):
        unpacked(path, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_a_wrong_checksum_of_a_zip_member_is_found_and_the_rest_goes_on(tmp_path):
    path = zip_of(tmp_path / "a", CLIPS.items())
    content = bytearray(path.read_bytes())
    content[content.index(b"clip 3") + 1000] ^= 1
    path.write_bytes(content)
    had, damaged, _ = unpacked(path, tmp_path / "out")
    (name,) = damaged
    assert "clip 3" in name
    assert f"member {name} is damaged (wrong checksum); fetch the archive" in damaged[name]
    assert had == {other: body for other, body in CLIPS.items() if other != name}


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz"])
def test_one_flipped_byte_in_a_compressed_tar_is_noticed(tmp_path, kind):
    path = made(tmp_path / "a", kind, CLIPS.items())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    try:
        had, damaged, archive = unpacked(path, tmp_path / "out")
    except ArchiveError as error:
        assert kind == "tar.bz2", "whose one block holds it all"
        assert "damaged" in str(error)
        return
    assert archive.damage or damaged
    assert len(had) < len(CLIPS) or archive.damage == "wrong checksum"


def test_nothing_but_errors_in_one_line_comes_of_250_damaged_archives(tmp_path):
    seeds = {kind: made(tmp_path / "a", kind, CLIPS.items()).read_bytes() for kind in KINDS}
    chance = random.Random(7)
    noticed = 0
    for number in range(250):
        kind = KINDS[number % len(KINDS)]
        content = bytearray(seeds[kind])
        for _ in range(chance.choice([1, 1, 4, 40])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        if chance.random() < 0.3:
            del content[chance.randrange(len(content)) :]
        path = tmp_path / "b"
        path.write_bytes(content)
        try:
            had, damaged, archive = unpacked(path, tmp_path / "out")
        except ResedError as error:
            assert "\n" not in str(error)
            noticed += 1
            continue
        noticed += bool(damaged or archive.damage or archive.refused)
        wrong = set(had.values()) - set(CLIPS.values())
        if kind == "zip":
            assert not wrong, "every member has its checksum"
        elif kind != "tar":  # which has none but of its headers
            assert not wrong or archive.damage, "the checksum stands at the end"
    assert noticed > 170


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04", b"\x1f\x8bnot", b"x" * 5000])
def test_what_is_no_archive_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    if content.startswith(b"PK"):
        had, _, archive = unpacked(path, tmp_path)
        assert (had, bool(archive.damage)) == ({}, True)
        return
    with pytest.raises(
        ArchiveError, match=r"a\.zip: (not a zip or tar archive|damaged \(.*\)); fetch"
    ):
        open_archive(path)
    with pytest.raises(MissingFileError):
        open_archive(tmp_path / "none")


def test_memory_does_not_grow_with_the_members(tmp_path):
    path = tmp_path / "a"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for number in range(3):
            info = tarfile.TarInfo(str(number))
            info.size = 30_000_000
            with Path("/dev/zero").open("rb") as zeros:
                archive.addfile(info, zeros)
    tracemalloc.start()
    with open_archive(path) as archive:
        for member in archive:
            archive.extract(member, tmp_path / "one")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000
