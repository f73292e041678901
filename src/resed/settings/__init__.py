"""All settings of a system as typed models. Every ambiguity of the paper is a setting.

The values of the paper are in config/systems/base.yaml. Row numbers in docstrings refer to the
tables of docs/readings.md, which give the reason for each value. Unknown keys are errors.
"""

from resed.settings.base import Closed, Fraction, Positive, Repetitions, Seed, Strict
from resed.settings.calibrate import CalibrateSettings
from resed.settings.decode import MOST_LOST_HEADS, DecodeSettings, SearchSettings
from resed.settings.distil import DistilSettings
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
    scaled,
)
from resed.settings.objective import (
    BetaSettings,
    ConsistencySettings,
    DistillationSettings,
    FocalSettings,
    MeanTeacherSettings,
    ObjectiveSettings,
    SingleSettings,
    StrongSettings,
    WeakSettings,
)
from resed.settings.own import OwnSettings
from resed.settings.schedule import AugmentSettings, BatchSettings, ScheduleSettings
from resed.settings.single import FrameCrnnSettings, WelsSettings
from resed.settings.store import StoreSettings
from resed.settings.system import SystemSettings
