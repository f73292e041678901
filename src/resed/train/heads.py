"""Heads of both networks: logits of clips (AT) and of frames (AED)."""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from resed.settings import DisentangledSettings, FrameHeadSettings, TagHeadSettings, scaled
from resed.train.precision import without_autocast


def class_shares(
    tags: Sequence[Collection], classes: Collection, settings: DisentangledSettings
) -> list[float]:
    """Share of the dimensions that each class uses (disentangled features, Lin et al. 2019).

    For each class, the clips with it and at most n classes in total are counted; a clip with
    several classes counts as a fraction of each. Counts are divided by the largest and scaled to
    [m, 1]. All shares are 1 if the settings do not enable it.

    Args:
        tags: classes of each labelled training clip.
    """
    if not settings.enabled:
        return [1.0] * len(classes)
    few = [set(labels) for labels in tags if 0 < len(set(labels)) <= settings.most_classes]
    counts = [sum(1 / len(labels) for labels in few if label in labels) for label in classes]
    most, least = max(counts, default=0) or 1, settings.minimum
    return [count / most * (1 - least) + least for count in counts]


def shares_problem(shares: Sequence[float], settings: DisentangledSettings) -> str | None:
    """Why `class_shares` cannot have computed these shares; None if it can."""
    low, tolerance = settings.minimum if settings.enabled else 1.0, 1e-6
    if min(shares) < low - tolerance:
        return f"shares must be from {low:g} to 1 with its settings, not {min(shares):g}"
    only_minimum = low and max(shares) <= low + tolerance  # no clip was counted
    if max(shares) < 1 - tolerance and not only_minimum:
        return f"the largest of the shares must be 1, not {max(shares):g}"
    return None


def dimension_mask(dimension: int, shares: Sequence[float]) -> Tensor:
    """[classes, dimension]: 1 for the dimensions of a class, the first int(share * dimension)."""
    seen = torch.tensor(dimensions_seen(dimension, shares))
    if seen.is_meta:  # only a shape; a comparison would load the compiler of PyTorch, for a second
        return seen.new_empty((len(shares), dimension), dtype=torch.float32)
    return (torch.arange(dimension)[None] < seen[:, None]).float()


def dimensions_seen(dimension: int, shares: Sequence[float]) -> list[int]:
    """The number of dimensions that each class uses, at least one."""
    return [max(1, int(share * dimension + 1e-9)) for share in shares]


def pooled(logits: Tensor, weights: Tensor) -> Tensor:
    """The logit of a weighted mean of posteriors over cells, [clips, classes].

    The posteriors themselves are not formed, so that the gradient does not vanish where they are
    rounded to 0 or 1.

    Args:
        logits: of the posteriors, [clips, cells, classes].
        weights: logarithms of the weights, [clips, cells, classes]; their sum has no effect.
    """
    present = torch.logsumexp(functional.logsigmoid(logits) + weights, dim=1)
    absent = torch.logsumexp(functional.logsigmoid(-logits) + weights, dim=1)
    return present - absent


def class_attention(scores: Tensor) -> Tensor:
    """Logarithms of attention weights as in the Mean-Teacher baseline: normalised over classes."""
    return scores.softmax(dim=2).clamp(1e-7, 1).log()


class TagHead(nn.Module):
    """Linear and attention pooling over time (row 5)."""

    def __init__(self, dimension: int, classes: int, settings: TagHeadSettings, width: float):
        super().__init__()
        hidden = scaled(settings.hidden, width)
        self.hidden = nn.Linear(dimension, hidden)
        self.relu = settings.activation == "relu"
        self.classify = nn.Linear(hidden, classes)
        self.pooling = settings.pooling
        self.attend = nn.Linear(hidden, classes) if settings.pooling != "mean" else None

    def forward(self, features: Tensor) -> Tensor:
        """[clips, cells, dimensions] -> clip logits [clips, classes], float32."""
        hidden = self.hidden(features)
        hidden = functional.relu(hidden) if self.relu else hidden
        logits = self.classify(hidden).float()
        if self.attend is None:
            return pooled(logits, torch.zeros_like(logits))
        scores = self.attend(hidden).float()
        if self.pooling == "attention_time":
            return pooled(logits, scores.log_softmax(dim=1))
        return pooled(logits, class_attention(scores))


