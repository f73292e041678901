"""`resed compare`: detectors beside each other, with intervals and verdicts."""

from pathlib import Path

import typer


def compare(
    detector: list[str] = typer.Argument(
        ...,
        metavar="NAME=EST...",
        help="Name of a detector and its detected events (TSV or CSV, seconds). A name that is "
        "given several times has one file per seed.",
    ),
    reference: Path = typer.Option(..., help="Reference events (TSV or CSV, seconds)."),
    tags: list[str] = typer.Option(
        [],
        metavar="NAME=FILE",
        help="Estimated tags of a detector (TSV or CSV), repeatable in the order of its event "
        "files. Default: the classes of its events.",
    ),
    scores: list[str] = typer.Option(
        [],
        metavar="NAME=DIR",
        help="Folder of score TSVs of a detector (one per clip: onset, offset, one column per "
        "class), repeatable in the order of its event files; adds PSDS1, PSDS2 and mAP.",
    ),
    clips: Path | None = typer.Option(
        None, help="Clips to score (TSV, column filename). Default: all clips of all files."
    ),
    paired: list[str] = typer.Option(
        [],
        metavar="NAME=NAME",
        help="Two detectors that decode the same trainings: seed k of both is one training.",
    ),
    until: float | None = typer.Option(
        None,
        min=0.001,
        help="Seconds at which the reference of each clip ends, as in resed score. Default: all "
        "events.",
    ),
    out: Path | None = typer.Option(None, help="JSON file for the comparison, as fractions."),
) -> None:
    """Compare detectors on the same clips: F1 with intervals, and the difference of each pair.

    The scores are those of resed score: event (onset within 200 ms, offset within max(200 ms, 20 %
    of the event)), segment (1 s) and tags, macro-averaged; with --scores PSDS1, PSDS2 and mAP, too,
    each resample computed anew. The 95 % intervals are from a bootstrap
    over clips and cover seeds, too, where a detector has several files. A verdict is better or
    worse if the p-value of the difference is below 0.05 after Holm's correction for all
    differences. With one file per detector, it is on these files only: another training may score
    differently.

    Example: resed compare --reference reference.tsv mine=mine.tsv theirs=theirs.csv --out c.json
    """
    from resed.cli.by_name import by_name, name_pairs
    from resed.compare.comparison import compare_files
    from resed.compare.detectors import given_detectors, paired_names
    from resed.compare.terminal import print_comparison
    from resed.formats.comparison import write_comparison

    named = [by_name(detector, "NAME=EST"), by_name(tags, "--tags"), by_name(scores, "--scores")]
    given = given_detectors(*named)
    same = paired_names(name_pairs(paired, "--paired", "NAME=NAME"), given)
    found = compare_files(given, reference, clips=clips, until=until, paired=same)
    if out is not None:
        write_comparison(out, found)
    print_comparison(found)
