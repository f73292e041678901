"""What shows only between splits: classes without examples, clips on both sides."""

from collections import Counter
from collections.abc import Mapping
from itertools import combinations

from resed.check.description import Description
from resed.check.findings import Findings, counted, some
from resed.check.split import Seen
from resed.config.dataset import TRAINING_ROLES
from resed.runtime.files import sha256

EFFECTS = {
    "weak": "it is learnt from the strong clips alone",
    "strong": "no frame teaches it, and its windows fall back",
    "development": "nothing tells there whether it is found",
    "evaluation": "it has no score there",
}


def check_classes(description: Description, seen: Mapping[str, Seen], findings: Findings) -> None:
    """Every class needs a clip to be learnt from, and better one in each labelled split."""
    counts = {
        role: Counter(label for labels in seen[role].tags.values() for label in labels)
        for role in EFFECTS
        if role in seen and seen[role].names
    }
    training = [counts[role] for role in ("weak", "strong") if role in counts]
    if len(training) < 2:
        return  # said already: a file is not there
    never = [label for label in description.classes if not any(c[label] for c in training)]
    if never:
        them = "it is" if len(never) == 1 else "they are"
        findings.wrong(
            f"{description.path}.classes: {some(never)} in no clip of weak and strong, so {them} "
            "never learnt; label clips with it, or remove it from classes"
        )
    for role, found in counts.items():
        known = [label for label in description.classes if label not in never]
        lacking = [label for label in known if not found[label]]
        if lacking:
            them = EFFECTS[role] if len(lacking) == 1 else f"of each: {EFFECTS[role]}"
            findings.note(f"{role}: no clip with {some(lacking)}; {them}")


def check_names(description: Description, seen: Mapping[str, Seen], findings: Findings) -> None:
    """No clip may be learnt from and tested on; other repetitions are worth knowing."""
    for first, second in combinations(seen, 2):
        one, two = seen[first], seen[second]
        both = sorted(set(one.names) & set(two.names))
        if not both:
            continue
        same = [name for name in both if _same(one, two, name)]
        inside = first in TRAINING_ROLES and second in TRAINING_ROLES
        if same and not inside:
            findings.wrong(
                f"{first} and {second}: {counted(len(same), 'clip')} in both ({some(same)}); what "
                "is tested must not be learnt from: leave it in one of them"
            )
        elif same:
            findings.note(
                f"{first} and {second}: {counted(len(same), 'clip')} in both ({some(same)}); they "
                "are learnt from twice"
            )
        elif not inside:
            findings.note(
                f"{first} and {second}: {counted(len(both), 'name')} in both, of other sounds "
                f"({some(both)})"
            )


def _same(one: Seen, two: Seen, name: str) -> bool:
    """Whether a clip named in both splits is the same sound; a missing file may be."""
    if name not in one.there or name not in two.there:
        return True
    first, second = one.there[name], two.there[name]
    if first == second:
        return True
    if first.stat().st_size != second.stat().st_size:
        return False
    return sha256(first) == sha256(second)
