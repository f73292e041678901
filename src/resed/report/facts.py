"""Facts about the run: clips, versions, settings of systems, windows."""

import json
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from resed import __version__
from resed.config.loading import flattened
from resed.results.clips import Share, coverage
from resed.results.folder import Results, readable

PACKAGES = (
    *("torch", "numpy", "librosa", "sed_eval", "sed_scores_eval"),
    *("snakemake", "matplotlib"),
)
LABELS = {"weak": "tags", "none": "none", "strong": "events in time"}


@dataclass(frozen=True)
class SplitFacts:
    """Clips of one split.

    Attributes:
        role: the split.
        labels: what its annotations state.
        usable: number of usable clips and of all clips; None without an audit.
        unusable: numbers of the other clips by status, as text.
        paper: number of clips of the paper; None if it states no number.
    """

    role: str
    labels: str
    usable: Share | None
    unusable: str
    paper: int | None


@dataclass(frozen=True)
class SystemFacts:
    """The settings of a system.

    Attributes:
        name, title: name and title in config/systems.
        place: the name of the system in text about the paper, or empty.
        seeds: number of trainings.
        shares: title of the system whose checkpoint it uses, or empty.
        own: settings that differ from those of the base, or of that system.
        all_settings: all settings as JSON.
    """

    name: str
    title: str
    place: str
    seeds: int
    shares: str
    own: tuple[str, ...]
    all_settings: str


def splits(results: Results) -> list[SplitFacts]:
    """Clips of each split as counted by the audit."""
    shares = {share.role: share for share in coverage(results)}
    audited = results.audit.get("splits", {})
    made = []
    for role in results.config.dataset_file.roles:
        statuses = audited.get(role, {}).get("status", {})
        others = [f"{count} {status}" for status, count in statuses.items() if status != "ok"]
        labels = LABELS[results.config.dataset_file.splits[role].labels]
        paper = results.paper.clips.get(role)
        made.append(SplitFacts(role, labels, shares.get(role), ", ".join(others) or "0", paper))
    return made


def versions() -> dict[str, str]:
    """Versions of the packages that compute the results."""
    found = {"resed": __version__, "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def commit(root: Path) -> str:
    """Git commit of the folder with config/, and whether tracked files have changes."""
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
    """Settings that differ from the base: those common to all systems, then those of each system.

    A system that shares a checkpoint is compared with the system that was trained.
    """
    config = results.config
    defaults = flattened(config.base_settings(config.systems[0]))
    changed = {
        name: {
            key: value
            for key, value in flattened(config.system(name).model_dump(mode="json")).items()
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
        place, seeds = results.paper.labels.get(name, ""), len(config.seed_list(name))
        facts.append(SystemFacts(name, entry.title, place, seeds, shares, _pairs(own), whole))
    return _pairs(shared), facts


def _pairs(values: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"{key}: {json.dumps(value)}" for key, value in values.items())


def windows(results: Results) -> list[tuple[str, ...]]:
    """One row per class: name, events, mean, average window, knee, ESP window (s), fallback.

    Empty for a dataset without strong training clips.
    """
    if "strong" not in results.config.dataset_file.splits:
        return []
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
