"""References and estimates that do not belong together: refused, or reported."""

import itertools
import json
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resed.errors import AnnotationError, ScoreError
from resed.formats.annotations import Event, write_events, write_tags
from resed.formats.manifest import ManifestRow, write_manifest
from resed.formats.posteriors import Posteriors
from resed.formats.windows import Window
from resed.score.agreement import FORMS, Side, differences, folded, notes_on
from resed.score.f1 import event_counts, segment_counts
from resed.score.matching import MOST_MATCHES
from resed.score.score_files import score_files
from resed.score.threshold_free import Detector
from resed.settings import DecodeSettings

HEADER = "filename\tonset\toffset\tevent_label\n"
CLIPS = ["Müller 1.wav", "b.wav", "c.wav"]
REFERENCE = HEADER + "Müller 1.wav\t0.5\t2.0\tDog\nb.wav\t1.0\t3.0\tSpeech\nc.wav\t\t\t\n"


@pytest.fixture
def scored(tmp_path):
    """Score two texts: event macro F1, and the notes."""

    def run(estimated, reference=REFERENCE, **files):
        (tmp_path / "ref.tsv").write_text(reference)
        (tmp_path / "est.tsv").write_text(estimated)
        metrics, notes = score_files(
            tmp_path / "ref.tsv", tmp_path / "est.tsv", tmp_path / "m.json", **files
        )
        return metrics["event"]["macro_f1"], notes

    return run


# ---- names of clips ------------------------------------------------------------------------

SPELLINGS = {
    "folder": lambda text: text.replace("Müller", "/home/me/Müller").replace("b.", "d/b."),
    "suffix": lambda text: text.replace(".wav", ""),
    "suffix ": lambda text: text.replace(".wav", ".flac"),
    "upper and lower case": lambda text: text.replace("wav", "WAV").replace("Mü", "MÜ"),
    "Unicode form": lambda text: unicodedata.normalize("NFD", text),
    "spaces": lambda text: text.replace("Müller 1", "Müller_1"),
}


@pytest.mark.parametrize("form", SPELLINGS)
def test_b1_names_in_another_spelling_are_refused(scored, tmp_path, form):
    """All names of the estimate differ from those of the reference in one way."""
    only = REFERENCE.replace("b.wav\t1.0\t3.0\tSpeech\nc.wav\t\t\t\n", "")
    estimated = SPELLINGS[form](only)
    assert estimated != only
    with pytest.raises(ScoreError) as refusal:
        scored(estimated)
    text = str(refusal.value)
    assert text.startswith(f"{tmp_path / 'est.tsv'}: none of its 1 clip is in ")
    assert f"differ by {form.strip()}; write each name as in the reference" in text
    assert "\n" not in text and not (tmp_path / "m.json").exists()
    with pytest.raises(ScoreError, match=f"differ by {form.strip()}"):
        scored(only, estimated)


def test_b1_files_of_other_clips_are_refused(scored):
    with pytest.raises(ScoreError, match=r"none of its 1 clip is in .* use files of the same clip"):
        scored(HEADER + "x.wav\t0.5\t2.0\tDog\n")


def test_b1_several_differences_are_named_together():
    for name, other in (("D/ä.WAV", "ä.wav"), ("/x/ä", "Ä.mp3")):
        assert folded(name) == folded(other)
    assert differences("d/a.wav", "A.wav") == ["folder", "upper and lower case"]
    assert differences("a.wav", "a.wav") == []
    assert folded("Y-abc_10.000_20.000.wav") == folded("Y-abc_10.000_20.000"), "no suffix, a number"


# A difference of each form, for "x y/Mü 1.wav": in the name itself, or where another form hides it.
OPEN = {
    "folder": lambda name: "z/" + name.split("/")[-1],
    "suffix": lambda name: name.replace(".wav", ".flac").replace(".WAV", ".FLAC"),
    "upper and lower case": lambda name: name.replace("M", "m"),
    "Unicode form": lambda name: unicodedata.normalize("NFD", name),
    "spaces": lambda name: name.replace(" 1", "_1"),
}
HIDDEN = {
    "upper case in the folder": lambda name: name.replace("x y/", "X y/"),
    "upper case in the suffix": lambda name: name.replace(".wav", ".WAV"),
    "spaces in the folder": lambda name: name.replace("x y/", "x_y/"),
    "Unicode form in the folder": lambda name: name.replace("x y/", "x\u0308 y/"),
}


