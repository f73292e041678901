"""What the figure of the networks states: each line follows from the settings of a system."""

import math
from dataclasses import dataclass

from resed.errors import ConfigError
from resed.settings import (
    DecodeSettings,
    DistillationSettings,
    FeatureSettings,
    FrameHeadSettings,
    ModelSettings,
    RecurrentSettings,
    SystemSettings,
    TagHeadSettings,
    scaled,
)

Lines = tuple[str, ...]
Shape = tuple[int, int]  # cells, mel bands

CNN = "CNN: layers → frames × mel bands"
DROPOUT = "dropout {:g}"
INPUT_NORMS = {
    "batch_norm": ("batch normalisation per band",),
    "standardise": ("standardised per band",),
    "none": (),
}
TAG_POOLING = {
    "attention_time": "attention over time",
    "softmax_classes": "attention over classes",
    "mean": "mean over time",
}
DISTANCES = {
    "euclidean": "Euclidean distance",
    "rows_normalised": "distance of unit vectors",
    "mse_batch_norm": "squared error, normalised",
}
PROJECTIONS = {
    "hint": ("teacher detached;", "W_t frozen, W_s trained"),
    "literal": ("W_t and W_s trained,", "nothing detached"),
    "frozen": ("W_t and W_s frozen,", "nothing detached"),
}
STRONG_TARGETS = {
    "max": "max-pooled labels",
    "mean": "mean-pooled labels",
    "repeat": "cells repeated to frames",
}
GATES = {
    "student": "gate: tags of the student",
    "teacher": "gate: tags of the teacher",
    "soft": "gate: times clip posteriors",
    "none": "no gate",
}
FILTERS = {
    "two_pass": "median filter, twice",
    "one_pass": "median filter, once",
    "opening_closing": "opening and closing",
    "none": "no filter",
}
WINDOWS = {"esp": "window per class (ESP)", "average": "window per class (average)"}


@dataclass(frozen=True)
class NetworkText:
    """One network, from top to bottom: what each box states."""

    title: str
    source: Lines
    cnn: Lines
    features: Lines
    tag_branch: Lines
    tags: Lines
    tag_loss: Lines
    frame_branch: Lines
    frames: Lines
    frame_loss: Lines


@dataclass(frozen=True)
class Architecture:
    """All text of the figure. `distillation` is empty for systems without it."""

    input: Lines
    teacher: NetworkText
    student: NetworkText
    distillation: Lines
    consistency: Lines
    guides: tuple[bool, bool]  # whether the teacher guides the student, and the reverse
    decoding: Lines


def describe(settings: SystemSettings, features: FeatureSettings, classes: int) -> Architecture:
    """The text for one system and the log-mels that it is trained on."""
    seconds = features.frames * features.hop / features.sample_rate
    hop_ms = 1000 * features.hop / features.sample_rate
    kind = "mel magnitudes" if features.scale == "linear" else "log-mels"
    return Architecture(
        input=(
            f"{kind}: {features.frames} frames × {features.n_mels} mel bands",
            f"{seconds:.4g} s at {features.sample_rate / 1000:g} kHz, {hop_ms:.3g} ms per frame",
        ),
        teacher=_side("teacher", settings, features, classes),
        student=_side("student", settings, features, classes),
        distillation=_distillation(settings),
        consistency=_consistency(settings),
        guides=_guides(settings),
        decoding=_decoding(settings.decode),
    )


def _side(
    name: str, settings: SystemSettings, features: FeatureSettings, classes: int
) -> NetworkText:
    model = settings.model
    average = model.framework == "mean_teacher"
    shape = (features.frames, features.n_mels)
    cnn, channels, shape = _crnn(model, shape) if average else _cnn(name, model, shape)
    cells, dimension = shape[0], channels * shape[1]
    pooled = model.recurrent.average_frames if name == "student" and not average else 1
    if average:
        branches = _crnn_branches(model)
    else:
        branches = _tag_branch(model, pooled), _frame_branch(model)
    of = name[0]
    losses = _losses(name, settings)
    return NetworkText(
        title=_title(name, settings),
        source=_source(name, settings),
        cnn=cnn,
        features=(f"F_{of}: {cells} cells × {dimension}",),
        tag_branch=branches[0],
        tags=("clip posteriors", f"{classes} classes"),
        tag_loss=losses[0],
        frame_branch=branches[1],
        frames=("frame posteriors", f"{cells} cells × {classes} classes"),
        frame_loss=losses[1],
    )


def _title(name: str, settings: SystemSettings) -> str:
    if settings.model.framework == "mean_teacher":
        return "Teacher: averaged student" if name == "teacher" else "Student: trained"
    return "Teacher: for tags" if name == "teacher" else "Student: for the times of events"


