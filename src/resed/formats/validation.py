"""Checks that the readers of all formats share: values of JSON, cells of tables, names.

A reader describes the content of a file by `Kind` and `Fields`. Errors are one line with the file,
the line or key, the problem and the cure; long values are shortened.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from resed.errors import ResedError
from resed.runtime.files import existing
from resed.runtime.json_text import parse_json

Model = TypeVar("Model", bound=BaseModel)
SHOWN = 40  # characters of a value shown in an error
SHOWN_LINE = 200  # characters of a message of another package shown in an error
LONGEST_NAME = 4096  # characters; paths are names, too
LONGEST_TEXT = 100_000  # characters of a sentence
LARGEST_FILE = 16 << 20  # bytes of a JSON file
SHA256 = re.compile(r"[0-9a-f]{64}")
LARGEST = 2**53  # larger integers are not exact in JSON
UNFIT = re.compile(r"[\0\t\n\r\ud800-\udfff]")  # no cell of a TSV file can contain these


@dataclass(frozen=True)
class Kind:
    """A condition on a value; `words` completes the sentence "KEY must be ..."."""

    words: str
    holds: Callable[[Any], bool]
    optional: bool = False  # the key may be absent


@dataclass(frozen=True)
class Fields:
    """Conditions on a mapping: on the value of each key, and on all other keys.

    With `others=None`, other keys are refused.
    """

    keys: Mapping[str, "Kind | Fields"]
    others: "Kind | Fields | None" = None
    optional: bool = False


ANY = Kind("a value", lambda value: True)
PLAIN = Kind("text, numbers, lists and mappings of these", lambda value: is_plain(value))
TEXT = Kind("text", lambda value: isinstance(value, str) and len(value) <= LONGEST_TEXT)
NAME = Kind("text that is not empty", lambda value: is_name(value))
HASH = Kind("a SHA-256 in hex or null", lambda value: value is None or is_hash(value))
NAMES = Kind("a list of unique names, none empty", lambda value: are_unique_names(value))


# What made a result: stage, fingerprint of its code, versions of packages, device.
MADE_BY = Fields(
    {
        "stage": NAME,
        "code": Kind(
            "a SHA-256 in hex", lambda v: isinstance(v, str) and bool(SHA256.fullmatch(v))
        ),
        "packages": Fields({}, others=NAME),
        "device": NAME,
    },
    optional=True,
)

# The file with a class of the user: its name, for people, and its content.
NETWORK = Fields(
    {
        "file": Kind(
            "the name of a file without a folder",
            lambda value: is_name(value) and not {*"/\\"} & {*value},
        ),
        "sha256": Kind("a SHA-256 in hex", lambda value: is_hash(value)),
    },
    optional=True,
)


def integer(low: int = 0, high: int = LARGEST, optional: bool = False) -> Kind:
    """An integer from `low` to `high`; True and False are refused."""
    words = f"an integer from {low}" + f" to {high}" * (high < LARGEST)
    return Kind(words, lambda value: type(value) is int and low <= value <= high, optional)


def number(low: float = -math.inf, high: float = math.inf, optional: bool = False) -> Kind:
    """A finite number from `low` to `high`."""
    bounds = f" from {low:g}" * (low > -math.inf) + f" to {high:g}" * (high < math.inf)
    return Kind(f"a finite number{bounds}", lambda v: is_number(v) and low <= v <= high, optional)


def is_number(value: Any) -> bool:
    """Whether a value is a finite int or float, and not a bool; integers have at most 64 bits."""
    if type(value) is int:
        return value.bit_length() <= 64
    return type(value) is float and math.isfinite(value)


def is_hash(value: Any) -> bool:
    """Whether a value is a SHA-256 in hex."""
    return isinstance(value, str) and SHA256.fullmatch(value) is not None


def is_name(value: Any) -> bool:
    """Whether a value is text that can be a cell of a TSV file and is not empty."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and not UNFIT.search(value)


