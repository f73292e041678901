"""What a reader must know to judge the numbers: data, versions, settings, windows."""

import json
import platform
import subprocess
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from resed import __version__
from resed.config.dataset import ROLES
from resed.formats.manifest import read_manifest
from resed.results.clips import coverage
from resed.results.folder import Results, readable

PACKAGES = (
    *("torch", "numpy", "librosa", "sed_eval", "sed_scores_eval"),
    *("snakemake", "matplotlib"),
)
LABELS = {"weak": "tags", "none": "none", "strong": "events in time"}


@dataclass(frozen=True)
class Split:
    """Clips of one split; `clips` is None without an audit, `paper` None where it prints none.

    `of`: all that there are, whether the annotations name them or not.
    """

    role: str
    labels: str
    clips: int | None
    unusable: int
    paper: int | None
    of: int | None = None


@dataclass(frozen=True)
class SystemFacts:
    """A system's place in the paper, and its settings beside the defaults."""

    name: str
    title: str
    place: str
    seeds: int
    shares: str
    own: tuple[str, ...]
    all_settings: str


def splits(results: Results) -> list[Split]:
    """Clips a split as the audit counted them."""
    statuses = _statuses(results.folder / "audit" / "manifest.tsv")
    everything = {share.role: share.of for share in coverage(results)}
    made = []
    for role in ROLES:
        counts = statuses.get(role)
        usable = counts["ok"] if counts else None
        unusable = sum(counts.values()) - counts["ok"] if counts else 0
        labels = LABELS[results.config.dataset_file.splits[role].labels]
        paper, of = results.paper.clips.get(role), everything.get(role)
        made.append(Split(role, labels, usable, unusable, paper, of))
    return made


def _statuses(path: Path) -> dict[str, Counter[str]]:
    """Split -> how many of its clips have each status; {} without an audit."""
    if not path.is_file():
        return {}
    clips = read_manifest(path).groupby("split")["status"]
    return {split: Counter(statuses) for split, statuses in clips}


def versions() -> dict[str, str]:
    """Versions of what computes here."""
    found = {"resed": __version__, "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def commit(root: Path) -> str:
    """Git commit of the folder that holds config/, and whether files in it were changed since."""
    head = _git(root, "rev-parse", "HEAD")
    if head is None:
        return "not a git checkout"
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return head[:12] + (", with changes not committed" if changed else "")


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def systems(results: Results) -> tuple[tuple[str, ...], list[SystemFacts]]:
    """Settings that differ from those of the base: those all systems share, then each system's own.

    Of a system that shares a checkpoint, its own are those that the trained one does not have.
    """
    config = results.config
    defaults = _flat(config.base_settings(config.systems[0]))
    changed = {
        name: {
            key: value
            for key, value in _flat(config.system(name).model_dump(mode="json")).items()
            if value != defaults.get(key)
        }
        for name in config.systems
    }
    first = next(iter(changed.values()))
    shared = {k: v for k, v in first.items() if all(c.get(k) == v for c in changed.values())}
    facts = []
    for name, values in changed.items():
        entry, trained = config.catalogue[name], config.trained_as(name)
        before = shared if trained == name else defaults | changed[trained]
        own = {key: value for key, value in values.items() if before.get(key) != value}
        shares = config.catalogue[trained].title if trained != name else ""
        whole = json.dumps(config.system(name).model_dump(mode="json"), indent=2)
        place, seeds = _place(results, name), len(config.seed_list(name))
        facts.append(SystemFacts(name, entry.title, place, seeds, shares, _pairs(own), whole))
    return _pairs(shared), facts


def _place(results: Results, name: str) -> str:
    """Where the paper has the system: its number in Table 1, or what it is in Table 2."""
    entry = results.config.catalogue[name]
    printed = results.legacy_paper.by_row.get(entry.row) if entry.row is not None else None
    if printed:
        return str(printed.id)
    return f"τ {entry.stage.tau}, γ {entry.stage.gamma:g}" if entry.stage else ""


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _pairs(values: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"{key}: {json.dumps(value)}" for key, value in values.items())


def windows(results: Results) -> list[tuple[str, ...]]:
    """A row a class: name, events, mean, average window, knee, ESP window (s), and the fallback."""
    average, esp = results.windows("average"), results.windows("esp")
    rows = []
    for label in results.config.dataset_file.classes:
        if label not in esp or label not in average:
            continue
        row = esp[label]
        mean = "–" if row.mean_s is None else f"{row.mean_s:.2f}"
        knee = "–" if row.knee_s is None else f"{row.knee_s:.2f} (event {row.knee_index})"
        cells = (mean, f"{average[label].window_s:.2f}", knee, f"{row.window_s:.2f}", row.fallback)
        rows.append((readable(label), str(row.events), *cells))
    return rows
