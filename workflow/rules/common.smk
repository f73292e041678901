"""The checked config, the folders, and lists of the systems, rows, windows and figures to make.

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

from resed.acquire.recordings.published_lists import listed_clips, lists_of
from resed.acquire.run_inputs import guard_inputs
from resed.config import study_rows
from resed.config.dataset import SCORED_ROLES, dataset_path
from resed.config.rows import Row
from resed.config.run import load_config
from resed.config.run_name import folder_of_run
from resed.config.run_plan import clip_processes, prediction_memory, run_size, training_memory
from resed.config.systems import DEFAULT_FEATURES
from resed.config.yaml_reader import check_assignments
from resed.draw import inputs as figures
from resed.errors import ResedError
from resed.paper.numbers import load_paper
from resed.results.claimed_readings import claimed_rows
from resed.results.inputs import STUDY, VERDICTS, Inputs, clips_and_sound
from resed.results.layout import Layout, score_files
from resed.runtime import run_lock
from resed.runtime.machine import share_memory

logging.raiseExceptions = False  # report a full disk once, not once per message of the log
if Quietness.REASON in (workflow.output_settings.quiet or ()):
    # Snakemake 9.27 lists the reasons despite `quiet`; remove them, so a plan ends with its job table.
    logger.addFilter(lambda record: not str(record.msg).startswith("Reasons:"))

# The folder that contains config/: the working directory, or the clone if used as a module.
ROOT = Path(workflow.current_basedir).parents[1]
ROOT = Path() if ROOT.samefile(Path()) else ROOT

try:
    check_assignments(sys.argv)
    CONFIG = load_config({key: config[key] for key in config if key != "pathvars"}, ROOT)
    PAPER = load_paper(CONFIG.paper, ROOT)
except ResedError as error:
    sys.exit(f"resed: {error}")  # one line and exit code 1, before any job

DATASET = CONFIG.dataset_file
DATASET_FILE = str(dataset_path(CONFIG.dataset, ROOT))
PAPER_FILES = sorted(map(str, (ROOT / "config" / "papers" / CONFIG.paper).glob("*.yaml")))
DATA = f"data/{DATASET.name}"


pathvars:
    results=folder_of_run(DATASET.name, CONFIG.run).as_posix(),
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


RESULTS = workflow.pathvars.apply("<results>")
run_lock.guard(workflow, RESULTS)  # one run at a time; jobs end with it
ACQUIRED = [Layout(Path(RESULTS)).acquired(split) for split in DATASET.splits]
guard_inputs(workflow, DATASET, CONFIG.acquire, ACQUIRED)  # before the first job
if workflow.is_main_process:
    print(f"Plan: {run_size(CONFIG)}", file=sys.stderr)
# Jobs use the `resed` of the Python that runs Snakemake, even if its environment is not activated.
# They record the checksums of their outputs below RESED_RESULTS and verify those of their inputs.
os.environ.update(
    PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.getenv('PATH', '')}",
    RESED_RESULTS=str(Path(RESULTS).absolute()),
)

LAYOUT = Layout(Path("<results>"))
FILES = Inputs(CONFIG, PAPER, LAYOUT)
STRONG = [split for split, place in DATASET.splits.items() if place.labels == "strong"]
# Rows of the study of readings, and of the readings that claims name.
READ = list(dict.fromkeys([*CONFIG.sensitivity_rows(), *claimed_rows(CONFIG)]))
STUDIED = [row.folder for row in READ]
TRAINED = sorted(study_rows.trainings(CONFIG, (*CONFIG.systems, *STUDIED)))
MAIN = FILES.main_systems()  # also scored without a threshold
SYSTEM = Row("{system}")  # the row of a wildcard
DECODED = ("events.tsv", "tags.tsv", "raw_tags.tsv", "teacher_tags.tsv")
TABLES = [*PAPER.tables, STUDY]
FIGURES = figures.figure_names(CONFIG, PAPER)
STUDY_FIGURE = "sensitivity"
# Name of the windows -> method and settings.
WINDOWS = {method: (method, CONFIG.calibrate) for method in ("average", "esp")} | {
    study_rows.windows_name(CONFIG, row): (
        CONFIG.system(row).decode.windows,
        study_rows.calibration(CONFIG, row),
    )
    for row in READ
}
# Trainings request a GPU if there is one; otherwise several run in parallel on the cores.
GPU = int(shutil.which("nvidia-smi") is not None)
share_memory(workflow)  # of the machine, unless --resources mem_mb sets another limit
