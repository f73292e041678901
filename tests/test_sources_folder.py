"""A folder or an archive of the user's: matched by name or by bytes, copied, never guessed."""

import io
from pathlib import Path

import fetchable
import numpy as np
import pytest
import soundfile
from fetchable import SPLITS, Collection, contents
from test_sources import acquire, in_place, put, rows, visible

from resed.acquire.recordings.fetch.state import read_states
from resed.errors import DatasetError
from resed.formats.manifest import ManifestRow, write_manifest

EVERY = list(SPLITS)


@pytest.fixture(scope="module")
def made():
    return Collection(count=5, seed=1)


def dataset(made, tmp_path, **source) -> Path:
    entries = [{"name": "own", "kind": "folder", "splits": EVERY, **source}] if source else []
    return made.dataset(tmp_path / "small.yaml", entries)


def lay(folder: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        put(folder, path, data)
    return folder


LAYOUTS = {
    "desed": lambda made: {**made.metadata(), **made.tree()},
    "dcase": lambda made: {
        f"dataset/{path}": data for path, data in {**made.metadata(), **made.tree()}.items()
    },
    "archives": lambda made: {
        "meta.tar": fetchable.tarred(made.metadata(), "w"),
        "strong/Synthetic_dataset.zip": fetchable.zipped(made.tree("strong")),
        "real.tar.gz": fetchable.tarred(made.tree("weak", "unlabeled")),
        "eval.tar.xz": fetchable.tarred(made.tree("development", "evaluation"), "w:xz"),
    },
    "one heap": lambda made: {
        **{Path(p).name: d for p, d in made.metadata().items()},
        **{Path(p).name: d for p, d in made.tree(*set(EVERY) - {"strong"}).items()},
        **{f"synthetic/{name}": d for name, d in made.clips["strong"].items()},
    },
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_usual_layouts(made, tmp_path, layout):
    mine = lay(tmp_path / "mine", LAYOUTS[layout](made))
    before = contents(mine)
    records = acquire(dataset(made, tmp_path), tmp_path / "data", folder=mine)
    assert visible(tmp_path / "data") == in_place(made)
    assert contents(mine) == before
    assert records["weak"]["sources"] == {"folder": 5}
    assert not any(path.is_symlink() for path in (tmp_path / "data").rglob("*"))
    for path in mine.rglob("*"):  # no hard links: the user's files stay the user's
        assert path.is_dir() or path.stat().st_nlink == 1


def test_an_archive_alone(made, tmp_path):
    files = {**made.metadata(), **made.tree()}
    archive = put(tmp_path, "all.zip", fetchable.zipped(files))
    acquire(dataset(made, tmp_path), tmp_path / "data", folder=archive)
    assert visible(tmp_path / "data") == in_place(made)


def test_names_written_in_other_ways(tmp_path):
    made = Collection(count=6, seed=3)
    names = list(made.clips["weak"])

    def other(name: str) -> str:
        """Without the Y, times without decimals."""
        return name[1:].replace(".000", "")

    samples, rate = soundfile.read(io.BytesIO(made.clips["weak"][names[3]]))
    flac, stereo, ogg = io.BytesIO(), io.BytesIO(), io.BytesIO()
    soundfile.write(flac, samples, rate, format="FLAC", subtype="PCM_16")
    soundfile.write(stereo, np.stack([samples, -samples], 1), 44100, format="FLAC")
    soundfile.write(ogg, samples, rate, format="OGG")
    files = {
        other(names[0]): made.clips["weak"][names[0]],
        names[1][1:]: made.clips["weak"][names[1]],
        names[2].replace(".000", "").replace(".wav", ".WAV"): made.clips["weak"][names[2]],
        names[3].replace(".wav", ".flac"): flac.getvalue(),
        other(names[4]).replace(".wav", ".flac"): stereo.getvalue(),
        names[5].replace(".wav", ".ogg"): ogg.getvalue(),
    }
    root = lay(tmp_path / "data", {SPLITS["weak"][1]: made.tables["weak"]})
    acquire(dataset(made, tmp_path), root, "weak", folder=lay(tmp_path / "mine", files))
    audio = root / SPLITS["weak"][0]
    for name in names[:3]:
        assert (audio / name).read_bytes() == made.clips["weak"][name]
    decoded = [soundfile.SoundFile(audio / name) for name in names]
    assert {sound.format for sound in decoded} == {"WAV"}
    assert {sound.subtype for sound in decoded} == {"PCM_16"}
    assert (decoded[4].samplerate, decoded[4].channels) == (44100, 2)
    assert np.array_equal(decoded[3].read(), samples)
    assert len(decoded[5].read()) == len(samples)


def test_what_is_ambiguous_is_told_not_guessed(made, tmp_path):
    names = list(made.clips["weak"])
    good = made.clips["weak"]
    files = {
        f"a/{names[0]}": good[names[0]],
        f"b/{names[0]}": fetchable.sound(1234),  # another sound of the same name
        f"a/{names[1]}": good[names[1]],
        f"b/{names[1]}": good[names[1]],  # the same bytes: no question
        f"a/{names[2]}": fetchable.sound(99),
        f"audio/train/weak/{names[2]}": good[names[2]],  # the layout says which
        f"a/{names[3]}": good[names[3]],
    }
    root = lay(tmp_path / "data", {SPLITS["weak"][1]: made.tables["weak"]})
    (record,) = acquire(
        dataset(made, tmp_path), root, "weak", folder=lay(tmp_path / "mine", files)
    ).values()
    assert record["states"] == {"present": 3, "failed": 1, "gone": 1}
    for name in names[1:4]:
        assert (root / "audio/train/weak" / name).read_bytes() == good[name]
    reason = read_states(root, "weak")[names[0]].reason
    files = f"mine/a/{names[0]}, mine/b/{names[0]}"
    assert reason == f"folder: failed (2 different files match: {files})"


def test_a_number_alone_names_nothing(made, tmp_path):
    """10.wav of another set must not become 10.wav of this one."""
    mine = lay(tmp_path / "mine", {f"eval500/{n}": d for n, d in made.clips["strong"].items()})
    root = lay(tmp_path / "data", {SPLITS["strong"][1]: made.tables["strong"]})
    with pytest.raises(DatasetError, match=r"none of the 5 clips"):
        acquire(dataset(made, tmp_path), root, "strong", folder=mine)
    assert (
        acquire(
            dataset(made, tmp_path),
            root,
            "strong",
            folder=(mine / "eval500").rename(mine / "synthetic"),
        )["strong"]["clips_present"]
        == 5
    )


def manifest(made, path: Path) -> Path:
    rows = [
        ManifestRow(split, name, fetchable.sha256(data), 16000, 1, 1.0, "ok", "local")
        for split, clips in made.clips.items()
        for name, data in clips.items()
    ]
    write_manifest(path, rows)
    return path


def test_matched_by_bytes_whatever_the_names(made, tmp_path):
    clips = {**made.clips["weak"], **made.clips["strong"]}
    loose = {f"renamed {n}.wav": d for n, d in enumerate(made.clips["weak"].values())}
    packed = {f"x/{n}.wav": d for n, d in enumerate(reversed(made.clips["strong"].values()))}
    mine = lay(tmp_path / "mine", {**loose, "old.zip": fetchable.zipped(packed)})
    root = lay(tmp_path / "data", {SPLITS[s][1]: made.tables[s] for s in ("weak", "strong")})
    options = {"folder": mine, "hashes": manifest(made, tmp_path / "manifest.tsv")}
    records = acquire(dataset(made, tmp_path), root, "weak", "strong", **options)
    assert {record["clips_present"] for record in records.values()} == {5}
    placed = {path.name: path.read_bytes() for path in (root / "audio").rglob("*.wav")}
    assert placed == clips


def test_name_and_bytes_must_agree_where_both_are_asked_for(made, tmp_path):
    names = list(made.clips["weak"])
    files = dict(made.clips["weak"])
    files[names[0]] = fetchable.sound(5)  # the name with other bytes
    files["other.wav"] = files.pop(names[1])  # the bytes under another name
    mine = lay(tmp_path / "mine", files)
    root = lay(tmp_path / "data", {SPLITS["weak"][1]: made.tables["weak"]})
    hashes = manifest(made, tmp_path / "manifest.tsv")
    file = dataset(made, tmp_path, path=str(mine), match="both", hashes=str(hashes))
    acquire(file, root, "weak")
    state = {row["filename"]: row["state"] for row in rows(root, "weak")}
    assert [state[name] for name in names] == ["gone", "gone", "present", "present", "present"]


def test_links_to_folders_are_followed_once(made, tmp_path):
    big = lay(tmp_path / "big", {**made.metadata(), **made.tree()})
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "data").symlink_to(big)
    (big / "loop").symlink_to(mine)
    acquire(dataset(made, tmp_path), tmp_path / "data", folder=mine)
    assert visible(tmp_path / "data") == in_place(made)


def test_a_folder_that_is_not_there_is_refused(made, tmp_path):
    with pytest.raises(DatasetError, match=r"nowhere: no such folder or archive; correct --folder"):
        acquire(dataset(made, tmp_path), tmp_path / "data", "weak", folder=tmp_path / "nowhere")


def test_litter_and_damaged_archives_do_not_stop_the_rest(made, tmp_path):
    clips = made.tree("weak")
    first, second, *others = clips.items()
    files = {
        f"audio/train/weak/._{Path(first[0]).name}": b"litter",
        "a.zip": fetchable.zipped(dict([first])),
        "b.zip": b"no archive at all",
        "c.tar.gz": fetchable.tarred(dict(others))[:150],
        second[0]: second[1],
    }
    root = lay(tmp_path / "data", {SPLITS["weak"][1]: made.tables["weak"]})
    said = []
    acquire(dataset(made, tmp_path), root, "weak", folder=lay(tmp_path / "mine", files), said=said)
    assert {row["filename"] for row in rows(root, "weak") if row["state"] == "present"} >= {
        Path(first[0]).name,
        Path(second[0]).name,
    }
    assert any(line.startswith("mine/b.zip: ") for line in said)
    assert any(line.startswith("mine/c.tar.gz: ") for line in said)
