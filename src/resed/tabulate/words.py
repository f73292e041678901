"""Words of verdicts and decisions: what they are called in counts, and their symbols."""

from typing import NamedTuple


class Mark(NamedTuple):
    """How a word is shown. `tone` is a colour of the page; word, symbol and tone say the same."""

    symbol: str
    tone: str


# Verdicts on published numbers, and on claims here; word -> its name for several.
NUMBER_VERDICTS = {w: w for w in ("within", "above", "below", "not run", "no interval")}
CLAIM_VERDICTS = {
    "holds": "hold",
    "does not hold": "do not hold",
    "undecided": "undecided",
    "not run": "not run",
}
MARKS = {
    "holds": Mark("✓", "yes"),
    "does not hold": Mark("✗", "no"),
    "undecided": Mark("?", "open"),
    "not run": Mark("○", "absent"),
    "within": Mark("=", "yes"),
    "above": Mark("▲", "high"),
    "below": Mark("▼", "no"),
    "no interval": Mark("·", "open"),
    "better": Mark("▲", "yes"),
    "worse": Mark("▼", "no"),
    "mixed": Mark("◆", "open"),
    "supported": Mark("✓", "yes"),
    "contradicted": Mark("✗", "no"),
    "in part": Mark("◐", "open"),
    "not shown": Mark("○", "absent"),
}
