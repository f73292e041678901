"""Shards of parquet files: the wanted rows of them, each clip once."""

import io
import sys

import pytest
import soundfile
from fetchable import SPLITS, Collection, contents, serve_repository
from test_sources import acquire, put

from resed.acquire.recordings.fetch.state import read_states
from resed.acquire.recordings.sources.parquet import ParquetAdapter
from resed.errors import DatasetError


@pytest.fixture(scope="module")
def made():
    return Collection(count=6, seed=5)


def shard(rows_: list[dict]) -> bytes:
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    file = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows_), file, row_group_size=2)
    return file.getvalue()


def source(server, **more) -> dict:
    values = {"name": "shards", "kind": "parquet", "splits": ["evaluation"], "folder": "data",
              "repository": "who/public", "api": server.url("api/datasets"),
              "files": server.url("datasets")}  # fmt: skip
    return {**values, **more}


def prepared(made, tmp_path, entry):
    root = tmp_path / "data"
    put(root, SPLITS["evaluation"][1], made.tables["evaluation"])
    return made.dataset(tmp_path / "small.yaml", [entry]), root


def test_clips_come_out_of_shards(server, made, tmp_path):
    clips = list(made.clips["evaluation"].items())
    events = [{"audio": {"bytes": data, "path": name}, "label": "Dog"} for name, data in clips]
    samples, rate = soundfile.read(io.BytesIO(clips[4][1]))
    flac = io.BytesIO()
    soundfile.write(flac, samples, rate, format="FLAC")
    events[4]["audio"] = {"bytes": flac.getvalue(), "path": clips[4][0].replace(".wav", ".flac")}
    events[1]["audio"]["path"] = f"some/where/{clips[1][0][1:]}"  # without the Y
    shards = {
        "data/0.parquet": shard([events[0], events[0], events[1]]),  # a row an event
        "data/1.parquet": shard([events[1], *events[2:5], {"audio": None, "label": "Cat"}]),
        "data/readme.md": b"text",
    }
    serve_repository(server, "who/public", shards)
    file, root = prepared(made, tmp_path, source(server))
    (record,) = acquire(file, root, "evaluation").values()
    assert record["states"] == {"present": 5, "gone": 1}
    for name, data in clips[:4]:
        assert (root / "audio/eval/public" / name).read_bytes() == data
    assert soundfile.info(root / "audio/eval/public" / clips[4][0]).format == "WAV"
    (lost,) = [clip for clip in read_states(root, "evaluation").values() if clip.state == "gone"]
    assert lost.reason == "shards: gone (not in the shards)"
    assert not [path for path in contents(root) if "downloads" in path or "incoming" in path]
    server.forget()
    acquire(file, root, "evaluation")
    assert server.log == []


def test_a_column_of_names(server, made, tmp_path):
    events = [
        {"sound": {"bytes": data, "path": None}, "file": name}
        for name, data in made.clips["evaluation"].items()
    ]
    serve_repository(server, "who/public", {"data/0.parquet": shard(events)})
    file, root = prepared(made, tmp_path, source(server, audio="sound", filename="file"))
    assert acquire(file, root, "evaluation")["evaluation"]["clips_present"] == 6
    (tmp_path / "other").mkdir()
    file, root = prepared(made, tmp_path / "other", source(server))
    with pytest.raises(DatasetError, match=r"sources.shards: the shards have no column audio \("):
        acquire(file, root, "evaluation")


def test_names_of_recordings(server, made, tmp_path):
    clips = list(made.clips["evaluation"].items())
    rows = []
    for name, data in clips[:5]:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="int16")
        flac = io.BytesIO()
        soundfile.write(flac, samples, rate, format="FLAC")
        path = f"audio/unbal_train/{name[1:12]}.flac"  # without Y and times
        rows.append({"video_id": name[1:12], "audio": {"bytes": flac.getvalue(), "path": path}})
    serve_repository(server, "who/public", {"data/0.parquet": shard(rows)})
    file, root = prepared(made, tmp_path, source(server))
    with pytest.raises(DatasetError, match=r"none of the 6 clips"):  # these are no names of clips
        acquire(file, root, "evaluation")
    (tmp_path / "ids").mkdir()
    file, root = prepared(made, tmp_path / "ids", source(server, names="id"))
    (record,) = acquire(file, root, "evaluation").values()
    assert record["states"] == {"present": 5, "gone": 1}
    for name, data in clips[:5]:
        written, _ = soundfile.read(root / "audio/eval/public" / name, dtype="int16")
        expected, _ = soundfile.read(io.BytesIO(data), dtype="int16")
        assert (written == expected).all()


def test_a_recording_of_two_wanted_clips_is_not_guessed(server, made, tmp_path):
    name, data = next(iter(made.clips["evaluation"].items()))
    twin = f"{name[:12]}_400.000_410.000.wav"
    rows = [{"audio": {"bytes": data, "path": f"{name[1:12]}.wav"}}]
    serve_repository(server, "who/public", {"data/0.parquet": shard(rows)})
    file, root = prepared(made, tmp_path, source(server, names="id"))
    table = root / SPLITS["evaluation"][1]
    table.write_bytes(made.tables["evaluation"] + f"{twin}\t0.0\t0.04\tDog\n".encode())
    with pytest.raises(DatasetError, match=r"none of the 7 clips"):
        acquire(file, root, "evaluation")