def equal_by(forms, one, other):
    """Whether two names are equal once these forms are undone, in the order of FORMS."""
    for form in FORMS:
        if form in forms:
            one, other = FORMS[form](one), FORMS[form](other)
    return one == other


@pytest.mark.parametrize("count", [1, 2, 3])
def test_b1_the_smallest_set_of_forms_is_named(scored, count):
    base = "x y/Mü 1.wav"
    changes = OPEN | HIDDEN
    for kinds in itertools.combinations(changes, count):
        name = base
        for kind in kinds:
            name = changes[kind](name)
        if name == base:
            continue
        found = differences(name, base)
        assert found and equal_by(found, name, base), kinds
        smaller = itertools.chain.from_iterable(
            itertools.combinations(FORMS, size) for size in range(len(found))
        )
        assert not any(equal_by(forms, name, base) for forms in smaller), kinds
        if not set(kinds) & set(HIDDEN):
            assert found == [form for form in FORMS if form in kinds]


@pytest.mark.parametrize(
    ("one", "other", "form"),
    [
        ("a.wav", "a.WAV", "suffix"),
        ("x/a.wav", "X/a.wav", "folder"),
        ("x/a.wav", "X/a.WAV", "upper and lower case"),
        ("a b/a.wav", "a_b/a.wav", "folder"),
        ("x/a.wav", "y/a.flac", "folder and suffix"),
    ],
)
def test_b1_names_whose_difference_is_in_the_folder_or_suffix(scored, one, other, form):
    """All names differ, and then only one of them: refused, and noted, without a traceback."""
    row = "{}\t0.5\t2.0\tDog\n"
    with pytest.raises(ScoreError, match=f"differ by {form}; write each name as in the reference"):
        scored(HEADER + row.format(one), HEADER + row.format(other))
    both = HEADER + row.format("same.wav")
    _, notes = scored(both + row.format(one), both + row.format(other))
    assert f"{other} and {one} differ by {form}; same clip?" in notes


@given(st.text(max_size=20), st.sets(st.sampled_from(sorted(FORMS))))
def test_b1_any_text_has_a_folded_form(name, without):
    assert isinstance(folded(name, without), str)


def test_b1_tags_of_other_clips_are_refused(scored, tmp_path):
    write_tags(tmp_path / "tags.tsv", {"b": ("Dog",)})
    with pytest.raises(ScoreError, match=r"tags\.tsv: none of its 1 clip .* differ by suffix"):
        scored(REFERENCE, tags={"tags": tmp_path / "tags.tsv"})


def test_b1_clips_of_one_side_are_reported(scored):
    """30 of 35 clips without a row."""
    many = [f"{n}.wav" for n in range(35)]
    reference = HEADER + "".join(f"{clip}\t1\t2\tDog\n" for clip in many)
    score, notes = scored(HEADER + "".join(f"{clip}\t1\t2\tDog\n" for clip in many[:5]), reference)
    assert score == pytest.approx(2 * 5 / 40)
    (note,) = notes
    assert note.startswith("30 of 35 clips of ")
    assert "are not in" in note and "and 27 more" in note
    score, notes = scored(reference, HEADER + "".join(f"{clip}\t1\t2\tDog\n" for clip in many[:5]))
    assert score == pytest.approx(2 * 5 / 40)
    assert len(notes) == 1 and "(30 such); it counts as a clip without events" in notes[0]


def test_b1_clips_that_differ_by_spelling_on_both_sides_are_named(scored):
    _, notes = scored(REFERENCE.replace("b.wav", "sub/b.wav"))
    assert "b.wav and sub/b.wav differ by folder; same clip?" in notes


def test_b1_an_estimate_without_clips_is_reported(scored):
    score, notes = scored(HEADER)
    assert score == 0.0
    assert "3 of 3 clips of" in notes[0]


