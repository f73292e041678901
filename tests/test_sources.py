"""Recordings from all kinds of sources: complete files, single requests, reported failures."""

import csv
import json
import os
import threading
from pathlib import Path

import fetchable
import pytest
from fetchable import SPLITS, Collection, contents, hub, serve_record, serve_repository, zenodo

from resed.acquire.acquisition import FetchOptions, fetch_splits
from resed.acquire.recordings.fetch.state import read_states
from resed.acquire.recordings.fetch.transfer import Limits
from resed.config.dataset import load_dataset
from resed.errors import AnnotationError, DatasetError
from resed.formats.acquisition import ClipState
from resed.runtime.files import sha256

QUICK = Limits(attempts=3, connect_s=2, read_s=2, backoff_s=0.01, longest_backoff_s=0.02)
REAL = ["weak", "unlabeled", "development"]


@pytest.fixture(scope="module")
def made():
    return Collection()


def acquire(file: Path, root: Path, *roles: str, said: list | None = None, **options):
    """Fetch splits (all five by default); what was told goes to `said`."""
    fetching = FetchOptions(file, **{"limits": QUICK, **options})
    report = (said if said is not None else []).append
    return fetch_splits(load_dataset(file), root, fetching, roles or tuple(SPLITS), report=report)


def whole(server, made, tmp_path) -> Path:
    """A dataset file: annotations, a record for strong, one for evaluation, a repository."""
    for path, data in made.metadata().items():
        server.put(f"git/{path}", data)
    strong = {f"audio/train/synthetic/{n}": d for n, d in made.clips["strong"].items()}
    serve_record(server, "1", {"Synthetic_dataset.zip": fetchable.zipped(strong)})
    public = {f"dataset/{path}": data for path, data in made.tree("evaluation").items()}
    serve_record(server, "2", {"DESEDpublic_eval.tar.gz": fetchable.tarred(public)})
    serve_repository(server, "who/DESED", made.tree(*REAL), page=7)
    sources = [
        made.annotation_source(server.url("git")),
        zenodo(server, "zenodo_synthetic", "1", ["Synthetic_dataset.zip"], ["strong"]),
        zenodo(server, "zenodo_public", "2", ["DESEDpublic_eval.tar.gz"], ["evaluation"]),
        hub(server, "hub_real", "who/DESED", REAL),
    ]
    return made.dataset(tmp_path / "small.yaml", sources)


def in_place(made, *splits) -> dict[str, bytes]:
    """The expected files of a root, without hidden ones."""
    tables = {SPLITS[split][1]: made.tables[split] for split in splits or SPLITS}
    return {**tables, **made.tree(*(splits or SPLITS))}


def visible(root: Path) -> dict[str, bytes]:
    return {path: data for path, data in contents(root).items() if not path.startswith(".")}


def test_a_whole_dataset_arrives_and_costs_nothing_the_second_time(server, made, tmp_path):
    file, root = whole(server, made, tmp_path), tmp_path / "data"
    records = acquire(file, root)
    assert visible(root) == in_place(made)
    assert {role: record["clips_present"] for role, record in records.items()} == dict.fromkeys(
        SPLITS, 6
    )
    assert records["strong"]["sources"] == {"zenodo_synthetic": 6}
    hidden = sorted(path for path in contents(root) if path.startswith("."))
    assert hidden == sorted(f".acquire/{split}.tsv" for split in SPLITS)
    before = contents(tmp_path)
    server.forget()
    said = []
    assert acquire(file, root, said=said) == records
    assert server.log == []
    assert contents(tmp_path) == before
    assert said[0] == "small weak: 6 of 6 clips present (6 from hub_real)"


def test_what_listings_said_is_locked_and_a_change_is_refused(server, made, tmp_path):
    file, root = whole(server, made, tmp_path), tmp_path / "data"
    acquire(file, root)
    lock = json.loads((tmp_path / "small.lock.json").read_text())
    assert set(lock) == {"zenodo_synthetic", "zenodo_public", "hub_real", "hub_real:."}
    assert lock["hub_real"] == {"repository": "who/DESED", "commit": "c0ffee"}
    assert lock["zenodo_synthetic"]["files"]["Synthetic_dataset.zip"]["checksum"].startswith("md5:")
    serve_record(server, "1", {"Synthetic_dataset.zip": fetchable.zipped(made.tree("weak"))})
    (root / "audio/train/synthetic/3.wav").unlink()
    with pytest.raises(DatasetError, match=r"lock.json: the listing of zenodo_synthetic"):
        acquire(file, root)
    assert not (root / "audio/train/synthetic/3.wav").exists()


