"""Fill the HTML page of an audit (page.html) with the content of audit.json."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from resed.audit.finding_kinds import finding_kinds
from resed.audit.findings import LEVELS
from resed.audit.summary import refusal_reasons
from resed.config.dataset import Dataset
from resed.escaping import html

LONGEST_LIST = 200  # unusable clips on the page; manifest.tsv lists all of them
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


def page(dataset: Dataset, summary: Mapping[str, Any]) -> str:
    """The page for the content of audit.json."""
    findings: dict[str, dict[str, list[Mapping[str, Any]]]] = {level: {} for level in LEVELS}
    for one in summary["findings"]:
        findings[one["level"]].setdefault(one["id"], []).append(one)
    environment = Environment(
        loader=PackageLoader("resed.audit", "."),
        autoescape=True,
        finalize=html,
        undefined=StrictUndefined,
    )
    return environment.get_template("page.html").render(
        dataset=dataset,
        summary=summary,
        reasons=refusal_reasons(summary),
        findings=findings,
        found={one["id"] for one in summary["findings"]},
        kinds=finding_kinds(dataset.own),
        levels=[(level, *TITLES[level]) for level in LEVELS],
        recognised=RECOGNISED,
        longest_list=LONGEST_LIST,
    )
