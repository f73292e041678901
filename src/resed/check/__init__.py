"""Check a dataset of one's own before anything reads it: all that is wrong, not the first alone."""

from pathlib import Path

from resed.check.across import check_classes, check_names
from resed.check.description import Description, read_description
from resed.check.findings import Findings
from resed.check.run import check_run
from resed.check.split import check_split
from resed.config.dataset import ROLES


def check_dataset(
    dataset: str | Path, root: Path, config: Path | None = None, base: Path = Path()
) -> tuple[Description, Findings]:
    """What is wrong with a dataset file and with what lies below `root`, and what to note.

    Args:
        dataset: its name in config/datasets, or the path of its YAML file.
        root: folder of the dataset; audio/ and metadata/ lie in it.
        config: overlay on config/config.yaml that is to be run, where there is one already.
        base: folder that holds config/.

    Only headers of sound files are read: samples are the audit's. Raises MissingFileError where
    there is no dataset file at all.
    """
    findings = Findings()
    description = read_description(dataset, base, findings)
    if description.kind == "recordings":
        seen = {
            role: check_split(description, role, root, findings)
            for role in ROLES
            if role in description.splits
        }
        check_classes(description, seen, findings)
        check_names(description, seen, findings)
    if config is not None:
        check_run(description, config, base, findings)
    return description, findings
