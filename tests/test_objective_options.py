"""Every option of the losses against the same sum in NumPy, written from the equations alone."""

import itertools

import numpy as np
import pytest
import torch
from systems import base, of_posteriors

from resed.train.distillation import (
    Projections,
    at_least_float32,
    distances,
    effective_rank,
    pool_mask,
    repeat_cells,
    target_event_loss,
)
from resed.train.heads import GuidedTagHead, TagHead
from resed.train.model import Output
from resed.train.objective import (
    Objective,
    Targets,
    consistency,
    cross_entropy,
    focal_loss,
    pool_targets,
)

WEAK, STRONG, UNLABELED, CLASSES = 2, 3, 2, 4
CLIPS = WEAK + STRONG + UNLABELED


# ---- the equations in NumPy ----------------------------------------------------------------


def bce(p, y, limit=0.0):
    p = np.clip(p, limit, 1 - limit)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def focal(p, y, settings):
    """Eq. 4 with p_t, the posterior of the true state."""
    true = np.where(y == 1, p, 1 - p)
    gamma = settings["gamma"]
    weight = 1 - true**gamma if settings["form"] == "printed" else (1 - true) ** gamma
    loss = -weight * np.log(true)
    return np.where(y == 1, loss, 0) if settings["positives_only"] else loss


def cells_of(values, cells, how):
    """Pool [clips, frames, n] to cells: cell i is from floor(i L / n) to ceil((i + 1) L / n)."""
    length = values.shape[1]
    edges = [
        (int(np.floor(i * length / cells)), int(np.ceil((i + 1) * length / cells)))
        for i in range(cells)
    ]
    return np.stack([how(values[:, a:b], axis=1) for a, b in edges], axis=1)


def repeated(values, frames):
    """Each frame takes the cell that it falls into."""
    cells = values.shape[1]
    return np.stack([values[:, int(i / frames * cells)] for i in range(frames)], axis=1)


def interpolated(values, frames):
    """Linear between the centres of cells, constant beyond the first and the last."""
    cells = values.shape[1]
    places = (np.arange(frames) + 0.5) * cells / frames - 0.5
    out = np.empty((len(values), frames, values.shape[2]))
    for clip, n in itertools.product(range(len(values)), range(values.shape[2])):
        out[clip, :, n] = np.interp(places, np.arange(cells), values[clip, :, n])
    return out


def normalised(values):
    """Each dimension to mean 0 and variance 1 over all clips and cells."""
    flat = values.reshape(-1, values.shape[2])
    return (values - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-5)


def distilled(settings, teacher, student, frames, beta):
    """Eqs. 1 and 2 and both DFD losses; `teacher` and `student` are projected features."""
    how = settings["distance"]
    if how == "mse_batch_norm":
        teacher, student = normalised(teacher), normalised(student)
    cells, length = teacher.shape[1], student.shape[1]
    if settings["align"] == "pool":
        student = cells_of(student, cells, np.mean)
    else:
        spread = repeated if settings["align"] == "repeat" else interpolated
        teacher = spread(teacher, length)

    def distance(t, s):
        if how == "rows_normalised":
            t, s = (x / np.linalg.norm(x, axis=2, keepdims=True) for x in (t, s))
        squares = (t - s) ** 2
        return squares.mean(2) if how == "mse_batch_norm" else np.sqrt(squares.sum(2))

    terms = {}
    if settings["tfd"]:
        strong = slice(WEAK, WEAK + STRONG)
        d = distance(teacher[strong], student[strong])
        mask = frames.max(axis=2)
        if d.shape[1] != length:
            mask = cells_of(mask[:, :, None], cells, np.max)[:, :, 0]
        below = mask.sum(1) if settings["average"] == "active" else d.shape[1]
        terms["loss.tfd"] = beta * settings["tfd_weight"] * ((d * mask).sum(1) / below).mean()
    if settings["dfd"] != "none":
        kept = [0, 1, 5, 6] if settings["dfd_clips"] == "weak_unlabeled" else [*range(CLIPS)]
        t, s = teacher[kept], student[kept]
        loss = distance(t, s).mean()
        if settings["dfd"] == "mse":
            if how == "rows_normalised":
                t, s = (x / np.linalg.norm(x, axis=2, keepdims=True) for x in (t, s))
            loss = ((t - s) ** 2).mean()
        terms["loss.dfd"] = beta * settings["dfd_weight"] * loss
    return terms


