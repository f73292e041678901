"""The clip browser: kinds of events, the choice of clips, sound, bounds, licences, the page."""

import io
import json
import random
import re
import resource
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import yaml
from made_clips import RATE, SPLITS, make_run
from made_results import REPOSITORY
from sounds import good
from test_score import random_case
from typer.testing import CliRunner

from resed.acquire.soundscapes import recipe
from resed.acquire.soundscapes.render_split import render_split
from resed.browse.curves import POINTS, pooled
from resed.browse.detected_clips import DetectedClips, cut
from resed.browse.picture import spectrogram
from resed.browse.run_clips import RunClips, strata
from resed.browse.selection import ranking
from resed.browse.sound import MOST_CREDITS, SplitSound, credited
from resed.browse.write import write_page
from resed.cli import app
from resed.config.dataset import load_dataset
from resed.config.stages import BrowseSettings
from resed.errors import OverwriteError, ResedError, ResultsError, ShareError
from resed.formats.annotations import Event, read_events
from resed.formats.audio import decode
from resed.formats.containers.ogg import crc
from resed.formats.detection_journal import (
    DetectedEvent,
    DetectedFile,
    FileState,
    open_journal,
)
from resed.formats.ogg_writer import vorbis, with_serial
from resed.formats.reference import read_reference
from resed.runtime.checksums import digest
from resed.runtime.files import write_json
from resed.score.event_kinds import INVENTED, KINDS, MISSED, RIGHT, SHIFTED, event_kinds
from resed.score.f1 import event_counts
from resed.share.share import _keep_sound

SYSTEMS = ["guided_learning", "pts", "pts_tfd"]


# ---- kinds of events -------------------------------------------------------------------------


