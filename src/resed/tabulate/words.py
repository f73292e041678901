"""Words of verdicts and decisions, their plurals, and their symbols."""

from typing import NamedTuple


class Mark(NamedTuple):
    """Symbol and colour (`tone`) of a word. Both are redundant, so neither is needed to read it."""

    symbol: str
    tone: str


OTHER_DATA = "other data"  # of a number, or a claim on the size of a number, on other data
# Verdicts on published numbers, and on claims in this run; word -> plural.
NUMBER_VERDICTS = {w: w for w in ("within", "above", "below", "undecided", OTHER_DATA, "not run")}
CLAIM_VERDICTS = {
    "holds": "hold",
    "does not hold": "do not hold",
    "undecided": "undecided",
    OTHER_DATA: OTHER_DATA,
    "not run": "not run",
}
MARKS = {
    "holds": Mark("✓", "yes"),
    "does not hold": Mark("✗", "no"),
    "undecided": Mark("?", "open"),
    OTHER_DATA: Mark("≠", "absent"),
    "not run": Mark("○", "absent"),
    "within": Mark("=", "yes"),
    "above": Mark("▲", "high"),
    "below": Mark("▼", "no"),
    "better": Mark("▲", "yes"),
    "worse": Mark("▼", "no"),
    "mixed": Mark("◆", "open"),
    "supported": Mark("✓", "yes"),
    "contradicted": Mark("✗", "no"),
    "in part": Mark("◐", "open"),
    "not shown": Mark("○", "absent"),
}
