"""The picture of all systems: for each metric, a point with its interval per system."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from resed.config.dataset import EVALUATION
from resed.formats.tables import Table
from resed.paper.numbers import Metric, Paper
from resed.paper.tables import SystemTable
from resed.results.folder import Results
from resed.tabulate.layout import NOT_RUN, STALE, anchor_of, number
from resed.tabulate.metrics import shown_metrics

BLOCKS = ("event", "segment", "tags")  # scores of the picture, if the table has them
REFERENCE = "everything"  # baseline that is drawn as a line through all rows
BLIND = (REFERENCE, "prior")  # baselines that use neither the audio nor the reference
BASELINES = (*BLIND, "own_tags", "loudness")
TONES = {"baseline": "base", "external": "other"}  # group of the table -> class of the style sheet


@dataclass(frozen=True)
class Point:
    """One score: places in percent of the scale, and the text that says the same."""

    at: float
    low: float | None
    high: float | None
    text: str
    interval: str
    published: float | None


@dataclass(frozen=True)
class SystemPoints:
    """One row of the picture; `points` has one entry per metric, None without a score."""

    title: str
    tone: str
    anchor: str
    points: tuple[Point | None, ...]


@dataclass(frozen=True)
class Overview:
    """The picture.

    Attributes:
        split: the clips of the scores, or of those of the first column.
        metrics: one per column. If the paper's systems are chosen on one of the splits, the columns
            are both splits.
        headings: of the columns.
        rows: systems, then baselines.
        lines: place of the baseline `REFERENCE` in each column, None without it.
        others: number of systems of the run that are only in other tables.
    """

    split: str
    metrics: tuple[Metric, ...]
    headings: tuple[str, ...]
    rows: tuple[SystemPoints, ...]
    lines: tuple[float | None, ...]
    others: int = 0

    @property
    def reference(self) -> str:
        """Title of the baseline that is drawn as a line; empty without it."""
        return next((row.title for row in self.rows if row.anchor.endswith(f"-{REFERENCE}")), "")

    def near(self, best: SystemPoints) -> int:
        """Number of other systems whose interval in the first column contains the best score."""
        score = best.points[0]
        found = [row.points[0] for row in self.rows if row.tone != "base" and row is not best]
        return sum(
            one.low <= score.at <= one.high
            for one in found
            if one and score and one.low is not None and one.high is not None
        )

    def best(self, blind: bool) -> SystemPoints | None:
        """The system with the highest score in the first column, or the baseline in `BLIND`."""
        names = tuple(f"-{name}" for name in BLIND)
        rows = [
            row
            for row in self.rows
            if row.points[0]
            and (row.tone == "base" and row.anchor.endswith(names) if blind else row.tone != "base")
        ]
        return max(rows, key=lambda row: row.points[0].at if row.points[0] else 0, default=None)


def overview(results: Results, tables: Mapping[str, Table]) -> Overview | None:
    """The picture of the main table, or of the first one that ran; None if none did."""
    paper = results.paper
    name = paper.main_table or next(_ran(paper, tables), None)
    shape = paper.tables[name] if name else None
    if not isinstance(shape, SystemTable) or name is None:
        return None
    known = shown_metrics(results, shape)
    chosen = {metric.block: key for key, metric in known.items() if metric.block in BLOCKS}
    keys = [chosen[block] for block in BLOCKS if block in chosen]
    if not {*keys} & {*shape.metrics}:  # a paper without F1
        keys = [*shape.metrics, *(key for key in keys if known[key].block == "tags")]
    frame = tables[name].frame
    frame = frame[frame["status"] != NOT_RUN]
    splits = list(dict.fromkeys(frame["split"]))
    if not splits:
        return None
    split = EVALUATION if EVALUATION in splits else splits[-1]
    columns = [(key, split, known[key]) for key in keys]
    if paper.chosen_on in splits and len(splits) > 1:  # side by side, of the first score alone
        first = known[keys[0]]
        both = [split, *(one for one in splits if one != split)]
        columns = [(keys[0], one, first) for one in both]
    metrics = tuple(metric for *_, metric in columns)
    headings = tuple(
        f"{metric.title}, {one}" if paper.chosen_on else metric.title for _, one, metric in columns
    )
    rows = tuple(_rows(name, frame, columns))
    reference = next((row for row in rows if row.anchor.endswith(f"-{REFERENCE}")), None)
    points = reference.points if reference else (None,) * len(columns)
    lines = tuple(point.at if point else None for point in points)
    shown = {row.anchor for row in rows}
    others = sum(anchor_of(name, system) not in shown for system in results.config.systems)
    return Overview(split, metrics, headings, rows, lines, others)


def _ran(paper: Paper, tables: Mapping[str, Table]) -> Iterator[str]:
    for name, shape in paper.tables.items():
        if isinstance(shape, SystemTable) and (tables[name].frame["status"] != NOT_RUN).any():
            yield name


def _rows(
    name: str, frame: pd.DataFrame, columns: Sequence[tuple[str, str, Metric]]
) -> Iterator[SystemPoints]:
    wanted = (frame["threshold"] == "configured") & (
        (frame["group"] != "baseline") | frame["system"].isin(BASELINES)
    )
    for (group, system, title), rows in frame[wanted].groupby(
        ["group", "system", "title"], sort=False
    ):
        scores = {(row["metric"], row["split"]): row for row in rows.to_dict("records")}
        points = [_point(scores.get((key, split)), metric) for key, split, metric in columns]
        tone = TONES.get(group, "point")
        yield SystemPoints(title, tone, anchor_of(name, system), tuple(points))


def _point(row: Mapping[str, Any] | None, metric: Metric) -> Point | None:
    if row is None or pd.isna(row["value"]):
        return None

    def place(value: float) -> float | None:
        return None if pd.isna(value) else round(100 * value / metric.full_scale, 2)

    low, high = place(row["low"]), place(row["high"])
    text = number(row["value"], metric.decimals) + STALE * bool(row.get("stale"))
    ends = ", ".join(number(row[end], metric.decimals) for end in ("low", "high"))
    interval = f"[{ends}]" if low is not None else ""
    return Point(place(row["value"]) or 0, low, high, text, interval, place(row["published"]))