def is_plain(value: Any, levels: int = 50) -> bool:
    """Whether a value could be written as JSON; None and booleans are plain, too."""
    if isinstance(value, (list, tuple)):
        return levels > 0 and all(is_plain(item, levels - 1) for item in value)
    if isinstance(value, dict):
        keys = all(isinstance(key, str) for key in value)
        return keys and levels > 0 and all(is_plain(v, levels - 1) for v in value.values())
    return value is None or isinstance(value, (bool, str)) or is_number(value)


def list_of(kind: Kind, least: int = 0, optional: bool = False) -> Kind:
    """A list of at least `least` values of one kind."""
    return Kind(
        f"a list, each item {kind.words}",
        lambda v: isinstance(v, list) and len(v) >= least and all(map(kind.holds, v)),
        optional,
    )


def are_unique_names(value: Any) -> bool:
    """Whether a value is a non-empty list of names (see `is_name`), none of them repeated."""
    if not isinstance(value, list) or not value:
        return False
    return all(map(is_name, value)) and len(set(value)) == len(value)


def short(value: Any) -> str:
    """The text of a value in an error, shortened and without control characters."""
    if isinstance(value, (list, dict, tuple, set)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, int) and value.bit_length() > 128:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, (str, bytes)):
        value = value[: SHOWN + 1]
    elif not (value is None or isinstance(value, (bool, int, float))):
        return f"a {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def short_line(text: object) -> str:
    """The first line of a message of another package, shortened, without control characters."""
    first = next(iter(str(text).strip().splitlines()), "")
    first = "".join(letter if letter.isprintable() else "?" for letter in first[: SHOWN_LINE + 1])
    return first if len(first) <= SHOWN_LINE else f"{first[: SHOWN_LINE - 3]}..."


@dataclass(frozen=True)
class SourceFile:
    """A file to read, the class of the errors of its reader, and their cure."""

    path: Path
    error: type[ResedError]
    cure: str

    def wrong(self, problem: str, line: int | None = None) -> ResedError:
        """The error to raise for a problem in the file, or in one of its lines."""
        return self.error(problem, place=self.path, line=line, cure=self.cure)

    def check(self, value: Any, kind: Kind | Fields, key: str = "") -> Any:
        """Return `value` if it fulfils `kind`; otherwise raise an error with the key."""
        if isinstance(kind, Kind):
            if not kind.holds(value):
                raise self.wrong(f"{key or 'content'} must be {kind.words}, not {short(value)}")
            return value
        if not isinstance(value, dict):
            raise self.wrong(f"{key or 'content'} must be a mapping, not {short(value)}")
        for name, inner in kind.keys.items():
            if name in value:
                self.check(value[name], inner, f"{key}.{name}" if key else name)
            elif not inner.optional:
                raise self.wrong(f"{f'{key}.' * bool(key)}{name} is missing")
        for name in (name for name in value if name not in kind.keys):
            if kind.others is None or not isinstance(name, str):
                raise self.wrong(f"unknown key {short(name)}" + f" in {key}" * bool(key))
            self.check(value[name], kind.others, f"{key}.{short(name)}" if key else short(name))
        return value

    def json(self, kind: Kind | Fields, largest: int = LARGEST_FILE) -> Any:
        """Read the file of at most `largest` bytes as JSON and check it."""
        return self.check(self._parsed(largest), kind)

    def model(self, model: type[Model]) -> Model:
        """Read the file as JSON and validate it by a pydantic model, without conversions."""
        self._parsed(LARGEST_FILE)  # repeated keys and bounds, which pydantic does not check
        try:
            return model.model_validate_json(self.path.read_bytes(), strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            key = ".".join(map(str, first["loc"]))
            raise self.wrong(
                f"{short_line(key or 'content')}: {short_line(first['msg'])}"
            ) from None

    def _parsed(self, largest: int) -> Any:
        try:
            return parse_json(existing(self.path, self.cure), largest)
        except ValueError as error:
            raise self.wrong(f"not valid JSON ({short_line(error)})") from None
