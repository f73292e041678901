"""Notes of tables: those of several tables once, and those of one table with it."""

from collections import Counter
from collections.abc import Mapping

from resed.formats.tables import Table


def shared_notes(tables: Mapping[str, Table]) -> list[str]:
    """The notes that more than one of the tables has, in their order."""
    counts = Counter(note for table in tables.values() for note in dict.fromkeys(table.notes))
    return [note for note, count in counts.items() if count > 1]


def own_notes(tables: Mapping[str, Table]) -> dict[str, list[str]]:
    """The notes of each table that no other table has."""
    shared = set(shared_notes(tables))
    return {
        name: [note for note in table.notes if note not in shared] for name, table in tables.items()
    }