def test_sources_are_asked_in_order_each_for_the_rest(server, made, tmp_path):
    clips = made.tree("weak")
    names = list(clips)
    serve_repository(server, "a/one", {name: clips[name] for name in names[:3]})
    serve_repository(server, "a/two", {name: clips[name] for name in names[1:5]})
    sources = [hub(server, "one", "a/one", ["weak"]), hub(server, "two", "a/two", ["weak"])]
    file, root = made.dataset(tmp_path / "small.yaml", sources), tmp_path / "data"
    put(root, SPLITS["weak"][1], made.tables["weak"])
    said = []
    (record,) = acquire(file, root, "weak", said=said).values()
    assert record["sources"] == {"one": 3, "two": 2}
    assert record["states"] == {"present": 5, "gone": 1}
    assert "5 of 6 clips present (3 from one, 2 from two); 1 gone, listed in " in said[-1]
    states = read_states(root, "weak")
    lost = states[Path(names[5]).name]
    assert lost.reason == "one: gone (not in the repository), two: gone (not in the repository)"
    assert [name for name, one in lost.answers.items() if one.final] == ["one", "two"]
    server.forget()
    acquire(file, root, "weak")
    assert server.log == []  # they said it once
    acquire(file, root, "weak", again=True)
    assert server.log
    serve_repository(server, "a/three", {names[5]: clips[names[5]]})
    sources.append(hub(server, "three", "a/three", ["weak"]))
    (record,) = acquire(made.dataset(file, sources), root, "weak").values()
    assert record["sources"] == {"one": 3, "two": 2, "three": 1}


def test_the_user_s_own_files_are_never_overwritten(server, made, tmp_path):
    file, root = whole(server, made, tmp_path), tmp_path / "data"
    names = list(made.clips["weak"])
    corrected = made.tables["weak"].replace(b"Cat,Dog", b"Cat", 1)
    put(root, SPLITS["weak"][1], corrected)
    own = fetchable.sound(77)
    put(root, f"audio/train/weak/{names[0]}", own)  # decodes: it is the user's, and stays
    put(root, f"audio/train/weak/{names[1]}", own[:60])
    said = []
    (record,) = acquire(file, root, "weak", said=said).values()
    assert record["sources"] == {"local": 1, "hub_real": 4}
    assert record["states"] == {"present": 5, "corrupt": 1}
    assert (root / SPLITS["weak"][1]).read_bytes() == corrected
    assert (root / "audio/train/weak" / names[0]).read_bytes() == own


def test_a3_a_file_that_acquire_did_not_fetch_is_never_moved(server, made, tmp_path):
    """A damaged file stays, is named with its problem, and is fetched once it is moved away."""
    file, root = whole(server, made, tmp_path), tmp_path / "data"
    names = list(made.clips["weak"])
    own = fetchable.sound(77)
    contents = [own[:60], b"", b"<html>sign in</html>" * 9]
    put(root, SPLITS["weak"][1], made.tables["weak"])
    for name, content in zip(names, contents, strict=False):
        put(root, f"audio/train/weak/{name}", content)
    folder, said = root / "audio/train/weak", []
    (record,) = acquire(file, root, "weak", said=said).values()
    assert [(folder / name).read_bytes() for name in names[:3]] == contents
    assert not (root / ".acquire/quarantine").exists()
    assert record["states"] == {"present": 3, "corrupt": 3}
    for name, line in zip(names[:3], said, strict=False):
        assert line.startswith(f"{folder / name}: ")
        assert "it stays there unused; to get the clip from a source, move the file away" in line
        assert "delete it" not in line
        assert read_states(root, "weak")[name].reason.startswith("local: corrupt (")
    server.forget()
    acquire(file, root, "weak")
    assert not [path for path in server.asked() if any(path.endswith(n) for n in names[:3])]
    for name in names[:3]:
        (folder / name).rename(tmp_path / f"away_{name}")
    acquire(file, root, "weak", sources=["local"])
    assert read_states(root, "weak")[names[0]] == ClipState(names[0], "missing")
    (record,) = acquire(file, root, "weak").values()
    assert record["states"] == {"present": 6}
    assert (folder / names[0]).read_bytes() == made.clips["weak"][names[0]]


