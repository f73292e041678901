"""Values of options of Snakemake that it reports by a traceback if they are malformed."""

import logging
import re
from collections.abc import Sequence

from snakemake_interface_logger_plugins.common import LogEvent

from resed.errors import ConfigError
from resed.escaping import one_line

RESOURCES = re.compile(r"[a-zA-Z_]\w*=\d.*"), "NAME=NUMBER, for example mem_mb=16000"
DEFAULTS = re.compile(r"[a-zA-Z_]\w*=.+"), "NAME=VALUE, for example mem_mb=16000"
THREADS = re.compile(r"\w+=(\d+|attempt|.*\W.*)"), "RULE=NUMBER, for example train=4"
OF_RULES = re.compile(r"\w+:[a-zA-Z_]\w*=.+"), "RULE:NAME=VALUE, for example train:mem_mb=16000"
FORMS = {
    "--resources": RESOURCES,
    "--res": RESOURCES,
    "--default-resources": DEFAULTS,
    "--default-res": DEFAULTS,
    "--set-threads": THREADS,
    "--set-resources": OF_RULES,
}


def malformed_option(words: Sequence[str]) -> ConfigError | None:
    """The first value on a command line that lacks the form of its option."""
    option = ""
    for word in words:
        if word == "--":
            return None
        if word.startswith("-"):
            option, equals, value = word.partition("=")
            if not equals:
                continue
        else:
            value = word
        if option not in FORMS:
            continue
        form, text = FORMS[option]
        if not form.fullmatch(value):
            problem = f"{one_line(value, 80)!r} is not {text.split(',')[0]}"
            cure = f"write {text}; if it is a target, write it before {option}"
            return ConfigError(problem, place=option, cure=cure)
    return None


class MalformedOptions(logging.Filter):
    """Replaces the traceback of a malformed option by one line.

    Snakemake reads these options before it starts a logger plugin, but after it imported it.
    """

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__()
        self.words = words

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record of an error; none is removed."""
        if getattr(record, "event", None) == LogEvent.ERROR:
            found = malformed_option(self.words[1:])
            record.msg = record.msg if found is None else f"resed: {found}"
        return True
