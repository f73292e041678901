"""The bytes of a split's clips, wherever they are: a file below the dataset's root."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from resed.dataset import Dataset

ClipReader = Callable[[str], bytes | None]


@dataclass(frozen=True)
class FileReader:
    """Reads the files of one folder; small when passed on to another process."""

    folder: Path

    def __call__(self, filename: str) -> bytes | None:
        """The bytes of a clip, None where there is no such file; OSError where it is unreadable."""
        path = self.folder / filename
        return path.read_bytes() if path.is_file() else None


def clip_reader(dataset: Dataset, root: Path | str, split: str) -> ClipReader:
    """A function from a clip's file name to its bytes; None where the clip is missing.

    It can be passed to other processes. Raises OSError where a file cannot be read.
    """
    return FileReader(Path(root) / dataset.splits[split].audio)
