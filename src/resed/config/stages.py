"""Keys of a config that belong to one stage each."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from resed.config.dataset import Role
from resed.settings import Fraction, Repetitions, Seed, Strict

Share = Annotated[float, Field(gt=0, le=1)]


class AcquireSettings(Strict):
    """Settings of `resed acquire`."""

    scale: Share = 1.0
    scales: dict[Role, Share] = {}
    seed: Seed = 2019
    soundbank: str | None = None
    keep_audio: bool = True
    annotations: str | None = None
    folder: str | None = None
    sources: list[str] | None = None
    downloads: Annotated[int, Field(ge=1, le=64)] = 4

    def scale_of(self, split: str) -> float:
        """Share of the clips of a split, if they are soundscapes."""
        return self.scales.get(split, self.scale)


LEAST: dict[Role, float] = {
    "weak": 0.9,
    "unlabeled": 0.9,
    "strong": 0.9,
    "development": 0.9,
    "evaluation": 0.9,
}


class AuditSettings(Strict):
    """Conditions under which the audit accepts a dataset."""

    # Of out_of_domain only if it is given, so that the settings of datasets without that role stay
    # what they were before it existed
    least: dict[Role, Fraction] = LEAST
    leaks: Literal["report", "drop", "refuse"] = "report"
    late_events: Literal["leave_out", "count", "refuse"] = "leave_out"

    @field_validator("least", mode="before")
    @classmethod
    def _every_split(cls, value: Any) -> Any:
        """Set the default for splits that are not given."""
        return LEAST | value if isinstance(value, dict) else value

    def least_of(self, split: str) -> float:
        """Share of the clips of a split that the audit requires."""
        return next((share for role, share in self.least.items() if role == split), 0.9)


class PredictSettings(Strict):
    """What `resed predict` keeps."""

    tags_only: bool = False


class RepairSettings(Strict):
    """Settings of `resed repair`, which corrects a copy of the strong labels."""

    gap_s: Annotated[float, Field(ge=0)] = 0.15


class SensitivitySettings(Strict):
    """Study of the readings of a paper, which changes one reading at a time."""

    system: str = ""  # `load_config` takes the last of `systems`
    seeds: Repetitions = 1
    readings: list[str] = []  # empty: all readings that the study can run
    override: dict[str, Any] = {}  # laid over every reading and over the unchanged system
    report: bool = False  # whether `all` and the report include it


class BrowseSettings(Strict):
    """What the clip browser carries."""

    clips: Annotated[int, Field(ge=1, le=1000)] = 200
    megabytes: Annotated[float, Field(gt=0, le=1000)] = 25.0  # of 10^6 bytes
    seed: Seed = 0  # of the choice of clips
