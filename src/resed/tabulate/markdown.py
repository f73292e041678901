"""A table as GitHub-flavoured Markdown."""

from resed.escaping import markdown as escaped
from resed.formats.tables import Table
from resed.tabulate.layout import Line, lines

TEXT = ("name", "word", "prose")  # roles of columns that are aligned to the left


def markdown(table: Table) -> str:
    """Title, notes and lines."""
    columns = table.view.columns
    rules = ["---" if column.role in TEXT else "---:" for column in columns]
    rows = [[escaped(column.title) for column in columns], rules]
    rows += [_row(line, len(columns)) for line in lines(table)]
    body = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    notes = "\n".join(f"- {escaped(note)}" for note in table.notes)
    return f"# {escaped(table.title)}\n\n{notes}\n\n{body}\n"


def _row(line: Line, width: int) -> list[str]:
    if line.heading:
        return [f"**{escaped(line.heading)}**", *[""] * (width - 1)]
    return [escaped(str(cell)) for cell in line.cells]
