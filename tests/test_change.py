"""resed.stats.multiple_testing: Holm by hand, p-values against Student's t and by simulation,
cut intervals.
"""

import numpy as np
import pytest
from scipy.stats import t as student

from resed.stats.intervals import BOTH, CLIPS, Interval, decide
from resed.stats.multiple_testing import ALPHA, ScoreChange, holm, p_value


def interval(mean, half, seeds=2, clips=138):
    covers = BOTH if seeds > 1 else CLIPS
    return Interval(mean, mean - half, mean + half, seeds, clips, covers)


def test_holm_by_hand():
    """Four tests: 0.005 * 4, 0.01 * 3, 0.03 * 2; then 0.04 * 1, which is not below 0.06."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_stops_where_it_must():
    """0.02 > 0.05 / 3, so that nothing stands, though each of the three is below 0.05 alone."""
    assert min(holm([0.02, 0.03, 0.045])) > ALPHA
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])
    assert holm([0.7, 0.6]) == [1.0, 1.0]
    assert holm([0.03]) == [0.03] and holm([]) == []


def test_holm_is_the_step_down_rule():
    """Its first form: from the smallest p on, reject while p <= alpha / (tests left)."""
    random = np.random.default_rng(3)
    for _ in range(200):
        values = (random.random(12) ** 4).tolist()
        rejected = set()
        for left, place in zip(range(12, 0, -1), np.argsort(values), strict=True):
            if values[place] > ALPHA / left:
                break
            rejected.add(int(place))
        assert {i for i, value in enumerate(holm(values)) if value <= ALPHA} == rejected


def test_p_is_that_of_the_interval():
    """Half = t(0.975) SE; by Student's t at seeds - 1, or at clips - 1 for one seed."""
    for seeds, clips, freedom in ((2, 138, 1), (5, 138, 4), (1, 138, 137), (1, 1, 1)):
        error = 1.5
        found = interval(-6.0, student.ppf(0.975, freedom) * error, seeds, clips)
        assert p_value(found) == pytest.approx(2 * student.sf(6.0 / error, freedom))


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_p_is_below_the_level_where_the_interval_decides(seeds):
    for mean, half in ((1.0, 0.999), (1.0, 1.001), (-3.0, 2.99), (0.0, 0.2)):
        found = interval(mean, half, seeds)
        assert (p_value(found) < ALPHA) == (decide(found, paired=True) != "undecided")


def test_what_never_changes_is_no_evidence():
    assert p_value(interval(0.0, 0.0)) == 1.0
    assert p_value(interval(1.0, 0.0)) == 1.0, "two seeds that agree to the last digit"


def test_chance_is_not_named_by_two_seeds():
    """Differences that are 0 in truth, four fifths of their variance from seeds, among 57 tests.

    At the degrees of freedom of the interval itself too many would stand, which is why p is not
    taken at these.
    """
    random, count, clips, level = np.random.default_rng(1), 60_000, 138, ALPHA / 57
    seeds = random.normal(size=(count, 2)) * np.sqrt(0.8 * 2)
    means = random.normal(size=count) * np.sqrt(0.2) + seeds.mean(axis=1)
    shared = 0.2 * random.chisquare(clips - 1, size=count) / (clips - 1)
    between = seeds.var(axis=1, ddof=1) / 2
    variance = shared + between
    freedom = variance / (shared / (clips - 1) + between)
    error = np.sqrt(variance)
    halves = student.ppf(0.975, freedom) * error
    far = np.flatnonzero(np.abs(means) > halves)  # no other can be below 0.05
    found = [p_value(interval(means[i], halves[i])) for i in far]
    own = 2 * student.sf(np.abs(means) / error, freedom)
    assert np.sum(np.array(found) < level) <= level * count
    assert np.mean(own < level) > 8 * level


def test_an_interval_is_cut_at_what_is_possible():
    change = ScoreChange(interval(-3.5, 29.0), "undecided", 5.4)
    assert change.ends == pytest.approx((-5.4, 25.5)) and not change.empty
    assert ScoreChange(interval(19.6, 119.8), "undecided", 23.2).empty
    assert ScoreChange(interval(4.0, 3.0), "better", 98.0).ends == pytest.approx((1.0, 4.0))
    assert ScoreChange(interval(1.0, 0.5), "better", 40.0).ends == (0.5, 1.5)


@pytest.mark.parametrize(
    ("low", "high", "full_scale", "empty"),
    [
        (-20.0, 80.0, 100.0, True),  # exactly all that is possible from 20
        (-20.0, 79.9, 100.0, False),
        (-19.9, 80.0, 100.0, False),
        (-20.0, 30.0, 50.0, True),
        (-20.0, 29.9, 50.0, False),
    ],
)
def test_an_interval_of_all_that_is_possible_is_empty(low, high, full_scale, empty):
    found = Interval(5.0, low, high, 2, 138, BOTH)
    change = ScoreChange(found, "undecided", 20.0, full_scale)
    assert change.empty == empty
    wider = ScoreChange(Interval(5.0, -99.0, 99.0, 2, 138, BOTH), "undecided", 20.0, full_scale)
    assert wider.ends == (-20.0, full_scale - 20.0)
