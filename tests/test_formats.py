"""Readers of files written by resed: valid content is read, other content is refused."""

import json
import math
import struct
import tracemalloc
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch

from resed.errors import (
    CheckpointError,
    DatasetError,
    MissingFileError,
    ResedError,
    ResultsError,
    StoreError,
)
from resed.formats import checkpoint
from resed.formats.audit_summary import read_audit_summary
from resed.formats.counts import Counts, read_counts, write_counts
from resed.formats.figure_description import read_figure_description
from resed.formats.history import read_history
from resed.formats.manifest import ManifestRow, read_manifest, write_manifest
from resed.formats.metrics import read_metrics, write_metrics
from resed.formats.posteriors import Posteriors
from resed.formats.repairs import (
    read_repair_summary,
    read_repairs,
    write_repair_summary,
    write_repairs,
)
from resed.formats.store import ALIGNMENT, MAGIC, PREFIX, Store
from resed.formats.thresholds import Thresholds, read_thresholds, write_thresholds
from resed.formats.windows import Window, read_windows, write_windows
from resed.runtime.json_text import parse_json

HASH = "0123456789abcdef" * 4


def refusal(kind: type[ResedError], read, *arguments) -> str:
    """The one line with which a reader refuses a file; it names the file and a cure."""
    with pytest.raises(kind) as refused:
        read(*arguments)
    error = refused.value
    assert "\n" not in str(error)
    assert error.place == str(arguments[0])
    assert error.cure
    return str(error)


# ---- tables --------------------------------------------------------------------------------------

ROWS = [
    ManifestRow("weak", "a \u2028.wav", HASH, 44100, 2, 10.0, "ok", "local"),
    ManifestRow("strong", "a \u2028.wav", "", 0, 0, 0.0, "missing", "local"),
]


def test_a_manifest_is_read_as_it_was_written(tmp_path):
    write_manifest(tmp_path / "m.tsv", ROWS)
    frame = read_manifest(tmp_path / "m.tsv")
    assert [ManifestRow(*row) for row in frame.itertuples(index=False)] == ROWS
    assert list(frame.index) == [2, 3]
    write_manifest(tmp_path / "m.tsv", [])
    assert read_manifest(tmp_path / "m.tsv").empty
    with pytest.raises(MissingFileError):
        read_manifest(tmp_path / "none.tsv")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("44100", "fast", "line 2: rate is not an integer"),
        ("44100", "-44100", "line 2: rate is below 0"),
        ("10.0", "nan", "line 2: seconds is not a finite number"),
        ("10.0", "inf", "line 2: seconds is not a finite number"),
        ("10.0", "-1", "line 2: seconds is below 0"),
        ("\tok\t", "\tfine\t", "line 2: status is not one of ok, missing"),
        (HASH, HASH[:-1], "line 2: sha256 is not 64 hexadecimal digits"),
        ("weak\t", "\t", "line 2: split is empty"),
        ("strong", "weak", "line 3: another row has the same split and filename"),
        ("\tlocal\n", "\n", "line 2: 7 cells, but the header has 8"),
        ("filename", "file", "line 1: the columns must be split, filename"),
    ],
)
def test_a_manifest_is_validated(tmp_path, old, new, message):
    path = tmp_path / "m.tsv"
    write_manifest(path, ROWS)
    path.write_text(path.read_text().replace(old, new, 1))
    assert message in refusal(DatasetError, read_manifest, path)


WINDOWS = [
    Window("Cat", 3, 1.5, 0.5, "esp", 2, 0.25, ""),
    Window("Dog", 0, None, 0.5, "esp", None, None, "no event"),
]


def test_windows_are_read_as_they_were_written(tmp_path):
    write_windows(tmp_path / "w.tsv", WINDOWS)
    read = read_windows(tmp_path / "w.tsv")
    assert list(read.values()) == WINDOWS
    assert [type(value) for value in (read["Cat"].events, read["Cat"].window_s)] == [int, float]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.500000", "-0.5", "line 2: window_s is below 0"),
        ("0.500000", "", "line 2: window_s is not a finite number"),
        ("1.500000", "long", "line 2: mean_s is not a finite number"),
        ("\t3\t", "\t3.5\t", "line 2: events is not an integer"),
        ("Dog", "Cat", "line 3: another row has the same event_label"),
    ],
)
def test_windows_are_validated(tmp_path, old, new, message):
    path = tmp_path / "w.tsv"
    write_windows(path, WINDOWS)
    path.write_text(path.read_text().replace(old, new, 1))
    assert message in refusal(ResultsError, read_windows, path)


def test_counts_are_read_as_they_were_written_and_validated(tmp_path):
    path = tmp_path / "counts.tsv"
    values = np.array([[[1, 2, 3], [0, 0, 0]], [[0, 0, 0], [4, 5, 6]]])
    write_counts(path, {"event": Counts.of(["a\u2028.wav", "b.wav"], ["Cat", "Dog"], values)})
    read = read_counts(path, 2)["event"]
    assert (read.names, read.classes) == (("a\u2028.wav", "b.wav"), ("Cat", "Dog"))
    np.testing.assert_array_equal(read.values, values)
    text = path.read_text()
    for old, new, message in [
        ("\t3\n", "\t-3\n", "line 2: fn is below 0"),
        ("\t3\n", "\t3.0\n", "line 2: fn is not an integer"),
        ("b.wav\tevent\tDog", "a\u2028.wav\tevent\tCat", "line 3: another row has the same clip"),
        ("Cat", "", "line 2: class is empty"),
    ]:
        path.write_text(text.replace(old, new, 1))
        assert message in refusal(ResultsError, read_counts, path, 2)
    path.write_text(text)
    assert "event has counts of 2 clips, but 1 were" in refusal(ResultsError, read_counts, path, 1)


