"""Progress of long loops: a bar on a terminal, a line every few seconds in a log file."""

import io
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from typing import TYPE_CHECKING

from resed.escaping import plain, terminal

if TYPE_CHECKING:
    from rich.console import Console

EVERY = 5.0  # seconds between lines in a log


@contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """Show the progress of a loop over `total` items on stderr; yield `advance(count)`."""
    if sys.stderr.isatty():
        yield from _bar(total, what)
    else:
        yield from _lines(total, what)


def _bar(total: int, what: str) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    begin, done = time.monotonic(), 0
    with Progress(*columns, console=Console(file=terminal(sys.stderr))) as bar:
        task = bar.add_task(escape(plain(what)), total=total, rate="")

        def advance(count: int) -> None:
            nonlocal done
            done += count
            bar.update(task, advance=count, rate=_rate(done, begin))

        yield advance


def _lines(total: int, what: str) -> Iterator[Callable[[int], None]]:
    begin = last = time.monotonic()
    done = 0

    def advance(count: int) -> None:
        nonlocal done, last
        done += count
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            line = f"{what}: {done} of {total} ({100 * done // total} %), {_rate(done, begin)}"
            print(plain(line), file=sys.stderr, flush=True)

    yield advance


def _rate(done: int, begin: float) -> str:
    return f"{done / max(time.monotonic() - begin, 1e-9):.1f}/s"


@contextmanager
def status_line(what: str) -> Iterator[Callable[[Callable[[], str]], None]]:
    """Show a text that changes, on a terminal in one line, in a log every few seconds.

    Yields a function that receives the function that makes the text.
    """
    last = time.monotonic()
    if not sys.stderr.isatty():

        def log(text: Callable[[], str]) -> None:
            nonlocal last
            if time.monotonic() - last >= EVERY:
                last = time.monotonic()
                print(plain(f"{what}: {text()}"), file=sys.stderr, flush=True)

        yield log
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = SpinnerColumn(), TextColumn("{task.fields[text]}", markup=False)
    console = Console(file=terminal(sys.stderr))
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=False)
    with bar, _above(console) if sys.stdout.isatty() else nullcontext():
        task = bar.add_task("", total=None, text=what)

        def show(text: Callable[[], str]) -> None:
            bar.update(task, text=plain(f"{what}: {text()}"))

        yield show


@contextmanager
def _above(console: "Console") -> Iterator[None]:
    """Print standard output above the status line of a console.

    rich does so by itself, but breaks long lines, such as commands that a user wants to copy.
    """
    lines = _Lines(console)
    try:
        with redirect_stdout(lines):
            yield
    finally:
        lines.end()


class _Lines(io.TextIOBase):
    """A stream whose lines are printed on a console.

    `print` writes to it; `typer.echo` writes to the terminal itself, into a status line.
    """

    def __init__(self, console: "Console") -> None:
        self._console, self._begun = console, ""

    def write(self, text: str) -> int:
        """Print the lines that are complete."""
        from rich.text import Text

        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._console.print(Text(plain(line)), soft_wrap=True)
        return len(text)

    def end(self) -> None:
        """Print what has no line end."""
        if self._begun:
            self.write("\n")
