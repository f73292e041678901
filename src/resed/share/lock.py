"""The files of a run that dvc.yaml declares and dvc.lock locks.

Both files come from other people. Their paths are compared with the folders of the run before DVC
reads them.
"""

from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from resed.config.loading import read_yaml
from resed.errors import ShareError
from resed.formats.validation import ANY, TEXT, Fields, Kind, SourceFile, integer, list_of
from resed.runtime.files import write_text
from resed.share.objects import MD5, Object
from resed.share.paths import clash, fault
from resed.share.runs import AUDIO, LEFT_OUT, PHASES, SharedRun

YAML, LOCK = Path("dvc.yaml"), Path("dvc.lock")
LARGEST = 16 << 20  # bytes of dvc.lock, which has about 8 kB per run
KEY = "${key}"  # the dataset, in the paths of dvc.yaml
OPTIONS = Fields({}, others=Kind("true or false", lambda value: type(value) is bool))
DECLARED = Kind(
    "a list of paths, or of mappings of a path to true and false options",
    lambda outs: isinstance(outs, list) and all(map(_is_declared, outs)),
    optional=True,
)
WHAT = Fields(
    {"cmd": ANY, "outs": DECLARED, "plots": DECLARED, "deps": list_of(TEXT, optional=True)}
)
DECLARATIONS = Fields({}, others=Fields({"foreach": ANY, "do": WHAT}))
OUT = Fields(
    {
        "path": TEXT,
        "md5": Kind("an MD5", lambda value: isinstance(value, str) and bool(MD5.fullmatch(value))),
        "hash": Kind("md5", lambda value: value == "md5", optional=True),
        "size": integer(optional=True),
        "nfiles": integer(optional=True),
        "isexec": Kind("true or false", lambda value: type(value) is bool, optional=True),
    }
)
STAGE = Fields({"outs": Kind("a list", lambda v: isinstance(v, list), optional=True)}, others=ANY)


def _is_declared(out: Any) -> bool:
    if isinstance(out, str):
        return True
    return isinstance(out, dict) and all(isinstance(name, str) for name in out)


def declared(run: SharedRun) -> dict[str, list[str]]:
    """The outputs of all stages of the run in dvc.yaml, the audio included: stage -> paths.

    Raises ShareError for a path that is not in the folders of the run, and for keys of a stage that
    change the meaning of its paths.
    """
    source = SourceFile(YAML, ShareError, f"git checkout {YAML}")
    stages = source.check(read_yaml(YAML).get("stages"), Fields({}, others=ANY), "stages")
    phases = PHASES if run.run else (AUDIO, *PHASES)  # the sound is that of the dataset
    own = {phase: stages.get(run.stage(phase).partition("@")[0]) for phase in phases}
    source.check(own, DECLARATIONS, "stages")
    found = {}
    for phase, stage in own.items():
        do = stage["do"]
        outs = [*_listed(source, do, "outs"), *_listed(source, do, "plots")]
        paths = [_filled(run, path) for path in outs]
        homes = [run.audio] if phase == AUDIO else _homes(run)
        for path in (*paths, *(_filled(run, path) for path in do.get("deps", ()))):
            _require_inside(path, homes, YAML)
        found[run.stage(phase)] = paths
    if twice := clash(path for paths in found.values() for path in paths):
        raise source.wrong(f"{twice!r} is in two stages, or in another output")
    return found


def _filled(run: SharedRun, path: str) -> str:
    """A path of dvc.yaml for the dataset and the name of the run; other variables are refused."""
    values = {"${item.dataset}": run.dataset, "${item.run}": run.run} if run.run else {}
    values = values or {KEY: run.dataset}
    filled = path
    for variable, value in values.items():
        filled = filled.replace(variable, value)
    if "$" in filled:
        problem = f"{path[:80]!r} has a variable other than {' and '.join(values)}"
        raise ShareError(problem, place=YAML, cure=f"git checkout {YAML}")
    return filled


def _homes(run: SharedRun) -> list[Path]:
    """The folders of the stages, except that of the audio."""
    return [run.results] if run.run else [run.results, run.annotations]


def _listed(source: SourceFile, stage: dict[str, Any], key: str) -> list[str]:
    found = []
    for out in stage.get(key) or []:
        for path, options in (out if isinstance(out, dict) else {out: {}}).items():
            source.check(options or {}, OPTIONS, path)
            found.append(path)
    return found


def _require_inside(path: str, homes: list[Path], where: Path) -> None:
    """Raise ShareError unless a path is in a folder of the run, or is its folder of annotations."""
    wrong, place = fault(path), PurePosixPath(path)
    inside = any(PurePosixPath(home) in place.parents for home in homes)
    inside |= place in map(PurePosixPath, homes) and place.parts[0] == "data"
    if wrong or not inside:
        folders = " or ".join(map(str, homes))
        problem = f"{path[:80]!r} {wrong or f'is not in {folders}'}"
        raise ShareError(problem, place=where, cure=f"git checkout {where}")


def is_locked(run: SharedRun) -> bool:
    """Whether dvc.lock contains all stages of the run."""
    return not set(run.stages) - set(locked_stages())


def locked(run: SharedRun) -> list[Object]:
    """The outputs of all stages of the run in dvc.lock.

    Raises ShareError if a stage is missing, or if an output is not one that dvc.yaml declares.
    """
    stages = locked_stages()
    if set(run.stages) - set(stages):
        cure = f"git pull the commit of the shared run, or make the results: {run.cure}"
        raise ShareError(f"{run.title} has not been shared", place=LOCK, cure=cure)
    source = SourceFile(LOCK, ShareError, f"git checkout {LOCK}")
    known, found = declared(run), []
    for name in run.stages:
        stage = source.check(stages[name], STAGE, f"stages.{name}")
        for out in stage.get("outs") or []:
            source.check(out, OUT, f"stages.{name}.outs")
            _require_inside(out["path"], _homes(run), LOCK)
            if out["path"] not in known[name]:
                problem = f"{out['path']!r} is not an output of {name} in {YAML}"
                raise source.wrong(problem)
            found.append(Object(out["md5"], out["path"]))
    if twice := clash(item.path for item in found):
        raise source.wrong(f"{twice!r} is there twice")
    return found


def unlock(run: SharedRun) -> None:
    """Remove the stages from dvc.lock that the tier of the run does not have.

    They would be those of an earlier share, whose files need not be those of now.
    """
    stages = locked_stages()
    gone = {run.stage(phase) for phase in LEFT_OUT} - set(run.stages)
    if gone & set(stages):
        content = read_yaml(LOCK)
        content["stages"] = {name: stages[name] for name in stages if name not in gone}
        write_text(LOCK, yaml.safe_dump(content, sort_keys=False))


def locked_stages() -> dict[str, Any]:
    """The stages of dvc.lock; empty if there is no such file."""
    if not LOCK.is_file():
        return {}
    source = SourceFile(LOCK, ShareError, f"git checkout {LOCK}")
    if LOCK.stat().st_size > LARGEST:
        raise source.wrong(f"{LOCK.stat().st_size} bytes; at most {LARGEST} are read")
    stages = read_yaml(LOCK).get("stages") or {}
    return source.check(stages, Fields({}, others=ANY), "stages")