def _source(name: str, settings: SystemSettings) -> Lines:
    """How the input of a network differs from the stored features."""
    chosen, noise = settings.model, settings.schedule.teacher_noise
    lines = [f"noise, deviation {noise:g}"] if name == "teacher" and noise else []
    if chosen.framework == "mean_teacher":
        decay = settings.objective.mean_teacher.decay
        averaged = [f"weights: average of the student, decay {decay:g}"]
        return (*averaged * (name == "teacher"), *lines, "decibels, standardised per band")
    return (*lines, *INPUT_NORMS[chosen.input_norm])


def _cnn(name: str, model: ModelSettings, shape: Shape) -> tuple[Lines, int, Shape]:
    """The blocks, the channels of the last one, and the shape of its output."""
    lines, channels = [CNN], 1
    if name == "student":
        chosen = model.student
        pools = [(1, chosen.pool_mels)] * len(chosen.channels)
        layers, kernels = [1] * len(pools), list(chosen.kernels)
    else:
        chosen = model.teacher
        pools = chosen.pools
        layers = [2] * (len(pools) - 1) + [chosen.last_layers]
        kernels = [3] * (len(pools) - 1) + [chosen.last_kernel]
    for many, kernel, width, pool in zip(layers, kernels, chosen.channels, pools, strict=True):
        channels, shape = scaled(width, model.width), _pooled(shape, pool)
        times = f"{many} × " if many > 1 else ""
        lines.append(_block(f"{times}conv {kernel}×{kernel}, {channels}", "max", pool, shape))
    if chosen.dropout:
        lines.append(DROPOUT.format(chosen.dropout) + " after each block")
    return tuple(lines), channels, shape


def _crnn(model: ModelSettings, shape: Shape) -> tuple[Lines, int, Shape]:
    """As `_cnn`, of the Mean-Teacher baseline."""
    chosen, lines, channels = model.crnn, [CNN], 1
    unit = "gate" if chosen.activation == "gate" else "ReLU"
    for width, pool in zip(chosen.channels, chosen.pools, strict=True):
        channels, shape = scaled(width, model.width), _pooled(shape, pool)
        lines.append(_block(f"conv 3×3, {channels}, {unit}", "mean", pool, shape))
    if chosen.dropout and chosen.dropout_blocks == "all":
        lines.append(DROPOUT.format(chosen.dropout) + " after each block")
    return tuple(lines), channels, shape


def _pooled(shape: Shape, pool: Shape) -> Shape:
    if shape[0] < pool[0] or shape[1] < pool[1]:
        problem = f"pooling by {pool[0]}×{pool[1]} leaves nothing of {shape[0]}×{shape[1]}"
        cure = "use smaller pools, or more frames and mel bands (features)"
        raise ConfigError(problem, place="model", cure=cure)
    return shape[0] // pool[0], shape[1] // pool[1]


def _block(layers: str, how: str, pool: Shape, shape: Shape) -> str:
    pooling = "" if math.prod(pool) == 1 else f"; {how}-pool {pool[0]}×{pool[1]}"
    return f"{layers}{pooling} → {shape[0]}×{shape[1]}"


def _tag_branch(model: ModelSettings, average: int) -> Lines:
    lines = _bgru(model.recurrent, model.width, average) if model.recurrent.enabled else ()
    return (*lines, *_tag_head(model.tag_head, model.width), *_disentangled(model))


def _bgru(chosen: RecurrentSettings, width: float, average: int) -> Lines:
    lines = [f"mean of {average} cells"] if average > 1 else []
    if chosen.projection:
        lines.append(f"linear {scaled(chosen.projection, width)}")
    lines.append(f"{chosen.layers} × BGRU, 2 × {scaled(chosen.hidden, width)}")
    return (*lines, "joined with F")


def _tag_head(chosen: TagHeadSettings, width: float) -> Lines:
    if chosen.pooling == "guided":
        return ("attention per class", "over time")
    unit = ", ReLU" if chosen.activation == "relu" else ""
    return (f"linear {scaled(chosen.hidden, width)}{unit}", TAG_POOLING[chosen.pooling])


def _frame_branch(model: ModelSettings) -> Lines:
    chosen: FrameHeadSettings = model.frame_head
    if chosen.source == "attention":
        return ("attention scores", "of the clip branch")
    inner = chosen.class_hidden
    each = f"per class: linear {inner}, ReLU" if inner else "one linear layer per class"
    hidden = f"linear {scaled(chosen.hidden, model.width)}, ReLU"
    return (hidden, each, *_disentangled(model))


