"""Inputs of jobs: functions that return paths.

Requires common.smk. Makes no file.
"""


def annotations(split):
    """Annotation file of a split."""
    return f"{DATA}/{DATASET.splits[split].annotations}"


def labels(*splits):
    """Records that represent the annotations of splits in the inputs of a job.

    Those of soundscapes are records of acquire, which makes labels and audio together.

    A record contains the SHA-256 of the annotations, and jobs compare it before they read them. The
    annotation files are not outputs of a rule, because Snakemake would then delete a user's labels
    before it runs acquire again.
    """
    of = LAYOUT.acquired if DATASET.kind == "soundscapes" else LAYOUT.labels
    return [str(of(split)) for split in splits]


def clips(*splits):
    """Records of acquire, which represent the audio of splits in the inputs of a job."""
    return [str(LAYOUT.acquired(split)) for split in splits]


def store(split, row):
    """Feature store of a split, of the feature set that a row is trained on."""
    return str(LAYOUT.store(CONFIG.features_of(row), split))


def stores(row):
    """Feature stores of the scored splits, of the feature set that a row is trained on."""
    return [store(split, row) for split in SCORED_ROLES]


def posteriors(split, row, seed):
    """Posteriors of the checkpoint that a row uses."""
    return str(LAYOUT.posteriors(split, CONFIG.trained_as(row), seed))


def decoded(rows, seed, names):
    """Files of decode, of rows on all scored splits."""
    folders = [LAYOUT.decoded(split, row, seed) for row in rows for split in SCORED_ROLES]
    return [f"{folder}/{name}" for folder in folders for name in names]


def scored(rows, seed):
    """Files of score, of rows on all scored splits."""
    return [
        f"{LAYOUT.scored(split, row, seed)}/{name}"
        for row in rows
        for split in SCORED_ROLES
        for name in score_files(row)
    ]


def windows(row):
    """File of the windows of a row, of its method and reading; none without strong training clips."""
    name = study_rows.windows_name(CONFIG, row)
    return [str(LAYOUT.windows(name))] if TIMED else []


def figure_files(wildcards):
    """Inputs of a figure."""
    found = figures.inputs(wildcards.figure, CONFIG, PAPER)
    return [
        *labels(*found.annotations),
        *(str(LAYOUT.windows(method)) for method in found.windows),
        *FILES.histories(found.histories),
        *FILES.tags("evaluation", found.tags),
        *FILES.posteriors("evaluation", found.posteriors, seeds=1),
        *FILES.scores(study_rows.rows(CONFIG) if found.study else map(Row, found.scores)),
    ]


def figure_systems(name):
    """Systems that a figure shows."""
    found = figures.inputs(name, CONFIG, PAPER)
    shown = (*found.histories, *found.tags, *found.posteriors, *found.settings, *found.scores)
    return [*shown, *[CONFIG.sensitivity.system] * found.study]
