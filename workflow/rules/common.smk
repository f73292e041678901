"""The checked config, the folders, and the paths and options that several stages use.

Requires `config`. Makes no file.
"""

import json
import logging
import os
import re
import shutil
import sys
from pathlib import Path

from snakemake.logging import logger
from snakemake.settings.types import Quietness

from resed.config import study
from resed.config.dataset import dataset_path
from resed.config.rows import Row, windows_of_reading
from resed.config.run import load_config
from resed.config.systems import DEFAULT_FEATURES
from resed.errors import ResedError
from resed.paper.numbers import load_paper
from resed.results.inputs import SPLITS as SCORED
from resed.results.inputs import Inputs
from resed.results.layout import Layout
from resed.runtime import run_lock

logging.raiseExceptions = False  # report a full disk once, not once per message of the log
if Quietness.REASON in workflow.output_settings.quiet:
    # Snakemake 9.27 sums up the reasons at the end even so; a plan ends with its table of jobs.
    logger.addFilter(lambda record: not str(record.msg).startswith("Reasons:"))

# Where config/ is: here, or beside the workflow that another one uses as a module.
ROOT = Path(workflow.current_basedir).parents[1]
ROOT = Path() if ROOT.samefile(Path()) else ROOT

try:
    CONFIG = load_config({key: config[key] for key in config if key != "pathvars"}, ROOT)
    PAPER = load_paper(CONFIG.paper, ROOT)
except ResedError as error:
    sys.exit(f"resed: {error}")  # one line and exit code 1, before any job

DATASET = CONFIG.dataset_file
DATASET_FILE = dataset_path(CONFIG.dataset, ROOT)
PAPER_FILES = sorted(map(str, (ROOT / "config" / "papers" / CONFIG.paper).glob("*.yaml")))
DATA = f"data/{DATASET.name}"


pathvars:
    results=f"results/{DATASET.name}",
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


RESULTS = workflow.pathvars.apply("<results>")
run_lock.guard(workflow, RESULTS)  # one run at a time; jobs end with it
# Jobs use the `resed` of the Python that runs Snakemake, whether its environment is active or not.
# They record the checksums of what they make below RESED_RESULTS, and compare those of their inputs.
os.environ.update(
    PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.getenv('PATH', '')}",
    RESED_RESULTS=str(Path(RESULTS).absolute()),
)

LAYOUT = Layout(Path("<results>"))
FILES = Inputs(CONFIG, PAPER, LAYOUT)
STRONG = [split for split, place in DATASET.splits.items() if place.labels == "strong"]
STUDIED = [row.folder for row in CONFIG.sensitivity_rows()]
TRAINED = sorted({CONFIG.trained_as(name) for name in (*CONFIG.systems, *STUDIED)})
# Trainings queue for a GPU; without one, they may run side by side on the cores.
GPU = int(shutil.which("nvidia-smi") is not None)


def one_of(names):
    """Regular expression of a wildcard that takes one of these values."""
    return "|".join(map(re.escape, names))


def words(option, values):
    """A repeated option as words of a command line."""
    return [word for value in values for word in (option, str(value))]


def as_json(value):
    """A setting as a parameter: equal settings give equal text, so only a change re-runs a job."""
    return json.dumps(value, sort_keys=True)


def settings(row, *parts):
    """The settings of a row that a stage uses."""
    return as_json(CONFIG.system(row).model_dump(mode="json", include=set(parts)))


def annotations(split):
    """Annotation file of a split."""
    return f"{DATA}/{DATASET.splits[split].annotations}"


def labels(*splits):
    """What stands for the annotations of splits in the inputs of a job: their records of acquire.

    A record holds the SHA-256 of the annotations, and jobs compare it before they read them. The
    files themselves are outputs of no rule: Snakemake would delete a user's labels before it runs
    acquire again.
    """
    return [str(LAYOUT.acquired(split)) for split in splits]


def store(split, row):
    """Feature store of a split, of the feature set that a row is trained on."""
    return f"<results>/extract/{CONFIG.features_of(row)}/{split}.store"


def posteriors(split, row, seed):
    """Posteriors of the checkpoint that a row uses."""
    return str(LAYOUT.posteriors(split, CONFIG.trained_as(row), seed))


def decoded(rows, seed, names):
    """Files of decode, of rows on all scored splits."""
    folders = [LAYOUT.decoded(split, row, seed) for row in rows for split in SCORED]
    return [f"{folder}/{name}" for folder in folders for name in names]


def scored(rows, seed):
    """Files of score, of rows on all scored splits."""
    folders = [LAYOUT.scored(split, row, seed) for row in rows for split in SCORED]
    return [f"{folder}/{name}" for folder in folders for name in ("metrics.json", "counts.tsv")]


def references():
    """Option of `resed score` and `resed sanity`: the annotations of all scored splits."""
    return words("--reference", [f"{split}={annotations(split)}" for split in SCORED])


def config_json(systems=None):
    """The config for tables, figures and report; of the overrides, only those of `systems`."""
    values = CONFIG.model_dump(mode="json")
    if systems is not None:
        used = {*systems, *map(CONFIG.trained_as, systems)}
        overrides = values["system_overrides"]
        values["system_overrides"] = {name: overrides[name] for name in overrides if name in used}
    return as_json(values)


def titles(systems):
    """Titles of systems, which tables and figures show."""
    return [CONFIG.catalogue[name].title for name in systems]