def test_b5_acquire_compares_the_content_of_files_with_their_record(server, made, tmp_path):
    """A bit that flips while size and date stay: named, and neither moved nor recorded anew."""
    file, root = whole(server, made, tmp_path), tmp_path / "data"
    names = list(made.clips["weak"])
    put(root, SPLITS["weak"][1], made.tables["weak"])
    own = put(root, f"audio/train/weak/{names[0]}", fetchable.sound(77))
    acquire(file, root, "weak")
    table = (root / ".acquire/weak.tsv").read_bytes()
    fetched = root / "audio/train/weak" / names[1]
    for path in (own, fetched):
        status, content = path.stat(), bytearray(path.read_bytes())
        content[-9] ^= 4
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    flipped = [own.read_bytes(), fetched.read_bytes()]
    server.forget()
    said = []
    acquire(file, root, "weak", said=said)
    assert server.log == []
    assert [own.read_bytes(), fetched.read_bytes()] == flipped
    assert (root / ".acquire/weak.tsv").read_bytes() == table
    for path, line in zip((own, fetched), said, strict=False):
        assert line.startswith(f"{path}: sha256 {sha256(path)[:12]} differs from the acquired file")
        assert "restore it, or delete its row in" in line
    assert "6 of 6 clips present" in said[2] and "2 of them differ from their record" in said[2]
    rows = [line for line in table.decode().splitlines() if names[0] not in line]
    (root / ".acquire/weak.tsv").write_text("\n".join(rows) + "\n")  # the cure, as reported
    said.clear()
    acquire(file, root, "weak", said=said)
    assert read_states(root, "weak")[names[0]].sha256 == sha256(own)
    assert "1 of them differ from their record" in said[1]


def test_a_sound_that_does_not_decode_goes_into_quarantine_and_on_to_the_next(
    server, made, tmp_path
):
    clips = made.tree("weak")
    bad = dict.fromkeys(clips, b"<html>sign in</html>" * 9)
    serve_repository(server, "a/one", bad)
    serve_repository(server, "a/two", dict(list(clips.items())[:4]))
    sources = [hub(server, "one", "a/one", ["weak"]), hub(server, "two", "a/two", ["weak"])]
    file, root = made.dataset(tmp_path / "small.yaml", sources), tmp_path / "data"
    put(root, SPLITS["weak"][1], made.tables["weak"])
    (record,) = acquire(file, root, "weak").values()
    assert record["states"] == {"present": 4, "corrupt": 2}
    assert len(list((root / ".acquire/quarantine/weak/one").iterdir())) == 6
    lost = [row for row in rows(root, "weak") if row["state"] == "corrupt"]
    answer = json.loads(lost[0]["answers"])["one"]
    assert answer["state"] == "corrupt"
    assert "cannot be decoded (Format not recognised)" in answer["detail"]
    assert str(tmp_path) not in answer["detail"]


def test_a_source_that_gives_nothing_is_left_alone(server, made, tmp_path):
    many = Collection(count=40, seed=2)
    clips = many.tree("weak")
    serve_repository(server, "a/one", clips)
    for path in clips:
        server.always(f"datasets/a/one/resolve/c0ffee/{path}", "forbidden")
    sources = [hub(server, "one", "a/one", ["weak"], patience=3)]
    file, root = many.dataset(tmp_path / "small.yaml", sources), tmp_path / "data"
    put(root, SPLITS["weak"][1], many.tables["weak"])
    with pytest.raises(DatasetError, match=r"none of the 40 clips.*\(40 blocked, listed in"):
        acquire(file, root, "weak", downloads=1)
    reasons = [clip.reason for clip in read_states(root, "weak").values()]
    assert "one: blocked (not requested: too many failures in a row)" in reasons
    assert len(server.log) < 12


