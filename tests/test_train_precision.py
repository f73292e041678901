"""bfloat16, TF32 and float32: which operations use which. CPU autocast replaces that of a GPU."""

import pytest
import test_train_loop
import torch
from systems import base
from test_train_loop import CPU, SMALL, same, trainer, weights

import resed.train.crnn
import resed.train.model
from resed.config.loading import overlay
from resed.config.run import load_config
from resed.formats import checkpoint
from resed.predict import inference as predict_module
from resed.predict.inference import predict_splits
from resed.runtime.fingerprint import made_by
from resed.train.bgru import bgru
from resed.train.framework import build_networks
from resed.train.heads import GuidedTagHead
from resed.train.model import TeacherStudent
from resed.train.objective import cross_entropy, focal_loss
from resed.train.precision import arithmetic, made_with
from resed.train.resume import state_of

tiny = test_train_loop.tiny
CUDA = torch.device("cuda")
ONE_EPOCH = overlay(SMALL, {"schedule": {"epochs": 1}})


def half():
    return torch.autocast("cpu", torch.bfloat16)


def networks(**model):
    torch.manual_seed(0)
    settings = base("model", width=0.05, **model)
    return TeacherStudent(settings, 64, 100, 2)


def mean_teacher():
    config = load_config()
    features = config.feature_sets["mean_teacher"]
    model = config.system("mean_teacher").model.model_copy(update={"width": 0.05})
    return build_networks(model, features, 2, [1.0, 1.0]), torch.rand(2, features.frames, 64)


HEADS = [
    {"tag_head": {"pooling": "guided"}, "frame_head": {"source": "attention"}},
    {"tag_head": {"pooling": "attention_time"}, "frame_head": {"class_hidden": 4}},
    {"tag_head": {"pooling": "softmax_classes"}, "recurrent": {"projection": 64}},
    {"tag_head": {"pooling": "mean"}},
]


@pytest.mark.parametrize("model", [*HEADS, None], ids=str)
def test_posteriors_are_float32_under_autocast_and_so_is_all_of_every_gru(model, monkeypatch):
    pair, mels = mean_teacher() if model is None else (networks(**model), torch.randn(2, 100, 64))
    seen = []

    def look(module, features):
        enabled = torch.is_autocast_enabled("cpu")
        out = bgru(module, features)
        dtypes = {features.dtype, out.dtype, *(w.dtype for w in module.parameters())}
        seen.append((enabled, dtypes))
        return out

    for user in (resed.train.model, resed.train.crnn):
        monkeypatch.setattr(user, "bgru", look)
    with half():
        outputs = [pair.student(mels), pair.teacher(mels)]
    assert seen == [(False, {torch.float32})] * 2
    for out in outputs:
        assert out.tags.dtype == out.frames.dtype == torch.float32
        assert out.features.dtype == torch.bfloat16  # the rest is as fast as it was
    (outputs[0].tags.sum() + outputs[0].frames.sum()).backward()
    grads = [w.grad for m in pair.student.modules() if isinstance(m, torch.nn.GRU)
             for w in m.parameters()]  # fmt: skip
    assert all(grad.dtype == torch.float32 and grad.isfinite().all() for grad in grads)


def test_gradients_too_small_for_float16_reach_the_gru():
    """cuDNN's autocast is always float16; that of a CPU is float16 only on request."""
    recurrent = networks().student.recurrent
    features = torch.randn(4, 100, recurrent.dimension - 16)
    with torch.autocast("cpu", torch.float16):
        encoded = recurrent(features)
    (encoded.float().mean() * 1e-6).backward()
    sizes = torch.cat([w.grad.flatten() for w in recurrent.gru.parameters()]).abs()
    assert (sizes > 0).float().mean() > 0.99 and sizes.median() < 6e-8


def test_a_sure_guided_head_has_the_right_gradient_in_bfloat16():
    """A logit of 10 is a posterior of 0.99995, which bfloat16 rounds to 1."""
    head = GuidedTagHead(8, [1.0, 1.0])
    torch.nn.init.constant_(head.attend_bias, 10.0)
    torch.nn.init.constant_(head.classify_bias, 10.0)
    features = torch.randn(3, 6, 8).bfloat16()
    with half():
        frames, tags = head.logits(features), head(features)
    with torch.no_grad():
        assert torch.equal(head(features.float()), tags)  # not a bit of it is bfloat16
    focal = load_config().system("pts").objective.focal
    for logits in (frames, tags):
        assert logits.dtype == torch.float32
        absent = torch.zeros_like(logits)
        assert torch.allclose(cross_entropy(logits, absent), logits, atol=1e-4)
        assert focal_loss(logits, absent, focal).isfinite().all()
        (slope,) = torch.autograd.grad(
            cross_entropy(logits, absent).sum(), logits, retain_graph=True
        )
        assert (slope > 0.9999).all()