def test_b1_nothing_to_report(scored, tmp_path):
    assert scored(REFERENCE) == (1.0, [])
    rows = [ManifestRow("evaluation", c, "0" * 64, 44100, 1, 3.0, "ok", "") for c in CLIPS]
    write_manifest(tmp_path / "manifest.tsv", rows)
    assert scored(REFERENCE, manifest=tmp_path / "manifest.tsv") == (1.0, [])


# ---- classes -------------------------------------------------------------------------------


def test_b1_a_misspelt_class_is_named_with_the_nearest(scored, tmp_path):
    _, notes = scored(REFERENCE.replace("Speech", "Speach"))
    ref, est = tmp_path / "ref.tsv", tmp_path / "est.tsv"
    assert notes == [
        f"1 class of {est} not in {ref}: Speach (nearest: Speech)",
        f"1 class of {ref} not in {est}: Speech (nearest: Speach)",
    ]
    _, notes = scored(REFERENCE.replace("Speech", "Qqq"))
    assert notes[0] == f"1 class of {est} not in {ref}: Qqq"


@pytest.mark.parametrize("change", [str.lower, str.upper])
def test_b1_classes_in_another_case_are_refused(scored, change):
    rows = REFERENCE.replace("Dog", change("Dog")).replace("Speech", change("Speech"))
    with pytest.raises(ScoreError, match=r"none of its 2 classes .* upper and lower case; write"):
        scored(rows)


@pytest.mark.parametrize(
    ("speech", "dog", "words"),
    [
        ("Spee/ch", "D/og", "spaces or punctuation"),
        ("spee ch", "d.og", "upper and lower case and spaces or punctuation"),
    ],
)
def test_b1_classes_in_another_spelling_are_refused(scored, speech, dog, words):
    reference = REFERENCE.replace("Speech", "Spee_ch").replace("Dog", "D_og")
    rows = REFERENCE.replace("Speech", speech).replace("Dog", dog)
    with pytest.raises(ScoreError, match=rf"none of its 2 classes .* differ by {words}; write"):
        scored(rows, reference=reference)


def test_b1_tags_of_another_class_are_reported(scored, tmp_path):
    write_tags(tmp_path / "tags.tsv", {CLIPS[0]: ("Dig",), "b.wav": ("Speech",), "c.wav": ()})
    _, notes = scored(REFERENCE, tags={"tags": tmp_path / "tags.tsv"})
    assert notes[0].endswith(": Dig (nearest: Dog)")


def test_c2_hundreds_of_classes_are_a_handful_and_a_count(scored, tmp_path):
    rows = "".join(f"b.wav\t{n}\t{n + 1}\tclass{n}\n" for n in range(500))
    _, notes = scored(HEADER + rows)
    text = " ".join(notes)
    assert "500 classes of " in text and "and 495 more" in text
    assert text.count("class") < 20 and all(len(note) < 600 for note in notes)
    labels = [f"class{n}" for n in range(500)]
    settings = DecodeSettings(gate="none", filter="none")
    frames = np.zeros((1, 4, 500), np.float32)
    meta = {"seconds_per_frame": 1.0}
    posteriors = Posteriors(frames, frames[:, 0], frames[:, 0], ["b.wav"], labels, meta)
    windows = {label: Window(label, 1, 1.0, 1.0, "esp", None, None, "") for label in labels}
    (tmp_path / "clips.tsv").write_text("filename\nb.wav\n")
    one = HEADER + "b.wav\t1\t2\tDog\n"
    for change, message in (({}, "class Dog"), ({"Bird": windows["class1"]}, "are for Bird")):
        detector = Detector(posteriors, {**windows, **change}, settings)
        reference = one.replace("Dog", "class1") if change else one
        with pytest.raises(Exception, match=message) as refusal:
            scored(reference, reference, clips=tmp_path / "clips.tsv", detector=detector)
        assert len(str(refusal.value)) < 400 and "and 495 more" in str(refusal.value)


def test_c8_control_characters_in_notes_are_visible(scored, tmp_path, capsys, monkeypatch):
    from resed.cli import main

    scored(REFERENCE, REFERENCE.replace("Speech", "S\x1b[31mpeech"))  # writes the two files
    words = ["score", "--reference", "ref.tsv", "--estimated", "est.tsv", "--out", "m.json"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["resed", *words])
    with pytest.raises(SystemExit):
        main()
    err = capsys.readouterr().err
    assert "S\\x1b[31mpeech (nearest: Speech)" in err and "\x1b" not in err


