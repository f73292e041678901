"""Fill the HTML page of an audit (page.html) with the content of audit.json."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resed.audit.finding_kinds import finding_kinds
from resed.audit.findings import LEVELS
from resed.audit.summary import refusal_reasons
from resed.config.dataset import Dataset
from resed.formats.web_page import environment

LONGEST_LIST = 200  # unusable clips on the page; manifest.tsv lists all of them
FIRST_STEPS = 5  # steps that the top of the page lists
FOLDER = "audit"  # of a run's audit; its report is in the folder beside it
TITLES = {
    "refusal": ("Refusals", "The run stops until these are corrected."),
    "warning": ("Warnings", "The run continues; these may change its results."),
    "note": ("Notes", "Common or harmless; useful when results are compared."),
}
RECOGNISED = {
    "bytes": "byte for byte",
    "rows": "the same rows",
    "count": "only by the number of rows",
    None: "unknown version",
}
Found = Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """A kind of finding that the user should act on, in all its splits."""

    id: str
    level: str
    splits: tuple[str, ...]
    count: int


def page(dataset: Dataset, summary: Mapping[str, Any], folder: Path | None = None) -> str:
    """The page for the content of audit.json; it links the report of a run's `folder`."""
    findings: dict[str, dict[str, list[Found]]] = {level: {} for level in LEVELS}
    for one in summary["findings"]:
        findings[one["level"]].setdefault(one["id"], []).append(one)
    kinds, every = finding_kinds(dataset.own), steps(summary["findings"])
    return (
        environment("resed.audit")
        .get_template("page.html")
        .render(
            dataset=dataset,
            summary=summary,
            reasons=refusal_reasons(summary),
            neighbours=_neighbours(folder),
            steps=every[:FIRST_STEPS],
            more_steps=len(every[FIRST_STEPS:]),
            findings=findings,
            seen_ids=_seen_before(findings),
            silent=len(kinds.keys() - {one["id"] for one in summary["findings"]}),
            kinds=kinds,
            levels=[(level, *TITLES[level]) for level in LEVELS],
            recognised=RECOGNISED,
            longest_list=LONGEST_LIST,
        )
    )


def steps(findings: Iterable[Found]) -> list[Step]:
    """The refusals and warnings by kind, most important first; notes require nothing."""
    grouped: dict[tuple[str, str], list[Found]] = {}
    for one in sorted(findings, key=lambda one: LEVELS.index(one["level"])):
        if one["level"] != "note":
            grouped.setdefault((one["level"], one["id"]), []).append(one)
    return [
        Step(
            name,
            level,
            tuple(dict.fromkeys(one["split"] for one in group)),
            sum(one["count"] for one in group),
        )
        for (level, name), group in grouped.items()
    ]


def _seen_before(findings: Mapping[str, Mapping[str, Sequence[Found]]]) -> dict[str, set[str]]:
    """The kinds of each level that a level before has too: an id stands once on the page."""
    seen: set[str] = set()
    found = {}
    for level in LEVELS:
        found[level] = set(seen)
        seen |= findings[level].keys()
    return found


def _neighbours(folder: Path | None) -> list[tuple[str, str]]:
    pages = [("Audit of the data", "")]
    if folder is not None and folder.name == FOLDER:
        pages.insert(0, ("Report (when the run has made it)", "../report/index.html"))
    return pages
