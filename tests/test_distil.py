"""Targets of a next generation: equations, options by their values, refusals, trainings."""

import json

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from systems import BASE
from test_single import SHALLOW, SMALL, WELS
from test_train_loop import CPU, FEATURES, make_tiny, same, weights
from typer.testing import CliRunner

from resed.cli import app
from resed.config.dataset import load_dataset
from resed.config.loading import overlay
from resed.distil.mix import TwoMeans, harden, mean_of_teachers, mix, smooth
from resed.errors import ConfigError, DatasetError, ResedError, StoreError
from resed.formats import checkpoint
from resed.formats.history import read_history
from resed.formats.posteriors import Posteriors
from resed.formats.targets import TargetSet
from resed.settings import SystemSettings
from resed.train.setup import build_trainer

CLASSES = ["cat", "dog"]
STEP = FEATURES.seconds_per_frame
WEAK_TAGS = ["cat", "dog", "cat,dog", "", "cat"]
HALF = 2**-11  # the largest rounding error of float16 between 0.5 and 1


@pytest.fixture
def tiny(tmp_path):
    """The dataset of five clips per split, with different tags."""
    make_tiny(tmp_path)
    rows = [f"weak{number}.wav\t{tags}" for number, tags in enumerate(WEAK_TAGS)]
    (tmp_path / "weak.tsv").write_text("\n".join(["filename\tevent_labels", *rows]) + "\n")
    return tmp_path


def y_of_weak():
    return np.array([[label in tags.split(",") for label in CLASSES] for tags in WEAK_TAGS], float)


def predicted(path, split="weak", *, clips=range(5), random=0, frames=100, **meta):
    """Write random posteriors of some clips, and return them."""
    draw = np.random.default_rng(random)
    tags, all_frames = draw.random((5, 2)), draw.random((5, frames, 2))
    keep = [*clips]
    about = {"dataset": "tiny", "split": split, "seed": 0, "seconds_per_frame": STEP}
    about |= {"manifest_sha256": "0" * 64, "checkpoint_sha256": f"{random:064x}"} | meta
    names, tags = [f"{split}{number}.wav" for number in keep], tags[keep].astype(np.float32)
    found = Posteriors(all_frames[keep].astype(np.float32), tags, tags, names, CLASSES, about)
    found.save(path)
    return found


