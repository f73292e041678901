"""Accept or refuse a run by the result of its audit."""

from pathlib import Path
from typing import Any

from resed.audit.summary import refusal
from resed.config.dataset import ROLES, SCORED_ROLES
from resed.errors import DatasetError
from resed.formats.audit_summary import read_audit_summary
from resed.runtime.files import write_json


def admit(audit: Path, out: Path) -> dict[str, Any]:
    """Write the number of usable clips (n) and of official clips (N) per split; return both.

    Raises DatasetError with the first reasons if the audit refuses the dataset.
    """
    summary = read_audit_summary(audit)
    try:
        if not summary["go"]:
            raise refusal(summary, str(audit), audit.with_name("index.html"))
        admitted = {
            "dataset": summary["dataset"],
            "manifest_sha256": summary["manifest_sha256"],
            "splits": {
                split: {
                    "n": summary["splits"][split]["usable"],
                    "N": summary["splits"][split]["official"],
                }
                for split in ROLES
                if split in summary["splits"] or split in SCORED_ROLES
            },
        }
    except (KeyError, TypeError):
        cure = "run resed audit again"
        raise DatasetError(
            "not an audit of this version of resed", place=audit, cure=cure
        ) from None
    write_json(out, admitted)
    return admitted
