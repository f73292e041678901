"""Every system of the demo learns, with sounds of three seeds (minutes each)."""

import pytest
from runs import copy_workflow, snakemake

from resed.formats.tables import Table

SEEDS = (0, 1, 2)
MT = ("mean_teacher", "mean_teacher_lost_head")
FEWEST_CLASSES, OF = 8, 10
BEST, EVERY, OF_MT = 50, 20, 10  # event F1 in percent


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_every_system_learns(tmp_path, seed, capsys):
    folder = copy_workflow(tmp_path)
    done = snakemake(folder, overlay={"acquire": {"seed": seed}})
    assert done.returncode == 0, done.stdout[-2000:]
    tables = folder / "results/demo/tables"
    frame = Table.load(tables, "table1").frame
    chosen = (frame["split"] == "evaluation") & (frame["threshold"] == "configured")
    scores = frame[chosen].pivot_table(index="system", columns="metric", values="value")
    group = frame[chosen].groupby("system")["group"].first()
    baselines, systems = scores[group == "baseline"], scores[group != "baseline"]
    classes = Table.load(tables, "per_class").frame
    classes = classes[(classes["split"] == "evaluation") & (classes["metric"] == "event")]
    found = (classes.set_index("system")["value"] > 0).groupby("system").sum()
    with capsys.disabled():
        print(f"\nseed {seed}\n{systems.assign(classes=found).round(1)}")
    assert (systems["event"] >= OF_MT).all()
    assert (systems["event"].drop([*MT]) >= EVERY).all()
    assert systems["event"].max() >= BEST
    assert (systems["tags"] > baselines.loc["everything", "tags"]).all()
    assert (found[["pts", "pts_tfd_afl_esp"]] >= FEWEST_CLASSES).all()
    assert classes["label"].nunique() == OF