def distil(root, *options, teachers=("base=base.npz",), out="targets.npz"):
    """Run the command in `root`; return its lines and the targets, or raise its error."""
    words = ["distil", "--dataset", str(root / "tiny.yaml"), "--root", str(root)]
    for teacher in teachers:
        name, _, file = teacher.partition("=")
        words += ["--teacher", f"{name}={root / file}"]
    result = CliRunner().invoke(app, [*words, "--out", str(root / out), *options])
    if isinstance(result.exception, ResedError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output, TargetSet.load(root / out)


# ---- equations ------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0, 0.05, 0.3, 1])
def test_targets_are_equation_2(share):
    draw = np.random.default_rng(1)
    labels, posteriors = draw.integers(0, 2, (50, 7)), draw.random((50, 7))
    expected = share * labels + (1 - share) * posteriors
    np.testing.assert_allclose(mix(labels, posteriors, share), expected, atol=1e-6)


def test_several_teachers_count_by_their_shares():
    one, two = np.random.default_rng(2).random((2, 6, 3))
    np.testing.assert_allclose(
        mean_of_teachers([one, two], [0.2, 0.6]), (0.2 * one + 0.6 * two) / 0.8, atol=1e-6
    )
    np.testing.assert_allclose(mean_of_teachers([one, two], [0, 0]), (one + two) / 2, atol=1e-6)


def mirrored(row, size):
    return np.pad(row, size, mode="symmetric")


@pytest.mark.parametrize("window", [3, 5, 9])
def test_the_median_is_that_of_a_window_of_mirrored_frames(window):
    frames, half = np.random.default_rng(3).random((2, 30, 3)).astype(np.float32), window // 2
    expected = np.empty_like(frames)
    for clip, frame, label in np.ndindex(frames.shape):
        row = mirrored(frames[clip, :, label], half)
        expected[clip, frame, label] = np.median(row[frame : frame + window])
    assert np.array_equal(smooth(frames, window, 0), expected)


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_the_gaussian_is_a_convolution_with_its_density(sigma):
    frames, half = np.random.default_rng(4).random((2, 40, 3)), round(4 * sigma)
    density = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    density /= density.sum()
    expected = [
        [np.convolve(mirrored(row, half), density, "valid") for row in clip.T] for clip in frames
    ]
    found = smooth(frames, 0, sigma)
    np.testing.assert_allclose(found, np.swapaxes(expected, 1, 2), atol=1e-9)
    both = smooth(smooth(frames, 5, 0), 0, sigma)
    assert np.array_equal(smooth(frames, 5, sigma), both) and not np.allclose(both, found)


def test_thresholds_are_per_class_and_include_their_value():
    posteriors = np.array([[0.4, 0.4], [0.5, 0.6]], np.float32)
    assert harden(posteriors, [0.5, 0.4]).tolist() == [[0, 1], [1, 1]]


def test_smoothed_labels_have_the_two_means_of_the_posteriors():
    draw = np.random.default_rng(5)
    labels, posteriors = draw.integers(0, 2, (20, 4)), draw.random((20, 4))
    means = TwoMeans()
    means.add(labels[:7], posteriors[:7])
    means.add(labels[7:], posteriors[7:])
    smoothed = means.smoothed(labels)
    for value in (0, 1):
        there = labels == value
        assert np.unique(smoothed[there]) == pytest.approx(posteriors[there].mean(), abs=1e-6)
    assert means.distance == pytest.approx(np.abs(posteriors - labels).mean())
    only = TwoMeans()
    only.add(np.zeros(3), np.full(3, 0.25))
    assert only.mean(1) is None and only.smoothed(np.array([0, 1])).tolist() == [0.25, 1]


# ---- the command ----------------------------------------------------------------------------


def test_tags_of_labels_and_one_teacher(tiny):
    base = predicted(tiny / "base.npz")
    printed, found = distil(tiny, "--labels", "0.3")
    y = y_of_weak()
    np.testing.assert_allclose(found.tags, 0.3 * y + 0.7 * base.tags, atol=HALF)
    assert found.clips == base.clips and found.classes == CLASSES and found.frames is None
    precision = np.mean([average_precision_score(y[:, n], base.tags[:, n]) for n in range(2)])
    expected = {
        "map": precision,
        "difference": np.abs(base.tags - y).mean(),
        "positives": base.tags[y == 1].mean(),
        "negatives": base.tags[y == 0].mean(),
    }
    assert found.meta["agreement"] == pytest.approx(expected, abs=1e-6)
    assert f"mAP {100 * precision:.1f} %" in printed
    assert f"{expected['positives']:.3f} of positives" in printed
    assert "5 clips, 2 classes, no frames" in printed
    teacher = {"share": 0.7, "seed": 0, "checkpoints": ["0" * 64]}
    assert found.meta["teachers"] == {"base": teacher} and found.meta["labels"] == 0.3
    assert found.meta["made_by"]["stage"] == "distil"


def test_equal_inputs_give_equal_bytes(tiny):
    predicted(tiny / "base.npz")
    for name in ("one.npz", "two.npz"):
        distil(tiny, "--frames", "posteriors", "--median", "5", out=name)
    assert (tiny / "one.npz").read_bytes() == (tiny / "two.npz").read_bytes()


def test_several_teachers_and_labels(tiny):
    one, two = predicted(tiny / "base.npz"), predicted(tiny / "other.npz", random=1)
    _, found = distil(
        tiny, "--share", "a=0.25", "--share", "b=0.5", "--labels", "0.25",
        teachers=("a=base.npz", "b=other.npz"),
    )  # fmt: skip
    expected = 0.25 * y_of_weak() + 0.25 * one.tags + 0.5 * two.tags
    np.testing.assert_allclose(found.tags, expected, atol=HALF)
    assert {name: one["share"] for name, one in found.meta["teachers"].items()} == {
        "a": 0.25,
        "b": 0.5,
    }


def test_a_teacher_of_several_trainings_predicts_each_clip_once(tiny):
    """Out-of-fold files in any order give the targets of one file with all their rows."""
    whole = predicted(tiny / "base.npz")
    predicted(tiny / "b.npz", clips=[1, 3])
    predicted(tiny / "a.npz", clips=[4, 0, 2], checkpoint_sha256="a" * 64)
    options = ("--frames", "posteriors", "--gate", "own")
    _, one = distil(tiny, *options)
    _, several = distil(tiny, *options, teachers=("k=b.npz", "k=a.npz"))
    assert several.clips == one.clips == whole.clips
    assert np.array_equal(several.tags, one.tags) and np.array_equal(several.frames, one.frames)
    assert several.meta["teachers"]["k"]["checkpoints"] == ["0" * 64, "a" * 64]


def test_frames_of_teachers_are_gated_and_smoothed(tiny):
    base = predicted(tiny / "base.npz")
    _, raw = distil(tiny, "--frames", "posteriors")
    np.testing.assert_allclose(raw.frames, base.frames, atol=HALF)
    _, gated = distil(tiny, "--frames", "posteriors", "--gate", "labels")
    np.testing.assert_allclose(gated.frames, base.frames * y_of_weak()[:, None], atol=HALF)
    np.testing.assert_allclose(gated.tags, base.tags * y_of_weak(), atol=HALF)
    _, own = distil(tiny, "--frames", "posteriors", "--gate", "own")
    mask = base.tags >= 0.5
    np.testing.assert_allclose(own.frames, base.frames * mask[:, None], atol=HALF)
    np.testing.assert_allclose(own.tags, base.tags * mask, atol=HALF)
    _, smoothed = distil(tiny, "--frames", "posteriors", "--median", "9", "--gaussian", "2")
    np.testing.assert_allclose(smoothed.frames, smooth(base.frames, 9, 2), atol=HALF)
    assert (smoothed.meta["median"], smoothed.meta["gaussian"]) == (9, 2)


def test_hard_tags_are_repeated_to_all_frames(tiny):
    base = predicted(tiny / "base.npz")
    _, found = distil(tiny, "--hard", "cat=0.4", "--hard", "dog=0.7", "--frames", "tags")
    expected = base.tags >= [0.4, 0.7]
    assert np.array_equal(found.tags, expected)
    assert np.array_equal(found.frames, np.repeat(expected[:, None], 100, axis=1))
    assert found.meta["hard"] == {"cat": 0.4, "dog": 0.7}
    _, one = distil(tiny, "--hard", "0.5", "--frames", "posteriors")
    assert np.array_equal(one.frames, base.frames >= 0.5)


def test_strong_labels_are_mixed_with_frames(tiny, monkeypatch):
    """One event of a dog from 0.2 to 1 s per clip; the work in parts changes nothing."""
    base = predicted(tiny / "base.npz", "strong")
    y = np.zeros((5, 100, 2))
    y[:, round(0.2 / STEP) : round(1 / STEP), 1] = 1
    options = ("--labels", "0.3", "--frames", "posteriors")
    _, found = distil(tiny, *options)
    np.testing.assert_allclose(found.frames, 0.3 * y + 0.7 * base.frames, atol=HALF)
    np.testing.assert_allclose(found.tags, 0.3 * y.max(1) + 0.7 * base.tags, atol=HALF)
    monkeypatch.setattr("resed.distil.generation.VALUES", 400)  # two clips
    _, parts = distil(tiny, *options)
    assert np.array_equal(parts.frames, found.frames)
    _, control = distil(tiny, *options, "--labels-smoothed")
    means = [base.frames[y == value].mean() for value in (0, 1)]
    expected = 0.3 * y + 0.7 * np.where(y == 1, means[1], means[0])
    np.testing.assert_allclose(control.frames, expected, atol=HALF)


def test_events_within_a_frame_vanish_if_they_are_rounded_down(tiny):
    rows = [f"strong{n}.wav\t{0.25 * STEP}\t{0.75 * STEP}\tdog" for n in range(5)]
    text = "\n".join(["filename\tonset\toffset\tevent_label", *rows]) + "\n"
    (tiny / "strong.tsv").write_text(text)
    predicted(tiny / "base.npz", "strong")
    options = ("--labels", "1", "--frames", "posteriors", "--rounding")
    active = {how: distil(tiny, *options, how)[1].frames.sum() for how in ("nearest", "down")}
    assert active == {"nearest": 5, "down": 0}


def test_smoothed_labels_as_a_control(tiny):
    base = predicted(tiny / "base.npz")
    _, found = distil(tiny, "--labels", "0.3", "--labels-smoothed")
    y = y_of_weak()
    means = [base.tags[y == value].mean() for value in (0, 1)]
    expected = 0.3 * y + 0.7 * np.where(y == 1, means[1], means[0])
    np.testing.assert_allclose(found.tags, expected, atol=HALF)


def test_clips_without_labels_have_posteriors_alone(tiny):
    base = predicted(tiny / "base.npz", "unlabeled")
    printed, found = distil(tiny)
    np.testing.assert_allclose(found.tags, base.tags, atol=HALF)
    assert set(found.meta["agreement"].values()) == {None}
    assert "unlabeled has no labels to compare with" in printed


# ---- refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--share", "base=0.6", "--labels", "0.3"], r"shares of labels \(0.3\) .* sum to 0.9"),
        (["--share", "base=nan"], "sum to nan"),
        (["--share", "base=1.5"], "sum to 1.5"),
        (["--share", "other=1"], "--share: names other, but the teachers are base"),
        (["--median", "9"], "--median: filters frames of posteriors"),
        (["--gaussian", "2"], "--gaussian: filters frames of posteriors"),
        (["--frames", "posteriors", "--median", "4"], "options.median: must be odd"),
        (["--frames", "posteriors", "--labels", "0.5"], "--labels: requires strong labels"),
        (["--frames", "posteriors", "--labels-smoothed"], "--labels-smoothed: requires strong"),
        (["--hard", "cat=0.5"], "--hard: must have a threshold for each class .*: dog"),
        (["--hard", "2"], "options.hard.cat"),
    ],
)
def test_options_that_do_not_fit_are_refused(tiny, options, problem):
    predicted(tiny / "base.npz")
    with pytest.raises(ConfigError, match=problem) as error:
        distil(tiny, *options)
    assert "\n" not in str(error.value) and not (tiny / "targets.npz").exists()


