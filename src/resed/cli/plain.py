"""Commands whose output and usage errors have no control characters from outside."""

import copy
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from resed.escaping import plain, plain_output

_UsageError: Any = typer.BadParameter.__base__  # of typer's own copy of click


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Remove control characters from wrong words of a command line."""
    try:
        yield
    except _UsageError as error:
        error.message = plain(error.message)
        raise


def _shown(text: str | None) -> str:
    """A help text as it is written: brackets are no styles, and only paragraphs end a line."""
    from rich.markup import escape

    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return escape("\n\n".join(" ".join(part.split()) for part in paragraphs))


class PlainCommand(TyperCommand):
    """A command; its help keeps the styles of a terminal."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        shown = copy.copy(self)
        shown.help = _shown(self.help)
        shown.params = [copy.copy(one) for one in self.params]
        for one in shown.params:
            if getattr(one, "help", None):
                one.help = _shown(one.help)
        super(PlainCommand, shown).format_help(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words after the name of the command."""
        with _plain_errors():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _plain_errors(), plain_output():
            return super().invoke(ctx)


class PlainGroup(TyperGroup):
    """All commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the options before the name of the command."""
        with _plain_errors():
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command of a name."""
        with _plain_errors():
            return super().resolve_command(ctx, args)
