"""The sections of the page, in order."""

from collections.abc import Collection
from dataclasses import dataclass

OF_PAPER = ("paper-tables", "contradictions")  # sections that only the paper's readers require


@dataclass(frozen=True)
class PageSection:
    """A section that opens: its id, its title, and a line on what it has."""

    anchor: str
    title: str
    hint: str


def sections(
    *,
    papers_data: bool,
    own: bool,
    paper: str,
    published: int,
    ids: Collection[str],
    figures: str = "",
) -> tuple[PageSection, ...]:
    """The sections of the page; `ids` are those whose content depends on the run.

    Args:
        papers_data: whether the dataset is the paper's, so that its numbers are compared.
        own: whether the dataset is somebody's own; sections `OF_PAPER` are then left out.
        paper: name of the paper.
        published: number of published numbers that are listed.
        figures: what the figures show.
    """
    numbers = "Scorecard" if papers_data else "Numbers on other data"
    told = (
        f"each of {published} published numbers beside ours"
        if papers_data
        else f"{published} published numbers of these systems, not compared with this run"
    )
    every = (
        PageSection("systems", "Scores of the systems", "all metrics, both splits, baselines"),
        PageSection("per_class", "Scores per class", "each class and system, and the windows"),
        PageSection("comparisons", "Comparisons", "pairs of systems on the same clips"),
        PageSection("runs", "Another run", "the same systems with other settings, paired"),
        PageSection("claims", f"Claims of {paper}", "each with its verdict and its evidence"),
        PageSection("paper-tables", f"Further tables of {paper}", "beside the table of systems"),
        PageSection("scorecard", numbers, told),
        PageSection("figures", "Figures", figures),
        PageSection("repaired", "Original and repaired labels", "what the labels change"),
        PageSection("sensitivity", "Study of the readings", "what the open choices change"),
        PageSection("readings", "What the paper leaves open", "questions and their options"),
        PageSection("contradictions", "Contradictions of the paper", "with the figures"),
        PageSection("run", "The run", "clips, versions, settings of each system"),
        PageSection("notes", "How to read the tables", "intervals, metrics, baselines"),
        PageSection("not-run", "What was not run", "systems, claims, figures"),
    )
    return tuple(one for one in every if one.anchor in ids and not (own and one.anchor in OF_PAPER))
