"""The key `recording` of a dataset file: a regular expression that is matched in bounded time.

The `re` module takes exponential time for patterns such as `(a+)+$`. Here, a pattern is translated
to at most MOST_STEPS steps, and each step is tried at most once at each character (the method of
RE2's BitState: R. Cox, Regular Expression Matching in the Wild, 2010), so that a name takes at most
MOST_STEPS times its length. The matches are those of `re`.
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from re import _compiler, _constants, _parser
from typing import Any

LONGEST_PATTERN = 500  # characters
LONGEST_NAME = 255  # characters of a name that can match; file systems allow no longer names
MOST_STEPS = 1000
SINGLE = {  # nodes of the parsed pattern that `re` itself matches in one step
    *(_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN, _constants.AT)
}
REFUSED = {
    _constants.GROUPREF: "a backreference",
    _constants.GROUPREF_EXISTS: "a condition on a group",
    _constants.ASSERT: "a lookahead or lookbehind",
    _constants.ASSERT_NOT: "a lookahead or lookbehind",
    _constants.ATOMIC_GROUP: "an atomic group",
    _constants.POSSESSIVE_REPEAT: "a possessive quantifier",
}
Step = tuple[str, Any]


@dataclass(frozen=True)
class NamedRecording:
    """What a name says of a clip: its recording, and where it is in it (seconds, or None).

    `part_known` is False if the name has texts in the place of times that are not times.
    """

    id: str
    start: float | None = None
    end: float | None = None
    part_known: bool = True


class RecordingPattern:
    r"""A pattern for names of sound files; `match` returns the recording of a name.

    Backreferences, lookarounds, atomic groups, flags within groups and repetitions of parts that
    may be empty are refused.

    Raises ValueError with the problem of the pattern.

    Examples:
        >>> RecordingPattern(r"(?P<id>.+)_(?P<start>\d+)\.wav").match("rain_3.wav")
        NamedRecording(id='rain', start=3.0, end=None)
    """

    def __init__(self, pattern: str) -> None:
        if len(pattern) > LONGEST_PATTERN:
            raise ValueError(f"must have at most {LONGEST_PATTERN} characters, not {len(pattern)}")
        try:
            re.compile(pattern)  # validates ranges that the parser alone does not
            parsed = _parser.parse(pattern)
            self._state, self._steps = parsed.state, list[Step]()
            self._add_all(parsed)
            self._add("match", None)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"not a regular expression ({error})") from None
        self._groups = dict(parsed.state.groupdict)

    @property
    def names(self) -> set[str]:
        """Names of the groups."""
        return set(self._groups)

    def match(self, name: str) -> NamedRecording | None:
        """The recording of a name; None if the name does not match from its start.

        Names of more than LONGEST_NAME characters and names without the group `id` do not match. If
        the groups `start` and `end` are not times, the recording is known and its part is not.
        """
        found = _first_match(self._steps, name) if len(name) <= LONGEST_NAME else None
        if found is None:
            return None
        parts = {
            group: name[found["start", index] : found["end", index]]
            for group, index in self._groups.items()
            if ("end", index) in found
        }
        times = {key: parts[key] for key in ("start", "end") if key in parts}
        if "id" not in parts:
            return None
        if not all(map(_is_time, times.values())):
            return NamedRecording(parts["id"], part_known=False)
        return NamedRecording(parts["id"], **{key: float(text) for key, text in times.items()})

    def _add(self, kind: str, value: Any) -> int:
        if len(self._steps) >= MOST_STEPS:
            raise ValueError(f"needs more than {MOST_STEPS} steps; use smaller repetitions")
        self._steps.append((kind, value))
        return len(self._steps) - 1

    def _add_all(self, nodes: Any) -> None:
        for node in nodes:
            self._add_node(*node)

    def _add_node(self, kind: Any, value: Any) -> None:
        if kind in SINGLE:
            one = _parser.SubPattern(self._state, [(kind, value)])
            self._add("test", _tester(_compiler.compile(one), zero_width=kind is _constants.AT))
        elif kind is _constants.SUBPATTERN:
            group, added, removed, body = value
            if added or removed:
                raise ValueError("sets flags within a group; set them at the start, or not at all")
            if group is None:
                self._add_all(body)
                return
            self._add("save", ("start", group))
            self._add_all(body)
            self._add("save", ("end", group))
        elif kind is _constants.BRANCH:
            self._add_branch(value[1])
        elif kind in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            self._add_repeat(*value, lazy=kind is _constants.MIN_REPEAT)
        else:
            what = REFUSED.get(kind, f"the construct {kind}")
            raise ValueError(f"has {what}, which has no bound in time; write it without")

    def _add_branch(self, bodies: list[Any]) -> None:
        ends = []
        for body in bodies[:-1]:
            split = self._add("split", None)
            self._add_all(body)
            ends.append(self._add("split", None))
            self._steps[split] = ("split", (split + 1, len(self._steps)))
        self._add_all(bodies[-1])
        for end in ends:
            self._steps[end] = ("split", (len(self._steps),))

    def _add_repeat(self, low: int, high: int, body: Any, *, lazy: bool) -> None:
        if high != 1 and not body.getwidth()[0]:
            raise ValueError("repeats a part that may be empty; repeat a part that is not")
        for _ in range(low):
            self._add_all(body)
        splits = []
        endless = high is _constants.MAXREPEAT
        for _ in range(low, low + 1 if endless else high):
            split = self._add("split", None)
            self._add_all(body)
            if endless:
                self._add("split", (split,))
            splits.append(split)
        for split in splits:
            ways = split + 1, len(self._steps)
            self._steps[split] = ("split", ways[::-1] if lazy else ways)


def _is_time(text: str) -> bool:
    """Whether a text is a finite number of seconds."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _tester(pattern: re.Pattern[str], *, zero_width: bool) -> Callable[[str, int], int]:
    """Return a function of a text and a position: the characters that match there, -1 if none."""
    if zero_width:
        return lambda text, at: 0 if pattern.match(text, at) else -1
    known = lru_cache(maxsize=1024)(lambda letter: pattern.match(letter) is not None)
    return lambda text, at: 1 if at < len(text) and known(text[at]) else -1


def _first_match(steps: list[Step], text: str) -> dict[tuple[str, int], int] | None:
    """Ends of groups of the first match in the order of `re`; None if there is no match."""
    tried = set[tuple[int, int]]()
    waiting: list[tuple[int, int, Any]] = [(0, 0, None)]
    while waiting:
        index, at, saved = waiting.pop()
        while (index, at) not in tried:
            tried.add((index, at))
            kind, value = steps[index]
            index += 1
            if kind == "test":
                width = value(text, at)
                if width < 0:
                    break
                at += width
            elif kind == "save":
                saved = (saved, value, at)
            elif kind == "split":
                index, *others = value
                waiting += [(other, at, saved) for other in reversed(others)]
            else:
                return dict(reversed(list(_chain(saved))))
    return None


def _chain(saved: Any) -> Iterator[tuple[tuple[str, int], int]]:
    """The saved ends of groups, the last one first."""
    while saved is not None:
        saved, place, at = saved
        yield place, at
