"""The structure of src/resed, computed from its imports: rooms, direction, names."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
from runs import REPOSITORY

SOURCE = REPOSITORY / "src" / "resed"
# Imports point down this list, never up; rooms on one line import each other from left to right.
FLOORS = (
    *("__main__", "cli", "browse", "report", "share", "detect", "export"),
    *("compare", "tabulate", "draw", "judge"),
    "results",
    *("predict", "train", "distil", "compose", "calibrate", "score", "decode", "extract"),
    *("repair", "check", "convert", "audit", "acquire", "paper", "stats", "config"),
    *("formats", "runtime", "settings", "errors", "escaping"),
)
LONGEST_CHAIN = 11
MODULE_LINES = 330
PAPERS = r"liang|secost|koutini|\btable[ _]?[1-3]\b|\bfigure[ _]?[1-9]\b"


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package, parsed."""
    return {module_of(path): ast.parse(path.read_text()) for path in SOURCE.rglob("*.py")}


@cache
def imports() -> dict[str, set[str]]:
    """Module -> modules of the package that it imports, imports inside functions included."""
    known = set(modules())
    found: dict[str, set[str]] = {}
    for name, tree in modules().items():
        targets: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{name}: relative import"
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                targets |= {one if one in known else node.module for one in inner}
        found[name] = {t for t in targets if t in known and t not in (name, "resed")}
    return found


def room(module: str) -> str:
    """The package below resed, or the loose module."""
    return module.split(".")[1]


@cache
def rooms() -> dict[str, set[str]]:
    """Room -> rooms that it imports."""
    found: dict[str, set[str]] = {}
    for module, targets in imports().items():
        if module != "resed":
            others = {room(target) for target in targets} - {room(module)}
            found.setdefault(room(module), set()).update(others)
    return found


def circle(graph: dict[str, set[str]]) -> list[str] | None:
    """One circle of a graph, or None."""
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str] | None:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return None
        for target in sorted(graph.get(node, ())):
            if loop := visit(target, [*path, node]):
                return loop
        done.add(node)
        return None

    return next((loop for node in sorted(graph) if (loop := visit(node, []))), None)


def chain(graph: dict[str, set[str]]) -> list[str]:
    """The longest chain of a graph without circles."""

    @cache
    def longest(node: str) -> tuple[str, ...]:
        return (node, *max((longest(t) for t in graph.get(node, ())), key=len, default=()))

    return list(max((longest(node) for node in graph), key=len))


def test_the_checks_themselves_find_what_is_wrong():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert circle({"a": {"b", "c"}, "b": {"c"}}) is None
    assert chain({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == ["a", "b", "c"]
    assert {"resed.errors", "resed.cli.score"} <= set(modules())
    assert "resed.errors" in imports()["resed.runtime.files"]


def test_no_circle_of_modules_or_rooms():
    assert circle(imports()) is None
    assert circle(rooms()) is None


def test_imports_point_down():
    unknown = set(rooms()) - set(FLOORS)
    assert not unknown
    upward = {
        f"{module} -> {target}"
        for module, targets in imports().items()
        if module != "resed"
        for target in targets
        if FLOORS.index(room(target)) < FLOORS.index(room(module))
    }
    assert not upward


def test_the_longest_chain_of_packages_is_short():
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    graph = {name: targets & packages for name, targets in rooms().items() if name in packages}
    longest = chain(graph)
    assert len(longest) <= LONGEST_CHAIN, " -> ".join(longest)


def test_few_loose_modules():
    loose = {path.stem for path in SOURCE.glob("*.py")} - {"__init__"}
    assert len(loose) <= 3, loose


def test_names_say_what_modules_hold():
    vague = {"misc", "common", "utils", "util", "helpers"}
    vague |= {"book", "ground", "card", "gaps", "marks", "sheet", "others", "knowledge", "job"}
    vague |= {"change", "study", "truths", "closed", "watch", "coverage", "consistency", "acquired"}
    assert not {part for module in modules() for part in module.split(".")} & vague


def test_class_names_are_unique():
    places: dict[str, list[str]] = {}
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(module)
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_no_module_holds_two_ideas():
    long = {
        str(path.relative_to(REPOSITORY)): lines
        for path in SOURCE.rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > MODULE_LINES
    }
    assert not long


def words_of_code(path: Path) -> str:
    """The file without comments and docstrings, which may cite a source."""
    text = path.read_text()
    if path.suffix != ".py":
        return re.sub(r'"""(?:.|\n)*?"""|#.*', "", text)
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                first.value = ast.Constant("")
    return ast.unparse(tree)


def test_no_paper_is_baked_into_the_code():
    listed = subprocess.run(
        ["git", "ls-files", "src", "workflow"], cwd=REPOSITORY, capture_output=True, text=True
    ).stdout.split()
    if not listed:
        pytest.skip("not a git checkout")
    found = {}
    for name in listed:
        path = REPOSITORY / name
        if path.suffix in {".py", ".smk", ".html", ".css", ".j2", ""} and path.is_file():
            hits = re.findall(PAPERS, words_of_code(path), re.IGNORECASE)
            if hits:
                found[name] = hits
    assert not found


def test_contributing_lists_every_room():
    table = (REPOSITORY / "CONTRIBUTING.md").read_text().split("## Add a system")[0]
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    listed = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.+?) \|", table, re.M))))
    assert rooms == listed
