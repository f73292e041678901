"""A copy of the workflow with a dataset that has few roles, and networks that are trained alone."""

import os
from pathlib import Path
from typing import Any

import preloaded
import yaml
from runs import copy_workflow

from resed.config.loading import read_yaml

SMALL: dict[str, Any] = {
    "model": {
        "framework": "single",
        "input_norm": "standardise",
        "width": 0.05,
        "wels": {
            "channels": [64, 128],
            "pools": [[4, 8], [4, 4]],
            "heads": [256],
            "segment": [3, 2],
        },
    },
    "objective": {"single": {"tags": 1.0, "frames": 0.0}},
    "schedule": {
        "epochs": 2,
        "stage_one": 1,
        "steps_per_epoch": 2,
        "batch": {"weak": 4, "strong": 0, "unlabeled": 0},
        "selection": "development",
        "selection_score": "map",
    },
    "decode": {"gate": "none", "window_frames": "fixed", "fixed_window": 3},
}


def entry(title: str, settings: Any = None, **keys: Any) -> dict[str, Any]:
    """An entry of config/systems/*.yaml."""
    return {"title": title, "base": "base", "settings": settings or SMALL, **keys}


def with_roles(folder: Path, *roles: str, systems: dict[str, Any], **config: Any) -> dict[str, Any]:
    """Write the dataset `few` with these roles and development and evaluation; return the config.

    Clips of the role out_of_domain are rendered as the unlabeled clips of the demo.

    Args:
        folder: that of `copy_workflow`.
        systems: entries of config/systems/small.yaml.
    """
    dataset = read_yaml(folder / "config" / "datasets" / "demo.yaml")
    dataset["name"] = "few"
    other = {"audio": "audio/train/out", "annotations": "metadata/train/out.tsv"}
    dataset["splits"]["out_of_domain"] = dataset["splits"]["unlabeled"] | other
    scenes = dataset["soundscapes"]["splits"]
    scenes["out_of_domain"] = scenes["unlabeled"]
    kept = {*roles, "development", "evaluation"}
    for splits in (dataset["splits"], scenes):
        for role in {*splits} - kept:
            del splits[role]
    write(folder / "config" / "datasets" / "few.yaml", dataset)
    write(folder / "config" / "systems" / "small.yaml", {"systems": systems})
    return {
        "dataset": "few",
        "systems": list(systems),
        "acquire": {"scale": 0.01},
        "features": {"hop": 2940, "window": 2940, "n_fft": 4096, "frames": 150},
        **config,
    }


def write(path: Path, values: Any) -> None:
    """Write a YAML file."""
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")


def copy_with_roles(
    folder: Path, *roles: str, systems: dict[str, Any], **config: Any
) -> dict[str, Any]:
    """`with_roles` in a new copy of the workflow."""
    return with_roles(copy_workflow(folder), *roles, systems=systems, **config)


def dry_run(folder: Path, config: dict[str, Any], *arguments: str) -> tuple[int, str]:
    """Exit code and output of the plan of a config, on config/config.yaml alone."""
    write(folder / "few.yaml", config)
    environment = {k: v for k, v in os.environ.items() if k != "SNAKEMAKE_PROFILE"}
    command = ["--cores", "2", "--dry-run", *arguments, "--configfile", "few.yaml"]
    return preloaded.plan(folder, command, environment)