@pytest.mark.parametrize(
    "options", [["--labels", "0.3"], ["--gate", "labels"], ["--labels-smoothed"]]
)
def test_labels_that_a_split_lacks_are_refused(tiny, options):
    predicted(tiny / "base.npz", "unlabeled")
    with pytest.raises(ConfigError, match=f"{options[0]}: requires labels, but the split has none"):
        distil(tiny, *options)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"seed": 1}, "its seed is 1, but that of .* is 0"),
        ({"manifest_sha256": "1" * 64}, "its manifest_sha256 is 1111"),
        ({"dataset": "demo"}, "its dataset is demo"),
        ({"clips": [0, 1, 2, 3]}, "teacher b has no posteriors of weak4.wav, which a has"),
        ({"frames": 50}, "has 50 frames of .* has 100"),
    ],
)
def test_teachers_that_do_not_fit_each_other_are_refused(tiny, change, problem):
    predicted(tiny / "base.npz")
    predicted(tiny / "other.npz", random=1, **change)
    with pytest.raises(StoreError, match=problem):
        distil(
            tiny, "--share", "a=0.5", "--share", "b=0.5", "--frames", "posteriors",
            teachers=("a=base.npz", "b=other.npz"),
        )  # fmt: skip


def test_posteriors_that_do_not_fit_the_dataset_are_refused(tiny):
    predicted(tiny / "base.npz", "weak", dataset="demo")
    with pytest.raises(StoreError, match="made for the dataset demo, not tiny"):
        distil(tiny)
    found = predicted(tiny / "base.npz")
    Posteriors(**{**vars(found), "classes": ["dog", "cat"]}).save(tiny / "base.npz")
    with pytest.raises(StoreError, match="its classes are not those of the dataset tiny"):
        distil(tiny)
    predicted(tiny / "base.npz")
    (tiny / "weak.tsv").write_text("filename\tevent_labels\nweak0.wav\tcat\n")
    with pytest.raises(DatasetError, match=r"no row for clip weak1\.wav of the posteriors"):
        distil(tiny)


