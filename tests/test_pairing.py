"""Differences within a chain of generations, seed by seed: SciPy, and a bootstrap by hand."""

import json

import numpy as np
import pytest
from made_results import make_results, make_root
from runs import REPOSITORY
from scipy.stats import ttest_rel

from resed.config.loading import overlay, read_yaml
from resed.config.rows import Row
from resed.config.run import Config, load_config
from resed.judge.runs import Runs
from resed.paper.numbers import Metric
from resed.results.folder import Results
from resed.results.pairing import lineage, pairing
from resed.stats.intervals import score_difference
from resed.tabulate.claims import claims
from resed.tabulate.comparisons import comparisons

SYSTEMS = ["secost_base", "secost_fixed_s1", "secost_sweep_a100", "secost_control_seed"]
PSDS = Metric(title="PSDS1", short="PSDS1", score="psds1", unit="fraction")
EVENT = Metric(title="F1", short="F1", block="event")


def config_of(name: str, **changes) -> Config:
    """A config of the repository."""
    base = read_yaml(REPOSITORY / "config" / "config.yaml")
    values = overlay(base, read_yaml(REPOSITORY / "config" / f"{name}.yaml"))
    return load_config(overlay(values, changes), REPOSITORY)


def test_chains_and_students_of_secost():
    config = config_of("secost_demo")
    found = {
        (one.removeprefix("secost_"), two.removeprefix("secost_")): pairing(config, one, two)
        for one in config.systems
        for two in config.systems
    }
    assert found["fixed_s1", "base"] == found["base", "fixed_s1"] == "chain"
    assert found["fixed_s4", "base"] == "chain", "through three others"
    assert found["variable_s4", "fixed_s4"] == "chain", "both learn from stage 2"
    assert found["sweep_a70", "teacher_s1"] == "chain", "both learn from the base"
    assert found["control_smoothed", "base"] == "chain", "smoothed to the means of the base"
    assert found["sweep_a00", "teacher_s1"] == "checkpoint"
    # A teacher without a share has no effect: labels alone, with the seed of the students.
    assert found["sweep_a100", "base"] == ""
    assert found["sweep_a100", "fixed_s1"] == "student"
    assert found["control_seed", "fixed_s1"] == found["control_seed", "base"] == ""
    assert pairing(config, "secost_base", "sanity_prior") == ""
    assert pairing(config, "sanity_prior", "sanity_prior") == "checkpoint"
    assert lineage(config, "secost_fixed_s2") == {
        *("secost_fixed_s2", "secost_fixed_s1", "secost_base")
    }


def test_composites_are_of_the_chains_of_their_members():
    config = config_of("koutini_demo")
    assert pairing(config, "koutini_choice_1", "koutini_pass1") == "chain"
    assert pairing(config, "koutini_choice_2", "koutini_choice_1") == "chain"
    assert pairing(config, "koutini_sub1", "koutini_sub2") == "checkpoint"
    assert pairing(config, "koutini_p1_deep_raw", "koutini_p1_shallow_raw") == "chain"
    assert "koutini_choice_1" not in lineage(config, "koutini_choice_1"), "it has no training"


def test_systems_without_teachers_are_independent(tmp_path):
    config = make_root(tmp_path)
    assert pairing(config, "pts", "pts_tfd") == pairing(config, "pts_tfd", "pts_tfd_afl") == ""
    assert pairing(config, Row("pts"), Row("pts").tuned) == "checkpoint"
    assert pairing(config, "pts_tfd_afl_esp", "pts_tfd_afl") == "checkpoint"


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Results:
    """Four systems with three seeds, whose PSDS1 depends on the seed and, less, on the system."""
    root = tmp_path_factory.mktemp("pairing")
    study = {"system": "secost_base", "report": False, "readings": []}
    config = make_root(root, paper="secost", systems=SYSTEMS, seeds=3, sensitivity=study)
    found = Results.of(config, make_results(config, clips=30))
    draw = np.random.default_rng(4)
    shared = 0.4 + 0.2 * draw.random(3)
    for number, system in enumerate(SYSTEMS):
        for seed in range(3):
            path = found.layout.scored("evaluation", system, seed) / "metrics.json"
            metrics = json.loads(path.read_text())
            value = shared[seed] + 0.03 * number + 0.02 * draw.random()
            metrics["threshold_free"]["psds1"] = value
            path.write_text(json.dumps(metrics))
    return found


