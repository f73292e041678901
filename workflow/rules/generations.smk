"""The training roles of a dataset, and those that networks that are trained alone use.

Requires common.smk and inputs.smk. Makes no file.
"""

from resed.config.dataset import LABELLED_ROLES

TIMED = ["strong"] * ("strong" in STRONG)  # training clips with durations


def training_stores(row):
    """Feature stores of the roles on which the system of a row is trained."""
    return [store(role, row) for role in CONFIG.system(row).read_roles]


def labelled(row):
    """Roles on whose labels the system of a row is trained."""
    return [role for role in CONFIG.system(row).read_roles if role in LABELLED_ROLES]


def store_options(row, stores):
    """Options of `resed train`: the stores of the training roles of a row, as words."""
    options = [f"--{role.replace('_', '-')}" for role in CONFIG.system(row).read_roles]
    return [word for pair in zip(options, stores) for word in pair]
