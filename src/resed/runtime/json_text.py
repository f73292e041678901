"""JSON from files: parsed within bounds of size, depth and numbers, each key once.

The bounds keep the memory of a parsed file below 1 GiB, and every accepted value can be written
again, as text and as JSON.
"""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LARGEST = 80 << 20  # bytes; the header of a store with two million clips has about 65 MiB
MOST_VALUES = 4_000_000  # each takes up to 64 bytes in addition to its text
DEEPEST = 50  # levels of lists and mappings
DIGITS = 19  # of an integer; those of 2**63 - 1
SHOWN = 40  # characters of a key or number shown in an error


def parse_json(source: Path | bytes, largest: int = LARGEST, most_values: int = MOST_VALUES) -> Any:
    """Parse JSON from a file or bytes.

    Raises ValueError for invalid JSON, a repeated key, a number that is not finite or has more than
    64 bits, text that is not valid Unicode, more than `largest` bytes, `most_values` values
    or DEEPEST levels. The message is one line of at most 200 characters.
    """
    size = source.stat().st_size if isinstance(source, Path) else len(source)
    if size > largest:
        raise ValueError(f"{size} bytes; at most {largest} are read")
    data = source.read_bytes() if isinstance(source, Path) else source
    if data.count(b",") + data.count(b"[") + data.count(b"{") > most_values:
        raise ValueError(f"more than {most_values} values")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}") from None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_mapping,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
    except RecursionError:
        raise ValueError(f"more than {DEEPEST} levels") from None
    _refuse_deep(value)
    if "\\u" in text:  # the only source of surrogates, which no file can contain
        _refuse_surrogates(value)
    return value


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {_short(repr(key))} occurs twice in a mapping")
            seen.add(key)
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a finite number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{_short(text)} is not a finite number")
    return value


def _integer(text: str) -> int:
    if len(text) > DIGITS + 1 or abs(value := int(text)) >= 2**63:
        raise ValueError(f"{_short(text)} has more than 64 bits")
    return value


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _refuse_deep(value: Any) -> None:
    """Raise ValueError for more than DEEPEST levels of lists and mappings."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in _items(outer)
            if isinstance(inner, (list, dict))
        ]  # fmt: skip
        if not level:
            return
    raise ValueError(f"more than {DEEPEST} levels")


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _refuse_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a half of a surrogate pair, which is not a character") from None
