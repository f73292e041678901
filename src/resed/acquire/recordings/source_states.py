"""What the sources said of a clip that is not there, kept as one line of the state file.

`zenodo: gone (not in a.zip); hub: failed (...)`: sources in the order of the dataset file.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

# Worst first: what another run could bring goes before what is certain.
STATES = ("failed", "blocked", "corrupt", "gone")
MISSING = "missing"  # no source was asked
_VERDICT = re.compile(r"(\w[\w.-]*): (failed|blocked|corrupt|gone)(?: \((.*)\))?")

Verdicts = dict[str, tuple[str, str]]  # source -> (state, detail)


def parse(text: str) -> Verdicts:
    """The verdicts of a line; what is no verdict is left out."""
    matches = (_VERDICT.fullmatch(part) for part in text.split("; "))
    return {match[1]: (match[2], match[3] or "") for match in matches if match}


def write(verdicts: Mapping[str, tuple[str, str]], order: Sequence[str]) -> str:
    """Verdicts as a line, sources in the given order, others by name after them."""
    ranked = sorted(verdicts, key=lambda name: (_rank(name, order), name))
    return "; ".join(
        f"{name}: {state}" + (f" ({' '.join(detail.replace(';', ',').split())})" if detail else "")
        for name, (state, detail) in ((name, verdicts[name]) for name in ranked)
    )


def overall(verdicts: Mapping[str, tuple[str, str]]) -> str:
    """The state of a clip from what all sources said of it."""
    said = {state for state, _ in verdicts.values()}
    return next((state for state in STATES if state in said), MISSING)


def in_words(counts: Counter[str]) -> str:
    """Counts by state: "3 failed, 2 gone"."""
    named = (*STATES, MISSING)
    return ", ".join(f"{counts[state]} {state}" for state in named if counts[state])


def _rank(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)
