"""Posteriors in which each class is that of the system that serves it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from resed.compose.sources import Sources
from resed.errors import ResultsError, some
from resed.formats.class_choices import ClassChoice
from resed.formats.posteriors import Posteriors
from resed.runtime.fingerprint import made_by
from resed.runtime.scratch import scratch_array

CLIPS_AT_ONCE = 256


def compose(
    name: str,
    choices: Mapping[str, ClassChoice],
    sources: Sources,
    *,
    scratch: Path | None = None,
) -> Posteriors:
    """The composite `name`: posteriors of frames and tags, unsmoothed, class by class.

    Args:
        choices: class -> the system that serves it.
        sources: the posteriors of these systems, and possibly of others.
        scratch: folder of the temporary file of the frames.

    Raises:
        ResultsError: the choices are of other classes, or of a system that `sources` lack.
    """
    first = sources.first
    if {*choices} != {*first.classes}:
        wrong = sorted({*choices} ^ {*first.classes})
        problem = f"the classes of the choices and of {sources.path} differ: {some(wrong)}"
        raise ResultsError(problem, cure="choose with posteriors of the same systems")
    served = {label: choices[label].system for label in first.classes}
    missing = sorted({*served.values()} - {*sources.posteriors})
    if missing:
        problem = f"no posteriors of {some(missing)}, which serves a class"
        raise ResultsError(problem, cure="give the posteriors of all systems of the choices")
    frames = scratch_array(first.frames.shape, scratch)
    tags, teacher_tags = np.empty_like(first.tags), np.empty_like(first.teacher_tags)
    for system in dict.fromkeys(served.values()):
        of = sources.posteriors[system]
        columns = [i for i, label in enumerate(first.classes) if served[label] == system]
        for start in range(0, len(first.clips), CLIPS_AT_ONCE):
            rows = slice(start, start + CLIPS_AT_ONCE)
            frames[rows, :, columns] = of.frames[rows, :, columns]
        tags[:, columns] = of.tags[:, columns]
        teacher_tags[:, columns] = of.teacher_tags[:, columns]
    checkpoints = {
        system: sources.posteriors[system].meta.get("checkpoint_sha256")
        for system in sorted({*served.values()})
    }
    kept = ("seed", "split", "dataset", "seconds_per_frame", "manifest_sha256")
    meta = {
        "system": name,
        **{key: first.meta[key] for key in kept if key in first.meta},
        "checkpoint_sha256": _digest(served, checkpoints),
        "sources": served,
        "checkpoints": checkpoints,
        "made_by": made_by("compose"),
    }
    return Posteriors(frames, tags, teacher_tags, first.clips, first.classes, meta)


def _digest(served: Mapping[str, str], checkpoints: Mapping[str, str | None]) -> str:
    """SHA-256 that stands for the checkpoints of all classes, in the place of that of one."""
    lines = "".join(f"{checkpoints[name]} {label}\n" for label, name in served.items())
    return hashlib.sha256(lines.encode()).hexdigest()
