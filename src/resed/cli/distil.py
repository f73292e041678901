"""`resed distil`: targets of a next generation."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

if TYPE_CHECKING:
    from resed.formats.targets import TargetSet

Frames = Literal["none", "posteriors", "tags"]
Gate = Literal["none", "labels", "own"]
Thresholds = Literal["given", "teacher"]
Rounding = Literal["nearest", "down"]


def distil(
    dataset: str = typer.Option(..., help="Dataset: a name in config/datasets, or a YAML file."),
    root: Path = typer.Option(..., help="Folder of the dataset, with metadata/."),
    teacher: list[str] = typer.Option(
        ...,
        help="NAME=FILE: posteriors (.npz) of an earlier system on one split, repeated for several "
        "teachers. A NAME with several files, which have different clips, is one teacher of which "
        "each training predicted the clips that it was not trained on.",
    ),
    share: list[str] = typer.Option(
        [],
        help="NAME=SHARE of a teacher in the targets, from 0 to 1, once per teacher. Default, with "
        "one teacher: what the labels leave.",
    ),
    labels: float = typer.Option(
        0.0,
        min=0.0,
        max=1.0,
        help="Share of the labels, from 0 to 1; with those of the teachers it sums to 1.",
    ),
    out: Path = typer.Option(..., help="File of targets to write (.npz), numbers from 0 to 1."),
    frames: Frames = typer.Option(
        "none",
        help="none: tags only; posteriors: also the frames of the teachers; tags: the tag targets "
        "in every frame of the clip.",
    ),
    gate: Gate = typer.Option(
        "none",
        help="Posteriors that become 0, in tags and frames: labels: of classes that are absent by "
        "the labels; own: of classes whose tag posterior is below 0.5.",
    ),
    median: int = typer.Option(
        0, min=0, max=36_000, help="Median filter of the frames: window in frames, odd; 0: none."
    ),
    gaussian: float = typer.Option(
        0.0,
        min=0.0,
        max=1000.0,
        help="Gaussian filter of the frames, after the median: sigma in frames; 0: none.",
    ),
    hard: list[str] = typer.Option(
        [],
        help="Posteriors from this threshold (0 to 1) on become 1, others 0, after all filters: a "
        "number for all classes, or CLASS=NUMBER once per class. Default: soft targets.",
    ),
    thresholds: Thresholds = typer.Option(
        "given",
        help="given: those of --hard; teacher: hard targets by the tag thresholds of the only "
        "teacher, which was trained with schedule.tag_thresholds.",
    ),
    labels_smoothed: bool = typer.Option(
        False,
        "--labels-smoothed",
        help="A control: replace the posteriors by the labels, smoothed so that positives and "
        "negatives have the same two means as the posteriors.",
    ),
    rounding: Rounding = typer.Option(
        "nearest", help="Strong labels on the grid of frames, as objective.strong.rounding."
    ),
) -> None:
    """Make the targets of one split for a next generation from posteriors and labels.

    A target is labels * label + the sum of share * posterior over the teachers. Prints how the
    teachers agree with the labels: mAP, mean distance, and mean posterior of positive and of
    negative labels. `resed train --targets` trains on the file.

    Example: resed distil --dataset demo --root data/demo --teacher base=base_weak.npz
    --labels 0.3 --out targets_weak.npz
    """
    from resed.cli.by_name import by_name
    from resed.config.dataset import load_dataset
    from resed.config.loading import check
    from resed.distil.generation import make_targets
    from resed.distil.teachers import read_teachers
    from resed.settings import DistilSettings

    chosen = load_dataset(dataset)
    values = {
        "frames": frames,
        "gate": gate,
        "median": median,
        "gaussian": gaussian,
        "hard": _thresholds(hard, chosen.classes),
        "thresholds": thresholds,
        "labels_smoothed": labels_smoothed,
        "rounding": rounding,
    }
    settings = check(DistilSettings, values, "options", "change the option of this name")
    teachers = read_teachers(by_name(teacher, "--teacher"), _shares(share), labels)
    targets = make_targets(chosen, root, teachers, labels, settings, scratch=out.parent)
    targets.save(out)
    typer.echo(_agreement(targets))
    typer.echo(f"wrote {out}: {_size(targets)}")


def _number(text: str, value: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{value}: {text} is not a number", param_hint=option) from None


def _shares(values: Sequence[str]) -> dict[str, float]:
    """Teacher -> share. Raises BadParameter for a teacher that occurs twice."""
    from resed.cli.by_name import name_pairs

    found: dict[str, float] = {}
    for name, text in name_pairs(values, "--share", "NAME=SHARE"):
        if name in found:
            raise typer.BadParameter(f"{name} has two shares", param_hint="--share")
        found[name] = _number(text, f"{name}={text}", "--share")
    return found


def _thresholds(values: Sequence[str], classes: Sequence[str]) -> dict[str, float]:
    """Class -> threshold, from one number for all or CLASS=NUMBER for each."""
    if len(values) == 1 and "=" not in values[0]:
        return dict.fromkeys(classes, _number(values[0], values[0], "--hard"))
    found: dict[str, float] = {}
    for value in values:
        name, separator, text = value.rpartition("=")
        if not (separator and name) or name in found:
            problem = f"{value}: use one number, or CLASS=NUMBER once per class"
            raise typer.BadParameter(problem, param_hint="--hard")
        found[name] = _number(text, value, "--hard")
    return found


def _agreement(targets: "TargetSet") -> str:
    names = " and ".join(targets.meta["teachers"])
    found = targets.meta["agreement"]
    if found["map"] is None:
        return f"{names}: the split {targets.meta['split']} has no labels to compare with"
    means = [
        "-" if found[key] is None else f"{found[key]:.3f}" for key in ("positives", "negatives")
    ]
    return (
        f"{names} on {len(targets.clips)} clips of {targets.meta['split']}: mAP "
        f"{100 * found['map']:.1f} %, mean distance from the labels {found['difference']:.3f}, "
        f"mean posterior {means[0]} of positives and {means[1]} of negatives"
    )


def _size(targets: "TargetSet") -> str:
    frames = "no frames" if targets.frames is None else f"{targets.frames.shape[1]} frames"
    return f"{len(targets.clips)} clips, {len(targets.classes)} classes, {frames}"
