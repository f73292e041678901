"""acquire: soundscapes follow the real task's statistics, equal seeds give equal bytes."""

import csv
import functools
import hashlib
import itertools
import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
from five_roles import ROLES
from typer.testing import CliRunner

from resed.acquire.soundscapes import demo_sounds
from resed.acquire.soundscapes.annotation_statistics import measure, statistics_tables
from resed.acquire.soundscapes.isolation import cut_continuous, cut_events, event_of, stretch_of
from resed.acquire.soundscapes.mixing import LENGTH, background, impulse_response, render_clip
from resed.acquire.soundscapes.plan import clip_count
from resed.acquire.soundscapes.render_split import render_split
from resed.acquire.soundscapes.scenes import (
    FOLDER,
    MINIMUM_EVENT_S,
    ClipSeed,
    layout,
    load_statistics,
    polyphony,
)
from resed.acquire.soundscapes.settings import soundscapes_of
from resed.acquire.soundscapes.signals import SAMPLE_RATE, active_rms, convolved, seconds
from resed.acquire.soundscapes.soundbank import load_soundbank
from resed.cli import app
from resed.config.dataset import Dataset, load_dataset
from resed.errors import ConfigError, DatasetError, MissingFileError
from resed.formats.annotations import Event, read_clips, read_events, read_tags

ROOT = Path(__file__).resolve().parents[1]
SPLIT_STATISTICS = {  # split -> (statistics of class sets, of counts and times, real clips, events)
    "strong": ("synthetic", "synthetic", 2045, 6032),
    "development": ("validation", "validation", 1168, 4236),
    "evaluation": ("public", "public", 692, 2765),
}


@pytest.fixture(scope="module")
def demo() -> Dataset:
    return load_dataset("demo", ROOT)


@pytest.fixture(scope="module")
def bank(demo):
    """The demo's recordings of fold 5."""
    return load_soundbank(demo, soundscapes_of(demo).classes, [5])


@pytest.fixture(scope="module", autouse=True)
def few_recordings():
    """One generated recording a class and fold is enough for tests."""
    before, demo_sounds.PER_FOLD = demo_sounds.PER_FOLD, 1
    yield
    demo_sounds.PER_FOLD = before


@pytest.fixture(scope="module")
def layouts():
    """1,500 layouts of each split with events, as the events of clips."""
    made = {}
    for split, (tags, events, _, _) in SPLIT_STATISTICS.items():
        statistics = load_statistics(tags, events)
        made[split] = {
            str(index): [
                Event(str(index), onset, offset, label)
                for label, onset, offset in layout(statistics, ClipSeed(2019, split, index))
            ]
            for index in range(1500)
        }
    return made


def active_share(clips, classes_at_once: int) -> float:
    """Share of all time with so many events at once."""
    grid = np.zeros((len(clips), 1000), int)
    for row, events in zip(grid, clips.values(), strict=True):
        for event in events:
            row[round(event.onset * 100) : round(event.offset * 100)] += 1
    return float((grid == classes_at_once).mean())


@pytest.mark.parametrize("split", SPLIT_STATISTICS)
def test_layouts_follow_the_real_annotations(layouts, shared, split):
    """Compared with the real annotation files themselves, not with what was measured from them."""
    path = {
        "strong": "train/synthetic.tsv",
        "development": "validation/validation.tsv",
        "evaluation": "eval/public.tsv",
    }[split]
    real = read_events(shared / "data/dcase2019/metadata" / path)
    made = layouts[split]
    assert events_a_clip(made) == pytest.approx(events_a_clip(real), rel=0.06)
    real_sets, real_counts, real_values = measure(real)
    sets, counts, values = measure(made)
    for label in {label for label, *_ in real_counts}:
        share = sum(n for k, n in sets.items() if label in k) / len(made)
        real_share = sum(n for k, n in real_sets.items() if label in k) / len(real)
        assert share == pytest.approx(real_share, abs=0.01), label
        assert mean_count(counts, label) == pytest.approx(mean_count(real_counts, label), rel=0.2)
    lengths, real_lengths = durations(values), durations(real_values)
    assert np.mean(lengths) == pytest.approx(np.mean(real_lengths), rel=0.08)
    for level in (0.25, 0.5, 0.75):
        assert np.quantile(lengths, level) == pytest.approx(
            np.quantile(real_lengths, level), rel=0.15
        )
    full, real_full = np.mean(lengths >= 9.9), np.mean(real_lengths >= 9.9)
    assert 0.6 * real_full <= full <= real_full + 0.005
    for many in (0, 1, 2):
        difference = active_share(made, many) - active_share(real, many)
        assert abs(difference) < 0.065, many


