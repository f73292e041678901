"""Progress of long loops: a bar on a terminal, a line every few seconds in a log file."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from resed.escaping import plain, terminal

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
    with Progress(
        *columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()
    ) as bar:
        task = bar.add_task("", total=None, text=what)

        def show(text: Callable[[], str]) -> None:
            bar.update(task, text=plain(f"{what}: {text()}"))

        yield show
