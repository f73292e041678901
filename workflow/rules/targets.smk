# What tables, figures and baselines read: lists of paths, a seed at a time.


def in_row(*rows):
    """The configured systems of these rows of Table 1, one a row; none where a row is missing."""
    found = [next((n for n in CONFIG.systems if CONFIG.catalogue[n].row == r), None) for r in rows]
    return found if all(found) else []


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


def own_posteriors(wildcards):
    """Posteriors for the one baseline that needs them: a system's tags over the whole clip."""
    system = CONFIG.sanity_system or CONFIG.systems[-1]
    return posteriors(wildcards.split, system, 0) if wildcards.kind == "own_tags" else []
