"""The scorecard: every number in the paper's tables, and of its peers, compared with ours.

A published number is the score of one training. It is compared with the interval for one further
training (`resed.stats.intervals.Interval.prediction`), which covers seeds and clips, and not with
the narrower interval of our mean. One training has no such interval and decides nothing. Scores on
other data than the paper's are not compared at all.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from resed.config.dataset import SCORED_ROLES
from resed.config.rows import Row
from resed.config.study_rows import departing_options
from resed.formats.tables import Column, Table, View, tidy
from resed.paper.tables import PrintedNumber
from resed.results.folder import Results, readable
from resed.stats.intervals import CLIPS
from resed.tabulate import notes
from resed.tabulate.layout import NOT_RUN
from resed.tabulate.score_reader import ESTIMATE, PREDICTED, ScoreReader
from resed.tabulate.words import NUMBER_VERDICTS, OTHER_DATA

NAME = notes.SCORECARD
DEFAULTS = "defaults"
SHOWN = 2  # options of a system that a line lists
_COLUMNS = (
    *("table", "group", "row", "id", "system", "reading", "reading_shown", "title", "edition"),
    *("status", "split", "metric", "metric_title", "decimals", "label", "column", *ESTIMATE),
    *PREDICTED,
    *("published", "difference", "verdict", "heading"),
)


def scorecard(results: Results) -> Table:
    """Compare every printed number with ours; the verdict is `not run` if we have none.

    On other data than the paper's, the verdict is `other data` and there is no difference.

    Raises ResultsError or MissingFileError if scores are missing or come from other clips.
    """
    reader = ScoreReader(results)
    readings = {name: _reading(name, results) for name in results.config.systems}
    numbers = (*results.paper.numbers, *results.paper.other_numbers)
    records = [_record(number, readings, reader) for number in numbers]
    headings = _headings(records, results)
    for record in records:
        record["heading"] = headings[record["group"]]
    return notes.table(
        results,
        NAME,
        f"{_title(results)}. {results.config.dataset_file.title}",
        _notes(records, reader),
        tidy(records, _COLUMNS),
        _view(results),
        {
            "qualification": notes.qualification(results),
            "counts": _counted(records),
            "groups": {
                name: {
                    "title": results.paper.source_title(name),
                    "table": name if name in results.paper.tables else "",
                    "heading": heading,
                    "counts": _counted(r for r in records if r["group"] == name),
                }
                for name, heading in headings.items()
            },
        },
    )


def _record(
    number: PrintedNumber, readings: dict[str, list[str]], reader: ScoreReader
) -> dict[str, Any]:
    results, metric = reader.results, reader.results.paper.metrics[number.metric]
    found: dict[str, Any] = {}
    if number.system not in readings:
        reading = ["no such system in config.systems"]
    elif number.label not in (None, *results.config.dataset_file.classes):
        reading = ["no such class in this dataset"]
    elif number.split not in SCORED_ROLES:
        reading = ["these clips are not a split of the dataset"]
    else:
        reading = readings[number.system]
        found = reader.predicted(Row(number.system), number.split, metric, number.label)
    title = number.title
    if number.column is not None:
        label = number.row if number.label is None else readable(number.row)
        title = f"{label}, {number.title}"
    own, comparable = found.get("value"), notes.on_papers_data(results)
    return {
        "table": NAME,
        "group": number.table,
        "row": number.row,
        "id": number.row if number.column is None else "",
        "system": number.system,
        "reading": "; ".join(reading),
        "reading_shown": _first(reading),
        "title": title,
        "edition": number.edition,
        "status": "run" if found else NOT_RUN,
        "split": number.split,
        "metric": number.metric,
        "metric_title": metric.title,
        "decimals": metric.decimals,
        "label": number.label,
        "column": number.column,
        **dict.fromkeys((*ESTIMATE, *PREDICTED)),
        **found,
        "published": number.value,
        "difference": own - number.value if comparable and own is not None else None,
        "verdict": verdict(found, number.value) if comparable or not found else OTHER_DATA,
    }


def _title(results: Results) -> str:
    return "Scorecard" if notes.on_papers_data(results) else "Numbers of the paper, on other data"


def verdict(found: dict[str, Any], published: float) -> str:
    """Position of our interval for one training relative to the published number."""
    if not found:
        return NOT_RUN
    if "predicted_low" not in found:
        return "undecided"
    if found["predicted_low"] > published:
        return "above"
    return "below" if found["predicted_high"] < published else "within"


def _reading(system: str, results: Results) -> list[str]:
    """Options other than the defaults that a system follows, as text."""
    options = departing_options(results.config, system)
    return [f"{question.title}: {option.title}" for question, option in options] or [DEFAULTS]


def _first(options: Sequence[str]) -> str:
    """The first few options; the CSV has all."""
    others = len(options) - SHOWN
    return "; ".join(options[:SHOWN]) + (f"; and {others} more" if others > 0 else "")


def _headings(records: list[dict[str, Any]], results: Results) -> dict[str, str]:
    found = {}
    for name in dict.fromkeys(record["group"] for record in records):
        counts = _counts(record for record in records if record["group"] == name)
        found[name] = f"{results.paper.source_title(name)}: {counts}"
    return found


def _counts(records: Iterable[dict[str, Any]]) -> str:
    return notes.tally((record["verdict"] for record in records), NUMBER_VERDICTS)


def _counted(records: Iterable[dict[str, Any]]) -> dict[str, int]:
    return dict(Counter(record["verdict"] for record in records))


def _view(results: Results) -> View:
    qualification = notes.qualification(results)
    number: dict[str, Any] = {"kind": "number", "decimals": "decimals"}
    comparable = notes.on_papers_data(results)
    columns = [
        Column(title="ID", field="id"),
        Column(title="Row", field="title", role="name"),
        Column(title="Metric", field="metric_title"),
        Column(title="Split", field="split"),
        Column(
            title=f"Verdict ({qualification})" if comparable and qualification else "Verdict",
            kind="mark",
            field="verdict",
        ),
        Column(title="Published", field="published", role="published", **number),
        Column(title="Ours", kind="estimate", role="number", decimals="decimals"),
        Column(title="Difference", field="difference", role="number", signed=True, **number),
        Column(title="Reading", field="reading_shown", role="prose"),
    ]
    if not comparable:  # our scores stand in the tables, and not beside numbers on other data
        ours = ("Ours", "Difference", "Reading")
        columns = [column for column in columns if column.title not in ours]
    return View(
        keys=("group", "row", "title", "metric", "split"), heading="heading", columns=tuple(columns)
    )


def _notes(records: list[dict[str, Any]], reader: ScoreReader) -> list[str]:
    results = reader.results
    if not notes.on_papers_data(results):
        return [
            *notes.warning(results),
            f"**{len(records)} numbers that the paper and its peers publish, on other data "
            f"({_counts(records)} here)**. They are not compared with scores of this run, which "
            "are in the other tables.",
            "other data: this run has a score of the same system, split, metric and class, on "
            "other clips. not run: it has none.",
            *notes.basis(reader),
        ]
    editions = "; ".join(
        f"{_edition(edition, results)}: "
        + _counts(record for record in records if record["edition"] == edition)
        for edition in dict.fromkeys(record["edition"] for record in records)
    )
    return [
        *notes.warning(results, "The verdicts do not show whether the paper is reproducible."),
        f"**{len(records)} published numbers: {_counts(records)}** ({editions}).",
        "within: the published number lies in our 95 % prediction interval; above: this interval "
        "lies above it; below: this interval lies below it; undecided: we have one training, which "
        "decides nothing. The prediction interval contains the score of one further training of "
        "the same system and covers seeds and clips; the CSV has its ends (predicted_low, "
        f"predicted_high). {_coverage(records)} A wide interval contains many numbers.",
        "Reading: the options of the system that are not the defaults (see the table of readings); "
        "the CSV lists all of them.",
        *notes.basis(reader),
    ]


def _edition(name: str, results: Results) -> str:
    paper = results.paper
    return paper.editions[name].name if name in paper.editions else paper.source_title(name)


def _coverage(records: list[dict[str, Any]]) -> str:
    covers = {record["covers"] for record in records if record["covers"]}
    if covers == {CLIPS}:
        return "The brackets cover clips only, because each system has one seed."
    if CLIPS in covers:
        return "The brackets cover clips and seeds, or clips only for systems with one seed."
    return "The brackets cover clips and seeds."
