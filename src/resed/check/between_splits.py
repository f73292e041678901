"""Checks that need several splits: classes without examples, clips in two splits."""

from collections import Counter
from collections.abc import Mapping
from itertools import combinations

from resed.check.dataset_file import DatasetDescription
from resed.check.messages import CheckMessages
from resed.check.split_check import SplitContent
from resed.config.dataset import TRAINING_ROLES
from resed.errors import counted, some
from resed.runtime.files import sha256

EFFECTS = {  # of a class without a clip in a split
    "weak": "trained on strong clips only",
    "strong": "not trained on frames, and its window is the fallback",
    "development": "not considered when epochs and thresholds are chosen",
    "evaluation": "without a score on evaluation",
}


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
    training = [counts[role] for role in ("weak", "strong") if role in counts]
    if len(training) < 2:
        return  # a missing file was reported before
    never = [label for label in description.classes if not any(c[label] for c in training)]
    if never:
        messages.error(
            f"no clip of weak and strong has {some(never)}",
            place=f"{description.path}.classes",
            cure="label clips with these classes, or remove the classes",
        )
    for role, found in counts.items():
        known = [label for label in description.classes if label not in never]
        lacking = [label for label in known if not found[label]]
        if lacking:
            each = "the class is" if len(lacking) == 1 else "the classes are"
            messages.note(f"no clip with {some(lacking)}; {each} {EFFECTS[role]}", place=role)


def check_names(contents: Mapping[str, SplitContent], messages: CheckMessages) -> None:
    """Refuse clips that are both in training and in a test split; note other repeated names."""
    for (first, one), (second, other) in combinations(contents.items(), 2):
        both = sorted(set(one.names) & set(other.names))
        if not both:
            continue
        same = [name for name in both if _same(one, other, name)]
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


def _same(one: SplitContent, other: SplitContent, name: str) -> bool:
    """Whether a clip of both splits is the same audio; assumed if a file is missing."""
    if name not in one.files or name not in other.files:
        return True
    first, second = one.files[name], other.files[name]
    if first == second:
        return True
    if first.stat().st_size != second.stat().st_size:
        return False
    return sha256(first) == sha256(second)