def test_no_split_stops_the_others_and_all_are_told(server, made, tmp_path):
    file, root = whole(server, made, tmp_path), tmp_path / "data"
    put(root, SPLITS["weak"][1], b"filename\tevent_labels\na.wav\tCow\n")
    server.always("git/metadata/eval/public.tsv", "missing")
    with pytest.raises(DatasetError) as refused:
        acquire(file, root)
    message = str(refused.value)
    assert "weak.tsv line 2: unknown class 'Cow'" in message
    assert "public.tsv: no such file (sources: annotations: gone (" in message
    assert "; write the evaluation annotations as tab-separated text" in message
    assert "\n" not in message
    assert len(list((root / "audio/train/synthetic").iterdir())) == 6


def test_names_that_lead_out_of_the_folder_are_refused(server, made, tmp_path):
    file, root = whole(server, made, tmp_path), tmp_path / "data"
    put(root, SPLITS["weak"][1], b"filename\tevent_labels\n../../x.wav\tCat\n")
    with pytest.raises(AnnotationError, match=r"'../../x.wav' leads out of the folder"):
        acquire(file, root, "weak")
    assert server.log == []


def test_clips_may_lie_in_folders_of_their_own(made, tmp_path):
    file, root = made.dataset(tmp_path / "small.yaml", []), tmp_path / "data"
    put(root, SPLITS["weak"][1], b"filename\tevent_labels\na/x.wav\tCat\nb/x y.wav\tCat\n")
    put(root, "audio/train/weak/a/x.wav", fetchable.sound(1))
    mine = put(tmp_path, "mine/x y.wav", fetchable.sound(2)).parent
    (record,) = acquire(file, root, "weak", folder=mine).values()
    assert record["sources"] == {"folder": 1, "local": 1}
    assert (root / "audio/train/weak/b/x y.wav").read_bytes() == fetchable.sound(2)


def test_an_archive_for_several_splits_is_fetched_once(server, made, tmp_path):
    serve_record(server, "3", {"training.tar.gz": fetchable.tarred(made.tree("weak", "unlabeled"))})
    sources = [zenodo(server, "real", "3", ["training.tar.gz"], ["weak", "unlabeled"])]
    file, root = made.dataset(tmp_path / "small.yaml", sources), tmp_path / "data"
    for split in ("weak", "unlabeled"):
        put(root, SPLITS[split][1], made.tables[split])
    acquire(file, root, "weak")
    assert (root / ".acquire/downloads/real/training.tar.gz").is_file()
    acquire(file, root, "unlabeled")
    assert not (root / ".acquire/downloads").exists()
    assert server.asked()["api/records/3/files/training.tar.gz/content"] == 1


def test_a_record_that_is_none_is_said_in_one_line(server, made, tmp_path):
    serve_record(server, "1", {"a.zip": b""})
    cases = {
        "2": ({"message": "moved"}, "not the listing of a record (files with key, size"),
        "1": (None, "record 1 has no file b.zip (files: a.zip); correct sources.z.archives"),
    }
    for record, (page, message) in cases.items():
        if page:
            server.put(f"api/records/{record}", page)
        file = made.dataset(
            tmp_path / "small.yaml", [zenodo(server, "z", record, ["b.zip"], ["weak"])]
        )
        put(tmp_path / "data", SPLITS["weak"][1], made.tables["weak"])
        with pytest.raises(DatasetError) as refused:
            acquire(file, tmp_path / "data", "weak")
        assert message in str(refused.value)


def test_downloads_run_side_by_side_within_their_limit(server, made, tmp_path, monkeypatch):
    from resed.acquire.recordings.sources import downloads

    most, now, lock, original = 0, 0, threading.Lock(), downloads.download

    def counted(*arguments):
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        try:
            threading.Event().wait(0.02)
            return original(*arguments)
        finally:
            with lock:
                now -= 1

    monkeypatch.setattr(downloads, "download", counted)
    file = whole(server, made, tmp_path)
    acquire(file, tmp_path / "data", "unlabeled", downloads=3)
    assert most == 3


