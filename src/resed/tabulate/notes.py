"""Notes that are common to tables: dataset, clips, manifest, seeds, intervals."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from resed.formats.tables import Table, View
from resed.results.clips import coverage, in_full
from resed.results.folder import Results, departures
from resed.tabulate.layout import STALE
from resed.tabulate.score_reader import ScoreReader

SCORECARD = "scorecard"  # name of the table of the paper's numbers


def table(
    results: Results,
    name: str,
    title: str,
    notes: Sequence[str],
    frame: pd.DataFrame,
    view: View,
    data: Mapping[str, Any] | None = None,
) -> Table:
    """A table with the clips and the manifest of its numbers.

    On other data than the paper's, its numbers are not shown beside ours: the scorecard lists them.
    """
    if not on_papers_data(results) and name != SCORECARD:
        view = without_published(view)
    provenance = {
        "dataset": results.config.dataset_file.name,
        "papers_data": on_papers_data(results),
        "departures": departures(results),
        "clips": {share.role: [share.usable, share.of] for share in coverage(results)},
        "manifest_sha256": results.manifest,
        "seeds": results.config.seeds_in_words,
    }
    frame, stale = _marked(results, frame)
    every = (*stale, *notes, in_full(results))
    return Table(name, title, every, frame, view, data or {}, provenance)


def without_published(view: View) -> View:
    """A view without the columns of the paper's numbers."""
    kept = tuple(column for column in view.columns if column.role != "published")
    return view.model_copy(update={"columns": kept})


def _marked(results: Results, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The frame with the stale stages of each value, and the note on them; unchanged if none."""
    stages = [" ".join(results.stale.of_value(row)) for row in frame.to_dict("records")]
    systems = results.stale.of_systems(results.config.systems)
    by_stages: dict[tuple[str, ...], list[str]] = {}
    for name, found in systems.items():
        by_stages.setdefault(found, []).append(name)
    if any(stages):
        frame = frame.assign(stale=stages)
    if not systems and not any(stages):
        return frame, []
    told = [f"{', '.join(found)}: {', '.join(names)}" for found, names in by_stages.items()]
    which = "; ".join(told) or "baselines or readings"
    note = (
        f"**Made in part by other code of resed** than that of this table ({which}); such numbers "
        f"are marked {STALE}. `resed verify` names the files and the commands that redo them."
    )
    return frame, [note]


def on_papers_data(results: Results) -> bool:
    """Whether the dataset is the paper's."""
    return results.config.dataset_file.name == results.paper.dataset


def qualification(results: Results) -> str:
    """`other data` or `other settings` than the paper's, as a qualification of verdicts."""
    if not departures(results):
        return ""
    return "other settings" if on_papers_data(results) else "other data"


def warning(results: Results, consequence: str = "") -> list[str]:
    """The first note of a table if data or settings are not the paper's."""
    reasons = departures(results)
    text = f"**Not the paper's numbers**: {'; '.join(reasons)}. {consequence}".strip()
    return [text] if reasons else []


def scored(reader: ScoreReader) -> list[str]:
    """Notes with a warning, the number of scored clips, and what the intervals cover."""
    return [*warning(reader.results), *basis(reader)]


def basis(reader: ScoreReader) -> list[str]:
    """Notes with the number of scored clips and what the intervals cover."""
    results, paper = reader.results, reader.results.paper
    clips = ", ".join(f"{count} {split}" for split, count in reader.clips.items())
    printed = ", ".join(f"{paper.clips[s]} {s}" for s in reader.clips if s in paper.clips)
    text = f"clips scored: {clips or 'none'}" + (f" (paper: {printed})" if printed else "")
    return [f"Dataset: {results.dataset}; {text}.", certainty(results.config.seeds_in_words)]


def paired_by_seed(results: Results) -> list[str]:
    """A note on which differences of a run with generations are taken seed by seed; else none."""
    config = results.config
    if not any(config.generations.teachers(name) for name in config.systems):
        return []
    return [
        "Differences are taken seed by seed within a chain of generations: seed k of a student "
        "learns from seed k of its teachers, so two systems of which one learns from the other, or "
        "both from the same earlier training, are compared by the differences of their seeds. So "
        "are students of one generation that differ only in their targets, because they have equal "
        "first weights and see the clips in one order. Seeds of all other pairs are independent "
        "(Welch)."
    ]


def certainty(seeds: str) -> str:
    """A note on what the intervals cover; `seeds` is `Config.seeds_in_words`."""
    if seeds == "1 seed":
        return (
            "Trained systems: 1 seed. Brackets contain the 95 % interval over clips only; another "
            "training of the same system may lie outside it."
        )
    return (
        f"Trained systems: means over {seeds}; brackets contain the 95 % interval over clips and "
        "seeds, or over clips only with 1 seed."
    )


def tally(words: Iterable[str], names: Mapping[str, str]) -> str:
    """`3 within, 2 above`: the count of each word with its name, in the order of `names`."""
    counts = Counter(words)
    return ", ".join(f"{counts[word]} {name}" for word, name in names.items() if counts[word])
