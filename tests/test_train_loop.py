"""Batches, the loop, checkpoints and resuming, on stores small enough for seconds."""

import json
import sys

import numpy as np
import pytest
import torch
from systems import BASE, base

from resed.config.dataset import load_dataset
from resed.config.loading import overlay
from resed.errors import CheckpointError, StoreError
from resed.formats import checkpoint
from resed.formats.annotations import Event, read_events, read_tags
from resed.formats.store import create
from resed.predict.inference import predict_splits
from resed.predict.networks import load_trained
from resed.settings import AugmentSettings, FeatureSettings
from resed.train.augment import augment
from resed.train.batches import Batches, Grid, Stratum, frame_matrix, tag_matrix
from resed.train.evaluate import macro_f1
from resed.train.heads import GuidedTagHead, class_shares, dimension_mask, scaled
from resed.train.model import TeacherStudent, parameter_count
from resed.train.resume import state_of
from resed.train.setup import build_trainer

CPU = torch.device("cpu")
FEATURES = FeatureSettings(frames=100)
SMALL = overlay(
    BASE,
    {
        "model": {"width": 0.05, "recurrent": {"average_frames": 4}},
        "objective": {"distillation": {"tfd": True}, "focal": {"enabled": True}},
        "schedule": {
            "epochs": 3,
            "stage_one": 1,
            "steps_per_epoch": 2,
            "batch": {"weak": 2, "strong": 2, "unlabeled": 2},
            "augment": {"roll": True, "mixup": 0.5, "filter": 0.3, "gain": 0.1, "mel_mask": 8},
        },
    },
)
DATASET = """
name: tiny
title: Tiny
kind: recordings
classes: [cat, dog]
splits:
  weak: {audio: a/w, annotations: weak.tsv, labels: weak, clips: 5}
  unlabeled: {audio: a/u, annotations: unlabeled.tsv, labels: none, clips: 5}
  strong: {audio: a/s, annotations: strong.tsv, labels: strong, clips: 5}
  development: {audio: a/d, annotations: development.tsv, labels: strong, clips: 5}
  evaluation: {audio: a/e, annotations: evaluation.tsv, labels: strong, clips: 5}
"""


