"""Two manifests compared: exactly which clips differ."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from resed.audit.clips import ClipAudit, read_manifest
from resed.config.dataset import ROLES
from resed.errors import DatasetError
from resed.runtime.files import sha256, write_text

# What a difference is; the first that holds is told.
DIFFERENCES = {
    "only_a": "only in A",
    "only_b": "only in B",
    "bytes": "with other bytes",
    "status": "with another status",
}
NAMED = 5


@dataclass(frozen=True)
class Difference:
    """A clip that two manifests tell differently. a, b: its status and hash, "" where absent."""

    split: str
    filename: str
    difference: str
    a: str
    b: str


def compare(
    a: Path, b: Path, out: Path | None = None, report: Callable[[str], None] = print
) -> list[Difference]:
    """Compare two manifests (files, or folders of an audit); tell and return what differs.

    `out`, where given, becomes a table of all differences. Raises DatasetError where one is no
    manifest, and MissingFileError.
    """
    files = [path / "manifest.tsv" if path.is_dir() else path for path in (a, b)]
    first, second = (_by_clip(path) for path in files)
    found = differences(first, second)
    if out:
        write_text(out, _text(found))
    for split in dict.fromkeys([*ROLES, *(one.split for one in found)]):
        own = [one for one in found if one.split == split]
        for line in _split_lines(split, own, first, second):
            report(line)
    report(_last_line(files, found, len(first.keys() | second.keys()), out))
    return found


def _by_clip(path: Path) -> dict[tuple[str, str], ClipAudit]:
    rows: dict[tuple[str, str], ClipAudit] = {}
    for line, row in enumerate(read_manifest(path), start=2):
        if rows.setdefault((row.split, row.filename), row) is not row:
            raise DatasetError(
                f"{path} line {line}: {row.split}/{row.filename} has a row already; "
                "run resed audit again"
            )
    return rows


def differences(
    first: dict[tuple[str, str], ClipAudit], second: dict[tuple[str, str], ClipAudit]
) -> list[Difference]:
    """All clips that differ, a split at a time, by name."""
    found = []
    for key in first.keys() | second.keys():
        a, b = first.get(key), second.get(key)
        if a is None or b is None:
            kind = "only_b" if a is None else "only_a"
        elif a.sha256 != b.sha256 and a.sha256 and b.sha256:
            kind = "bytes"
        elif a.status != b.status or a.sha256 != b.sha256:
            kind = "status"
        else:
            continue
        found.append(Difference(*key, kind, _state(a), _state(b)))
    order = {split: place for place, split in enumerate(ROLES)}
    return sorted(
        found, key=lambda one: (order.get(one.split, len(ROLES)), one.split, one.filename)
    )


def _state(row: ClipAudit | None) -> str:
    return " ".join(part for part in (row.status, row.sha256[:12]) if part) if row else ""


def _text(found: Sequence[Difference]) -> str:
    lines = ["split\tfilename\tdifference\ta\tb"]
    lines += [f"{o.split}\t{o.filename}\t{o.difference}\t{o.a}\t{o.b}" for o in found]
    return "\n".join(lines) + "\n"


def _split_lines(split: str, own: Sequence[Difference], *sides: dict) -> list[str]:
    usable = [
        sum(key[0] == split and row.status == "ok" for key, row in rows.items()) for rows in sides
    ]
    counts = Counter(one.difference for one in own)
    told = ", ".join(
        f"{counts[kind]} {words}" for kind, words in DIFFERENCES.items() if counts[kind]
    )
    lines = [f"{split}: usable {usable[0]} in A, {usable[1]} in B; {told or 'no difference'}"]
    for kind, words in DIFFERENCES.items():
        names = [one.filename for one in own if one.difference == kind]
        if names:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            lines.append(f"  {words}: {', '.join(names[:NAMED])}{more}")
    return lines


def _last_line(
    files: Sequence[Path], found: Sequence[Difference], clips: int, out: Path | None
) -> str:
    hashes = [sha256(path)[:12] for path in files]
    if not found:
        same = hashes[0] == hashes[1]
        how = f"manifest {hashes[0]}" if same else f"manifests {hashes[0]}, {hashes[1]}"
        return f"identical: {clips} clips, {how}"
    where = f"all in {out}" if out else "--out FILE lists them"
    return f"{len(found)} of {clips} clips differ (manifests {hashes[0]}, {hashes[1]}); {where}"