# ---- times ---------------------------------------------------------------------------------


def milliseconds(text):
    head, *rows = [line.split("\t") for line in text.splitlines()]
    rows = [[r[0], *(f"{float(t) * 1000:g}" if t else "" for t in r[1:3]), r[3]] for r in rows]
    return "".join("\t".join(row) + "\n" for row in (head, *rows))


def test_b1_times_in_milliseconds_are_reported(scored, tmp_path):
    score, notes = scored(milliseconds(REFERENCE))
    assert score == 0.0
    ref, est = tmp_path / "ref.tsv", tmp_path / "est.tsv"
    assert notes == [
        f"2 of 2 events of {est} begin after the last event of {ref} (Müller 1.wav Dog at 500 s of "
        "3 s); times are seconds from the start of the clip",
        f"half of the events of {est} end after 2500 s, of {ref} after 2.5 s; are the times of one "
        "file in milliseconds or minutes?",
    ]
    _, notes = scored(REFERENCE, milliseconds(REFERENCE))
    assert len(notes) == 1 and "milliseconds or minutes?" in notes[0]


def test_b1_times_past_the_clip_are_reported(scored, tmp_path):
    """By the lengths of the manifest; without one, by the last event of the reference."""
    late = REFERENCE + "b.wav\t12\t13\tDog\n"
    assert "1 of 3 events of" in scored(late)[1][0]
    rows = [ManifestRow("evaluation", c, "0" * 64, 44100, 1, 10.0, "ok", "") for c in CLIPS]
    write_manifest(tmp_path / "manifest.tsv", rows)
    files = {"manifest": tmp_path / "manifest.tsv"}
    (note,) = scored(late, **files)[1]
    assert "begin after the end of their clip (b.wav Dog at 12 s of 10 s)" in note
    (note,) = scored(late, late, **files)[1][:1]
    assert "ref.tsv begin after" in note
    assert scored(REFERENCE + "b.wav\t9\t13\tDog\n", **files)[1] == [], "it begins in the clip"


@pytest.mark.parametrize("value", ["1e300", "1e9", "1000000.001", "1.7e6", "1e400"])
def test_c2_times_above_the_bound_are_refused_with_their_line(scored, tmp_path, value):
    with pytest.raises(AnnotationError) as refusal:
        scored(REFERENCE.replace("2.0\tDog", f"{value}\tDog"))
    text = str(refusal.value)
    assert text.startswith(f"{tmp_path / 'est.tsv'} line 2: offset ")
    assert "\n" not in text and "; " in text


# ---- time ----------------------------------------------------------------------------------


def many(count, seed=0, length=10.0, clip="a"):
    generator = np.random.default_rng(seed)
    onsets = generator.uniform(0, length, count)
    ends = onsets + generator.uniform(0.1, 2, count)
    return [Event(clip, a, b, "Dog") for a, b in zip(onsets, ends, strict=True)]


def test_c2_thousands_of_events_take_seconds():
    """4,000 events in one clip, and 40,000 in ten: far below the minutes of comparing all pairs."""
    sides = [{"a": many(4000, seed)} for seed in (0, 1)]
    begin = time.process_time()
    events, segments = (
        count(*sides, ["a"]).values[0, 0] for count in (event_counts, segment_counts)
    )
    assert events[0] + events[1] == events[0] + events[2] == 4000
    assert events[0] > 3500 and segments.sum() == 12
    sides = [{f"{n}": many(4000, 10 * n + s, 2000, f"{n}") for n in range(10)} for s in (0, 1)]
    for count in (event_counts, segment_counts):
        assert count(*sides, sorted(sides[0])).values.sum() > 2000
    assert time.process_time() - begin < 20  # two seconds on an idle machine


def test_c2_the_longest_time_costs_nothing():
    sides = [{"a": [Event("a", 0.5, 1e6, "Dog")]}, {"a": [Event("a", 2.0, 3.0, "Dog")]}]
    begin = time.process_time()
    assert segment_counts(*sides, ["a"]).values.tolist() == [[[1, 0, 10**6 - 1]]]
    assert event_counts(*sides, ["a"]).values.tolist() == [[[0, 1, 1]]]
    assert time.process_time() - begin < 5


