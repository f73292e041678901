"""`resed convert`: the same events in every format, nothing replaced, nothing lost silently."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from resed.cli import app
from resed.errors import ResedError
from resed.formats.annotations import Event, read_events, read_tags, write_events
from resed.formats.audacity import read_labels
from resed.formats.raven import read_selections

NAMES = {"tsv": "a.tsv", "csv": "a.csv", "audacity": "labels", "raven": "tables"}


def run(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["convert", *(str(word) for word in words)])
    assert done.exit_code == code, f"{done.output}\n{done.exception!r}"
    if code != 1:
        return done.output
    assert isinstance(done.exception, ResedError)
    return str(done.exception)


def drawn(seed=0, clips=12):
    """Events of clips, one without, with labels that a table must quote."""
    draw = np.random.default_rng(seed)
    labels = ["Dog", "Running water", 'Größe, "x"', "犬; 猫", '"quoted"', "=1+1"]
    events: dict[str, list[Event]] = {}
    for clip in range(clips):
        name = f"clip {clip}.{'wav' if clip % 2 else 'flac'}"
        events[name] = []
        for _ in range(clip % 5):
            onset = round(float(draw.uniform(0, 9)), 3)
            offset = round(onset + 0.001 + float(draw.exponential(2)), 3)
            label = labels[int(draw.integers(len(labels)))]
            events[name].append(Event(name, onset, offset, label))
    return events


def same(one, other):
    assert one.keys() == other.keys()
    for clip in one:
        assert [e.event_label for e in one[clip]] == [e.event_label for e in other[clip]]
        for first, second in zip(one[clip], other[clip], strict=True):
            assert first.onset == pytest.approx(second.onset, abs=1e-3)
            assert first.offset == pytest.approx(second.offset, abs=1e-3)


@pytest.fixture
def events(tmp_path):
    """A table of events, and empty files in the place of the sounds."""
    found = drawn()
    write_events(tmp_path / "events.tsv", found)
    (tmp_path / "audio").mkdir()
    for clip in found:
        (tmp_path / "audio" / clip).touch()
    return found


@pytest.mark.parametrize("kinds", list(permutations(NAMES, 3)))
def test_round_trips_over_all_formats_give_the_same_events(tmp_path, events, kinds):
    source = tmp_path / "events.tsv"
    for step, kind in enumerate([*kinds, kinds[0], "tsv"]):
        target = tmp_path / str(step) / NAMES[kind]
        target.parent.mkdir()
        run(source, target, "--to", kind, "--audio", tmp_path / "audio")
        source = target
    same(read_events(source), events)


def test_the_files_are_those_of_the_programs(tmp_path, events):
    out = run(tmp_path / "events.tsv", tmp_path / "labels", "--to", "audacity")
    assert "15 labels of 12 sound files, 3 without labels, 12 files" in out.replace("\n", " ") or (
        f"{sum(map(len, events.values()))} labels of 12 sound files" in out
    )
    run(tmp_path / "events.tsv", tmp_path / "tables", "--to", "raven")
    for clip, found in events.items():
        stem = Path(clip).stem
        labels = read_labels(tmp_path / "labels" / f"{stem}.txt")
        assert [label.event(clip) for label in labels] == found
        table = read_selections(tmp_path / "tables" / f"{stem}.Table.1.selections.txt")
        regions = table.get(clip, [])
        assert [(one.low_hz, one.high_hz) for one in regions] == [(0.0, 8000.0)] * len(found)
        assert len(regions) == len(found)


def test_sound_files_without_labels_are_kept_where_their_names_are_known(tmp_path):
    """As resed detect writes them: a.wav.txt is of a.wav, though its sound is elsewhere."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.wav.txt").write_text("1.0\t2.0\tdog\n")
    for name in ("b.flac.txt", "notes.txt"):
        (tmp_path / "in" / name).write_text("")
    assert "1 file without labels: notes.txt" in run(tmp_path / "in", tmp_path / "out.tsv")
    found = read_events(tmp_path / "out.tsv")
    assert found == {"a.wav": [Event("a.wav", 1.0, 2.0, "dog")], "b.flac": []}