def make_tiny(root):
    """A dataset of five clips a split in `root`: annotations and stores, no audio."""
    (root / "tiny.yaml").write_text(DATASET)
    rng = np.random.default_rng(0)
    for role in ("weak", "unlabeled", "strong", "development", "evaluation"):
        clips = [f"{role}{number}.wav" for number in range(5)]
        with create(root / f"{role}.store", clips, FEATURES, role, "0" * 64) as writer:
            for row in range(5):
                writer.write(row, rng.normal(size=(100, 64)).astype(np.float32))
        if role == "unlabeled":
            rows = ["filename", *clips]
        elif role == "weak":
            rows = ["filename\tevent_labels", *(f"{clip}\tcat" for clip in clips)]
        else:
            rows = ["filename\tonset\toffset\tevent_label"]
            rows += [f"{clip}\t0.2\t1.0\tdog" for clip in clips]
        (root / f"{role}.tsv").write_text("\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A dataset of five clips a split: annotations and stores, no audio."""
    root = tmp_path_factory.mktemp("tiny")
    make_tiny(root)
    return root


def trainer(tiny, folder, settings=SMALL, seed=0):
    torch.set_num_threads(1)
    stores = {
        role: tiny / f"{role}.store" for role in ("weak", "unlabeled", "strong", "development")
    }
    dataset = load_dataset(tiny / "tiny.yaml")
    return build_trainer(
        dataset, tiny, system="pts_tfd_afl", settings=settings, seed=seed, stores=stores,
        folder=folder, device=CPU,
    )  # fmt: skip


def weights(path):
    return checkpoint.load(path)["networks"]


def same(ours, theirs):
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


# ---- model ---------------------------------------------------------------------------------


def test_parameter_counts_of_an_independent_implementation():
    """Counts measured on another implementation of the same layers (F of the peers' facts)."""
    full = TeacherStudent(base("model"), 64, 600, 10)
    assert parameter_count(full.student) == 1_550_814
    assert parameter_count(full.teacher) == 1_519_566
    plain = base("model", recurrent={"enabled": False})
    assert parameter_count(TeacherStudent(plain, 64, 600, 10).student) == 966_110
    wide = base("model", teacher={"last_kernel": 3})
    assert parameter_count(TeacherStudent(wide, 64, 600, 10).teacher) == 2_305_998
    assert (full.teacher.cells, full.teacher.dimension) == (6, 512)
    assert (full.student.cells, full.student.dimension) == (600, 160)


@pytest.mark.parametrize("pooling", ["attention_time", "softmax_classes", "mean"])
@pytest.mark.parametrize("class_hidden", [0, 4])
def test_heads_give_probabilities_of_the_right_shape(pooling, class_hidden):
    settings = base(
        "model",
        width=0.05,
        input_norm="none",
        tag_head={"pooling": pooling, "activation": "none"},
        frame_head={"class_hidden": class_hidden},
        teacher={"last_layers": 1},
        student={"dropout": 0.1},
    )
    networks = TeacherStudent(settings, 64, 200, 3)
    out = networks.student(torch.randn(4, 200, 64), slice(1, 3))
    assert out.tags.shape == (4, 3) and out.frames.shape == (2, 200, 3)
    assert networks.teacher(torch.randn(4, 200, 64)).frames.shape == (4, 2, 3)
    for values in (out.tags, out.frames):
        assert values.min() >= 0 and values.max() <= 1


def test_width_scales_to_multiples_of_eight():
    assert [scaled(160, w) for w in (1, 0.2, 0.25, 0.01)] == [160, 32, 40, 8]


# ---- batches -------------------------------------------------------------------------------


def test_frame_matrix_by_hand():
    events = [[Event("a", 0.0, 0.05, "cat"), Event("a", 0.9, 1.4, "dog")], []]
    matrix = frame_matrix(events, ["cat", "dog"], Grid(10, 0.1))
    assert matrix[0, :, 0].tolist() == [1] + [0] * 9  # shorter than a frame: keeps one
    assert matrix[0, :, 1].tolist() == [0] * 9 + [1]  # what lies past the end is dropped
    assert not matrix[1].any()
    assert tag_matrix([["dog"], [], ["cat", "dog"]], ["cat", "dog"]).tolist() == [
        [0, 1], [0, 0], [1, 1]
    ]  # fmt: skip


def stratum(role, clips):
    marks = torch.arange(clips).float().view(-1, 1, 1).expand(clips, 4, 2).clone()
    if role == "unlabeled":
        return Stratum(role, marks)
    tags = torch.zeros(clips, 2, dtype=torch.uint8)
    frames = torch.zeros(clips, 4, 2, dtype=torch.uint8)
    return Stratum(role, marks, tags, frames)


def test_batches_keep_their_strata_and_use_every_clip():
    strata = {"weak": stratum("weak", 5), "strong": stratum("strong", 3),
              "unlabeled": stratum("unlabeled", 7)}  # fmt: skip
    batches = Batches(strata, base("schedule.batch", weak=2, strong=3, unlabeled=3), 0, CPU)
    seen = np.concatenate([batches.indices(step)["weak"] for step in range(5)])
    assert sorted(seen.tolist()) == sorted(list(range(5)) * 2)
    features, targets = batches(3)
    assert features.shape == (8, 4, 2) and targets.tags.shape == (5, 2)
    expected = np.concatenate(list(batches.indices(3).values()))
    assert features[:, 0, 0].tolist() == expected.tolist()
    again = Batches(strata, base("schedule.batch", weak=2, strong=3, unlabeled=3), 0, CPU)
    assert again.indices(40)["unlabeled"].tolist() == batches.indices(40)["unlabeled"].tolist()
    other = Batches(strata, base("schedule.batch", weak=2, strong=3, unlabeled=3), 1, CPU)
    orders = [[b.indices(s)["unlabeled"].tolist() for s in range(5)] for b in (batches, other)]
    assert orders[0] != orders[1]


def test_random_batches_keep_their_sum_and_lose_no_clip():
    strata = {"weak": stratum("weak", 2), "strong": stratum("strong", 1),
              "unlabeled": stratum("unlabeled", 9)}  # fmt: skip
    sizes = base("schedule.batch", weak=1, strong=1, unlabeled=2, sampling="random")
    batches = Batches(strata, sizes, 0, CPU)
    steps = [batches.indices(step) for step in range(3)]  # one pass over all twelve
    for role, count in (("weak", 2), ("strong", 1), ("unlabeled", 9)):
        assert sorted(np.concatenate([s[role] for s in steps]).tolist()) == list(range(count))
    assert {sum(map(len, s.values())) for s in steps} == {4}
    assert min(len(s["strong"]) for s in steps) == 0
    features, targets = batches(next(n for n, s in enumerate(steps) if not len(s["strong"])))
    assert len(features) == 4 and targets.strong == 0


def test_shares_of_the_real_annotations_are_the_published_ones(shared):
    """k of 160 and 512 dimensions a class, computed from the real files by hand (B.2)."""
    folder = shared / "data/dcase2019/metadata/train"
    strong = {clip: {e.event_label for e in events}
              for clip, events in read_events(folder / "synthetic.tsv").items()}  # fmt: skip
    tags = [*map(set, read_tags(folder / "weak.tsv").values()), *strong.values()]
    classes = sorted(set().union(*tags))
    shares = class_shares(tags, classes, base("model.disentangled", enabled=True))
    seen = [dimension_mask(size, shares).sum(dim=1).int().tolist() for size in (160, 512)]
    assert seen == [
        [137, 94, 134, 69, 132, 76, 34, 160, 30, 113],
        [441, 303, 430, 222, 425, 245, 108, 512, 98, 361],
    ]
    assert class_shares(tags, classes, base("model.disentangled")) == [1.0] * 10


def test_guided_head_equals_a_loop_over_classes():
    torch.manual_seed(0)
    head = GuidedTagHead(8, [0.5, 1.0])
    for weights in head.parameters():
        torch.nn.init.normal_(weights)
    x = torch.randn(3, 6, 8)
    start = 0
    for c, k in ((0, 4), (1, 8)):
        seen, own = x[:, :, :k], slice(start, start + k)
        w = seen @ head.attend[own] + head.attend_bias[c]
        a = (w / k).softmax(dim=1)
        h = (a[:, :, None] * seen).sum(dim=1)
        tag = (h @ head.classify[own] + head.classify_bias[c]).sigmoid()
        assert torch.allclose(head(x)[:, c].sigmoid(), tag, atol=1e-6)
        assert torch.allclose(head.logits(x)[:, :, c], w, atol=1e-6)
        start += k


def test_a_checkpoint_of_an_older_resed_is_refused_in_one_line(tiny, tmp_path):
    path = trainer(tiny, tmp_path, overlay(SMALL, {"schedule": {"epochs": 1}})).train()
    content = checkpoint.load(path)
    del content["identity"]["shares"]
    checkpoint.save(path, content)
    with pytest.raises(CheckpointError, match=r"identity\.shares is missing; delete it and train"):
        load_trained(path)


OPTIONS = [
    {"schedule": {"batch": {"sampling": "random"}, "reset_moments": True, "decay_every": 1}},
    {"model": {"tag_head": {"pooling": "guided"}, "disentangled": {"enabled": True}}},
    {"model": {"recurrent": {"projection": 64}, "frame_head": {"class_hidden": 2}}},
    {"objective": {"distillation": {"dfd": "distance", "tfd_weight": 0.5, "align": "pool"}}},
    {"objective": {"strong": {"teacher": "repeat"}, "weak": {"clips": "weak"}}},
    {"objective": {"consistency": {"clips": "unlabeled", "targets": "soft", "loss": "mse"}}},
    {"objective": {"distillation": {"distance": "mse_batch_norm", "align": "linear"}}},
    {"schedule": {"precision": "bfloat16", "epochs": 1}},
    {"objective": {"weak": {"average": "batch"}, "consistency": {"average": "batch"}}},
    {
        "model": {
            "tag_head": {"pooling": "guided"},
            "frame_head": {"source": "attention"},
            "recurrent": {"average_frames": 1},
        }
    },
    {"model": {"initialisation": "glorot"}, "schedule": {"selection_score": "tags"}},
    {
        "model": {
            "tag_head": {"pooling": "guided"},
            "frame_head": {"source": "attention"},
            "recurrent": {"average_frames": 1},
        },
        "objective": {"strong": {"weight": 1}},
        "schedule": {"precision": "bfloat16"},
    },
]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda o: str(o)[:60])
def test_every_option_trains_and_its_checkpoint_predicts(tiny, tmp_path, option):
    path = trainer(tiny, tmp_path, overlay(SMALL, option)).train()
    ((_, posteriors),) = predict_splits(path, {"evaluation": tiny / "evaluation.store"}, CPU)
    assert np.isfinite(posteriors.frames).all() and np.isfinite(posteriors.tags).all()


