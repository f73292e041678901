"""Which of the jobs that could run comes first, so that no core waits at the end of a run.

Requires common.smk. Makes no file. The order changes no result. Of jobs that are ready, those with
the largest number start first: the largest split, features, targets that later trainings wait for,
trainings (branches.smk), then all that the verdicts wait for. Figures and the clip browser come last;
they run beside the verdicts.
"""

from resed.config.run_plan import shares

FEATURES_FIRST = 8
TARGETS_FIRST = 7
TRAININGS_FIRST = 3  # and up to 2 more
VERDICTS_FIRST = 2


def largest_first(wildcards):
    """A split of more clips takes longer, and the audit waits for all splits."""
    return DATASET.splits[wildcards.split].clips * shares(CONFIG)[wildcards.split]