@pytest.mark.parametrize("value", ["inf", "nan", "1e300", "-1", "0"])
def test_c2_numbers_that_could_not_be_read_back_are_wrong_usage(tmp_path, value):
    (tmp_path / "a.txt").write_text("1.0\t1.0\tdog\n")
    for option in ("--high-hz", "--point-length"):
        target = tmp_path / "a.selections.txt"
        run(tmp_path / "a.txt", target, "--point-length", "1", option, value, code=2)
        assert not target.exists()


def test_labels_beside_the_sounds_get_their_names(tmp_path):
    for name in ("a.flac", "b.WAV", "c.d.wav", "e.wav", "e.flac"):
        (tmp_path / name).touch()
    for name in ("a.txt", "b.txt", "c.d.txt", "e.wav.txt"):
        (tmp_path / name).write_text("1.0\t2.0\tdog\n")
    (tmp_path / "e.flac.txt").write_text("")
    run(tmp_path, tmp_path / "out.tsv")
    found = read_events(tmp_path / "out.tsv")
    assert set(found) == {"a.flac", "b.WAV", "c.d.wav", "e.wav", "e.flac"}
    assert found["e.flac"] == [] and found["b.WAV"] == [Event("b.WAV", 1.0, 2.0, "dog")]
    (tmp_path / "e.txt").write_text("1.0\t2.0\tdog\n")
    assert "e.txt: belongs to e.flac or e.wav; call the labels e.flac.txt" in run(
        tmp_path, tmp_path / "other.tsv", code=1
    )
    assert not (tmp_path / "other.tsv").exists()