def test_roll_moves_labels_with_the_sound():
    strata = {role: stratum(role, 4) for role in ("weak", "strong", "unlabeled")}
    ramp = torch.arange(4).float().view(1, 4, 1).expand(4, 4, 2).clone()
    strata["strong"].features = ramp
    strata["strong"].frames = (ramp == 2).to(torch.uint8)
    batches = Batches(strata, base("schedule.batch", weak=2, strong=4, unlabeled=2), 0, CPU)
    torch.manual_seed(0)
    mels, targets = augment(*batches(0), AugmentSettings(roll=True))
    assert torch.equal(mels[2:6] == 2, targets.frames == 1)
    assert len({tuple(clip[:, 0].tolist()) for clip in mels[2:6]}) > 1


def test_macro_f1_equals_scikit_by_hand():
    predicted = np.array([[1, 0, 1], [1, 0, 0]])
    reference = np.array([[1, 0, 0], [0, 0, 1]])
    assert macro_f1(predicted, reference) == pytest.approx((2 / 3 + 0 + 0) / 3)


# ---- loop ----------------------------------------------------------------------------------


def test_same_seed_same_bytes_and_another_seed_others(tiny, tmp_path):
    one = weights(trainer(tiny, tmp_path / "a").train())
    assert same(one, weights(trainer(tiny, tmp_path / "b").train()))
    assert not same(one, weights(trainer(tiny, tmp_path / "c", seed=1).train()))
    assert not (tmp_path / "a" / "resume.pt").exists()