def test_repairs_are_read_as_they_were_written_and_validated(tmp_path):
    path = tmp_path / "repairs.tsv"
    rows = [("strong", "a.wav", "2,3", "gap", "0.0 1.0 Dog; 1.1 2.0 Dog", "0.0 2.0 Dog")]
    write_repairs(path, rows)
    assert list(read_repairs(path).itertuples(index=False, name=None)) == rows
    path.write_text(path.read_text().replace("2,3", "2;3"))
    assert "line 2: lines are not numbers" in refusal(ResultsError, read_repairs, path)


def test_a_history_is_validated(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("epoch,loss,alpha\n0,0.5,\n1,inf,0.25\n")
    read = read_history(path)
    assert (read["epoch"], read["loss"][0]) == ([0, 1], 0.5)
    assert math.isnan(read["alpha"][0]) and math.isnan(read["loss"][1])
    for text, message in [
        ("epoch,loss\n", "contains no epoch"),
        ("", "line 1: the columns must be unique names"),
        ("step,loss\n1,1\n", "line 1: the columns must be unique and include epoch"),
        ("epoch,loss\n0\n", "line 2: 1 cells, but the header has 2"),
        ("epoch,loss\n0,high\n", "not a number"),
        ("epoch,loss\n1,0.5\n", "the epochs do not count from 0"),
        ('epoch,loss\n0,"0.5\n', "line 2: unexpected end of data"),
    ]:
        path.write_text(text)
        assert message in refusal(ResultsError, read_history, path)


# ---- JSON ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[" * 200_000, '{"a": NaN}', '{"b": -Infinity}', "1" * 5000, "\xff", "nul"),
        *(
            "1e999",
            '{"a": -1e400}',
            str(2**63),
            '["\\ud800"]',
            '{"a": 1, "a": 1}',
            "[" * 51 + "]" * 51,
        ),
        *('{"a":' * 51 + "1" + "}" * 51, "[0" + ",0" * 4_000_000 + "]"),
    ],
    ids=lambda text: text[:12],
)
def test_c4_json_that_python_would_take_or_die_of_is_refused(text):
    with pytest.raises(ValueError, match=r"\S"):
        parse_json(text.encode("latin-1"))


RATES = {"f1": 0.5, "precision": 0.5, "recall": 0.5, "tp": 1, "fp": 1, "fn": 1}
BLOCK = {"macro_f1": 0.5, "micro_f1": 0.5, "classes": {"Dog": RATES}}
METRICS = {"clips": 3, "event": BLOCK, "segment": BLOCK, "manifest_sha256": HASH}


def test_metrics_are_read_as_they_were_written(tmp_path):
    for content in (METRICS, {**METRICS, "format": 1}):
        write_metrics(tmp_path / "m.json", content)
        assert read_metrics(tmp_path / "m.json") == content
    write_metrics(tmp_path / "m.json", {**METRICS, "format": 2})
    assert "format must be an integer from 1 to 1, not 2" in refusal(
        ResultsError, read_metrics, tmp_path / "m.json"
    )


def changed(value: dict, path: str, new: object) -> dict:
    """A deep copy with one value changed, or its key removed (None)."""
    copy = json.loads(json.dumps(value))
    *above, last = path.split("/")
    inner = copy
    for key in above:
        inner = inner[key]
    if new is None:
        del inner[last]
    else:
        inner[last] = new
    return copy


@pytest.mark.parametrize(
    ("path", "new", "message"),
    [
        ("clips", -1, "clips must be an integer from 0, not -1"),
        ("clips", True, "clips must be an integer from 0, not True"),
        ("event", None, "event is missing"),
        ("segment", [], "segment must be a mapping, not a list of 0"),
        ("event/macro_f1", 1.5, "event.macro_f1 must be a finite number from 0 to 1, not 1.5"),
        ("event/classes/Dog/tp", 0.5, "event.classes.'Dog'.tp must be an integer from 0, not 0.5"),
        ("event/classes/Dog/f1", None, "event.classes.'Dog'.f1 is missing"),
        ("event/classes/Dog/f2", 0.5, "unknown key 'f2' in event.classes.'Dog'"),
        ("manifest_sha256", "12", "manifest_sha256 must be a SHA-256 in hex or null"),
        ("tags", {"macro_f1": 1}, "tags.micro_f1 is missing"),
        ("threshold_free", {"psds1": 2}, "threshold_free.psds1 must be a finite number from 0"),
    ],
)
def test_metrics_are_validated(tmp_path, path, new, message):
    place = tmp_path / "metrics.json"
    place.write_text(json.dumps(changed(METRICS, path, new)))
    assert message in refusal(ResultsError, read_metrics, place)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "content must be a mapping, not a list of 0"),
        ('{"splits": []}', "splits must be a mapping"),
        ('{"splits": {"weak": {"clips": -1, "status": {}}}}', "splits.'weak'.clips must be an"),
        ('{"splits": {"weak": {"clips": 1, "status": {"ok": "1"}}}}', "status.'ok' must be an"),
        ('{"manifest_sha256": "1"}', "manifest_sha256 must be a SHA-256"),
        ('{"go": 1}', "go must be true or false, not 1"),
    ],
)
def test_the_summary_of_an_audit_is_validated(tmp_path, text, message):
    path = tmp_path / "audit.json"
    path.write_text(text)
    assert message in refusal(ResultsError, read_audit_summary, path)


