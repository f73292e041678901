"""`resed assign`: which system serves which class. `resed compose`: their posteriors as one."""

from pathlib import Path

import typer


def assign(
    posteriors: list[str] = typer.Option(
        ...,
        help="NAME=FILE: posteriors of a system on development (.npz), repeated; of equal systems "
        "the first serves the class.",
    ),
    reference: Path = typer.Option(
        ..., help="Strong labels of the development split (TSV or CSV, seconds)."
    ),
    out: Path = typer.Option(
        ...,
        help="TSV file for event_label, system, f1 (0 to 1), window_s (seconds) and threshold "
        "(0 to 1).",
    ),
    settings: str = typer.Option(
        ...,
        help="Decode settings with the key search, whose windows and thresholds are tried: inline "
        "JSON, or a YAML/JSON file.",
    ),
    until: float | None = typer.Option(
        None,
        min=0.001,
        help="Seconds at which the reference of each clip ends, as in resed score.",
    ),
) -> None:
    """Choose for each class the system with the highest event-based F1 of the class (0 to 1).

    Each system is decoded at its own best window and threshold, as `search` has it. All is chosen
    on the given clips, which are those of development; scores on them are optimistic.

    Example: resed assign --posteriors a=a_dev.npz --posteriors b=b_dev.npz
    --reference development.tsv --settings search.yaml --out choice.tsv
    """
    from resed.calibrate.search import searched
    from resed.cli.by_name import by_name
    from resed.compose.class_choice import choose_systems
    from resed.compose.sources import Sources
    from resed.decode.events import decode_settings
    from resed.formats.class_choices import write_class_choices
    from resed.formats.reference import read_reference

    chosen = decode_settings(settings)
    search = searched(chosen)
    sources = Sources(by_name(posteriors, "--posteriors"))
    choices = choose_systems(sources, read_reference(reference, until=until), chosen, search)
    write_class_choices(out, choices)
    width = max(len(choice.event_label) for choice in choices)
    for choice in choices:
        score = "no event" if choice.f1 is None else f"event F1 {100 * choice.f1:.1f} %"
        typer.echo(
            f"{choice.event_label:{width}}  {choice.system}: {score} on development, "
            f"window {choice.window_s:.3f} s, threshold {choice.threshold:g}"
        )


def compose(
    choice: Path = typer.Option(..., help="Choices of resed assign (TSV)."),
    posteriors: list[str] = typer.Option(
        ..., help="NAME=FILE: posteriors of a system on one split (.npz), repeated."
    ),
    system: str = typer.Option(..., help="Name of the composite, written into the output."),
    out: Path = typer.Option(..., help="Posteriors to write (.npz), probabilities in [0, 1]."),
) -> None:
    """Write posteriors in which each class is that of the system that serves it, unsmoothed.

    The file is as one of resed predict: resed decode, score, distil and browse take it.

    Example: resed compose --choice choice.tsv --posteriors a=a_eval.npz --posteriors b=b_eval.npz
    --system best_of_two --out composite_eval.npz
    """
    from resed.cli.by_name import by_name
    from resed.compose.composite import compose
    from resed.compose.sources import Sources
    from resed.formats.class_choices import read_class_choices

    choices = read_class_choices(choice)
    sources = Sources(by_name(posteriors, "--posteriors"))
    compose(system, choices, sources, scratch=out.parent).save(out)
    typer.echo(f"wrote {out}: {len(sources.first.clips)} clips, {len(choices)} classes")
