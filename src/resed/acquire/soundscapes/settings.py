"""The `soundscapes` part of a dataset file: which sounds for which class, and how they mix."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from resed.acquire.soundscapes.annotation_statistics import CLIP_SECONDS
from resed.config.closed import check
from resed.config.dataset import TRAINING_ROLES, Dataset
from resed.errors import ConfigError
from resed.settings import Strict

Role = Literal["weak", "unlabeled", "strong", "development", "evaluation"]
Background = Literal["room", "ventilation", "street", "hiss", "hall"]
Annotations = Literal["synthetic", "weak", "validation", "public"]
Range = tuple[float, float]


class BankClass(Strict):
    """One class of the soundbank and the class of the real task whose statistics it follows."""

    follows: str
    # events: cut one by one out of a recording; continuous: any stretch of it, looped if too short
    texture: Literal["events", "continuous"]
    sound: str | None = None  # its name in the soundbank; null: the class's own
    also: tuple[str, ...] = ()  # other names that a folder may use for it


class SplitScenes(Strict):
    """How one split sounds. Levels in dB, times in seconds; ranges are [lowest, highest]."""

    folds: Annotated[list[int], Field(min_length=1)]
    tags: Annotations | None = None  # null: nothing is drawn, for all of it is given
    events: Literal["synthetic", "validation", "public"] | None = None
    backgrounds: Annotated[list[Background], Field(min_length=1)]
    background_db: Range  # RMS, full scale = 0 dB
    event_to_background_db: Range  # active RMS of the event over RMS of the background
    reverberation_s: Range | None = None  # time to fall by 60 dB; null: dry
    direct_to_reverberant_db: Range = (3.0, 12.0)

    @model_validator(mode="after")
    def _ordered(self) -> "SplitScenes":
        for key in ("background_db", "event_to_background_db", "direct_to_reverberant_db"):
            low, high = getattr(self, key)
            if low > high:
                raise ValueError(f"{key} must be [lowest, highest]")
        low, high = self.reverberation_s or (0.1, 0.1)
        if not 0.05 <= low <= high <= 3.0:
            raise ValueError("reverberation_s must be [lowest, highest] between 0.05 and 3 seconds")
        return self


class Soundscapes(Strict):
    """All of `soundscapes`."""

    classes: dict[str, BankClass]
    splits: dict[Role, SplitScenes]
    # drawn: what happens when is drawn from statistics; given: a folder of annotations is followed
    annotations: Literal["drawn", "given"] = "drawn"
    annotations_source: str = ""  # where the public can fetch them


def soundscapes_of(dataset: Dataset) -> Soundscapes:
    """Validate a dataset's `soundscapes`; ConfigError names the key path.

    Refuses a fold that two of training, development and evaluation share: no recording may be heard
    on both sides.
    """
    place = f"datasets.{dataset.name}.soundscapes"
    scenes = check(Soundscapes, dataset.soundscapes, place)
    if set(scenes.classes) != set(dataset.classes):
        odd = ", ".join(sorted(set(scenes.classes) ^ set(dataset.classes)))
        raise ConfigError(
            f"{place}.classes: differs from the dataset's classes in {odd}; list each once"
        )
    followed = [item.follows for item in scenes.classes.values()]
    if len(set(followed)) != len(followed):
        raise ConfigError(
            f"{place}.classes: two follow one class of the real task; pair one to one"
        )
    missing = [role for role in dataset.splits if role not in scenes.splits]
    if missing:
        raise ConfigError(f"{place}.splits: lacks {', '.join(missing)}; describe each split")
    for role, split in scenes.splits.items():
        told = scenes.annotations == "given" and dataset.splits[role].labels == "strong"
        if not told and not (split.tags and split.events):
            raise ConfigError(
                f"{place}.splits.{role}: needs tags and events, for its clips are drawn from them"
            )
    if dataset.clip_seconds != CLIP_SECONDS:
        raise ConfigError(
            f"datasets.{dataset.name}.clip_seconds: soundscapes last {CLIP_SECONDS:g} s; set it so"
        )
    sides: dict[int, str] = {}
    for role, split in scenes.splits.items():
        side = "training" if role in TRAINING_ROLES else role
        for fold in split.folds:
            if sides.setdefault(fold, side) != side:
                raise ConfigError(
                    f"{place}.splits.{role}.folds: fold {fold} is also used for {sides[fold]}; "
                    "give training, development and evaluation folds of their own"
                )
    return scenes