def test_thresholds_are_validated(tmp_path):
    path = tmp_path / "t.json"
    write_thresholds(path, {"threshold": 0.25, "grid": [0.25, 0.5], "event_macro_f1": [0.5, 0.1]})
    assert read_thresholds(path) == Thresholds(0.25)
    per_class = {
        "format": 1,
        "threshold": 0.25,
        "class_threshold_events": 20,
        "classes": {
            "Dog": {"threshold": 0.5, "events": 30, "event_f1": 0.5, "fallback": ""},
            "Cat": {"threshold": 0.25, "events": 3, "event_f1": 0.5, "fallback": "few events"},
        },
    }
    write_thresholds(path, per_class)
    assert read_thresholds(path) == Thresholds(0.25, {"Dog": 0.5, "Cat": 0.25})
    dog = per_class["classes"]["Dog"]

    def changed(**values):
        return {**per_class, "classes": {"Dog": dog | values}}

    for value, message in [
        ({"threshold": 0.5, "grid": [0.5], "event_macro_f1": [0.5, 0.5]}, "different lengths"),
        ({"threshold": 0.5, "grid": ["a"]}, "grid must be a list, each item a finite number"),
        ({"threshold": 0.5, "other": 1}, "unknown key 'other'"),
        ({"threshold": 0.5, "format": 1, "classes": {"Dog": dog}}, "class_threshold_events is mis"),
        ({**per_class, "format": 2}, "format must be an integer from 1 to 1, not 2"),
        ({**per_class, "classes": {}}, "classes must not be empty"),
        ({**per_class, "classes": {"": dog}}, "a class must be text that is not empty"),
        ({**per_class, "classes": {"Dog": 0.5}}, "classes.'Dog' must be a mapping"),
        (changed(threshold=1.5), "classes.'Dog'.threshold must be a finite number from 0 to 1"),
        (changed(events=-1), "classes.'Dog'.events must be an integer from 0"),
        (changed(event_f1=None), "classes.'Dog'.event_f1 must be a finite number"),
        (changed(fallback="no"), "classes.'Dog'.fallback must be '' or 'few events'"),
        (changed(more=1), "unknown key 'more' in classes.'Dog'"),
    ]:
        path.write_text(json.dumps(value))
        assert message in refusal(ResultsError, read_thresholds, path)


def test_the_summary_of_a_repair_is_validated(tmp_path):
    path = tmp_path / "repair.json"
    split = {
        "annotations": "a.tsv",
        "original_sha256": HASH,
        "repaired_sha256": HASH,
        "events": 3,
        "events_repaired": 2,
        "repairs": {"gap": 1},
    }
    summary = {"dataset": "d", "resed": "0", "manifest_sha256": None, "gap_s": 0.15, "splits": {}}
    summary["splits"]["strong"] = split
    write_repair_summary(path, summary)
    assert read_repair_summary(path) == summary
    for key, new, message in [
        ("gap_s", -1, "gap_s must be a finite number from 0, not -1"),
        ("splits/strong/events", "3", "splits.'strong'.events must be an integer"),
        ("splits/strong/original_sha256", "x", "original_sha256 must be a SHA-256"),
        ("more", 1, "unknown key 'more'"),
    ]:
        path.write_text(json.dumps(changed(summary, key, new)))
        assert message in refusal(ResultsError, read_repair_summary, path)


# ---- posteriors ----------------------------------------------------------------------------------


def posteriors(**values) -> Posteriors:
    random = np.random.default_rng(0)
    found = {
        "frames": random.random((2, 5, 3), dtype=np.float32),
        "tags": random.random((2, 3), dtype=np.float32),
        "teacher_tags": random.random((2, 3), dtype=np.float32),
        "clips": ["a.wav", "b.wav"],
        "classes": ["Cat", "Dog", "Cow"],
        "meta": {"seconds_per_frame": 0.1},
    }
    return Posteriors(**{**found, **values})


def write_arrays(path: Path, save=np.savez, **values) -> None:
    """Arrays of a valid posterior file with some replaced, written without any check."""
    posteriors().save(path)
    with np.load(path) as data:
        arrays = dict(data)
    save(path, **{**arrays, **values})


def test_posteriors_are_read_as_they_were_saved(tmp_path):
    made = posteriors()
    made.save(tmp_path / "p.npz")
    read = Posteriors.load(tmp_path / "p.npz")
    for name in ("frames", "tags", "teacher_tags"):
        np.testing.assert_array_equal(getattr(read, name), getattr(made, name))
    assert (read.clips, read.classes) == (made.clips, made.classes)
    assert read.meta == {"seconds_per_frame": 0.1, "version": 1}
    assert read.lost_head_tags is None


