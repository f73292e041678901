"""workflow/runs.yaml: the runs for which dvc.yaml has stages, and what of each was shared."""

import shlex
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from resed.config.loading import read_yaml
from resed.errors import ShareError, some
from resed.formats.validation import TEXT, Fields, Kind, SourceFile
from resed.runtime.files import write_text
from resed.share.runs import SharedRun, Tier

RUNS = Path("workflow/runs.yaml")
HEAD = """\
# The runs for which dvc.yaml has stages: a dataset, and the config files of its run; below `named`,
# the runs with a name, as {dataset}.{run}. `tier: evidence`: shared without features, checkpoints
# and posteriors; `remote: evidence`: in the folder evidence/ of this repository. `make share`
# writes this file; to add a dataset or a run of your own, share it.
"""
TIERS: tuple[Tier, ...] = ("full", "evidence")
EVIDENCE = "evidence"  # the tier, and the remote that is a folder of this repository
OF_TIER = Kind(" or ".join(TIERS), lambda value: value in TIERS, optional=True)
OF_REMOTE = Kind(EVIDENCE, lambda value: value == EVIDENCE, optional=True)
ENTRY = Fields({"configs": TEXT, "tier": OF_TIER, "remote": OF_REMOTE}, others=TEXT)


@dataclass(frozen=True)
class Entry:
    """What runs.yaml says of a run.

    Attributes:
        configs: its config files.
        tier: what of it was shared.
        in_repository: whether it is in the folder evidence/ of this repository.
    """

    configs: tuple[str, ...] = ()
    tier: Tier = "full"
    in_repository: bool = False


def _content() -> tuple[dict[str, Any], dict[str, Any]]:
    """The runs without and with a name; ShareError if the file has neither."""
    content = read_yaml(RUNS)
    runs, named = content.get("runs"), content.get("named") or {}
    if not isinstance(runs, dict) or not isinstance(named, dict):
        problem = "must have the keys runs and named: mappings of runs to their configs"
        raise ShareError(problem, place=RUNS, cure=f"git checkout {RUNS}")
    return runs, named


def register(run: SharedRun, in_repository: bool = False) -> None:
    """Add the run and its tier to workflow/runs.yaml, so that dvc.yaml has stages for it.

    Args:
        in_repository: whether it is in the folder evidence/ of this repository.

    Raises ShareError, MissingFileError or ConfigError if that file is invalid.
    """
    runs, named = _content()
    entry = {"configs": shlex.join(run.named)}
    if run.tier != "full":
        entry["tier"] = run.tier
    if in_repository:
        entry["remote"] = EVIDENCE
    if run.run:
        named[run.key] = entry | {"dataset": run.dataset, "run": run.run}
    else:
        runs[run.dataset] = entry
    content = yaml.safe_dump({"runs": runs, "named": named}, sort_keys=False)
    write_text(RUNS, HEAD + content)


def recorded(run: SharedRun) -> Entry:
    """The entry of a run; an empty one of the tier full if it has none.

    Raises ShareError if it is not valid.
    """
    if not RUNS.is_file():
        return Entry()
    runs, named = _content()
    return _entry(run.key, (named if run.run else runs).get(run.key))


def published(locked: Collection[str]) -> list[SharedRun]:
    """The runs in the folder evidence/, of those whose stages are in `locked`."""
    return [run for run, entry in _shared(locked) if entry.in_repository]


def _shared(locked: Collection[str]) -> list[tuple[SharedRun, Entry]]:
    """The runs of which all stages are in `locked`, the stages of dvc.lock."""
    runs, named = _content()
    found = []
    for key, value in (*runs.items(), *named.items()):
        entry = _entry(str(key), value)
        dataset, _, name = str(key).partition(".") if key in named else (str(key), "", "")
        run = SharedRun(entry.configs, dataset, run=name, tier=entry.tier)
        if entry.configs and not set(run.stages) - set(locked):
            found.append((run, entry))
    return found


def _entry(key: str, value: Any) -> Entry:
    if value is None:
        return Entry()
    SourceFile(RUNS, ShareError, f"git checkout {RUNS}").check(value, ENTRY, f"runs.{key}")
    try:
        configs = tuple(shlex.split(value["configs"]))
    except ValueError:  # of a quotation mark without its pair
        configs = ("-",)
    if any(name.startswith("-") for name in configs):  # Snakemake would read it as an option
        problem = f"configs of {key} must be paths, not {value['configs'][:80]!r}"
        raise ShareError(problem, place=RUNS, cure=f"git checkout {RUNS}")
    return Entry(configs, value.get("tier", "full"), value.get("remote") == EVIDENCE)


def only_shared(locked: Collection[str]) -> tuple[str, ...]:
    """The config files of the only run that was shared; ShareError if there are none or several.

    `locked`: the stages of dvc.lock.
    """
    found = [run.configs for run, _ in _shared(locked)]
    if not found:
        cure = "git pull the commit of a shared run, or name one: make restore CONFIG=..."
        raise ShareError("no run has been shared", place="dvc.lock", cure=cure)
    if len(found) > 1:
        named = [shlex.join(configs) for configs in found]
        cure = f"name one: make restore CONFIG={shlex.quote(named[0])}"
        raise ShareError(f"several runs are shared ({some(named)})", place="dvc.lock", cure=cure)
    return found[0]