def events_a_clip(clips) -> float:
    return sum(map(len, clips.values())) / len(clips)


def mean_count(counts: Counter, label: str) -> float:
    own = [(events, clips) for (name, _, events), clips in counts.items() if name == label]
    return sum(events * clips for events, clips in own) / sum(clips for _, clips in own)


def durations(values) -> np.ndarray:
    return np.concatenate([group for (what, *_), group in values.items() if what == "duration"])


def test_co_occurrence_is_the_real_one(layouts):
    with (FOLDER / "class_sets.csv").open(encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["statistics"] == "synthetic"]
    real = {row["event_labels"]: int(row["clips"]) / 2045 for row in rows}
    made = Counter(
        ";".join(sorted({event.event_label for event in events}))
        for events in layouts["strong"].values()
    )
    for labels, share in real.items():  # the golden-ratio sequence leaves no set far off
        assert made[labels] / 1500 == pytest.approx(share, abs=3 / 1500), labels


def test_development_has_clips_without_events(layouts):
    without = sum(not events for events in layouts["development"].values())
    assert without / 1500 == pytest.approx(15 / 1168, abs=0.002)
    assert all(layouts["strong"].values())


@pytest.mark.parametrize("split", SPLIT_STATISTICS)
def test_every_layout_keeps_the_rules(layouts, split):
    for events in layouts[split].values():
        by_class = defaultdict(list)
        for event in events:
            assert 0 <= event.onset < event.offset <= 10.0
            assert event.offset - event.onset >= MINIMUM_EVENT_S - 0.0015
            by_class[event.event_label].append(event)
        for same in by_class.values():
            for one, other in itertools.pairwise(same):
                assert other.onset - one.offset >= 0.15 - 1e-9
        assert polyphony([(event.onset, event.offset) for event in events]) <= 5


def test_a_layout_depends_on_seed_split_and_index_alone():
    statistics = load_statistics("validation", "validation")
    one = layout(statistics, ClipSeed(7, "development", 40))
    assert layout(statistics, ClipSeed(7, "development", 40)) == one
    others = [(8, "development", 40), (7, "evaluation", 40), (7, "development", 41)]
    assert all(layout(statistics, ClipSeed(*other)) != one for other in others)


def test_committed_statistics_are_those_of_the_real_annotations(shared):
    for name, text in statistics_tables(shared / "data/dcase2019/metadata").items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, name


def test_scale_shrinks_all_splits_and_leaves_a_clip():
    assert [clip_count(n, 1.0) for n in (1473, 13390, 2045, 1077, 692)] == [
        1473,
        13390,
        2045,
        1077,
        692,
    ]
    assert clip_count(13390, 0.1) == 1339
    assert clip_count(692, 1e-6) == 1


# --- sounds -------------------------------------------------------------------------------------


def test_demo_classes_differ_in_spectrum_or_rhythm():
    """Every pair differs clearly in its log-spectrum or in how its level moves."""
    features = {}
    for label in demo_sounds.MAKERS:
        found = []
        for number in (0, 1):
            samples = demo_sounds.recording(label, 1, number)
            _, power = scipy.signal.welch(samples, SAMPLE_RATE, nperseg=4096)
            edges = np.geomspace(2, len(power) - 1, 25).astype(int)
            bands = 10 * np.log10(np.add.reduceat(power, edges) + 1e-12)
            level = 10 * np.log10(np.mean(samples[: 170 * 1024].reshape(-1, 1024) ** 2, 1) + 1e-9)
            found.append(np.append(bands - bands.mean(), 3 * level.std()))
        features[label] = found
    for one, other in itertools.combinations(features, 2):
        between = np.linalg.norm(features[one][0] - features[other][0])
        assert between > 25, (one, other)


