"""The `resed` command: one sub-command per stage, one file here per stage.

Slow imports (torch, scipy, pandas, matplotlib) are inside the command functions, so that
`resed --help` starts fast.
"""

import importlib
import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import typer

from resed import __version__
from resed.cli.plain import PlainCommand, PlainGroup
from resed.errors import ResedError, cure_of
from resed.escaping import one_line, plain
from resed.runtime import fingerprint
from resed.runtime import orphans as watch
from resed.runtime.packages import missing_package

# Heading of the help -> its commands: a module of this package has the one of its name, and those
# after a dot.
PANELS = {
    "Your recordings and detectors": (
        *("detect", "browse", "score", "compare", "convert", "models", "export"),
    ),
    "Datasets and training": (
        *("check", "acquire", "audit", "admit", "repair", "extract", "distil", "train"),
        *("predict", "compose.assign", "compose", "calibrate", "calibrate.threshold"),
        *("calibrate.search", "decode", "decode.sanity", "choose", "choose.card", "systems"),
    ),
    "Results of a run": ("tabulate", "draw", "report", "verify", "share", "share.restore"),
}
COMMANDS = tuple(name for names in PANELS.values() for name in names)

# Command -> its module of this package, which is the name of its stage.
STAGES = {name.rpartition(".")[2]: name.partition(".")[0] for name in COMMANDS}

app = typer.Typer(
    name="resed",
    cls=PlainGroup,
    help="Sound event detection: detect events in your recordings, compare detectors, and rebuild "
    "published systems.\n\nExample: resed detect recordings --out detected",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"resed {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Run before each command."""
    if context.invoked_subcommand:
        fingerprint.begin(STAGES[context.invoked_subcommand])


def guarded(name: str, command: Callable[..., None]) -> Callable[..., None]:
    """The command, which raises OverwriteError if an output is also an input or another output.

    A package that is not installed is an error with the extra that has it.
    """

    @wraps(command)
    def run(**values: Any) -> None:
        from resed.cli.outputs import refuse_overwriting

        refuse_overwriting(name, values)
        try:
            command(**values)
        except ModuleNotFoundError as error:
            raise missing_package(error) from None

    return run


for _panel, _names in PANELS.items():
    for _command in _names:
        _stage, _, _other = _command.partition(".")
        _function = getattr(importlib.import_module(f"resed.cli.{_stage}"), _other or _stage)
        app.command(cls=PlainCommand, rich_help_panel=_panel)(guarded(_other or _stage, _function))


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 an error in one line, 2 wrong usage."""
    watch.follow()
    watch.terminate_cleanly()
    try:
        app()
    except ResedError as error:
        _refuse(str(error))
    except watch.Terminated:
        print("resed: ended by SIGTERM; run the same command again to continue", file=sys.stderr)
        sys.exit(128 + signal.SIGTERM)
    except BrokenPipeError:  # `resed ... | head` is not an error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # a full disk, a path, a permission: the user can fix it
        place = one_line(error.filename or "a file")
        _refuse(f"{place}: {error.strerror or error}; {cure_of(error)}")


def _refuse(message: str) -> None:
    print(f"resed: {plain(' '.join(message.split()))}", file=sys.stderr)
    sys.exit(1)
