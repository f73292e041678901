"""Check the files of detectors that a run did not make, before its first job."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resed.config.external import ExternalDetector
from resed.config.run import Config
from resed.errors import ResedError, ScoreError
from resed.formats.annotations import read_clips, read_events, read_tags, tags_of
from resed.runtime.files import existing
from resed.score.agreement import Side, refuse_unrelated
from resed.score.usable_clips import refuse_unknown

CURE = "correct the path in the config, or remove the detector"


def external_errors(config: Config, root: Path) -> Iterator[ResedError]:
    """The error of each file that is missing, malformed, or of other clips or classes.

    Args:
        root: folder of the dataset. Clips are not compared where it has no annotations yet.
    """
    for name, one in config.external.items():
        for split in one.events:
            for seed in range(one.seeds):
                try:
                    _check_files(config, root, one, split, seed)
                except ResedError as error:
                    place = f"config.external.{name}: {error.place}"
                    yield type(error)(error.problem, place=place, line=error.line, cure=error.cure)


def _check_files(config: Config, root: Path, one: ExternalDetector, split: str, seed: int) -> None:
    """Raise the error of the files of one seed."""
    dataset = config.dataset_file
    events, tags, scores = one.files(split, seed)
    found = read_events(existing(events, CURE), dataset.classes)
    sides = [Side(Path(events), tags_of(found), found)]
    if tags:
        sides.append(Side(Path(tags), read_tags(existing(tags, CURE), dataset.classes)))
    if scores and not Path(scores).is_dir():
        raise ScoreError("no such folder", place=scores, cure=CURE)
    annotations = root / dataset.splits[split].annotations
    if not annotations.is_file():
        return
    truth = read_events(annotations)
    places = (root / place.annotations for place in dataset.splits.values())
    known = {clip for place in places if place.is_file() for clip in read_clips(place)}
    for side in sides:
        refuse_unrelated(Side(annotations, tags_of(truth), truth), side)
        refuse_unknown(side.path, side.labels, known, "the dataset")


def guard_external(workflow: Any, config: Config, root: Path, scored: list[Path]) -> None:
    """Check the files when a run or a plan begins, unless all of them are scored (`scored`).

    A run or a plan ends in one line with exit code 1.
    """
    execute = workflow.execute  # called for runs and dry runs only

    def execute_checked(*arguments: Any, **options: Any) -> Any:
        lost = [
            path
            for one in config.external.values()
            for *_, path in one.all_files()
            if not Path(path).is_file()
        ]
        restored = lost and all(path.is_file() for path in scored)
        if workflow.is_main_process and not restored:
            for error in external_errors(config, root):
                sys.exit(f"resed: {error}")
        return execute(*arguments, **options)

    workflow.execute = execute_checked