def sed_eval_counts(reference, detected, clips):
    """Class -> true positives, false positives, false negatives by sed_eval, called directly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import sed_eval
    sides = (reference, detected)
    labels = sorted({e.event_label for side in sides for c in clips for e in side.get(c, ())})
    metric = sed_eval.sound_event.EventBasedMetrics(labels, t_collar=0.2, percentage_of_length=0.2)
    for clip in clips:
        lists = [[asdict(e) for e in side.get(clip, ())] or [{"filename": clip}] for side in sides]
        metric.evaluate(*lists)
    return {
        label: (int(one["Ntp"]), int(one["Nfp"]), int(one["Nfn"]))
        for label, one in metric.class_wise.items()
    }


def test_kinds_are_the_counts_of_sed_eval():
    generator = random.Random(11)
    for _ in range(40):
        reference, detected = random_case(generator)
        clips = sorted({*reference, *detected})
        kinds = event_kinds(reference, detected, clips)
        totals = Counter()
        for row, clip in enumerate(clips):
            for event, kind in zip(reference.get(clip, ()), kinds.reference[row], strict=True):
                totals[event.event_label, "reference", int(kind)] += 1
            for event, kind in zip(detected.get(clip, ()), kinds.detected[row], strict=True):
                totals[event.event_label, "detected", int(kind)] += 1
        for label, counts in sed_eval_counts(reference, detected, clips).items():
            ours = {side: [totals[label, side, kind] for kind in range(4)] for side in
                    ("reference", "detected")}  # fmt: skip
            assert ours["reference"][RIGHT] == ours["detected"][RIGHT] == counts[0]
            assert ours["detected"][SHIFTED] + ours["detected"][INVENTED] == counts[1]
            assert ours["reference"][SHIFTED] + ours["reference"][MISSED] == counts[2]
            assert ours["reference"][SHIFTED] == ours["detected"][SHIFTED]


def kinds_of(reference, detected):
    """Kinds by name of events that are given as (onset, offset, label)."""
    sides = [{"a": [Event("a", *one) for one in side]} for side in (reference, detected)]
    found = event_kinds(*sides, ["a"])
    return [[KINDS[kind] for kind in side[0]] for side in (found.reference, found.detected)]


def test_a_worked_example_of_each_kind():
    reference = [(1.0, 2.0, "Dog"), (4.0, 5.0, "Dog"), (7.0, 8.0, "Dog"), (1.0, 2.0, "Cat")]
    detected = [(1.1, 2.1, "Dog"), (4.4, 5.0, "Dog"), (8.0, 9.0, "Dog"), (1.0, 2.0, "Car")]
    assert kinds_of(reference, detected) == [
        ["right", "late or early", "missed", "missed"],
        ["right", "late or early", "invented", "invented"],
    ]


def test_each_event_is_late_or_early_once():
    """Of two detections within one event, one is late or early; equal events count each."""
    assert kinds_of([(0.0, 9.0, "Dog")], [(1.0, 2.0, "Dog"), (3.0, 4.0, "Dog")]) == [
        ["late or early"],
        ["late or early", "invented"],
    ]
    same = (1.0, 2.0, "Dog")
    assert kinds_of([same, same, same], [same, same]) == [
        ["right", "right", "missed"],
        ["right"] * 2,
    ]


# ---- the choice of clips ---------------------------------------------------------------------


def test_every_stratum_has_its_share():
    random_ = np.random.default_rng(3)
    share = random_.uniform(0.002, 0.4, 60)  # from rare to common
    belongs = random_.random((1500, 60)) < share
    order = ranking(belongs, 0)
    assert sorted(order) == list(range(1500))
    chosen = belongs[order[:200]].sum(axis=0)
    assert (chosen >= np.minimum(belongs.sum(axis=0), 10)).all(), chosen
    by_chance = belongs[random_.permutation(1500)[:200]].sum(axis=0)
    print(f"fewest clips of a stratum: {chosen.min()} chosen, {by_chance.min()} by chance")
    assert chosen.min() > by_chance.min()
    assert ranking(belongs, 0) == order != ranking(belongs, 1)


def test_clips_without_a_stratum_are_last():
    belongs = np.zeros((6, 2), dtype=bool)
    belongs[2, 0] = belongs[4, 1] = True
    assert set(ranking(belongs, 5)[:2]) == {2, 4}
    assert sorted(ranking(np.zeros((3, 0), dtype=bool), 0)) == [0, 1, 2]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"), SYSTEMS, clips=6)


def page_of(results, name="page", **settings):
    """Write the page of a run; its folder and its values."""
    folder = results.folder / name
    write_page(RunClips(results, folder), folder, BrowseSettings(**settings))
    return folder, values_in(folder)


def values_in(folder: Path):
    text = (folder / "index.html").read_text(encoding="utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


@pytest.fixture(scope="module")
def whole(run):
    return page_of(run)


def test_each_class_system_and_kind_is_in_a_choice(run):
    """Half of the clips have most combinations, and each system's every kind."""
    found = RunClips(run, run.folder / "page").collection()
    labels, systems = list(found.classes), len(found.systems)
    order = ranking(found.strata, 0)[:6]
    some = strata([found.clips[index] for index in order], labels, systems)
    assert some.shape[1] > 0.7 * found.strata.shape[1]
    for system in range(systems):
        kinds = {
            int(kind)
            for index in order
            for lane in [found.clips[index].lanes[system]]
            for kind in [*lane.kinds, *lane.reference_kinds]
        }
        assert kinds == {0, 1, 2, 3}, found.systems[system]


# ---- the page of a run -----------------------------------------------------------------------


def test_totals_are_the_counts_of_the_scores(run, whole):
    """Right = TP, late or early + missed = FN, late or early + invented = FP, of all clips."""
    labels = run.config.dataset_file.classes
    for group, split in enumerate(SPLITS):
        reference = read_reference(run.annotations(split))
        for system, name in enumerate(SYSTEMS):
            detected = read_events(run.events(split, name))
            totals = whole[1]["totals"][group][system]
            assert totals["clips"] == 6
            ours = np.array(totals["counts"])
            theirs = sed_eval_counts(reference, detected, list(reference))
            counts = event_counts(reference, detected, list(reference))
            for row, label in enumerate(labels):
                right, late, missed, invented = ours[row]
                assert (right, late + invented, late + missed) == theirs.get(label, (0, 0, 0))
                if label in counts.classes:
                    expected = counts.only(label).values.sum(axis=(0, 1)).tolist()
                    assert [right, late + invented, late + missed] == expected