def test_a_shard_that_cannot_be_had_leaves_its_clips_open(server, made, tmp_path):
    events = [
        {"audio": {"bytes": data, "path": name}} for name, data in made.clips["evaluation"].items()
    ]
    shards = {"data/0.parquet": shard(events[:3]), "data/1.parquet": shard(events[3:])}
    serve_repository(server, "who/public", shards)
    server.always("datasets/who/public/resolve/c0ffee/data/1.parquet", "error")
    file, root = prepared(made, tmp_path, source(server))
    (record,) = acquire(file, root, "evaluation").values()
    assert record["states"] == {"present": 3, "failed": 3}
    server.always("datasets/who/public/resolve/c0ffee/data/1.parquet", None)
    (record,) = acquire(file, root, "evaluation").values()
    assert record["states"] == {"present": 6}


BROKEN = {
    "text": lambda data: b"<html>sign in</html>" * 50,
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "no footer": lambda data: data[:-8] + bytes(8),
    "pages": lambda data: data[:4] + bytes(len(data) // 2) + data[4 + len(data) // 2 :],
    "footer": lambda data: data[:-60] + bytes(50) + data[-10:],
}


@pytest.mark.parametrize("damage", BROKEN)
def test_c9_a_broken_shard_ends_neither_the_split_nor_the_run(server, made, tmp_path, damage):
    """Its clips stay open, the other shards are read, and it does not stay on the disk."""
    events = [
        {"audio": {"bytes": data, "path": name}} for name, data in made.clips["evaluation"].items()
    ]
    good, bad = shard(events[3:]), shard(events[:3])
    shards = {"data/0.parquet": BROKEN[damage](bad), "data/1.parquet": good}
    serve_repository(server, "who/public", shards)
    file, root = prepared(made, tmp_path, source(server))
    said = []
    (record,) = acquire(file, root, "evaluation", said=said).values()
    assert record["states"] == {"present": 3, "corrupt": 3}
    (line,) = [one for one in said if "it is skipped" in one]
    assert line.startswith("shards: data+0.parquet: not a readable parquet file (")
    assert not [path for path in contents(root) if path.endswith(".parquet")]
    serve_repository(server, "who/public", {"data/0.parquet": bad, "data/1.parquet": good})
    (tmp_path / "small.lock.json").unlink()
    (record,) = acquire(file, root, "evaluation").values()
    assert record["states"] == {"present": 6}


def test_c9_an_intact_shard_stays_after_an_error(server, made, tmp_path):
    clips = [{"audio": {"bytes": d, "path": n}} for n, d in made.clips["evaluation"].items()]
    serve_repository(server, "who/public", {"data/0.parquet": shard(clips)})
    file, root = prepared(made, tmp_path, source(server, audio="sound"))
    with pytest.raises(DatasetError, match="the shards have no column sound"):
        acquire(file, root, "evaluation")
    assert len([path for path in contents(root) if path.endswith(".parquet")]) == 1
    server.forget()
    file, root = prepared(made, tmp_path, source(server))  # corrected
    (record,) = acquire(file, root, "evaluation").values()
    assert record["states"] == {"present": 6}
    assert not [line for line in server.log if "0.parquet" in str(line)]
    assert not [path for path in contents(root) if path.endswith(".parquet")]


def test_c9_an_intact_shard_stays_after_ctrl_c(server, made, tmp_path, monkeypatch):
    clips = [{"audio": {"bytes": d, "path": n}} for n, d in made.clips["evaluation"].items()]
    serve_repository(server, "who/public", {"data/0.parquet": shard(clips)})
    file, root = prepared(made, tmp_path, source(server))
    write = ParquetAdapter._write

    def interrupted(self, item, name, data):
        if name == clips[3]["audio"]["path"]:
            raise KeyboardInterrupt
        return write(self, item, name, data)

    monkeypatch.setattr(ParquetAdapter, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        acquire(file, root, "evaluation")
    assert len([path for path in contents(root) if path.endswith(".parquet")]) == 1
    monkeypatch.undo()
    server.forget()
    (record,) = acquire(file, root, "evaluation").values()
    assert record["states"] == {"present": 6}
    assert not [line for line in server.log if "0.parquet" in str(line)]
    assert not [path for path in contents(root) if path.endswith(".parquet")]


def test_c9_a_column_of_another_type_is_one_line(server, made, tmp_path):
    serve_repository(server, "who/public", {"data/0.parquet": shard([{"audio": "a.wav"}])})
    file, root = prepared(made, tmp_path, source(server))
    with pytest.raises(DatasetError, match=r"sources.shards: the column audio has no bytes and"):
        acquire(file, root, "evaluation")


def test_without_pyarrow_it_is_said_in_one_line(server, made, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    file, root = prepared(made, tmp_path, source(server))
    with pytest.raises(DatasetError, match=r"require pyarrow; run pip install pyarrow, or use an"):
        acquire(file, root, "evaluation")