FRAMES = np.full((2, 5, 3), 0.5, np.float32)
META = {"seconds_per_frame": 0.1, "version": 1}
BAD_ARRAYS = {
    "nan": ({"frames": np.where(np.arange(3) == 1, np.nan, FRAMES)}, "frames must be numbers"),
    "inf": ({"tags": np.full((2, 3), np.inf, np.float32)}, "tags must be numbers from 0 to 1"),
    "five": ({"teacher_tags": np.full((2, 3), 5, np.float32)}, "teacher_tags must be numbers"),
    "below": ({"lost_head_tags": np.full((2, 4, 3), -0.1, np.float32)}, "lost_head_tags must be"),
    "complex": ({"frames": FRAMES.astype(complex)}, "frames holds <c16"),
    "double": ({"frames": FRAMES.astype(float)}, "frames holds <f8"),
    "integers": ({"tags": np.ones((2, 3), int)}, "tags holds <i8"),
    "no heads": ({"lost_head_tags": np.full((2, 0, 3), 0.1, np.float32)}, "lost_head_tags do not"),
    "flat": ({"frames": FRAMES[:, 0]}, "frames do not fit"),
    "few": ({"tags": np.zeros((1, 3), np.float32)}, "tags do not fit"),
    "no frames": ({"frames": FRAMES[:, :0]}, "frames do not fit"),
    "twice": ({"clips": np.array(["a.wav", "a.wav"])}, "clips must be unique names"),
    "empty name": ({"classes": np.array(["Cat", "", "Cow"])}, "classes must be unique names"),
    "numbers as names": ({"clips": np.arange(2)}, "clips holds <i8"),
    "one name": ({"clips": np.array("a.wav")}, "clips must be unique names"),
    "backwards": (
        {"meta": np.array(json.dumps({**META, "seconds_per_frame": -1}))},
        "meta.seconds_per_frame must be a number from 1e-05 to 3600",
    ),
    "a tiny step": (
        {"meta": np.array(json.dumps({**META, "seconds_per_frame": 1e-300}))},
        "meta.seconds_per_frame must be a number from 1e-05 to 3600",
    ),
    "no step": ({"meta": np.array('{"version": 1}')}, "meta.seconds_per_frame is missing"),
    "list": ({"meta": np.array("[]")}, "version None, this resed reads"),
    "no json": ({"meta": np.array("{")}, "not a posterior file, or damaged"),
    "deep": ({"meta": np.array("[" * 100_000)}, "not a posterior file, or damaged"),
    "more": ({"other": np.zeros(2)}, "it contains 'other.npy'"),
}


