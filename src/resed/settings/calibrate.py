"""Settings of the windows of the median filters."""

from typing import Annotated, Literal

from pydantic import Field

from resed.settings.base import Fraction, Strict


class CalibrateSettings(Strict):
    """Row 22: windows of the median filters (eq. 7)."""

    eta: Annotated[float, Field(gt=0)] = 1 / 3  # factor on the mean duration
    knee: Literal["kneedle", "kde_mode", "cumulative_elbow", "quantile"] = "kneedle"
    guard: Fraction = 0.0  # smallest height of a knee; below it the class uses its average
    quantile: Fraction = 0.5  # share of the events up to the knee, for knee: quantile
