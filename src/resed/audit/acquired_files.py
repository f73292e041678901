"""Compare the audio files of a dataset with what acquire recorded (`resed verify --audio`)."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from resed.config.dataset import Dataset
from resed.errors import AlteredError, MissingFileError
from resed.formats.acquired_audio import compare_audio, recorded_hashes
from resed.formats.acquisition import FOLDER, table_path
from resed.formats.clip_names import clip_file
from resed.runtime.files import walk
from resed.runtime.progress import progress

MOST_NAMED = 100  # files without a record that are named


def verify_audio(
    dataset: Dataset, root: Path, threads: int | None = None, say: Callable[[str], None] = print
) -> int:
    """Compare all audio files of a dataset with their records; return their number.

    Names all files that are altered, missing or unreadable. Files without a record are named too,
    and are no error, because no job reads them.

    Args:
        root: folder of the dataset.
        threads: number of files hashed at the same time; None: one per core.

    Raises:
        AlteredError: a file differs from its record.
        MissingFileError: there is no record.
        StateError: a record is damaged.
    """
    folders = {split: place.audio for split, place in dataset.splits.items()}
    records = {split: recorded_hashes(root, split) for split in folders}
    total = sum(map(len, records.values()))
    if not total:
        cure = "run resed acquire; clips that are rendered when they are read have no record"
        raise MissingFileError("no record of audio", place=root / FOLDER, cure=cure)
    lost = [split for split in folders if not table_path(root, split).is_file()]
    for split in lost:
        say(f"no record: {table_path(root, split)}")
    counts: Counter[str] = Counter()
    with progress(total, f"verify audio of {dataset.name}") as advance:
        for one in compare_audio(root, folders, threads):
            if one.status != "ok":
                counts[one.status] += 1
                say(f"{one.status}: {one.path}")
            advance(1)
    extra = _extra(root, folders, records)
    for path in islice(extra, MOST_NAMED):
        say(f"without a record, and not used: {path}")
    if more := sum(1 for _ in extra):
        say(f"without a record, and not used: {more} more")
    counts["without a record of their split"] += len(lost)
    bad = [f"{number} {status}" for status, number in sorted(counts.items()) if number]
    if bad:
        problem = f"{', '.join(bad)}, of {total} audio files"
        cure = (
            "put back your own recordings from a copy; delete those that resed fetched or "
            "rendered, and run resed acquire again"
        )
        raise AlteredError(problem, place=root, cure=cure)
    return total


def _extra(
    root: Path, folders: Mapping[str, str], records: Mapping[str, Mapping[str, str]]
) -> Iterator[Path]:
    """Visible files in the folders of audio that no split records; splits may share a folder."""
    known = {
        clip_file(root / folders[split], name) for split, names in records.items() for name in names
    }
    for folder in sorted(set(folders.values())):
        for place, _, names in walk(root / folder) if (root / folder).is_dir() else ():
            for name in sorted(names):
                if not name.startswith(".") and place / name not in known:
                    yield place / name
