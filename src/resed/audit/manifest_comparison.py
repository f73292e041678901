"""Compare two manifests: which clips differ."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from resed.config.dataset import ROLES
from resed.formats.manifest import read_manifest
from resed.formats.spreadsheet import neutral
from resed.runtime.files import sha256, write_tsv

DIFFERENCES = {  # the first that applies
    "only_a": "only in A",
    "only_b": "only in B",
    "bytes": "with different bytes",
    "status": "with different status",
}
EXAMPLES = 5


def compare_manifests(
    a: Path, b: Path, out: Path | None = None, report: Callable[[str], None] = print
) -> pd.DataFrame:
    """Compare two manifests (files, or folders of audits), and report the differences.

    Returns:
        One row per clip that differs, with the columns split, filename, difference (a key of
        DIFFERENCES), a and b (status and hash in each manifest, "" if the clip is not in it). The
        same table is written to `out`, if given.

    Raises:
        MissingFileError, DatasetError: a manifest does not exist or is malformed.
    """
    files = [path / "manifest.tsv" if path.is_dir() else path for path in (a, b)]
    tables = [read_manifest(path) for path in files]
    found, clips = _differences(*tables)
    if out:
        write_tsv(out, found.columns, found.map(neutral).to_numpy())
    listed = pd.concat([table["split"] for table in tables]).unique()
    for split in sorted(listed, key=_place):
        for line in _split_lines(split, found[found["split"] == split], tables):
            report(line)
    report(_last_line(files, len(found), clips, out))
    return found


def _differences(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """The clips that differ, by split and name; and the number of clips in either manifest."""
    key, values = ["split", "filename"], ["sha256", "status"]
    clips = a[key + values].merge(
        b[key + values], how="outer", on=key, suffixes=("_a", "_b"), indicator=True
    )
    for column in (f"{name}_{side}" for name in values for side in "ab"):
        clips[column] = clips[column].fillna("")
    sha256_differs = clips["sha256_a"] != clips["sha256_b"]
    both_known = (clips["sha256_a"] != "") & (clips["sha256_b"] != "")
    conditions = {
        "only_a": clips["_merge"] == "left_only",
        "only_b": clips["_merge"] == "right_only",
        "bytes": sha256_differs & both_known,
        "status": sha256_differs | (clips["status_a"] != clips["status_b"]),
    }
    clips["difference"] = np.select(list(conditions.values()), list(conditions), default="")
    for side in "ab":
        clips[side] = (clips[f"status_{side}"] + " " + clips[f"sha256_{side}"].str[:12]).str.strip()
    clips["place"] = clips["split"].map(_place)
    found = clips[clips["difference"] != ""].sort_values(["place", "split", "filename"])
    return found[["split", "filename", "difference", "a", "b"]].reset_index(drop=True), len(clips)


def _place(split: str) -> int:
    """Place of a split in the order of roles; the last one for a name that is no role."""
    return [*ROLES, split].index(split)


def _split_lines(split: str, found: pd.DataFrame, tables: Sequence[pd.DataFrame]) -> list[str]:
    usable = [((t["split"] == split) & (t["status"] == "ok")).sum() for t in tables]
    names = {kind: found.loc[found["difference"] == kind, "filename"] for kind in DIFFERENCES}
    names = {DIFFERENCES[kind]: list(clips) for kind, clips in names.items() if len(clips)}
    counts = ", ".join(f"{len(clips)} {words}" for words, clips in names.items())
    lines = [f"{split}: {usable[0]} usable in A, {usable[1]} in B; {counts or 'no difference'}"]
    for words, clips in names.items():
        more = f" and {len(clips) - EXAMPLES} more" if len(clips) > EXAMPLES else ""
        lines.append(f"  {words}: {', '.join(clips[:EXAMPLES])}{more}")
    return lines


def _last_line(files: Sequence[Path], differing: int, clips: int, out: Path | None) -> str:
    hashes = [sha256(path)[:12] for path in files]
    if not differing:
        known = f"manifest {hashes[0]}" if hashes[0] == hashes[1] else _both(hashes)
        return f"identical: {clips} clips, {known}"
    where = f"all listed in {out}" if out else "use --out FILE to list them"
    return f"{differing} of {clips} clips differ ({_both(hashes)}); {where}"


def _both(hashes: Sequence[str]) -> str:
    return f"manifests {hashes[0]}, {hashes[1]}"