def test_the_time_left_counts_all_clips_that_are_to_come(server, made, tmp_path, monkeypatch):
    from resed.acquire.recordings.sources.download_progress import DownloadProgress

    lines = []
    monkeypatch.setattr(DownloadProgress, "_show", lambda self: lines.append(self.line()))
    acquire(whole(server, made, tmp_path), tmp_path / "data", "unlabeled", downloads=1)
    first = next(line for line in lines if "6 of 6 clips left" in line and "received" in line)
    assert "unknown" not in first
    sizes = sum(map(len, made.clips["unlabeled"].values()))
    assert any(f"{sizes / 1e3:.1f} kB received" in line for line in lines)
    assert lines[-1].endswith("done")


def test_the_progress_line_says_what_is_left_and_how_long():
    from resed.acquire.recordings.sources.download_progress import DownloadProgress

    now = [0.0]
    progress = DownloadProgress(clock=lambda: now[0])
    progress.start("acquire weak", 200)
    progress.expect(100_000_000)
    progress.received(20_000_000)
    for _ in range(50):
        progress.clip_done()
    now[0] = 40.0
    assert progress.line() == (
        "acquire weak: 150 of 200 clips left; 20.0 MB received, 500.0 kB/s; 3 min left"
    )
    progress.received(80_000_000)
    assert progress.line().endswith("2 min left")  # the bytes are there: by clips
    for _ in range(150):
        progress.clip_done()
    assert progress.line().endswith("done")


LONG = ["x" * 251 + ".wav", "ä" * 125 + "y.wav", "z" * 252 + ".wav", "é" * 126 + ".wav"]


@pytest.mark.parametrize("kind", ["hub", "folder", "zenodo", "convert"])
def test_c9_a_clip_name_of_255_bytes_does_not_end_its_split(server, made, tmp_path, kind):
    """Names up to 255 bytes are clips; longer ones are named and the others go on."""
    assert [len(name.encode()) for name in LONG] == [255, 255, 256, 256]
    clips = [*made.clips["weak"], *LONG]
    sounds = {name: fetchable.sound(n) for n, name in enumerate(clips)}
    there = {f"audio/train/weak/{name}": sounds[name] for name in clips[:-2]}
    root, folder = tmp_path / "data", None
    if kind == "folder":
        folder = tmp_path / "mine"
        for path, data in there.items():
            put(folder, path, data)
        sources = []
    elif kind == "zenodo":
        serve_record(server, "1", {"a.zip": fetchable.zipped(there)})
        sources = [zenodo(server, "archive", "1", ["a.zip"], ["weak"])]
    else:
        if kind == "convert":
            there = {path.replace(".wav", ".flac"): data for path, data in there.items()}
            there = {path: data for path, data in there.items() if len(Path(path).name) < 250}
        serve_repository(server, "a/one", there)
        sources = [hub(server, "one", "a/one", ["weak"])]
    put(root, SPLITS["weak"][1], fetchable.annotations("weak", clips))
    file, said = made.dataset(tmp_path / "small.yaml", sources), []
    (record,) = acquire(file, root, "weak", folder=folder, said=said).values()
    long = [line for line in said if "the name has 256 bytes, and file systems allow 255" in line]
    assert len(long) == 2
    wanted = clips[:-2] if kind != "convert" else list(made.clips["weak"])
    assert record["states"]["present"] >= len(wanted)
    for name in wanted if kind != "convert" else ():
        assert (root / "audio/train/weak" / name).read_bytes() == sounds[name]
    states = read_states(root, "weak")
    assert states[LONG[2]].reason == "local: failed (name too long)"
    assert not [path for path in contents(root) if "incoming" in path]


def test_damaged_annotations_are_not_taken(server, made, tmp_path):
    file = whole(server, made, tmp_path)
    mine = put(tmp_path, "mine/weak.tsv", b"name\tevent_labels\na.wav\tCat\n").parent
    acquire(file, tmp_path / "data", "weak", folder=mine)
    assert (tmp_path / "data" / SPLITS["weak"][1]).read_bytes() == made.tables["weak"]
    with pytest.raises(DatasetError, match=r"sources: folder: corrupt \(weak.tsv line 1: column "):
        acquire(file, tmp_path / "two", "weak", folder=mine, sources=["local"])


