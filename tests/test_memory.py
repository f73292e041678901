"""Memory of decoding, predicting and PSDS per clip."""

import gc
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from resed.calibrate.thresholds import search_thresholds
from resed.decode.events import (
    CLIPS_AT_ONCE,
    decode,
    decode_parts,
    parts,
    write_parts,
)
from resed.errors import ResultsError, StoreError
from resed.formats.annotations import Event, read_events
from resed.formats.posteriors import Posteriors
from resed.formats.windows import Window
from resed.runtime.scratch import scratch_array
from resed.score import class_changes
from resed.score.psds import count, framed, psds
from resed.settings import DecodeSettings

LABELS = ["bark", "rain"]
WINDOWS = {label: Window(label, 9, 0.1, 0.1, "esp", None, None, "") for label in LABELS}
STEP = 1 / 60
CLIP_KB = 600 * len(LABELS) * 4 / 1000  # of the frames of one clip


def made(clips, lost=False):
    """Posteriors of clips of 10 s whose events are short and few; the frames are on disk."""
    random = np.random.default_rng(0)
    frames = scratch_array((clips, 600, 2))
    for row in range(clips):
        start = int(random.integers(0, 500))
        frames[row, start : start + 60, row % 2] = 0.4 + 0.5 * random.random()
    tags = random.random((clips, 2)).astype(np.float32)
    names = [f"{row}.wav" for row in range(clips)]
    head = tags[::-1, None] if lost else None  # one head
    return Posteriors(frames, tags, tags, names, LABELS, {"seconds_per_frame": STEP}, head)


def peak_kb(run):
    gc.collect()
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1] / 1000
    finally:
        tracemalloc.stop()


def test_c9_parts_are_the_whole():
    whole = made(2 * CLIPS_AT_ONCE + 3, lost=True)
    found = list(parts(whole))
    assert [len(part.clips) for part in found] == [CLIPS_AT_ONCE, CLIPS_AT_ONCE, 3]
    for name in ("frames", "tags", "teacher_tags", "lost_head_tags"):
        joined = np.concatenate([getattr(part, name) for part in found])
        assert np.array_equal(joined, getattr(whole, name))
    assert [clip for part in found for clip in part.clips] == whole.clips
    assert {part.seconds_per_frame for part in found} == {STEP}


@pytest.mark.parametrize("settings", [DecodeSettings(), DecodeSettings(gate="soft", tags="clip")])
def test_c9_decoding_in_parts_writes_the_same_files(tmp_path, settings):
    whole = made(CLIPS_AT_ONCE + 40)
    write_parts(tmp_path / "whole", [decode(whole, WINDOWS, settings)])
    counts = write_parts(tmp_path / "parts", decode_parts(whole, WINDOWS, settings))
    for name in ("events", "tags", "raw_tags", "teacher_tags"):
        one, other = ((tmp_path / p / f"{name}.tsv").read_bytes() for p in ("whole", "parts"))
        assert one == other
    events = read_events(tmp_path / "parts" / "events.tsv")
    assert counts == (sum(map(len, events.values())), len(whole.clips))


def test_c9_foreign_windows_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ResultsError, match="no class"):
        write_parts(tmp_path / "out", decode_parts(made(3), {}, DecodeSettings()))
    assert not (tmp_path / "out").exists()


def test_c9_a_failure_in_a_later_part_leaves_no_file(tmp_path):
    def broken():
        yield decode(made(2), WINDOWS, DecodeSettings())
        raise ResultsError("the second part is damaged")

    with pytest.raises(ResultsError):
        write_parts(tmp_path, broken())
    assert not list(tmp_path.iterdir())


def test_c9_decoding_does_not_grow_with_the_clips(tmp_path):
    """28 kB per clip before; now the names and tags of clips only."""
    few, many = (made(clips) for clips in (CLIPS_AT_ONCE, 5 * CLIPS_AT_ONCE))
    peaks = [
        peak_kb(lambda one=one: write_parts(tmp_path, decode_parts(one, WINDOWS, DecodeSettings())))
        for one in (few, many)
    ]
    assert (peaks[1] - peaks[0]) / (4 * CLIPS_AT_ONCE) < CLIP_KB / 3


