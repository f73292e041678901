"""Words of verdicts, and cells of tables, for people."""

import re

from markupsafe import Markup, escape

# Each verdict has a word, a symbol and a tone (a colour of style.css): none is needed alone.
MARKS = {
    "holds": ("✓", "yes"),
    "does not hold": ("✗", "no"),
    "undecided": ("?", "open"),
    "not run": ("○", "absent"),
    "within": ("=", "yes"),
    "above": ("▲", "high"),
    "below": ("▼", "no"),
    "better": ("▲", "yes"),
    "worse": ("▼", "no"),
    "supported": ("✓", "yes"),
    "contradicted": ("✗", "no"),
    "in part": ("◐", "open"),
    "not shown": ("○", "absent"),
}
DECISIONS = ("better", "worse", "undecided")
# `43.1 [40.9, 45.3]`, `+1.2 [-0.3, +2.7]`, `−1.2 (−3.0 to 0.6) undecided`
NUMBER = re.compile(r"([+−-]?\d[\d.]*) (\[[^\]]+\]|\([^)]+\))(?: (\w+))?")


def mark(word: str) -> Markup:
    """A verdict with its symbol, as HTML."""
    symbol, tone = MARKS[word]
    return Markup(
        '<span class="mark {}"><span class="symbol" aria-hidden="true">{}</span>{}</span>'
    ).format(tone, symbol, word)


def slug(word: str) -> str:
    """A word as part of an id: `does not hold` -> `does-not-hold`."""
    return re.sub(r"\W+", "-", word.lower()).strip("-")


def cell(text: str) -> Markup:
    """A cell of a table as HTML: an interval small below its number, a decision with its symbol."""
    if text in DECISIONS:
        return mark(text)
    if text == "not run":
        return Markup('<span class="soft">not run</span>')
    found = NUMBER.fullmatch(text)
    if not found:
        return marked(text)
    number, interval, decision = found.groups()
    shown = Markup("{} <small>{}</small>").format(number, interval)
    return shown + mark(decision) if decision in DECISIONS else shown


def marked(text: str) -> Markup:
    """Escape `text`, then turn its **strong** and `code` into HTML."""
    safe = str(escape(text))
    safe = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", safe)
    return Markup(re.sub(r"`(.+?)`", r"<code>\1</code>", safe))
