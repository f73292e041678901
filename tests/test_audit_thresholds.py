"""audit: every threshold by its value, on both sides of the bound, by an independent count."""

import hashlib
import io
import itertools
from collections import Counter

import audits
import numpy as np
import pytest
import soundfile

from resed.audit.annotation_checks import (
    SplitAnnotations,
    check_events,
    check_placeholder,
    count_classes,
    read_annotations,
)
from resed.audit.clip_audit import ClipAudit, ClipToAudit, audit_clip
from resed.audit.clip_checks import check_classes, check_format, check_numbers
from resed.audit.findings import Defect, group_defects
from resed.audit.page import page
from resed.audit.shared_recordings import check_copies, check_recordings, find_excerpts
from resed.audit.summary import refusal
from resed.config.stages import AuditSettings
from resed.formats.annotations import Event


def row(split="weak", filename="a.wav", digest="a", **changes):
    values = {"rate": 44100, "channels": 1, "seconds": 10.0, "status": "ok", "source": "local"}
    return ClipAudit(split, filename, digest, **values | changes)


def kinds(defects):
    return [one.id for one in defects]


def located(*events):
    """Rows of one clip, numbered from line 2; (label, onset, offset) in ms."""
    return [
        (line, "a.wav", Event("a.wav", onset / 1000, offset / 1000, label))
        for line, (label, onset, offset) in enumerate(events, start=2)
    ]


@pytest.fixture(scope="module")
def ten():
    """A dataset of clips of 10 s."""
    return audits.dataset(clip_seconds=10.0)


# --- clips --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "name", "expected"),
    [
        (9.9, "a.wav", []),
        (9.899, "a.wav", ["short"]),
        (10.1, "a.wav", []),
        (10.101, "a.wav", ["long"]),
        (4.9, "Yabcdefghijk_30_35.wav", ["brief"]),
        (4.899, "Yabcdefghijk_30_35.wav", ["short"]),
        (9.9, "Yabcdefghijk_30_35.wav", []),
        (9.899, "Yabcdefghijk_30_35.wav", ["brief"]),
        (9.9, "Yabcdefghijk_30_50.wav", []),  # a name that spans more than a nominal clip
        (9.899, "Yabcdefghijk_30_50.wav", ["short"]),
        (10.101, "Yabcdefghijk_30_50.wav", ["long"]),
    ],
)
def test_lengths_are_tolerated_to_a_tenth_of_a_second(ten, seconds, name, expected):
    excerpts = find_excerpts(ten, {"weak": [name]})["weak"]
    assert kinds(check_format(ten, [row(filename=name, seconds=seconds)], excerpts)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"rate": 32000}, []),
        ({"rate": 31999}, ["low_rate"]),
        ({"clipped": 0.001}, []),
        ({"clipped": 0.00101}, ["clipped"]),
        ({"channels": 2}, ["channels"]),
        ({"rate": 8000, "status": "silent"}, []),
    ],
)
def test_format_of_one_clip(ten, changes, expected):
    assert kinds(check_format(ten, [row(**changes)], {})) == expected


def test_mixed_rates_and_channels_are_counted(ten):
    rows = [row(rate=48000), row(rate=44100, channels=2), row(rate=48000, channels=3)]
    found = {one.id: (one.detail, one.count) for one in check_format(ten, rows, {})}
    assert found == {
        "rates": ("1 with 44100 Hz, 2 with 48000 Hz", 3),
        "channels": ("1 with 2 channels, 1 with 3 channels", 2),
    }


def audited(samples, subtype, recorded=""):
    sound = io.BytesIO()
    soundfile.write(sound, samples, 44100, subtype=subtype, format="WAV")
    return audit_clip(
        ClipToAudit("weak", "a.wav", "local", recorded), lambda _: io.BytesIO(sound.getvalue())
    )


@pytest.mark.parametrize(("decibels", "status"), [(-90.001, "silent"), (-89.999, "ok")])
@pytest.mark.parametrize("sign", [1, -1])
def test_silence_is_up_to_90_db_below_full_scale(decibels, status, sign):
    samples = np.zeros(1000, np.float32)
    samples[500] = sign * 10 ** (decibels / 20)
    assert audited(samples, "FLOAT").status == status