def test_lanes_are_the_events_of_the_files(run, whole):
    labels = run.config.dataset_file.classes
    detected = [read_events(run.events("evaluation", name)) for name in SYSTEMS]
    reference = read_events(run.annotations("evaluation"))
    clips = [one for one in whole[1]["clips"] if one["group"] == 1]
    assert {one["name"] for one in clips} == set(reference)
    for one in clips:
        for found, side in zip(
            [one["reference"], *one["lanes"]], [reference, *detected], strict=True
        ):
            expected = [
                [labels.index(e.event_label), round(e.onset, 3), round(e.offset, 3)]
                for e in side[one["name"]]
            ]
            assert found == expected


def test_sound_and_picture_are_those_of_the_clip(run, whole):
    folder, values = whole
    for one in values["clips"][::5]:
        split = SPLITS[one["group"]]
        place = run.data / run.config.dataset_file.splits[split].audio / one["name"]
        original = decode(place.read_bytes(), "original", RATE)
        carried = decode((folder / one["sound"]).read_bytes(), "carried", RATE)
        assert len(carried) == len(original) and one["seconds"] == 10.0
        assert np.corrcoef(original, carried)[0, 1] > 0.95
        assert (folder / one["picture"]).read_bytes() == spectrogram(original, RATE)


def test_a_picture_shows_a_tone_at_its_time_and_pitch():
    from PIL import Image

    time_s = np.arange(10 * RATE) / RATE
    wave = 0.01 * np.random.default_rng(0).standard_normal(len(time_s))
    wave[4 * RATE : 5 * RATE] += np.sin(2 * np.pi * 1000 * time_s[4 * RATE : 5 * RATE])
    picture = np.asarray(Image.open(io.BytesIO(spectrogram(wave.astype(np.float32), RATE))))
    row, column = np.unravel_index(picture.sum(axis=2, dtype=int).argmax(), picture.shape[:2])
    assert 4 <= 10 * column / picture.shape[1] < 5
    from librosa import mel_frequencies

    centres = mel_frequencies(98, fmin=0, fmax=RATE / 2)[1:-1]
    assert abs(centres[picture.shape[0] - 1 - row] - 1000) < 100


def test_curves_keep_every_peak():
    values = np.random.default_rng(1).random((500, 3)).astype(np.float32)
    found = pooled(values)
    assert found.shape == (POINTS, 3)
    assert np.array_equal(found, values.reshape(POINTS, 4, 3).max(axis=1))
    assert np.array_equal(pooled(values[:7]), values[:7])


def test_curves_are_the_posteriors(run, whole):
    import base64

    from resed.formats.posteriors import Posteriors

    values = whole[1]
    one = next(clip for clip in values["clips"] if clip["group"] == 1)
    system = SYSTEMS.index("pts")
    read = Posteriors.load(run.posteriors("evaluation", "pts"))
    curves = one["curves"][str(values["curve_of"][system])]
    assert curves["seconds"] == read.seconds and curves["values"]
    for label, packed in curves["values"].items():
        octets = np.frombuffer(base64.b64decode(packed), np.uint8)
        own = pooled(read.frames[read.clips.index(one["name"])])[:, int(label)]
        assert np.abs(octets / 255 - own).max() <= 0.5 / 255 + 1e-6


def test_equal_results_give_equal_bytes(run, whole):
    again = page_of(run, "again")[0]
    names = sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert len(names) == 2 * len(whole[1]["clips"]) + 2
    for name in names:
        assert (again / name).read_bytes() == (whole[0] / name).read_bytes(), name


