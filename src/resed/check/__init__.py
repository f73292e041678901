"""Check the dataset file, annotations and folders of a user's dataset before it is used."""

from collections.abc import Sequence
from pathlib import Path

from resed.check.between_splits import (
    check_classes,
    check_lengths,
    check_names,
    check_unlisted,
)
from resed.check.dataset_file import DatasetDescription, read_description
from resed.check.messages import CheckMessages
from resed.check.run_config import Check, check_run_config
from resed.check.split_check import check_split
from resed.config.dataset import ROLES, SCORED_ROLES


def check_dataset(
    dataset: str | Path,
    root: Path,
    config: Path | None = None,
    base: Path = Path(),
    *,
    checks: Sequence[Check] = (),
) -> tuple[DatasetDescription, CheckMessages]:
    """Collect all errors in a dataset file and in the files below `root`, and notes on them.

    Args:
        dataset: its name in config/datasets, or the path of its YAML file.
        root: folder of the dataset, with audio/ and metadata/.
        config: overlay on config/config.yaml that will be run with this dataset, if it exists.
        base: folder that contains config/.
        checks: functions of the run's config and `root` that return further errors.

    Of audio files, headers are read and frames or pages of compressed sound are counted; the
    samples are decoded by `resed audit`. Raises MissingFileError if there is no dataset file.
    """
    messages, late = CheckMessages(), 0
    description = read_description(dataset, base, messages)
    if description.kind == "recordings":
        contents = {
            role: check_split(description, role, root, messages)
            for role in ROLES
            if role in description.splits
        }
        check_lengths(description, contents, messages)
        check_classes(description, contents, messages)
        check_names(contents, messages)
        check_unlisted(contents, messages)
        late = sum(contents[role].late for role in SCORED_ROLES if role in contents)
    if config is not None:
        check_run_config(description, config, base, messages, root=root, late=late, checks=checks)
    return description, messages