@pytest.mark.parametrize(("values", "message"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_b3_posteriors_are_validated(tmp_path, values, message):
    path = tmp_path / "p.npz"
    values = {
        key: value.astype(np.float32) if key == "frames" and "nan" in str(value) else value
        for key, value in values.items()
    }
    write_arrays(path, **values)
    assert message in refusal(StoreError, Posteriors.load, path)


def test_c6_pickled_compressed_and_encrypted_arrays_are_refused(tmp_path):
    path = tmp_path / "p.npz"
    write_arrays(path, clips=np.array([{"a": 1}, None], dtype=object))
    assert "clips holds |O" in refusal(StoreError, Posteriors.load, path)
    write_arrays(path, save=np.savez_compressed)
    assert "is compressed or encrypted" in refusal(StoreError, Posteriors.load, path)
    posteriors().save(path)
    content = bytearray(path.read_bytes())
    start = 0
    while (start := content.find(b"PK\x01\x02", start)) >= 0:
        content[start + 8] |= 1
        start += 1
    path.write_bytes(content)
    assert "is compressed or encrypted" in refusal(StoreError, Posteriors.load, path)


def test_c6_no_memory_is_taken_for_a_shape_that_the_file_does_not_hold(tmp_path):
    path = tmp_path / "p.npz"
    posteriors().save(path)
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    buffer = BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (2, 10**12, 3)}
    np.lib.format.write_array_header_1_0(buffer, header)
    members["frames.npy"] = buffer.getvalue() + bytes(100)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert "does not match its shape" in refusal(StoreError, Posteriors.load, path)


def test_every_flipped_byte_of_posteriors_is_refused_or_changes_nothing(tmp_path):
    path = tmp_path / "p.npz"
    made = posteriors()
    made.save(path)
    written = path.read_bytes()
    refused = 0
    for place in range(0, len(written), 7):
        damaged = bytearray(written)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        try:
            read = Posteriors.load(path)
        except StoreError:
            refused += 1
        else:
            np.testing.assert_array_equal(read.frames, made.frames)
            assert (read.clips, read.classes) == (made.clips, made.classes)
    assert refused > len(written) / 7 / 2


def test_posteriors_that_could_not_be_read_are_not_saved(tmp_path):
    path = tmp_path / "p.npz"
    with pytest.raises(StoreError, match="frames must be numbers from 0 to 1; train the system"):
        posteriors(frames=FRAMES * np.nan).save(path)
    assert not path.exists()


# ---- stores --------------------------------------------------------------------------------------

HEADER = {
    "clips": ["a.wav", "b.wav"],
    "manifest_sha256": HASH,
    "resed": "0",
    "settings": {"frames": 3, "n_mels": 2},
    "shape": [2, 3, 2],
    "split": "weak",
}


def write_store(path: Path, text: bytes, features: np.ndarray) -> None:
    """A store with any header, with valid checksums."""
    start = -(-(PREFIX.size + len(text)) // ALIGNMENT) * ALIGNMENT
    head = PREFIX.pack(MAGIC, 1, len(text), zlib.crc32(text)) + text
    sums = struct.pack(f"<{len(features)}I", *(zlib.crc32(clip) for clip in features))
    path.write_bytes(head.ljust(start, b"\0") + features.tobytes() + sums)


def test_a_store_with_such_a_header_is_read(tmp_path):
    features = np.arange(12, dtype="<f4").reshape(2, 3, 2)
    write_store(tmp_path / "a.store", json.dumps(HEADER).encode(), features)
    np.testing.assert_array_equal(Store.open(tmp_path / "a.store").features, features)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[]", "header must be a mapping, not a list of 0"),
        (b"no json", "its header is not valid JSON"),
        (b"[" * 100_000, "its header is not valid JSON (more than 50 levels)"),
        (changed(HEADER, "shape", None), "header.shape is missing"),
        (changed(HEADER, "shape", [2, 3.0, 2]), "header.shape must be three integers above 0"),
        (changed(HEADER, "shape", [2, 3, 2, 1]), "header.shape must be three integers above 0"),
        (changed(HEADER, "shape", [2, 0, 2]), "header.shape must be three integers above 0"),
        (changed(HEADER, "shape", [10**9, 3, 2]), "header.shape has 1000000000 clips, header"),
        (changed(HEADER, "shape", [2, 2, 3]), "header.shape does not fit header.settings"),
        (changed(HEADER, "clips", ["a.wav", "a.wav"]), "header.clips must be a list of unique"),
        (changed(HEADER, "clips", "ab"), "header.clips must be a list of unique names"),
        (changed(HEADER, "clips", ["a.wav", 1]), "header.clips must be a list of unique names"),
        (changed(HEADER, "split", ""), "header.split must be text that is not empty"),
        (changed(HEADER, "settings", 1), "header.settings must be a mapping, not 1"),
        (changed(HEADER, "more", 1), "unknown key 'more' in header"),
    ],
)
def test_c6_the_header_of_a_store_is_validated(tmp_path, text, message):
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    path = tmp_path / "a.store"
    write_store(path, text, np.zeros((2, 3, 2), "<f4"))
    assert message in refusal(StoreError, Store.open, path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_b3_features_that_are_not_finite_are_refused_with_their_clip(tmp_path, value):
    features = np.zeros((2, 3, 2), "<f4")
    features[1, 2, 0] = value
    path = tmp_path / "a.store"
    write_store(path, json.dumps(HEADER).encode(), features)
    message = refusal(StoreError, Store.open, path)
    assert "the features of b.wav are not finite" in message


def test_a_header_that_is_longer_than_its_file_is_refused(tmp_path):
    path = tmp_path / "a.store"
    path.write_bytes(PREFIX.pack(MAGIC, 1, 2**32 - 1, 0) + b"{}")
    assert "truncated within its header" in refusal(StoreError, Store.open, path)


# ---- checkpoints ---------------------------------------------------------------------------------

IDENTITY = {
    "system": "pts",
    "seed": 0,
    "settings": {},
    "features": {},
    "classes": ["Cat", "Dog"],
    "shares": [0.5, 1.0],
    "data": {"dataset": "demo"},
}


def weights() -> dict:
    count = torch.tensor(3)
    return {"a.weight": torch.ones(2, 2), "norm.num_batches_tracked": count}


def finished() -> dict:
    return {"identity": dict(IDENTITY), "epoch": 2, "networks": weights()}


def moments() -> dict:
    return {"step": torch.tensor(2.0), "exp_avg": -torch.ones(2), "exp_avg_sq": torch.ones(2)}


def group() -> dict:
    rates = {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}
    return {**rates, "amsgrad": False, "fused": None, "params": [0, 1]}


def state() -> dict:
    return {
        **finished(),
        "projections": {},
        "optimiser": {"state": {0: moments()}, "param_groups": [group()]},
        "generators": {"cpu": torch.get_rng_state()},
        "history": [{"epoch": 0, "loss": 0.5}, {"epoch": 1, "loss": 0.4}],
        "best": {"score": -1.0, "epoch": -1, "weights": {}},
    }


def test_checkpoints_are_read_as_they_were_saved(tmp_path):
    checkpoint.save(tmp_path / "checkpoint.pt", finished())
    assert checkpoint.load_finished(tmp_path / "checkpoint.pt")["identity"] == IDENTITY
    checkpoint.save(tmp_path / "resume.pt", state())
    assert checkpoint.load_state(tmp_path / "resume.pt")["epoch"] == 2


NAN = {"a.weight": torch.tensor([1.0, float("nan")])}
BAD_FINISHED = {
    "no identity": ({"identity": None}, "identity must be a mapping, not None"),
    "nan": ({"networks": NAN}, "networks must be a mapping of names to finite"),
    "inf": ({"networks": {"a": torch.tensor(float("inf"))}}, "networks must be a mapping of names"),
    "integers": ({"networks": {"a": torch.ones(2, dtype=torch.int64)}}, "networks must be"),
    "list": ({"networks": [torch.ones(2)]}, "networks must be a mapping of names"),
    "epoch": ({"epoch": -3}, "epoch must be an integer from 0, not -3"),
    "more": ({"more": 1}, "unknown key 'more'"),
    "complex": (
        {"networks": {"a": torch.ones(2, dtype=torch.complex64)}},
        "it contains 'torch ComplexFloatStorage'",
    ),
    "half": ({"networks": {"a": torch.ones(2).half()}}, "networks must be a mapping of names to"),
    "sparse": ({"networks": {"a": torch.ones(2, 2).to_sparse()}}, "not a checkpoint, or damaged"),
    "counter": ({"networks": {"a.num_batches_tracked": torch.tensor(-1)}}, "counters from 0"),
    "expanded": (
        {"networks": {"a": torch.ones(1).expand(10**12)}},
        "it contains a tensor that is larger than its storage",
    ),
    "bytes": ({"networks": b"weights"}, "not a checkpoint, or damaged"),
    "text": ({"epoch": "2"}, "epoch must be an integer from 0, not '2'"),
}
# What a training leaves whose learning rate is far too large.
DIVERGED = {
    "infinite variance": {"norm.running_var": torch.tensor([1.0, float("inf")])},
    "negative variance": {"norm.running_var": torch.tensor([1.0, -1.0])},
    "weights of 1e300": {"a.weight": torch.full((2,), 1e300, dtype=torch.float64)},
    "weights of 1e38": {"a.weight": torch.full((2,), 1e38)},
}
BAD_IDENTITY = {
    "negative share": ({"shares": [-0.5, 1.0]}, "identity.shares must be a list, each item a"),
    "share over 1": ({"shares": [0.5, 1.5]}, "identity.shares must be a list, each item a"),
    "one share": ({"shares": [0.5]}, "identity.shares must have one value per class"),
    "class twice": ({"classes": ["Cat", "Cat"]}, "identity.classes must be a list of 1 to 10000"),
    "many classes": ({"classes": [str(i) for i in range(10_001)]}, "not a list of 10001"),
    "no data": ({"data": None}, "identity.data must be a mapping, not None"),
    "no dataset": ({"data": {}}, "identity.data.dataset is missing"),
    "settings": ({"settings": [1]}, "identity.settings must be a mapping, not a list of 1"),
    "tensor": ({"settings": {"a": torch.ones(1)}}, "identity.settings.'a' must be text, numbers"),
    "nan in settings": ({"settings": {"a": float("nan")}}, "identity.settings.'a' must be text"),
    "class of two lines": (
        {"classes": ["Cat\n", "Dog"]},
        "identity.classes must be a list of 1 to",
    ),
    "clips": ({"data": {"dataset": "demo", "clips": {"weak": -1}}}, "identity.data.clips.'weak'"),
    "seed": ({"seed": 2**60}, "identity.seed must be an integer from 0"),
    "large seed": ({"seed": 2**64}, "not a checkpoint, or damaged (an integer of more than 64"),
}


@pytest.mark.parametrize(("values", "message"), BAD_FINISHED.values(), ids=BAD_FINISHED)
def test_b3_finished_checkpoints_are_validated(tmp_path, values, message):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, {**finished(), **values})
    assert message in refusal(CheckpointError, checkpoint.load_finished, path)


