"""Intervals: by hand, against resed.score.f1, and their coverage by simulation."""

from dataclasses import FrozenInstanceError
from statistics import fmean

import numpy as np
import pytest
from made_results import decision, make_results, make_root
from scipy.stats import t as student
from scipy.stats import ttest_1samp, ttest_ind, ttest_rel

from resed.errors import MissingFileError, ResultsError
from resed.formats.counts import COLUMNS, Counts, read_counts, write_counts
from resed.paper.numbers import Metric
from resed.results.folder import Results
from resed.stats import bootstrap, intervals
from resed.stats.intervals import (
    BOTH,
    Interval,
    decide,
    difference,
    interval,
    score_difference,
    score_interval,
)
from resed.stats.multiple_testing import p_value

REPETITIONS, RESAMPLES, CLIPS = 1500, 300, 100
LOW, HIGH = 0.93, 0.97


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class World:
    """Clips that are hard or easy for every training, trainings that are good or bad at all clips,
    and what a training makes of single clips: the three sizes are logits.
    """

    def __init__(self, clip: float, seed: float, mixed: float, classes: int = 2):
        self.clip, self.seed, self.mixed, self.classes = clip, seed, mixed, classes
        self.random = np.random.default_rng(5)

    def clips(self, count: int):
        """Ease [clips, classes] of some clips, and which classes they hold."""
        shape = count, self.classes
        normal = self.random.normal
        ease = self.clip * (0.8 * normal(size=(count, 1)) + 0.6 * normal(size=shape))
        return ease, self.random.random(shape) < 0.4

    def trainings(self, clips, count: int) -> np.ndarray:
        """Counts of `count` trainings: [trainings, clips, classes, 3]."""
        ease, held = clips
        normal, shape = self.random.normal, (count, *ease.shape)
        own = self.seed * (0.9 * normal(size=(count, 1, 1)) + 0.4 * normal(size=(count, 1, 2)))
        logit = 0.5 + ease + own + self.mixed * normal(size=shape)
        hit = held & (self.random.random(shape) < sigmoid(logit))
        false = self.random.random(shape) < 0.3 * sigmoid(-logit)
        return np.stack([hit, false, held & ~hit], axis=-1).astype(np.int64)

    def truth(self) -> float:
        """Expected F1 in percent of a training on clips without end."""
        values = self.trainings(self.clips(2000), 800).sum(axis=1, dtype=float)
        return 100 * float(np.mean(2 * values[..., 0] / (values @ (2.0, 1.0, 1.0))))


def tables(values: np.ndarray) -> list[Counts]:
    names = tuple(f"{i:04}" for i in range(values.shape[1]))
    return [Counts(names, ("a", "b"), seed, values.shape[1]) for seed in values]


# Which of clips and seeds matters more; what a training makes of single clips.
MIXTURES = {"clips": (1.5, 0.05, 0.3), "both": (1.2, 0.15, 0.5), "seeds": (0.5, 0.4, 0.3)}


@pytest.mark.parametrize(
    ("mixture", "seeds"), [("clips", 3), ("both", 3), ("seeds", 3), ("both", 5)]
)
def test_an_interval_covers_what_it_says(mixture, seeds):
    world = World(*MIXTURES[mixture])
    truth, covered = world.truth(), 0
    for _ in range(REPETITIONS):
        found = interval(tables(world.trainings(world.clips(CLIPS), seeds)), resamples=RESAMPLES)
        covered += found.low <= truth <= found.high
    assert LOW <= covered / REPETITIONS <= HIGH


