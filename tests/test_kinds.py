"""Tests of a kind of fault carry its id, and every kind has a test (tests/kinds.md)."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
NAME = re.compile(r"test_((?:[a-f]\d+_|and_)+)")


def test_every_kind_of_fault_has_a_test_that_is_named_after_it():
    kinds = set(re.findall(r"^\| ([a-f]\d+) \|", (TESTS / "kinds.md").read_text(), re.MULTILINE))
    named = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and (found := NAME.match(node.name)):
                named |= set(re.findall(r"[a-f]\d+", found[1]))
    assert len(kinds) == 46
    assert named == kinds