@pytest.mark.parametrize(("level", "share"), [(32767, 0.007), (-32768, 0.007), (32766, 0.0)])
def test_clipped_samples_are_those_at_full_scale(level, share):
    samples = np.full(1000, 100, np.int16)
    samples[:7] = level
    assert audited(samples, "PCM_16").clipped == pytest.approx(share, abs=1e-12)


def test_seconds_are_those_of_the_samples():
    assert audited(np.ones(12345, np.float32), "FLOAT").seconds == round(12345 / 44100, 4)


# --- events -------------------------------------------------------------------------------------


def test_gaps_overlaps_and_lengths_agree_with_integers():
    """Times in ms as integers: no rounding of floats moves an event over a bound."""
    for start, gap in itertools.product(range(0, 5000, 37), (-1, 0, 149, 150, 151)):
        rows = located(("Cat", start, start + 500), ("Cat", start + 500 + gap, start + 1500))
        expected = ["overlap"] if gap < 0 else ["gap"] if gap < 150 else []
        assert kinds(check_events("weak", rows, {}, 10.0)) == expected, (start, gap)
    for start, length in itertools.product(range(0, 5000, 37), (249, 250, 251)):
        found = check_events("weak", located(("Cat", start, start + length)), {}, 10.0)
        assert kinds(found) == (["short_event"] if length < 250 else []), (start, length)


@pytest.mark.parametrize(
    ("offset", "end", "expected"),
    [
        (10001, 10.0, []),
        (10002, 10.0, ["past_end"]),
        (5001, 5.0, []),
        (5002, 5.0, ["past_file"]),
        (10001, 5.0, ["past_file"]),
        (10002, 5.0, ["past_end"]),
        (10002, 11.0, []),
    ],
)
def test_offsets_may_exceed_the_end_by_a_millisecond(offset, end, expected):
    rows = located(("Cat", 1000, offset))
    assert kinds(check_events("weak", rows, {"a.wav": end}, 10.0)) == expected


def test_an_event_is_compared_with_the_one_that_ends_last():
    rows = located(("Cat", 0, 5000), ("Cat", 1000, 2000), ("Dog", 2100, 3000), ("Cat", 5100, 6000))
    found = [(one.id, one.line) for one in check_events("weak", rows, {}, 10.0)]
    assert found == [("overlap", "3"), ("gap", "5")]
    touching = located(("Cat", 0, 2000), ("Cat", 1000, 2000), ("Cat", 2500, 3000))
    details = [one.detail for one in check_events("weak", touching, {}, 10.0)]
    assert details == ["Cat 1.000-2.000 s after Cat 0.000-2.000 s (line 2)"]


def placeholders(dataset, events):
    rows = [(n, event.filename, event) for n, event in enumerate(events)]
    return kinds(check_placeholder(dataset, "strong", SplitAnnotations(events=rows)))


@pytest.mark.parametrize(
    ("alike", "others", "clips", "expected"),
    [
        (10, 0, 2, ["placeholder"]),
        (9, 0, 2, []),
        (10, 0, 1, []),
        (6, 4, 2, ["few_times"]),
        (5, 5, 2, []),
    ],
)
def test_placeholder_times(ten, alike, others, clips, expected):
    events = [Event(f"{n % clips}.wav", 0.0, 1.0, "Cat") for n in range(alike)]
    events += [Event(f"{n % clips}.wav", 0.1, 1.5 + n, "Cat") for n in range(others)]
    assert placeholders(ten, events) == expected


@pytest.mark.parametrize(
    ("clips", "sets", "classes", "expected"),
    [
        (10, 1, 3, ["placeholder"]),
        (9, 1, 3, []),
        (10, 2, 3, []),
        (10, 1, 1, []),
        (10, 1, 2, ["placeholder"]),
    ],
)
def test_placeholder_tags(ten, clips, sets, classes, expected):
    dataset = ten.model_copy(update={"classes": audits.CLASSES[:classes]})
    tags = {f"{n}.wav": (audits.CLASSES[n % sets],) for n in range(clips)}
    found = check_placeholder(dataset, "weak", SplitAnnotations(classes=tags))
    assert kinds(found) == expected