@pytest.mark.parametrize(("mixture", "first", "second"), [("both", 3, 3), ("clips", 5, 3)])
def test_two_groups_of_seeds_of_one_system_are_undecided(mixture, first, second):
    world, undecided = World(*MIXTURES[mixture]), 0
    for _ in range(REPETITIONS // 3):
        made = tables(world.trainings(world.clips(CLIPS), first + second))
        found = difference(made[:first], made[first:], paired=False, resamples=RESAMPLES)
        undecided += decide(found, paired=False) == "undecided"
    assert 0.935 <= undecided / (REPETITIONS // 3) <= 0.985


def test_one_seed_against_another_is_undecided():
    world = World(*MIXTURES["seeds"])
    for _ in range(20):
        one, two = tables(world.trainings(world.clips(CLIPS), 2))
        found = difference([one], [two], paired=False)
        assert decide(found, paired=False) == "undecided"
        assert (found.seeds, found.covers) == (1, "clips")


def test_the_same_checkpoint_can_be_decided_with_one_seed():
    world = World(*MIXTURES["clips"])
    (one,) = tables(world.trainings(world.clips(CLIPS), 1))
    fewer = one.values.copy()
    fewer[::3, :, 2] += fewer[::3, :, 0]  # every third clip is missed
    fewer[::3, :, 0] = 0
    worse = Counts(one.names, one.classes, fewer, one.clips)
    found = difference([one], [worse], paired=True)
    assert found.low > 0 and found.covers == "clips"
    assert decide(found, paired=True) == "better"
    assert decide(difference([worse], [one], paired=True), paired=True) == "worse"
    assert decide(difference([one], [one], paired=True), paired=True) == "undecided"
    assert decide(found, paired=False) == "undecided"


def f1_of(hits: int, misses: int) -> float:
    return 100 * 2 * hits / (2 * hits + misses)


def test_without_clips_that_differ_only_seeds_count():
    """Every clip the same: mean ± t(S - 1) s / sqrt(S), worked out by hand."""
    seeds = [(2, 2), (3, 1), (1, 3)]  # hits and misses on each of ten clips
    values = np.array([[[[hits, 0, misses]]] * 10 for hits, misses in seeds])
    found = interval([Counts(tuple("abcdefghij"), ("x",), table, 10) for table in values])
    scores = [f1_of(*seed) for seed in seeds]  # 66.67, 85.71, 40
    half = student.ppf(0.975, 2) * np.std(scores, ddof=1) / 3**0.5
    assert found.mean == pytest.approx(fmean(scores)) == pytest.approx(64.127, abs=1e-3)
    assert half == pytest.approx(57.04, abs=0.01)
    assert (found.low, found.high) == (pytest.approx(found.mean - half), 100.0)
    assert (found.seeds, found.clips, found.covers) == (3, 10, "clips and seeds")


def test_without_seeds_that_differ_only_clips_count():
    """F1 = 2p / (1 + p) for a share p of hits: its standard error by the delta method."""
    hits = np.zeros((1000, 1, 3), np.int64)
    hits[:600, 0, 0], hits[600:, 0, 2] = 1, 1
    table = Counts(tuple(f"{i:04}" for i in range(1000)), ("x",), hits, 1000)
    error = 100 * 2 / 1.6**2 * (0.6 * 0.4 / 1000) ** 0.5
    for seeds in (1, 3):
        found = interval([table] * seeds)
        assert found.mean == pytest.approx(75)
        assert found.high - found.mean == pytest.approx(1.962 * error, rel=0.06)
        assert found.mean - found.low == pytest.approx(found.high - found.mean)


def test_the_method_step_by_step():
    """The same numbers from loops, with the resamples of the module."""
    world = World(*MIXTURES["both"])
    made = world.trainings(world.clips(30), 3)
    found = interval(tables(made), resamples=50)
    weights = bootstrap.resample_weights(30, 50)
    assert (weights.sum(axis=1) == 30).all()
    replicates = np.zeros((3, 50))
    for seed in range(3):
        for row in range(50):
            tp, fp, fn = (weights[row] @ made[seed, :, :, k] for k in range(3))
            replicates[seed, row] = np.mean(100 * 2 * tp / (2 * tp + fp + fn))
    pairs = [(0, 1), (0, 2), (1, 2)]
    shared = np.mean([np.cov(replicates[[i, j]])[0, 1] for i, j in pairs])
    scores = [100 * table.f1() for table in tables(made)]
    between = np.var(scores, ddof=1) / 3
    freedom = (shared + between) / (shared / 29 + between / 2)
    half = student.ppf(0.975, freedom) * (shared + between) ** 0.5
    assert found.high - found.mean == pytest.approx(half, rel=1e-6)


def some_counts(seed: int, clips: int = 60, classes: str = "abcdefghijk") -> Counts:
    random = np.random.default_rng(seed)
    values = random.integers(0, 3, (clips, len(classes), 3))
    values *= random.random((clips, len(classes), 1)) < 0.2
    values[:, -1] = 0  # a class that one side names and nothing is counted of is no class
    return Counts.of(tuple(f"c{i}.wav" for i in range(clips)), tuple(classes), values)


def test_counts_are_read_as_they_were_written(tmp_path):
    counts = some_counts(1)
    write_counts(tmp_path / "counts.tsv", {"event": counts, "tags": some_counts(2)})
    table = read_counts(tmp_path / "counts.tsv", clips=60)["event"]
    kept = Counts.of(counts.names, counts.classes[:-1], counts.values[:, :-1])
    summary = kept.summary()
    assert table.f1() == summary["macro_f1"]  # the very same number
    assert {c: table.f1(c) for c in table.classes} == {
        label: entry["f1"] for label, entry in summary["classes"].items()
    }
    assert table.only("c").f1() == table.f1("c")
    assert table.clips == 60 and len(table.names) <= 60
    assert interval([table]).mean == 100 * summary["macro_f1"]


def test_clips_without_counts_are_clips_all_the_same():
    values = np.array([[[1, 0, 1]], [[2, 1, 0]], [[0, 1, 3]]])
    few = interval([Counts(("a", "b", "c"), ("x",), values, 3)])
    many = interval([Counts(("a", "b", "c"), ("x",), values, 500)])
    assert few.mean == many.mean and many.clips == 500
    assert many.low > 0.0, "t has more degrees of freedom"


def test_a_class_that_a_resample_lacks_is_no_class_there():
    values = np.zeros((40, 2, 3), np.int64)
    values[:, 0] = (1, 0, 1)
    values[0, 1] = (1, 0, 0)  # one clip holds it: more than a third of the resamples do not
    table = Counts(tuple(map(str, range(40))), ("often", "once"), values, 40)
    found = interval([table], "once")
    assert (found.mean, found.low, found.high) == (100.0, 100.0, 100.0)
    assert interval([table], "never").mean == 0.0
    assert interval([table]).low < interval([table]).mean


def test_two_sides_may_know_other_clips_and_classes():
    first = Counts(("a", "c"), ("x",), np.array([[[1, 0, 0]], [[1, 0, 1]]]), 5)
    second = Counts(("b",), ("x", "y"), np.array([[[0, 1, 1], [0, 2, 0]]]), 5)
    found = difference([first], [second], paired=True)
    assert found.mean == pytest.approx(f1_of(2, 1))
    with pytest.raises(ValueError, match="the same number of clips"):
        difference([first], [Counts((), (), np.zeros((0, 0, 3)), 4)], paired=True)
    with pytest.raises(ValueError, match="requires tables of counts"):
        interval([])


def test_equal_scores_give_equal_intervals():
    made = tables(World(*MIXTURES["both"]).trainings(World(1, 1, 1).clips(50), 3))
    before = interval(made)
    bootstrap._resampled.cache_clear()
    bootstrap.resample_weights.cache_clear()
    assert interval(made) == before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("clip\tclass\n", "counts.tsv line 1: the columns must be clip, metric, class, tp, fp, fn"),
        ("{}\na\tevent\tx\t1\t2\n", "counts.tsv line 2: 5 cells, but the header has 6"),
        ("{}\na\tevent\tx\t1\t-2\t0\n", "counts.tsv line 2: fp is below 0"),
        (
            "{}\na\tevent\tx\t1\t0\t0\nb\tevent\tx\t1\t0\t0\n",
            "has counts of 2 clips, but 1 were scored",
        ),
    ],
)
def test_counts_of_another_kind_are_refused(tmp_path, text, told):
    path = tmp_path / "counts.tsv"
    path.write_text(text.replace("{}", "\t".join(COLUMNS)))
    with pytest.raises(ResultsError, match=told):
        read_counts(path, clips=1)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    systems = ["pts", "pts_tfd_afl", "pts_tfd_afl_esp"]
    config = make_root(tmp_path_factory.mktemp("made"), seeds=3, systems=systems)
    return Results.of(config, make_results(config))