def test_c2_equal_events_are_counted_once():
    same = [Event("a", 0.0, 1.0, "Dog")] * 20000
    other = [Event("a", 0.1, 1.0, "Dog")] * 15000
    begin = time.process_time()
    assert event_counts({"a": same}, {"a": other}, ["a"]).values.tolist() == [[[15000, 0, 5000]]]
    assert time.process_time() - begin < 10


def test_c2_too_many_events_at_the_same_time_are_refused(monkeypatch):
    near = {"b": [], "a": [Event("a", n / 1000, 1.0, "Dog") for n in range(100)]}
    assert event_counts(near, near, ["b", "a"]).values.sum() == 100
    monkeypatch.setattr("resed.score.matching.MOST_MATCHES", 100 * 100 - 1)
    with pytest.raises(ScoreError, match=r"clip a has too many events .* delete repeated rows"):
        event_counts(near, near, ["b", "a"])
    assert MOST_MATCHES >= 4000**2


def test_c2_long_scoring_shows_progress(scored, capsys, monkeypatch):
    monkeypatch.setattr("resed.runtime.progress.EVERY", 0.0)
    scored(REFERENCE)
    assert "clips scored: 3 of 6 (50 %)" in capsys.readouterr().err


# ---- the small inputs of the project -------------------------------------------------------


@pytest.mark.parametrize("name", ["abs", "noext", "case", "huge", "unix"])
def test_b1_shared_faults_are_refused(shared, tmp_path, name):
    folder = shared / "data" / "faults" / "tsv"
    with pytest.raises((ScoreError, AnnotationError)) as refusal:
        score_files(folder / "ref.tsv", folder / f"{name}.tsv", tmp_path / "m.json")
    assert f"{name}.tsv" in str(refusal.value)
    assert not (tmp_path / "m.json").exists()


def test_b1_shared_quoted_cells_are_read(shared, tmp_path):
    folder = shared / "data" / "faults" / "tsv"
    metrics, notes = score_files(
        folder / "ref.tsv",
        folder / "quoted.tsv",
        tmp_path / "m.json",
        reference_tags=folder / "tags_ref.tsv",
        tags={"tags": folder / "tags_excel.tsv"},
    )
    assert (metrics["event"]["macro_f1"], metrics["tags"]["macro_f1"], notes) == (1.0, 1.0, [])
    assert json.loads((tmp_path / "m.json").read_text()) == metrics


def test_b1_events_that_were_written_are_scored_as_they_are(tmp_path):
    """Names and labels that begin with a quote survive writing and reading."""
    events = {'"a" 1.wav': [Event('"a" 1.wav', 0.0, 1.0, '"Dog"')]}
    write_events(tmp_path / "e.tsv", events)
    metrics, notes = score_files(tmp_path / "e.tsv", tmp_path / "e.tsv", tmp_path / "m.json")
    assert list(metrics["event"]["classes"]) == ['"Dog"'] and notes == []


def test_b1_times_in_minutes_are_reported(scored):
    head, *rows = [line.split("\t") for line in REFERENCE.splitlines()]
    rows = [[r[0], *(f"{float(t) / 60:.6f}" if t else "" for t in r[1:3]), r[3]] for r in rows]
    _, notes = scored("".join("\t".join(row) + "\n" for row in (head, *rows)))
    assert any("milliseconds or minutes?" in note for note in notes)


def test_b1_events_that_stand_twice_are_reported():
    """A perfect detector of a reference with its rows twice finds half of them."""
    event = Event("a.wav", 1.0, 2.0, "Dog")
    once = Side(Path("e"), {"a.wav": {"Dog"}}, {"a.wav": [event]})
    twice = Side(Path("r"), {"a.wav": {"Dog"}}, {"a.wav": [event, event, event]})
    (note,) = notes_on(twice, once, ["a.wav"])
    assert "2 events of r repeat an event of the same clip" in note
    assert "a.wav Dog from 1 to 2 s" in note
    assert notes_on(once, once, ["a.wav"]) == []