def test_bounds_of_clips_and_bytes(run, whole):
    assert len(page_of(run, "few", clips=3)[1]["clips"]) == 3
    everything = sum(path.stat().st_size for path in whole[0].rglob("*") if path.is_file())
    limit = 0.6 * everything / 1e6
    folder, values = page_of(run, "small", megabytes=limit)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{size} of {1e6 * limit:.0f} bytes, {len(values['clips'])} of 12 clips")
    assert 0.4 * everything < size <= 1e6 * limit and 3 < len(values["clips"]) < 12
    with pytest.raises(ResultsError, match="no room for a clip"):
        page_of(run, "none", megabytes=0.05)
    assert not (run.folder / "none").exists()


def test_another_page_replaces_its_files_only(run):
    folder, values = page_of(run, "twice", clips=4)
    own = folder / "media" / "mine.ogg"
    own.write_text("of the user")
    changed = folder / values["clips"][3]["sound"]
    changed.write_text("edited")
    with pytest.raises(OverwriteError, match="was not written by resed"):
        page_of(run, "twice", clips=4)
    page_of(run, "twice", clips=2)
    assert own.read_text() == "of the user" and changed.read_text() == "edited"
    assert sorted(path.name for path in (folder / "media").glob("*.ogg")) == [
        *("001.ogg", "002.ogg", changed.name, "mine.ogg")
    ]
    (folder / "index.html").write_text("<p>a page of the user")
    with pytest.raises(OverwriteError, match=r"index\.html"):
        page_of(run, "twice", clips=2)
    (folder / "media" / "files.tsv").write_text("filename\tsha256\n../../x\t00\n")
    with pytest.raises(ResedError, match=r"files\.tsv"):
        page_of(run, "twice", clips=2)


def test_only_sound_of_the_page_is_shared(run):
    """Copies that the dataset file allows; any other sound file is refused, a changed copy too."""
    folder, values = page_of(run, "report/clips", clips=2)
    shared = SimpleNamespace(
        file=None, results=run.folder, annotations=run.data / "metadata", holds=lambda path: True
    )
    moved = [path for path in run.folder.iterdir() if (path / "media").is_dir()]
    hidden = [path.rename(run.data / path.name) for path in moved]
    try:
        _keep_sound(shared)
        for name in ("page.ogg", "report/clips/media/900.ogg", "report/clips/x.wav"):
            (run.folder / name).write_bytes(b"OggS")
            with pytest.raises(ShareError, match="audio is never pushed"):
                _keep_sound(shared)
            (run.folder / name).unlink()
        with (folder / values["clips"][0]["sound"]).open("ab") as handle:
            handle.write(b"more")
        with pytest.raises(ShareError, match="audio is never pushed"):
            _keep_sound(shared)
    finally:
        for path in hidden:
            path.rename(run.folder / path.name)


def test_a_run_records_its_files_and_forgets_those_it_replaces(tmp_path, monkeypatch):
    results = make_run(tmp_path, ["pts"], clips=2)
    monkeypatch.setenv("RESED_RESULTS", str(results.folder.absolute()))
    page_of(results, "report/clips")
    page_of(results, "report/clips", clips=2)
    records = results.folder / "checksums" / "report" / "clips"
    names = {path.relative_to(records).as_posix() for path in records.rglob("*.sha256")}
    media = {f"media/00{n}.{kind}.sha256" for n in (1, 2) for kind in ("ogg", "webp")}
    assert names == {"index.html.sha256", "media/files.tsv.sha256", *media}


# ---- sound -----------------------------------------------------------------------------------