def reference(settings, teacher, student, tags, frames, moment, projected=None):
    """All terms of eqs. 3, 5 and 6; `teacher` and `student` are (tags, frames of strong clips)."""
    alpha, beta, stage_two = moment
    weak, strong, con = settings["weak"], settings["strong"], settings["consistency"]
    loss = (lambda p, y: focal(p, y, settings["focal"])) if stage_two else bce
    terms = {}
    labelled = WEAK + STRONG if weak["clips"] == "labelled" else WEAK
    share = labelled / CLIPS if weak["average"] == "batch" else 1.0
    for name, (clip, _) in (("teacher", teacher), ("student", student)):
        value = loss(clip[:labelled], tags[:labelled]).mean()
        terms[f"loss.weak.{name}"] = weak["weight"] * share * value
    terms["loss.strong.student"] = strong["weight"] * loss(student[1], frames).mean()
    cells = teacher[1].shape[1]
    pairs = {
        "max": lambda: (teacher[1], cells_of(frames, cells, np.max)),
        "mean": lambda: (teacher[1], cells_of(frames, cells, np.mean)),
        "repeat": lambda: (repeated(teacher[1], frames.shape[1]), frames),
    }
    value = loss(*pairs[strong["teacher"]]()).mean() if strong["teacher"] in pairs else 0.0
    terms["loss.strong.teacher"] = strong["weight"] * value
    first = WEAK + STRONG if con["clips"] == "unlabeled" else 0
    share = UNLABELED / CLIPS if con["average"] == "batch" and first else 1.0

    def towards(guide, learner, a):
        target = (guide > 0.5).astype(float) if con["targets"] == "hard" else guide
        if a == 0:
            return 0.0
        if con["loss"] == "mse":
            return a * ((learner - target) ** 2).mean()
        if con["alpha_place"] == "inside":
            return bce(a * learner, a * target).mean()
        return a * bce(learner, target).mean()

    t, s = teacher[0][first:], student[0][first:]
    scale = con["weight"] * share
    terms["loss.consistency.teacher_to_student"] = scale * towards(t, s, 1.0)
    terms["loss.consistency.student_to_teacher"] = scale * towards(s, t, alpha)
    if projected is not None:
        terms |= distilled(settings["distillation"], *projected, frames, beta)
    return terms | {"loss": sum(terms.values())}


# ---- the same batch through both -----------------------------------------------------------


