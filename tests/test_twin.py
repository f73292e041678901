"""The twin: real names, events, times and tags; and clips that are rendered when read."""

import hashlib
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from five_roles import ROLES
from typer.testing import CliRunner

from resed.acquire import clip_reader as reader
from resed.acquire.clip_reader import FileReader, RecipeReader, clip_reader
from resed.acquire.soundscapes import demo_sounds, recipe
from resed.acquire.soundscapes.clip_renderer import ClipRenderer
from resed.acquire.soundscapes.given_annotations import (
    given_contents,
    rows_of,
    subset,
)
from resed.acquire.soundscapes.inputs import find_annotations
from resed.acquire.soundscapes.isolation import event_of
from resed.acquire.soundscapes.mixing import drawn_sounds, render_clip
from resed.acquire.soundscapes.recipe import Recipe, drawn_contents, read_recipe, recipe_path
from resed.acquire.soundscapes.render_split import render_split
from resed.acquire.soundscapes.scenes import ClipSeed
from resed.acquire.soundscapes.settings import soundscapes_of
from resed.acquire.soundscapes.signals import SAMPLE_RATE, envelope, seconds
from resed.acquire.soundscapes.soundbank import load_soundbank
from resed.cli import app
from resed.config.dataset import load_dataset
from resed.errors import AnnotationError, ConfigError, DatasetError
from resed.extract.stores import extract
from resed.formats.annotations import read_clips, read_events, read_tags
from resed.formats.manifest import ManifestRow, write_manifest
from resed.runtime.files import sha256
from resed.settings import FeatureSettings

ROOT = Path(__file__).resolve().parents[1]
OFFICIAL = {
    "weak": 1578,
    "unlabeled": 14412,
    "strong": 2045,
    "development": 1168,
    "evaluation": 692,
}
STRONG = "filename\tonset\toffset\tevent_label\n"


@pytest.fixture(scope="module", autouse=True)
def few_recordings():
    """One generated recording a class and fold is enough for tests."""
    before, demo_sounds.PER_FOLD = demo_sounds.PER_FOLD, 1
    yield
    demo_sounds.PER_FOLD = before
    recipe._bank.cache_clear()
    reader._renderer.cache_clear()


@pytest.fixture(scope="module")
def twin():
    return load_dataset("dcase2019_twin", ROOT)


@pytest.fixture(scope="module")
def demo():
    return load_dataset("demo", ROOT)


@pytest.fixture(scope="module")
def real(shared) -> Path:
    """The real annotations."""
    return shared / "data/dcase2019/metadata"


@pytest.fixture
def made(tmp_path) -> Path:
    """Annotations of a few clips: two events that overlap, one past the end, a clip without any."""
    folder = tmp_path / "given"
    for part in ("train", "validation", "eval"):
        (folder / part).mkdir(parents=True)
    rows = [
        "a.wav\t0.5\t2.0\tDog",
        "a.wav\t1.5\t3.0\tDog",
        "a.wav\t9.0\t11.0\tSpeech",
        "b.wav\t\t\t",
        "-c d.wav\t0.0\t10.0\tFrying",
        "e.wav\t2.0\t2.25\tCat",
        "e.wav\t9.9999\t10.3\tCat",
    ]
    for name in ("train/synthetic.tsv", "validation/validation.tsv", "eval/public.tsv"):
        (folder / name).write_text(STRONG + "\n".join(rows) + "\n")
    (folder / "train/weak.tsv").write_text("filename\tevent_labels\nw1.wav\tDog,Cat\nw2.wav\t\n")
    (folder / "train/unlabel_in_domain.tsv").write_text("filename\nu1.wav\nu2.wav\nu3.wav\n")
    return folder


def make(dataset, root, split, **settings):
    return render_split(dataset, root, split, report=lambda _: None, **settings)


