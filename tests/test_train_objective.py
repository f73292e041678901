"""Each loss against plain NumPy or numbers worked by hand; gradients by finite differences."""

import math

import numpy as np
import pytest
import torch
from systems import base, of_posteriors

from resed.train import schedule
from resed.train.distillation import (
    Projections,
    distances,
    effective_rank,
    pool_mask,
    repeat_cells,
    target_event_loss,
)
from resed.train.objective import (
    Objective,
    Targets,
    consistency,
    cross_entropy,
    focal_loss,
    focal_weight,
    pool_targets,
)


def bce(p, y):
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def test_cross_entropy_by_hand():
    p, y = torch.tensor([0.9, 0.2]), torch.tensor([1.0, 0.0])
    assert cross_entropy(p.logit(), y).tolist() == pytest.approx(
        [0.105360516, 0.223143551], abs=1e-6
    )


@pytest.mark.parametrize(
    ("gamma", "form", "expected"),
    [
        # liang.md C.2: gamma 2 at p = .1 .3 .5 .7 .9
        (2.0, "printed", [0.99, 0.91, 0.75, 0.51, 0.19]),
        (2.0, "standard", [0.81, 0.49, 0.25, 0.09, 0.01]),
        (1.0, "printed", [0.9, 0.7, 0.5, 0.3, 0.1]),
        (1.0, "standard", [0.9, 0.7, 0.5, 0.3, 0.1]),
    ],
)
def test_focal_weights_of_both_readings(gamma, form, expected):
    p = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9])
    weight = focal_weight(p.logit(), base("objective.focal", gamma=gamma, form=form))
    assert weight.tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("form", ["printed", "standard"])
@pytest.mark.parametrize("gamma", [1.0, 2.0, 3.0])
def test_focal_loss_equals_numpy(form, gamma):
    rng = np.random.default_rng(1)
    p, y = rng.uniform(0.01, 0.99, (5, 4)), rng.integers(0, 2, (5, 4))
    p_t = np.where(y == 1, p, 1 - p)
    weight = 1 - p_t**gamma if form == "printed" else (1 - p_t) ** gamma
    loss = focal_loss(
        torch.tensor(p).logit(), torch.tensor(y), base("objective.focal", gamma=gamma, form=form)
    )
    np.testing.assert_allclose(loss.numpy(), -weight * np.log(p_t), rtol=1e-9)


