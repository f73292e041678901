"""Tables of the paper with its numbers beside ours, as CSV and Markdown."""

from collections.abc import Callable

from resed.results import Results
from resed.tabulate import table1, table3
from resed.tabulate.table import Table

ROWS: dict[str, tuple[int, ...]] = {"table3": (8, 9)}  # rows of Table 1 that a table needs
TABLES: dict[str, Callable[[Results], Table]] = {"table1": table1.table1, "table3": table3.table3}