def test_names_are_assumed_with_a_note(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("1.0\t2.0\tdog\n")
    out = run(tmp_path / "labels", tmp_path / "a.tsv")
    assert "note: no sound file beside the labels is found" in out and "a.wav" in out
    assert list(read_events(tmp_path / "a.tsv")) == ["a.wav"]
    run(tmp_path / "labels", tmp_path / "b.tsv", "--suffix", ".flac")
    assert list(read_events(tmp_path / "b.tsv")) == ["a.flac"]
    run(tmp_path / "labels", tmp_path / "c.tsv", "--suffix", ".exe", code=2)
    (tmp_path / "sound").mkdir()
    (tmp_path / "sound" / "a.ogg").touch()
    out = run(tmp_path / "labels", tmp_path / "d.tsv", "--audio", tmp_path / "sound")
    assert "note" not in out and list(read_events(tmp_path / "d.tsv")) == ["a.ogg"]


def test_formats_are_recognised_by_content(tmp_path, events):
    run(tmp_path / "events.tsv", tmp_path / "labels", "--to", "audacity")
    run(tmp_path / "events.tsv", tmp_path / "tables", "--to", "raven")
    table = tmp_path / "events.txt"
    table.write_bytes((tmp_path / "events.tsv").read_bytes())
    run(table, tmp_path / "out.csv")
    same(read_events(tmp_path / "out.csv"), events)
    one = "clip 3.txt"
    run(tmp_path / "labels" / one, tmp_path / "one.tsv")
    assert read_events(tmp_path / "one.tsv")["clip 3.wav"] == events["clip 3.wav"]
    (tmp_path / "labels" / "README.txt").write_text("notes of mine\n")
    out = run(tmp_path / "labels", tmp_path / "l.tsv", "--audio", tmp_path / "audio")
    assert "note: 1 file without labels: README.txt" in out
    same(read_events(tmp_path / "l.tsv"), events)
    for path in (tmp_path / "tables").iterdir():
        (tmp_path / "labels" / path.name).write_bytes(path.read_bytes())
    message = run(tmp_path / "labels", tmp_path / "m.tsv", "--audio", tmp_path / "audio", code=1)
    assert "contains several formats" in message
    (tmp_path / "empty.txt").touch()
    message = run(tmp_path / "empty.txt", tmp_path / "m.tsv", code=1)
    assert "is empty, so its format is not known; name it with --from" in message
    run(tmp_path / "empty.txt", tmp_path / "m.tsv", "--from", "audacity")
    assert read_events(tmp_path / "m.tsv") == {"empty.wav": []}
    message = run(tmp_path / "labels" / "README.txt", tmp_path / "n.tsv", code=1)
    assert "begins as no format of labels does" in message


def test_weak_labels_are_converted_between_tables_only(tmp_path):
    text = "filename;event_labels\na.wav;Dog,Cat\nb.wav;\n"
    (tmp_path / "weak.csv").write_text(text)
    run(tmp_path / "weak.csv", tmp_path / "weak.tsv")
    assert (tmp_path / "weak.tsv").read_text() == (
        "filename\tevent_labels\na.wav\tCat,Dog\nb.wav\t\n"
    )
    run(tmp_path / "weak.tsv", tmp_path / "again.csv")
    assert read_tags(tmp_path / "again.csv") == {"a.wav": ("Cat", "Dog"), "b.wav": ()}
    message = run(tmp_path / "weak.csv", tmp_path / "labels", "--to", "audacity", code=1)
    assert "weak labels have no times" in message and not (tmp_path / "labels").exists()


def test_nothing_that_exists_is_replaced(tmp_path, events):
    labels = tmp_path / "labels"
    labels.mkdir()
    mine = labels / "clip 3.txt"
    mine.write_text("my notes")
    message = run(tmp_path / "events.tsv", labels, "--to", "audacity", code=1)
    assert message.startswith(f"{mine}: exists and is not replaced")
    assert mine.read_text() == "my notes" and list(labels.iterdir()) == [mine]
    message = run(
        tmp_path / "events.tsv", tmp_path / "audio" / "clip 1.wav", "--to", "raven", code=1
    )
    assert "exists and is no folder; name a folder" in message
    (tmp_path / "mine.tsv").write_text("filename\n")
    message = run(tmp_path / "events.tsv", tmp_path / "mine.tsv", code=1)
    assert "exists and is not replaced" in message
    before = (tmp_path / "events.tsv").read_bytes()
    run(tmp_path / "events.tsv", tmp_path / "events.tsv")  # the content that it has
    assert (tmp_path / "events.tsv").read_bytes() == before
    link = tmp_path / "link.tsv"
    link.symlink_to(tmp_path / "nowhere.tsv")
    assert "exists" in run(tmp_path / "events.tsv", link, code=1)
    assert link.readlink() == tmp_path / "nowhere.tsv"


def test_a_second_call_completes_the_first(tmp_path, events):
    """A killed conversion has written some of the files."""
    labels = tmp_path / "labels"
    run(tmp_path / "events.tsv", labels, "--to", "audacity")
    whole = {path.name: path.read_bytes() for path in labels.iterdir()}
    (labels / "clip 3.txt").unlink()
    run(tmp_path / "events.tsv", labels, "--to", "audacity")
    assert whole == {path.name: path.read_bytes() for path in labels.iterdir()}


def test_what_a_format_does_not_hold_is_said_or_refused(tmp_path):
    (tmp_path / "a.txt").write_text(
        "1.0\t1.0\tpoint\n1.5\t2.5\tdog\n\\\t100.0\t5000.0\n3\t4\tcat\t0.75\n"
    )
    message = run(tmp_path / "a.txt", tmp_path / "a.tsv", code=1)
    assert "1 label without a length (in a.wav); give each a length with --point-length" in message
    out = run(tmp_path / "a.txt", tmp_path / "a.tsv", "--point-length", "0.25")
    assert "the frequencies of 1 label are not written" in out
    assert "the scores of 1 label are not written" in out
    assert read_events(tmp_path / "a.tsv")["a.wav"] == [
        Event("a.wav", 1.0, 1.25, "point"),
        Event("a.wav", 1.5, 2.5, "dog"),
        Event("a.wav", 3.0, 4.0, "cat"),
    ]
    raven = tmp_path / "a.selections.txt"
    run(tmp_path / "a.txt", raven, "--point-length", "0.25", "--high-hz", "4000")
    found = read_selections(raven)["a.wav"]
    assert [(one.low_hz, one.high_hz, one.score) for one in found] == [
        (0.0, 4000.0, None),
        (100.0, 5000.0, None),
        (0.0, 4000.0, 0.75),
    ]
    back = tmp_path / "back.txt"
    run(raven, back, "--to", "audacity")
    assert "\\\t100.000000\t5000.000000" in back.read_text().splitlines()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../a.wav", "is not the name of a sound file"),
        ("x/../../a.wav", "is not the name of a sound file"),
        ("x//a.wav", "is not the name of a sound file"),
        ("x\\a.wav", "is not the name of a sound file"),
        ("/etc/a.wav", "is not the name of a sound file"),
        ("..", "is not the name of a sound file"),
    ],
)
def test_a3_no_name_leads_out_of_the_folder(tmp_path, name, problem):
    path = tmp_path / "e.tsv"
    path.write_text(f"filename\tonset\toffset\tevent_label\n{name}\t1\t2\tDog\n")
    for kind in ("audacity", "raven"):
        assert problem in run(path, tmp_path / "out", "--to", kind, code=1)
    assert sorted(tmp_path.iterdir()) == [path]
    run(path, tmp_path / "e.csv", code=1 if name == ".." else 0)


