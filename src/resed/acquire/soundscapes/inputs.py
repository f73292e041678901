"""What soundscapes are made from: nothing is decoded here."""

from pathlib import Path

from resed.acquire.soundscapes.settings import Soundscapes, soundscapes_of
from resed.acquire.soundscapes.soundbank_list import check_soundbank
from resed.config.dataset import Dataset
from resed.errors import DatasetError


def check_inputs(
    dataset: Dataset, soundbank: Path | str | None, annotations: Path | str | None
) -> list[str]:
    """Check that the soundbank and the annotations to follow exist; return remarks, one line each.

    Raises DatasetError or MissingFileError with the cure.
    """
    scenes = soundscapes_of(dataset)
    if scenes.annotations == "given":
        for split in dataset.splits:
            find_annotations(dataset, scenes, split, annotations)
    return check_soundbank(dataset, soundbank)


def find_annotations(
    dataset: Dataset, soundscapes: Soundscapes, split: str, folder: Path | str | None
) -> Path:
    """The annotation file of a split in a folder with one of the usual layouts.

    Raises DatasetError if `folder` is None, or the file is not in it.
    """
    name = Path(dataset.splits[split].annotations)
    where = f" from {soundscapes.annotations_source}" if soundscapes.annotations_source else ""
    cure = (
        f"download the annotations{where} and set acquire.annotations in the config, or "
        "--annotations, to their folder"
    )
    if folder is None:
        place = f"dataset {dataset.name}"
        raise DatasetError("no annotations to follow", place=place, cure=cure)
    short = Path(*name.parts[1:]) if len(name.parts) > 1 else name
    layouts = (name, Path("dataset") / name, short, Path(name.name))
    found = [Path(folder) / layout for layout in layouts if (Path(folder) / layout).is_file()]
    if not found:
        raise DatasetError(f"neither {name} nor {short} exists", place=folder, cure=cure)
    return found[0]
