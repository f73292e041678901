"""No command replaces a file that it reads: outputs are compared with inputs before it starts.

Nor does `audit` or `train` replace a file in the folder of --out that resed did not write.

`WRITES` lists what the options of each command write; all other options are inputs if they name a
file. The files that a dataset or a results folder adds to the inputs are found here, too.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from resed.config.dataset import ROLES, dataset_path, load_dataset
from resed.errors import OverwriteError, ResedError
from resed.formats.acquisition import FOLDER
from resed.formats.origin import written_by_resed
from resed.runtime.files import is_special

FILE = ("",)  # the option names the file itself
DECODED = ("events.tsv", "tags.tsv", "raw_tags.tsv", "teacher_tags.tsv")
SCORED = ("metrics.json", "counts.tsv", "ranking.npz")
# Command -> option -> the files that are written into the folder that it names, or FILE. Names are
# patterns. `repair` also writes the annotation files of the dataset, and --results of the other
# commands holds the files of each --row.
WRITES: dict[str, dict[str, tuple[str, ...]]] = {
    "acquire": {"record": FILE},
    "audit": {"out": (*FILE, "manifest.tsv", "audit.json", "findings.tsv", "index.html")},
    "admit": {"out": FILE},
    "repair": {"out": ("repairs.tsv", "repair.json")},
    "extract": {"out": FILE},
    "distil": {"out": FILE},
    "train": {"out": ("checkpoint.pt", "history.csv", "energy.json", "resume.pt")},
    "predict": {"out": FILE, "scores": ("*.tsv",)},
    "detect": {"out": ("events.tsv", "failures.tsv", "journal.jsonl")},
    "calibrate": {"out": FILE},
    "threshold": {"out": FILE},
    "search": {"out_windows": FILE, "out_thresholds": FILE},
    "assign": {"out": FILE},
    "compose": {"out": FILE},
    "decode": {"out": DECODED, "results": ()},
    "sanity": {"out": DECODED, "results": ()},
    "score": {"out": FILE, "counts": FILE, "ranks": FILE, "results": ()},
    "export": {"out": FILE},
    "compare": {"out": FILE},
    "choose": {
        "out": ("choice.json", "checkpoint.pt", "thresholds.json", "windows.tsv", "settings.json")
    },
    "card": {"out": FILE, "markdown": FILE},
    "tabulate": {
        "out_csv": FILE,
        "out_md": FILE,
        "out_json": FILE,
        "out_folder": ("*.csv", "*.json", "*.md"),
    },
    "draw": {"out_png": FILE, "out_svg": FILE, "out_json": FILE},
    "browse": {"out": ("index.html", "media/files.tsv", "media/*")},
    "report": {"out": FILE, "summary": FILE},
}
# Stages whose results the tables, the figures and the page are made from.
READ_STAGES = (
    *("acquire", "audit", "admit", "repair", "extract", "train", "predict"),
    *("choose", "calibrate", "decode", "score"),
)
# Options that name a folder of the user's, of which any file may be read.
READ_FOLDERS = ("folder", "soundbank", "annotations")
# Parameters whose values are NAME=PATH.
NAMED = ("detector", "tags", "scores", "checkpoint", "thresholds", "windows", "teacher")
NAMED += ("posteriors",)
RECOGNISED = ("audit", "train")  # commands whose files of fixed names have a format header
# Commands that read these folders of --results and write into others of them.
READS_RESULTS = ("tabulate", "draw", "browse", "report")


def refuse_overwriting(name: str, values: Mapping[str, Any]) -> None:
    """Raise OverwriteError for an output that is also an input or another output.

    Files are compared by their identity, so that links, relative paths and, on file systems that
    ignore it, the case of letters do not matter.

    Args:
        name: the command.
        values: value of each of its parameters.
    """
    outputs = outputs_of(name, values)
    inputs = list(inputs_of(name, values))
    identities = {identity: option for option, path in inputs if (identity := _identity(path))}
    folders = [(option, _real(path)) for option, path in folders_of(name, values)]
    written: dict[Path, str] = {}
    for option, path in outputs:
        if path.is_dir() and _is_file(name, option):
            raise _refused(option, path, "is a folder")
        if is_special(path):
            raise _refused(option, path, "is a device, a pipe or a socket")
        known = identities.get(_identity(path))
        place = _real(path)
        if known is None and place.is_file():
            known = next((other for other, parent in folders if parent in place.parents), None)
        if known is not None:
            raise _refused(option, path, f"is read by {known}")
        if place in written and (written[place] != option or _is_file(name, option)):
            raise _refused(option, path, f"is also written by {written[place]}")
        written[place] = option
        own = name in RECOGNISED and path.is_file() and path.name in WRITES[name]["out"]
        if own and not written_by_resed(path):
            problem = f"{path} was not written by resed"
            cure = "move this file, or use another --out"
            raise OverwriteError(problem, place=option, cure=cure)


def _is_file(name: str, option: str) -> bool:
    """Whether each value of an option names one file that is written."""
    return WRITES[name].get(_parameter(option)) == FILE


def outputs_of(name: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """Option and path of each file that a command will write, as far as it can be known."""
    for parameter, names in WRITES.get(name, {}).items():
        for place in _paths(values.get(parameter)):
            for inner in names:
                found = sorted(place.glob(inner)) if "*" in inner else [place / inner]
                yield from ((_option(parameter), path) for path in found)
    if name == "repair":
        yield from ((_option("out"), path) for path in _annotations(values, values["out"]))
    if values.get("results") and name in ("decode", "sanity", "score"):
        yield from ((_option("results"), path) for path in _of_rows(name, values))


def _of_rows(name: str, values: Mapping[str, Any]) -> Iterator[Path]:
    """The files of each row, on each split, that exist already."""
    from resed.config.rows import Row
    from resed.results.layout import Layout

    layout, seed = Layout(values["results"]), values["seed"]
    if name == "sanity":
        rows, seed = [Row(kind, baseline=True) for kind in values["kind"]], 0
    else:
        rows = [Row.of(row) for row in values["row"]]
    for row in rows:
        for split in ROLES:
            if name == "score":
                yield from (layout.scored(split, row, seed) / file for file in SCORED)
            else:
                yield from (layout.decoded(split, row, seed) / file for file in DECODED)
        if name == "decode" and row.threshold != "configured":
            yield layout.threshold(row, seed)
        if (
            name == "decode"
            and row.threshold == "configured"
            and _searches(values.get("settings", "{}"))
        ):
            yield from layout.searched(row, seed)


def _searches(settings: str) -> bool:
    """Whether decode settings choose windows and thresholds; the command reports wrong ones."""
    from resed.decode.events import decode_settings

    try:
        return decode_settings(settings).search is not None
    except ResedError:
        return False


def inputs_of(name: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """Option and path of each file that a command reads: those named, and those of a dataset."""
    written = WRITES.get(name, {})
    for parameter, value in values.items():
        if parameter not in written:
            for path in [*_paths(value), *_named_paths(parameter, value)]:
                yield _option(parameter), path
    for path in _paths(values.get("compare")):  # a manifest, or the folder of an audit
        yield _option("compare"), path / "manifest.tsv"
    for parameter in ("dataset", "classes_from"):
        if values.get(parameter):
            yield _option(parameter), dataset_path(values[parameter])
    if values.get("dataset") and values.get("root"):
        for path in _annotations(values, values["root"]):
            yield _option("root"), path


def folders_of(name: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """Option and path of folders in which a command must not replace any file."""
    for parameter in READ_FOLDERS:
        for path in _paths(values.get(parameter)):
            yield _option(parameter), path
    if name in READS_RESULTS and values.get("results"):
        for stage in READ_STAGES:
            yield _option("results"), values["results"] / stage
        if values.get("data"):
            yield _option("data"), values["data"]
    if name == "compare":
        for path in _named_paths("scores", values.get("scores")):
            yield _option("scores"), path
    if name == "score" and values.get("scores"):
        yield _option("scores"), values["scores"]
    if values.get("dataset") and values.get("root"):
        yield _option("root"), values["root"] / "audio"
        yield _option("root"), values["root"] / FOLDER


def _annotations(values: Mapping[str, Any], root: Path) -> list[Path]:
    """The annotation files of a dataset below a folder; none if it cannot be read."""
    try:
        splits = load_dataset(values["dataset"]).splits.values()
    except ResedError:  # the command itself reports it
        return []
    return [root / split.annotations for split in splits]


def _paths(value: Any) -> list[Path]:
    """The paths in the value of an option: a path, SPLIT=PATH, or several of these."""
    if isinstance(value, list | tuple):
        return [path for one in value for path in _paths(one)]
    if not isinstance(value, str | Path) or not str(value):
        return []
    split, _, path = str(value).partition("=")
    return [Path(path if split in ROLES and path else value)]


def _named_paths(parameter: str, value: Any) -> list[Path]:
    """The paths of a parameter whose values are NAME=PATH."""
    if parameter not in NAMED or not isinstance(value, list | tuple):
        return []
    return [Path(path) for one in value if (path := str(one).partition("=")[2])]


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file that exists."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return None if path.is_dir() else (status.st_dev, status.st_ino)


def _real(path: Path) -> Path:
    """The path without links; unlike Path.resolve, circles of links raise no error."""
    return Path(os.path.realpath(path))


def _option(parameter: str) -> str:
    return f"--{parameter.replace('_', '-')}"


def _parameter(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def _refused(option: str, path: Path, problem: str) -> OverwriteError:
    return OverwriteError(f"{path} {problem}", place=option, cure=f"use another {option}")
