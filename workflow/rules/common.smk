# Shared by all stages: the checked config, the folders, and lists of targets.
import json
import os
import shutil
import sys
from pathlib import Path

from resed.runtime import run_lock
from resed.config import study
from resed.config.systems import DEFAULT_FEATURES
from resed.config.run import load_config
from resed.errors import ResedError

try:
    CONFIG = load_config(config)
except ResedError as error:
    sys.exit(f"resed: {error}")  # one line and exit code 1, before any job

# Jobs use the `resed` of the Python that runs Snakemake, whether its environment is active or not.
os.environ.update(PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.getenv('PATH', '')}")

DATASET = CONFIG.dataset_file
DATA = f"data/{DATASET.name}"
RESULTS = f"results/{DATASET.name}"
run_lock.guard(workflow, RESULTS)  # one run at a time; jobs end with it
# Jobs record there the checksums of what they make, and compare those of what they read.
os.environ.update(RESED_RESULTS=str(Path(RESULTS).absolute()))
SCORED = ("development", "evaluation")
STRONG = [split for split, place in DATASET.splits.items() if place.labels == "strong"]
STUDIED = [row.folder for row in CONFIG.sensitivity_rows()]  # one reading of the paper changed at a time
TRAINED = sorted({CONFIG.trained_as(name) for name in (*CONFIG.systems, *STUDIED)})
TUNED = "@development_threshold"  # suffix of a system's row with a frame threshold of its own
REPAIRED = [f"{RESULTS}/repair/{DATASET.splits[split].annotations}" for split in SCORED]
REPAIRED += [f"{RESULTS}/repair/{name}" for name in ("repairs.tsv", "repair.json")]
SANITY = ("nothing", "everything", "prior", "own_tags", "loudness", "reference")
# Trainings queue for a GPU where there is one; without, they may run side by side on the cores.
GPU = int(shutil.which("nvidia-smi") is not None)


def annotations(split):
    """Annotation file of a split. Never declared as output, for Snakemake must not delete a user's labels."""
    return f"{DATA}/{DATASET.splits[split].annotations}"


def as_json(value):
    """A setting as a parameter: equal settings give equal text, so only a change re-runs a job."""
    return json.dumps(value, sort_keys=True)


def settings(system, *parts):
    """Those parts of a system's resolved settings that a stage uses."""
    return as_json(CONFIG.system(system).model_dump(mode="json", include=set(parts)))


def store(split, system):
    """Feature store of a split, of the feature set that a system is trained on."""
    return f"{RESULTS}/extract/{CONFIG.features_of(system)}/{split}.store"


def posteriors(split, system, seed):
    """Posteriors of the checkpoint that a system uses: its own, or the one it shares."""
    return f"{RESULTS}/predict/{split}/{CONFIG.trained_as(system)}/seed{seed}.npz"


def windows(system):
    """Median-filter windows that a system decodes with: by its method, and its reading of it."""
    return f"{RESULTS}/calibrate/windows_{study.windows_name(CONFIG, system)}.tsv"


def config_json(systems=None):
    """The config for tables, figures and report; of the overrides, only those of `systems`."""
    values = CONFIG.model_dump(mode="json")
    if systems is not None:
        used = {*systems, *map(CONFIG.trained_as, systems)}
        values["system_overrides"] = {
            name: value for name, value in values["system_overrides"].items() if name in used
        }
    return as_json(values)


def own_annotations(wildcards):
    """Labels that the user brought, so that a corrected label is noticed; none if acquire makes them."""
    brought = DATASET.kind == "recordings" and not DATASET.sources
    return [annotations(wildcards.split)] if brought else []


def acquire_options():
    """Options of `resed acquire`, a word each: those of soundscapes, or those of recordings."""
    wanted = CONFIG.acquire
    if DATASET.kind == "recordings":
        found = ["--folder", wanted.folder] if wanted.folder else []
        names = ["local"] if wanted.sources == [] else wanted.sources or []
        return found + [word for name in names for word in ("--source", name)]
    found = ["--scale", wanted.scale, "--seed", wanted.seed]
    found += ["--soundbank", wanted.soundbank] if wanted.soundbank else []
    found += ["--annotations", wanted.annotations] if wanted.annotations else []
    return found + ["--no-keep-audio"] * (not wanted.keep_audio)


def in_row(*rows):
    """The configured systems of these rows of Table 1, one a row; none where a row is missing."""
    found = [next((n for n in CONFIG.systems if CONFIG.catalogue[n].row == r), None) for r in rows]
    return found if all(found) else []


def own_posteriors(wildcards):
    """Posteriors for the one baseline that needs them: a system's tags over the whole clip."""
    system = CONFIG.own_tags_system
    return posteriors(wildcards.split, system, 0) if wildcards.kind == "own_tags" else []
