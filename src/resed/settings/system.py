"""All settings of one system."""

from resed.settings.base import Strict
from resed.settings.decode import DecodeSettings
from resed.settings.model import ModelSettings
from resed.settings.objective import ObjectiveSettings
from resed.settings.schedule import ScheduleSettings


class SystemSettings(Strict):
    """One system: model, objective, schedule and decoding, which can be combined freely."""

    model: ModelSettings
    objective: ObjectiveSettings
    schedule: ScheduleSettings
    decode: DecodeSettings = DecodeSettings()
