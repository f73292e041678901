"""Propose the splits, classes and clip length of a dataset from what a folder contains.

Every choice that the names of files and folders do not make is an assumption, in one sentence.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from resed.check.between_splits import LENGTH_TOLERANCE_S, MOST_ALIKE
from resed.check.label_sources import FolderContent, LabelSource, clips_of, drop_clips, role_of
from resed.check.sound_places import SoundPlaces
from resed.config.dataset import ROLES, Role, class_problem
from resed.errors import AudioError, DatasetError, ResedError, counted, some
from resed.formats.audio import probe
from resed.formats.regions import Region
from resed.paper.tables import OVERALL

SHARES: dict[Role, float] = {"development": 0.2, "evaluation": 0.2}  # of clips without a split
FEWEST = 3  # recordings with labels: one for training, one for each of the others
SEED = 2019  # of the division
LONGEST_S = 60.0  # of clips of several lengths, of which the longest is taken as a whole
PART = re.compile(r"(.+?)[_-][0-9]+(\.[0-9]+)?[_-][0-9]+(\.[0-9]+)?\Z")  # of a recording, by times
MOST_PARTS = 0.9  # share of names from which such names are those of parts


@dataclass
class ProposedSplit:
    """A split: the place of its sound files, and their labels; None for unlabeled files."""

    audio: Path
    clips: dict[str, list[Region] | None]
    source: LabelSource | None = None  # whose labels are those of the split, unchanged


@dataclass
class ProposedDataset:
    """A proposal of a dataset; `assumptions` are what the folder does not say."""

    splits: dict[Role, ProposedSplit]
    classes: list[str]
    clip_seconds: float
    assumptions: list[str] = field(default_factory=list)
    sounds: SoundPlaces = field(default_factory=lambda: SoundPlaces({}))

    def clips_by_class(self) -> dict[str, dict[Role, int]]:
        """Class -> labelled split -> number of clips with the class."""
        labelled = {role: split for role, split in self.splits.items() if role != "unlabeled"}
        return {
            label: {
                role: sum(
                    any(one.label == label for one in found or ()) for found in split.clips.values()
                )
                for role, split in labelled.items()
            }
            for label in self.classes
        }


def plan_dataset(content: FolderContent, folder: Path) -> ProposedDataset:
    """Propose a dataset. Raises DatasetError for what is missing or not clear."""
    assumptions = list(content.notes)
    seconds = _lengths(content, assumptions)
    splits = _labelled_splits(content.sources, assumptions)
    _divide_rest(splits, assumptions, folder)
    _add_weak(splits, assumptions)
    _add_unlabeled(splits, content, folder, seconds, assumptions)
    classes = _classes(splits, folder)
    _refuse_points(splits)
    used = [seconds[split.audio, clip] for split in splits.values() for clip in split.clips]
    whole = _clip_seconds(used, folder, assumptions)
    ordered = {role: splits[role] for role in ROLES if role in splits}
    return ProposedDataset(ordered, classes, whole, assumptions, content.sounds)


def _lengths(content: FolderContent, assumptions: list[str]) -> dict[tuple[Path, str], float]:
    """Seconds of each sound file; those that cannot be read are left out of all sources."""
    seconds, broken = {}, []
    for place, name in clips_of(content.sounds.names):
        try:
            seconds[place, name] = probe(place / name).seconds
        except AudioError as error:
            broken.append(f"{name} ({error.status})")
        except (ResedError, OSError):
            broken.append(f"{name} (unreadable)")
    if broken:
        number = counted(len(broken), "sound file")
        assumptions.append(f"{number} cannot be read and are left out: {some(broken)}")
    for source in content.sources:
        for clip in list(source.clips):
            path = content.sounds.file(source.audio, clip)
            if (path.parent, path.name) not in seconds:
                drop_clips(source, [clip])
            else:
                seconds[source.audio, clip] = seconds[path.parent, path.name]
    return seconds


def _labelled_splits(
    sources: Sequence[LabelSource], assumptions: list[str]
) -> dict[Role, ProposedSplit]:
    """The splits that names show; the labels without a name are the split strong for now."""
    by_role: dict[Role, list[LabelSource]] = defaultdict(list)
    named = [source for source in sources if source.role]
    for source in sources:
        labelled = "weak" if any(source.clips.values()) else "unlabeled"
        role = source.role or ("strong" if source.timed else labelled)
        if not source.timed and role == "strong":
            role = "weak"  # such as train/labels.tsv
        if not source.timed and role in SHARES:
            cure = "label its events with onsets and offsets, or leave the file out"
            raise DatasetError(f"{role} requires times of events", place=source.place, cure=cure)
        if named and source.role is None and source.timed:
            cure = "name all by their splits (train, development, evaluation), or none"
            raise DatasetError(
                f"shows no split by its name, but {named[0].place} does",
                place=source.place,
                cure=cure,
            )
        if source.clips:
            by_role[role].append(source)
    splits: dict[Role, ProposedSplit] = {}
    for role, found in by_role.items():
        if len(found) > 1:
            problem = f"{some([str(one.place) for one in found])} have labels of one split, {role}"
            cure = "put them into one, or name them by their splits"
            raise DatasetError(problem, place=found[1].place, cure=cure)
        source = found[0]
        splits[role] = ProposedSplit(source.audio, dict(source.clips), source)
        if source.role:
            shown = counted(len(source.clips), "clip")
            assumptions.append(f"{source.place} is the split {role} by its name: {shown}")
    return splits


def _divide_rest(splits: dict[Role, ProposedSplit], assumptions: list[str], folder: Path) -> None:
    """Take the missing scored splits from strong, recording by recording."""
    missing = [role for role in SHARES if role not in splits]
    if "strong" not in splits:
        cure = "add labels with times for training, in a file or folder named train or strong"
        raise DatasetError("contains no labels for training", place=folder, cure=cure)
    if not missing:
        return
    pool = splits["strong"]
    groups, how = _recordings(pool.clips)
    if len(groups) <= len(missing):
        problem = f"{counted(len(groups), 'labelled recording')}; at least {FEWEST} are divided"
        raise DatasetError(problem, place=folder, cure="label more of them")
    parts = divide(groups, pool.clips, {role: SHARES[role] for role in missing})
    for role in missing:
        splits[role] = ProposedSplit(pool.audio, parts[role])
    splits["strong"] = ProposedSplit(pool.audio, parts["strong"])
    shares = ", ".join(f"{role} {len(clips)}" for role, clips in parts.items())
    assumptions.append(
        f"no name shows {' and '.join(missing)}, so labelled clips are divided at random, {how}: "
        f"{shares} clips"
    )


def _recordings(clips: Iterable[str]) -> tuple[list[list[str]], str]:
    """Clips that must be in one split, and how they were found."""
    names = list(clips)
    found = {name: PART.fullmatch(Path(name).stem) for name in names}
    if sum(match is not None for match in found.values()) < MOST_PARTS * len(names):
        return [[name] for name in names], "clip by clip (divide clips of one recording yourself)"
    groups: dict[str, list[str]] = defaultdict(list)
    for name, match in found.items():
        groups[match[1] if match else name].append(name)
    return list(groups.values()), "by the recordings that the names show"


def divide(
    groups: Sequence[list[str]],
    clips: Mapping[str, list[Region] | None],
    shares: Mapping[Role, float],
) -> dict[Role, dict[str, list[Region] | None]]:
    """Divide groups of clips into strong and the splits of `shares`.

    Iterative stratification (Sechidis et al. 2011): from the rarest class on, each group goes to
    the split that lacks most of the class, and groups without labels to the split that lacks most
    clips. A class of one group is in strong.
    """
    order = sorted(groups)
    random.Random(SEED).shuffle(order)
    labels = [{one.label for clip in group for one in clips[clip] or ()} for group in order]
    counts = Counter(label for found in labels for label in found)
    wanted = {"strong": 1 - sum(shares.values()), **dict(reversed(shares.items()))}
    place: dict[int, Role] = {}
    sizes: Counter[Role] = Counter()
    have: Counter[tuple[Role, str]] = Counter()

    def lacks(role: Role, label: str | None) -> tuple[float, float]:
        size = wanted[role] * len(clips) - sizes[role]
        return size if label is None else wanted[role] * counts[label] - have[role, label], size

    for label in [*sorted(counts, key=lambda label: (counts[label], label)), None]:
        for index, found in enumerate(labels):
            if index in place or not (label is None or label in found):
                continue
            role = max(wanted, key=lambda role: lacks(role, label))
            place[index] = role
            sizes[role] += len(order[index])
            have.update((role, one) for one in found)
    for role in shares:  # of few groups
        if role not in place.values():
            spare = next(i for i in place if sum(r == place[i] for r in place.values()) > 1)
            place[spare] = role
    order_of = {clip: place[i] for i, group in enumerate(order) for clip in group}
    parts: dict[Role, dict[str, list[Region] | None]] = {role: {} for role in ("strong", *shares)}
    for clip, found in clips.items():
        parts[order_of[clip]][clip] = found
    return parts


def _add_weak(splits: dict[Role, ProposedSplit], assumptions: list[str]) -> None:
    if "weak" not in splits:
        strong = splits["strong"]
        splits["weak"] = ProposedSplit(strong.audio, dict(strong.clips))
        assumptions.append("no weak labels: the classes of the strong clips are used, too")


def _add_unlabeled(
    splits: dict[Role, ProposedSplit],
    content: FolderContent,
    folder: Path,
    seconds: dict[tuple[Path, str], float],
    assumptions: list[str],
) -> None:
    """The list of unlabeled clips, or a folder of that name, or files without labels beside."""
    if "unlabeled" in splits:
        return
    file = content.sounds.file
    listed = {file(split.audio, clip) for split in splits.values() for clip in split.clips}
    strong = {file(splits["strong"].audio, clip).parent for clip in splits["strong"].clips}
    free: dict[Path, list[str]] = defaultdict(list)
    for place, name in clips_of(content.sounds.names):
        if (place, name) in seconds and place / name not in listed:
            free[place].append(name)
    named = [place for place in free if role_of(place, folder) == "unlabeled"]
    chosen = named or [place for place in free if place in strong]
    if chosen:
        place, clips = chosen[0], free[chosen[0]]
        if len(chosen) > 1:
            files = [where / name for where in chosen for name in free[where]]
            place, names = content.sounds.gather(files)
            clips = [names[path] for path in files]
            seconds |= {(place, names[path]): seconds[path.parent, path.name] for path in files}
        splits["unlabeled"] = ProposedSplit(place, dict.fromkeys(clips))
        number = counted(len(clips), "sound file")
        assumptions.append(f"{number} of {place} without labels are the split unlabeled")
        return
    weak = splits["weak"]
    splits["unlabeled"] = ProposedSplit(weak.audio, dict.fromkeys(weak.clips))
    assumptions.append("no unlabeled clips: the weak clips are used twice")


def _classes(splits: Mapping[Role, ProposedSplit], folder: Path) -> list[str]:
    """All labels, sorted; DatasetError for a label that cannot be a class."""
    trained: set[str] = set()
    found: dict[str, str] = {}
    for role, split in splits.items():
        for clip, labels in split.clips.items():
            for one in labels or ():
                found.setdefault(one.label, clip)
                if role in ("weak", "strong"):
                    trained.add(one.label)
    for label, clip in sorted(found.items()):
        problem = class_problem(label) or ("is reserved for a row of tables" * (label == OVERALL))
        if problem:
            cure = "rename the class in the labels"
            raise DatasetError(f"the label {label!r} of {clip} {problem}", place=folder, cure=cure)
    never = sorted(set(found) - trained)
    if never:
        problem = f"no clip for training has {some(never)}"
        cure = "label more clips with these classes, at least one of them for training"
        raise DatasetError(problem, place=folder, cure=cure)
    return sorted(found)


def _refuse_points(splits: Mapping[Role, ProposedSplit]) -> None:
    """Raise DatasetError for a label without a length, as programs write for a point in time."""
    for role in ("strong", *SHARES):
        for clip, labels in splits[role].clips.items():
            for one in labels or ():
                if one.is_point:
                    problem = f"the label {one.label!r} of {clip} at {one.onset:g} s has no length"
                    cure = "mark the event from its onset to its offset, or delete the label"
                    raise DatasetError(problem, place=splits[role].audio, cure=cure)


def _clip_seconds(seconds: Sequence[float], folder: Path, assumptions: list[str]) -> float:
    ordered = sorted(seconds)
    middle, longest = ordered[len(ordered) // 2], ordered[-1]
    tolerance = max(LENGTH_TOLERANCE_S, 0.01 * middle)
    alike = sum(abs(one - middle) <= tolerance for one in ordered) / len(ordered)
    if alike >= MOST_ALIKE:
        return float(f"{middle:.3g}")
    if longest > LONGEST_S:
        problem = f"clips last from {ordered[0]:.3g} to {longest:.4g} s"
        cure = f"cut them into clips of at most {LONGEST_S:.0f} s, with labels of their own"
        raise DatasetError(problem, place=folder, cure=cure)
    whole = float(f"{longest:.3g}")
    assumptions.append(
        f"clips last from {ordered[0]:.3g} to {longest:.3g} s: clip_seconds is {whole:g}, and "
        "shorter clips are padded with silence"
    )
    return whole