def test_ogg_has_a_fixed_serial_and_valid_checksums():
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 3 * RATE).astype(np.float32)
    data = vorbis(wave, RATE)
    assert data == vorbis(wave, RATE)
    at, pages = 0, 0
    while at < len(data):
        size = 27 + data[at + 26] + sum(data[at + 27 : at + 27 + data[at + 26]])
        page = data[at : at + size]
        assert page[:4] == b"OggS" and page[14:18] == b"\1\0\0\0"
        assert crc(page[:22] + bytes(4) + page[26:]) == page[22:26]
        at, pages = at + size, pages + 1
    assert pages > 3 and at == len(data)
    assert with_serial(with_serial(data, 77), 1) == data
    assert soundfile.info(io.BytesIO(data)).frames == len(wave)
    with pytest.raises(ValueError, match="no page at byte"):
        with_serial(data[:-1], 1)


def test_long_sound_is_encoded_in_blocks():
    """One call with ten minutes of sound ends libsndfile 1.2.2 with a full stack."""
    assert (
        soundfile.info(io.BytesIO(vorbis(np.zeros(60 * RATE, np.float32), RATE))).frames
        == 60 * RATE
    )


@pytest.mark.parametrize(
    ("row", "obstacle"),
    [
        ({"license": "CC0"}, ""),
        ({"license": "CC-BY", "author": "A"}, ""),
        ({"license": "CC BY 3.0", "author": "A"}, ""),
        ({"license": "CC-BY"}, "no author of a.ogg"),
        ({"license": "CC-Sampling+", "author": "A"}, "a.ogg has the licence CC-Sampling+"),
        ({"license": "CC-BY-NC", "author": "A"}, "a.ogg has the licence CC-BY-NC"),
        ({"license": "CC-BY-SA", "author": "A"}, "licence CC-BY-SA"),
        ({"author": "A"}, "no licence of a.ogg"),
        (None, "no licence of a.ogg"),
    ],
)
def test_licences_decide_on_copies(row, obstacle):
    credits, found = credited(["a.ogg"], {} if row is None else {"a.ogg": row})
    assert (obstacle in found) if obstacle else not found
    assert bool(credits) == (not obstacle)
    if row and row.get("author") and credits:
        assert credits == [f"a.ogg by A, {row['license']}"]


def test_a_clip_of_many_recordings_is_not_carried():
    names = [f"{n}.ogg" for n in range(MOST_CREDITS + 1)]
    assert credited(names, {name: {"license": "CC0"} for name in names})[0] == []


def test_the_dataset_files_say_what_may_be_copied():
    rules = {name: load_dataset(name, REPOSITORY).sound for name in
             ("demo", "esc10", "everyday", "dcase2019", "dcase2019_twin")}  # fmt: skip
    assert rules == {
        "demo": "copied",
        "esc10": "credited",
        "everyday": "credited",
        "dcase2019": "local",
        "dcase2019_twin": "copied",
    }
    template = yaml.safe_load((REPOSITORY / "config" / "templates" / "dataset.yaml").read_text())
    assert template["sound"] == "copied"


@pytest.mark.parametrize("sound", ["local", "credited"])
def test_sound_that_may_not_be_copied_plays_from_its_place(tmp_path, sound):
    """Without a known soundbank, no licence is known."""
    results = make_run(tmp_path, ["pts"], clips=2, sound=sound)
    folder, values = page_of(results)
    assert not list(folder.rglob("*.ogg")) and len(list(folder.rglob("*.webp"))) == 4
    for one in values["clips"]:
        assert not one["sound"] and one["note"]
        audio = results.config.dataset_file.splits[SPLITS[one["group"]]].audio
        assert (folder / one["local"]).resolve() == (results.data / audio / one["name"]).resolve()
    text = (folder / "index.html").read_text()
    assert ("Sound is not part of this page" in text) == (sound == "local")


