"""All settings of one system."""

from pydantic import model_validator

from resed.settings.base import Strict
from resed.settings.decode import DecodeSettings
from resed.settings.model import ModelSettings
from resed.settings.objective import ObjectiveSettings
from resed.settings.schedule import ScheduleSettings

COUPLED = ("weak", "unlabeled", "strong")  # roles of a teacher with a student
BATCHED = ("weak", "strong", "unlabeled", "out_of_domain")  # the keys of schedule.batch


class SystemSettings(Strict):
    """One system: model, objective, schedule and decoding, which can be combined freely."""

    model: ModelSettings
    objective: ObjectiveSettings
    schedule: ScheduleSettings
    decode: DecodeSettings = DecodeSettings()

    def requires_other_weights(self, other: "SystemSettings") -> bool:
        """Whether it differs from `other` in more than the decoding."""
        return self.model_copy(update={"decode": other.decode}) != other

    @property
    def training_roles(self) -> tuple[str, ...]:
        """The roles on which the system is trained.

        All of a teacher with a student; of a network that is trained alone those whose clips are in
        a batch.
        """
        if self.model.framework != "single":
            return COUPLED
        batch = self.schedule.batch
        return tuple(role for role in BATCHED if getattr(batch, role))

    @property
    def read_roles(self) -> dict[str, str]:
        """Role -> the setting by which a training reads its clips: to train, scale or select."""
        found = {role: f"schedule.batch.{role}" for role in self.training_roles}
        scaled = self.model.scaler if self.model.input_norm == "training_clips" else {}
        found |= {role: f"model.scaler.{role}" for role in scaled if role not in found}
        if self.schedule.selection == "weak":
            found.setdefault("weak", "schedule.selection")
        return found

    @model_validator(mode="after")
    def _clips_of_a_batch(self) -> "SystemSettings":
        batch = self.schedule.batch
        if self.model.framework != "single" and (batch.out_of_domain or not batch.strong):
            raise ValueError(
                "schedule.batch requires strong clips and no out_of_domain clips, except with "
                "framework: single"
            )
        if not batch.weak + batch.strong + batch.unlabeled + batch.out_of_domain:
            raise ValueError("schedule.batch has no clip; raise one of its numbers")
        return self
