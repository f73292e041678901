"""Links from a claim to its evidence: lines of tables, figures and settings."""

from collections.abc import Iterator, Sequence
from typing import Any

from resed.paper.claim_fields import ReadingReference, Reference
from resed.paper.claim_tests import labels_of, references
from resed.paper.claims import Claim
from resed.paper.numbers import Paper
from resed.paper.tables import ClassTable
from resed.results.folder import readable
from resed.tabulate.layout import anchor_of

# Kinds of tests that compare no scores -> text of the link, ids that the page may have.
ELSEWHERE = {
    "progress": ("Training curves", ("training_curves_table2", "training_curves")),
    "early_gain": ("Training curves", ("training_curves",)),
    "annotations": ("Windows and durations", ("windows",)),
    "parameters": ("Settings of the systems", ("settings",)),
}
FIGURES = {"confusion": "confusion", "weights": "class_weights"}  # kind of test -> of figure
PER_CLASS = (
    "classes",
    "class_gain",
    "extreme",
    "class_counts",
    "gain_by_base",
    "class_split",
)  # kinds of tests on single classes
Link = dict[str, Any]


def links(claim: Claim, paper: Paper) -> list[Link]:
    """Links of a claim, each a text and its possible anchors in order of preference."""
    test = claim.test
    if test.kind in ELSEWHERE:
        text, anchors = ELSEWHERE[test.kind]
        return [_link(text, *anchors)]
    if test.kind in FIGURES:
        return [_figure(FIGURES[test.kind], test.system, paper)]
    labels = labels_of(test)
    per_class = test.kind in PER_CLASS or bool(labels)
    found = [] if per_class else [_pair(*pair, paper) for pair in _pairs(test)]
    for reference in dict.fromkeys(references(test)):
        found += _of_reference(reference, labels, per_class, paper)
    return [link for link in found if link["anchors"]]


def _link(text: str, *anchors: str) -> Link:
    return {"text": text, "anchors": list(anchors)}


def _figure(kind: str, system: str, paper: Paper) -> Link:
    names = [n for n, f in paper.figures.items() if f.kind == kind and f.system == system]
    title = paper.figures[names[0]].title if names else "Figures"
    return _link(title, *names, f"figures-{kind}", "figures")


def _pair(first: Reference, second: Reference, paper: Paper) -> Link:
    """The line of the table of comparisons, if the paper compares this pair."""
    pairs = paper.comparisons.pairs if paper.comparisons else []
    listed = [pair for pair in ((first, second), (second, first)) if pair in pairs]
    text = f"Comparison of {_name(first, paper)} with {_name(second, paper)}"
    return _link(text, *(anchor_of("comparisons", *pair) for pair in listed))


def _of_reference(
    reference: Reference, labels: Sequence[str], per_class: bool, paper: Paper
) -> Iterator[Link]:
    if isinstance(reference, ReadingReference):
        anchor = anchor_of("sensitivity", reference.reading)
        yield _link(f"Reading: {_name(reference, paper)}", anchor, "sensitivity", "readings")
        return
    tables = [name for name, table in paper.tables.items() if reference in table.systems()]
    of_classes = [name for name in tables if isinstance(paper.tables[name], ClassTable)]
    if per_class and of_classes:
        name = of_classes[0]
        title = paper.tables[name].title
        for label in labels:
            yield _link(f"{title}: {readable(label)}", anchor_of(name, label), name)
        if not labels:
            yield _link(title, name)
        return
    for name in [name for name in tables if name not in of_classes][:1]:
        text = f"{paper.tables[name].title}: {_name(reference, paper)}"
        yield _link(text, anchor_of(name, reference), name)


def _name(reference: Reference, paper: Paper) -> str:
    if isinstance(reference, ReadingReference):
        return f"{paper.label(reference.system)} ({reference.reading})"
    return paper.label(reference)


def _pairs(test: Any) -> Iterator[tuple[str, str]]:
    """Pairs of systems that a test compares."""
    found = list(getattr(test, "pairs", ()))
    if hasattr(test, "first"):
        found.append((test.first, test.second))
    if hasattr(test, "best"):
        found += [(test.best, other) for other in test.others]
    yield from (pair for pair in found if all(isinstance(side, str) for side in pair))