@pytest.mark.parametrize("kind", ["audacity", "raven"])
def test_a3_labels_are_not_written_through_a_link_that_leads_out(tmp_path, kind):
    path = tmp_path / "e.tsv"
    path.write_text("filename\tonset\toffset\tevent_label\nx/a.wav\t1\t2\tDog\n")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").symlink_to(tmp_path / "elsewhere")
    assert "is in another folder" in run(path, tmp_path / "out", "--to", kind, code=1)
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("kind", ["audacity", "raven"])
def test_clips_with_equal_stems_have_labels_with_their_suffixes(tmp_path, kind):
    path = tmp_path / "e.tsv"
    rows = "a.wav\t1.000\t2.000\tDog\na.flac\t3.000\t4.000\tCat\nb.wav\t5.000\t6.000\tDog\n"
    path.write_text("filename\tonset\toffset\tevent_label\n" + rows)
    run(path, tmp_path / "out", "--to", kind)
    suffix = {"audacity": ".txt", "raven": ".Table.1.selections.txt"}[kind]
    names = sorted(one.name.removesuffix(suffix) for one in (tmp_path / "out").iterdir())
    assert names == ["a.flac", "a.wav", "b"]
    run(tmp_path / "out", tmp_path / "back.tsv")
    assert read_events(tmp_path / "back.tsv") == read_events(path)