def test_a_full_disk_ends_the_run_before_it_begins(server, made, tmp_path, monkeypatch):
    from resed.acquire.recordings.fetch.errors import FullDiskError

    file, root = whole(server, made, tmp_path), tmp_path / "data"
    put(root, SPLITS["weak"][1], made.tables["weak"])
    monkeypatch.setattr(
        "resed.acquire.recordings.sources.adapter.free_bytes", lambda path: 64 << 20
    )
    with pytest.raises(FullDiskError, match=r"free disk space and run the command again"):
        acquire(file, root, "weak")
    assert not any("/resolve/" in path and path.endswith(".wav") for path in server.asked())
    monkeypatch.undo()
    assert acquire(file, root, "weak")["weak"]["clips_present"] == 6


def test_a_server_that_is_away_is_asked_once_a_run(server, made, tmp_path):
    file, root = whole(server, made, tmp_path), tmp_path / "data"
    for path in made.metadata():
        server.always(f"git/{path}", "error")
    with pytest.raises(DatasetError, match=r"annotations: not requested, it did not answer before"):
        acquire(file, root)
    assert len(server.log) == QUICK.attempts
    many = Collection(count=9, seed=2)
    serve_repository(server, "a/one", many.tree(*REAL))
    server.always("api/datasets/a/one/revision/main", "unavailable")
    file = many.dataset(tmp_path / "other.yaml", [hub(server, "one", "a/one", REAL)])
    for split in REAL:
        put(tmp_path / "two", SPLITS[split][1], many.tables[split])
    server.forget()
    with pytest.raises(DatasetError):
        acquire(file, tmp_path / "two", *REAL)
    assert len(server.log) == QUICK.attempts
    reasons = {clip.reason for clip in read_states(tmp_path / "two", "development").values()}
    assert reasons == {"one: failed (not requested: it did not answer before)"}


def test_a_root_that_cannot_be_written_is_only_looked_at(server, made, tmp_path, monkeypatch):
    file, root = whole(server, made, tmp_path), tmp_path / "data"
    names = list(made.clips["weak"])
    put(root, SPLITS["weak"][1], made.tables["weak"])
    put(root, f"audio/train/weak/{names[0]}", made.clips["weak"][names[0]])
    put(root, f"audio/train/weak/{names[1]}", b"not a sound")
    before, said = contents(root), []
    monkeypatch.setattr("os.access", lambda path, mode: False)
    (record,) = acquire(file, root, "weak", said=said).values()
    assert record["states"] == {"present": 1, "missing": 4, "corrupt": 1}
    assert contents(root) == before
    assert server.log == []
    assert "not writable; files are only checked" in said[0]
    assert "cannot be decoded" in said[1]
    assert "it stays there unused" in said[1]


def test_c10_what_stands_in_the_place_of_a_clip_is_named(server, made, tmp_path):
    """A pipe is not opened, which would wait for a writer."""
    file, root = whole(server, made, tmp_path), tmp_path / "data"
    folder, names = root / "audio/train/weak", list(made.clips["weak"])
    put(root, SPLITS["weak"][1], made.tables["weak"])
    (folder / names[0]).mkdir(parents=True)
    os.mkfifo(folder / names[1])
    (folder / names[2]).symlink_to("nowhere")
    said = []
    acquire(file, root, "weak", said=said)
    what = ("a folder", "a device, a pipe or a socket", "a link that leads nowhere")
    for name, words, line in zip(names[:3], what, said, strict=False):
        assert line.startswith(f"{folder / name}: is {words}, not a sound file; it stays there")
    assert (folder / names[1]).is_fifo() and (folder / names[2]).is_symlink()


def put(root: Path, path: str, data: bytes) -> Path:
    """Write a file below a folder."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(data)
    return root / path


def rows(root: Path, split: str) -> list[dict]:
    """The state table as a reader of TSV files sees it."""
    with (root / f".acquire/{split}.tsv").open() as handle:
        return list(csv.DictReader(handle, delimiter="\t"))