def test_history_has_every_column(tiny, tmp_path):
    trainer(tiny, tmp_path).train()
    lines = (tmp_path / "history.csv").read_text().splitlines()
    header, last = lines[0].split(","), lines[-1].split(",")
    row = dict(zip(header, last, strict=True))
    assert len(lines) == 4 and row["stage"] == "2" and lines[1].split(",")[2] == "1"
    filled = (
        "loss",
        "loss.tfd",
        "beta",
        "rank.student",
        "norm.teacher",
        "feature_rank.student",
        "development.tags_f1",
        "posterior.cat",
        "weight.dog",
        "clips_per_second",
    )
    for name in filled:
        assert row[name] != "", name
    assert row["loss.dfd"] == ""


def test_resumed_in_process_equals_undisturbed(tiny, tmp_path):
    whole = weights(trainer(tiny, tmp_path / "whole").train())
    first = trainer(tiny, tmp_path / "cut")
    checkpoint.save(tmp_path / "cut" / "resume.pt", state_of(first))
    first._epoch()
    first._select()
    first.epoch += 1
    checkpoint.save(tmp_path / "cut" / "resume.pt", state_of(first))
    first._epoch()  # killed in its second epoch
    assert same(whole, weights(trainer(tiny, tmp_path / "cut").train()))