@pytest.mark.parametrize("licence", ["CC-BY", "CC-Sampling+"])
def test_clips_of_a_soundbank_name_their_authors(tmp_path, licence):
    """Rendered by resed acquire: copied with credits, or with the reason why not."""
    dataset = load_dataset("esc10", REPOSITORY)
    bank, data = tmp_path / "bank", tmp_path / "data"
    bank.mkdir()
    rows = ["file,class,fold,title,author,url,license"]
    for number, (label, item) in enumerate(dataset.soundscapes["classes"].items()):
        for fold in range(1, 6):
            name = f"{label}_{fold}.wav"
            good(bank / name, 1.0, seed=10 * number + fold)
            sound = item.get("sound") or label
            rows.append(f"{name},{sound},{fold},T {number},A<b>,http://a,{licence}")
    (bank / "clips.csv").write_text("\n".join(rows) + "\n")
    render_split(dataset, data, "evaluation", scale=0.003, soundbank=bank, report=lambda line: None)
    (name, *_) = read_events(data / dataset.splits["evaluation"].annotations)
    found = SplitSound(dataset, data, "evaluation", tmp_path / "page", 10.0)(name)
    kept = data / dataset.splits["evaluation"].audio / name
    original = decode(kept.read_bytes(), name, RATE)
    assert np.abs(found.wave - original).max() < 1e-4
    assert found.address == f"../data/{dataset.splits['evaluation'].audio}/{name}"
    if licence == "CC-BY":
        assert found.copied and found.credits and not found.note
        assert all(re.fullmatch(r"T \d by A<b>, CC-BY, http://a", one) for one in found.credits)
    else:
        assert not found.copied and not found.credits
        assert re.fullmatch(r"\w+_5\.wav has the licence CC-Sampling\+", found.note)
    (bank / next(bank.glob("*_5.wav")).name).write_bytes(b"changed")
    recipe._bank.cache_clear()
    later = SplitSound(dataset, data, "evaluation", tmp_path / "page", 10.0)(name)
    assert not later.copied and later.note.startswith("the recordings in it are not known: ")


def test_a_run_without_its_sound_has_a_page(tmp_path):
    results = make_run(tmp_path, ["pts"], clips=2)
    shutil.rmtree(results.data / "audio")
    folder, values = page_of(results)
    assert [path.name for path in (folder / "media").iterdir()] == ["files.tsv"]
    assert len(values["clips"]) == 4 and not any(one["local"] for one in values["clips"])


# ---- text of others --------------------------------------------------------------------------

HOSTILE = ["</script><script>alert(1)</script>", "a<!--b", "x\u202egpj", "&amp;<b>"]


def test_c8_hostile_names_stay_text(tmp_path):
    classes = ["<img src=x onerror=alert(1)>", "</script><!-- b", "Dog", "Cat&lt;", "a&b'\""]
    classes = [name.replace("/", "⁄") for name in classes]
    results = make_run(tmp_path, ["pts"], clips=2, classes=classes)
    folder, values = page_of(results)
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert text.count("<script") == text.count("</script>") == 3
    assert "<img src=x" not in text
    assert values["classes"][0] == "<img src=x onerror=alert(1)>"
    assert values["classes"][4] == "A&b'\""


@pytest.mark.parametrize("name", HOSTILE)
def test_c8_hostile_file_names_of_detections_stay_text(tmp_path, name):
    folder = detected(tmp_path, {name: []})
    page = tmp_path / "page"
    write_page(DetectedClips(folder, page), page, BrowseSettings())
    text = (page / "index.html").read_text(encoding="utf-8")
    assert text.count("<script") == 3 and "<b>" not in text and "\u202e" not in text


# ---- detected events -------------------------------------------------------------------------


def detected(folder: Path, files: dict, seconds: float = 25.0, **more) -> Path:
    """An output folder of `resed detect` with a journal only; the sound is `folder`/name."""
    out = folder / "detected"
    out.mkdir(exist_ok=True)
    with open_journal(out / "journal.jsonl") as journal:
        journal.begin({"name": "small", "sha256": "0" * 64}, {}, {})
        for name, events in files.items():
            path = folder / name
            state = FileState(str(path), 0, 0, 0, "0" * 64)
            if path.is_file():
                status = path.stat()
                state = FileState(
                    str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns, "0" * 64
                )
            found = [DetectedEvent(*one, 0.9) for one in events]
            tags = {"Dog": 0.5, "Cat": 0.1}
            journal.add(DetectedFile(name, state, seconds, RATE, tags, found, **more))
    return out


