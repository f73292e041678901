"""`resed check --init`: sound in several folders, names without suffixes, what is left out."""

import pytest
import yaml
from test_init import clone, run, sounds  # noqa: F401 (clone is a fixture)

from resed.check.sound_places import SoundPlaces
from resed.errors import DatasetError
from resed.formats.annotations import read_events

LABELS = ["Bird", "Car"]


def label_files(folder, names):
    """A label track of Audacity beside each sound file."""
    sounds(folder, names)
    for index, name in enumerate(names):
        track = folder / name.replace(".wav", ".txt")
        track.write_text(f"0.25\t1.25\t{LABELS[index % 2]}\n")


def found_files(clone, name):  # noqa: F811
    """Clip -> its label and its sound file, of all splits of a dataset."""
    values = yaml.safe_load((clone / f"config/datasets/{name}.yaml").read_text())
    found = {}
    for role in ("strong", "development", "evaluation"):
        split, root = values["splits"][role], clone / "data" / name
        for clip, events in read_events(root / split["annotations"]).items():
            (event,) = events
            found[clip] = event.event_label, (root / split["audio"] / clip).resolve()
    return found


def test_folders_of_classes_and_of_sites_are_joined(clone, tmp_path):  # noqa: F811
    """Names that occur in both folders have the name of the folder before them."""
    names = [f"r{index}.wav" for index in range(6)]
    for site in ("site1", "site2"):
        label_files(tmp_path / "yard" / site, names)
    before = sorted(path for path in (tmp_path / "yard").rglob("*"))
    out = run("--init", tmp_path / "yard")
    assert "are one split, in which their files are links" in out and "no errors" in out
    assert found_files(clone, "yard") == {
        f"{site}_{name}": (LABELS[index % 2], tmp_path / "yard" / site / name)
        for site in ("site1", "site2")
        for index, name in enumerate(names)
    }
    assert before == sorted(path for path in (tmp_path / "yard").rglob("*"))


def test_folders_within_splits_are_joined_per_split(clone, tmp_path):  # noqa: F811
    for role, count in (("train", 8), ("dev", 4), ("test", 4)):
        for label in LABELS:
            label_files(tmp_path / "yard" / role / label, [
                f"{role}{label}{index}.wav" for index in range(count)
            ])  # fmt: skip
    sounds(tmp_path / "yard" / "train" / "Bird", ["more.wav"])
    sounds(tmp_path / "yard" / "train" / "Car", ["others.wav"])
    out = run("--init", tmp_path / "yard")
    assert "is the split development by its name: 8 clips" in out
    assert "2 sound files of" in out and "without labels are the split unlabeled" in out
    found = found_files(clone, "yard")
    assert len(found) == 32 and all(path.is_file() for _, path in found.values())
    unlabeled = (clone / "data/yard/metadata/unlabeled.tsv").read_text().split()
    assert unlabeled == ["filename", "more.wav", "others.wav"]


@pytest.mark.parametrize("written", ["audio/{label}/{name}.wav", "{label}/{name}.wav", "{name}"])
def test_one_table_of_several_folders(clone, tmp_path, written):  # noqa: F811
    """Names with folders, also below the table, and names without folders and suffixes."""
    lines = ["filename,onset,offset,event_label"]
    for index in range(10):
        label, name = LABELS[index % 2], f"clip {index}"
        sounds(tmp_path / "yard" / "audio" / label, [f"{name}.wav"])
        lines.append(f"{written.format(label=label, name=name)},0.1,0.9,{label}")
    (tmp_path / "yard" / "labels.csv").write_text("\n".join(lines) + "\n")
    out = run("--init", tmp_path / "yard")
    assert "are in several folders; in the split, they are links in one folder" in out
    assert ("have no suffix" in out) == (written == "{name}")
    assert found_files(clone, "yard") == {
        f"clip {index}.wav": (
            LABELS[index % 2], tmp_path / "yard" / "audio" / LABELS[index % 2] / f"clip {index}.wav"
        )
        for index in range(10)
    }  # fmt: skip


def test_a_name_in_two_folders_is_not_guessed(tmp_path):
    names = {
        tmp_path / "a": ["x.wav", "y.wav"],
        tmp_path / "b": ["x.wav"],
        tmp_path / "c": ["z.wav"],
    }
    table = tmp_path / "t.csv"
    with pytest.raises(DatasetError, match=r"its sound files are in several folders \(a, b\)"):
        SoundPlaces(names).of_table(table, ["x.wav", "z.wav"], [])
    assert SoundPlaces(names).of_table(table, ["x.wav", "y.wav"], []) == (
        tmp_path / "a", {"x.wav": "x.wav", "y.wav": "y.wav"},
    )  # fmt: skip
    places = SoundPlaces(names)
    place, found = places.of_table(table, ["b/x.wav", "z.wav", "gone.wav"], [])
    assert found == {"b/x.wav": "x.wav", "z.wav": "z.wav", "gone.wav": "gone.wav"}
    assert places.file(place, "x.wav") == tmp_path / "b" / "x.wav"
    assert places.gather([tmp_path / "a" / "x.wav"])[0] == tmp_path / "a" / "*"
    with pytest.raises(DatasetError, match="none of its 1 clip"):
        SoundPlaces(names).of_table(table, ["w.wav"], [])


def test_later_files_of_a_place_keep_the_names_of_the_first(tmp_path):
    places = SoundPlaces({})
    first = places.gather([tmp_path / "a" / "x.wav", tmp_path / "b" / "y.wav"])
    place, names = places.gather([tmp_path / "a" / "z.wav", tmp_path / "b" / "X.wav"])
    assert first[0] == place == tmp_path / "*"
    assert names[tmp_path / "b" / "X.wav"] == "b_X.wav"
    assert set(places.gathered[place]) == {"x.wav", "y.wav", "a_z.wav", "b_X.wav"}


def test_what_is_not_used_is_named(clone, tmp_path):  # noqa: F811
    yard = tmp_path / "yard"
    label_files(yard, [f"r{index}.wav" for index in range(8)])
    (yard / "q.m4a").write_bytes(b"sound")
    out = run("--init", yard)
    assert "1 sound file cannot be read as they are and are left out" in out
    assert "convert them: ffmpeg -i q.m4a q.wav" in out
    (note,) = [line for line in out.splitlines() if "not listed" in line]
    assert note.endswith("1 file not listed in the annotations (q.m4a)")  # once, without .txt files
    (yard / "r0.txt").write_text("0.5\t0.5\tBird\n")
    message = run("--init", yard, "--name", "other", code=1)
    assert "the label 'Bird' of r0.wav at 0.5 s has no length; mark the event" in message
    other = tmp_path / "other"
    sounds(other, ["a.wav"])
    (other / "labels.csv").write_text("file,start,end,label\na.wav,0.1,0.9,Bird\n")
    message = run("--init", other, code=1)
    assert "contains no labels with times" in message
    assert "labels.csv is not used, because it has no column filename" in message
