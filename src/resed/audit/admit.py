"""Whether a run may go on from what an audit found."""

from pathlib import Path
from typing import Any

from resed.audit import refusals
from resed.config.dataset import ROLES
from resed.errors import DatasetError
from resed.runtime.files import read_json, write_json


def admit(audit: Path, out: Path) -> dict[str, Any]:
    """Write how many clips of how many are usable, a split at a time; what was written.

    Raises DatasetError, in one line with the first reasons, where the audit says that the run may
    not go on.
    """
    summary = read_json(audit)
    try:
        if not summary["go"]:
            raise DatasetError(refusals(summary, str(audit), audit.with_name("index.html")))
        admitted = {
            "dataset": summary["dataset"],
            "manifest_sha256": summary["manifest_sha256"],
            "splits": {
                split: {
                    "n": summary["splits"][split]["usable"],
                    "N": summary["splits"][split]["official"],
                }
                for split in ROLES
            },
        }
    except (KeyError, TypeError):
        raise DatasetError(f"{audit}: not an audit of this resed; run resed audit again") from None
    write_json(out, admitted)
    return admitted