def test_focal_options_change_what_they_name():
    p = torch.tensor([0.3, 0.8], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([1.0, 0.0], dtype=torch.float64)
    only = focal_loss(p.logit(), y, base("objective.focal", positives_only=True))
    assert only[1].item() == 0 and only[0].item() > 0
    focal_loss(p.logit(), y, base("objective.focal", detach_weight=True))[0].backward()
    # weight 1 - .09 = .91 held fixed: d(-.91 log p)/dp = -.91 / .3
    assert p.grad[0].item() == pytest.approx(-0.91 / 0.3)


def test_gradients_by_finite_differences():
    torch.manual_seed(0)
    x = (60 * torch.rand(3, 4, dtype=torch.float64) - 30).requires_grad_()
    y = torch.randint(0, 2, (3, 4)).double()
    assert torch.autograd.gradcheck(lambda x: cross_entropy(x, y), x)
    for form in ("printed", "standard"):
        chosen = base("objective.focal", form=form)
        assert torch.autograd.gradcheck(lambda x, c=chosen: focal_loss(x, y, c), x)
    t, s = torch.randn(2, 4, 3).double(), torch.randn(2, 4, 3).double().requires_grad_(True)
    mask = torch.tensor([[1.0, 0, 1, 1], [0, 0, 1, 0]]).double()
    for kind in ("euclidean", "rows_normalised", "mse_batch_norm"):
        assert torch.autograd.gradcheck(
            lambda x, k=kind: target_event_loss(distances(t, x, k), mask, "frames"), s
        )


def test_consistency_directions_and_options():
    guide, learner = torch.tensor([[0.8, 0.4]]), torch.tensor([[0.6, 0.3]], requires_grad=True)
    hard = consistency(guide.logit(), learner.logit(), base("objective"))
    expected = (-math.log(0.6) - math.log(0.7)) / 2  # targets 1 and 0
    assert hard.item() == pytest.approx(expected, abs=1e-6)
    assert consistency(
        guide.logit(), learner.logit(), base("objective"), 0.5
    ).item() == pytest.approx(0.5 * expected, abs=1e-6)
    soft = base("objective", consistency={"targets": "soft", "loss": "mse"})
    assert consistency(guide.logit(), learner.logit(), soft).item() == pytest.approx(
        (0.04 + 0.01) / 2
    )
    inside = base("objective", consistency={"alpha_place": "inside"})
    value = consistency(guide.logit(), learner.logit(), inside, 0.5).item()
    assert value == pytest.approx((bce(0.3, 0.5) + bce(0.15, 0.0)) / 2, abs=1e-6)


def test_tfd_worked_by_hand():
    # one clip, T = 4 frames, two dimensions; distances 5, 0, 1, 2; frames 0, 2, 3 are active
    teacher = torch.tensor([[[3.0, 4], [1, 1], [0, 1], [0, 2]]])
    student = torch.tensor([[[0.0, 0], [1, 1], [0, 0], [0, 0]]])
    distance = distances(teacher, student, "euclidean")
    assert distance[0].tolist() == pytest.approx([5, 1e-6, 1, 2], abs=1e-5)
    mask = torch.tensor([[1.0, 0, 1, 1]])
    assert target_event_loss(distance, mask, "frames").item() == pytest.approx(8 / 4)
    assert target_event_loss(distance, mask, "active").item() == pytest.approx(8 / 3)
    assert target_event_loss(distance, mask * 0, "active").item() == 0


def test_alignments_of_six_cells_and_six_hundred_frames():
    cells = torch.arange(6.0).view(1, 6, 1)
    repeated = repeat_cells(cells, 600)
    assert torch.equal(repeated[0, :, 0], torch.arange(6.0).repeat_interleave(100))
    mask = torch.zeros(1, 600)
    mask[0, 250] = 1
    assert pool_mask(mask, 6).tolist() == [[0, 0, 1, 0, 0, 0]]
    frames = torch.zeros(1, 600, 1)
    frames[0, 100:150] = 1
    assert pool_targets(frames, 6, "max")[0, :, 0].tolist() == [0, 1, 0, 0, 0, 0]
    assert pool_targets(frames, 6, "mean")[0, 1, 0].item() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("reading", "teacher_moves", "w_t", "w_s"),
    [("hint", False, False, True), ("literal", True, True, True), ("frozen", True, False, False)],
)
def test_readings_of_tfd_let_gradients_through_where_they_say(reading, teacher_moves, w_t, w_s):
    torch.manual_seed(0)
    projections = Projections(8, 6, 4, base("objective.distillation", reading=reading))
    teacher, student = torch.randn(2, 6, 8), torch.randn(2, 12, 6)
    teacher.requires_grad_(True)
    student.requires_grad_(True)
    t, s = projections(teacher, student)
    distances(t, s, "euclidean").sum().backward()
    assert (teacher.grad is not None) == teacher_moves
    assert student.grad is not None
    assert (projections.teacher.grad is not None) == w_t
    assert (projections.student.grad is not None) == w_s
    gram = projections.teacher.T @ projections.teacher
    assert torch.allclose(gram, torch.eye(4), atol=1e-5)


def test_effective_rank_by_hand():
    assert effective_rank(torch.eye(5)) == pytest.approx(5)
    assert effective_rank(torch.ones(7, 3)) == pytest.approx(1, abs=1e-4)


def make_batch(seed=0):
    rng = torch.Generator().manual_seed(seed)

    def output(cells, dimension):
        tags = torch.rand(5, 3, generator=rng) * 0.8 + 0.1
        frames = torch.rand(2, cells, 3, generator=rng) * 0.8 + 0.1
        return of_posteriors(tags, frames, torch.randn(5, cells, dimension, generator=rng))

    tags = (torch.rand(3, 3, generator=rng) < 0.5).float()
    frames = (torch.rand(2, 12, 3, generator=rng) < 0.5).float()
    return output(6, 8), output(12, 6), Targets(tags, frames, weak=1, strong=2, unlabeled=2)


