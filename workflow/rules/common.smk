"""The checked config, the folders, and what there is to make: systems, rows, windows, figures.

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
from resed.config.dataset import SCORED_ROLES, dataset_path
from resed.config.rows import Row
from resed.config.run import load_config
from resed.config.systems import DEFAULT_FEATURES
from resed.draw import inputs as figures
from resed.errors import ResedError
from resed.paper.numbers import load_paper
from resed.results.inputs import STUDY, VERDICTS, Inputs
from resed.results.layout import Layout
from resed.runtime import run_lock

logging.raiseExceptions = False  # report a full disk once, not once per message of the log
if Quietness.REASON in (workflow.output_settings.quiet or ()):
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
DATASET_FILE = str(dataset_path(CONFIG.dataset, ROOT))
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
MAIN = FILES.main_systems()  # which have a second row, at the threshold chosen on development
OTHERS = [name for name in (*CONFIG.systems, *STUDIED) if name not in MAIN]
SYSTEM = Row("{system}")  # the row of a wildcard
DECODED = ("events.tsv", "tags.tsv", "raw_tags.tsv", "teacher_tags.tsv")
TABLES = [*PAPER.tables, STUDY]
FIGURES = figures.figure_names(CONFIG, PAPER)
STUDY_FIGURE = "sensitivity"
# Name of the windows -> method, and how they are made.
WINDOWS = {method: (method, CONFIG.calibrate) for method in ("average", "esp")} | {
    study.windows_name(CONFIG, row): (
        CONFIG.system(row).decode.windows,
        study.calibration(CONFIG, row),
    )
    for row in CONFIG.sensitivity_rows()
}
# Trainings queue for a GPU; without one, they may run side by side on the cores.
GPU = int(shutil.which("nvidia-smi") is not None)