def block(name):
    """A block of metrics.json that the paper does not print."""
    return Metric(title=name, short=name, block=name)


def test_results_answer_by_name(results):
    found = results.interval("evaluation", "pts", "event")
    metrics = [results.metrics("evaluation", "pts", k)["event"]["macro_f1"] for k in range(3)]
    assert found.mean == fmean(100 * value for value in metrics)
    assert (found.seeds, found.clips, found.covers) == (3, 40, "clips and seeds")
    dog = results.interval("evaluation", "pts", "event", "Dog")
    assert dog.mean != found.mean
    assert results.interval("evaluation", "pts", "event", "Zebra") is None
    assert results.interval("evaluation", "sanity_prior", block("tags_raw")) is None
    assert results.interval("evaluation", "pts", block("tags_raw")).covers == "clips and seeds"
    assert results.interval("evaluation", "sanity_prior", "event").covers == "clips"
    assert results.difference("evaluation", "pts", "sanity_prior", block("tags_teacher")) is None


def test_results_know_who_shares_a_checkpoint(results):
    assert results.paired("pts_tfd_afl_esp", "pts_tfd_afl")
    assert results.paired("pts", "pts@development_threshold")
    assert not results.paired("pts", "pts_tfd_afl") and not results.paired("pts", "sanity_prior")
    first = results.difference("evaluation", "pts_tfd_afl_esp", "pts", "event")
    second = results.difference("evaluation", "pts", "pts_tfd_afl_esp", "event")
    assert (first.mean, first.low) == (-second.mean, -second.high)
    opposite = {"better": "worse", "worse": "better", "undecided": "undecided"}
    decided = decision(results, "evaluation", "pts_tfd_afl_esp", "pts", "event")
    assert decision(results, "evaluation", "pts", "pts_tfd_afl_esp", "event") == opposite[decided]