def _disentangled(model: ModelSettings) -> Lines:
    return ("a share of inputs per class",) if model.disentangled.enabled else ()


def _crnn_branches(model: ModelSettings) -> tuple[Lines, Lines]:
    chosen = model.crnn
    gru = f"{chosen.layers} × BGRU, 2 × {scaled(chosen.hidden, model.width)}"
    dropout = (DROPOUT.format(chosen.dropout),) if chosen.dropout else ()
    return (
        ("mean of the frame", "posteriors, by", "attention over classes"),
        (gru, *dropout, "one linear layer per class"),
    )


def _losses(name: str, settings: SystemSettings) -> tuple[Lines, Lines]:
    """The loss of clip and of frame posteriors; () for one that is not used."""
    objective = settings.objective
    weak, strong = objective.weak, objective.strong
    clips = "weak and strong clips" if weak.clips == "labelled" else "weak clips"
    kind = ("cross-entropy",)
    if settings.model.framework == "mean_teacher":  # without weights and without focal loss
        learned = (("L_weak", *kind, clips), ("L_strong", *kind, "labels of frames"))
        return learned if name == "student" else ((), ())
    if objective.focal.enabled:
        stage = settings.schedule.stage_one
        kind = (f"cross-entropy; after {stage}", f"epochs AFL, γ {objective.focal.gamma:g}")
    of_tags = (_weighted("L_weak", weak.weight), *kind, clips) if weak.weight else ()
    if not strong.weight or (name == "teacher" and strong.teacher == "none"):
        return of_tags, ()
    targets = STRONG_TARGETS[strong.teacher] if name == "teacher" else "labels of frames"
    return of_tags, (_weighted("L_strong", strong.weight), *kind, targets)


def _weighted(name: str, weight: float) -> str:
    return name if weight == 1 else f"{weight:g} × {name}"


def _distillation(settings: SystemSettings) -> Lines:
    chosen: DistillationSettings = settings.objective.distillation
    if settings.model.framework != "joint" or not (chosen.tfd or chosen.dfd != "none"):
        return ()
    lines = [
        "distillation of features",
        f"W_t, W_s: to {scaled(chosen.dimension, settings.model.width)}",
    ]
    lines += PROJECTIONS[chosen.reading]
    if chosen.tfd:
        weight = _weighted("TFD", chosen.tfd_weight)
        lines += [f"{weight}: frames of", "target events, strong clips"]
    if chosen.dfd != "none":
        clips = "all clips" if chosen.dfd_clips == "all" else "weak, unlabeled"
        lines.append(f"{_weighted('DFD', chosen.dfd_weight)}: all cells, {clips}")
    only_mse = chosen.dfd == "mse" and not chosen.tfd
    lines.append("squared error" if only_mse else DISTANCES[chosen.distance])
    return (*lines, f"weight β, up to {chosen.beta.maximum:g}")


def _consistency(settings: SystemSettings) -> Lines:
    if settings.model.framework == "mean_teacher":
        chosen = settings.objective.mean_teacher
        if not chosen.consistency:
            return ()
        return (
            "consistency: squared error",
            "of clips and frames, all clips",
            f"weight up to {chosen.consistency:g}",
        )
    joint = settings.objective.consistency
    if not joint.weight:
        return ()
    loss = "cross-entropy" if joint.loss == "bce" else "squared error"
    clips = "all clips" if joint.clips == "all" else "unlabeled clips"
    lines = (
        f"{_weighted('L_con', joint.weight)}: {loss},",
        f"{joint.targets} targets, {clips}",
    )
    if not _guides(settings)[1]:
        return lines
    return (*lines, "to the teacher: times α,", f"from epoch {joint.alpha_start + 2} on")


def _guides(settings: SystemSettings) -> tuple[bool, bool]:
    if settings.model.framework == "mean_teacher":
        return bool(settings.objective.mean_teacher.consistency), False
    chosen = settings.objective.consistency
    late = settings.schedule.epochs <= chosen.alpha_start + 1 or chosen.alpha_lambda == 1
    return bool(chosen.weight), bool(chosen.weight) and not late


def _decoding(chosen: DecodeSettings) -> Lines:
    window, threshold = WINDOWS[chosen.windows], f"frame threshold {chosen.frame_threshold:g}"
    if chosen.search:
        window, threshold = "windows of development", "thresholds of development"
    elif chosen.window_frames == "fixed":
        window = f"window of {chosen.fixed_window} frames"
    filters = [FILTERS[chosen.filter], window] if chosen.filter != "none" else [FILTERS["none"]]
    return (f"{GATES[chosen.gate]}, {threshold}", ", ".join(filters), "→ events and tags")
