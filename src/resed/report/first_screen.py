"""The text of the first screen: what was run, on what, and how certain it is."""

from resed.config.dataset import SCORED_ROLES
from resed.config.run_name import in_words
from resed.errors import some
from resed.report import facts
from resed.results.folder import Results
from resed.tabulate.choices import searching
from resed.tabulate.notes import on_papers_data

DEVELOPMENT = "development"  # split on which `decode.search` and composites choose
MOST_TITLES = 4  # that the sentence on choices names


def page_title(results: Results) -> str:
    """The title of the window."""
    dataset, paper = results.config.dataset_file, results.paper
    if on_papers_data(results):
        return f"{dataset.title}{_run(results)}: {paper.name}, reproduced"
    return f"{dataset.title}{_run(results)}: sound event detection"


def heading(results: Results) -> str:
    """The paper's name on its data; the title of any other dataset."""
    dataset, paper = results.config.dataset_file, results.paper
    if on_papers_data(results):
        return f"{paper.name}, reproduced on {dataset.title}{_run(results)}"
    return dataset.title + _run(results)


def _run(results: Results) -> str:
    return f", {in_words(results.config.run)}" if results.config.run else ""


def lede(results: Results) -> str:
    """One sentence: systems, seeds, dataset, classes and clips."""
    config = results.config
    shares = {split.role: split for split in facts.splits(results) if split.usable}
    count = {role: share.usable.usable for role, share in shares.items() if share.usable}
    trained = [
        f"{count[role]} {words}"
        for role, words in (
            ("weak", "weakly labelled"),
            ("strong", "strongly labelled"),
            ("unlabeled", "unlabelled"),
            ("out_of_domain", "out-of-domain"),
        )
        if role in count
    ]
    scored = [f"{count[role]} {role}" for role in ("development", "evaluation") if role in count]
    systems = len(config.systems)
    of_paper = sum(name in results.paper.systems() for name in config.systems)
    whose = f" of {results.paper.name}" if of_paper == systems else ""
    if 0 < of_paper < systems:
        whose = f" ({of_paper} of {results.paper.name})"
    classes = len(config.dataset_file.classes)
    text = (
        f"{systems} system{'s' * (systems != 1)}{whose} detect{'s' * (systems == 1)} "
        f"{classes} class{'es' * (classes != 1)} of sound events, with {config.seeds_in_words} "
        "per system"
    )
    if not trained or not scored:
        return f"{text}. The clips were not audited."
    start = f" Training starts with the weights of the model {config.init}." if config.init else ""
    return f"{text}: trained on {_joined(trained)} clips, scored on {_joined(scored)} clips.{start}"


def chosen(results: Results) -> str:
    """A sentence on which clips chose what; "" if neither the paper nor a system chooses."""
    split, config = results.paper.chosen_on, results.config
    names = searching(results, config.systems)
    if not split and not names:
        return ""
    what, whose = "windows and thresholds", ""
    if split or any(map(config.members, names)):
        what = "models of each class, windows and thresholds"
    if not split:  # some systems of a paper that chooses nothing
        titles = [config.catalogue[name].title for name in names]
        split, whose = DEVELOPMENT, f" of {some(titles, MOST_TITLES)}"
    others = " and ".join(name for name in SCORED_ROLES if name != split)
    return (
        f"{what[:1].upper()}{what[1:]}{whose} were chosen on {split} and are reported on {others}: "
        f"scores on {split} are optimistic; {others} chose nothing."
    )


def basis(results: Results) -> str:
    """A sentence on what the intervals cover."""
    seeds = results.config.seeds_in_words
    if seeds == "1 seed":
        return (
            "One seed per system: intervals cover clips only, and comparisons of separately "
            "trained systems are undecided."
        )
    return f"Intervals cover clips and seeds ({seeds} per system; clips only for one seed)."


def _joined(parts: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
