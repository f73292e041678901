"""Checks that the readers of all formats share: values of JSON, cells of tables, names.

A reader describes the content of a file by `Kind` and `Fields`. Errors are one line with the file,
the line or key, the problem and the cure; long values are shortened.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from resed.errors import ResedError
from resed.runtime.files import existing, parse_json

SHOWN = 40  # characters of a value shown in an error
SHA256 = re.compile(r"[0-9a-f]{64}")
INTEGER = re.compile(r"-?[0-9]{1,15}")
LARGEST = 2**53  # larger integers are not exact in JSON


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
TEXT = Kind("text", lambda value: isinstance(value, str))
NAME = Kind("text that is not empty", lambda value: isinstance(value, str) and value != "")
HASH = Kind("a SHA-256 in hex or null", lambda v: v is None or bool(SHA256.fullmatch(str(v))))
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


def integer(low: int = 0, high: int = LARGEST, optional: bool = False) -> Kind:
    """An integer from `low` to `high`; True and False are refused."""
    words = f"an integer from {low}" + f" to {high}" * (high < LARGEST)
    return Kind(words, lambda value: type(value) is int and low <= value <= high, optional)


def number(low: float = -math.inf, high: float = math.inf, optional: bool = False) -> Kind:
    """A finite number from `low` to `high`."""
    bounds = f" from {low:g}" * (low > -math.inf) + f" to {high:g}" * (high < math.inf)
    return Kind(f"a finite number{bounds}", lambda v: is_number(v) and low <= v <= high, optional)


def is_number(value: Any) -> bool:
    """Whether a value is a finite int or float, and not a bool."""
    return type(value) in (int, float) and math.isfinite(value)


def list_of(kind: Kind, least: int = 0, optional: bool = False) -> Kind:
    """A list of at least `least` values of one kind."""
    return Kind(
        f"a list, each item {kind.words}",
        lambda v: isinstance(v, list) and len(v) >= least and all(map(kind.holds, v)),
        optional,
    )


def are_unique_names(value: Any) -> bool:
    """Whether a value is a non-empty list of strings, none of them empty or repeated."""
    if not isinstance(value, list) or not value:
        return False
    return all(type(name) is str and name for name in value) and len(set(value)) == len(value)


def short(value: Any) -> str:
    """The text of a value in an error, shortened and without control characters."""
    if isinstance(value, (list, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    text = repr(value[: SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


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
        for name in value.keys() - kind.keys.keys():
            if kind.others is None or not isinstance(name, str):
                raise self.wrong(f"unknown key {short(name)}" + f" in {key}" * bool(key))
            self.check(value[name], kind.others, f"{key}.{short(name)}" if key else short(name))
        return value

    def json(self, kind: Kind | Fields) -> Any:
        """Read the file as JSON and check it."""
        try:
            value = parse_json(existing(self.path, self.cure))
        except ValueError as error:
            raise self.wrong(f"not valid JSON ({error})") from None
        return self.check(value, kind)


class TextTable:
    """A tab-separated file with a header line; cells are text until they are checked.

    `frame` has the required columns, and its index is the line number in the file. Lines are split
    here because `pandas.read_csv` pads short rows and does not report their line.

    Raises the error class of `source` for a missing column or a row of another width.
    """

    def __init__(self, source: SourceFile, columns: Sequence[str], exact: bool = True) -> None:
        self.source = source
        data = existing(source.path, source.cure).read_bytes()
        try:
            lines = data.decode("utf-8-sig").split("\n")
        except UnicodeDecodeError as error:
            raise source.wrong("not UTF-8 text", 1 + data.count(b"\n", 0, error.start)) from None
        header = lines[0].rstrip("\r").split("\t")
        known = header == list(columns) if exact else set(columns) <= set(header)
        if not known or len(set(header)) < len(header):
            raise source.wrong(f"the columns must be {', '.join(columns)}", 1)
        rows = {
            number: line.rstrip("\r").split("\t")
            for number, line in enumerate(lines[1:], start=2)
            if line.strip()
        }
        for number, row in rows.items():
            if len(row) != len(header):
                raise source.wrong(f"{len(row)} cells, but the header has {len(header)}", number)
        frame = pd.DataFrame(list(rows.values()), index=list(rows), columns=header, dtype=object)
        self.frame = frame[list(columns)].copy()

    def refuse(self, bad: pd.Series, problem: str) -> None:
        """Raise an error for the first row for which `bad` is true."""
        if bad.any():
            raise self.source.wrong(problem, int(bad.idxmax()))

    def names(self, *columns: str) -> None:
        """Require text in each cell of these columns."""
        for column in columns:
            self.refuse(self.frame[column] == "", f"{column} is empty")

    def one_of(self, column: str, allowed: Sequence[str]) -> None:
        """Require one of the allowed texts in each cell."""
        self.refuse(
            ~self.frame[column].isin(allowed), f"{column} is not one of {', '.join(allowed)}"
        )

    def unique(self, *columns: str) -> None:
        """Require that no two rows are equal in these columns."""
        bad = self.frame.duplicated(list(columns))
        self.refuse(bad, f"another row has the same {' and '.join(columns)}")

    def integers(self, column: str, low: int = 0, empty: bool = False) -> None:
        """Require integers from `low`; the column becomes int64, or Int64 if cells may be empty."""
        cells = self.frame[column]
        if not all(INTEGER.fullmatch(cell) or (empty and not cell) for cell in cells):
            known = cells.str.fullmatch(INTEGER).astype(bool) | ((cells == "") & empty)
            self.refuse(~known, f"{column} is not an integer")
        values = pd.Series(
            [int(cell) if cell else None for cell in cells],
            index=cells.index,
            dtype="Int64" if empty else "int64",
        )
        self.refuse((values < low).fillna(False), f"{column} is below {low}")
        self.frame[column] = values

    def numbers(self, column: str, low: float = 0.0, empty: bool = False) -> None:
        """Require finite numbers from `low`; the column becomes float64, NaN for empty cells."""
        cells = self.frame[column]
        values = pd.to_numeric(cells, errors="coerce").astype("float64")
        known = values.abs() < math.inf
        self.refuse(~(known | ((cells == "") & empty)), f"{column} is not a finite number")
        self.refuse(values < low, f"{column} is below {low:g}")
        self.frame[column] = values