def test_results_refuse_counts_of_another_scoring(results):
    place = results.folder / "score" / "evaluation" / "pts" / "seed1"
    text = (place / "counts.tsv").read_text()
    fresh = Results.of(results.config, results.folder)
    try:
        (place / "counts.tsv").write_text("".join(text.splitlines(True)[:-9]))
        with pytest.raises(ResultsError, match="do not agree with metrics"):
            fresh.interval("evaluation", "pts", "event")
        (place / "counts.tsv").unlink()
        with pytest.raises(MissingFileError, match="run resed score"):
            fresh.interval("evaluation", "pts", "event")
    finally:
        (place / "counts.tsv").write_text(text)
    assert fresh.interval("evaluation", "pts", "event").seeds == 3
    assert fresh.scored("evaluation", "pts") and not fresh.scored("evaluation", "pts_dfd_d")


def test_scores_without_counts_have_intervals_over_seeds_only():
    """mAP and PSDS: Student's t, the paired t-test and Welch's test of scipy."""
    one, two = [30.0, 32.0, 35.0], [28.0, 31.0, 29.0, 33.0]
    found = score_interval(one, clips=40)
    expected = ttest_1samp(one, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.mean, found.seeds, found.clips) == (pytest.approx(97 / 3), 3, 40)
    assert found.covers == intervals.SEEDS and found.deviation == pytest.approx(np.std(one, ddof=1))
    paired = score_difference(one, two, paired=True, clips=40)
    expected = ttest_rel(one, two[:3]).confidence_interval(0.95)
    assert (paired.low, paired.high) == pytest.approx((expected.low, expected.high))
    apart = score_difference(one, two, paired=False, clips=40)
    expected = ttest_ind(one, two, equal_var=False).confidence_interval(0.95)
    assert (apart.low, apart.high) == pytest.approx((expected.low, expected.high))
    assert apart.mean == pytest.approx(fmean(one) - fmean(two)) and apart.deviation is None