# --- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("usable", "expected"), [(9, []), (8, ["too_few"])])
def test_a_split_needs_the_least_share_of_the_official_clips(ten, usable, expected):
    place = ten.splits["weak"].model_copy(update={"clips": 10})
    dataset = ten.model_copy(update={"splits": {"weak": place}})
    rows = [row(status="ok" if n < usable else "missing") for n in range(10)]
    found = list(check_numbers(dataset, "weak", rows, AuditSettings(least={"weak": 0.9})))
    assert kinds(found) == expected
    assert [one.count for one in found] == [10 - usable] * len(expected)


def test_numbers_beside_the_official_and_the_papers(ten):
    place = ten.splits["weak"].model_copy(update={"clips": 8, "paper": 12})
    dataset = ten.model_copy(update={"splits": {"weak": place}})
    rows = [row() for _ in range(10)]
    found = {one.id: one.count for one in check_numbers(dataset, "weak", rows, AuditSettings())}
    assert found == {"unlike_official": 2, "unlike_paper": 2}
    rendered = dataset.model_copy(update={"kind": "soundscapes"})
    assert list(check_numbers(rendered, "weak", rows, AuditSettings())) == []
    nothing = check_numbers(dataset, "weak", [], AuditSettings(least={"weak": 0.0}))
    assert kinds(nothing) == ["unlike_paper"]


@pytest.mark.parametrize(("usable", "few"), [(9, False), (8, True)])
def test_a_class_needs_the_least_share_of_its_clips(usable, few):
    counts = {"Cat": {"clips": 10, "usable": usable}, "Dog": {"clips": 0, "usable": 0}}
    found = {one.id: (one.detail, one.count) for one in check_classes("weak", counts, 0.9, True)}
    depleted = {"class_depleted": (f"Cat {usable} of 10", 1)} if few else {}
    assert found == {"class_absent": ("Dog", 1)} | depleted
    assert kinds(check_classes("weak", counts, 0.9, False)) == ["class_absent"]


def test_classes_are_counted_by_clip(ten):
    tags = {"a.wav": ("Cat", "Dog"), "b.wav": ("Cat",)}
    found = count_classes(ten, SplitAnnotations(classes=tags), {"a.wav"})
    assert found["Cat"] == {"clips": 2, "usable": 1}
    assert found["Dog"] == {"clips": 1, "usable": 1}
    assert found["Speech"] == {"clips": 0, "usable": 0}


# --- leaks --------------------------------------------------------------------------------------

SPLITS = ("weak", "strong", "development", "evaluation")


@pytest.mark.parametrize("splits", list(itertools.product(SPLITS, repeat=2)))
@pytest.mark.parametrize("copies", [True, False], ids=["bytes", "recording"])
def test_pairs_of_clips_by_their_splits(ten, splits, copies):
    """All pairs of splits: the first clip, then the second, against a table written by hand."""
    names = ["Yabcdefghijk_0_10.wav", "Yabcdefghijk_20_30.wav"]
    if copies:
        rows = [row(split, name) for split, name in zip(splits, names, strict=True)]
        found = Counter(one.id for one in check_copies(rows, "report"))
    else:
        clips = {split: [] for split in splits}
        for split, name in zip(splits, names, strict=True):
            clips[split].append(name)
        found = Counter(one.id for one in check_recordings(find_excerpts(ten, clips), "report"))
    training = [split in ("weak", "strong") for split in splits]
    expected: Counter[str] = Counter()
    if any(training) and not all(training):
        expected["leak_bytes" if copies else "leak"] = 1
    elif sorted(splits) == ["development", "evaluation"]:
        expected["shared_tests"] = 1
    elif splits[0] == splits[1] or (copies and all(training)):
        expected["copies" if copies else "same_recording"] = 1
    assert found == expected


def test_only_usable_clips_are_compared():
    rows = [row("weak", "a.wav", status="silent"), row("evaluation", "b.wav")]
    assert list(check_copies(rows, "report")) == []
    rows = [row("weak", "a.wav", status="leak"), row("evaluation", "b.wav")]
    assert kinds(check_copies(rows, "report")) == ["leak_bytes"]


