"""Noise on the input of the teacher, and augmentation of log-mel batches (off by default)."""

import itertools

import torch
from torch import Tensor
from torch.nn import functional

from resed.extract.logmel import NOTHING
from resed.settings import AugmentSettings, ScheduleSettings
from resed.train.objective import Targets

LEAST = 1e-10  # magnitude below which mels are equal, for augmentations of logarithms
KNOTS = 6  # of the random equaliser over the mel axis


def noisy(mels: Tensor, settings: ScheduleSettings) -> Tensor:
    """Input of the teacher: log-mels plus Gaussian noise, or magnitudes plus its absolute value.

    Frames past the end of a clip (NOTHING, in magnitudes) do not change.
    """
    if not settings.teacher_noise:
        return mels
    noise = settings.teacher_noise * torch.randn_like(mels)
    if settings.noise == "gaussian":
        return mels + noise
    return torch.where(mels == NOTHING, mels, mels + noise.abs())


def augment(mels: Tensor, targets: Targets, settings: AugmentSettings) -> tuple[Tensor, Targets]:
    """Apply the chosen augmentations, with random draws per clip.

    Args:
        mels: natural log-mels [clips, frames, mels], in the order weak, strong, unlabeled.
        targets: their labels, which are moved and mixed with the clips.
    """
    if settings.mixup:
        mels, targets = _mix(mels, targets, settings.mixup)
    if settings.roll:
        mels, targets = _roll(mels, targets)
    clips, _, bands = mels.shape
    if settings.gain:
        mels = mels + settings.gain * torch.randn(clips, 1, 1, device=mels.device)
    if settings.filter:
        knots = settings.filter * torch.randn(clips, 1, KNOTS, device=mels.device)
        curve = functional.interpolate(knots, bands, mode="linear", align_corners=True)
        mels = mels + curve
    if settings.mel_shift:
        mels = _shift(mels, settings.mel_shift)
    if settings.mel_mask:
        mels = _mask(mels, settings.mel_mask)
    return mels, targets


def augment_magnitudes(
    mels: Tensor, targets: Targets, settings: AugmentSettings
) -> tuple[Tensor, Targets]:
    """As `augment`, for mel magnitudes of complete clips."""
    if not any(settings.model_dump().values()):
        return mels, targets
    mels, targets = augment(mels.clamp(min=LEAST).log(), targets, settings)
    return mels.exp(), targets


def _mix(mels: Tensor, targets: Targets, share: float) -> tuple[Tensor, Targets]:
    """Add another clip of the same role to a share of the clips; their labels are united.

    The only clip of its role in a batch remains as it is.
    """
    starts = [0, targets.weak, targets.weak + targets.strong, len(mels)]
    partners = []
    for start, stop in itertools.pairwise(starts):
        partners.append(start + (torch.arange(stop - start) + 1) % max(1, stop - start))
    partner = torch.cat(partners).to(mels.device)
    chosen = torch.rand(len(mels), device=mels.device) < share
    chosen &= partner != torch.arange(len(mels), device=mels.device)
    mels = torch.where(chosen[:, None, None], torch.logaddexp(mels, mels[partner]), mels)
    labelled = len(targets.tags)
    tags = torch.where(
        chosen[:labelled, None],
        torch.maximum(targets.tags, targets.tags[partner[:labelled]]),
        targets.tags,
    )
    strong = targets.framed
    other = targets.frames[partner[strong] - strong.start]
    frames = torch.where(
        chosen[strong, None, None], torch.maximum(targets.frames, other), targets.frames
    )
    return mels, Targets(tags, frames, targets.weak, targets.strong, targets.unlabeled)


def _roll(mels: Tensor, targets: Targets) -> tuple[Tensor, Targets]:
    """Roll each clip in time, with its frame labels."""
    clips, frames, _ = mels.shape
    shift = torch.randint(frames, (clips, 1), device=mels.device)
    index = (torch.arange(frames, device=mels.device)[None] + shift) % frames
    rolled = torch.gather(mels, 1, index[:, :, None].expand_as(mels))
    strong = index[targets.framed, :, None].expand_as(targets.frames)
    labels = torch.gather(targets.frames, 1, strong)
    return rolled, Targets(targets.tags, labels, targets.weak, targets.strong, targets.unlabeled)


def _shift(mels: Tensor, most: int) -> Tensor:
    """Shift the mel bands of each clip by -most to most bands; the outermost band is repeated."""
    clips, frames, bands = mels.shape
    by = torch.randint(-most, most + 1, (clips, 1), device=mels.device)
    source = (torch.arange(bands, device=mels.device)[None] - by).clamp(0, bands - 1)
    return torch.gather(mels, 2, source[:, None, :].expand(clips, frames, bands))


def _mask(mels: Tensor, widest: int) -> Tensor:
    """Set a random run of at most `widest` mel bands to the mean of the clip."""
    clips, _, bands = mels.shape
    width = torch.randint(widest + 1, (clips, 1), device=mels.device)
    start = (torch.rand(clips, 1, device=mels.device) * (bands - width)).long()
    band = torch.arange(bands, device=mels.device)[None]
    hidden = (band >= start) & (band < start + width)
    return torch.where(hidden[:, None], mels.mean(dim=(1, 2), keepdim=True), mels)