def test_one_seed_of_such_a_score_has_no_interval():
    single = score_interval([0.4], clips=40)
    assert (single.mean, single.covers, single.known) == (0.4, intervals.NOTHING, False)
    for paired in (True, False):
        found = score_difference([0.9], [0.1, 0.2], paired, clips=40)
        assert np.isnan(found.low) and np.isnan(found.high) and not found.known
        assert decide(found, paired) == "undecided" and p_value(found) == 1.0


def test_scores_stay_on_their_scale():
    found = score_interval([0.95, 0.99], clips=40, full_scale=1.0)
    assert found.high == 1.0 and found.low == pytest.approx(0.97 - 12.7062 * 0.02, abs=1e-4)
    assert score_interval([1.0, 5.0], clips=40).low == 0.0


def test_an_interval_in_another_unit():
    found = score_interval([30.0, 40.0], clips=40).scaled(0.01)
    assert (found.mean, found.low, found.high) == pytest.approx((0.35, 0.0, 0.35 + 0.635310237))
    assert found.deviation == pytest.approx(0.0707107)
    single = score_interval([30.0], clips=40).scaled(0.01)
    assert single.deviation is None and not single.known


# ---- every part of an interval by loops ----------------------------------------------------


def replicates_by_loops(values: np.ndarray, resamples: int) -> np.ndarray:
    """Macro F1 in percent of each training on each resample of the clips."""
    weights = bootstrap.resample_weights(values.shape[1], resamples)
    found = np.zeros((len(values), resamples))
    for seed, row in np.ndindex(*found.shape):
        f1 = []
        for label in range(values.shape[2]):
            tp, fp, fn = (float(weights[row] @ values[seed, :, label, k]) for k in range(3))
            if tp + fp + fn:
                f1.append(2 * tp / (2 * tp + fp + fn))
        found[seed, row] = 100 * np.mean(f1)
    return found


def covariance(one: np.ndarray, two: np.ndarray) -> float:
    return float(np.cov(np.stack([one, two]))[0, 1])


def half_by_hand(parts: list[tuple[float, float]]) -> float:
    """t SE of (variance, degrees of freedom), each weighted by its share."""
    variance = sum(value for value, _ in parts)
    freedom = variance / sum(value / degrees for value, degrees in parts)
    return student.ppf(0.975, freedom) * variance**0.5


@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize(("first", "second"), [(3, 3), (2, 4), (4, 2)])
def test_sides_that_share_no_training(first, second, alike):
    """Also where the sides find other clips hard, so that they do not covary."""
    world = World(*MIXTURES["both"])
    made = world.trainings(world.clips(40), first + second)
    if not alike:
        made[first:] = made[first:, ::-1]
    replicates = replicates_by_loops(made, 60)
    sides = range(first), range(first, first + second)

    def mean(pairs):
        return np.mean([covariance(replicates[i], replicates[j]) for i, j in pairs])

    own = [mean([(i, j) for i in side for j in side if i < j]) for side in sides]
    across = mean([(i, j) for i in sides[0] for j in sides[1]])
    scores = [np.array([100 * t.f1() for t in tables(made[list(side)])]) for side in sides]
    errors = [np.var(s, ddof=1) / len(s) for s in scores]
    welch = sum(errors) ** 2 / sum(e**2 / (len(s) - 1) for e, s in zip(errors, scores, strict=True))
    parts = [(max(0.0, sum(own) - 2 * across), 39), (sum(errors), welch)]
    assert alike or parts[0][0] > 0
    found = difference(*(tables(made[list(side)]) for side in sides), paired=False, resamples=60)
    middle = scores[0].mean() - scores[1].mean()
    half = half_by_hand(parts)
    assert (found.mean, found.low, found.high) == pytest.approx(
        (middle, middle - half, middle + half), rel=1e-5
    )
    assert (found.seeds, found.covers, found.deviation) == (min(first, second), BOTH, None)


