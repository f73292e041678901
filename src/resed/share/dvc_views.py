"""Files for `dvc metrics` and `dvc plots`: scores of systems, and copies of figures."""

import shutil
from pathlib import Path

import pandas as pd

from resed.config.rows import Row
from resed.errors import ResedError, ShareError
from resed.formats.tables import Table
from resed.paper.numbers import Paper, load_paper
from resed.runtime.files import atomic_path, read_json, write_json
from resed.share import copies
from resed.share.runs import SharedRun

DECIMALS = {"percent": 2, "fraction": 4}


def write_metrics(run: SharedRun) -> int:
    """Write metrics/{dataset}/{system}.json from the main table; return the number of files.

    Each file contains the metrics of the paper on each split. The files are stored in git and not
    in DVC, so that `dvc metrics diff` compares any two commits without fetching files.
    """
    paper = load_paper(run.paper)
    name = paper.main_table or next(iter(paper.tables))
    frame = Table.load(run.results / "tables", name).frame
    scored = frame[frame["value"].notna() & frame["metric"].isin(list(paper.metrics))]
    if scored.empty:
        path = run.results / "tables" / f"{name}.csv"
        raise ShareError("no scores", place=path, cure=f"delete it, then {run.cure}")
    for old in run.metrics.glob("*.json"):
        if _is_of_share(old, paper):
            old.unlink()
    rows = scored.groupby(["system", "threshold", "group"], sort=False)
    for (system, threshold, group), values in rows:
        kinds = {"baseline": group == "baseline", "external": group == "external"}
        row = Row(system, threshold=threshold, **kinds)
        write_json(run.metrics / f"{row.folder}.json", _metrics(values, paper))
    return rows.ngroups


def _is_of_share(path: Path, paper: Paper) -> bool:
    """Whether a file is one of an earlier share, and not a file of the user."""
    try:
        values = read_json(path)
    except ResedError:
        return False
    names = tuple(f"{metric}_" for metric in paper.metrics)
    known = isinstance(values, dict) and all(key.startswith(names) for key in values)
    return known and bool(values)


def _metrics(values: pd.DataFrame, paper: Paper) -> dict[str, float]:
    """`{metric}_{split}` -> rounded score, for each row."""
    return {
        f"{metric}_{split}": round(value, DECIMALS[paper.metrics[metric].unit])
        for metric, split, value in values[["metric", "split", "value"]].itertuples(index=False)
    }


def remove_old_pictures(run: SharedRun) -> None:
    """Delete copies of figures that no longer exist.

    Raises ShareError for other files, which resed share did not make.
    """
    kept = {Path(figure.name) for figure in _figures(run)}
    copies.remove_old(run.results, run.pictures, kept)


def _figures(run: SharedRun) -> list[Path]:
    return sorted((run.results / "figures").glob("*.png"))


def copy_pictures(run: SharedRun) -> list[Path]:
    """Copy the PNG files of all figures into a separate folder; return the copies.

    `dvc plots` fails if the folder contains other files.
    """
    figures = _figures(run)
    for figure in figures:
        with atomic_path(run.pictures / figure.name) as temporary:
            shutil.copyfile(figure, temporary)
    return [run.pictures / figure.name for figure in figures]
