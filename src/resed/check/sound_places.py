"""Where the sound files of labels are: in one folder, or in several, which are gathered.

A split has one folder of sound files. Where the files of a split are in several, a place that does
not exist, such as `train/*`, stands for them; in the new dataset, it is a folder of links.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from resed.errors import DatasetError, counted, some
from resed.formats.clip_names import SOUNDS, clip_file, composed

GATHERED = "*"  # name of the place of gathered files


@dataclass
class SoundPlaces:
    """The sound files below a folder.

    Attributes:
        names: folder -> names of its sound files.
        gathered: place -> name -> sound file, of places that stand for several folders.
    """

    names: dict[Path, list[str]]
    gathered: dict[Path, dict[str, Path]] = field(default_factory=dict)

    def file(self, place: Path, clip: str) -> Path:
        """The sound file of a clip, which may not exist."""
        if place in self.gathered:
            return self.gathered[place].get(clip, place / clip)
        return clip_file(place, clip)

    def gather(self, files: Iterable[Path]) -> tuple[Path, dict[Path, str]]:
        """A place for files of several folders, and the name of each file in it.

        Names that occur in several folders have those of their folders before them.
        """
        paths = sorted(set(files))
        common = Path(os.path.commonpath([path.parent for path in paths]))
        place = common / GATHERED
        kept = self.gathered.setdefault(place, {})
        names = {path: name for name, path in kept.items()}
        new = [path for path in paths if path not in names]
        found = [*kept, *(path.name for path in new)]
        alike = len({composed(name).casefold() for name in found}) < len(found)
        for path in new:
            names[path] = "_".join(path.relative_to(common).parts) if alike else path.name
            if names[path] in kept:
                cure = "rename one of the two"
                problem = f"{path} and {kept[names[path]]} would have the same name"
                raise DatasetError(problem, place=common, cure=cure)
            kept[names[path]] = path
        return place, names

    def of_table(
        self, table: Path, clips: Iterable[str], preferred: Iterable[Path]
    ) -> tuple[Path, dict[str, str]]:
        """The place of the sound files of a table, and clip -> name of its file in it.

        Args:
            clips: names in the table, which may have folders, and may lack a suffix.
            preferred: folders that are taken where several have a file.

        Raises DatasetError if no clip is a sound file, or several files have the name of one.
        """
        wanted, preferred = list(clips), set(preferred)
        by_name, by_stem = self._index()
        found: dict[str, list[Path]] = {}
        for clip in wanted:
            found[clip] = _narrowed(clip, _candidates(clip, by_name, by_stem), preferred)
        if not any(found.values()):
            cure = "write names with the suffix of the file, such as a.wav"
            number = counted(len(wanted), "clip")
            problem = f"none of its {number} is a sound file ({some(wanted)})"
            raise DatasetError(problem, place=table, cure=cure)
        whole = _folder_with_all(found)
        several = next((paths for paths in found.values() if len(paths) > 1), None)
        if several and whole is None:
            base = Path(os.path.commonpath([path.parent for path in several]))
            names = some([str(path.parent.relative_to(base)) for path in several])
            cure = "name the table like its folder, or give a folder with one of them"
            raise DatasetError(
                f"its sound files are in several folders ({names})", place=table, cure=cure
            )
        files = {clip: paths[0] for clip, paths in found.items() if paths}
        if whole is not None:
            files = {clip: next(p for p in found[clip] if p.parent == whole) for clip in files}
        folders = {path.parent for path in files.values()}
        if len(folders) == 1:
            place, names_of = folders.pop(), {path: path.name for path in files.values()}
        else:
            place, names_of = self.gather(files.values())
        return place, {
            clip: names_of[files[clip]] if clip in files else PurePath(clip).name for clip in wanted
        }

    def _index(self) -> tuple[Mapping[str, list[Path]], Mapping[str, list[Path]]]:
        """Composed name, and name without suffix -> sound files."""
        by_name: dict[str, list[Path]] = defaultdict(list)
        by_stem: dict[str, list[Path]] = defaultdict(list)
        for place, names in self.names.items():
            for name in names:
                by_name[composed(name)].append(place / name)
                by_stem[composed(PurePath(name).stem)].append(place / name)
        return by_name, by_stem


def _candidates(
    clip: str, by_name: Mapping[str, list[Path]], by_stem: Mapping[str, list[Path]]
) -> list[Path]:
    name = composed(PurePath(clip).name)
    found = by_name.get(name, [])
    if not found and PurePath(name).suffix.lower() not in SOUNDS:
        found = by_stem.get(name, [])
    return found


def _narrowed(clip: str, paths: list[Path], preferred: set[Path]) -> list[Path]:
    """Those in the folders that the clip names, or in preferred folders, if there are any."""
    inside = tuple(map(composed, PurePath(clip).parent.parts))
    if inside:
        named = [p for p in paths if tuple(map(composed, p.parent.parts[-len(inside) :])) == inside]
        paths = named or paths
    return [path for path in paths if path.parent in preferred] or paths


def _folder_with_all(found: Mapping[str, list[Path]]) -> Path | None:
    """The only folder that has a file of every clip that has files; None if there is no such."""
    folders = [{path.parent for path in paths} for paths in found.values() if paths]
    common = set.intersection(*folders)
    return common.pop() if len(common) == 1 else None