@pytest.mark.parametrize("second", ["secost_base", "secost_sweep_a100"])
def test_a_difference_within_a_chain_is_the_paired_t_test(results, second):
    sides = [results.values("evaluation", name, PSDS) for name in ("secost_fixed_s1", second)]
    expected = ttest_rel(*sides).confidence_interval(0.95)
    found = results.difference("evaluation", "secost_fixed_s1", second, PSDS)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    apart = score_difference(*sides, paired=False, clips=30)
    assert apart.high - apart.low > 1.5 * (found.high - found.low), "seeds have most of the effect"


def test_other_pairs_are_independent(results):
    names = "secost_control_seed", "secost_base"
    sides = [results.values("evaluation", name, PSDS) for name in names]
    found = results.difference("evaluation", *names, PSDS)
    assert found == score_difference(*sides, paired=False, clips=30)
    assert found != score_difference(*sides, paired=True, clips=30)


def macro_f1(values: np.ndarray) -> float:
    """Mean over classes of 2 tp / (2 tp + fp + fn) of counts [clips, classes, 3]."""
    hits, extra, missed = values.sum(axis=0).T
    whole = 2 * hits + extra + missed
    return 100 * float(np.mean(2 * hits[whole > 0] / whole[whole > 0]))


def test_f1_within_a_chain_is_a_bootstrap_of_the_differences_per_seed(results):
    names = "secost_fixed_s1", "secost_base"
    counts = [results.tables("evaluation", name, "event") for name in names]
    clips = sorted({name for side in counts for table in side for name in table.names})
    arrays = np.zeros((2, 3, 30, len(counts[0][0].classes), 3))
    for side, tables in enumerate(counts):
        for seed, table in enumerate(tables):
            for row, name in enumerate(table.names):
                arrays[side, seed, clips.index(name)] = table.values[row]
    draw = np.random.default_rng(1)
    drawn = [draw.integers(30, size=30) for _ in range(1500)]
    changes = np.array(
        [[macro_f1(arrays[0, s, d]) - macro_f1(arrays[1, s, d]) for d in drawn] for s in range(3)]
    )
    among = np.cov(changes)
    shared = max(0.0, (among.sum() - np.trace(among)) / 6)
    own = np.array([macro_f1(arrays[0, s]) - macro_f1(arrays[1, s]) for s in range(3)])
    found = results.difference("evaluation", *names, EVENT)
    assert found.mean == pytest.approx(own.mean())
    (over_clips, _), (between, freedom) = found.parts
    assert (between, freedom) == (pytest.approx(own.var(ddof=1) / 3), 2)
    # Both covariances are of some thousand draws: their error is the variance times sqrt(1/1000).
    assert over_clips == pytest.approx(shared, abs=0.1 * np.trace(among) / 3)
    assert found.deviation == pytest.approx(own.std(ddof=1))


def test_claims_and_tables_pair_by_chain(results, monkeypatch):
    monkeypatch.setitem(results.paper.metrics, "psds", PSDS)
    gain = Runs(results).gain("secost_fixed_s1", "secost_base", "psds", "evaluation")
    sides = [results.values("evaluation", name, PSDS) for name in SYSTEMS[1::-1]]
    expected = ttest_rel(*sides).confidence_interval(0.95)
    assert (gain.low, gain.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert gain.settled
    table = comparisons(results)
    paired = table.frame.drop_duplicates("row").set_index(["system", "against"]).paired_by
    assert paired["secost_fixed_s1", "secost_base"] == "chain"
    assert paired["secost_variable_s4", "secost_base"] == "", "not run"
    for made in (table, claims(results)):
        assert any(note.startswith("Differences are taken seed by seed") for note in made.notes)


def test_one_seed_of_a_chain_decides_nothing(results):
    config = results.config.model_copy(update={"seeds": 1})
    one = Results.of(config, results.folder, results.data)
    assert one.pairing("secost_fixed_s1", "secost_base") == "chain"
    assert not one.paired("secost_fixed_s1", "secost_base")
    runs = Runs(one)
    runs.results.paper.metrics["event"] = EVENT
    gain = runs.gain("secost_fixed_s1", "secost_base", "event", "evaluation")
    assert not gain.settled and gain.low < gain.high
