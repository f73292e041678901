"""Tables of the paper with its numbers beside ours, as CSV and Markdown."""

from collections.abc import Callable

from resed.results import Results
from resed.tabulate import table1, table3
from resed.tabulate.table import Table

TABLES: dict[str, Callable[[Results], Table]] = {"table1": table1.table1, "table3": table3.table3}
