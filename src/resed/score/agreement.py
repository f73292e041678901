"""Whether a reference and an estimate belong together: their clips, classes and times.

Names that differ by folder, suffix, case or Unicode form, misspelt classes and times in
milliseconds all give a score of 0. Files without a common clip are refused; everything else that
does not fit is reported as a note.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from statistics import median

from resed.errors import MOST_CLASSES, ScoreError, counted, some
from resed.formats.annotations import Event
from resed.formats.class_names import nearest_class

FOREIGN_UNIT = 30  # ratio of the median times of two files in different units, at least

# What two spellings of a name can differ by, and the spelling without it.
FORMS: dict[str, Callable[[str], str]] = {
    "folder": lambda name: re.split(r"[\\/]", name)[-1],
    "suffix": lambda name: re.sub(r"\.[A-Za-z][A-Za-z0-9]{1,4}$", "", name),
    "upper and lower case": str.casefold,
    "Unicode form": lambda name: unicodedata.normalize("NFC", name),
    "spaces": lambda name: re.sub(r"[\s_-]+", " ", name).strip(),
}
# Of classes, which are in no folder and have no suffix.
CLASS_FORMS: dict[str, Callable[[str], str]] = {
    "upper and lower case": str.casefold,
    "Unicode form": lambda name: unicodedata.normalize("NFKC", name),
    "spaces or punctuation": lambda name: re.sub(r"[\W_]+", " ", name).strip(),
}
Forms = Mapping[str, Callable[[str], str]]


@dataclass(frozen=True)
class Side:
    """One file of a comparison.

    Attributes:
        labels: clip -> its classes.
        events: clip -> its events; {} for a file of tags.
    """

    path: Path
    labels: Mapping[str, Collection[str]]
    events: Mapping[str, Sequence[Event]] = field(default_factory=dict)

    def classes(self, clips: Iterable[str]) -> set[str]:
        """The classes of some clips."""
        return {label for clip in clips for label in self.labels.get(clip, ())}


def folded(name: str, without: Collection[str] = (), forms: Forms = FORMS) -> str:
    """A name in the spelling that all `forms` but those of `without` give."""
    for form, fold in forms.items():
        if form not in without:
            name = fold(name)
    return name


def differences(one: str, other: str, forms: Forms = FORMS) -> list[str]:
    """The smallest set of forms that makes two names equal whose folded forms are equal."""
    for count in range(len(forms)):
        for chosen in combinations(forms, count):
            others = forms.keys() - set(chosen)
            if folded(one, others, forms) == folded(other, others, forms):
                return list(chosen)
    return list(forms)


def refuse_unrelated(reference: Side, estimated: Side) -> None:
    """Raise ScoreError for two sides that cannot belong together.

    Both have clips, and none in common; or they have no class in common, and one that is spelt
    differently on the two sides.
    """
    ours, theirs = list(estimated.labels), list(reference.labels)
    if ours and theirs and not set(ours) & set(theirs):
        raise _unrelated("clip", ours, theirs, (estimated, reference))
    found, true = (sorted(side.classes(side.labels)) for side in (estimated, reference))
    if not set(found) & set(true) and _same_but_for_spelling(found, true, CLASS_FORMS):
        raise _unrelated("class", found, true, (estimated, reference), CLASS_FORMS)


def _unrelated(
    what: str,
    names: Sequence[str],
    others: Sequence[str],
    sides: tuple[Side, Side],
    forms: Forms = FORMS,
) -> ScoreError:
    pair = _same_but_for_spelling(names, others, forms)
    here, there = pair or (names[0], others[0])
    reason = f", which differ by {_joined(differences(here, there, forms))}" if pair else ""
    cure = "write each name as in the reference"
    if not pair:
        cure = "use files of the same clips; a clip without events has a row with its name only"
    return ScoreError(
        f"none of its {counted(len(names), what)} is in {sides[1].path}, for example {here} here "
        f"and {there} there{reason}",
        place=sides[0].path,
        cure=cure,
    )


def notes_on(
    reference: Side,
    estimated: Side,
    clips: Sequence[str],
    lengths: Mapping[str, float] | None = None,
) -> list[str]:
    """What does not fit between two sides, one sentence each.

    Args:
        clips: the clips to score.
        lengths: seconds of each clip, as far as they are known.
    """
    return [
        *_clips_of_one_side(reference, estimated, clips),
        *_classes_of_one_side(estimated, reference, clips),
        *_classes_of_one_side(reference, estimated, clips),
        *_late_events(reference, estimated, clips, lengths or {}),
        *_foreign_unit(reference, estimated, clips),
        *_repeated_events(reference, clips),
        *_repeated_events(estimated, clips),
    ]


def _same_but_for_spelling(
    names: Iterable[str], others: Iterable[str], forms: Forms = FORMS
) -> tuple[str, str] | None:
    """A name and one of the others with the same folded form."""
    spelt = {folded(name, forms=forms): name for name in others}
    folds = ((name, folded(name, forms=forms)) for name in names)
    return next(((name, spelt[key]) for name, key in folds if key in spelt), None)


def _joined(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _clips_of_one_side(reference: Side, estimated: Side, clips: Sequence[str]) -> list[str]:
    missing = [clip for clip in clips if clip in reference.labels and clip not in estimated.labels]
    foreign = [clip for clip in clips if clip not in reference.labels]
    found = []
    if missing:
        scored = sum(clip in reference.labels for clip in clips)
        found.append(
            f"{len(missing)} of {counted(scored, 'clip')} of {reference.path} are not in "
            f"{estimated.path} ({some(missing)}); nothing counts as detected there"
        )
    if foreign:
        found.append(
            f"clip {foreign[0]} is not in {reference.path} ({len(foreign)} such); it counts as a "
            "clip without events, and its detections as false positives"
        )
    if pair := _same_but_for_spelling(missing, foreign):
        found.append(f"{pair[0]} and {pair[1]} differ by {_joined(differences(*pair))}; same clip?")
    return found


def _classes_of_one_side(side: Side, other: Side, clips: Sequence[str]) -> list[str]:
    """The classes that only `side` has, each with the nearest of the other side by spelling."""
    known = other.classes(clips)
    alone = sorted(side.classes(clips) - known)
    if not alone:
        return []
    shown = []
    for label in alone[:MOST_CLASSES]:
        near = nearest_class(label, sorted(known))
        shown.append(f"{label} (nearest: {near})" if near else label)
    names = some([*shown, *alone[MOST_CLASSES:]], MOST_CLASSES)
    return [f"{counted(len(alone), 'class')} of {side.path} not in {other.path}: {names}"]


def _late_events(
    reference: Side, estimated: Side, clips: Sequence[str], lengths: Mapping[str, float]
) -> list[str]:
    """Events that begin after the end of their clip.

    Where no length is known, a clip is taken to end with the last event of the reference, and only
    the estimate is checked.
    """
    sides, where = [reference, estimated], "the end of their clip"
    if not lengths:
        last = max((e.offset for e in _events(reference, clips)), default=0.0)
        lengths = dict.fromkeys(clips, last) if last else {}
        sides, where = [estimated], f"the last event of {reference.path}"
    found = []
    for side in sides:
        events = _events(side, clips)
        late = [e for e in events if e.onset >= lengths.get(e.filename, float("inf"))]
        if late:
            first = late[0]
            found.append(
                f"{len(late)} of {counted(len(events), 'event')} of {side.path} begin after {where}"
                f" ({first.filename} {first.event_label} at {first.onset:g} s of "
                f"{lengths[first.filename]:g} s); times are seconds from the start of the clip"
            )
    return found


def _foreign_unit(reference: Side, estimated: Side, clips: Sequence[str]) -> list[str]:
    sides = [(side, [e.offset for e in _events(side, clips)]) for side in (reference, estimated)]
    if not all(times for _, times in sides):
        return []
    (low, small), (high, large) = sorted(((median(t), s) for s, t in sides), key=lambda one: one[0])
    if high < FOREIGN_UNIT * low:
        return []
    return [
        f"half of the events of {large.path} end after {high:g} s, of {small.path} after {low:g} s;"
        " are the times of one file in milliseconds or minutes?"
    ]


def _repeated_events(side: Side, clips: Sequence[str]) -> list[str]:
    """Rows that stand twice: each counts, and at most one of them can be matched by an event."""
    counts = Counter(_events(side, clips))
    first = next((event for event, count in counts.items() if count > 1), None)
    if first is None:
        return []
    more = counts.total() - len(counts)
    return [
        f"{counted(more, 'event')} of {side.path} repeat an event of the same clip, class and "
        f"times ({first.filename} {first.event_label} from {first.onset:g} to {first.offset:g} s); "
        "each is scored as an event of its own"
    ]


def _events(side: Side, clips: Sequence[str]) -> list[Event]:
    return [event for clip in clips for event in side.events.get(clip, ())]