@pytest.mark.parametrize(("first", "second"), [(1, 3), (3, 1), (1, 1)])
def test_a_single_training_on_a_side_leaves_the_clips_alone(first, second):
    """The variance of the difference of the sides' means over the resamples; clips - 1."""
    world = World(*MIXTURES["both"])
    made = world.trainings(world.clips(40), first + second)
    replicates = replicates_by_loops(made, 60)
    apart = replicates[:first].mean(axis=0) - replicates[first:].mean(axis=0)
    half = student.ppf(0.975, 39) * np.std(apart, ddof=1)
    sides = tables(made[:first]), tables(made[first:])
    found = difference(*sides, paired=False, resamples=60)
    assert found.high - found.mean == pytest.approx(half, rel=1e-5)
    assert found.mean - found.low == pytest.approx(half, rel=1e-5)
    assert (found.seeds, found.covers, found.deviation) == (1, intervals.CLIPS, None)


@pytest.mark.parametrize(("first", "second"), [(3, 3), (2, 4), (4, 2), (1, 2)])
def test_sides_that_share_their_checkpoints(first, second):
    """Seed by seed: differences of scores and of resamples; further seeds are left out."""
    world = World(*MIXTURES["both"])
    clips = world.clips(40)
    made = world.trainings(clips, first + second)
    seeds = min(first, second)
    one, two = made[:first][:seeds], made[first:][:seeds]
    apart = replicates_by_loops(one, 60) - replicates_by_loops(two, 60)
    scores = [np.array([100 * t.f1() for t in tables(side)]) for side in (one, two)]
    change = scores[0] - scores[1]
    pairs = [(i, j) for i in range(seeds) for j in range(i)] or [(0, 0)]
    shared = max(0.0, np.mean([covariance(apart[i], apart[j]) for i, j in pairs]))
    parts = [(shared, 39)]
    if seeds > 1:
        parts.append((np.var(change, ddof=1) / seeds, seeds - 1))
    found = difference(tables(made[:first]), tables(made[first:]), paired=True, resamples=60)
    assert found.mean == pytest.approx(change.mean())
    assert found.high - found.mean == pytest.approx(half_by_hand(parts), rel=1e-5)
    assert found.low == pytest.approx(2 * found.mean - found.high)
    expected = pytest.approx(np.std(change, ddof=1)) if seeds > 1 else None
    assert found.deviation == expected
    assert found.seeds == seeds and found.covers == (BOTH if seeds > 1 else intervals.CLIPS)


def test_ends_of_an_interval_lie_on_both_sides_and_within_0_and_100():
    world = World(*MIXTURES["both"])
    found = interval(tables(world.trainings(world.clips(60), 3)))
    assert 0 < found.low < found.mean < found.high < 100
    assert found.mean - found.low == pytest.approx(found.high - found.mean)
    assert found.deviation > 0
    low = Counts(("a", "b"), ("x",), np.array([[[1, 9, 9]], [[0, 9, 0]]]), 2)
    high = Counts(("a", "b"), ("x",), np.array([[[9, 1, 0]], [[9, 0, 0]]]), 2)
    assert interval([low]).low == 0.0 and interval([high]).high == 100.0
    assert interval([low]).deviation is None


def test_one_class_of_several():
    """The interval of a class depends on its counts only."""
    world = World(*MIXTURES["both"])
    made = tables(world.trainings(world.clips(50), 3))
    for label in ("a", "b"):
        whole, alone = interval(made, label), interval([table.only(label) for table in made])
        assert whole == alone
        shifted = difference(made[:1], made[1:2], paired=True, label=label)
        assert shifted.mean == pytest.approx(100 * (made[0].f1(label) - made[1].f1(label)))


