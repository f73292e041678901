"""Notes on what the development split chose: windows, thresholds, and the systems of classes."""

from collections import Counter
from collections.abc import Iterable

from resed.errors import MOST_CLASSES, some
from resed.formats.class_choices import read_class_choices
from resed.results.folder import Results
from resed.settings import SearchSettings


def searching(results: Results, systems: Iterable[str]) -> list[str]:
    """Those of `systems` that the run has and that choose windows and thresholds."""
    config = results.config
    known = [name for name in systems if name in config.systems]
    return [name for name in known if config.system(name).decode.search]


def notes_on_choices(results: Results, systems: Iterable[str]) -> list[str]:
    """What was chosen for the rows of a table, and on which split; none if nothing was."""
    names = searching(results, systems)
    if not names:
        return []
    config = results.config
    ways: dict[str, list[str]] = {}
    for name in names:
        search = config.system(name).decode.search
        assert search is not None
        ways.setdefault(in_words(search), []).append(config.catalogue[name].title)
    listed = "; ".join(f"{way}: {some(titles, len(titles))}" for way, titles in ways.items())
    found = [
        f"**Development chose** windows and thresholds by event F1 ({listed}). Scores on "
        "development are those of the clips that chose; evaluation chose nothing."
    ]
    composites = dict.fromkeys(config.trained_as(name) for name in names)
    for name in (one for one in composites if config.members(one)):
        choices = [
            read_class_choices(results.layout.choice(name, seed)) for seed in config.seed_list(name)
        ]
        counts = Counter(row.system for rows in choices for row in rows.values())
        titles = [f"{config.catalogue[one].title} {count}" for one, count in counts.most_common()]
        found.append(
            f"{config.catalogue[name].title}: development chose the system of each class; classes "
            f"of each system, over all seeds: {some(titles, MOST_CLASSES)}."
        )
    return found


def in_words(search: SearchSettings) -> str:
    """What a search chooses: `a window per class, one threshold`."""
    window = "one window" if search.window == "all" else "a window per class"
    threshold = "one threshold" if search.threshold == "all" else "a threshold per class"
    cells = f"{len(search.windows)} x {len(search.thresholds)} values"
    return f"{window}, {threshold}, {cells}"