def test_demo_recordings_are_deterministic_and_folds_differ():
    one = demo_sounds.recording("bark", 1, 0)
    assert np.array_equal(one, demo_sounds.recording("bark", 1, 0))
    for fold, number in ((2, 0), (1, 1)):
        assert not np.array_equal(one, demo_sounds.recording("bark", fold, number))
    assert one.dtype == np.float32
    assert np.abs(one).max() == pytest.approx(0.5)


def test_isolated_events_are_where_the_sound_is():
    rng = np.random.default_rng(0)
    samples = 1e-6 * rng.standard_normal(seconds(5))  # about -117 dB: padding, not zero
    for start, stop in ((0.5, 0.53), (2.0, 2.6), (2.7, 3.0), (4.9, 5.0)):
        samples[seconds(start) : seconds(stop)] += 0.3 * rng.standard_normal(seconds(stop - start))
    pieces = cut_events(samples.astype(np.float32))
    lengths = [len(piece) / SAMPLE_RATE for piece in pieces]
    # a tick fills 250 ms; two sounds 100 ms apart are one event; one at the end is kept whole
    assert lengths == pytest.approx([0.25, 1.0, 0.25], abs=0.02)
    assert cut_events(np.zeros(SAMPLE_RATE, np.float32)) == []


def test_noise_below_an_event_is_not_the_event():
    rng = np.random.default_rng(1)
    samples = 0.01 * rng.standard_normal(seconds(4)).astype(np.float32)
    samples[seconds(1) : seconds(1.5)] *= 30
    assert [len(p) / SAMPLE_RATE for p in cut_events(samples)] == pytest.approx([0.5], abs=0.02)


def test_continuous_sounds_are_trimmed_and_looped_without_a_hole():
    rng = np.random.default_rng(2)
    samples = np.zeros(seconds(5), np.float32)
    samples[seconds(1) : seconds(3)] = 0.1 * rng.standard_normal(seconds(2))
    (piece,) = cut_continuous(samples)
    assert len(piece) / SAMPLE_RATE == pytest.approx(2.0, abs=0.02)
    looped = stretch_of(piece, seconds(9), rng)
    assert len(looped) == seconds(9)
    level = np.sqrt(np.mean(looped[: 85 * 4410].reshape(85, 4410) ** 2, 1))
    assert level[1:].min() > 0.08  # equal power: no dip where the ends cross
    assert level.max() < 0.13
    assert np.abs(looped[[0, -1]]).max() < 1e-3


def test_events_fill_the_length_asked_for():
    rng = np.random.default_rng(3)
    pieces = [np.full(seconds(d), 0.1, np.float32) for d in (0.3, 0.8, 2.0)]
    assert len(event_of(pieces, seconds(0.5), rng)) == seconds(0.5)
    for length in (2.5, 6.0, 10.0):
        event = event_of(pieces, seconds(length), rng)
        assert length - 0.3 <= len(event) / SAMPLE_RATE <= length
        quiet = "".join("0" if x == 0 else "1" for x in event[::441]).split("1")
        assert max(map(len, quiet)) < 15  # pauses of a joined event stay below 150 ms


def test_reverberation_keeps_the_onset_and_decays():
    rng = np.random.default_rng(4)
    room = impulse_response((0.4, 0.4), (6.0, 6.0), rng)
    assert room[0] == 1.0
    tail = room[1:]
    assert 10 * np.log10(1 / np.sum(tail**2)) == pytest.approx(6.0, abs=0.1)
    energy = np.cumsum(tail[::-1] ** 2)[::-1]
    decay = 10 * np.log10(energy / energy[0])
    first = seconds(0.02)
    assert decay[first + seconds(0.2)] - decay[first] == pytest.approx(-30, abs=4)
    click = np.zeros(LENGTH, np.float32)
    click[1000] = 1.0
    wet = convolved(click, room)
    assert np.abs(wet[:1000]).max() < 1e-5
    expected = scipy.signal.oaconvolve(click, room)[:LENGTH]
    assert np.allclose(wet, expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["room", "ventilation", "street", "hiss", "hall"])
