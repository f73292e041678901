# What tables, figures and baselines read: lists of paths, a seed at a time.
from functools import cache

ENTRIES = {name: CONFIG.catalogue[name] for name in CONFIG.systems}
WITH_ROW = [name for name, entry in ENTRIES.items() if entry.row is not None]
WINDOWED = [name for name, entry in ENTRIES.items() if entry.row in (8, 9)]

# Which systems' scores each table reads.
TABLES = {
    "table1": [name for name, entry in ENTRIES.items() if name in WITH_ROW or not entry.stage],
    "table2": [name for name, entry in ENTRIES.items() if entry.stage or entry.row == 6],
    "table3": WINDOWED,
    "letter_table1": WITH_ROW,
    "letter_table2": WINDOWED,
    "comparisons": WITH_ROW,
    "scorecard": CONFIG.systems,
    "claims": CONFIG.systems,
    "contradictions": [],
    "readings": [],
    "truths": CONFIG.systems,
}
STUDY = {"readings": [CONFIG.sensitivity.system]}  # whose settings it shows beside them


def per_seed(pattern, systems):
    """A path a system and seed of it."""
    return [
        path
        for name in systems
        for path in expand(pattern, system=name, seed=CONFIG.seed_list(name))
    ]


def metrics(systems):
    """Scores of systems, as configured and with the threshold of their own, on both splits."""
    pattern = f"{RESULTS}/score/{{split}}/{{{{system}}}}{{suffix}}/seed{{{{seed}}}}/metrics.json"
    kinds = expand(pattern, split=SCORED, suffix=("", TUNED))
    return [path for kind in kinds for path in per_seed(kind, systems)]


def sanity_metrics():
    """Scores of the baselines on both splits."""
    return expand(
        f"{RESULTS}/score/{{split}}/sanity_{{kind}}/seed0/metrics.json", split=SCORED, kind=SANITY
    )


def histories(systems):
    """Training histories of the systems' checkpoints."""
    trained = sorted({CONFIG.trained_as(name) for name in systems})
    return per_seed(f"{RESULTS}/train/{{system}}/seed{{seed}}/history.csv", trained)


def figure_input(wildcards):
    """What a figure is drawn from: histories, decoded tags or windows."""
    figure, systems = wildcards.figure, FIGURES[wildcards.figure]
    if figure == "figure3" or figure.startswith("training_curves"):
        return histories(systems)
    if figure.startswith("figure7"):
        return [f"{RESULTS}/acquire/strong.json"] + expand(
            f"{RESULTS}/calibrate/windows_{{method}}.tsv", method=("average", "esp")
        )
    tags = f"{RESULTS}/decode/evaluation/{{system}}/seed0/tags.tsv"
    files = [f"{RESULTS}/acquire/evaluation.json"] * bool(systems) + expand(tags, system=systems)
    single = systems if CONFIG.confusion == "single" else []  # counts by the highest posterior
    return files + [posteriors("evaluation", system, 0) for system in single]


def posteriors_to_score(wildcards):
    """Posteriors and windows of a row of Table 1, where PSDS and mAP stand; else none.

    A row with a threshold of its own has none: what needs no threshold stands beside the plain row.
    """
    if wildcards.row not in TABLES["table1"]:
        return []
    return [posteriors(wildcards.split, wildcards.row, wildcards.seed), windows(wildcards.row)]


def threshold_free(wildcards):
    """Options of `resed score` for PSDS and mAP, a word each."""
    words = ("--posteriors", "--windows", "--settings")
    files = posteriors_to_score(wildcards)
    if not files:
        return []
    decoding = CONFIG.system(wildcards.row).decode.model_dump(mode="json")
    return [word for pair in zip(words, [*files, as_json(decoding)]) for word in pair]


def studied_scores():
    """Scores of the unchanged system and of each reading that changes something here, every seed."""
    return [
        f"{RESULTS}/score/{split}/{name}/seed{seed}/{file}"
        for name in (row.folder for row in study.rows(CONFIG))
        for split in SCORED
        for seed in study.seeds(CONFIG, name)
        for file in ("metrics.json", "counts.tsv")
    ]


@cache
def table_scores(table):
    """Scores that a table reads; Table 1 alone has rows with a frame threshold of their own."""
    tuned = table == "table1"
    return [path for path in metrics(TABLES[table]) if tuned or TUNED not in path]


def table_counts(table):
    """The counts beside those scores: what the intervals rest on."""
    return [path.replace("metrics.json", "counts.tsv") for path in table_scores(table)]


def table_evidence(table):
    """What a table rests on besides scores: claims on much, the table of truths on events."""
    if table == "truths":
        detected = f"{RESULTS}/decode/{{split}}/{{{{system}}}}/seed{{{{seed}}}}/{{file}}.tsv"
        kinds = expand(detected, split=SCORED, file=("events", "tags"))
        return sum((per_seed(kind, CONFIG.systems) for kind in kinds), start=REPAIRED)
    if table != "claims":
        return []
    tags = f"{RESULTS}/decode/evaluation/{{system}}/seed{{seed}}/tags.tsv"
    found = per_seed(tags, CONFIG.systems)
    if CONFIG.confusion == "single":  # a claim about the diagonal then counts posteriors
        trained = sorted({CONFIG.trained_as(name) for name in CONFIG.systems})
        found += per_seed(f"{RESULTS}/predict/evaluation/{{system}}/seed{{seed}}.npz", trained)
    return histories(CONFIG.systems) + found + studied_scores() * CONFIG.sensitivity.report


def tabulated_scores():
    """Scores and counts behind any table; rows that no table shows are not made for the report."""
    return sorted({path for t in TABLES for path in (*table_scores(t), *table_counts(t))})