class GuidedTagHead(nn.Module):
    """Class-wise attention pooling of Guided Learning (Lin et al. 2019; row 5, option guided).

    Class c uses the first k_c dimensions x_c: w = <x_c, kernel_c> + b_c; a = softmax over time of
    w / k_c; h = sum of a x_c; its posterior is sigmoid(Dense_c(h)). Kernels start at zero. There
    are weights only for the dimensions that a class uses, packed class by class.

    All in float32: bfloat16 has 8 bits, so that the logits, which are sums over up to 512
    dimensions, would be wrong in the third digit.
    """

    def __init__(self, dimension: int, shares: Sequence[float]):
        super().__init__()
        with torch.device("cpu"):  # shapes of weights depend on it, also of weights without memory
            seen = torch.tensor(dimensions_seen(dimension, shares))
        self.register_buffer("mask", dimension_mask(dimension, shares).bool(), persistent=False)
        self.register_buffer("seen", seen, persistent=False)
        self.attend = nn.Parameter(torch.zeros(int(seen.sum())))
        self.attend_bias = nn.Parameter(torch.zeros(len(shares)))
        self.classify = nn.Parameter(torch.empty(int(seen.sum())))
        self.classify_bias = nn.Parameter(torch.zeros(len(shares)))
        self.start(seen.rsqrt())

    @torch.no_grad()
    def start(self, bounds: Tensor) -> None:
        """Draw the weights of the Dense of each class from [-bound, bound], one bound per class."""
        if self.classify.is_meta:
            return
        bound = bounds.repeat_interleave(self.seen)
        self.classify.copy_((2 * torch.rand(self.classify.shape) - 1) * bound)

    def _dense(self, packed: Tensor) -> Tensor:
        """Packed weights -> [classes, dimensions], 0 for dimensions that a class does not use."""
        empty = torch.zeros(self.mask.shape, dtype=packed.dtype, device=packed.device)
        return empty.masked_scatter(self.mask, packed)

    def logits(self, features: Tensor) -> Tensor:
        """w of every cell: [clips, cells, dimensions] -> [clips, cells, classes], float32."""
        with without_autocast(features):
            return functional.linear(features.float(), self._dense(self.attend), self.attend_bias)

    def forward(self, features: Tensor) -> Tensor:
        """[clips, cells, dimensions] -> clip logits [clips, classes], float32."""
        with without_autocast(features):
            features = features.float()
            attention = (self.logits(features) / self.seen).softmax(dim=1)
            means = attention.transpose(1, 2) @ features  # [clips, classes, dimensions]
            return (means * self._dense(self.classify)).sum(dim=2) + self.classify_bias


class FrameHead(nn.Module):
    """Linear layer with larger hidden states, then one small layer per class (row 6)."""

    def __init__(
        self, dimension: int, shares: Sequence[float], settings: FrameHeadSettings, width: float
    ):
        super().__init__()
        hidden, classes = scaled(settings.hidden, width), len(shares)
        self.hidden = nn.Linear(dimension, hidden)
        # One Linear(hidden, 1) per class, side by side, is one Linear(hidden, classes).
        inner = settings.class_hidden
        first = nn.Linear(hidden, classes * inner if inner else classes)
        mask = dimension_mask(hidden, shares).repeat_interleave(max(1, inner), dim=0)
        self.register_buffer("mask", mask, persistent=False)
        self.classify = first
        self.second = nn.Conv1d(classes * inner, classes, 1, groups=classes) if inner else None

    def forward(self, features: Tensor) -> Tensor:
        """[clips, cells, dimensions] -> frame logits [clips, cells, classes], float32."""
        hidden = functional.relu(self.hidden(features))
        scores = functional.linear(hidden, self.classify.weight * self.mask, self.classify.bias)
        if self.second is not None:
            scores = self.second(functional.relu(scores).transpose(1, 2)).transpose(1, 2)
        return scores.float()
