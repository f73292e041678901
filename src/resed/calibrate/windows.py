"""Median-filter windows per class, from the strong training annotations.

Equation 7 of Liang et al. (journal version): W_c = eta * (L_1 + ... + L_{N_c}) / N_c, where the L_i
are the durations of the events of the class in ascending order and N_c is "the segment index for
the inflection point" of their cumulative distribution. `average` takes all events (N_c = N), as
Guided Learning does; `esp` stops at the knee. The paper does not define the inflection point. The
default is the knee by Kneedle; docs/readings.md gives the reasons, and there are three other
options.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from resed.errors import AnnotationError
from resed.formats.annotations import Event
from resed.formats.windows import Window

ETA = 1 / 3
TINY = 1e-9  # height of a knee; rounding error of a distribution on its diagonal


@dataclass(frozen=True, slots=True)
class Knee:
    """The point where the flat tail of a distribution of durations begins.

    Attributes:
        index: N_c, the number of events up to the knee (1-based, at most N).
        seconds: L_{N_c}, the duration at the knee.
        height: max(F - t), the largest distance of the normalised distribution from its diagonal
            (0 to 1).
        refusal: why it is not accepted as a knee; "" if it is.
    """

    index: int
    seconds: float
    height: float
    refusal: str = ""


def duration_cdf(durations: Iterable[float]) -> tuple[np.ndarray, np.ndarray]:
    """Empirical distribution of durations: sorted seconds [N], and the share i/N at each [N]."""
    x = np.sort(np.asarray(list(durations), dtype=np.float64))
    return x, np.arange(1, len(x) + 1) / max(len(x), 1)


def knee(
    durations: Iterable[float],
    method: str = "kneedle",
    guard: float = 0.0,
    quantile: float = 0.5,
) -> Knee:
    """Find N_c of equation 7 for one class.

    Args:
        method: kneedle: argmax of F - t, both axes of the CDF min-max normalised (Satopaa et al.
            2011). kde_mode: mode of the density, which is the inflection point of the CDF.
            cumulative_elbow: argmax of i/N minus the share of the total duration. quantile: the
            shortest `quantile` of the events.
        guard: with kneedle, the minimum height of a knee. A distribution that lies nowhere above
            its diagonal has no knee.

    Returns:
        The knee; its height is that of kneedle with all methods.
    """
    x, y = duration_cdf(durations)
    count = len(x)
    if count == 0:
        return Knee(0, math.nan, 0.0, "no events")
    if count == 1:
        return Knee(1, float(x[0]), 0.0, "one event only")
    if x[0] == x[-1]:
        return Knee(count, float(x[0]), 0.0, "all durations equal")
    bulge = (y - y[0]) / (y[-1] - y[0]) - (x - x[0]) / (x[-1] - x[0])
    height = float(bulge.max())
    refusal = ""
    if method == "kneedle":
        index = int(bulge.argmax()) + 1
        if height < TINY:
            refusal = "no knee: the distribution lies nowhere above its diagonal"
        elif height < guard:
            refusal = f"no knee: max(F - t) = {height:.3f} < {guard:g}"
    elif method == "kde_mode":
        index = max(1, int(np.searchsorted(x, density_mode(x), side="right")))
    elif method == "cumulative_elbow":
        index = int(np.argmax(y - np.cumsum(x) / x.sum())) + 1
    elif method == "quantile":
        index = min(count, max(1, math.ceil(quantile * count)))
    else:
        raise ValueError(f"unknown knee method {method!r}")
    return Knee(index, float(x[index - 1]), height, refusal)


def density_mode(x: np.ndarray) -> float:
    """Mode in seconds of a Gaussian density estimate, reflected at the longest event.

    Without the reflection, the estimate loses mass at the end of the clip and misses a mode there.
    The short end is not reflected, because the cut of the data at 0.25 s would then be the mode of
    every class of short events.
    """
    from scipy.stats import gaussian_kde

    reflected = np.concatenate([x, 2 * x[-1] - x])
    bandwidth = gaussian_kde(x).factor * x.std(ddof=1) / reflected.std(ddof=1)
    grid = np.linspace(x[0], x[-1], 1000)
    return float(grid[gaussian_kde(reflected, bw_method=bandwidth)(grid).argmax()])


def class_window(
    label: str,
    durations: Sequence[float],
    method: str = "esp",
    *,
    eta: float = ETA,
    options: Mapping[str, Any] | None = None,
) -> Window:
    """Window of one class (equation 7).

    A class without events has a window of 0 s (one frame, no smoothing). A class without a knee has
    the average over all its events. `fallback` of the window states the reason.

    Args:
        options: keyword arguments of `knee`.
    """
    x, _ = duration_cdf(durations)
    if not len(x):
        return Window(label, 0, None, 0.0, method, None, None, "no events; not smoothed")
    mean = float(x.mean())
    if method == "average":
        return Window(label, len(x), mean, eta * mean, method, None, None, "")
    found = knee(x, **(options or {}))
    if found.refusal:
        reason = f"{found.refusal}; average taken"
        return Window(label, len(x), mean, eta * mean, method, None, None, reason)
    window = eta * float(x[: found.index].mean())
    return Window(label, len(x), mean, window, method, found.index, found.seconds, "")


def calibrate(
    events: Mapping[str, Sequence[Event]],
    method: str = "esp",
    *,
    eta: float = ETA,
    classes: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> list[Window]:
    """One window per class, sorted by label.

    Args:
        events: events of the strong training split; windows from a scored split would leak.
        classes: classes that get a window even without an event.
        options: keyword arguments of `knee`.

    Raises:
        AnnotationError: there is no class.
    """
    durations: dict[str, list[float]] = {label: [] for label in classes or ()}
    for clip in events.values():
        for event in clip:
            durations.setdefault(event.event_label, []).append(event.offset - event.onset)
    if not durations:
        cure = "use the strong labels of the training split"
        raise AnnotationError("there are no events", cure=cure)
    return [
        class_window(label, durations[label], method, eta=eta, options=options)
        for label in sorted(durations)
    ]
