"""The trainings that a model is chosen from, their files, and the options of `resed choose`.

Requires common.smk, inputs.smk and options.smk. Makes no file.
"""

ABOUT = ROOT / "config" / "models" / f"{DATASET.name}.yaml"  # what its makers say about a model
# Name -> system and seed.
CANDIDATES = {
    f"{system}/seed{seed}": (system, seed)
    for system in CONFIG.systems
    if system in TUNED
    for seed in CONFIG.seed_list(system)
}


def checkpoint(system, seed):
    """The checkpoint that a system uses."""
    return str(LAYOUT.trained(CONFIG.trained_as(system), seed) / "checkpoint.pt")


def class_thresholds(system, seed):
    """The thresholds per class that were chosen on development."""
    return str(LAYOUT.threshold(Row(system).tuned_per_class, seed))


def scored_per_class(system, seed):
    """Scores with thresholds per class."""
    return scored([Row(system).tuned_per_class], seed)


def choose_options(wildcards, input):
    """Options of `resed choose`, as words."""
    files = {
        "--checkpoint": input.checkpoints,
        "--thresholds": input.thresholds,
        "--windows": input.windows,
        "--settings": [settings(system, "decode") for system, _ in CANDIDATES.values()],
    }
    pairs = {option: map("=".join, zip(CANDIDATES, own)) for option, own in files.items()}
    return [word for option, values in pairs.items() for word in words(option, values)]
