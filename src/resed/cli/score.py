"""`resed score`."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from resed.score.threshold_free import Detector


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
            None, help="TSV to write: tp, fp, fn per clip, metric and class."
        ),
        manifest: Path | None = typer.Option(
            None, help="Manifest of the audit; its hash goes into the metrics."
        ),
        posteriors: Path | None = typer.Option(
            None, help="Posteriors of resed predict (npz): adds PSDS1, PSDS2 and clip mAP."
        ),
        windows: Path | None = typer.Option(
            None, help="With --posteriors: WINDOWS.tsv of resed calibrate; seconds."
        ),
        settings: str = typer.Option(
            "{}", help="With --posteriors: decode settings, as of resed decode."
        ),
    ) -> None:
        """Score events and tags by F1; with posteriors, also without a threshold.

        event: onset within 200 ms, offset within max(200 ms, 20 % of the event). segment: 1 s.
        A class never predicted counts 0. A clip that only the estimate holds counts as one without
        events. PSDS: scenarios 1 and 2 of DCASE, on posteriors gated and filtered as decoded, up to
        100 false alarms an hour. Clip mAP: average precision, mean over classes.
        """
        from resed.score.f1 import score_files

        if (posteriors is None) != (windows is None):
            raise typer.BadParameter("give both or neither", param_hint="--posteriors, --windows")
        metrics, notes = score_files(
            reference,
            estimated,
            clips=clips,
            reference_tags=reference_tags,
            tags={"tags": estimated_tags, "tags_raw": raw_tags, "tags_teacher": teacher_tags},
            counts=counts,
            manifest=manifest,
            out=out,
            detector=_detector(posteriors, windows, settings),
        )
        for note in notes:
            typer.echo(f"note: {note}", err=True)
        blocks = ("event", "segment", "tags", "tags_raw", "tags_teacher")
        line = ", ".join(f"{b} {100 * metrics[b]['macro_f1']:.1f}" for b in blocks if b in metrics)
        typer.echo(f"{metrics['clips']} clips, macro F1 in percent: {line}")
        found = metrics.get("threshold_free", {})
        values = {key: value for key, value in found.items() if isinstance(value, float)}
        if values:
            line = ", ".join(f"{key} {100 * value:.1f}" for key, value in values.items())
            typer.echo(f"without a threshold, in percent: {line}")


def _detector(posteriors: Path | None, windows: Path | None, settings: str) -> "Detector | None":
    if posteriors is None or windows is None:
        return None
    from resed.score.threshold_free import Detector

    return Detector.load(posteriors, windows, settings)