def test_clips_that_two_trainings_of_a_teacher_predicted_are_refused(tiny):
    predicted(tiny / "a.npz", clips=[0, 1, 2])
    predicted(tiny / "b.npz", clips=[2, 3, 4])
    with pytest.raises(StoreError, match=r"has weak2\.wav, which .*a\.npz has, too"):
        distil(tiny, teachers=("k=a.npz", "k=b.npz"))


@pytest.mark.parametrize(
    "options",
    [
        ["--share", "base=x"], ["--share", "base"], ["--share", "base=1", "--share", "base=1"],
        ["--hard", "x"], ["--hard", "cat=1", "--hard", "cat=1"], ["--hard", "0.5", "--hard", "1"],
        ["--labels", "2"], ["--gate", "tags"],
    ],
)  # fmt: skip
def test_wrong_usage_has_exit_code_2(tiny, options):
    predicted(tiny / "base.npz")
    words = ["distil", "--dataset", str(tiny / "tiny.yaml"), "--root", str(tiny), "--teacher"]
    words += [f"base={tiny / 'base.npz'}", "--out", str(tiny / "t.npz"), *options]
    assert CliRunner().invoke(app, words).exit_code == 2


# ---- the file -------------------------------------------------------------------------------


def test_a_file_of_targets_is_read_as_it_was_written_and_frames_stay_on_disk(tiny):
    predicted(tiny / "base.npz")
    _, found = distil(tiny, "--frames", "posteriors")
    assert isinstance(found.frames, np.memmap) and not found.frames.flags.writeable
    assert found.frames.dtype == found.tags.dtype == np.float16
    found.save(tiny / "again.npz")
    assert (tiny / "again.npz").read_bytes() == (tiny / "targets.npz").read_bytes()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"labels": 0.5}, "the shares of labels and teachers must sum to 1"),
        ({"teachers": {}}, "must have at least one name"),
        ({"frames": "posteriors"}, "frames do not fit meta.frames"),
        ({"hard": {"cat": 0.5}}, "meta.hard must have a threshold for each class"),
        ({"seconds_per_frame": 0}, "meta.seconds_per_frame must be"),
        ({"gate": "x"}, "meta.gate must be one of none, labels, own"),
        ({"other": 1}, "unknown key 'other' in meta"),
    ],
)
def test_a_file_of_targets_is_checked_whole(tiny, change, problem):
    predicted(tiny / "base.npz")
    _, found = distil(tiny)
    arrays = {name: getattr(found, name) for name in ("tags", "clips", "classes")}
    with pytest.raises(StoreError, match=problem):
        TargetSet(**arrays, meta={**found.meta, **change}).save(tiny / "x.npz")
    np.savez(tiny / "x.npz", **arrays, meta=json.dumps({**found.meta, **change}))
    with pytest.raises(StoreError, match=f"{problem}.*; delete it and run resed distil again"):
        TargetSet.load(tiny / "x.npz")