def test_a_thousand_resamples_of_one_seed_unless_told():
    world = World(*MIXTURES["both"])
    made = tables(world.trainings(world.clips(50), 2))
    assert interval(made[:1]) == interval(made[:1], resamples=1000)
    assert interval(made[:1]) != interval(made[:1], resamples=999)
    assert difference(made, made[::-1], True) == difference(made, made[::-1], True, resamples=1000)
    drawn = np.random.default_rng(2019).integers(50, size=(1000, 50))
    expected = np.stack([np.bincount(row, minlength=50) for row in drawn])
    np.testing.assert_array_equal(bootstrap.resample_weights(50, 1000), expected)


def test_two_resamples_are_enough_for_a_covariance():
    values = np.array([[[1, 0, 1]], [[2, 1, 0]], [[0, 1, 3]]])
    table = Counts(("a", "b", "c"), ("x",), values, 3)
    replicates = replicates_by_loops(values[None], 2)[0]
    half = student.ppf(0.975, 2) * np.std(replicates, ddof=1)
    found = interval([table], resamples=2)
    assert found.high == pytest.approx(min(100.0, found.mean + half), rel=1e-5)
    assert half > 0
    single_resample = interval([table], resamples=1)
    assert single_resample.low == single_resample.mean == single_resample.high


def test_another_unit_scales_both_ends():
    found = Interval(0.3, 0.1, 0.6, 3, 40, BOTH, 0.05).scaled(100)
    numbers = (found.mean, found.low, found.high, found.deviation)
    assert numbers == pytest.approx((30, 10, 60, 5))
    assert (found.seeds, found.clips, found.covers) == (3, 40, BOTH)


def test_who_is_better_needs_two_trainings_or_a_shared_one():
    def found(low, high, seeds):
        return Interval((low + high) / 2, low, high, seeds, 9, BOTH)

    assert decide(found(0.1, 2.0, 2), paired=False) == "better"
    assert decide(found(-2.0, -0.1, 2), paired=False) == "worse"
    assert decide(found(0.0, 2.0, 2), paired=False) == "undecided"
    assert decide(found(-2.0, 0.0, 2), paired=False) == "undecided"
    assert decide(found(0.1, 2.0, 1), paired=False) == "undecided"
    assert decide(found(0.1, 2.0, 1), paired=True) == "better"
    with pytest.raises(FrozenInstanceError):
        found(0.1, 2.0, 1).mean = 3.0


@pytest.mark.parametrize(("seeds", "covers"), [(1, intervals.NOTHING), (3, intervals.SEEDS)])
def test_an_unpaired_difference_of_scores_covers_seeds_if_there_are_several(seeds, covers):
    one, two = [0.2, 0.3, 0.4][:seeds], [0.1, 0.25, 0.2][:seeds]
    assert score_difference(one, two, paired=False, clips=10).covers == covers


def test_a_class_without_counts_in_a_resample_is_left_out_of_its_mean():
    """Class b has counts on one clip only; in resamples without that clip the mean is that of a."""
    values = np.array([[[1, 0, 0], [1, 0, 0]], [[1, 0, 0], [0, 0, 0]]])
    table = Counts.of(("x", "y"), ("a", "b"), values)
    assert (bootstrap.replicates([table], None, 50) == 100).all()


def test_weights_in_blocks_are_those_at_once(monkeypatch):
    """Many clips are resampled in blocks, with the same numbers."""
    values = np.random.default_rng(3).integers(3, size=(40, 2, 3))
    table = Counts.of([f"{i:02d}" for i in range(40)], ("a", "b"), values)
    some_names = Counts(table.names[5:], table.classes, values[5:], 40)
    whole = [bootstrap.replicates([one], None, 100) for one in (table, some_names)]
    expected = bootstrap.resample_weights(40, 100)
    bootstrap.forget()
    monkeypatch.setattr(bootstrap, "MOST_WEIGHTS", 40 * 7)
    blocks = list(bootstrap.weight_blocks(40, 100))
    assert [len(block) for _, block in blocks] == [7] * 14 + [2]
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), expected)
    found = [bootstrap.replicates([one], None, 100) for one in (table, some_names)]
    np.testing.assert_array_equal(found, whole)
    bootstrap.forget()
