"""Checks that need several splits: lengths, classes with few examples, clips in two splits."""

from collections import Counter
from collections.abc import Collection, Mapping
from itertools import combinations
from pathlib import Path

from resed.check.dataset_file import DatasetDescription
from resed.check.messages import CheckMessages
from resed.check.split_check import SplitContent
from resed.config.dataset import LABELLED_ROLES, TRAINING_ROLES
from resed.errors import counted, some
from resed.formats.clip_names import composed
from resed.runtime.files import sha256

EFFECTS = {  # of a class without a clip in a split
    "weak": "trained on strong clips only",
    "strong": "not trained on frames, and its window is the fallback",
    "development": "not considered when epochs and thresholds are chosen",
    "evaluation": "without a score on evaluation",
}
SINGLE = {  # effect of a class with one clip in a split
    "weak": "a network sees it once per epoch",
    "strong": "its window rests on the events of one clip",
    "development": "epochs and thresholds rest on one clip of it",
    "evaluation": "its score rests on one clip",
}
LENGTH_TOLERANCE_S = 0.05  # encoders add a few milliseconds
LABEL_FILES = frozenset({".txt", ".tsv", ".csv"})
MOST_ALIKE = 0.9  # share of clips of one length from which it is the length of the dataset


def check_lengths(
    description: DatasetDescription, contents: Mapping[str, SplitContent], messages: CheckMessages
) -> None:
    """Compare the lengths of all clips with clip_seconds.

    Clips of several lengths are allowed, and noted. If nearly all clips of the dataset have one
    length, and it is not clip_seconds, the dataset file is wrong.
    """
    seconds = sorted(s for content in contents.values() for s in content.seconds.values())
    if not seconds:
        return
    whole, middle = description.clip_seconds, seconds[len(seconds) // 2]
    tolerance = max(LENGTH_TOLERANCE_S, 0.01 * whole)
    alike = sum(abs(length - middle) <= tolerance for length in seconds) / len(seconds)
    if alike >= MOST_ALIKE and abs(middle - whole) > tolerance:
        messages.error(
            f"{whole:g}, but {alike:.0%} of the clips last {middle:.3g} s",
            place=f"{description.path}.clip_seconds",
            cure=f"set clip_seconds: {middle:.3g}",
        )
        return
    short = [length for length in seconds if length < whole - tolerance]
    long = [length for length in seconds if length > whole + tolerance]
    parts = [f"{len(short)} shorter ({_range(short)}), padded with silence"] if short else []
    parts += [f"{len(long)} longer ({_range(long)}), cut"] if long else []
    if parts:
        number = f"of {counted(len(seconds), 'clip')}, {' and '.join(parts)}"
        messages.note(f"{whole:g}; {number}", place=f"{description.path}.clip_seconds")


def _range(values: Collection[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.3g} s" if high - low < LENGTH_TOLERANCE_S else f"{low:.3g} to {high:.3g} s"


def check_classes(
    description: DatasetDescription,
    contents: Mapping[str, SplitContent],
    messages: CheckMessages,
) -> None:
    """Require a training clip of each class; note classes that are missing in a labelled split."""
    counts = {
        role: Counter(label for labels in contents[role].tags.values() for label in labels)
        for role in EFFECTS
        if role in contents and contents[role].names
    }
    labelled = [role for role in LABELLED_ROLES if role in description.splits]
    if any(role not in counts for role in labelled):
        return  # a missing file was reported before
    training = [counts[role] for role in labelled]
    never = [label for label in description.classes if not any(c[label] for c in training)]
    if never:
        messages.error(
            f"no clip of {' and '.join(labelled)} has {some(never)}",
            place=f"{description.path}.classes",
            cure="label clips with these classes, or remove the classes",
        )
    for role, found in counts.items():
        known = [label for label in description.classes if label not in never]
        lacking = [label for label in known if not found[label]]
        if lacking:
            each = "the class is" if len(lacking) == 1 else "the classes are"
            messages.note(f"no clip with {some(lacking)}; {each} {EFFECTS[role]}", place=role)
        single = [label for label in known if found[label] == 1]
        if single:
            events = Counter(event.event_label for event in contents[role].events)
            one = "event" if all(events[label] == 1 for label in single) else "clip"
            problem = f"a single {one} with {some(single)}; {SINGLE[role]}"
            messages.note(problem, place=role, cure="label more of them, if you can")


def check_names(contents: Mapping[str, SplitContent], messages: CheckMessages) -> None:
    """Refuse clips that are both in training and in a test split; note other repeated names."""
    files = {role: _by_composed_name(content) for role, content in contents.items()}
    for first, second in combinations(files, 2):
        one, other = files[first], files[second]
        both = sorted(one.keys() & other.keys())
        if not both:
            continue
        same = [name for name in both if _same(one[name], other[name])]
        place, clips = f"{first} and {second}", f"{counted(len(same), 'clip')} in both"
        if not same and {first, second} <= set(TRAINING_ROLES):
            continue
        if not same:
            names = f"{counted(len(both), 'name')} in both, of different audio ({some(both)})"
            messages.note(names, place=place)
        elif {first, second} <= set(TRAINING_ROLES):
            messages.note(f"{clips} ({some(same)}); they are used twice in training", place=place)
        else:
            cure = "remove them from one of the two: test clips must be used only for testing"
            messages.error(f"{clips} ({some(same)})", place=place, cure=cure)


def check_unlisted(contents: Mapping[str, SplitContent], messages: CheckMessages) -> None:
    """Note the files of each folder that no split lists; label files beside the sound are usual."""
    listed: dict[Path, set[str]] = {}
    found: dict[Path, tuple[Path, set[str]]] = {}
    for content in contents.values():
        if content.folder is not None:
            place = content.folder.resolve()
            found.setdefault(place, (content.folder, content.found))
            listed.setdefault(place, set()).update(path.name for path in content.files.values())
    for place, (folder, names) in found.items():
        unlisted = sorted(
            name for name in names - listed[place] if Path(name).suffix.lower() not in LABEL_FILES
        )
        if unlisted:
            number = counted(len(unlisted), "file")
            messages.note(
                f"{number} not listed in the annotations ({some(unlisted)})", place=folder
            )


def _by_composed_name(content: SplitContent) -> dict[str, Path | None]:
    """Name of each listed clip -> its file; None if it is missing."""
    return {composed(name): content.files.get(name) for name in content.names}


def _same(first: Path | None, second: Path | None) -> bool:
    """Whether two files are the same audio; assumed if one is missing."""
    if first is None or second is None or first == second:
        return True
    if first.stat().st_size != second.stat().st_size:
        return False
    return sha256(first) == sha256(second)