@pytest.mark.parametrize("weights", DIVERGED.values(), ids=DIVERGED)
def test_b9_weights_of_a_diverged_training_are_refused(tmp_path, weights):
    path = tmp_path / "checkpoint.pt"
    for content, read in (
        ({**finished(), "networks": weights}, checkpoint.load_finished),
        ({**state(), "networks": weights}, checkpoint.load_state),
        (
            {**state(), "best": {"score": 0.5, "epoch": 1, "weights": weights}},
            checkpoint.load_state,
        ),
    ):
        checkpoint.save(path, content)
        message = refusal(CheckpointError, read, path)
        assert "must be a mapping of names to finite float32 tensors of at most 1e+18" in message


@pytest.mark.parametrize(("values", "message"), BAD_IDENTITY.values(), ids=BAD_IDENTITY)
def test_c6_the_identity_of_a_checkpoint_is_validated(tmp_path, values, message):
    path = tmp_path / "checkpoint.pt"
    for content, read in (
        (finished(), checkpoint.load_finished),
        (state(), checkpoint.load_state),
    ):
        checkpoint.save(path, {**content, "identity": {**IDENTITY, **values}})
        assert message in refusal(CheckpointError, read, path)


BAD_STATES = {
    "epoch": ({"epoch": -3}, "epoch must be an integer from 0, not -3"),
    "epoch as text": ({"epoch": "2"}, "epoch must be an integer from 0, not '2'"),
    "history": ({"history": []}, "0 rows of history, epoch 2"),
    "history of text": ({"history": ["a", "b"]}, "history must be a list"),
    "generator": ({"generators": {"cpu": torch.ones(3)}}, "generators.cpu must be the state of"),
    "optimiser": ({"optimiser": {}}, "optimiser.state is missing"),
    "best": ({"best": {"score": 1.0, "epoch": 0, "weights": NAN}}, "best.weights must be"),
    "no identity": ({"identity": None}, "identity must be a mapping, not None"),
    "unknown column": (
        {"history": [{"epoch": 0}, {"epoch": 1, "x": 1}]},
        "row 2 of history is not that of epoch 2",
    ),
    "row twice": ({"history": [{"epoch": 0}, {"epoch": 0}]}, "row 2 of history is not that"),
    "short generator": (
        {"generators": {"cpu": torch.zeros(16, dtype=torch.uint8)}},
        "generators.cpu must be the state of a random generator",
    ),
    "empty generator": (
        {"generators": {"cpu": torch.zeros(5056, dtype=torch.uint8)}},
        "generators.cpu must be the state of a random generator",
    ),
    "moments": (
        {"optimiser": {"state": {0: {"step": 1}}, "param_groups": [group()]}},
        "optimiser.state.0.step must be a count of steps",
    ),
    "moments of nan": (
        {
            "optimiser": {
                "state": {0: moments() | {"exp_avg": NAN["a.weight"]}},
                "param_groups": [group()],
            }
        },
        "optimiser.state.0.exp_avg must be a finite float32 tensor",
    ),
    "another parameter": (
        {"optimiser": {"state": {2: moments()}, "param_groups": [group()]}},
        "optimiser.state: 2 is not a parameter",
    ),
    "learning rate": (
        {"optimiser": {"state": {}, "param_groups": [group() | {"lr": -1.0}]}},
        "optimiser.param_groups.lr must be a finite number from 0",
    ),
    "best of later": (
        {"best": {"score": 1.0, "epoch": 2, "weights": weights()}},
        "best.epoch is not an epoch whose weights it has",
    ),
    "best of others": (
        {"best": {"score": 1.0, "epoch": 1, "weights": {"b": torch.ones(1)}}},
        "best.weights do not fit networks ('a.weight' is missing)",
    ),
}


