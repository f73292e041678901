"""Read YAML and JSON that people write: bounded in size and depth, each key once, plain values.

PyYAML builds the values. Before it does, this module refuses what PyYAML would read wrongly or
could not finish: repeated keys, of which it keeps the last; aliases that grow without bound; deep
nesting; tags, dates and octal or sexagesimal numbers; control and invisible characters.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Never

import yaml

from resed.errors import ConfigError
from resed.escaping import one_line, plain
from resed.runtime.json_text import parse_json

LARGEST = 4 << 20  # bytes of a file
DEEPEST = 50  # levels of nesting
MOST_VALUES = 200_000  # keys and values, each alias counted with all that it stands for
LONGEST_NUMBER = 40  # characters
LARGEST_NUMBER = 2**63 - 1
SHOWN = 60  # characters of a wrong value in an error message
# PyYAML's C loader is ten times as fast, and every job of a workflow reads these files.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_TAGS = {f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge")}
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_TEMPLATE = "__use_yte__"  # Snakemake would run expressions of such a file as Python


def parse_yaml(data: bytes, place: object) -> Any:
    """The value of YAML or JSON text in UTF-8.

    Raises ConfigError with the line that is wrong; for a repeated key with both lines.
    """
    return _Reader(str(place)).read(data)


def check_assignments(arguments: Sequence[str]) -> None:
    """Raise ConfigError for a key that stands twice after --config: Snakemake keeps the last one.

    Args:
        arguments: the words of the command line. The values are read as YAML.
    """
    keys, inside = set[str](), False
    for word in arguments:
        option, _, first = word.partition("=")
        if word.startswith("-"):
            inside = option in ("--config", "-C")
            word = first if inside else ""
        key, equals, value = word.partition("=")
        if not inside or not equals:
            continue
        if key in keys:
            raise ConfigError(f"{key} stands twice", place="--config", cure="keep one of them")
        keys.add(key)
        parse_yaml(value.encode("utf-8", "surrogateescape"), f"--config {key}")


def json_value(text: str, place: object, cure: str) -> Any:
    """The value of JSON text with the bounds of `parse_yaml`. Raises ConfigError."""
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > LARGEST:
        raise _too_large(place)
    try:
        value = parse_json(data, LARGEST, MOST_VALUES)
    except ValueError as error:
        raise ConfigError(f"not valid JSON ({error})", place=place, cure=cure) from None
    for one in _texts(value):
        _check_text(one, place, None)
    return value


def _texts(value: Any) -> Iterator[str]:
    """All keys and texts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from _texts(list(pair))
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


class _Size(NamedTuple):
    values: int
    levels: int


