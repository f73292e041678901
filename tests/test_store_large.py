"""Stores in float16 and in several files: their clips are those of one file in float32."""

import pickle
import zlib

import numpy as np
import pytest
import torch

from resed.errors import StoreError
from resed.formats.store import LARGE, Store, create
from resed.formats.store_features import MappedFeatures, shard_folder
from resed.settings import FeatureSettings, StoreSettings
from resed.train.batches import Stratum, features_of

SETTINGS = FeatureSettings(frames=20, n_mels=8)
CLIPS = [f"{number}.wav" for number in range(7)]
FEATURES = np.random.default_rng(0).normal(size=(7, 20, 8)).astype(np.float32)
KINDS = [("float16", 0), ("float32", 3), ("float16", 3), ("float16", 7), ("float16", 1000)]


def made(path, dtype, shard_clips, features=FEATURES):
    kept = StoreSettings(dtype=dtype, shard_clips=shard_clips)
    with create(path, CLIPS[: len(features)], SETTINGS, "weak", "f" * 64, kept) as writer:
        for row in reversed(range(len(features))):
            pickle.loads(pickle.dumps(writer)).write(row, features[row])
    return path


@pytest.mark.parametrize(("dtype", "shard_clips"), KINDS)
def test_clips_are_those_that_were_written(tmp_path, dtype, shard_clips):
    store = Store.open(made(tmp_path / "weak.store", dtype, shard_clips), SETTINGS, "weak")
    expected = FEATURES.astype(dtype).astype(np.float32)
    assert isinstance(store.features, MappedFeatures)
    assert (store.features.shape, len(store.features)) == (FEATURES.shape, 7)
    assert store.features.nbytes == FEATURES.nbytes
    for index in (slice(None), slice(2, 5), slice(5, 99), 4, np.array([6, 0, 3, 3]), np.array([])):
        found = store.features[index if not isinstance(index, np.ndarray) else index.astype(int)]
        wanted = expected[index if not isinstance(index, np.ndarray) else index.astype(int)]
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == np.float32
    np.testing.assert_array_equal(np.stack(list(store.features)), expected)
    with pytest.raises(IndexError, match="clips 7 to 7 of 7"):
        store.features[7]
    assert (store.version, store.clips) == (LARGE, CLIPS)
    raw = FEATURES.astype(dtype)
    assert store.checksums.tolist() == [zlib.crc32(clip.tobytes()) for clip in raw]


def test_files_have_the_documented_bytes(tmp_path):
    path = made(tmp_path / "weak.store", "float16", 3)
    shards = sorted(shard_folder(path).iterdir())
    assert [shard.name for shard in shards] == ["00000.store", "00001.store", "00002.store"]
    joined = b"".join(shard.read_bytes() for shard in shards)
    assert joined == FEATURES.astype("<f2").tobytes()
    assert path.stat().st_size == 4096 + 4 * 7  # the header and the checksums
    first = path.read_bytes()
    made(path, "float16", 3)
    assert path.read_bytes() == first
    half = made(tmp_path / "half.store", "float16", 0)
    assert half.stat().st_size == 4096 + 2 * FEATURES.size + 4 * 7
    made(path, "float16", 3, FEATURES[:4])  # fewer clips: shards of the earlier store go
    assert len(list(shard_folder(path).iterdir())) == 2
    assert len(Store.open(path).clips) == 4


def test_the_default_settings_keep_the_bytes_of_a_store(tmp_path):
    made(tmp_path / "new.store", "float32", 0)
    with create(tmp_path / "old.store", CLIPS, SETTINGS, "weak", "f" * 64) as writer:
        for row, clip in enumerate(FEATURES):
            writer.write(row, clip)
    assert (tmp_path / "new.store").read_bytes() == (tmp_path / "old.store").read_bytes()
    assert Store.open(tmp_path / "new.store").version == 1


def refusal(path):
    with pytest.raises(StoreError) as error:
        Store.open(path)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_damaged_missing_or_cut_shard_is_named(tmp_path):
    path = made(tmp_path / "weak.store", "float16", 3)
    shard = shard_folder(path) / "00001.store"
    data = shard.read_bytes()
    shard.write_bytes(data[:7] + bytes([data[7] ^ 1]) + data[8:])
    assert "the features of 3.wav are damaged; run resed extract again" in refusal(path)
    shard.write_bytes(data[:-1])
    assert "00001.store: truncated or overwritten: 959 bytes instead of 960" in refusal(path)
    shard.unlink()
    found = refusal(path)
    assert found.startswith(f"{shard}: {path} requires this file")


def test_no_more_shards_than_can_be_open(tmp_path):
    settings = FeatureSettings(frames=1, n_mels=1)
    clips = [f"{number}.wav" for number in range(10_001)]
    kept = StoreSettings(shard_clips=1)
    with (
        pytest.raises(StoreError, match=r"10001 shards; at most 10000; raise store.shard_clips to"),
        create(tmp_path / "x.store", clips, settings, "weak", "", kept),
    ):
        pass


def test_a_number_that_float16_cannot_hold_is_refused(tmp_path):
    kept = StoreSettings(dtype="float16")
    with (
        pytest.raises(OverflowError, match=r"a feature of 7e\+04"),
        create(tmp_path / "x.store", CLIPS, SETTINGS, "weak", "", kept) as writer,
    ):
        writer.write(0, np.full((20, 8), 70000, dtype=np.float32))
    assert not list(tmp_path.rglob("*.store"))


def test_features_of_a_training_are_read_as_a_tensor_is(tmp_path):
    store = Store.open(made(tmp_path / "weak.store", "float16", 3))
    features = features_of(store)
    expected = torch.from_numpy(FEATURES.astype(np.float16).astype(np.float32))
    assert features.shape == expected.shape
    assert features.nbytes == expected.nbytes
    index = torch.tensor([6, 1, 1])
    assert torch.equal(features[index], expected[index])
    assert torch.equal(torch.cat(list(features.split(4))), expected)
    stratum = Stratum("weak", features, torch.eye(7), clips=CLIPS).take(torch.tensor([5, 2]))
    assert torch.equal(stratum.features[:], expected[[5, 2]])
    assert torch.equal(stratum.tags, torch.eye(7)[[5, 2]])
    assert list(stratum.clips) == ["5.wav", "2.wav"]
    assert stratum.to(torch.device("cpu")).features is stratum.features
