"""The order of trainings that have their first epochs in common, and their options.

Requires common.smk, order.smk and options.smk. Makes no declared file.
"""

from resed.config.branches import branches

BRANCHES = branches(CONFIG, TRAINED)


def branch_priority(wildcards):
    """A training that most others can continue comes first, and those others last."""
    first = max(BRANCHES, key=lambda name: len(BRANCHES[name]), default=None)
    more = 2 if wildcards.trained == first else 0 if wildcards.trained in BRANCHES else 1
    return TRAININGS_FIRST + more


def branch_options(wildcards, output):
    """Options of `resed train` as words; `output` keeps them from being a reason to train again."""
    epochs = BRANCHES.get(wildcards.trained, [])
    folder = Path(output.checkpoint).parents[2] / "branches"
    return [*words("--branches", [folder] if epochs else []), *words("--branch-after", epochs)]