def test_other_settings_start_anew_and_say_so(tiny, tmp_path, capsys):
    run = trainer(tiny, tmp_path)
    checkpoint.save(tmp_path / "resume.pt", state_of(run))
    changed = json.loads(json.dumps(SMALL))
    changed["objective"]["focal"]["gamma"] = 3
    trainer(tiny, tmp_path, changed).train()
    said = capsys.readouterr().out
    assert "settings.objective.focal.gamma is 2.0, not 3.0" in said


def test_c6_a_state_of_other_networks_is_refused_in_one_line(tiny, tmp_path):
    """resume.pt of the same identity with weights of another shape, and a checkpoint.pt."""
    made = trainer(tiny, tmp_path)
    state = state_of(made)
    name = next(iter(state["networks"]))
    state["networks"] = {**state["networks"], name: torch.zeros(7)}
    checkpoint.save(tmp_path / "resume.pt", state)
    with pytest.raises(CheckpointError) as refused:
        made.train()
    message = f"networks do not fit the settings ('{name}' is (7,) float32, not "
    assert message in str(refused.value) and "\n" not in str(refused.value)
    finished = {"identity": state["identity"], "epoch": 0, "networks": state_of(made)["networks"]}
    checkpoint.save(tmp_path / "resume.pt", finished)
    with pytest.raises(CheckpointError, match="not the state of an unfinished training; delete it"):
        made.train()


@pytest.mark.parametrize("selection", ["held_out", "development"])
def test_selection_keeps_the_best_epoch(tiny, tmp_path, selection):
    settings = json.loads(json.dumps(SMALL))
    settings["schedule"] |= {"selection": selection, "held_out": 0.4}
    run = trainer(tiny, tmp_path, settings)
    assert len(run.batches.strata["weak"]) == 3
    content = checkpoint.load(run.train())
    score = [r[f"{selection}.tags_f1"] + r[f"{selection}.frame_f1"] for r in run.history]
    assert content["epoch"] == max(range(3), key=lambda e: (score[e], e))


# ---- checkpoints ---------------------------------------------------------------------------


def test_foreign_checkpoints_are_refused_in_one_line(tiny, tmp_path):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: not a checkpoint, or damaged"):
        checkpoint.load(path)
    torch.save({"weights": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="not a checkpoint of resed"):
        checkpoint.load(path)
    torch.save({"format": checkpoint.FORMAT, "version": 99}, path)
    with pytest.raises(CheckpointError, match="version 99, this resed reads version 1; delete it"):
        checkpoint.load(path)


def test_predict_refuses_features_of_another_kind(tiny, tmp_path):
    path = trainer(tiny, tmp_path).train()
    ((_, posteriors),) = predict_splits(path, {"evaluation": tiny / "evaluation.store"}, CPU)
    assert posteriors.frames.shape == (5, 100, 2) and posteriors.clips[0] == "evaluation0.wav"
    assert load_trained(path).training["seed"] == 0
    other = FeatureSettings(frames=100, floor=1e-10)
    with create(tmp_path / "other.store", ["a.wav"], other, "evaluation", "0" * 64) as writer:
        writer.write(0, np.zeros((100, 64), np.float32))
    with pytest.raises(StoreError, match="floor"):
        list(predict_splits(path, {"evaluation": tmp_path / "other.store"}, CPU))


def command(tiny, out, settings):
    stores = ("weak", "unlabeled", "strong", "development")
    pairs = [part for role in stores for part in (f"--{role}", str(tiny / f"{role}.store"))]
    return [
        sys.executable, "-c", "from resed.cli import main; main()", "train",
        "--dataset", str(tiny / "tiny.yaml"), "--root", str(tiny), "--system", "pts_tfd_afl",
        "--settings", json.dumps(settings), "--seed", "0", "--out", str(out), *pairs,
    ]  # fmt: skip