@pytest.mark.parametrize("kind", ["audacity", "raven"])
def test_labels_in_folders_are_those_of_sound_files_in_folders(tmp_path, kind):
    """Files of `resed detect` on a folder with folders, and back."""
    path = tmp_path / "e.tsv"
    rows = [
        ("a.wav", "1.000", "2.000", "Dog"),
        ("site A/1/b.flac", "0.500", "0.750", "Cat"),
        ("site A/a.ogg", "3.000", "4.000", "Dog"),
    ]
    path.write_text("filename\tonset\toffset\tevent_label\n" + "".join(map("\t".join, [
        (*row[:3], f"{row[3]}\n") for row in rows
    ])))  # fmt: skip
    sounds = tmp_path / "sounds"
    for name, *_ in rows:
        (sounds / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(sounds / name, np.zeros(8000), 8000)
    run(path, tmp_path / "labels", "--to", kind, "--audio", sounds)
    (tmp_path / "labels" / ".hidden").mkdir()
    (tmp_path / "labels" / ".hidden" / "c.txt").write_text("1\t2\tDog\n")
    suffix = {"audacity": ".txt", "raven": ".Table.1.selections.txt"}[kind]
    assert (tmp_path / "labels" / "site A" / "1" / f"b{suffix}").is_file()
    run(tmp_path / "labels", tmp_path / "back.tsv", "--audio", sounds)
    assert read_events(tmp_path / "back.tsv") == read_events(path)
    # Sound files in one folder, labels in several.
    flat = tmp_path / "flat"
    flat.mkdir()
    for name, *_ in rows[:2]:
        (sounds / name).rename(flat / Path(name).name)
    (tmp_path / "labels" / "site A" / f"a{suffix}").unlink()
    run(tmp_path / "labels", tmp_path / "flat.tsv", "--audio", flat)
    assert list(read_events(tmp_path / "flat.tsv")) == ["a.wav", "b.flac"]


def test_one_table_of_raven_for_a_sequence_of_files(tmp_path):
    (tmp_path / "audio").mkdir()
    for name, seconds in (("a.wav", 10), ("b.wav", 4), ("c.wav", 6)):
        soundfile.write(tmp_path / "audio" / name, np.zeros(4000 * seconds), 4000)
    found = {
        "a.wav": [Event("a.wav", 1.0, 2.0, "dog")],
        "b.wav": [],
        "c.wav": [Event("c.wav", 0.5, 2.5, "cat")],
    }
    write_events(tmp_path / "e.tsv", found)
    table = tmp_path / "all.selections.txt"
    assert "the lengths of 3 sound files are not known" in run(tmp_path / "e.tsv", table, code=1)
    out = run(tmp_path / "e.tsv", table, "--audio", tmp_path / "audio")
    assert "1 clip without events have no row in one table: b.wav" in out
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    assert rows[2][3:9] == ["14.500000", "16.500000", "0.000", "2000.000", "c.wav", "0.500000"]
    run(table, tmp_path / "back.tsv")
    del found["b.wav"]
    same(read_events(tmp_path / "back.tsv"), found)


def test_the_label_column_of_raven_is_named(tmp_path):
    head = "Begin Time (s)\tEnd Time (s)\tQuality\tCall\n1\t2\tgood\tchirp\n"
    (tmp_path / "a.txt").write_text(head)
    assert "name one with --label-column" in run(tmp_path / "a.txt", tmp_path / "a.tsv", code=1)
    run(tmp_path / "a.txt", tmp_path / "a.tsv", "--label-column", "Call")
    assert read_events(tmp_path / "a.tsv")["a.wav"] == [Event("a.wav", 1.0, 2.0, "chirp")]
    message = run(tmp_path / "a.txt", tmp_path / "b.tsv", "--label-column", "x", code=1)
    assert "no column x; name one of Quality, Call" in message


def test_targets_and_sources_that_are_not_clear_are_refused(tmp_path, events):
    message = run(tmp_path / "events.tsv", tmp_path / "out", code=1)
    assert "the format to write is not known; name it with --to" in message
    assert "no such file or folder" in run(tmp_path / "none", tmp_path / "a.tsv", code=1)
    (tmp_path / "nothing").mkdir()
    assert "contains no labels" in run(tmp_path / "nothing", tmp_path / "a.tsv", code=1)
    message = run(tmp_path / "events.tsv", tmp_path / "a.txt", "--to", "audacity", code=1)
    assert "a label track has the labels of one sound file, not of 12" in message
    run(tmp_path / "events.tsv", tmp_path / "out", "--to", "jams", code=2)


def test_labels_that_would_change_are_refused(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text('filename,onset,offset,event_label\na.wav,1,2,"Dog\tbig"\n')
    for words in (["out", "--to", "audacity"], ["out", "--to", "raven"], ["e.tsv"]):
        message = run(path, tmp_path / words[0], *words[1:], code=1)
        assert "cannot be written" in message and "\n" not in message
    assert sorted(tmp_path.iterdir()) == [path]
