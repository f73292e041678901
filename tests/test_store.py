"""Feature stores: intact ones with the requested settings are opened, others are refused."""

import json
import pickle
import struct
import zlib

import numpy as np
import pytest

from resed.errors import MissingFileError, StoreError
from resed.formats.store import ALIGNMENT, MAGIC, PREFIX, Store, create
from resed.settings import FeatureSettings

SETTINGS = FeatureSettings(frames=20, n_mels=8)
CLIPS = ["b.wav", "a ü.wav", "c.wav"]
FEATURES = np.random.default_rng(0).normal(size=(3, 20, 8)).astype(np.float32)


@pytest.fixture
def path(tmp_path):
    """A small store, its rows written out of order by pickled writers."""
    path = tmp_path / "weak.store"
    with create(path, CLIPS, SETTINGS, "weak", "f" * 64) as writer:
        for row in (2, 0, 1):
            pickle.loads(pickle.dumps(writer)).write(row, FEATURES[row])
    return path


def test_what_was_written_is_read(path):
    store = Store.open(path, SETTINGS, "weak")
    np.testing.assert_array_equal(store.features, FEATURES)
    assert isinstance(store.features, np.memmap)
    assert not store.features.flags.writeable
    assert store.features.offset % ALIGNMENT == 0
    assert store.clips == CLIPS
    assert store.settings == SETTINGS.model_dump()
    assert (store.split, store.manifest_sha256, store.version) == ("weak", "f" * 64, 1)
    store.verify()
    assert [item.name for item in path.parent.iterdir()] == ["weak.store"]


def test_equal_input_gives_equal_bytes(path, tmp_path):
    with create(tmp_path / "again", CLIPS, SETTINGS, "weak", "f" * 64) as writer:
        for row in range(3):
            writer.write(row, FEATURES[row])
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_nothing_half_written_gets_the_name(tmp_path):
    with (
        pytest.raises(StoreError, match=r"x\.store: 2 clips were not written, first b\.wav; run"),
        create(tmp_path / "x.store", CLIPS, SETTINGS, "weak", "") as writer,
    ):
        writer.write(1, FEATURES[1])
    with (
        pytest.raises(KeyError),
        create(tmp_path / "x.store", CLIPS, SETTINGS, "weak", "") as writer,
    ):
        raise KeyError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("clips", [[], ["a.wav", "a.wav"]])
def test_needs_clips_each_once(tmp_path, clips):
    with (
        pytest.raises(StoreError, match="requires at least one clip and unique clip names; check"),
        create(tmp_path / "x.store", clips, SETTINGS, "weak", ""),
    ):
        pass


def test_a_row_must_fit(tmp_path):
    with (
        pytest.raises(ValueError, match="does not fit"),
        create(tmp_path / "x.store", CLIPS, SETTINGS, "weak", "") as writer,
    ):
        writer.write(0, FEATURES[0, :-1])


def refusal(path, **wanted) -> str:
    with pytest.raises(StoreError) as error:
        Store.open(path, **wanted)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_other_settings_are_refused_by_key(path):
    other = SETTINGS.model_copy(update={"hop": 882})
    assert "made with features.hop 735, not 882; run resed extract again" in refusal(
        path, settings=other
    )
    wanted = {**SETTINGS.model_dump(), "dither": 1}
    assert "features.dither None, not 1" in refusal(path, settings=wanted)
    wanted = SETTINGS.model_dump(exclude={"floor"})
    assert "features.floor 2.2e-16, not None" in refusal(path, settings=wanted)
    assert "contains the split weak, not strong; use" in refusal(path, split="strong")


def test_another_version_is_refused(path):
    data = bytearray(path.read_bytes())
    data[8:12] = struct.pack("<I", 3)
    path.write_bytes(data)
    assert (
        "a store of version 3, but this resed reads versions 1 and 2; run resed extract again"
        in refusal(path)
    )


@pytest.mark.parametrize("content", [b"", b"RIFF....WAVE", b"\x93NUMPY" + bytes(5000), MAGIC[:5]])
def test_foreign_files_are_refused(path, content):
    path.write_bytes(content)
    assert "not a feature store of resed; use a store, or run resed extract again" in refusal(path)


def test_every_cut_is_seen(path):
    data = path.read_bytes()
    for kept in (len(MAGIC), 15, PREFIX.size, 100, ALIGNMENT, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:kept])
        assert "truncated" in refusal(path)
    path.write_bytes(data + b"\0")
    assert "truncated or overwritten" in refusal(path)


def test_every_flipped_byte_is_seen(path):
    data = path.read_bytes()
    text = struct.unpack_from("<I", data, 12)[0]
    positions = [0, 9, 13, 17, PREFIX.size, PREFIX.size + text - 1, ALIGNMENT, len(data) - 1]
    positions += list(range(ALIGNMENT, len(data), 97))
    for position in positions:
        flipped = bytearray(data)
        flipped[position] ^= 0x10
        path.write_bytes(flipped)
        refusal(path)


def test_verification_names_the_clip_and_can_wait(path):
    data = bytearray(path.read_bytes())
    data[ALIGNMENT + FEATURES[0].nbytes + 5] ^= 1
    path.write_bytes(data)
    assert "the features of a ü.wav are damaged; run resed extract again" in refusal(path)
    store = Store.open(path, verify=False)
    with pytest.raises(StoreError, match="damaged"):
        store.verify()


def test_layout_is_as_documented(path):
    data = path.read_bytes()
    magic, version, length, checksum = struct.unpack_from("<8sIII", data)
    text = data[20 : 20 + length]
    assert (magic, version, checksum) == (MAGIC, 1, zlib.crc32(text))
    assert json.loads(text)["shape"] == [3, 20, 8]
    assert data[4096 : 4096 + FEATURES.nbytes] == FEATURES.tobytes()
    sums = struct.unpack("<3I", data[4096 + FEATURES.nbytes :])
    assert sums == tuple(zlib.crc32(clip.tobytes()) for clip in FEATURES)


def test_missing_file(tmp_path):
    with pytest.raises(MissingFileError, match="no such file; run resed extract again"):
        Store.open(tmp_path / "none.store")
