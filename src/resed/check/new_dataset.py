"""Write the dataset file, the run file and the annotations of a proposed dataset.

Nothing that exists is replaced, and the folder of the user is not changed: annotations are written
below data/NAME, where the folders of sound files are linked.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from resed.check.dataset_file import LABELS
from resed.check.label_sources import look_into
from resed.check.split_proposal import ProposedDataset, ProposedSplit, plan_dataset
from resed.config.dataset import Role
from resed.config.loading import read_yaml
from resed.config.systems import NAME
from resed.errors import DatasetError, OverwriteError
from resed.formats.annotation_text import quoted
from resed.formats.annotations import COLUMNS, event_rows, tag_rows
from resed.formats.regions import check_regions
from resed.runtime.files import write_text

FRAME_S = 0.04  # of the model in the template
LEAST_FRAMES = 2  # of a cell of its recurrent layer
TEMPLATE = Path("config") / "templates" / "run.yaml"


@dataclass(frozen=True)
class NewDataset:
    """Where the files of a new dataset are written, and what they assume."""

    name: str
    root: Path
    dataset_file: Path
    run_file: Path
    plan: ProposedDataset


def init_dataset(
    folder: Path,
    *,
    name: str | None = None,
    root: Path | None = None,
    dataset_file: Path | None = None,
    run_file: Path | None = None,
    label_column: str | None = None,
) -> NewDataset:
    """Propose a dataset of the sound files and labels in a folder, and write its files.

    Args:
        name: name of the dataset; default: that of the folder.
        root: folder of the dataset; default: data/NAME.
        dataset_file, run_file: default: config/datasets/NAME.yaml and NAME.yaml.
        label_column: column of the labels in tables of Raven.

    Raises:
        DatasetError: the folder lacks something, or something is not clear.
        OverwriteError: a file exists; nothing is written then.
    """
    name = name or re.sub(r"[^a-z0-9]+", "_", folder.resolve().name.lower()).strip("_")
    if not re.fullmatch(NAME, name):
        cure = "name the dataset with --name: lower-case letters, digits and _"
        raise DatasetError(f"{name!r} cannot be the name of a dataset", place=folder, cure=cure)
    plan = plan_dataset(look_into(folder, label_column), folder)
    root = root or Path("data") / name
    made = NewDataset(
        name,
        root,
        dataset_file or Path("config") / "datasets" / f"{name}.yaml",
        run_file or Path(f"{name}.yaml"),
        plan,
    )
    links = _links(made)
    files = {
        root / _new_annotations(role): _table(role, plan.splits[role])
        for role in plan.splits
        if _own_annotations(made, role) is None
    }
    files[made.dataset_file] = _dataset_text(made, links, folder)
    files[made.run_file] = _run_text(made)
    _refuse_existing([*files, *(link for _, link in links.values() if link)])
    for place, (_, link) in links.items():
        if link:
            _link(link, place, plan)
    for path, text in files.items():
        write_text(path, text)
    return made


def _new_annotations(role: Role) -> str:
    return f"metadata/{role}.tsv"


def _own_annotations(made: NewDataset, role: Role) -> str | None:
    """The table of the user that can be used as it is; None if one has to be written."""
    source = made.plan.splits[role].source
    if source is None or not source.whole or not source.place.is_file():
        return None
    place, root = source.place.resolve(), made.root.resolve()
    fits = source.timed == (LABELS[role] == "strong") and root in place.parents
    return place.relative_to(root).as_posix() if fits else None


def _links(made: NewDataset) -> dict[Path, tuple[Path, Path | None]]:
    """Folder of sound files -> itself and the link to it below the root; None if it is there."""
    places = list(dict.fromkeys(split.audio for split in made.plan.splits.values()))
    root = made.root.resolve()
    found: dict[Path, tuple[Path, Path | None]] = {}
    taken: set[str] = set()
    for place in places:
        real = place.resolve()
        if root in real.parents and place not in made.plan.sounds.gathered:
            found[place] = real, None
            continue
        if real == root or real in root.parents:
            cure = "move the sound files into a folder of their own, such as audio/"
            raise DatasetError("sound files lie above the dataset", place=place, cure=cure)
        name = place.parent.name if place in made.plan.sounds.gathered else place.name
        base = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip(".") or "sounds"
        number, name = 1, base
        while name in taken or (made.root / "audio" / name).is_dir():
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        found[place] = place, made.root / "audio" / name
    return found


def _link(link: Path, place: Path, plan: ProposedDataset) -> None:
    """Make a link to a folder of sound files, or a folder of links to gathered files."""
    link.parent.mkdir(parents=True, exist_ok=True)
    if place not in plan.sounds.gathered:
        link.symlink_to(place.resolve(), target_is_directory=True)
        return
    link.mkdir()
    used = {clip for split in plan.splits.values() if split.audio == place for clip in split.clips}
    for name in sorted(used):
        (link / name).symlink_to(plan.sounds.gathered[place][name].resolve())


def _table(role: Role, split: ProposedSplit) -> str:
    """The annotations of a split as tab-separated text."""
    labels = LABELS[role]
    rows: Sequence[Sequence[str]]
    if labels == "strong":
        for regions in split.clips.values():
            check_regions(role, regions or (), points=False)
        events = {
            clip: [one.event(clip) for one in found or ()] for clip, found in split.clips.items()
        }
        rows = list(event_rows(role, events))
    elif labels == "weak":
        tags = {
            clip: sorted({one.label for one in found or ()}) for clip, found in split.clips.items()
        }
        rows = list(tag_rows(tags))
    else:
        rows = [(clip,) for clip in split.clips]
    return "".join("\t".join(map(quoted, row)) + "\n" for row in (COLUMNS[labels], *rows))


def _dataset_text(
    made: NewDataset, links: dict[Path, tuple[Path, Path | None]], folder: Path
) -> str:
    plan, root = made.plan, made.root
    splits: dict[str, Any] = {}
    for role, split in plan.splits.items():
        real, link = links[split.audio]
        audio = link.relative_to(root) if link else real.relative_to(root.resolve())
        splits[role] = {
            "audio": audio.as_posix(),
            "annotations": _own_annotations(made, role) or _new_annotations(role),
            "labels": LABELS[role],
            "clips": len(split.clips),
        }
    values = {
        "name": made.name,
        "title": made.name.replace("_", " ").capitalize(),
        "kind": "recordings",
        "note": f"Sound files and labels of one's own, from the folder {folder.resolve().name}.",
        "classes": plan.classes,
        "clip_seconds": plan.clip_seconds,
        "sound": "copied",
        "splits": splits,
    }
    return _comments("Written by resed check --init, which assumed:", plan.assumptions) + _yaml(
        values
    )


def _run_text(made: NewDataset) -> str:
    """The template of a run with the features and batches of this dataset."""
    plan = made.plan
    values = read_yaml(TEMPLATE)
    values["dataset"] = made.name if _is_standard(made) else str(made.dataset_file)
    for features in values["feature_overrides"].values():
        features["frames"] = max(LEAST_FRAMES, round(plan.clip_seconds / FRAME_S))
    batch = values["override"]["schedule"]["batch"]
    values["override"]["schedule"]["batch"] = {
        role: min(size, len(plan.splits[role].clips)) for role, size in batch.items()
    }
    comments = [
        "the model everyday of ten sounds, trained further on these clips for some minutes of one "
        "core (config/templates/run.yaml gives the reasons); for the systems of the papers see "
        "config/templates/papers.yaml",
        "one seed: use three or more to compare systems",
    ]
    return _comments("Written by resed check --init; it has", comments) + _yaml(values)


def _is_standard(made: NewDataset) -> bool:
    return made.dataset_file == Path("config") / "datasets" / f"{made.name}.yaml"


def _comments(first: str, lines: Sequence[str]) -> str:
    shown = [" ".join(line.split()) for line in lines]
    return "".join(f"# {line}\n" for line in (first, *(f"- {line}" for line in shown)))


def _yaml(values: dict[str, Any]) -> str:
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)


def _refuse_existing(paths: Sequence[Path]) -> None:
    existing = [path for path in paths if os.path.lexists(path)]
    if existing:
        more = f" ({len(existing)} such)" if len(existing) > 1 else ""
        cure = "use another --name, or move it away"
        raise OverwriteError(f"exists and is not replaced{more}", place=existing[0], cure=cure)
