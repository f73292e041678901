"""Tables of the paper with its numbers beside ours, and what they say of it: CSV and Markdown."""

from collections.abc import Callable
from importlib import import_module

from resed.results.folder import Results
from resed.tabulate.provenance import grounded
from resed.tabulate.table import Table

MODULES = {
    "table1": "table1",
    "table2": "table2",
    "table3": "table3",
    "letter_table1": "letter",
    "letter_table2": "letter",
    "comparisons": "comparisons",
    "scorecard": "scorecard",
    "claims": "claims",
    "contradictions": "contradictions",
    "readings": "readings",
    "sensitivity": "sensitivity",
    "truths": "repaired",
}


def _maker(name: str, module: str) -> Callable[[Results], Table]:
    def make(results: Results) -> Table:
        table = getattr(import_module(f"resed.tabulate.{module}"), name)(results)
        return grounded(table, results)

    return make


TABLES = {name: _maker(name, module) for name, module in MODULES.items()}
