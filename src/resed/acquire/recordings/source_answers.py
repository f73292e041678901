"""The answers of all sources for a clip, and the state of the clip that follows from them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from resed.formats.acquisition import Answer

# The state of a missing clip is the first of these among the answers.
STATES = ("failed", "blocked", "corrupt", "gone")
MISSING = "missing"  # no source was asked


def state_of(answers: Iterable[Answer]) -> str:
    """The state of a clip that no source delivered."""
    states = {answer.state for answer in answers}
    return next((state for state in STATES if state in states), MISSING)


def sort_answers(answers: Mapping[str, Answer], order: Sequence[str]) -> dict[str, Answer]:
    """The answers in the order of the sources; answers of former sources follow, by name."""
    rank = {name: place for place, name in enumerate(order)}
    return dict(sorted(answers.items(), key=lambda item: (rank.get(item[0], len(rank)), item[0])))


def count_states(counts: Counter[str]) -> str:
    """The number of clips per state, such as "3 failed, 2 gone"."""
    return ", ".join(f"{counts[one]} {one}" for one in (*STATES, MISSING) if counts[one])
