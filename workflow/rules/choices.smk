"""Composites and searches: systems whose models, windows or thresholds are chosen on development.

Requires common.smk, inputs.smk and options.smk. Makes no file.
"""

TUNED = FILES.tuned_systems()  # of MAIN, also decoded at thresholds chosen on development
OTHERS = [name for name in (*CONFIG.systems, *STUDIED) if name not in TUNED]
SEARCHED = [name for name in OTHERS if CONFIG.system(name).decode.search]
# Systems without a training: class by class the posteriors of others.
COMPOSITES = [
    name for name in CONFIG.systems if name == CONFIG.trained_as(name) and CONFIG.members(name)
]


def members(split):
    """Function of wildcards: posteriors on a split of the systems of a composite."""
    return lambda wildcards: [
        posteriors(split or wildcards.split, name, wildcards.seed)
        for name in CONFIG.members(wildcards.composite)
    ]


def member_options(wildcards, input):
    """Options of `resed assign` and `resed compose`: name and posteriors of each system."""
    return words(
        "--posteriors", map("=".join, zip(CONFIG.members(wildcards.composite), input.members))
    )


def searched(seed="{seed}"):
    """Files of the windows and the thresholds that decode.search chooses."""
    return list(map(str, LAYOUT.searched(SYSTEM, seed)))


def threshold_free(wildcards):
    """Posteriors for mAP and mAUC, and windows for PSDS of the systems whose table has it."""
    system, seed = wildcards.system, wildcards.seed
    found = [posteriors(split, system, seed) for split in SCORED_ROLES]
    chosen = [str(LAYOUT.searched(system, seed)[0])] if system in SEARCHED else windows(system)
    return found + chosen * (system in MAIN and not DATASET.tags_only)


def scored_references():
    """Options of `resed score`: as `references`, and whether these have tags only."""
    return references() + ["--tags-only"] * DATASET.tags_only