def batch(cells=5, length=12):
    """Posteriors, features and labels of one batch, float64."""
    rng = np.random.default_rng(4)
    sides = [
        (
            rng.uniform(0.05, 0.95, (CLIPS, CLASSES)),
            rng.uniform(0.05, 0.95, (STRONG, steps, CLASSES)),
            rng.normal(1, 2, (CLIPS, steps, size)),
        )
        for steps, size in ((cells, 8), (length, 6))
    ]
    tags = rng.integers(0, 2, (WEAK + STRONG, CLASSES)).astype(float)
    frames = np.repeat(rng.integers(0, 2, (STRONG, length // 2, CLASSES)), 2, axis=1).astype(float)
    frames[0, :4] = 0  # no event: outside the mask of eq. 1
    return *sides, tags, frames


def terms(settings, moment=(0.3, 0.7, False), cells=5, length=12):
    """(found, expected): the terms of the objective, by resed and by NumPy."""
    teacher, student, tags, frames = batch(cells, length)
    chosen = settings.distillation
    projections = None
    if chosen.tfd or chosen.dfd != "none":
        torch.manual_seed(0)
        projections = Projections(8, 6, chosen.dimension, chosen).double()
    targets = Targets(torch.tensor(tags), torch.tensor(frames), WEAK, STRONG, UNLABELED)
    alpha, beta, stage_two = moment
    found = Objective(settings, projections)(
        *(of_posteriors(*map(torch.tensor, side)) for side in (teacher, student)),
        targets, alpha=alpha, beta=beta, focal=stage_two,
    )  # fmt: skip
    projected = projections and (
        teacher[2] @ projections.teacher.detach().numpy(),
        student[2] @ projections.student.detach().numpy(),
    )
    expected = reference(
        settings.model_dump(), teacher[:2], student[:2], tags, frames, moment, projected
    )
    return {name: value.item() for name, value in found.items()}, expected


def product(**options):
    """All combinations of options, as keyword arguments."""
    return [dict(zip(options, v, strict=True)) for v in itertools.product(*options.values())]


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-6, abs=1e-12), name


@pytest.mark.parametrize(
    "weak", product(weight=(1.0, 0.3), clips=("labelled", "weak"), average=("chosen", "batch"))
)
def test_weak_losses(weak):
    same(*terms(base("objective", weak=weak)))


@pytest.mark.parametrize(
    "strong", product(weight=(1.0, 0.4, 0.0), teacher=("max", "mean", "repeat", "none"))
)
@pytest.mark.parametrize(("cells", "length"), [(6, 12), (5, 12)])
def test_strong_losses(strong, cells, length):
    same(*terms(base("objective", strong=strong), cells=cells, length=length))


@pytest.mark.parametrize(
    "consistency",
    product(
        weight=(0.6,),
        clips=("all", "unlabeled"),
        average=("chosen", "batch"),
        targets=("hard", "soft"),
        loss=("bce", "mse"),
        alpha_place=("outside", "inside"),
    ),
)
def test_consistency(consistency):
    same(*terms(base("objective", consistency=consistency)))


@pytest.mark.parametrize(
    "distillation",
    product(
        tfd=(True,),
        dfd=("none", "mse", "distance"),
        dfd_clips=("all", "weak_unlabeled"),
        distance=("euclidean", "rows_normalised", "mse_batch_norm"),
        align=("repeat", "pool", "linear"),
        average=("frames", "active"),
        tfd_weight=(0.8,),
        dfd_weight=(0.3,),
    ),
)
def test_distillation(distillation):
    settings = base("objective", distillation={**distillation, "dimension": 4})
    same(*terms(settings))


@pytest.mark.parametrize("clips", ["all", "weak_unlabeled"])
def test_d9_dfd_mse_compares_rows_of_length_one_where_asked(clips):
    """Squares of differences of unit vectors: at most 4 / dimension, whatever their lengths."""
    chosen = {"dfd": "mse", "dfd_clips": clips, "dimension": 4, "distance": "rows_normalised"}
    found, expected = terms(base("objective", distillation=chosen))
    same(found, expected)
    assert 0 < found["loss.dfd"] <= 0.7 * 4 / 4
    plain, _ = terms(base("objective", distillation={**chosen, "distance": "euclidean"}))
    assert plain["loss.dfd"] > 1 > found["loss.dfd"]


@pytest.mark.parametrize("dfd", ["mse", "distance"])
def test_dfd_without_tfd(dfd):
    found, expected = terms(base("objective", distillation={"dfd": dfd, "dimension": 4}))
    same(found, expected)
    assert "loss.tfd" not in found


@pytest.mark.parametrize(
    "chosen",
    product(gamma=(1, 3), form=("printed", "standard"), positives_only=(False, True)),
)
def test_focal_losses_of_stage_two(chosen):
    settings = base("objective", focal={"enabled": True, **chosen}, strong={"teacher": "repeat"})
    same(*terms(settings, (0.3, 0.7, True)))


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("form", ["printed", "standard"])
def test_a_detached_weight_has_no_gradient(form, detach):
    """d/dp of -w(p) log p, with and without w's own share, for a true and for an absent class."""
    p = torch.tensor([0.3, 0.3], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([1.0, 0.0], dtype=torch.float64)
    chosen = base("objective.focal", gamma=2, form=form, detach_weight=detach)
    focal_loss(p.logit(), y, chosen).sum().backward()

    def slope(x):
        weight, own = (1 - x**2, -2 * x) if form == "printed" else ((1 - x) ** 2, -2 * (1 - x))
        return -weight / x - (0 if detach else own * np.log(x))

    assert p.grad.tolist() == pytest.approx([slope(0.3), -slope(0.7)])


@pytest.mark.parametrize("lacking", ["weak", "strong", "unlabeled"])
@pytest.mark.parametrize("teacher", ["max", "repeat"])
def test_a_batch_that_lacks_a_role(lacking, teacher):
    """Randomly drawn batches may: the loss of that role is then 0, the others are as ever."""
    counts = {"weak": 2, "strong": 2, "unlabeled": 2, lacking: 0}
    clips, labelled, strong = (
        sum(counts.values()),
        counts["weak"] + counts["strong"],
        counts["strong"],
    )
    rng = torch.Generator().manual_seed(1)

    def output(cells, size):
        posteriors = 0.1 + 0.8 * torch.rand(clips, 3, generator=rng)
        frames = 0.1 + 0.8 * torch.rand(strong, cells, 3, generator=rng)
        return of_posteriors(posteriors, frames, torch.randn(clips, cells, size, generator=rng))

    first, second = output(3, 8), output(6, 6)
    tags = (torch.rand(labelled, 3, generator=rng) < 0.5).float()
    frames = (torch.rand(strong, 6, 3, generator=rng) < 0.5).float()
    settings = base(
        "objective",
        weak={"clips": "weak", "average": "batch"},
        strong={"teacher": teacher},
        consistency={"clips": "unlabeled", "average": "batch"},
        distillation={"tfd": True, "dfd": "distance", "dimension": 4},
    )
    projections = Projections(8, 6, 4, settings.distillation)
    found = Objective(settings, projections)(
        first, second, Targets(tags, frames, **counts), alpha=0.5, beta=1.0, focal=False
    )
    zero = {
        "weak": {"loss.weak.teacher", "loss.weak.student"},
        "strong": {"loss.strong.teacher", "loss.strong.student"},
        "unlabeled": {
            "loss.consistency.teacher_to_student",
            "loss.consistency.student_to_teacher",
        },
    }[lacking]
    assert {name for name, value in found.items() if value == 0} == zero
    assert ("loss.tfd" in found) == (lacking != "strong")
    assert all(value.isfinite() for value in found.values())
    if lacking == "weak":
        expected = bce(second.frames.numpy(), frames.numpy()).mean()
        assert found["loss.strong.student"].item() == pytest.approx(expected, rel=1e-5)


def test_before_its_start_alpha_switches_the_way_back_off():
    found, _ = terms(base("objective"), (0.0, 0.0, False))
    assert found["loss.consistency.student_to_teacher"] == 0.0
    inside = base("objective", consistency={"alpha_place": "inside"})
    found, _ = terms(inside, (0.0, 0.0, False))
    assert found["loss.consistency.student_to_teacher"] == 0.0


def test_pseudo_labels_are_above_one_half_and_have_no_gradient():
    guide = torch.tensor([[0.5, 0.500001]], requires_grad=True)
    learner = torch.tensor([[0.25, 0.25]], requires_grad=True)
    objective = Objective(base("objective"), None)
    targets = Targets(torch.zeros(0, 2), torch.zeros(0, 4, 2), 0, 0, 1)
    none = torch.zeros(0, 4, 2)
    found = objective(
        of_posteriors(guide, none, none), of_posteriors(learner, none, none), targets,
        alpha=0.0, beta=0.0, focal=False,
    )  # fmt: skip
    value = found["loss.consistency.teacher_to_student"]
    assert value.item() == pytest.approx((-np.log(0.75) - np.log(0.25)) / 2, rel=1e-6)
    value.backward()
    assert guide.grad is None


# ---- logits of any size ----------------------------------------------------------------------

LOGITS = np.array([-30.0, -20, -14, -5, -0.1, 0, 3, 14, 17, 30])


def both(dtype):
    """Every logit with both labels: (logits with a gradient, labels)."""
    x = torch.tensor(np.repeat(LOGITS, 2), dtype=dtype, requires_grad=True)
    return x, torch.tensor(np.tile([0.0, 1.0], len(LOGITS)), dtype=dtype)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_d7_cross_entropy_and_its_gradient_at_any_logit(dtype, error):
    """log(1 + e^x) - y x, and p - y: both in float64 by NumPy; never 0 where the frame is wrong."""
    x, y = both(dtype)
    loss = cross_entropy(x, y)
    loss.sum().backward()
    exact, label = x.detach().double().numpy(), y.double().numpy()
    p = 1 / (1 + np.exp(-exact))
    np.testing.assert_allclose(
        loss.detach(), np.logaddexp(0, exact) - label * exact, atol=30 * error
    )
    np.testing.assert_allclose(x.grad, p - label, atol=error)
    wrong = (p > 0.5) != (label == 1)
    assert (np.abs(x.grad.numpy()[wrong]) > 0.4).all()


@pytest.mark.parametrize("gamma", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("form", ["printed", "standard"])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_d7_focal_loss_and_its_gradient_at_any_logit(gamma, form, dtype, error):
    """-w(p_t) log p_t by NumPy from log p_t and log(1 - p_t), and its derivative by the chain rule.

    d/dx of log p is q = 1 - p, and of p is p q. At a logit of -30, -log p is 30 and the weight 1.
    """
    x, y = both(dtype)
    loss = focal_loss(x, y, base("objective.focal", gamma=gamma, form=form))
    loss.sum().backward()
    sign = np.where(y.double().numpy() == 1, 1.0, -1.0)
    true = sign * x.detach().double().numpy()
    log_p, log_q = -np.logaddexp(0, -true), -np.logaddexp(0, true)
    p, q = np.exp(log_p), np.exp(log_q)
    if form == "printed":
        weight, slope = -np.expm1(gamma * log_p), -gamma * np.exp(gamma * log_p) * q
    else:
        weight, slope = np.exp(gamma * log_q), -gamma * np.exp(gamma * log_q) * p
    np.testing.assert_allclose(loss.detach(), -weight * log_p, rtol=error, atol=error)
    gradient = sign * (-weight * q - slope * log_p)
    np.testing.assert_allclose(x.grad, gradient, rtol=error, atol=error)
    assert (np.abs(x.grad.numpy()[true < 0]) > 0.05).all()


@pytest.mark.parametrize("alpha", [0.05, 0.5, 0.999999, 1.0])
@pytest.mark.parametrize("place", ["inside", "outside"])
def test_d7_consistency_at_any_logit(alpha, place):
    """BCE(a y, a p) and a BCE(y, p) from log p and log(1 - a p), in float64 by NumPy."""
    x, y = both(torch.float64)
    guide = 2 * y - 1  # logits whose tags are y
    settings = base("objective", consistency={"alpha_place": place})
    found = consistency(guide, x, settings, alpha)
    found.backward()
    exact, label = x.detach().numpy(), y.numpy()
    log_p, log_q = -np.logaddexp(0, -exact), -np.logaddexp(0, exact)
    p, q = np.exp(log_p), np.exp(log_q)
    if place == "inside":
        rest = q + (1 - alpha) * p  # 1 - a p
        loss = -(alpha * label * (np.log(alpha) + log_p) + (1 - alpha * label) * np.log(rest))
        gradient = -alpha * label * q + (1 - alpha * label) * alpha * p * q / rest
    else:
        loss = -alpha * (label * log_p + (1 - label) * log_q)
        gradient = alpha * (p - label)
    assert found.item() == pytest.approx(loss.mean(), rel=1e-9)
    np.testing.assert_allclose(x.grad * len(label), gradient, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(("targets", "guided"), [("hard", 1.0), ("soft", 0.8807970779778823)])
def test_d7_soft_and_squared_consistency_are_of_posteriors(targets, guided):
    """The guide has logit 2, that is a posterior of 0.88; the learner -20."""
    guide, learner = torch.tensor([[2.0]]), torch.tensor([[-20.0]], requires_grad=True)
    chosen = {"targets": targets, "loss": "mse"}
    found = consistency(guide, learner, base("objective", consistency=chosen), 0.5)
    assert found.item() == pytest.approx(0.5 * guided**2, rel=1e-6)
    entropy = consistency(guide, learner, base("objective", consistency={"targets": targets}))
    entropy.backward()
    assert entropy.item() == pytest.approx(20 * guided, rel=1e-6)
    assert learner.grad.item() == pytest.approx(-guided, rel=1e-6)


@pytest.mark.parametrize("limit", [1e-7, 1e-3])
@pytest.mark.parametrize("stage_two", [False, True])
def test_d7_a_limit_of_posteriors_ends_the_gradient(limit, stage_two):
    """-log(limit) where the truth is opposite and the posterior beyond the limit, without slope."""
    settings = base("objective", posterior_limit=limit, focal={"form": "standard", "gamma": 2})
    x, y = both(torch.float64)
    targets = Targets(y[:, None], torch.zeros(0, 1, 1), len(y), 0, 0)
    given = Output(x[:, None], torch.zeros(0, 1, 1), torch.zeros(0))
    found = Objective(settings, None)(given, given, targets, alpha=0.0, beta=0.0, focal=stage_two)[
        "loss.weak.student"
    ]
    found.backward()
    exact, label = x.detach().numpy(), y.numpy()
    p = np.clip(1 / (1 + np.exp(-exact)), limit, 1 - limit)
    p_t = np.where(label == 1, p, 1 - p)
    loss = -np.log(p_t) * ((1 - p_t) ** 2 if stage_two else 1)
    assert found.item() == pytest.approx(loss.mean(), rel=1e-6)
    beyond = np.abs(exact) > -np.log(limit)
    assert (x.grad.numpy() == 0).tolist() == beyond.tolist()


@pytest.mark.parametrize("pooling", ["attention_time", "softmax_classes", "mean", "guided"])
def test_d7_clip_posteriors_keep_their_gradient_where_they_are_rounded_to_one(pooling):
    """Frame logits of 40 are posteriors of 1 in float32; for an absent class the slope is 1."""
    torch.manual_seed(0)
    if pooling == "guided":
        head = GuidedTagHead(8, [1.0, 1.0, 1.0])
        bias = head.classify_bias
        torch.nn.init.zeros_(head.classify)
    else:
        head = TagHead(8, 3, base("model.tag_head", hidden=8, pooling=pooling), 1.0)
        bias = head.classify.bias
        torch.nn.init.zeros_(head.classify.weight)
    torch.nn.init.constant_(bias, 40.0)
    logits = head(torch.randn(2, 6, 8))
    assert logits.tolist() == [pytest.approx([40.0] * 3, rel=1e-5)] * 2
    cross_entropy(logits, torch.zeros_like(logits)).sum().backward()
    assert bias.grad.tolist() == pytest.approx([2.0] * 3, rel=1e-5)


# ---- the parts of the distillation ---------------------------------------------------------


@pytest.mark.parametrize(("cells", "frames"), [(6, 600), (5, 12), (3, 7), (4, 4)])
def test_cells_and_frames(cells, frames):
    rng = np.random.default_rng(0)
    values, labels = rng.normal(size=(2, cells, 3)), rng.integers(0, 2, (2, frames, 3)) * 1.0
    found = repeat_cells(torch.tensor(values), frames).numpy()
    np.testing.assert_array_equal(found, repeated(values, frames))
    for how, function in (("max", np.max), ("mean", np.mean)):
        found = pool_targets(torch.tensor(labels), cells, how).numpy()
        np.testing.assert_allclose(found, cells_of(labels, cells, function))
    mask = pool_mask(torch.tensor(labels[:, :, 0]), cells).numpy()
    np.testing.assert_array_equal(mask, cells_of(labels[:, :, :1], cells, np.max)[:, :, 0])


def test_distances_of_three_kinds_by_hand():
    teacher, student = torch.tensor([[[3.0, 4.0]]]), torch.tensor([[[0.0, 2.0]]])
    found = {
        kind: distances(teacher, student, kind).item()
        for kind in ("euclidean", "rows_normalised", "mse_batch_norm")
    }
    assert found == pytest.approx(
        {
            "euclidean": 13**0.5,
            "rows_normalised": (0.6**2 + 0.2**2) ** 0.5,  # (.6, .8) and (0, 1)
            "mse_batch_norm": 13 / 2,
        }
    )
    same_place = distances(teacher.requires_grad_(), teacher.detach(), "euclidean")
    assert same_place.item() == pytest.approx(1e-6)
    same_place.backward()
    assert teacher.grad.isfinite().all()


def test_a_clip_without_events_adds_nothing():
    distance = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    mask = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    assert target_event_loss(distance, mask, "active").item() == pytest.approx(1.5)
    assert target_event_loss(distance, mask, "frames").item() == pytest.approx(0.75)


@pytest.mark.parametrize("reading", ["hint", "literal", "frozen"])
@pytest.mark.parametrize("distance", ["euclidean", "mse_batch_norm"])
def test_what_of_the_projections_is_trained(reading, distance):
    chosen = base("objective.distillation", reading=reading, distance=distance)
    projections = Projections(8, 6, 4, chosen)
    trained = {name for name, p in projections.named_parameters() if p.requires_grad}
    expected = {"hint": {"student"}, "literal": {"teacher", "student"}, "frozen": set()}
    assert trained == expected[reading]
    assert {name for name, _ in projections.named_parameters()} == {"teacher", "student"}
    norms = {name for name, _ in projections.named_buffers() if name.endswith("running_mean")}
    both = {"teacher_norm.running_mean", "student_norm.running_mean"}
    assert norms == (both if distance == "mse_batch_norm" else set())
    for matrix in (projections.teacher, projections.student):
        assert torch.allclose(matrix.T @ matrix, torch.eye(4), atol=1e-5)


def test_distances_are_never_in_half_precision():
    projections = Projections(8, 6, 4, base("objective.distillation"))
    maps = torch.randn(2, 3, 8).bfloat16(), torch.randn(2, 6, 6).bfloat16()
    assert {values.dtype for values in projections(*maps)} == {torch.float32}
    assert at_least_float32(torch.zeros(1, dtype=torch.float64)).dtype == torch.float64


def test_effective_rank_is_the_exponential_of_an_entropy():
    rows = np.random.default_rng(0).normal(size=(30, 5)) * [5, 3, 1, 0.1, 0]
    share = np.linalg.svd(rows, compute_uv=False)
    share = share[share > 1e-9] / share.sum()
    expected = np.exp(-(share * np.log(share)).sum())
    assert effective_rank(torch.tensor(rows)) == pytest.approx(expected, rel=1e-5)
    assert effective_rank(torch.zeros(3, 2)) == pytest.approx(1.0)
