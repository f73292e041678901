"""Models that are installed with resed, by name: the files of src/resed/models."""

from pathlib import Path

from resed.config.loading import nearest
from resed.errors import MissingFileError

SUFFIX = ".safetensors"
FOLDER = Path(__file__).resolve().parents[1] / "models"  # package data, in the wheel
FILES = (SUFFIX, ".pt")


def installed_models(folder: Path | None = None) -> dict[str, Path]:
    """Name -> file of the models that are installed with resed, sorted by name."""
    return {path.stem: path for path in sorted((folder or FOLDER).glob(f"*{SUFFIX}"))}


def model_path(name_or_file: Path | str, folder: Path | None = None) -> Path:
    """The file of an installed model, or the path that was given.

    Text with a folder, or with the ending of a model file or of a checkpoint, is a path. Other text
    is the name of an installed model, or else a file of the current folder.

    Raises MissingFileError for a name that is neither.
    """
    path, installed = Path(name_or_file), installed_models(folder)
    if path.name != str(name_or_file) or path.suffix in FILES:
        return path
    if path.name in installed:
        return installed[path.name]
    if path.is_file():
        return path
    known = nearest(path.name, installed) if installed else "use the path of a model file"
    raise MissingFileError("no such model or file", place=name_or_file, cure=known)
