"""How often verdicts are wrong by chance, on the papers of tests/simulated_papers.py."""

import numpy as np
import pytest
from scipy.stats import binomtest
from simulated_papers import (
    World,
    claim_of_six,
    made_config,
    rates,
    scorecard_rates,
    simulate,
    states,
)

from resed.judge import COMPARISONS
from resed.judge.outcome import State
from resed.judge.runs import Runs
from resed.paper.claims import load_claims

SMALL = World(clips=100)
CHANCE = 1e-3  # of a failure of the short forms although the rates are right


def at_most(share, papers, bound):
    """Whether so many papers could occur with a rate of `bound`."""
    return binomtest(round(share * papers), papers, bound, alternative="greater").pvalue > CHANCE


@pytest.fixture(scope="module")
def five(tmp_path_factory):
    return made_config(tmp_path_factory.mktemp("five"), 5)


@pytest.fixture(scope="module")
def nine(five):
    claims = load_claims("liang", five.root).claims
    return next(claim for claim in claims if claim.id == "nine_is_best")


def test_d3_equal_systems_neither_refute_nor_support_six_comparisons(five):
    found = states(five, SMALL, claim_of_six(), 60)
    assert at_most(found[State.FAILS], 60, 0.05) and at_most(found[State.HOLDS], 60, 0.05)


def test_d3_equal_systems_do_not_refute_that_one_is_best(five, nine):
    """Without the correction, about half of these papers refute it."""
    random, uncorrected, papers = np.random.default_rng(4), 0, 4
    for _ in range(papers):
        outcomes = COMPARISONS["best_of"](nine.test, Runs(simulate(five, SMALL, random)))
        uncorrected += State.FAILS in {outcome.state for outcome in outcomes}
    assert uncorrected >= 1
    assert states(five, SMALL, nine, papers, seed=4)[State.FAILS] <= 1 / papers


def test_d3_what_is_false_by_eight_points_is_refuted(five, nine):
    assert states(five, SMALL, nine, 2, better=-8.0)[State.FAILS] == 1


def test_d2_a_faultless_reproduction_is_within(tmp_path):
    three = made_config(tmp_path, 3)
    world = World(clips=100, seeds=3)
    assert at_most(scorecard_rates(three, world, 60, other_clips=False), 60, 0.07)
    assert at_most(scorecard_rates(three, world, 60, other_clips=True), 60, 0.07)


@pytest.mark.long
def test_d2_d3_rates_of_2000_papers(tmp_path):
    """All rates that the script prints, within the bounds that it states."""
    assert [rate for rate in rates(tmp_path, 2000, World(), 300) if not rate.passes] == []