@pytest.mark.parametrize(
    ("precision", "native", "expected", "float32"),
    [
        ("auto", True, torch.bfloat16, ("high", True)),
        ("auto", False, None, ("high", True)),  # a T4 would emulate it
        ("bfloat16", False, torch.bfloat16, ("high", True)),
        ("float32", True, None, ("highest", False)),
    ],
)
def test_arithmetic_of_gpus(monkeypatch, precision, native, expected, float32):
    def supported(including_emulation=True):
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        assert arithmetic(precision, CUDA) == expected
        found = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
        assert found == float32
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def test_arithmetic_of_a_cpu_is_float32_unless_asked_otherwise():
    before = torch.get_float32_matmul_precision()
    assert [arithmetic(p, CPU) for p in ("auto", "float32")] == [None, None]
    assert arithmetic("bfloat16", CPU) == torch.bfloat16
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.parametrize("precision", ["auto", "float32", "bfloat16"])
def test_prediction_takes_the_arithmetic_of_the_training(tiny, tmp_path, monkeypatch, precision):
    run = trainer(tiny, tmp_path, overlay(ONE_EPOCH, {"schedule": {"precision": precision}}))
    path = run.train()
    taken, infer = [], predict_module.infer

    def look(*arguments, autocast, **others):
        taken.append(autocast)
        return infer(*arguments, autocast=autocast, **others)

    monkeypatch.setattr(predict_module, "infer", look)
    list(predict_splits(path, {"evaluation": tiny / "evaluation.store"}, CPU))
    assert taken == [run.autocast] == [torch.bfloat16 if precision == "bfloat16" else None]


# ---- where a training was made ---------------------------------------------------------------


def cut_off(tiny, folder, made):
    """A training after its first epoch, with another `made_with` in its file; None: without."""
    run = trainer(tiny, folder)
    run._epoch()
    run._select()
    run.epoch += 1
    state = state_of(run)
    assert state.pop("made_with") == made_with(CPU, None)
    checkpoint.save(folder / "resume.pt", state | ({"made_with": made} if made else {}))


def test_a_training_begun_on_a_gpu_goes_on_and_says_so(tiny, tmp_path, capsys):
    here = made_with(CPU, None)
    there = here | {"device": "NVIDIA A100", "precision": "bfloat16"}
    cut_off(tiny, tmp_path / "moved", there)
    assert trainer(tiny, tmp_path / "moved").train().is_file()
    said = [line for line in capsys.readouterr().out.splitlines() if "another device" in line]
    assert said == [
        f"{tmp_path}/moved/resume.pt: was made on another device or with another precision "
        "(device is NVIDIA A100, not cpu; precision is bfloat16, not float32); training "
        "continues with those of this machine; delete the file to start again"
    ]


def test_b6_a_training_begun_by_other_code_keeps_its_fingerprint(tiny, tmp_path, capsys):
    run = trainer(tiny, tmp_path)
    run._epoch()
    run._select()
    run.epoch += 1
    state = state_of(run)
    assert state["made_by"] == made_by("train")
    other = state["made_by"] | {"code": "0" * 64}
    checkpoint.save(tmp_path / "resume.pt", state | {"made_by": other})
    final = checkpoint.load_finished(trainer(tiny, tmp_path).train())
    assert final["made_by"] == other
    assert "was begun by other code of resed" in capsys.readouterr().out


@pytest.mark.parametrize("old", [True, False], ids=["a file of an older resed", "the same place"])
def test_nothing_is_said_where_nothing_is_known_to_differ(tiny, tmp_path, capsys, old):
    whole = weights(trainer(tiny, tmp_path / "whole").train())
    cut_off(tiny, tmp_path / "cut", None if old else made_with(CPU, None))
    ended = trainer(tiny, tmp_path / "cut").train()
    said = capsys.readouterr().out
    assert "resumed after epoch 1" in said and "another device" not in said
    assert same(whole, weights(ended))
    first, second = (tmp_path / name / "checkpoint.pt" for name in ("whole", "cut"))
    assert first.read_bytes() == second.read_bytes()  # it says nothing of where it was made
