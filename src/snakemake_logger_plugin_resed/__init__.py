"""Messages of Snakemake in the form of resed: errors in one line with the cure, plain characters.

A logger plugin of Snakemake, which the profiles of the workflow load (`logger: resed`). Snakemake
starts it before it reads the files after --configfile. They are checked here, because Snakemake
reports a missing or malformed file by a traceback, and runs expressions of a template as Python.
"""

import logging
import os
import re
import sys
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from snakemake.exceptions import MissingInputException, MissingRuleException
from snakemake.logging import logger
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

from resed.config.loading import nearest, read_yaml
from resed.errors import ConfigError, ResedError, cure_of
from resed.escaping import one_line, plain
from snakemake_logger_plugin_resed.events import EventWriter
from snakemake_logger_plugin_resed.options import MalformedOptions, malformed_option

NO_TARGET = "use a file below results/, or a target that README.md names"
CONFIG_KEY = re.compile(r"[a-zA-Z_][\w-]*\w$")  # as Snakemake requires it
_targets: list[str] = []
logger.addFilter(MalformedOptions(sys.argv))


def known_targets(names: Iterable[str]) -> None:
    """Set the names of the rules that can be given as targets, for error messages."""
    _targets[:] = sorted(names)


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Options of Snakemake, with the prefix --logger-resed-."""

    events: Optional[str] = field(  # noqa: UP045 (Snakemake reads the type and has only this form)
        default=None,
        metadata={"help": "File or pipe to which the events of the run are added as JSON lines."},
    )


class LogHandler(LogHandlerBase):
    """Checks the config files and filters the messages; Snakemake's own handler prints them."""

    writes_to_stream = False
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        events = getattr(self.settings, "events", None)
        self.events = EventWriter(Path(events)) if events else None
        arguments = _arguments()
        check_config_files(arguments.configfile or ())
        check_config_values(arguments.config or ())
        if (error := malformed_option(sys.argv[1:])) is not None:
            sys.exit(f"resed: {error}")
        for old in [one for one in logger.filters if isinstance(one, PlainMessages)]:
            logger.removeFilter(old)
        logger.addFilter(PlainMessages(named_rules(arguments)))

    def emit(self, record: logging.LogRecord) -> None:
        """Print nothing; write the event of the record if a program asked for it."""
        if self.events is not None:
            self.events.write(record)


def check_config_files(paths: Iterable[Path]) -> None:
    """Exit with 1 and one line if a file cannot be read as YAML or JSON."""
    for path in paths:
        try:
            if not path.exists() and path.suffix not in {".yaml", ".yml", ".json"}:
                cure = "if it is a target, write it before --configfile"
                raise ConfigError("no such config file", place=path, cure=cure)
            read_yaml(path)
        except ResedError as error:
            sys.exit(f"resed: {error}")


def check_config_values(words: Iterable[str]) -> None:
    """Exit with 1 and one line for a word after --config that is not KEY=VALUE.

    Snakemake takes all words up to the next option, so that a target there is one of them.
    """
    for word in words:
        key, equals, _ = word.partition("=")
        if not equals:
            cure = "write KEY=VALUE; if it is a target, write it before --config"
            error = ConfigError(f"{one_line(word, 80)} has no value", place="--config", cure=cure)
            sys.exit(f"resed: {error}")
        if not CONFIG_KEY.match(key):
            cure = "write nested keys into a file, and give it after --configfile"
            problem = f"{one_line(key, 80)!r} is not a key"
            sys.exit(f"resed: {ConfigError(problem, place='--config', cure=cure)}")


def check_folders(*folders: Path) -> None:
    """Exit with 1 and one line if Snakemake cannot work in a folder."""
    for folder in folders:
        if {"{", "}"} & set(str(folder)):
            problem = "Snakemake reads braces in paths as wildcards"
            sys.exit(f"resed: {ConfigError(problem, place=folder, cure='rename the folder')}")


class PlainMessages(logging.Filter):
    """Replaces errors that the user can mend by one line, and control characters everywhere."""

    def __init__(self, targets: Iterable[str]) -> None:
        super().__init__()
        self.targets = list(targets)

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; none is removed."""
        error = sys.exc_info()[1]
        if getattr(record, "event", None) == LogEvent.ERROR and error is not None:
            found = mended(error, self.targets)
            record.msg = record.msg if found is None else f"resed: {found}"
        for name, value in record.__dict__.items():
            record.__dict__[name] = _plain(value)
        return True


def mended(error: BaseException, targets: Iterable[str] = ()) -> ResedError | None:
    """The error in one line with its cure; None if Snakemake's own message is to be printed."""
    if isinstance(error, ResedError):
        return error
    if isinstance(error, MissingRuleException):
        unknown = [name for name in targets if name not in _targets and not Path(name).exists()]
        if unknown and _targets:
            cure = nearest(unknown[0], _targets, otherwise=NO_TARGET)
            return ResedError("no such target", place=unknown[0], cure=cure)
    if isinstance(error, MissingInputException):
        cure = "create these files; resed check --dataset NAME lists what a dataset lacks"
        return ResedError(error, cure=cure)
    if isinstance(error, OSError) and error.filename:
        place, cure = Path(str(error.filename)), cure_of(error)
        if _is_for_cache(place):
            cure = "set HOME or XDG_CACHE_HOME to a folder that can be written"
        return ResedError(error.strerror or error, place=place, cure=cure)
    return None


def _is_for_cache(place: Path) -> bool:
    """Whether a path is in the cache of Snakemake, or a folder above that it had to make."""
    home = os.path.expanduser("~")  # noqa: PTH111 (never raises)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or f"{home}/.cache", "snakemake")
    above = place in cache.parents and not Path.cwd().is_relative_to(place)
    return above or place.is_relative_to(cache)


def _plain(value: Any) -> Any:
    """Text, and text in lists, without control characters; other values as they are."""
    if isinstance(value, str):
        return plain(value)
    if type(value) in (list, tuple):
        return type(value)(map(_plain, value))
    return value


def named_rules(arguments: Namespace) -> list[str]:
    """The targets of the command line, and the rules or files that its options name."""
    options = (arguments.until, arguments.omit_from, arguments.forcerun, arguments.allowed_rules)
    return [*arguments.targets, *(name for names in options for name in sorted(names or ()))]


def _arguments() -> Namespace:
    """The command line, as Snakemake parses it."""
    from snakemake.cli import get_argument_parser

    return get_argument_parser().parse_known_args()[0]