def test_backgrounds_have_unit_level(kind):
    noise = background(kind, np.random.default_rng(5))
    assert noise.dtype == np.float32
    assert len(noise) == LENGTH
    assert np.sqrt(np.mean(noise.astype(float) ** 2)) == pytest.approx(1.0, abs=1e-3)


def test_event_level_is_set_from_active_rms(demo, bank):
    """A dry clip minus the same clip without its event leaves the event at the drawn level."""
    scenes = soundscapes_of(demo)
    labels = {item.follows: label for label, item in scenes.classes.items()}
    loud = scenes.splits["strong"].model_copy(
        update={"event_to_background_db": (35.0, 35.0), "background_db": (-50.0, -50.0)}
    )
    for index in range(40):
        clip = render_clip(
            bank, loud, ClipSeed(1, "strong", index), labels=labels, filename="x.wav"
        )
        if len(clip.events) == 1 and clip.events[0].onset > 1:
            break
    samples = clip.samples / 32768
    (event,) = clip.events
    sound = samples[seconds(event.onset) : seconds(event.offset)]
    before = samples[: seconds(event.onset) - 441]
    ratio = 20 * np.log10(active_rms(sound) / np.sqrt(np.mean(before**2)))
    assert ratio == pytest.approx(35, abs=1)


# --- datasets -----------------------------------------------------------------------------------