def test_parts_of_a_recording_have_the_events_that_touch_them(tmp_path):
    events = [(1.0, 2.0, "Dog"), (9.5, 20.5, "Cat"), (24.0, 25.0, "Dog")]
    found = DetectedClips(detected(tmp_path, {"a.wav": events}), tmp_path).collection()
    assert [(one.start, one.seconds) for one in found.clips] == [(0, 10), (10, 10), (20, 5)]
    shown = [
        [(e.onset, e.offset, e.event_label) for e in one.lanes[0].events] for one in found.clips
    ]
    assert shown == [
        [(1.0, 2.0, "Dog"), (9.5, 10.0, "Cat")],
        [(0.0, 10.0, "Cat")],
        [(0.0, 0.5, "Cat"), (4.0, 5.0, "Dog")],
    ]
    assert not found.has_reference and found.systems == ["small"]


def test_parts_are_cut_where_they_lie(tmp_path):
    """At another rate, in any order, and past the end: as the whole file decoded at once."""
    wave = np.random.default_rng(2).uniform(-0.3, 0.3, (round(23.7 * 16000), 2))
    soundfile.write(tmp_path / "a.flac", wave, 16000)
    whole_wave = decode((tmp_path / "a.flac").read_bytes(), "a", RATE)
    folder = detected(tmp_path, {"a.flac": []}, 23.7)
    clips = DetectedClips(folder, tmp_path).collection().clips
    for chosen in (clips, clips[::-1], clips[2:], clips[1:2]):
        found = list(cut(tmp_path / "a.flac", chosen))
        assert [one for one, _ in found] == sorted(chosen, key=lambda one: one.start)
        for one, part in found:
            start = round(one.start * RATE)
            expected = whole_wave[start : start + round(one.seconds * RATE)]
            assert abs(len(part) - len(expected)) <= 1
            assert np.array_equal(part[: len(expected)], expected[: len(part)])


def test_the_page_of_detected_events(tmp_path):
    soundfile.write(tmp_path / "a.wav", 0.1 * np.ones(25 * RATE), RATE)
    soundfile.write(tmp_path / "changed.wav", 0.1 * np.ones(RATE), RATE)
    events = {"a.wav": [(1.0, 2.0, "Dog")], "changed.wav": [(0.1, 0.4, "Cat")], "gone.wav": []}
    folder = detected(tmp_path, events)
    with open(tmp_path / "changed.wav", "ab") as handle:
        handle.write(b"more")
    done = CliRunner().invoke(app, ["browse", str(folder)])
    assert done.exit_code == 0, done.output
    assert "page/index.html: 9 of 9 clips" in done.output
    values = values_in(folder / "page")
    assert values["kinds"] == [] and values["groups"] == ["a.wav", "changed.wav", "gone.wav"]
    by_file = {name: [c for c in values["clips"] if values["groups"][c["group"]] == name]
               for name in values["groups"]}  # fmt: skip
    assert [bool(one["sound"]) for one in by_file["a.wav"]] == [True] * 3
    assert {one["note"] for one in by_file["changed.wav"]} == {
        "its file was changed after it was processed"
    }
    assert "is not where it was" in by_file["gone.wav"][0]["note"]
    assert CliRunner().invoke(app, ["browse", str(folder)]).exit_code == 0, "once more"


