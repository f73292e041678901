"""Windows of the median filters, and thresholds beyond the paper."""

from typing import Annotated, Literal

from pydantic import Field

from resed.settings.base import Fraction, Strict


class CalibrateSettings(Strict):
    """Event-specific windows (eq. 7) and the thresholds beyond the paper."""

    eta: Annotated[float, Field(gt=0)] = 1 / 3
    knee: Literal["kneedle", "kde_mode", "cumulative_elbow", "quantile"] = "kneedle"
    guard: Fraction = 0.1
    quantile: Fraction = 0.5