def hashes(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


# --- against the real annotations ---------------------------------------------------------------


def test_annotations_are_those_of_the_real_task_byte_for_byte(twin, real, tmp_path):
    for split, clips in OFFICIAL.items():
        record = make(twin, tmp_path, split, annotations=real, keep_audio=False)
        annotations = Path(twin.splits[split].annotations)
        written = tmp_path / annotations
        assert written.read_bytes() == (real / annotations.relative_to("metadata")).read_bytes()
        assert record["clips"] == twin.splits[split].clips == clips == len(read_clips(written))
        assert record["annotations_sha256"] == sha256(written)
    assert not list(tmp_path.rglob("*.wav"))


def test_every_clip_draws_numbers_of_its_own(twin, real):
    for split in ROLES:
        path = find_annotations(twin, soundscapes_of(twin), split, real)
        numbers = [scene.number for scene in given_contents(twin, split, path).values()]
        assert len(set(numbers)) == OFFICIAL[split]


def test_the_twin_lies_where_the_real_task_lies(twin):
    other = load_dataset("dcase2019", ROOT)
    assert twin.classes == other.classes
    assert twin.splits == other.splits
    assert all(version in other.published for version in twin.published)


@pytest.mark.parametrize("split", ["strong", "development", "evaluation"])
def test_sounds_are_heard_at_the_real_times(twin, real, split):
    """In clips whose background is next to nothing: where it sounds, and only there.

    Measured from the samples: blocks of 10 ms within 60 dB of the loudest. An onset is met to 20 ms
    (a sound fades in), an offset to 120 ms (a pause between joined sounds, or one that dies away).
    """
    soundscapes = soundscapes_of(twin)
    quiet = soundscapes.splits[split].model_copy(
        update={"background_db": (-90.0, -90.0), "event_to_background_db": (70.0, 70.0)}
    )
    quiet = quiet.model_copy(update={"reverberation_s": None})
    bank = load_soundbank(twin, soundscapes.classes, quiet.folds)
    path = find_annotations(twin, soundscapes, split, real)
    scenes, events = given_contents(twin, split, path), read_events(path, twin.classes)
    changed = soundscapes.model_copy(update={"splits": {**soundscapes.splits, split: quiet}})
    job = ClipRenderer(bank, changed, split, 1, scenes)
    late = []
    for name in list(scenes)[:: len(scenes) // 40]:
        level = 10 * np.log10(envelope(job.render(name).samples / 32768.0) + 1e-12)
        heard = level > level.max() - 60
        wanted = np.zeros(1000, bool)
        for event in events[name]:
            wanted[round(event.onset * 100) : round(min(event.offset, 10) * 100)] = True
            if event.offset - event.onset < 9.5:
                late.append(np.argmax(heard[round(event.onset * 100) :]))
        around = np.convolve(wanted, np.ones(5), "same") > 0
        if events[name]:
            assert not (heard & ~around).any(), name
        missing = "".join("01"[int(x)] for x in wanted & ~heard).split("0")
        assert max(map(len, missing)) <= 25, name
    assert np.quantile(late, 0.9) <= 2


def test_weak_clips_hold_exactly_their_tags(twin, real):
    soundscapes = soundscapes_of(twin)
    labels = {item.follows: label for label, item in soundscapes.classes.items()}
    path = real / "train/weak.tsv"
    scenes = given_contents(twin, "weak", path)
    for name, tags in read_tags(path).items():
        scene = scenes[name]
        sounds = drawn_sounds(
            soundscapes.splits["weak"], ClipSeed(1, "weak", scene.number), labels, scene.tags
        )
        assert {label for label, *_ in sounds} == set(tags)
        assert all(0 <= onset < offset <= 10 for _, onset, offset in sounds)


def test_unlabeled_clips_resemble_the_weak_ones(twin, real):
    soundscapes = soundscapes_of(twin)
    labels = {item.follows: label for label, item in soundscapes.classes.items()}
    scenes = given_contents(twin, "unlabeled", real / "train/unlabel_in_domain.tsv")
    weak = read_tags(real / "train/weak.tsv")
    wanted = Counter(label for tags in weak.values() for label in tags)
    split, found = soundscapes.splits["unlabeled"], Counter()
    some = list(scenes.values())[:2000]
    for scene in some:
        sounds = drawn_sounds(split, ClipSeed(1, "unlabeled", scene.number), labels)
        found.update({label for label, *_ in sounds})
    for label, clips in wanted.items():
        assert found[label] / len(some) == pytest.approx(clips / len(weak), abs=0.03), label


@pytest.mark.parametrize("split", ROLES)
def test_a_smaller_share_keeps_the_balance_of_classes(twin, real, split):
    path = find_annotations(twin, soundscapes_of(twin), split, real)
    scenes = given_contents(twin, split, path)

    def classes(chosen) -> Counter:
        return Counter(
            label
            for scene in chosen.values()
            for label in {label for label, *_ in scene.events or ()}.union(scene.tags or ())
        )

    full, before = classes(scenes), set()
    for share in (0.02, 0.1, 0.35, 0.8):
        part = subset(scenes, round(share * len(scenes)))
        assert len(part) == round(share * len(scenes))
        assert before <= set(part)
        before = set(part)
        for label, clips in classes(part).items():
            assert clips == pytest.approx(share * full[label], abs=0.02 * len(part) + 3), label
        kept = rows_of(path, part)
        lines = set(path.read_bytes().splitlines(keepends=True))
        assert set(kept.splitlines(keepends=True)) <= lines
    assert subset(scenes, len(scenes)) == scenes


# --- clips that are kept, and clips that are not ------------------------------------------------


def test_equal_bytes_with_any_number_of_processes_and_without_files(twin, made, tmp_path):
    kept = {}
    for processes in (1, 2):
        root = tmp_path / str(processes)
        for split in ROLES:
            make(twin, root, split, annotations=made, processes=processes)
        kept[processes] = hashes(root)
    assert kept[1] == kept[2]
    assert len([name for name in kept[1] if name.endswith(".wav")]) == 4 + 4 + 4 + 2 + 3
    for split in ROLES:
        make(twin, tmp_path / "none", split, annotations=made, keep_audio=False)
        read, rendered = (clip_reader(twin, tmp_path / at, split) for at in ("1", "none"))
        assert isinstance(read, FileReader)
        assert isinstance(rendered, RecipeReader)
        for clip in read_clips(tmp_path / "1" / twin.splits[split].annotations):
            assert read(clip).read() == rendered(clip).read() != b""
        assert read("other.wav") is rendered("other.wav") is None
    assert not list((tmp_path / "none").rglob("*.wav"))


def test_the_sound_of_a_clip_does_not_depend_on_the_others(twin, made, tmp_path):
    make(twin, tmp_path / "a", "development", annotations=made)
    path = made / "validation/validation.tsv"
    path.write_text(STRONG + "e.wav\t2.0\t2.25\tCat\n-c d.wav\t0.0\t10.0\tFrying\n")
    make(twin, tmp_path / "b", "development", annotations=made)
    for name in ("audio/validation/-c d.wav",):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_drawn_soundscapes_need_not_be_kept_either(demo, tmp_path):
    for split in ("strong", "weak", "unlabeled"):
        scale = 3.4 / demo.splits[split].clips
        kept = make(demo, tmp_path / "a", split, scale=scale)
        other = make(demo, tmp_path / "b", split, scale=scale, keep_audio=False)
        annotations = demo.splits[split].annotations
        assert sha256(tmp_path / "a" / annotations) == sha256(tmp_path / "b" / annotations)
        assert kept["annotations_sha256"] == other["annotations_sha256"]
        if split == "strong":  # a drawn event may end where its sound does: rendered to know
            assert kept["audio_sha256"] == other["audio_sha256"]
        read, rendered = (clip_reader(demo, tmp_path / at, split) for at in "ab")
        for clip in read_clips(tmp_path / "a" / annotations):
            assert read(clip).read() == rendered(clip).read() != b""


def test_files_of_an_earlier_run_are_not_taken_for_what_the_recipe_renders(twin, made, tmp_path):
    make(twin, tmp_path, "strong", annotations=made, seed=1)
    told = []
    render_split(
        twin,
        tmp_path,
        "strong",
        seed=2,
        annotations=made,
        keep_audio=False,
        report=told.append,
    )
    assert "4 clips, rendered when they are read" in told[0]
    assert "audio/train/synthetic: 4 files of an earlier run, which are not used" in told[1]
    file = tmp_path / "audio/train/synthetic/a.wav"
    rendered = clip_reader(twin, tmp_path, "strong")("a.wav").read()
    assert rendered != file.read_bytes()
    make(twin, tmp_path, "strong", annotations=made, seed=2)
    assert rendered == file.read_bytes()
    file.unlink()
    assert clip_reader(twin, tmp_path, "strong")("a.wav") is None  # missing, not rendered


def test_features_are_the_same_with_and_without_files(twin, made, tmp_path):
    stores = []
    for at, keep in (("a", True), ("b", False)):
        root = tmp_path / at
        make(twin, root, "strong", annotations=made, keep_audio=keep)
        read = clip_reader(twin, root, "strong")
        clips = sorted(read_clips(root / twin.splits["strong"].annotations))
        rows = [
            ManifestRow(
                "strong", c, hashlib.sha256(read(c).read()).hexdigest(), 44100, 1, 10.0, "ok", ""
            )
            for c in clips
        ]
        manifest = tmp_path / "manifest.tsv"
        write_manifest(manifest, rows)
        folder = root / twin.splits["strong"].audio
        out = root / "strong.store"
        extract(manifest, "strong", folder, out, settings=FeatureSettings(), processes=2, read=read)
        stores.append(sha256(out))
    assert stores[0] == stores[1]


def test_the_command_line_makes_the_twin(twin, made, tmp_path):
    arguments = ["acquire", "--dataset", str(ROOT / "config/datasets/dcase2019_twin.yaml")]
    arguments += ["--root", str(tmp_path / "d"), "--annotations", str(made), "--no-keep-audio"]
    arguments += ["--record", str(tmp_path / "record.json")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.exception
    record = json.loads((tmp_path / "record.json").read_text())["splits"]["weak"]
    assert (record["clips"], record["audio"]) == (2, "rendered when read")
    assert read_recipe(tmp_path / "d", "weak").seed == 2019


# --- events to the sample -----------------------------------------------------------------------


def test_given_events_are_filled_to_the_sample():
    rng = np.random.default_rng(3)
    pieces = [np.full(seconds(d), 0.1, np.float32) for d in (0.3, 0.8, 2.0)]
    for length in (*range(seconds(2.01), seconds(3), 1237), seconds(10)):
        event = event_of(pieces, length, rng, whole=True)
        assert len(event) == length
        assert np.abs(event[-seconds(0.1) : -seconds(0.035)]).max() > 0.05  # no pause at its end


def test_what_is_past_the_end_is_cut(twin, made):
    scenes = given_contents(twin, "strong", made / "train/synthetic.tsv")
    assert scenes["a.wav"].events == [("Dog", 0.5, 2.0), ("Dog", 1.5, 3.0), ("Speech", 9.0, 10.0)]
    assert scenes["b.wav"].events == []
    assert scenes["e.wav"].events == [("Cat", 2.0, 2.25)]  # the other is a tenth of a millisecond


def test_the_demo_sounds_as_it_did_before_the_twin(demo):
    """A sample a second of two clips, from the code before it; two steps of 16 bit for the CPU."""
    soundscapes = soundscapes_of(demo)
    labels = {item.follows: label for label, item in soundscapes.classes.items()}
    for (split, index), wanted in BEFORE.items():
        bank = load_soundbank(demo, soundscapes.classes, soundscapes.splits[split].folds)
        seed = ClipSeed(2019, split, index)
        clip = render_clip(bank, soundscapes.splits[split], seed, labels=labels, filename="x.wav")
        assert np.abs(clip.samples[22050::SAMPLE_RATE].astype(int) - wanted).max() <= 2


BEFORE = {
    ("strong", 7): [18, -225, 62, -411, 100, 12, -33, 672, 106, 632],
    ("development", 11): [124, -88, -200, -51, 632, -1019, -122, 510, 162, 40],
}


# --- refusals -----------------------------------------------------------------------------------


def test_annotations_that_are_not_given_are_asked_for(twin, tmp_path):
    with pytest.raises(DatasetError, match=r"no annotations to follow.*--annotations"):
        make(twin, tmp_path, "weak")
    (tmp_path / "other").mkdir()
    with pytest.raises(DatasetError, match=r"other: neither metadata/train/weak.tsv nor train/"):
        make(twin, tmp_path, "weak", annotations=tmp_path / "other")


@pytest.mark.parametrize("layout", ["metadata/train", "dataset/metadata/train", "train", "."])
def test_usual_layouts_are_known(twin, made, tmp_path, layout):
    folder = tmp_path / "x" / layout
    folder.mkdir(parents=True)
    shutil.copy(made / "train/weak.tsv", folder)
    found = find_annotations(twin, soundscapes_of(twin), "weak", tmp_path / "x")
    assert found == folder / "weak.tsv"


def test_malformed_annotations_are_refused_before_anything_is_written(twin, made, tmp_path):
    for row, error, message in (
        ("a.wav\t1\t2\tdog", AnnotationError, "line 2: unknown class 'dog'; did you mean Dog"),
        ("../a.wav\t1\t2\tDog", DatasetError, r"the clip name ../a.wav is a path or hidden"),
        (".a.wav\t1\t2\tDog", DatasetError, r"the clip name .a.wav is a path or hidden"),
    ):
        (made / "eval/public.tsv").write_text(f"{STRONG}{row}\n")
        with pytest.raises(error, match=message):
            make(twin, tmp_path / "d", "evaluation", annotations=made)
    assert not (tmp_path / "d").exists()


def test_annotations_of_another_origin_are_never_overwritten(twin, made, tmp_path):
    make(twin, tmp_path, "evaluation", annotations=made, keep_audio=False)
    make(twin, tmp_path, "evaluation", annotations=made, scale=0.5, keep_audio=False)
    path = tmp_path / twin.splits["evaluation"].annotations
    path.write_text(f"{STRONG}a.wav\t0.5\t3.0\tDog\n")
    with pytest.raises(DatasetError, match=r"public.tsv: changed after acquire wrote it"):
        make(twin, tmp_path, "evaluation", annotations=made)
    assert path.read_text() == f"{STRONG}a.wav\t0.5\t3.0\tDog\n"
    with pytest.raises(DatasetError, match=r"this is the file to follow"):
        make(twin, tmp_path, "evaluation", annotations=tmp_path)
    assert path.is_file()


def test_a_recipe_that_cannot_be_followed_is_refused(twin, made, tmp_path):
    make(twin, tmp_path, "strong", annotations=made, keep_audio=False)
    path = recipe_path(tmp_path, "strong")
    good = path.read_text()
    found = Recipe.model_validate_json(good)
    assert found.renderer(tmp_path).contents.keys() == {"a.wav", "b.wav", "-c d.wav", "e.wav"}
    path.write_text(good.replace(found.soundbank_sha256, "0" * 64))
    with pytest.raises(DatasetError, match=r"the recordings differ from those of .*strong.json"):
        clip_reader(twin, tmp_path, "strong")("a.wav")
    path.write_text(good.replace('"seed"', '"sede": 1, "seed"'))
    with pytest.raises(ConfigError, match=r"strong.json.sede: unknown key; did you mean seed"):
        clip_reader(twin, tmp_path, "strong")
    path.write_text(good)
    annotations = tmp_path / twin.splits["strong"].annotations
    annotations.write_text(f"{STRONG}a.wav\t0.5\t3.0\tDog\n")
    reader._renderer.cache_clear()
    with pytest.raises(DatasetError, match=r"synthetic.tsv: changed after the clips were rendered"):
        clip_reader(twin, tmp_path, "strong")("a.wav")


def test_settings_that_cannot_be_rendered_are_refused(twin, demo):
    changed = json.loads(json.dumps(twin.soundscapes))
    del changed["splits"]["weak"]["events"]
    with pytest.raises(ConfigError, match=r"splits.weak: tags and events are required"):
        soundscapes_of(twin.model_copy(update={"soundscapes": changed}))
    changed = json.loads(json.dumps(demo.soundscapes))
    del changed["splits"]["strong"]["tags"]
    with pytest.raises(ConfigError, match=r"splits.strong: tags and events are required"):
        soundscapes_of(demo.model_copy(update={"soundscapes": changed}))
    with pytest.raises(ConfigError, match=r"clip_seconds: soundscapes last 10 s"):
        soundscapes_of(demo.model_copy(update={"clip_seconds": 5.0}))


def test_drawn_clips_are_numbered():
    assert list(drawn_contents("weak", 2)) == ["weak_00000.wav", "weak_00001.wav"]