def test_scores_of_detect_are_curves(tmp_path):
    import base64

    from resed.formats.score_tsv import write_scores

    values = np.random.default_rng(0).random((250, 2))
    (tmp_path / "detected" / "scores").mkdir(parents=True)
    place = tmp_path / "detected" / "scores" / "a.tsv"
    write_scores(place, np.arange(251) * 0.1, values, ["Dog", "Cat"])
    folder = detected(tmp_path, {"a.wav": []}, outputs={"scores/a.tsv": digest(place)})
    source = DetectedClips(folder, tmp_path)
    clips = source.collection().clips
    curves = source.curves(clips)
    assert [len(one[0].values["Dog"]) for one in curves] == [100, 100, 50]
    assert np.allclose(curves[1][0].values["Cat"], values[100:200, 1], atol=1e-4)
    assert base64  # values are packed as those of a run


@pytest.mark.parametrize("words", [[], ["x", "--config-json", "{}"], ["x", "--results", "y"]])
def test_wrong_usage_of_browse(words):
    assert CliRunner().invoke(app, ["browse", *words]).exit_code == 2


def test_a_folder_without_a_journal_is_refused(tmp_path):
    done = CliRunner().invoke(app, ["browse", str(tmp_path)])
    assert "journal.jsonl: no such file" in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_settings_of_browse_are_checked(tmp_path):
    folder = detected(tmp_path, {"a.wav": []})
    done = CliRunner().invoke(app, ["browse", str(folder), "--settings", '{"clips": 0}'])
    assert "clips" in str(done.exception)
    done = CliRunner().invoke(app, ["browse", str(folder), "--settings", '{"clips": 1, "seed": 3}'])
    assert done.exit_code == 0 and "1 of 3 clips" in done.output


def test_the_command_writes_the_page_of_a_run(run, whole, tmp_path):
    config = run.config.model_dump(mode="json")
    write_json(tmp_path / "config.json", config)
    words = ["--config-json", str(tmp_path / "config.json"), "--results", str(run.folder)]
    words += ["--data", str(run.data), "--out", str(run.folder / "by_hand")]
    done = CliRunner().invoke(app, ["browse", *words])
    assert done.exit_code == 0, done.output
    assert (run.folder / "by_hand" / "index.html").read_bytes() == (
        whole[0] / "index.html"
    ).read_bytes()


# ---- cost --------------------------------------------------------------------------------------

SIXTEEN = ["guided_learning", "pts_without_bgru", "pts", "pts_dfd_mse", "pts_dfd_d", "pts_tfd"]
SIXTEEN += ["pts_tfd_dfd_d_wu", "pts_tfd_afl", "pts_tfd_afl_esp", "pts_tfd_afl_tau10"]
SIXTEEN += ["pts_tfd_afl_tau30", "pts_tfd_afl_gamma1", "pts_tfd_afl_gamma3", "mean_teacher"]
SIXTEEN += ["pts_tfd_afl_standard", "pts_tfd_afl_gamma3_standard"]


def cpu_of_a_page(root: Path, clips: int) -> tuple[float, int]:
    """CPU seconds of `resed browse` for a run of 16 systems, and the bytes of its page."""
    results = make_run(root, SIXTEEN, clips=clips // 2)
    write_json(root / "config.json", results.config.model_dump(mode="json"))
    out = results.folder / "report" / "clips"
    words = ["--config-json", root / "config.json", "--results", results.folder]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", "import resed.cli; resed.cli.main()", "browse", *words]
    subprocess.run([*command, "--data", results.data, "--out", out], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert len(values_in(out)["clips"]) == clips and len(values_in(out)["systems"]) == 16
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{clips} clips, 16 systems: {seconds:.1f} CPU seconds, {size / 1e6:.1f} MB")
    return seconds, size


def test_a_page_costs_little(tmp_path):
    """A tenth of the clips of the largest page, in a third of its time (with all imports)."""
    seconds, _ = cpu_of_a_page(tmp_path, 20)
    assert seconds <= 20


@pytest.mark.long
def test_a_page_of_200_clips_and_16_systems_takes_60_cpu_seconds(tmp_path):
    seconds, size = cpu_of_a_page(tmp_path, 200)
    assert seconds <= 60 and size <= 25e6
