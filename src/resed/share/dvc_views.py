"""Files for `dvc metrics` and `dvc plots`: scores of systems in git, and copies of figures."""

import csv
import shutil
from pathlib import Path

from resed.errors import ShareError
from resed.results.folder import SPLITS
from resed.runtime.files import atomic_path, existing, write_json
from resed.share.runs import SharedRun

METRICS = ("event", "segment", "tags")
DECIMALS = 2  # of a per cent


def write_metrics(run: SharedRun) -> int:
    """Write metrics/{dataset}/{system}.json, F1 in percent; return the number of files.

    They are for git and not for DVC: `dvc metrics diff` then compares any two commits without
    fetching anything.
    """
    table = run.results / "tables" / "table1.csv"
    with existing(table, run.cure).open(newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row.get("system")]
    if not rows:
        raise ShareError(f"{table}: no system in it; delete it, then {run.cure}")
    for old in run.metrics.glob("*.json"):
        old.unlink()
    for row in rows:
        keys = [f"{metric}_{split}" for metric in METRICS for split in SPLITS]
        values = {key: round(float(row[key]), DECIMALS) for key in keys if row.get(key)}
        write_json(run.metrics / f"{row['system']}.json", values)
    return len(rows)


def copy_pictures(run: SharedRun) -> list[Path]:
    """Copy the figures' PNG into a folder of their own: `dvc plots` fails on any other file in it.

    Returns the copies.
    """
    figures = sorted((run.results / "figures").glob("*.png"))
    shutil.rmtree(run.pictures, ignore_errors=True)
    for figure in figures:
        with atomic_path(run.pictures / figure.name) as temporary:
            shutil.copyfile(figure, temporary)
    return [run.pictures / figure.name for figure in figures]
