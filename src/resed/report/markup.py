"""Text, verdicts and cells of tables as HTML. All text is escaped here or by the template."""

import re

from markupsafe import Markup

from resed.escaping import html
from resed.tabulate.layout import NOT_RUN, Cell
from resed.tabulate.words import MARKS


def mark(word: str) -> Markup:
    """A verdict or decision with its symbol."""
    symbol, tone = MARKS[word]
    return Markup(
        '<span class="mark {}"><span class="symbol" aria-hidden="true">{}</span>{}</span>'
    ).format(tone, symbol, html(word))


def slug(text: str) -> str:
    """Text as part of an id: `does not hold` -> `does-not-hold`."""
    return re.sub(r"\W+", "-", text.lower()).strip("-")


def cell(shown: Cell) -> Markup:
    """A cell: an interval in small type below its number, a decision with its symbol."""
    if shown.text == NOT_RUN:
        return Markup('<span class="soft">not run</span>')
    parts = [marked(shown.text)] if shown.text else []
    if shown.interval:
        parts.append(Markup("<small>{}</small>").format(html(shown.interval)))
    if shown.word:
        parts.append(mark(shown.word))
    if shown.detail:
        parts.append(Markup("<small>{}</small>").format(html(shown.detail)))
    return Markup(" ").join(parts)


def marked(text: str) -> Markup:
    """Escaped text with its **strong** and `code` as HTML."""
    safe = str(html(text))
    safe = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", safe)
    return Markup(re.sub(r"`(.+?)`", r"<code>\1</code>", safe))
