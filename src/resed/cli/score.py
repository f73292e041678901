"""`resed score`."""

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command()
    def score(
        reference: Path = typer.Option(..., help="Strong labels (TSV, seconds) taken as true."),
        estimated: Path = typer.Option(..., help="Detected events (TSV, seconds)."),
        out: Path = typer.Option(..., help="metrics.json to write; all scores as fractions."),
        clips: Path | None = typer.Option(
            None, help="Clips to score (TSV, column filename); default: all of both files."
        ),
        reference_tags: Path | None = typer.Option(
            None, help="True tags (TSV); default: from --reference."
        ),
        estimated_tags: Path | None = typer.Option(
            None, help="Estimated tags (TSV); with true tags given, default: from --estimated."
        ),
        raw_tags: Path | None = typer.Option(None, help="Tags before the filters: tags_raw."),
        teacher_tags: Path | None = typer.Option(None, help="The teacher's tags: tags_teacher."),
        counts: Path | None = typer.Option(
            None, help="TSV to write: tp, fp, fn a clip, metric and class."
        ),
        manifest: Path | None = typer.Option(
            None, help="Manifest of the audit; its hash goes into the metrics."
        ),
    ) -> None:
        """Score events and tags by F1.

        event: onset within 200 ms, offset within max(200 ms, 20 % of the event). segment: 1 s.
        A class never predicted counts 0. A clip that only the estimate holds counts as one without
        events.
        """
        from resed.score import score_files

        metrics, notes = score_files(
            reference,
            estimated,
            clips=clips,
            reference_tags=reference_tags,
            tags={"tags": estimated_tags, "tags_raw": raw_tags, "tags_teacher": teacher_tags},
            counts=counts,
            manifest=manifest,
            out=out,
        )
        for note in notes:
            typer.echo(f"note: {note}", err=True)
        blocks = ("event", "segment", "tags", "tags_raw", "tags_teacher")
        line = ", ".join(f"{b} {100 * metrics[b]['macro_f1']:.1f}" for b in blocks if b in metrics)
        typer.echo(f"{metrics['clips']} clips, macro F1 in percent: {line}")