@pytest.mark.parametrize(("values", "message"), BAD_STATES.values(), ids=BAD_STATES)
def test_c6_states_of_trainings_are_validated(tmp_path, values, message):
    path = tmp_path / "resume.pt"
    checkpoint.save(path, {**state(), **values})
    assert message in refusal(CheckpointError, checkpoint.load_state, path)


def test_c6_one_kind_of_checkpoint_is_not_taken_for_the_other(tmp_path):
    path = tmp_path / "x.pt"
    checkpoint.save(path, finished())
    message = refusal(CheckpointError, checkpoint.load_state, path)
    assert "not the state of an unfinished training; delete it and train again" in message
    checkpoint.save(path, state())
    message = refusal(CheckpointError, checkpoint.load_finished, path)
    assert "not the checkpoint of a finished training; use checkpoint.pt, not resume.pt" in message
    torch.save({"format": checkpoint.FORMAT}, path)
    assert "version None, this resed reads version 1" in refusal(
        CheckpointError, checkpoint.load, path
    )


def test_c6_a_state_that_does_not_fit_a_training_is_refused(tmp_path):
    path, fresh = tmp_path / "resume.pt", state()
    parameters = [torch.zeros(2), torch.zeros(3)]
    other = {**weights(), "a.weight": torch.ones(2, 3)}
    for values, message in [
        ({}, None),
        (
            {"networks": other},
            "networks do not fit the settings ('a.weight' is (2, 3) float32",
        ),
        ({"networks": {}}, "networks do not fit the settings ('a.weight' is missing)"),
        (
            {"projections": {"x": torch.ones(1)}},
            "projections do not fit the settings ('x' is unknown",
        ),
        (
            {"optimiser": {"state": {1: moments()}, "param_groups": [group()]}},
            "optimiser.state.1 does not fit the settings",
        ),
        (
            {"optimiser": {"state": {}, "param_groups": [group() | {"betas": (0.5, 0.5)}]}},
            "optimiser.param_groups: betas does not fit the settings",
        ),
    ]:
        found = {**state(), **values}
        if "networks" in values:
            found["best"] = {"score": -1.0, "epoch": -1, "weights": {}}
        checkpoint.save(path, found)
        found = checkpoint.load_state(path)
        if message is None:
            checkpoint.refuse_unfit(path, found, fresh, parameters)
            continue
        assert message in refusal(
            CheckpointError, checkpoint.refuse_unfit, path, found, fresh, parameters
        )


def pickled(operations: bytes) -> bytes:
    """A file of torch.save with another pickle."""
    buffer = BytesIO()
    torch.save({"a": torch.ones(2)}, buffer)
    with zipfile.ZipFile(buffer) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    changed = BytesIO()
    with zipfile.ZipFile(changed, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, operations if name.endswith("data.pkl") else data)
    return changed.getvalue()


NAMES = b"X\x08\0\0\0class 01" * 10_000_000
PICKLES = {
    "call": (b"\x80\x02cos\nsystem\n(X\x02\0\0\0idtR.", "it contains 'os system'"),
    "builtin": (
        b"\x80\x02cbuiltins\nbytearray\n\x8a\x06\0\0\0\0\0\x01\x85R.",
        "'builtins bytearray'",
    ),
    "long": (b"\x80\x02\x8b\xff\xff\xff\x7f9.", "not a checkpoint, or damaged"),
    "newer": (b"\x80\x04\x95\0\0\0\0\0\0\0\0.", "it contains the operation FRAME"),
    "deep": (b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".", "more than 50 levels"),
    "ten million classes": (b"\x80\x02](" + NAMES + b"e.", "bytes of values; at most"),
    "two million values": (
        b"\x80\x02](" + b"K\x01" * 2_000_000 + b"e.",
        "more than 1000000 values",
    ),
}


@pytest.mark.parametrize(("operations", "message"), PICKLES.values(), ids=PICKLES)
def test_c6_checkpoints_with_other_pickles_are_refused_before_they_take_memory(
    tmp_path, operations, message
):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(pickled(operations))
    assert message in refusal(CheckpointError, checkpoint.load, path)


def test_c6_lists_that_refer_to_each_other_are_counted_as_often_as_they_occur(tmp_path):
    shared: list = ["x"]
    for _ in range(40):
        shared = [shared, shared]
    endless: list = []
    endless.append(endless)
    for value, message in ((shared, "more than 750000 values"), (endless, "more than 50 levels")):
        checkpoint.save(tmp_path / "a.pt", {**finished(), "identity": value})
        assert message in refusal(CheckpointError, checkpoint.load_finished, tmp_path / "a.pt")


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 99])
def test_c6_archives_with_compressed_or_encrypted_members_are_refused(tmp_path, kind):
    """A bomb of a few kB would be unpacked to 50 MB; 99 is an unknown method."""
    checkpoint.save(tmp_path / "c.pt", finished())
    posteriors().save(tmp_path / "p.npz")
    for name, error, read, member in (
        ("c.pt", CheckpointError, checkpoint.load, "archive/data/0"),
        ("p.npz", StoreError, Posteriors.load, "frames.npy"),
    ):
        path = tmp_path / name
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
        method = kind if kind != 99 else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", method) as archive:
            for one, data in {**members, member: bytes(50_000_000)}.items():
                archive.writestr(one, data if one != member or kind != 99 else data[:100])
        content = bytearray(path.read_bytes())
        if kind == 99:
            for mark, place in ((b"PK\1\2", 10), (b"PK\3\4", 8)):
                start = content.find(mark)
                content[start + place] = 99
            path.write_bytes(content)
        assert "is compressed or encrypted" in refusal(error, read, path)
        if kind == 99:
            content[content.find(b"PK\1\2") + 10] = 0
            content[content.find(b"PK\1\2") + 8] |= 1
            path.write_bytes(content)
            assert "is compressed or encrypted" in refusal(error, read, path)