@pytest.mark.parametrize(
    ("times", "when"),
    [
        ("0_10", "the same seconds, 0-10"),
        ("9_19", "overlapping seconds"),
        ("10_20", "0-10 s here, 10-20 s there"),
        ("0_9", "overlapping seconds"),
        ("1_10", "overlapping seconds"),
    ],
)
def test_excerpts_state_whether_they_overlap(ten, times, when):
    clips = {"weak": ["Yabcdefghijk_0_10.wav"], "evaluation": [f"Yabcdefghijk_{times}.wav"]}
    (found,) = check_recordings(find_excerpts(ten, clips), "report")
    assert found.detail == f"evaluation/Yabcdefghijk_{times}.wav ({when})"


# --- lists --------------------------------------------------------------------------------------


def summary(defects, **changes):
    findings = [vars(one) for one in group_defects(defects, {})]
    return {"findings": findings, "clips": 3, "ok": 2, "go": False, "splits": {}} | changes


def test_findings_have_five_examples_and_the_whole_count():
    defects = [Defect("silent", "weak", f"{n}.wav", count=2) for n in range(7)]
    (found,) = group_defects(defects, {})
    assert found.examples == [f"{n}.wav" for n in range(5)]
    assert found.count == 14


def test_findings_are_sorted_by_level_kind_and_split():
    order = [
        Defect("too_few", "evaluation"),
        Defect("leak", "strong"),
        Defect("silent", "weak"),
        Defect("silent", "strong"),
        Defect("gap", "weak"),
        Defect("missing", "weak"),
        Defect("leak", "weak", level="note"),
    ]
    found = [(one.id, one.split) for one in group_defects(order[::-1], {})]
    assert found[:5] == [(one.id, one.split) for one in order[:5]]
    assert sorted(found[5:]) == [("leak", "weak"), ("missing", "weak")]


def test_published_defects_become_notes():
    defects = [Defect("gap", "weak", "a.wav"), Defect("silent", "weak", "b.wav")]
    levels = {one.id: one.level for one in group_defects(defects, {"weak": "1.0"})}
    assert levels == {"gap": "note", "silent": "warning"}
    assert {one.level for one in group_defects(defects, {"strong": "1.0"})} == {"warning"}


@pytest.mark.parametrize(("refusals", "more"), [(3, ""), (4, ", 1 more"), (5, ", 2 more")])
def test_a_refusal_gives_three_reasons(refusals, more):
    splits = ["weak", "unlabeled", "strong", "development", "evaluation"][:refusals]
    made = summary([Defect("too_few", split, detail="1 of 9") for split in splits])
    reasons = ", ".join(f"{split}: too few usable clips: 1 of 9" for split in splits[:3])
    assert str(refusal(made, "data", "page")) == (
        f"data: the audit refuses this dataset: {reasons}{more}; see page"
    )


@pytest.mark.parametrize(("clips", "listed"), [(200, 200), (201, 200)])
def test_the_page_lists_200_unusable_clips(ten, clips, listed):
    problems = [{"split": "weak", "filename": f"{n}.wav", "status": "empty"} for n in range(clips)]
    made = summary([], problems=problems, manifest_sha256="m", resed="r")
    html = page(ten, made)
    assert html.count("<td>empty") == listed
    assert ("The first 200" in html) == (clips > 200)


# --- annotation files ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "columns"), [("none", "filename"), ("weak", "filename\tevent_labels")]
)
def test_malformed_rows_are_listed_once(tmp_path, labels, columns):
    path = tmp_path / "a.tsv"
    row = "\tCat" if labels == "weak" else ""
    path.write_text(f"{columns}\na.wav{row}\nb.wav\tCat\t9\n")
    found = read_annotations(path, "weak", labels, ["Cat"])
    (defect,) = found.defects
    assert (defect.id, defect.line) == ("annotations_malformed", "3")
    assert (found.clips, found.rows, found.rows_sha256) == (["a.wav"], 2, "")


def test_the_hash_of_rows_is_that_of_the_sorted_lines(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("filename\tonset\toffset\tevent_label\nb.wav\t1.0\t2\tCat\na.wav\t\t\t\n")
    found = read_annotations(path, "strong", "strong", None)
    expected = hashlib.sha256(b"a.wav\nb.wav\t1.000\t2.000\tCat").hexdigest()
    assert found.rows_sha256 == expected
