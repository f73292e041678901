"""What every table carries: how many clips of which audit, and whether that is the paper's."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from resed.results.clips import coverage, in_full
from resed.results.folder import Results, departures
from resed.tabulate.table import Table


def grounded(table: Table, results: Results) -> Table:
    """The table with n of N clips a split and the manifest's hash, in its caption and its CSV.

    Columns it has already stay: `clips_{split}` of scores is how many were scored.
    """
    own: dict[str, object] = {}
    for share in coverage(results):
        own |= {f"clips_{share.role}": share.usable, f"all_clips_{share.role}": share.of}
    own["manifest_sha256"] = results.manifest
    return replace(
        table,
        caption=(*table.caption, in_full(results)),
        records=tuple(record | (own | record) for record in table.records),
    )


def on_papers_data(results: Results) -> bool:
    """Whether the dataset is the paper's."""
    return results.config.dataset_file.name == results.paper.dataset


def qualified(word: str, results: Results) -> str:
    """A verdict for people: `holds`, or `holds (other data)`; what was not run needs no more."""
    if word == "not run" or not departures(results):
        return word
    return f"{word} ({'other settings' if on_papers_data(results) else 'other data'})"


def warning(results: Results, what: str) -> tuple[str, ...]:
    """The first sentences of the caption, where data or settings are not the paper's."""
    reasons = departures(results)
    return (f"**Not the paper's numbers**: {'; '.join(reasons)}. {what}",) if reasons else ()


def tally(words: Iterable[str], order: Mapping[str, str]) -> str:
    """`3 within, 2 above`: how often each word stands, in this order, by its name for many."""
    counts = Counter(words)
    return ", ".join(f"{counts[word]} {name}" for word, name in order.items() if counts[word])