def test_other_arrays_are_refused(tiny):
    predicted(tiny / "base.npz")
    with pytest.raises(StoreError, match="not a file of targets"):
        TargetSet.load(tiny / "base.npz")
    _, found = distil(tiny)
    for wrong in (found.tags * np.float16("nan"), found.tags - np.float16(1), found.tags[:2]):
        with pytest.raises(StoreError):
            TargetSet(wrong, found.clips, CLASSES, found.meta).save(tiny / "x.npz")


# ---- trainings ------------------------------------------------------------------------------


def trainer(root, folder, targets, changes=None, seed=0, **model):
    torch.set_num_threads(1)
    values = overlay(BASE, {"model": {"framework": "single", "width": 0.05, **model}})
    values = overlay(overlay(values, SMALL), changes or {})
    return build_trainer(
        load_dataset(root / "tiny.yaml"), root, system="student", seed=seed,
        settings=SystemSettings.model_validate(values).model_dump(mode="json"),
        stores={role: root / f"{role}.store" for role in
                ("weak", "strong", "unlabeled", "development")},
        folder=folder, device=CPU, targets=targets,
    )  # fmt: skip


FRAMED = {
    "objective": {"single": {"tags": 1.0, "frames": 1.0}},
    "schedule": {"batch": {"weak": 2, "strong": 2, "unlabeled": 1}},
}


def test_a_training_on_soft_targets_of_all_roles_resumes_with_the_same_bytes(tiny):
    targets = {}
    for role in ("weak", "strong", "unlabeled"):
        predicted(tiny / "base.npz", role)
        distil(tiny, "--frames", "posteriors", "--median", "5", out=f"t_{role}.npz")
        targets[role] = tiny / f"t_{role}.npz"
    whole = trainer(tiny, tiny / "whole", targets, FRAMED, frame_crnn=SHALLOW).train()
    part = trainer(tiny, tiny / "part", targets, FRAMED, frame_crnn=SHALLOW)
    save, calls = part._select, []

    def stop_after_one():
        save()
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    part._select = stop_after_one
    with pytest.raises(KeyboardInterrupt):
        part.train()
    resumed = trainer(tiny, tiny / "part", targets, FRAMED, frame_crnn=SHALLOW).train()
    assert resumed.read_bytes() == whole.read_bytes()
    identity = checkpoint.load_finished(whole)["identity"]
    assert identity["data"]["targets"].keys() == targets.keys()