def test_sum_of_losses_equals_numpy():
    teacher, student, targets = make_batch()
    settings = base("objective", distillation={"tfd": True, "dimension": 4})
    torch.manual_seed(0)
    projections = Projections(8, 6, 4, settings.distillation)
    terms = Objective(settings, projections)(
        teacher, student, targets, alpha=0.2, beta=0.5, focal=False
    )
    y, f = targets.tags.numpy(), targets.frames.numpy()
    pt, ps = teacher.tags.numpy(), student.tags.numpy()
    expected = {
        "loss.weak.teacher": bce(pt[:3], y).mean(),
        "loss.weak.student": bce(ps[:3], y).mean(),
        "loss.strong.teacher": bce(
            teacher.frames.numpy(), f.reshape(2, 6, 2, 3).max(axis=2)
        ).mean(),
        "loss.strong.student": bce(student.frames.numpy(), f).mean(),
        "loss.consistency.teacher_to_student": bce(ps, (pt > 0.5).astype(float)).mean(),
        "loss.consistency.student_to_teacher": 0.2 * bce(pt, (ps > 0.5).astype(float)).mean(),
    }
    w_t, w_s = projections.teacher.detach().numpy(), projections.student.detach().numpy()
    ft = np.repeat(teacher.features.numpy()[1:3] @ w_t, 2, axis=1)
    fs = student.features.numpy()[1:3] @ w_s
    d = np.linalg.norm(ft - fs, axis=2)
    expected["loss.tfd"] = 0.5 * (d * f.max(axis=2)).sum(axis=1).mean() / 12
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value, rel=1e-5), name
    assert terms["loss"].item() == pytest.approx(sum(expected.values()), rel=1e-5)


def test_dfd_on_weak_and_unlabeled_leaves_strong_clips_out():
    teacher, student, targets = make_batch()
    settings = base(
        "objective",
        distillation={"dfd": "distance", "dfd_clips": "weak_unlabeled", "dimension": 4},
    )
    projections = Projections(8, 6, 4, settings.distillation)
    objective = Objective(settings, projections)
    given = {"alpha": 0.0, "beta": 1.0, "focal": False}
    before = objective(teacher, student, targets, **given)["loss.dfd"]
    student.features[targets.strong_clips] += 10
    assert objective(teacher, student, targets, **given)["loss.dfd"] == before
    student.features[0] += 10
    assert objective(teacher, student, targets, **given)["loss.dfd"] != before


def test_dfd_mse_equals_numpy():
    teacher, student, targets = make_batch()
    settings = base("objective", distillation={"dfd": "mse", "dimension": 4})
    projections = Projections(8, 6, 4, settings.distillation)
    terms = Objective(settings, projections)(
        teacher, student, targets, alpha=0.0, beta=1.0, focal=False
    )
    w_t, w_s = projections.teacher.detach().numpy(), projections.student.detach().numpy()
    difference = np.repeat(teacher.features.numpy() @ w_t, 2, axis=1) - (
        student.features.numpy() @ w_s
    )
    assert terms["loss.dfd"].item() == pytest.approx((difference**2).mean(), rel=1e-5)


def test_focal_stage_replaces_the_supervised_losses_only():
    teacher, student, targets = make_batch()
    objective = Objective(base("objective", focal={"enabled": True}), None)
    one = objective(teacher, student, targets, alpha=0.1, beta=0, focal=False)
    two = objective(teacher, student, targets, alpha=0.1, beta=0, focal=True)
    changed = {name for name in one if one[name] != two[name]}
    supervised = {f"loss.{kind}.{who}" for kind in ("weak", "strong")
                  for who in ("teacher", "student")}  # fmt: skip
    assert changed == supervised | {"loss"}
    p = torch.where(targets.tags > 0, student.tags[:3], 1 - student.tags[:3]).numpy()
    assert two["loss.weak.student"].item() == pytest.approx((-(1 - p**2) * np.log(p)).mean())


def test_weak_and_unlabeled_options_choose_their_clips():
    teacher, student, targets = make_batch()
    labelled = Objective(base("objective"), None)
    settings = base("objective", weak={"clips": "weak"}, consistency={"clips": "unlabeled"})
    terms = Objective(settings, None)(teacher, student, targets, alpha=0, beta=0, focal=False)
    y = targets.tags[:1].numpy()
    assert terms["loss.weak.student"].item() == pytest.approx(
        bce(student.tags[:1].numpy(), y).mean(), rel=1e-5
    )
    only = bce(student.tags[3:].numpy(), (teacher.tags[3:].numpy() > 0.5).astype(float)).mean()
    assert terms["loss.consistency.teacher_to_student"].item() == pytest.approx(only, rel=1e-5)
    other = labelled(teacher, student, targets, alpha=0, beta=0, focal=False)
    assert other["loss.weak.student"] != terms["loss.weak.student"]