def test_c9_choosing_a_threshold_does_not_grow_with_the_clips():
    few, many = (made(clips) for clips in (CLIPS_AT_ONCE, 3 * CLIPS_AT_ONCE))
    peaks, chosen = [], []
    for one in (few, many):
        reference = {clip: [Event(clip, 1.0, 2.0, "rain")] for clip in one.clips}

        def run(one=one, reference=reference):
            chosen.append(
                search_thresholds(one, WINDOWS, reference, DecodeSettings(), grid=(0.5,)).common()
            )

        peaks.append(peak_kb(run))
    assert (peaks[1] - peaks[0]) / (2 * CLIPS_AT_ONCE) < CLIP_KB / 3
    assert all(0 < one["event_macro_f1"][0] < 1 for one in chosen)


def test_c9_psds_keeps_the_changes_only():
    """Of gated scores of 10 s: far less than the scores themselves."""

    def scores(posteriors):
        for row in posteriors.frames:
            yield np.where(row > 0, row, -np.inf)

    few, many = (made(clips) for clips in (30, 90))
    peaks = []
    for one in (few, many):
        truth = {clip: [(1.0, 2.0, LABELS[row % 2])] for row, clip in enumerate(one.clips)}
        peaks.append(peak_kb(lambda one=one, t=truth: psds(scores(one), t, LABELS, STEP)))
    assert (peaks[1] - peaks[0]) / 60 < CLIP_KB / 3


def test_c9_psds_without_a_gate_does_not_grow_with_the_clips(monkeypatch):
    """Of noise: the changes that are kept, when they are merged and when they cannot be."""
    monkeypatch.setattr(class_changes, "MOST_CHANGES", 512)

    def kept(clips, seconds):
        draw = np.random.default_rng(0)
        rows = framed((draw.random((30, 2), np.float32) for _ in range(clips)), 0.3)
        truth = {f"{row}": [(1.0, 2.0, LABELS[row % 2])] for row in range(clips)}
        found = count(rows, truth, LABELS[:2], seconds=seconds).found
        return max(one.size for classes in found.values() for one in classes.values())

    assert kept(40, None) > 400 and kept(160, None) > 1600
    assert kept(160, 160 * 9.0) < 512


def test_c9_scratch_arrays_have_no_file(tmp_path):
    found = scratch_array((3, 2), tmp_path / "new")
    assert found.shape == (3, 2) and found.dtype == np.float32 and not found.any()
    found[1] = 0.5
    assert not list((tmp_path / "new").iterdir())
    assert found.sum() == 1.0


def test_c9_posteriors_on_disk_are_saved_as_they_are(tmp_path):
    whole = made(20)
    whole.save(tmp_path / "disk.npz")
    replace(whole, frames=np.array(whole.frames)).save(tmp_path / "memory.npz")
    assert (tmp_path / "disk.npz").read_bytes() == (tmp_path / "memory.npz").read_bytes()
    tags = np.zeros((20000, 2), np.float32)
    names = [str(row) for row in range(20000)]
    frames = scratch_array((20000, 600, 2))  # 96 MB
    many = Posteriors(frames, tags, tags, names, LABELS, whole.meta)
    assert peak_kb(lambda: many.save(tmp_path / "many.npz")) < 60_000


def test_c9_loaded_frames_are_a_map_of_the_file(tmp_path):
    """With and without the optional array in front of them; and damage is still found."""
    for lost in (False, True):
        whole = made(30, lost=lost)
        path = tmp_path / f"{lost}.npz"
        whole.save(path)
        found = Posteriors.load(path)
        assert isinstance(found.frames, np.memmap) and not found.frames.flags.writeable
        assert found.frames.flags.aligned
        assert np.array_equal(found.frames, whole.frames)
        assert np.array_equal(found.tags, whole.tags) and found.clips == whole.clips
    data = bytearray(path.read_bytes())
    middle = data.index(found.frames[15].tobytes())
    data[middle + 100] ^= 1
    path.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        Posteriors.load(path)


def test_c9_loading_and_decoding_do_not_grow_with_the_clips(tmp_path):
    """From the file of posteriors to the files of events: 52 kB per clip before."""
    peaks = []
    for clips in (CLIPS_AT_ONCE, 3 * CLIPS_AT_ONCE):
        path = tmp_path / f"{clips}.npz"
        made(clips).save(path)

        def run(path=path):
            loaded = Posteriors.load(path)
            write_parts(tmp_path / "out", decode_parts(loaded, WINDOWS, DecodeSettings()))

        peaks.append(peak_kb(run))
    assert (peaks[1] - peaks[0]) / (2 * CLIPS_AT_ONCE) < CLIP_KB / 3