def test_labels_as_targets_train_as_labels_do(tiny):
    """alpha 1: equal weights; the identity alone names the targets, and only if there are any."""
    targets = {}
    for role in ("weak", "strong"):
        predicted(tiny / "base.npz", role)
        distil(tiny, "--labels", "1", out=f"t_{role}.npz")
        targets[role] = tiny / f"t_{role}.npz"
    held = {"schedule": {"held_out": 0.2, "selection": "held_out"}}
    one = trainer(tiny, tiny / "labels", {}, held, frame_crnn=SHALLOW).train()
    two = trainer(tiny, tiny / "targets", targets, held, frame_crnn=SHALLOW).train()
    assert same(weights(one), weights(two))
    first, second = (checkpoint.load_finished(path)["identity"] for path in (one, two))
    assert "targets" not in first["data"]
    del second["data"]["targets"]
    assert first == second
    for column in ("loss", "held_out.tags_f1", "held_out_weak.tags_map"):
        rows = [read_history(path.parent / "history.csv")[column] for path in (one, two)]
        assert rows[0] == rows[1] and len(rows[0]) == 3
    distil(tiny, "--labels", "0.3", out="soft.npz")
    soft = {"strong": tiny / "soft.npz"}
    three = trainer(tiny, tiny / "soft", soft, held, frame_crnn=SHALLOW).train()
    assert not same(weights(one), weights(three))


def test_targets_are_found_by_clip_and_cut_by_batch(tiny):
    """Held-out clips keep their labels; the targets of the others are those of their names."""
    base = predicted(tiny / "base.npz")
    distil(tiny, out="t.npz")
    held = {"schedule": {"held_out": 0.4, "selection": "held_out"}}
    made = trainer(tiny, tiny / "run", {"weak": tiny / "t.npz"}, held, wels=WELS)
    stratum, aside = made.batches.strata["weak"], made.evaluated["held_out_weak"]
    assert len(stratum) == 3 and len(aside) == 2
    rows = [base.clips.index(clip) for clip in stratum.clips]
    np.testing.assert_allclose(stratum.tags.float().numpy(), base.tags[rows], atol=HALF)
    assert set(aside.tags.unique().tolist()) <= {0, 1}
    _, targets = made.batches(0)
    assert len({*targets.tags[:2].flatten().tolist()} - {0, 1}) == 4  # of two weak clips
    assert stratum.frames is None


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        ({"split": "strong"}, "its split is strong, but that of the training is weak"),
        ({"manifest_sha256": "1" * 64}, "its manifest_sha256 is 1111"),
        ({"clips": [0, 1, 2]}, r"has no targets of weak3\.wav, weak4\.wav"),
        ({"frames": 50}, "has 50 frames of .* the system has 100"),
    ],
)
def test_targets_that_do_not_fit_a_training_are_refused(tiny, make, problem):
    predicted(tiny / "base.npz", **make)
    distil(tiny, "--frames", "posteriors", out="t.npz")
    with pytest.raises(StoreError, match=problem):
        trainer(tiny, tiny / "run", {"weak": tiny / "t.npz"}, frame_crnn=SHALLOW)


def test_trainings_without_use_for_targets_refuse_them(tiny):
    predicted(tiny / "base.npz")
    distil(tiny, out="t.npz")
    targets = {"weak": tiny / "t.npz"}
    with pytest.raises(ConfigError, match="framework joint trains on labels only; leave it out"):
        trainer(tiny, tiny / "run", targets, framework="joint")
    with pytest.raises(ConfigError, match="--targets unlabeled: the system is not trained on"):
        trainer(tiny, tiny / "run", {"unlabeled": tiny / "t.npz"}, wels=WELS)
    frames = {"objective": {"single": {"frames": 1.0}}}
    with pytest.raises(ConfigError, match="the weak clips have no frames"):
        trainer(tiny, tiny / "run", targets, frames, frame_crnn=SHALLOW)
    words = ["train", "--dataset", str(tiny / "tiny.yaml"), "--root", str(tiny), "--system", "x"]
    words += ["--settings", "{}", "--changed", "--development", str(tiny / "development.store")]
    done = CliRunner().invoke(app, [*words, "--out", str(tiny / "o"), "--targets", "t.npz"])
    assert done.exit_code == 2 and "use SPLIT=FILE" in done.output
