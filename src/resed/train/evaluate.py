"""Quick scores during training, which show within a minute whether it makes progress."""

import numpy as np
import torch
from torch import Tensor

from resed.decode.events import events_of
from resed.formats.counts import class_f1
from resed.score.f1 import event_counts  # the best epoch may be chosen by event F1
from resed.score.ranking import macro_average_precision
from resed.train.batches import Grid, Stratum
from resed.train.finite import refuse_posteriors
from resed.train.framework import Networks


@torch.no_grad()
def infer(networks: Networks, features: Tensor, device: torch.device, *, batch: int = 32,
          autocast: torch.dtype | None = None,
          into: np.ndarray | None = None) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Posteriors of both networks in evaluation mode, on the CPU; they may be NaN.

    The networks are then in the mode in which they were. Networks in evaluation mode can be used by
    several threads.

    Args:
        into: array for the frames, float32, which may be on disk; without frames, none are kept.

    Returns:
        Student frames [clips, frames, classes], student tags and teacher tags [clips, classes].
    """
    training = networks.training
    networks.eval()
    frames, tags, teacher_tags = [], [], []
    with torch.autocast(device.type, autocast or torch.bfloat16, enabled=autocast is not None):
        for start in range(0, len(features), batch):
            mels = features[start : start + batch].to(device)
            student = networks.student(mels)
            teacher = networks.teacher(mels, slice(0)) if networks.teacher else student
            found = student.frames.float().cpu()
            if into is None:
                frames.append(found)
            elif into.shape[1]:
                into[start : start + len(found)] = found.numpy()
            tags.append(student.tags.float().cpu())
            teacher_tags.append(teacher.tags.float().cpu())
    networks.train(training)
    every = torch.cat(frames) if into is None else torch.from_numpy(into)
    return every, torch.cat(tags), torch.cat(teacher_tags)


def macro_f1(predicted: np.ndarray, reference: np.ndarray) -> float:
    """Mean F1 over classes (last axis); a class without a positive on either side counts 0."""
    axes = tuple(range(predicted.ndim - 1))
    predicted, reference = predicted.astype(bool), reference.astype(bool)
    sides = (predicted & reference, predicted & ~reference, ~predicted & reference)
    counts = np.stack([side.sum(axis=axes) for side in sides], axis=-1)
    return float(np.mean(np.nan_to_num(class_f1(counts), nan=0.0)))


def quick_scores(
    networks: Networks,
    name: str,
    stratum: Stratum,
    device: torch.device,
    grid: Grid | None = None,
    *,
    ranked: bool = False,
) -> dict[str, float]:
    """Tag F1 of both models and frame F1 as fractions, at 0.5 and without filters.

    Args:
        grid: also the event F1 of the frames, smoothed by a median over five frames, by which the
            Mean-Teacher baseline selects its epoch.
        ranked: also the mean average precision of the tags of the student.

    Raises NumberError for posteriors that are not finite, with the name of the stratum.
    """
    frames, tags, teacher_tags = infer(networks, stratum.features, device)
    for values in (frames, tags, teacher_tags):
        refuse_posteriors(name, values, stratum.clips)
    assert stratum.tags is not None
    reference = stratum.tags.cpu().numpy()
    scores = {
        "tags_f1": macro_f1(tags.numpy() >= 0.5, reference),
        "teacher_tags_f1": macro_f1(teacher_tags.numpy() >= 0.5, reference),
    }
    if ranked:
        scores["tags_map"] = macro_average_precision(tags.numpy(), reference)
    if stratum.frames is not None:
        gated = frames.numpy() * (tags.numpy() >= 0.5)[:, None]
        labels = stratum.frames.cpu().numpy()
        scores["frame_f1"] = macro_f1(gated >= 0.5, labels)
        if grid is not None:
            scores["event_f1"] = event_f1(frames.numpy() >= 0.5, labels, grid)
    return scores


def event_f1(active: np.ndarray, reference: np.ndarray, grid: Grid) -> float:
    """Macro event F1 by sed_eval of two arrays [clips, frames, classes].

    Collars are those of `resed score`. `active` is smoothed by a median over five frames;
    `reference` are the frame labels.
    """
    from scipy.ndimage import median_filter

    smooth = median_filter(active.astype(np.uint8), size=(1, 5, 1))
    classes = [str(number) for number in range(active.shape[2])]
    clips = [str(number) for number in range(len(active))]
    true, guess = (
        events_of(side.astype(bool), clips, classes, grid.seconds) for side in (reference, smooth)
    )
    return event_counts(true, guess, clips).summary()["macro_f1"]