class _Reader:
    """Reads one file."""

    def __init__(self, place: str) -> None:
        self.place = place

    def read(self, data: bytes) -> Any:
        """The value of the text."""
        if len(data) > LARGEST:
            raise _too_large(self.place)
        text = self._decoded(data)
        try:
            self._check_events(text)
            return self._values(text)
        except yaml.reader.ReaderError as error:
            self._refuse_character(text, error.position)
        except yaml.YAMLError as error:
            if text.lstrip().startswith("{"):  # JSON may contain tabs, and YAML not
                return json_value(text, self.place, "correct the file")
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else None
            tabs = line and "\t" in "".join(text.split("\n")[line - 1 : line])
            raise ConfigError(
                f"not valid YAML ({getattr(error, 'problem', None) or 'malformed'})",
                place=self.place,
                line=line,
                cure="indent with spaces instead of tabs" if tabs else "correct that line",
            ) from None

    def _decoded(self, data: bytes) -> str:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ConfigError(
                "not UTF-8 text",
                place=self.place,
                line=data.count(b"\n", 0, error.start) + 1,
                cure="save the file as UTF-8",
            ) from None

    def _refuse_character(self, text: str, position: int) -> Never:
        """Refuse a character that YAML does not allow."""
        for number, line in enumerate(text.split("\n"), 1):
            _check_text(line.rstrip("\r"), self.place, number)
        raise ConfigError(
            "contains a character that YAML does not allow",
            place=self.place,
            line=text.count("\n", 0, position) + 1,
            cure="remove it",
        )

    def _check_events(self, text: str) -> None:
        """Bound depth and number of values before anything is built; refuse foreign tags."""
        depth = values = 0
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            values += isinstance(event, yaml.NodeEvent)
            line = event.start_mark.line + 1
            if depth > DEEPEST:
                raise _too_deep(self.place, line)
            if values > MOST_VALUES:
                raise _too_many(self.place, line)
            tag = getattr(event, "tag", None)
            if tag not in (None, "!") and tag not in _TAGS:
                shown = one_line(tag.replace(_TAG, "!!"), SHOWN)
                raise ConfigError(
                    f"tag {shown} is not possible here",
                    place=self.place,
                    line=line,
                    cure="remove the tag",
                )

    def _values(self, text: str) -> Any:
        loader = _LOADER(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            self._check_node(node, loader, {})
            return loader.construct_document(node)
        finally:
            loader.dispose()

    def _check_node(self, node: yaml.Node, loader: Any, sizes: dict[int, _Size]) -> _Size:
        """Check a value and all that it contains; its size with aliases expanded."""
        line = node.start_mark.line + 1
        if id(node) in sizes:
            if not sizes[id(node)].values:
                raise ConfigError(
                    "an alias stands for a value that contains it",
                    place=self.place,
                    line=line,
                    cure="write the value without an alias",
                )
            return sizes[id(node)]
        sizes[id(node)] = _Size(0, 0)
        inside: list[yaml.Node] = []
        if isinstance(node, yaml.ScalarNode):
            self._check_scalar(node, line)
        elif isinstance(node, yaml.MappingNode):
            self._check_keys(node, loader)
            inside = [one for pair in node.value for one in pair]
        else:
            inside = node.value
        parts = [self._check_node(one, loader, sizes) for one in inside]
        values = 1 + sum(part.values for part in parts)
        levels = 1 + max((part.levels for part in parts), default=0)
        if values > MOST_VALUES:
            raise _too_many(self.place, line)
        if levels > DEEPEST + 1:
            raise _too_deep(self.place, line)
        sizes[id(node)] = _Size(values, levels)
        return sizes[id(node)]

    def _check_keys(self, node: yaml.MappingNode, loader: Any) -> None:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(
                    "a key is a list or a mapping",
                    place=self.place,
                    line=line,
                    cure="use text as the key",
                )
            self._check_scalar(key, line)
            name = key.value if key.tag.endswith(":merge") else str(loader.construct_object(key))
            if name in lines:
                raise ConfigError(
                    f"key {one_line(name, SHOWN)} is already in line {lines[name]}",
                    place=self.place,
                    line=line,
                    cure="keep one of them, or merge what they contain",
                )
            if name == _TEMPLATE:
                raise ConfigError(
                    f"{_TEMPLATE} would run parts of this file as Python",
                    place=self.place,
                    line=line,
                    cure="remove this key and write the values",
                )
            lines[name] = line

    def _check_scalar(self, node: yaml.ScalarNode, line: int) -> None:
        """Refuse values that PyYAML reads in another way than people, or not at all."""
        kind, text = node.tag.removeprefix(_TAG), node.value
        _check_text(text, self.place, line)
        shown = one_line(text, SHOWN)
        problem = cure = ""
        if node.tag not in _TAGS or (kind == "merge" and text != "<<"):
            problem = f"{shown} is read as a {'date' if kind == 'timestamp' else kind}"
            cure = "put it into quotes"
        elif kind in ("int", "float") and len(text) > LONGEST_NUMBER:
            problem, cure = f"number of {len(text)} characters", "use a shorter number"
        elif kind == "int" and not _DECIMAL.fullmatch(text):
            problem = f"{shown} is not a decimal number"
            cure = "write it without a leading zero, prefix or colon, or put it into quotes"
        elif kind == "int" and abs(int(text.replace("_", ""))) > LARGEST_NUMBER:
            problem, cure = f"{shown} is too large", f"use at most {LARGEST_NUMBER}"
        elif kind == "float" and not _is_float(text):
            problem, cure = f"{shown} is not a decimal number", "write it in decimal digits"
        elif kind == "bool" and text.lower() not in yaml.SafeLoader.bool_values:
            problem, cure = f"{shown} is neither true nor false", "use true or false"
        elif kind in ("map", "seq"):
            problem, cure = f"{shown} is not a {kind}", "remove the tag"
        if problem:
            raise ConfigError(problem, place=self.place, line=line, cure=cure)


def _is_float(text: str) -> bool:
    if text.lower().lstrip("+-") in (".inf", ".nan"):
        return True
    try:
        float(text.replace("_", ""))
    except ValueError:
        return False
    return True


def _check_text(text: str, place: object, line: int | None) -> None:
    """Refuse control and invisible characters; line ends and tabs are allowed."""
    if (shown := plain(text)) != text:
        at = next(i for i, (a, b) in enumerate(zip(text, shown, strict=False)) if a != b)
        problem = f"contains the invisible character {plain(text[at])}"
        raise ConfigError(problem, place=place, line=line, cure="remove it")


def _too_large(place: object) -> ConfigError:
    problem = f"larger than {LARGEST >> 20} MiB"
    return ConfigError(problem, place=place, cure="check that this is the right file")


def _too_deep(place: object, line: int) -> ConfigError:
    problem = f"nested more than {DEEPEST} levels deep"
    return ConfigError(problem, place=place, line=line, cure="remove levels")


def _too_many(place: object, line: int) -> ConfigError:
    problem = f"more than {MOST_VALUES} values"
    return ConfigError(problem, place=place, line=line, cure="remove aliases or values")


def read_bounded(path: Path) -> bytes:
    """The content of a file. Raises ConfigError if it is not a file, or larger than LARGEST."""
    with path.open("rb") as handle:
        data = handle.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise _too_large(path)
    return data