WHOLE = {
    "sum of BCE": {},
    "TFD": {"distillation": {"tfd": True, "reading": "literal", "dimension": 4}},
    "TFD, normalised": {
        "distillation": {
            "tfd": True,
            "reading": "literal",
            "distance": "rows_normalised",
            "dimension": 4,
        }
    },
    "DFD-MSE": {"distillation": {"dfd": "mse", "reading": "literal", "dimension": 4}},
    "DFD-D": {"distillation": {"dfd": "distance", "reading": "literal", "dimension": 4}},
    "AFL, printed": {"focal": {"enabled": True}},
    "AFL, standard": {"focal": {"enabled": True, "form": "standard"}},
    "soft MSE consistency": {"consistency": {"targets": "soft", "loss": "mse"}},
    "as Guided Learning": {
        "weak": {"average": "batch"},
        "strong": {"weight": 0},
        "consistency": {"clips": "unlabeled", "average": "batch", "alpha_place": "inside"},
    },
}


@pytest.mark.parametrize("name", WHOLE)
def test_gradients_of_the_whole_objective_by_finite_differences(name):
    """Each term separately, with respect to all outputs of both networks."""
    torch.manual_seed(1)
    settings = base("objective", **WHOLE[name])
    chosen = settings.distillation
    distilled = chosen.tfd or chosen.dfd != "none"
    projections = Projections(8, 6, 4, chosen).double() if distilled else None
    objective = Objective(settings, projections)
    weak, strong, unlabeled = 1, 2, 2
    clips = weak + strong + unlabeled
    tags = torch.randint(0, 2, (weak + strong, 3)).double()
    targets = Targets(tags, torch.randint(0, 2, (strong, 6, 3)).double(), weak, strong, unlabeled)

    def posterior(*shape):
        return (0.1 + 0.8 * torch.rand(*shape)).double().requires_grad_()

    given = [
        posterior(clips, 3),
        posterior(strong, 3, 3),
        torch.randn(clips, 3, 8).double().requires_grad_(),
        posterior(clips, 3),
        posterior(strong, 6, 3),
        torch.randn(clips, 6, 6).double().requires_grad_(),
    ]

    def terms(*values):
        teacher, student = of_posteriors(*values[:3]), of_posteriors(*values[3:])
        found = objective(
            teacher, student, targets, alpha=0.3, beta=0.7, focal=settings.focal.enabled
        )
        return tuple(value for value in found.values() if value.requires_grad)

    # Soft targets are detached, and a finite difference of the sum would move them too.
    if settings.consistency.targets == "soft":
        fixed = [value.detach() for value in given[:3]]
        assert torch.autograd.gradcheck(lambda *v: terms(*fixed, *v)[:3], given[3:])
    else:
        assert torch.autograd.gradcheck(terms, given)


def test_alpha_follows_the_paper():
    chosen = base("objective.consistency")
    assert schedule.alpha(0, chosen) == 0
    assert schedule.alpha(30, chosen) == 0
    assert schedule.alpha(31, chosen) == pytest.approx(0.004)
    assert schedule.alpha(200, chosen) == pytest.approx(0.494, abs=5e-4)  # liang.md row 14


def test_beta_follows_the_paper():
    """x of exp(-5 (1 - x)^2): steps over half of all, epochs over all, epochs over ramp_epochs."""

    def beta(step, epochs=20, **changes):
        return schedule.beta(step, 10, epochs, base("objective.distillation.beta", **changes))

    middle = pytest.approx(math.exp(-5 * 0.25))
    assert beta(0) == pytest.approx(0.0067, abs=5e-5)  # row 15
    assert beta(50) == middle
    assert beta(100) == beta(199) == 1
    assert beta(0, ramp="constant", maximum=0.3) == 0.3
    assert beta(105, ramp="full") == middle
    assert beta(155, epochs=200, ramp="epochs") == middle
    assert beta(45, ramp="epochs", ramp_epochs=8, maximum=0.5) == pytest.approx(
        0.5 * math.exp(-5 * 0.25)
    )


def test_learning_rate_stage_and_steps():
    chosen = base("schedule")
    rates = [schedule.learning_rate(e, chosen) for e in (0, 19, 20, 40)]
    assert rates == pytest.approx([0.0018, 0.0018, 0.00144, 0.001152])
    assert [schedule.is_focal(e, True, chosen) for e in (14, 15)] == [False, True]
    assert not schedule.is_focal(100, False, chosen)
    counts = {"weak": 1473, "strong": 2045, "unlabeled": 13390}
    assert schedule.steps_per_epoch(chosen, counts) == 268
    shortest = base("schedule", steps_per_epoch="shortest")
    assert schedule.steps_per_epoch(shortest, counts) == 245  # full batches alone
