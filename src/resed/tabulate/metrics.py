"""The metrics of a table: those of the paper, and others that resed scores for every paper."""

from resed.paper.numbers import Metric
from resed.paper.tables import SystemTable
from resed.results.folder import Results

# Metrics that resed scores for every paper.
FURTHER = {
    "event": Metric(title="Event-F1", short="event-F1", block="event"),
    "segment": Metric(title="Segment-F1", short="segment-F1", block="segment"),
    "tags": Metric(title="AT-F1", short="AT-F1", block="tags"),
    "tags_raw": Metric(title="Raw AT-F1", short="raw AT-F1", block="tags_raw"),
    "tags_teacher": Metric(title="Teacher AT-F1", short="teacher AT-F1", block="tags_teacher"),
    "psds1": Metric(title="PSDS1", short="PSDS1", score="psds1", unit="fraction"),
    "psds1_ungated": Metric(
        title="PSDS1 ungated", short="ungated PSDS1", score="psds1_ungated", unit="fraction"
    ),
    "psds2": Metric(title="PSDS2", short="PSDS2", score="psds2", unit="fraction"),
    "psds2_ungated": Metric(
        title="PSDS2 ungated", short="ungated PSDS2", score="psds2_ungated", unit="fraction"
    ),
    "tags_map": Metric(title="Clip mAP", short="clip mAP", score="tags_map", unit="fraction"),
    "tags_mauc": Metric(title="Clip mAUC", short="clip mAUC", score="tags_mauc", unit="fraction"),
    "tags_map_teacher": Metric(
        title="Teacher clip mAP",
        short="teacher clip mAP",
        score="tags_map_teacher",
        unit="fraction",
    ),
}
ONLY_IN_CSV = "tags_map_teacher"  # useful only for the development of systems with a teacher


def shown_metrics(results: Results, shape: SystemTable) -> dict[str, Metric]:
    """The table's metrics; in the main table also the others that resed scores.

    Without those of events if the dataset has tags only.
    """
    chosen = {key: results.paper.metrics[key] for key in shape.metrics}
    if results.config.dataset_file.tags_only:
        chosen = {k: m for k, m in chosen.items() if not m.timed}
    if not shape.main:
        return chosen
    sources = {(metric.block, metric.score) for metric in chosen.values()}
    others = {k: m for k, m in FURTHER.items() if (m.block, m.score) not in sources}
    if results.config.dataset_file.tags_only:
        others = {k: m for k, m in others.items() if not m.timed and k != ONLY_IN_CSV}
    return chosen | {f"resed_{k}" if k in chosen else k: m for k, m in others.items()}
