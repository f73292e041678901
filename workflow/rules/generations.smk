"""The training roles of a dataset, and those that networks that are trained alone use.

Requires common.smk, inputs.smk and options.smk. Makes no file.
"""

from resed.config.dataset import LABELLED_ROLES

TIMED = ["strong"] * ("strong" in STRONG)  # training clips with durations
GENERATIONS = CONFIG.generations
# Training splits on which teachers are predicted, and systems that have files of targets.
LEARNT = sorted({split for splits in GENERATIONS.taught().values() for split in splits})
LEARNERS = sorted({GENERATIONS.owner(n) for n in CONFIG.systems if GENERATIONS.teachers(n)})


def training_stores(row):
    """Feature stores of the roles whose clips the training of a row reads."""
    return [store(role, row) for role in CONFIG.system(row).read_roles]


def labelled(row):
    """Roles whose labels the training of a row reads."""
    return [role for role in CONFIG.system(row).read_roles if role in LABELLED_ROLES]


def store_options(row, stores):
    """Options of `resed train`: the stores of these roles, as words."""
    options = [f"--{role.replace('_', '-')}" for role in CONFIG.system(row).read_roles]
    return [word for pair in zip(options, stores) for word in pair]


def targets(wildcards):
    """Files of targets of a training; none for a first generation."""
    name = Row.of(wildcards.trained).system
    owner = GENERATIONS.owner(name)
    return [str(LAYOUT.targets(role, owner, wildcards.seed)) for role in GENERATIONS.roles(name)]


def target_options(wildcards, input):
    """Options of `resed train`: the generation of a student and its targets by role, as words."""
    name = Row.of(wildcards.trained).system
    if not GENERATIONS.teachers(name):
        return []
    found = words("--targets", map("=".join, zip(GENERATIONS.roles(name), input.targets)))
    return [*found, "--generation", str(GENERATIONS.generation(name))]


def teachers(wildcards):
    """Posteriors of the teachers of a target set."""
    names = GENERATIONS.teachers(wildcards.learner)
    return [posteriors(wildcards.split, name, wildcards.seed) for name in names]


def teacher_options(wildcards, input):
    """Options of `resed distil`: the posteriors of each teacher, as words."""
    names = GENERATIONS.teachers(wildcards.learner)
    return words("--teacher", map("=".join, zip(names, input.teachers)))


def predict_options(row):
    """Options of `resed predict`: the file with networks of the user, and what is left out."""
    return network_options(row) + ["--tags-only"] * CONFIG.predict.tags_only
