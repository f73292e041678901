"""Result tables: {name}.csv with one row per value, and {name}.json with the layout.

The CSV file is the data frame in full precision. The JSON file contains title, notes, provenance,
the types of the columns, the layout (`View`) and `data`, additional values for the page.
"""

import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from resed.errors import ResultsError
from resed.formats.spreadsheet import neutral, original
from resed.formats.text_table import TextTable
from resed.formats.validation import SourceFile, short
from resed.runtime.files import existing
from resed.settings import Closed

VERSION = 1
MOST_DIGITS = 15  # decimals of a number
ORDER = (
    *("table", "group", "row", "system", "threshold", "reading", "title", "edition", "status"),
    *("against", "against_title", "split", "metric", "label", "column"),
    *("value", "low", "high", "deviation", "seeds", "clips", "covers"),
    *("published", "difference", "verdict", "decision", "stale"),
)
NUMBERS = (
    *("value", "low", "high", "deviation", "published", "difference", "p", "p_holm"),
    *("shown_low", "shown_high", "seeds_apart", "predicted_low", "predicted_high"),
    *("own_value", "other_value"),
    *("training_kwh", "training_gpu_kwh", "training_cpu_kwh", "training_cpu_hours"),
    *("training_hours", "epochs_taken_over"),
)
INTEGERS = ("seeds", "clips", "count", "decimals", "repairs", "clips_repaired")
INTEGERS += ("trainings_measured",)
Type = Literal["text", "number", "integer"]


class Column(Closed):
    """A displayed column: which value of a line it shows, and in which format.

    Attributes:
        title: heading.
        kind: `text` shows `field` unchanged, `number` with `digits` decimals, and `count` as an
            integer; `estimate` shows value, low and high; `mark` shows a verdict or decision with
            its symbol.
        field: column of the frame.
        where: columns of the frame and the values that select the row of a line.
        role: style of the column on the page; `published` is a number of the paper.
        ends: columns of the frame with the ends of an estimate's interval.
        decimals: column of the frame with the number of decimals of each value; overrides `digits`.
        signed: show the sign of positive numbers, for differences.
        word: column of the frame with a decision that is shown after an estimate.
        detail: column of the frame with a reason that is shown after a mark.
    """

    title: str
    kind: Literal["text", "number", "count", "estimate", "mark"] = "text"
    field: str = "value"
    where: dict[str, str] = {}
    role: Literal["name", "word", "prose", "number", "published"] = "word"
    digits: int = 1
    ends: tuple[str, str] = ("low", "high")
    decimals: str = ""
    signed: bool = False
    word: str = ""
    detail: str = ""


class View(Closed):
    """The layout of a table: how the rows of a frame are shown as lines.

    Attributes:
        keys: columns of the frame that identify a line.
        where: columns of the frame and the values that select the rows that are shown.
        heading: column whose text is a heading for the lines that share it; may be empty.
        anchor: columns that form the link target of a line.
        columns: columns that are shown, in order.
    """

    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    where: dict[str, str] = {}
    heading: str = ""
    anchor: tuple[str, ...] = ()


