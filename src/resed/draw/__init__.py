"""Figures of the paper and of the training, one module a figure."""

from resed.draw import confusion, curves, dag, durations, sensitivity, weights
from resed.draw.drawing import Drawing

FIGURES: dict[str, Drawing] = {
    "figure3": weights.FIGURE3,
    "figure5": confusion.FIGURE5,
    "figure5_system3": confusion.FIGURE5_SYSTEM3,
    "figure6": confusion.FIGURE6,
    "figure7": durations.FIGURE7,
    "figure7_all": durations.FIGURE7_ALL,
    "training_curves": curves.TRAINING_CURVES,
    "training_curves_table2": curves.TRAINING_CURVES_TABLE2,
    "dag": dag.DAG,
    "sensitivity": sensitivity.SENSITIVITY,
}
