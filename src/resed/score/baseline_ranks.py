"""How the baselines rank clips, for their mAP and mAUC.

Baselines that do not listen give all clips of a class the same score, as a ranking by class priors
does. The order of the classes has no effect, because both scores are per class.
"""

from dataclasses import replace

import numpy as np

from resed.formats.ranking import BLIND_BASELINES, RANKED_BASELINES
from resed.score.threshold_free import Detector
from resed.settings import DecodeSettings


def of_baseline(kind: str, detector: Detector) -> Detector | None:
    """The clip posteriors of a baseline; None for one that has none.

    Args:
        kind: its name, as in `resed.config.rows.BASELINES`.
        detector: posteriors of the system whose tags are those of `own_tags`. The baselines in
            `BLIND_BASELINES` have its clips and classes, and the same score for all clips.
    """
    if kind not in RANKED_BASELINES:
        return None
    own = detector.posteriors
    if kind in BLIND_BASELINES:
        alike = np.zeros_like(own.tags)
        own = replace(own, tags=alike, teacher_tags=alike, lost_head_tags=None)
    return replace(detector, posteriors=own, windows=None, settings=DecodeSettings())
