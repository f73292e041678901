# Shared by all stages: the checked config, the folders, and lists of targets.
import json
import os
import shutil
import sys
from pathlib import Path

from resed import study
from resed.catalogue import DEFAULT_FEATURES
from resed.config import load_config
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
SCORED = ("development", "evaluation")
STUDIED = CONFIG.sensitivity_systems()  # one reading of the paper changed at a time
TRAINED = sorted({CONFIG.trained_as(name) for name in (*CONFIG.systems, *STUDIED)})
TUNED = "@development_threshold"  # suffix of a system's row with a frame threshold of its own
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


def in_row(*rows):
    """The configured systems of these rows of Table 1, one a row; none where a row is missing."""
    found = [next((n for n in CONFIG.systems if CONFIG.catalogue[n].row == r), None) for r in rows]
    return found if all(found) else []


def per_seed(pattern, systems):
    """A path a system and seed of it."""
    return [
        path
        for name in systems
        for path in expand(pattern, system=name, seed=CONFIG.seed_list(name))
    ]


def metrics(systems):
    """Scores of systems, as configured and with the threshold of their own, on both splits."""
    pattern = f"{RESULTS}/score/{{split}}/{{{{system}}}}{{suffix}}/seed{{{{seed}}}}/metrics.json"
    kinds = expand(pattern, split=SCORED, suffix=("", TUNED))
    return [path for kind in kinds for path in per_seed(kind, systems)]


def sanity_metrics():
    """Scores of the baselines on both splits."""
    return expand(
        f"{RESULTS}/score/{{split}}/sanity_{{kind}}/seed0/metrics.json", split=SCORED, kind=SANITY
    )


def histories(systems):
    """Training histories of the systems' checkpoints."""
    trained = sorted({CONFIG.trained_as(name) for name in systems})
    return per_seed(f"{RESULTS}/train/{{system}}/seed{{seed}}/history.csv", trained)


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


def own_posteriors(wildcards):
    """Posteriors for the one baseline that needs them: a system's tags over the whole clip."""
    system = CONFIG.sanity_system or CONFIG.systems[-1]
    return posteriors(wildcards.split, system, 0) if wildcards.kind == "own_tags" else []


def figure_input(wildcards):
    """What a figure is drawn from: histories, decoded tags or windows."""
    figure, systems = wildcards.figure, FIGURES[wildcards.figure]
    if figure in ("figure3", "training_curves"):
        return histories(systems)
    if figure.startswith("figure7"):
        return [f"{RESULTS}/acquire/strong.json"] + expand(
            f"{RESULTS}/calibrate/windows_{{method}}.tsv", method=("average", "esp")
        )
    tags = f"{RESULTS}/decode/evaluation/{{system}}/seed0/tags.tsv"
    files = [f"{RESULTS}/acquire/evaluation.json"] * bool(systems) + expand(tags, system=systems)
    single = systems if CONFIG.confusion == "single" else []  # counts by the highest posterior
    return files + [posteriors("evaluation", system, 0) for system in single]
