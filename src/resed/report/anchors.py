"""Ids of the lines of tables, so that evidence can point at them."""

from collections.abc import Callable, Mapping
from typing import Any

from resed.report.symbols import slug
from resed.results.folder import SPLITS, Results
from resed.tabulate.table import Table

Record = Mapping[str, Any]
LINES = {"table1": len(SPLITS), "table2": len(SPLITS)}  # lines a record, where there are several


def row(number: int) -> str:
    """A row of Table 1, by the journal's number."""
    return f"table1-{number}"


def stage(tau: int, gamma: float | None, form: str | None) -> str:
    """A row of Table 2."""
    return f"table2-{tau}" if gamma is None else f"table2-{tau}-{gamma:g}-{form}"


def event_class(label: str) -> str:
    """A row of Table 3, by the class."""
    return f"table3-{slug(label)}"


def comparison(first: int, second: int) -> str:
    """A pair of the comparisons, by the journal's numbers."""
    return f"comparisons-{first}-{second}"


def reading(name: str) -> str:
    """A reading in the study of them."""
    return f"sensitivity-{name}"


def of_lines(name: str, table: Table, results: Results) -> list[str]:
    """An id a line of `table`; "" for headings, and for lines that nothing points at."""
    make = _MAKERS.get(name)
    records = [record for record in table.records for _ in range(LINES.get(name, 1))]
    found: list[str] = []
    for line in table.lines:
        anchor = "" if line.heading or not make else make(records.pop(0), results)
        found.append("" if anchor in found else anchor)
    return found


def _of_system(record: Record, results: Results) -> str:
    """The row of a system in the journal's table, or where none runs, of the paper's own row."""
    if record["group"] not in ("paper", "own"):
        return ""
    entry = results.config.catalogue.get(record["system"])
    rows = {printed.id: printed.row for printed in results.legacy_paper.table1.rows}
    number = entry.row if entry else rows.get(record["id"])
    return "" if number is None else row(number)


def _of_stage(record: Record, results: Results) -> str:
    del results
    return stage(record["tau"], record["gamma"], record["form"])


def _of_class(record: Record, results: Results) -> str:
    del results
    return event_class(record["event_label"])


def _of_pair(record: Record, results: Results) -> str:
    del results
    return comparison(record["row"], record["against_row"])


def _of_reading(record: Record, results: Results) -> str:
    del results
    return reading(record["reading"])


_MAKERS: dict[str, Callable[[Record, Results], str]] = {
    "table1": _of_system,
    "table2": _of_stage,
    "table3": _of_class,
    "comparisons": _of_pair,
    "sensitivity": _of_reading,
}
