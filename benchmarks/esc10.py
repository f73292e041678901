"""Write the tables of benchmarks/esc10.md from a finished or restored run of config/esc10.yaml.

    python benchmarks/esc10.py [--results results/esc10] > tables.md

Scores of evaluation, comparisons, the study of readings, development by epoch, cost per stage, and
the verdict on every claim. The text above them is written by hand.
"""

import argparse
import csv
from pathlib import Path

import pandas as pd
from scipy import stats

from resed.formats.tables import Table

METRICS = {"event": "event-F1", "segment": "segment-F1", "tags": "AT-F1"}
EPOCHS = (3, 5, 7, 10, 15, 20)
STAGES = ("acquire", "extract", "predict", "decode", "score")


def markdown(head: list[str], rows: list[list[str]], text_columns: int = 1) -> str:
    """A Markdown table whose first columns are text and whose others are numbers."""
    rule = ["---"] * text_columns + ["---:"] * (len(head) - text_columns)
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


def cell(row: pd.Series, sign: str = "") -> str:
    """`20.1 [14.1, 26.1]`."""
    if pd.isna(row["value"]):
        return "–"
    interval = "" if pd.isna(row["low"]) else f" [{row['low']:{sign}.1f}, {row['high']:{sign}.1f}]"
    return f"{row['value']:{sign}.1f}{interval}"


def scores(frame: pd.DataFrame) -> str:
    """Systems and baselines at their configured threshold."""
    frame = frame[(frame["threshold"] == "configured") & (frame["status"] == "run")]
    rows = []
    for (_, title), one in frame.groupby(["system", "title"], sort=False):
        found = {(r["split"], r["metric"]): r for _, r in one.iterrows()}
        if any(("evaluation", metric) not in found for metric in METRICS):
            continue
        first = one.iloc[0]
        number, seeds = str(first["row"] or "–"), first["seeds"]
        rows.append(
            [number, title, "–" if pd.isna(seeds) else str(seeds)]
            + [cell(found[split, metric]) for split in ("development", "evaluation")
               for metric in METRICS]
        )  # fmt: skip
    head = ["ID", "system", "seeds", *(f"{name}, {split}" for split in ("dev.", "eval.")
                                       for name in METRICS.values())]  # fmt: skip
    return markdown(head, rows, 2)


def comparisons(frame: pd.DataFrame) -> str:
    """Differences on evaluation, with the decision."""
    rows = []
    chosen = frame[(frame["split"] == "evaluation") & (frame["status"] == "run")]
    for _, one in chosen.groupby(["row", "system", "against"], sort=False):
        by = {r["metric"]: r for _, r in one.iterrows()}
        first = one.iloc[0]
        rows.append([f"{first['row']}: {first['title']} – {first['against_title']}"] + [
            f"{cell(by[metric], '+')} {by[metric]['decision']}" for metric in METRICS
        ])  # fmt: skip
    return markdown(["first minus second, evaluation", *METRICS.values()], rows)


def readings(frame: pd.DataFrame) -> str:
    """Changes of evaluation by each reading."""
    chosen = frame[(frame["split"] == "evaluation") & (frame["column"] == "change")]
    rows = []
    for (reading, title), one in chosen.groupby(["reading", "title"], sort=False):
        by = {r["metric"]: r for _, r in one.iterrows()}
        cells = [
            f"{cell(by[m], '+')} {by[m]['decision']}" if m in by else "–" for m in METRICS
        ]  # fmt: skip
        rows.append([f"`{reading}` {title}", *cells])
    return markdown(["reading instead of the default, evaluation", *METRICS.values()], rows)


def lengths(folder: Path) -> str:
    """F1 of frames on development after some epochs: mean of seeds, and PTS+TFD minus PTS."""

    def column(system: str) -> list[pd.Series]:
        files = sorted((folder / "train" / system).glob("seed*/history.csv"))
        histories = [pd.read_csv(file) for file in files]
        for history in histories:
            history.index = history["epoch"] + 1  # counted from 0
        return [100 * h["development.frame_f1"].reindex(EPOCHS) for h in histories]

    rows = []
    pts, tfd = (column(system) for system in ("pts", "pts_tfd"))
    for epoch in EPOCHS:
        differences = [b[epoch] - a[epoch] for a, b in zip(pts, tfd, strict=True)]
        half = stats.t.ppf(0.975, len(differences) - 1) * stats.sem(differences)
        mean = sum(differences) / len(differences)
        means = [sum(one[epoch] for one in many) / len(many) for many in (pts, tfd)]
        rows.append([str(epoch), *(f"{m:.1f}" for m in means),
                     f"{mean:+.1f} [{mean - half:+.1f}, {mean + half:+.1f}]"])  # fmt: skip
    head = ["epochs", "PTS", "PTS+TFD", "PTS+TFD – PTS, interval over seeds alone"]
    return markdown(head, rows, 0)


def cost(folder: Path) -> str:
    """CPU time of the jobs of each stage, by Snakemake's benchmark files."""
    rows = []
    for stage in ("train", *STAGES):
        files = sorted((folder / "benchmarks" / stage).rglob("*.tsv"))
        found = [next(csv.DictReader(file.open(), delimiter="\t")) for file in files]
        seconds = [float(row["cpu_time"]) for row in found]
        memory = max(float(row["max_rss"]) for row in found)
        rows.append([stage, str(len(found)), f"{sum(seconds) / 60:.1f}", f"{memory:.0f}"])
    return markdown(["stage", "jobs", "CPU minutes", "largest memory, MB"], rows)


def claims(frame: pd.DataFrame) -> str:
    """Every claim with its verdict and its evidence."""
    rows = [
        [r["statement"], r["here"], f"{r['here_evidence']}. Rule: {r['rule']}", r["printed"]]
        for _, r in frame.iterrows()
    ]
    head = ["claim", "here", "evidence", "printed numbers"]
    return markdown(head, rows, len(head)).replace("\u00a0", " ")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results/esc10"))
    folder = parser.parse_args().results
    frames = {
        name: Table.load(folder / "tables", name).frame
        for name in ("table1", "comparisons", "sensitivity", "claims")
    }
    verdicts = frames["claims"]["here"].value_counts()
    print("## Systems\n\n" + scores(frames["table1"]))
    print("\n## Comparisons of the paper's sections\n\n" + comparisons(frames["comparisons"]))
    print("\n## Readings of the complete system\n\n" + readings(frames["sensitivity"]))
    print("\n## Length of training\n\n" + lengths(folder))
    print("\n## Cost\n\n" + cost(folder))
    printed = frames["claims"]["printed"].value_counts()
    print(
        f"\n## Claims\n\nHere: {verdicts['holds']} hold, {verdicts['does not hold']} do not hold, "
        f"{verdicts['undecided']} undecided, {verdicts['not run']} not run. "
        f"{verdicts['other data']} state numbers of the paper's data. By its printed numbers: "
        f"{printed['supported']} supported, {printed['contradicted']} contradicted, "
        f"{printed['in part']} in part, {printed['not shown']} not shown.\n"
    )
    print(claims(frames["claims"]))


if __name__ == "__main__":
    main()