def hashes(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_equal_seeds_give_equal_bytes_with_any_number_of_processes(demo, tmp_path):
    made, records = {}, {}
    for name, processes, seed in (("one", 1, 3), ("two", 2, 3), ("other", 1, 4)):
        root = tmp_path / name
        render = functools.partial(render_split, demo, root, seed=seed, processes=processes)
        records[name] = [render("development", scale=0.008), render("strong", scale=0.002)]
        made[name] = hashes(root)
    assert (
        len(made["one"]) == 9 + 4 + 2 + 2 + 2 + 2
    )  # clips, annotations, recipes, two kinds of hashes
    assert made["one"] == made["two"]
    assert records["one"] == records["two"]
    wavs = [name for name in made["one"] if name.endswith(".wav")]
    assert all(made["one"][name] != made["other"][name] for name in wavs)
    sound = soundfile.info(tmp_path / "one" / wavs[0])
    assert (sound.samplerate, sound.channels, sound.frames) == (44100, 1, 441000)
    assert sound.subtype == "PCM_16"


def test_a_smaller_scale_is_a_part_of_a_larger_one(demo, tmp_path):
    for scale in (0.004, 0.008):
        root = tmp_path / str(scale)
        render_split(demo, root, "evaluation", scale=scale, seed=3, report=lambda _: None)
    small, large = hashes(tmp_path / "0.004"), hashes(tmp_path / "0.008")
    wavs = [name for name in small if name.endswith(".wav")]
    assert len(wavs) == 3
    assert all(large[name] == small[name] for name in wavs)


def test_acquire_writes_the_desed_layout(demo, tmp_path):
    runner, record = CliRunner(), tmp_path / "record.json"
    arguments = ["acquire", "--dataset", str(ROOT / "config/datasets/demo.yaml")]
    arguments += ["--root", str(tmp_path / "d"), "--scale", "0.0005", "--record", str(record)]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    written = json.loads(record.read_text())["splits"]
    assert {split: item["clips"] for split, item in written.items()} == {
        "weak": 1,
        "unlabeled": 7,
        "strong": 1,
        "development": 1,
        "evaluation": 1,
    }
    for split in ROLES:
        place = demo.splits[split]
        clips = read_clips(tmp_path / "d" / place.annotations)
        assert all((tmp_path / "d" / place.audio / clip).is_file() for clip in clips)
        data = (tmp_path / "d" / place.annotations).read_bytes()
        assert written[split]["annotations_sha256"] == hashlib.sha256(data).hexdigest()
    unlabeled = (tmp_path / "d/metadata/train/unlabel_in_domain.tsv").read_text()
    assert unlabeled.splitlines()[0] == "filename"  # neither events nor tags
    weak = read_tags(tmp_path / "d/metadata/train/weak.tsv", demo.classes)
    assert all(weak.values())
    read_events(tmp_path / "d/metadata/train/synthetic.tsv", demo.classes)
    assert not list((tmp_path / "d").rglob("*.part*"))  # nothing temporary is left


def test_annotations_of_another_origin_are_never_overwritten(demo, tmp_path):
    path = tmp_path / "metadata/eval/public.tsv"
    path.parent.mkdir(parents=True)
    path.write_text("filename\tonset\toffset\tevent_label\nmine.wav\t0\t1\tbark\n")
    with pytest.raises(DatasetError, match=r"public.tsv: contains mine.wav.*another --root"):
        render_split(demo, tmp_path, "evaluation", scale=0.001)
    assert "mine.wav" in path.read_text()


def test_a3_drawn_annotations_that_were_corrected_are_never_overwritten(demo, tmp_path):
    """They may be the only copy of the corrections; as they were written, they are made again."""
    path = tmp_path / demo.splits["evaluation"].annotations
    render = functools.partial(render_split, demo, tmp_path, "evaluation", scale=0.001)
    render(report=lambda _: None)
    before = path.read_bytes()
    render(report=lambda _: None, seed=3)
    render(report=lambda _: None)
    assert path.read_bytes() == before
    corrected = before[:-1] + b" \n"
    path.write_bytes(corrected)
    with pytest.raises(DatasetError, match=r"public.tsv: changed after acquire wrote it; use ano"):
        render(report=lambda _: None)
    assert path.read_bytes() == corrected
    path.rename(tmp_path / "away.tsv")
    render(report=lambda _: None)
    assert path.read_bytes() == before


def test_annotations_are_missing_while_audio_is_half_done(demo, tmp_path, monkeypatch):
    render_split(demo, tmp_path, "evaluation", scale=0.002, seed=1, report=lambda _: None)
    annotations = tmp_path / demo.splits["evaluation"].annotations
    assert annotations.is_file()

    def fail(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("resed.acquire.soundscapes.clip_renderer.render_clip", fail)
    with pytest.raises(KeyboardInterrupt):
        render_split(demo, tmp_path, "evaluation", scale=0.002, seed=2, report=lambda _: None)
    assert not annotations.exists()


def test_no_recording_is_heard_on_two_sides():
    for name in ("demo", "esc10"):
        scenes = soundscapes_of(load_dataset(name, ROOT))
        folds = {split: set(item.folds) for split, item in scenes.splits.items()}
        training = folds["weak"] | folds["unlabeled"] | folds["strong"]
        assert training == {1, 2, 3}
        assert folds["development"] == {4}
        assert folds["evaluation"] == {5}


def test_a_shared_fold_is_refused(demo):
    changed = json.loads(json.dumps(demo.soundscapes))
    changed["splits"]["weak"]["folds"] = [1, 5]
    with pytest.raises(ConfigError, match=r"fold 5 is also used for"):
        soundscapes_of(demo.model_copy(update={"soundscapes": changed}))


def test_an_unknown_level_key_is_refused_with_its_path(demo):
    changed = json.loads(json.dumps(demo.soundscapes))
    changed["splits"]["weak"]["background_dB"] = [1, 5]
    with pytest.raises(ConfigError, match=r"datasets.demo.soundscapes.splits.weak.background_dB"):
        soundscapes_of(demo.model_copy(update={"soundscapes": changed}))


# --- recordings (fetching them: test_sources.py) ------------------------------------------------


def local(root: Path, *arguments: str):
    """`resed acquire` on dcase2019 with existing files only."""
    command = ["acquire", "--dataset", str(ROOT / "config/datasets/dcase2019.yaml")]
    return CliRunner().invoke(app, [*command, "--root", str(root), "--source", "local", *arguments])


def test_recordings_that_are_not_there_are_asked_for(tmp_path):
    message = str(local(tmp_path).exception)
    assert "metadata/train/weak.tsv: no such file; write the weak annotations" in message
    assert "metadata/eval/public.tsv: no such file; write the evaluation annotations" in message
    assert "\n" not in message


def test_recordings_without_audio_are_asked_for(shared, tmp_path):
    (tmp_path / "metadata").symlink_to(shared / "data/dcase2019/metadata")
    result = local(tmp_path, "--split", "evaluation")
    assert "none of the 692 clips" in str(result.exception)
    (tmp_path / "audio/eval/public").mkdir(parents=True)
    clip = read_clips(tmp_path / "metadata/eval/public.tsv")[0]
    soundfile.write(tmp_path / "audio/eval/public" / clip, np.zeros(100), 44100)
    record = tmp_path / "record.json"
    result = local(tmp_path, "--split", "evaluation", "--record", str(record))
    assert result.exit_code == 0, result.exception
    assert json.loads(record.read_text())["clips_present"] == 1


def test_soundscapes_have_no_sources(tmp_path):
    command = ["acquire", "--dataset", str(ROOT / "config/datasets/demo.yaml"), "--root"]
    result = CliRunner().invoke(app, [*command, str(tmp_path), "--source", "zenodo_public"])
    assert "demo is rendered and has no sources; omit them" in str(result.exception)


# --- a folder as soundbank ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def esc10() -> Dataset:
    return load_dataset("esc10", ROOT)


def write_esc50(folder: Path, labels) -> None:
    """A tiny soundbank in the layout of the public repository."""
    (folder / "audio").mkdir(parents=True)
    (folder / "meta").mkdir()
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    rng = np.random.default_rng(6)
    for target, label in enumerate(labels):
        name = f"5-{target}-A-{target}.wav"
        sound = np.zeros(22050 * 2)
        sound[4000:20000] = 0.1 * rng.standard_normal(16000)
        soundfile.write(folder / "audio" / name, sound, 22050)
        rows.append(f"{name},5,{target},{label},True,{target},A")
    (folder / "meta/esc50.csv").write_text("\n".join(rows) + "\n")


def test_the_public_layout_and_names_work(esc10, tmp_path):
    classes = soundscapes_of(esc10).classes
    names = [*(item.also[0] if item.also else label for label, item in classes.items()), "cow"]
    write_esc50(tmp_path, names)
    bank = load_soundbank(esc10, classes, [5], tmp_path)
    assert set(bank.recordings) == set(esc10.classes)
    with pytest.raises(DatasetError, match=r"no usable recording of clock_tick in fold 4"):
        load_soundbank(esc10, classes, [4], tmp_path)


def test_a_missing_soundbank_is_named_with_its_source(esc10, tmp_path):
    classes = soundscapes_of(esc10).classes
    with pytest.raises(DatasetError, match=r"no folder; download it from https://.*soundbank"):
        load_soundbank(esc10, classes, [5], None)
    with pytest.raises(MissingFileError, match=r"neither clips.csv nor meta/esc50.csv"):
        load_soundbank(esc10, classes, [5], tmp_path)


def test_a_damaged_list_is_refused_with_its_line(esc10, tmp_path):
    (tmp_path / "clips.csv").write_text("file,class,fold\na.ogg,rain,five\n")
    with pytest.raises(
        DatasetError, match=r"clips.csv line 2: file, class and an integer fold are"
    ):
        load_soundbank(esc10, soundscapes_of(esc10).classes, [5], tmp_path)


def test_real_recordings_become_soundscapes(esc10, shared):
    """Fold 5 of the ESC-10 recordings: every class is cut, and a clip's sources are of fold 5."""
    scenes = soundscapes_of(esc10)
    bank = load_soundbank(esc10, scenes.classes, [5], shared / "data/esc10")
    assert {label: len(found) for label, found in bank.recordings.items()} == dict.fromkeys(
        esc10.classes, 8
    )
    labels = {item.follows: label for label, item in scenes.classes.items()}
    for index in range(5):
        clip = render_clip(
            bank,
            scenes.splits["evaluation"],
            ClipSeed(1, "evaluation", index),
            labels=labels,
            filename="x.wav",
        )
        assert all(Path(source).name.startswith("5-") for source in clip.sources)
        assert np.abs(clip.samples.astype(int)).max() > 300
