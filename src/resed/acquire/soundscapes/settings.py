"""The key `soundscapes` of a dataset file: the sound of each class, and the mix of each split."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from resed.acquire.soundscapes.annotation_statistics import CLIP_SECONDS
from resed.config.dataset import TRAINING_ROLES, Dataset, Role
from resed.config.loading import check
from resed.errors import ConfigError
from resed.settings import Strict

Background = Literal["room", "ventilation", "street", "hiss", "hall", "silence"]
Annotations = Literal["synthetic", "weak", "validation", "public"]
Range = tuple[float, float]


class BankClass(Strict):
    """A class of the soundbank."""

    follows: str  # class of the real task with the statistics to use
    # events: single events are cut out of a recording; continuous: any part of it, looped if short
    texture: Literal["events", "continuous"]
    sound: str | None = None  # name in the soundbank; null: name of the class
    also: tuple[str, ...] = ()  # other names in the soundbank


class SplitSoundscapes(Strict):
    """The mix of one split. Levels in dB, times in seconds; ranges are [lowest, highest]."""

    folds: Annotated[list[int], Field(min_length=1)]
    tags: Annotations | None = None  # null: all annotations are given
    events: Literal["synthetic", "validation", "public"] | None = None
    backgrounds: Annotated[list[Background], Field(min_length=1)]
    background_db: Range  # RMS, full scale = 0 dB
    event_to_background_db: Range  # active RMS of the event / RMS of the background
    reverberation_s: Range | None = None  # time to decay by 60 dB; null: dry
    direct_to_reverberant_db: Range = (3.0, 12.0)

    @model_validator(mode="after")
    def _ordered(self) -> "SplitSoundscapes":
        for key in ("background_db", "event_to_background_db", "direct_to_reverberant_db"):
            low, high = getattr(self, key)
            if low > high:
                raise ValueError(f"{key} must be [lowest, highest]")
        low, high = self.reverberation_s or (0.1, 0.1)
        if not 0.05 <= low <= high <= 3.0:
            raise ValueError("reverberation_s must be [lowest, highest] between 0.05 and 3 seconds")
        return self


class Soundscapes(Strict):
    """The key `soundscapes`."""

    classes: dict[str, BankClass]
    splits: dict[Role, SplitSoundscapes]
    # drawn: events are drawn from statistics; given: the annotations of a folder are followed
    annotations: Literal["drawn", "given"] = "drawn"
    annotations_source: str = ""  # where they can be downloaded


def soundscapes_of(dataset: Dataset) -> Soundscapes:
    """Validate the key `soundscapes` of a dataset. Raises ConfigError with the path of the key.

    Training, development and evaluation must not share a fold, so that they share no recording.
    """
    place = f"datasets.{dataset.name}.soundscapes"
    scenes = check(Soundscapes, dataset.soundscapes, place)
    if set(scenes.classes) != set(dataset.classes):
        odd = ", ".join(sorted(set(scenes.classes) ^ set(dataset.classes)))
        problem = f"differs from the classes of the dataset in {odd}"
        raise ConfigError(problem, place=f"{place}.classes", cure="list each class once")
    followed = [item.follows for item in scenes.classes.values()]
    if len(set(followed)) != len(followed):
        problem = "two classes follow the same class of the real task"
        raise ConfigError(problem, place=f"{place}.classes", cure="use each class once")
    missing = [role for role in dataset.splits if role not in scenes.splits]
    if missing:
        problem = f"{', '.join(missing)} missing"
        raise ConfigError(problem, place=f"{place}.splits", cure="add a key for each split")
    foreign = [role for role in scenes.splits if role not in dataset.splits]
    if foreign:
        problem = f"{', '.join(foreign)} unknown"
        cure = "remove it, or add it to the splits of the dataset"
        raise ConfigError(problem, place=f"{place}.splits", cure=cure)
    for role, split in scenes.splits.items():
        given = scenes.annotations == "given" and dataset.splits[role].labels == "strong"
        if not given and not (split.tags and split.events):
            problem = "tags and events are required to draw the clips"
            raise ConfigError(problem, place=f"{place}.splits.{role}", cure="add both keys")
    if dataset.clip_seconds != CLIP_SECONDS:
        raise ConfigError(
            f"soundscapes last {CLIP_SECONDS:g} s",
            place=f"datasets.{dataset.name}.clip_seconds",
            cure=f"set it to {CLIP_SECONDS:g}",
        )
    sides: dict[int, str] = {}
    for role, split in scenes.splits.items():
        side = "training" if role in TRAINING_ROLES else role
        for fold in split.folds:
            if sides.setdefault(fold, side) != side:
                raise ConfigError(
                    f"fold {fold} is also used for {sides[fold]}",
                    place=f"{place}.splits.{role}.folds",
                    cure="use different folds for training, development and evaluation",
                )
    return scenes
