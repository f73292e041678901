"""Trainings of a run whose network is a file of the user that has changed since, or is missing.

The SHA-256 of the file is an input of these trainings, so the next run makes them again by itself.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path

from resed.config import study_rows
from resed.config.network_file import network_sha256
from resed.config.run import Config
from resed.errors import ResedError, some
from resed.escaping import one_line
from resed.formats.checkpoint import load_finished
from resed.results.layout import Layout

DIGITS = 12  # of a SHA-256 that a line shows


def network_changes(config: Config, folder: Path, configs: tuple[str, ...] = ()) -> list[str]:
    """One line on the checkpoints below `folder` that another network file made; [] if none.

    Args:
        folder: results/{dataset}.
        configs: the config files of the run, after --configfile.

    A file that is missing or has a syntax error is that line. Checkpoints that cannot be read are
    left out: `resed.runtime.verify` names them.
    """
    trained = list(_checkpoints(config, folder))
    if not trained:
        return []
    name = config.network_file or "network_file"
    changed, before = [], ""
    for system, path in trained:
        try:
            now = network_sha256(config, system)
        except (ResedError, OSError) as error:
            held = f"{len(trained)} trainings rest on it ({trained[0][1]})"
            return [one_line(f"train: {error}; {held}")]
        try:
            recorded = load_finished(path)["identity"].get("network") or {}
        except ResedError:
            continue
        if recorded.get("sha256", now) != now:
            changed.append(path.relative_to(folder).parent.as_posix())
            before, after = recorded["sha256"][:DIGITS], now[:DIGITS]
    if not changed:
        return []
    command = shlex.join(["snakemake", "--cores", "all", *_given(configs)])
    return [
        one_line(
            f"train: {len(changed)} of {len(trained)} trainings with a network of {name} were made "
            f"with another content of it ({some(changed)}; SHA-256 {before} then, {after} now); "
            f"the next run makes them again: {command}; to keep them, put the old file back"
        )
    ]


def _given(configs: tuple[str, ...]) -> list[str]:
    return ["--configfile", *configs] if configs else []


def _checkpoints(config: Config, folder: Path) -> Iterator[tuple[str, Path]]:
    """Row and existing checkpoint of each training with a network of the user."""
    studied = config.sensitivity_rows() if config.sensitivity.report else []
    for name in study_rows.trainings(config, [*config.systems, *studied]):
        if config.system(name).model.own is None:
            continue
        for seed in study_rows.seeds(config, name):
            path = Layout(folder).trained(name, seed) / "checkpoint.pt"
            if path.is_file():
                yield name, path