def test_c6_archives_with_too_many_members_are_refused(tmp_path):
    path = tmp_path / "c.pt"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20_001):
            archive.writestr(zipfile.ZipInfo(f"archive/data/{number}"), b"")
    assert "more than 20000 members" in refusal(CheckpointError, checkpoint.load, path)
    assert "more than 20000 members" in refusal(StoreError, Posteriors.load, path)


def test_b3_a_posterior_file_of_other_values_is_not_saved_either(tmp_path):
    for name, value in (("seconds_per_frame", -1), ("seed", -1), ("manifest_sha256", "x")):
        meta = {"seconds_per_frame": 0.1, name: value}
        with pytest.raises(StoreError, match=f"meta.{name} must be .*; train the system again"):
            posteriors(meta=meta).save(tmp_path / "p.npz")


def test_b3_a_store_with_a_repeated_clip_is_refused(tmp_path):
    path = tmp_path / "a.store"
    text = json.dumps({**HEADER, "clips": ["a.wav", "a.wav"]}).encode()
    write_store(path, text, np.zeros((2, 3, 2), "<f4"))
    assert "header.clips must be a list of unique names" in refusal(StoreError, Store.open, path)


LONG = "x" * 100_000


@pytest.mark.parametrize("value", [LONG, [LONG] * 3, {LONG: LONG}, 10**18, -(10**15), "\x1b[31m"])
def test_c4_errors_quote_at_most_a_part_of_a_value(tmp_path, value):
    path = tmp_path / "x"
    text = json.dumps({**HEADER, "split": value, "shape": [2, 3, value]}).encode()
    write_store(path, text, np.zeros((2, 3, 2), "<f4"))
    posteriors().save(tmp_path / "p.npz")
    messages = [refusal(StoreError, Store.open, path)]
    write_arrays(path, meta=np.array(json.dumps({**META, "seconds_per_frame": value})))
    (tmp_path / "x.npz").rename(path)
    messages.append(refusal(StoreError, Posteriors.load, path))
    for read in (read_metrics, read_thresholds, read_repair_summary, read_figure_description):
        path.write_text(json.dumps({"clips": value, "threshold": value, "dataset": 1, "a": value}))
        messages.append(refusal(ResultsError, read, path))
    path.write_text("epoch,loss\n0," + str(value).replace(",", "") + "\n")
    if isinstance(value, str):
        messages.append(refusal(ResultsError, read_history, path))
    for message in messages:
        assert len(message) < len(str(path)) + 300
        assert message.isprintable()


def test_c7_tables_that_are_too_large_are_refused_unread(tmp_path):
    """A sparse file of 8 GB takes no memory, and one line."""
    path = tmp_path / "m.tsv"
    write_manifest(path, ROWS)
    with path.open("r+b") as handle:
        handle.truncate(8 << 30)
    readers = ((DatasetError, read_manifest, path), (ResultsError, read_counts, path, 3))
    for reader in (*readers, (ResultsError, read_history, path)):
        tracemalloc.start()
        try:
            assert "8589934592 bytes; at most 536870912 are read" in refusal(*reader)
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()


def test_c7_lines_and_cells_of_tables_are_bounded(tmp_path, monkeypatch):
    path = tmp_path / "m.tsv"
    write_manifest(path, ROWS)
    whole = path.read_text()
    with path.open("r+b") as handle:
        handle.truncate(len(whole.encode()) + (1 << 28))  # one line of zero bytes
    assert "line 4: a line of more than 16777216 bytes" in refusal(
        DatasetError, read_manifest, path
    )
    path.write_text(whole)
    monkeypatch.setattr("resed.formats.text_table.MOST_CELLS", 8 * len(ROWS))
    assert len(read_manifest(path)) == len(ROWS)
    monkeypatch.setattr("resed.formats.text_table.MOST_CELLS", 8 * len(ROWS) - 1)
    assert "line 3: more than 15 cells" in refusal(DatasetError, read_manifest, path)


def test_c7_text_that_is_not_utf8_is_refused_with_its_line(tmp_path):
    path = tmp_path / "m.tsv"
    write_manifest(path, ROWS)
    whole = path.read_bytes()
    for bad, message in ((b"\xff", "line 3: not UTF-8 text"), (b"\0", "line 3: not text (it con")):
        path.write_bytes(whole.replace(b"missing", bad))
        assert message in refusal(DatasetError, read_manifest, path)
    path.write_bytes(b"\xef\xbb\xbf" + whole.replace(b"\n", b"\r\n"))
    frame = read_manifest(path)
    assert [ManifestRow(*row) for row in frame.itertuples(index=False)] == ROWS


def test_c4_json_files_are_bounded_in_size(tmp_path):
    path = tmp_path / "m.json"
    path.write_text(json.dumps({**METRICS, "versions": {"a": "x" * (17 << 20)}}))
    assert "at most 16777216 are read" in refusal(ResultsError, read_metrics, path)