class _Stored(Closed):
    """The JSON file."""

    version: Literal[1]
    name: str
    title: str
    notes: tuple[str, ...]
    columns: dict[str, Type]
    view: View
    provenance: dict[str, Any]
    data: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Table:
    """A table of results.

    Attributes:
        name: name of its files, and its id on the page.
        title: heading.
        notes: sentences below the table; `**strong**` and `` `code` `` are markup.
        frame: one row per value; F1 in percent (see `tidy`).
        view: its layout.
        data: additional JSON values.
        provenance: dataset, clips of each split and manifest of all values; JSON.
    """

    name: str
    title: str
    notes: tuple[str, ...]
    frame: pd.DataFrame
    view: View
    data: Mapping[str, Any]
    provenance: Mapping[str, Any]

    def csv(self) -> str:
        """The frame as comma-separated values; missing values are empty cells.

        Text that a spreadsheet would run as a formula begins with an apostrophe.
        """
        handle = io.StringIO()
        texts = [name for name in self.frame.columns if _type(name) == "text"]
        safe = {name: self.frame[name].map(neutral) for name in texts}
        self.frame.assign(**safe).to_csv(handle, index=False, lineterminator="\n")
        return handle.getvalue()

    def json(self) -> str:
        """Everything except the frame; equal tables give equal text."""
        stored = _Stored(
            version=VERSION,
            name=self.name,
            title=self.title,
            notes=self.notes,
            columns={name: _type(name) for name in self.frame.columns},
            view=self.view,
            provenance=dict(self.provenance),
            data=dict(self.data),
        )
        values = stored.model_dump(mode="json")
        return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def load(cls, folder: Path, name: str) -> "Table":
        """Read {name}.csv and {name}.json of `folder`.

        Raises MissingFileError, or ResultsError if a file is malformed or the two files are
        inconsistent.
        """
        cure = f"run resed tabulate --table {name}"
        path = Path(folder) / f"{name}.json"
        source = SourceFile(path, ResultsError, cure)
        stored = source.model(_Stored)
        if stored.name != name:
            raise source.wrong(f"describes the table {short(stored.name)}, not {name}")
        _check_view(source, stored.view, stored.columns)
        table = SourceFile(existing(path.with_suffix(".csv"), cure), ResultsError, cure)
        frame = _read_frame(table, stored.columns)
        return cls(
            stored.name,
            stored.title,
            stored.notes,
            frame,
            stored.view,
            stored.data,
            stored.provenance,
        )


def tidy(records: Iterable[Mapping[str, Any]], columns: Sequence[str] = ()) -> pd.DataFrame:
    """One row per record; columns in the order of `ORDER`, followed by all others.

    Missing values are NaN in numbers, NA in integers and "" in text. The frame has `columns` even
    if no record has them.
    """
    rows = list(records)
    names = list(dict.fromkeys([*(name for row in rows for name in row), *columns]))
    names = [n for n in ORDER if n in names] + [n for n in names if n not in ORDER]
    return pd.DataFrame({name: _series(name, [row.get(name) for row in rows]) for name in names})


def _type(name: str) -> Type:
    if name in NUMBERS:
        return "number"
    return "integer" if name in INTEGERS else "text"


def _series(name: str, values: list[Any]) -> pd.Series:
    kind = _type(name)
    if kind == "number":
        return pd.Series([math.nan if v is None else float(v) for v in values], dtype="float64")
    if kind == "integer":
        return pd.Series(values, dtype="Int64")
    return pd.Series(["" if v is None else str(v) for v in values], dtype="object")


def _read_frame(source: SourceFile, columns: Mapping[str, Type]) -> pd.DataFrame:
    table = TextTable(source, None, separator=",")
    if list(table.frame) != list(columns):
        raise source.wrong("its columns differ from those in the JSON file")
    for name, kind in columns.items():
        if kind == "number":
            table.numbers(name, low=-math.inf, empty=True)
        elif kind == "integer":
            table.integers(name, low=-(10**15), empty=True)
        else:
            table.frame[name] = table.frame[name].map(original)
    return table.frame.reset_index(drop=True)


def _check_view(source: SourceFile, view: View, columns: Mapping[str, Type]) -> None:
    used = {*view.keys, *view.where, *view.anchor, *([view.heading] if view.heading else [])}
    for column in view.columns:
        fields = ("value", *column.ends) if column.kind == "estimate" else (column.field,)
        used |= {
            *fields,
            *column.where,
            *filter(None, (column.word, column.decimals, column.detail)),
        }
        if not 0 <= column.digits <= MOST_DIGITS:
            raise source.wrong(f"view.columns: digits {short(column.digits)} is not 0 to 15")
    if missing := sorted(used - set(columns)):
        raise source.wrong(f"its view uses {short(missing[0])}, which is not a column")
