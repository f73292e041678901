"""Every setting of a system as a closed, typed tree; what the paper leaves open is a key.

The values of the paper are in config/systems/base.yaml. The rows named in docstrings are those of
the tables in docs/readings.md, which give the reason of each value. All models refuse unknown keys.
"""

from resed.settings.base import Fraction, Positive, Strict
from resed.settings.calibrate import CalibrateSettings
from resed.settings.decode import DecodeSettings
from resed.settings.features import FeatureSettings
from resed.settings.model import (
    CrnnSettings,
    DisentangledSettings,
    FrameHeadSettings,
    ModelSettings,
    RecurrentSettings,
    StudentSettings,
    TagHeadSettings,
    TeacherSettings,
)
from resed.settings.objective import (
    BetaSettings,
    ConsistencySettings,
    DistillationSettings,
    FocalSettings,
    MeanTeacherSettings,
    ObjectiveSettings,
    StrongSettings,
    WeakSettings,
)
from resed.settings.schedule import AugmentSettings, BatchSettings, ScheduleSettings
from resed.settings.system import SystemSettings
