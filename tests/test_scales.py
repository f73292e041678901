"""Shares of the clips of single splits."""

import json

import pytest
import yaml
from runs import REPOSITORY, copy_workflow, snakemake

from resed.config.run import load_config
from resed.config.run_plan import run_size, shares, shares_in_words


def config(**acquire):
    values = yaml.safe_load((REPOSITORY / "config" / "demo.yaml").read_text())
    return load_config(values | {"acquire": acquire}, REPOSITORY)


def test_a_split_has_its_own_share():
    found = config(scale=0.2, scales={"evaluation": 1.0})
    assert shares(found) == {
        "weak": 0.2,
        "unlabeled": 0.2,
        "strong": 0.2,
        "development": 0.2,
        "evaluation": 1.0,
    }
    assert shares_in_words(found) == "20 % (evaluation 100 %)"
    assert "20 % (evaluation 100 %) of the full size: about 4289 clips" in run_size(found)


@pytest.mark.parametrize(
    ("acquire", "words"), [({}, ""), ({"scale": 0.05}, "5 %"), ({"scales": {"weak": 1.0}}, "")]
)
def test_shares_in_words(acquire, words):
    assert shares_in_words(config(**acquire)) == words


def test_recordings_are_whole():
    values = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    found = load_config(values | {"acquire": {"scale": 0.1, "scales": {"weak": 0.5}}}, REPOSITORY)
    assert set(shares(found).values()) == {1.0}


def test_acquire_renders_the_share_of_each_split(tmp_path):
    folder = copy_workflow(tmp_path)
    overlay = {"acquire": {"scale": 0.002, "scales": {"evaluation": 0.01, "strong": 0.001}}}
    records = [f"results/demo/acquire/{split}.json" for split in ("weak", "strong", "evaluation")]
    done = snakemake(folder, *records, overlay=overlay)
    assert done.returncode == 0, done.stdout[-2000:]
    counts = {path: json.loads((folder / path).read_text())["clips"] for path in records}
    assert list(counts.values()) == [3, 2, 7]
