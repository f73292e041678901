"""Text from outside (names, labels, headers, answers of servers) for terminals, HTML and Markdown.

Each place has one function: `plain` for terminals and log files, `html` for HTML, `markdown` for
Markdown. The command line passes all its output through `plain` (`plain_output`).
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape as escape_html
from typing import TextIO

from markupsafe import Markup, escape

LONGEST = 2000  # characters of a message in one line
# Control characters of ASCII and Latin-1, halves of surrogate pairs, and invisible characters that
# change the direction of text or hide parts of it. Joiners (200C, 200D) belong to words and emoji.
_HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff"
)
_UNSAFE = re.compile(f"[{_HIDDEN}]")
# Link targets and link definitions, escapes, and the borders of cells.
_MARKS = {"|": "&#124;", "\\": "&#92;", "](": "]&#40;", "][": "]&#91;", "]:": "]&#58;"}
_MARK = re.compile("|".join(map(re.escape, _MARKS)))


def plain(text: object) -> str:
    r"""Text for a terminal or a log file: control and invisible characters as escape sequences.

    Line ends and tabs are kept.

    Examples:
        >>> plain("\x1b[31mred\x1b[0m")
        '\\x1b[31mred\\x1b[0m'
    """
    return _UNSAFE.sub(_escaped, str(text))


def one_line(text: object, longest: int = LONGEST) -> str:
    """Text as `plain`, on one line, with at most `longest` characters.

    Examples:
        >>> one_line("too long to read", 8)
        'too long ... (8 more characters)'
    """
    text = str(text)
    shown = plain(" ".join(text[:longest].split()))
    more = len(text) - longest
    return f"{shown} ... ({more} more characters)" if more > 0 else shown


def html(text: object) -> Markup:
    """Text as HTML; `Markup` is returned as it is."""
    return text if isinstance(text, Markup) else escape(plain(text))


def markdown(text: object) -> str:
    """Text as one line of Markdown: no HTML, no links, no borders of cells.

    **Strong** and `code` keep their meaning.
    """
    safe = escape_html(plain(" ".join(str(text).split())), quote=False)
    return _MARK.sub(lambda found: _MARKS[found[0]], safe)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


class PlainStream:
    """A text stream whose output goes through `plain`; everything else is that of `stream`."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write text as `plain`. Raises TypeError for bytes, as any text stream."""
        self.stream.write(_UNSAFE.sub(_escaped, text))
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        """Write all lines."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> object:
        return getattr(self.stream, name)


@contextmanager
def plain_output() -> Iterator[None]:
    """Pass all text that is written to standard output and error through `plain`."""
    before = sys.stdout, sys.stderr
    for stream in before:  # a terminal may lack characters of a name
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = map(PlainStream, before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def terminal(stream: TextIO) -> TextIO:
    """The stream without `plain`, for control sequences of our own, such as a progress bar."""
    return stream.stream if isinstance(stream, PlainStream) else stream
