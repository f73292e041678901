"""Claims on generations and on shares of classes: rules by value, and numbers by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_results import make_results, make_root
from pydantic import TypeAdapter, ValidationError
from test_ranking import add_ranking

from resed.formats.posteriors import Posteriors
from resed.judge import COMPARISONS
from resed.judge.evidence import evidence_lines
from resed.judge.frame_runs import short_runs
from resed.judge.outcome import Measured, State, of_runs
from resed.judge.refusals import corrected
from resed.judge.runs import Runs
from resed.judge.sources import AtLevel, Printed, Summand
from resed.paper.claim_tests import Test as AnyTest
from resed.paper.numbers import Metric, Paper
from resed.results.combination import Term, combination, relative
from resed.results.folder import Results
from resed.score.rank_resamples import ranking

LABELS = ["a", "b", "c", "d"]
MAP = Metric(title="mAP", short="mAP", score="tags_map", unit="fraction")
HOLDS, FAILS, UNDECIDED, ABSENT = State.HOLDS, State.FAILS, State.UNDECIDED, State.ABSENT


def typed(**values):
    return TypeAdapter(AnyTest).validate_python({"split": "evaluation", "metric": "map", **values})


def interval(value, half, settled=True):
    return Measured(value, value - half, value + half, settled)


class Made:
    """A source whose numbers are given: scores by system, or by system and class."""

    labels = LABELS
    metrics = {"map": MAP}

    def __init__(self, scores, half=0.01, settled=True):
        self.scores, self.half, self.settled = scores, half, settled

    def _of(self, system, labels=()):
        found = self.scores.get(system)
        if isinstance(found, dict):
            return float(np.mean([found[label] for label in labels or LABELS]))
        return found

    def _measured(self, value, half=None):
        return interval(value, self.half if half is None else half, self.settled)

    def score(self, system, metric, split, label):
        found = self._of(system, (label,))
        return None if found is None else self._measured(found)

    def gain(self, first, second, metric, split, labels=()):
        sides = [self._of(side, labels) for side in (first, second)]
        return None if None in sides else self._measured(sides[0] - sides[1])

    def relative(self, first, second, metric, split, labels=()):
        sides = [self._of(side, labels) for side in (first, second)]
        return (
            None
            if None in sides
            else self._measured(100 * (sides[0] / sides[1] - 1), 100 * self.half)
        )

    def combination(self, terms, metric, split, shift=0.0):
        values = [self._of(term.system, term.labels) for term in terms]
        if None in values:
            return None
        total = sum(term.weight * value for term, value in zip(terms, values, strict=True))
        largest = max(abs(term.weight) for term in terms)
        return self._measured(total + shift, self.half * largest)


def states(source, **test):
    return [outcome.state for outcome in COMPARISONS[test["kind"]](typed(**test), source)]


MARGIN = {"kind": "relative_margin", "first": "x", "second": "y", "percent": 10.0}


@pytest.mark.parametrize(
    ("scores", "half", "settled", "expected"),
    [
        ({"x": 0.55, "y": 0.5}, 0.01, True, HOLDS),  # 10 % [9, 11]
        ({"x": 0.60, "y": 0.5}, 0.01, True, FAILS),  # 20 % [19, 21]
        ({"x": 0.55, "y": 0.5}, 0.20, True, UNDECIDED),  # 10 % [-10, 30]
        ({"x": 0.55, "y": 0.5}, 0.01, False, UNDECIDED),  # one seed
        ({"x": 0.55}, 0.01, True, ABSENT),
    ],
)
def test_a_relative_margin(scores, half, settled, expected):
    assert states(Made(scores, half, settled), **MARGIN) == [expected]


@pytest.mark.parametrize(
    ("levels", "half", "expected"),
    [
        ((0.1, 0.2, 0.3), 0.01, [HOLDS, HOLDS]),
        ((0.1, 0.2, 0.15), 0.01, [HOLDS, FAILS]),
        ((0.1, 0.2, 0.205), 0.01, [HOLDS, UNDECIDED]),
        ((0.1, 0.2, None), 0.01, [HOLDS, ABSENT]),
    ],
)
def test_a_rising_list(levels, half, expected):
    source = Made(dict(zip("xyz", levels, strict=True)), half)
    assert states(source, kind="monotone", systems=["x", "y", "z"]) == expected


@pytest.mark.parametrize(
    ("levels", "half", "expected"),
    [
        ((0.1, 0.3, 0.35), 0.01, HOLDS),  # gains .2, then .05
        ((0.1, 0.15, 0.35), 0.01, FAILS),
        ((0.1, 0.3, 0.495), 0.01, UNDECIDED),  # gains .2, then .195
        ((0.1, None, 0.3), 0.01, ABSENT),
    ],
)
def test_gains_that_shrink(levels, half, expected):
    source = Made(dict(zip("xyz", levels, strict=True)), half)
    assert states(source, kind="diminishing", systems=["x", "y", "z"]) == [expected]


def by_class(**values):
    return dict(zip(LABELS, values.pop("scores"), strict=True))


def test_shares_of_classes_that_gain():
    second = by_class(scores=(0.5, 0.5, 0.5, 0.5))
    for gains, share, expected in (
        ((0.1, 0.1, 0.1, -0.1), 0.75, HOLDS),
        ((0.1, 0.1, 0.1, -0.1), 0.85, FAILS),  # four of four are needed
        ((0.1, 0.1, 0.005, 0.005), 0.75, UNDECIDED),
    ):
        first = {label: 0.5 + gain for label, gain in zip(LABELS, gains, strict=True)}
        test = {"kind": "classes", "first": "x", "second": "y", "share": share}
        test |= {"metrics": ["map"]}
        typed_test = TypeAdapter(AnyTest).validate_python({**test, "split": "evaluation"})
        found = list(COMPARISONS["classes"](typed_test, Made({"x": first, "y": second})))
        assert [outcome.state for outcome in found] == [expected]


COUNTS = {
    "kind": "class_counts", "first": "x", "second": "y", "within": 0.1,
    "bounds": [{"percent": 20, "classes": 1, "of": 2}, {"percent": -10, "classes": 1, "of": 4}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("gains", "half", "settled", "expected"),
    [
        ((0.3, 0.3, 0.0, -0.3), 0.01, True, [HOLDS, HOLDS]),  # two of four above, one below
        ((0.3, 0.3, 0.3, 0.0), 0.01, True, [FAILS, FAILS]),
        ((0.3, 0.21, 0.0, -0.3), 0.02, True, [UNDECIDED, HOLDS]),  # 21 % [19, 23]
        ((0.3, 0.3, 0.0, -0.3), 0.01, False, [UNDECIDED, UNDECIDED]),
    ],
)
def test_numbers_of_classes_beyond_bounds(gains, half, settled, expected):
    first = {label: 0.5 * (1 + gain) for label, gain in zip(LABELS, gains, strict=True)}
    source = Made({"x": first, "y": by_class(scores=(0.5,) * 4)}, half, settled)
    found = list(COMPARISONS["class_counts"](typed(**COUNTS), source))
    assert [outcome.state for outcome in found] == expected
    assert found[0].number.value == sum(gain > 0.2 for gain in gains)
    assert found[1].number.value == sum(gain < -0.1 for gain in gains)


BY_BASE = {
    "kind": "gain_by_base", "first": "x", "second": "y", "control": "z", "edges": [0.2, 0.6],
}  # fmt: skip
BASE = (0.1, 0.1, 0.5, 0.8)


@pytest.mark.parametrize(
    ("first", "control", "expected"),
    [
        ((0.2, 0.2, 0.6, 0.8), BASE, HOLDS),  # 100 % and 0 %, and the control 0 % and 0 %
        ((0.1, 0.1, 0.5, 1.6), BASE, FAILS),  # 0 % and 100 %
        ((0.2, 0.2, 0.6, 0.8), (0.2, 0.2, 0.5, 0.8), UNDECIDED),  # the control gains as much
        ((0.2, 0.2, 0.6, 0.8), (0.4, 0.4, 0.5, 0.8), FAILS),  # the control gains more
        ((0.2, 0.2, 0.6, 0.8), None, UNDECIDED),
    ],
)
def test_gains_by_the_score_of_the_base(first, control, expected):
    scores = {"x": first, "y": BASE} | ({"z": control} if control else {})
    source = Made({name: by_class(scores=row) for name, row in scores.items()}, 0.001)
    (found,) = COMPARISONS["gain_by_base"](typed(**BY_BASE), source)
    assert found.state == expected
    assert found.others["0 to 0.2"].value == pytest.approx(100 * (first[0] / 0.1 - 1))
    assert found.number.value == pytest.approx(100 * (first[0] / 0.1 - first[3] / 0.8))


def test_classes_of_one_group_cannot_be_compared():
    scores = dict.fromkeys("xyz", by_class(scores=(0.1,) * 4))
    (found,) = COMPARISONS["gain_by_base"](typed(**BY_BASE), Made(scores))
    assert (found.state, found.lacking) == (UNDECIDED, "one_group")


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ((0.9, 0.9, 0.1, 0.1), (0.1, 0.1, 0.9, 0.9), [HOLDS, HOLDS]),
        ((0.9, 0.9, 0.9, 0.1), (0.1, 0.1, 0.1, 0.9), [HOLDS, FAILS]),
        ((0.9, 0.9, 0.5, 0.5), (0.1, 0.1, 0.5, 0.5), [HOLDS, UNDECIDED]),
    ],
)
def test_systems_that_are_best_in_some_classes(one, two, expected):
    source = Made({"x": by_class(scores=one), "y": by_class(scores=two)})
    assert states(source, kind="class_split", systems=["x", "y"], least=2) == expected


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (BY_BASE | {"edges": [0.6, 0.2]}, "edges must be ascending"),
        (COUNTS | {"bounds": [{"percent": 20, "classes": 3, "of": 2}]}, "classes must not exceed"),
        ({"kind": "runs", "system": "x", "seconds": 1, "median": 4}, "median must be odd"),
    ],
)
def test_tests_that_make_no_sense_are_refused(values, problem):
    with pytest.raises(ValidationError, match=problem):
        TypeAdapter(AnyTest).validate_python(
            values if values["kind"] == "runs" else {"metric": "map", **values}
        )


# --- Printed numbers


@pytest.fixture(scope="module")
def printed():
    rows = {"base": 0.352, "fixed": 0.379, "best": 0.383}
    table = {
        "layout": "systems", "edition": "e", "title": "T", "place": "T", "splits": ["evaluation"],
        "metrics": ["map"],
        "rows": [
            {"id": name, "title": name, "system": name, "values": {"map": [value]}}
            for name, value in rows.items()
        ],
    }  # fmt: skip
    edition = dict.fromkeys(("name", "title", "authors", "published"), "x")
    paper = Paper.model_validate(
        {
            **edition, "dataset": "d", "metrics": {"map": MAP.model_dump()},
            "editions": {"e": edition}, "tables": {"t": table},
        }
    )  # fmt: skip
    return Printed(paper, "e")


@pytest.mark.parametrize(
    ("first", "second", "percent", "expected"),
    [
        ("best", "base", 8.8, HOLDS),  # 8.81
        ("fixed", "base", 7.7, HOLDS),  # 7.67
        ("fixed", "base", 7.6, HOLDS),  # 7.67 of rounded numbers: 7.37 to 7.97
        ("best", "base", 9.5, FAILS),
        ("best", "nowhere", 8.8, ABSENT),
    ],
)
def test_printed_relative_margins_allow_for_rounding(printed, first, second, percent, expected):
    test = MARGIN | {"first": first, "second": second, "percent": percent}
    assert states(printed, **test) == [expected]


def test_printed_gains(printed):
    systems = ["base", "fixed", "best"]
    assert states(printed, kind="monotone", systems=systems) == [HOLDS, HOLDS]
    assert states(printed, kind="diminishing", systems=systems) == [HOLDS]


# --- Numbers of runs


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Three systems with rising mAP and three seeds; posteriors of one of them."""
    root = tmp_path_factory.mktemp("generations")
    config = make_root(root, LABELS, systems=["pts", "pts_tfd", "pts_dfd_d"], seeds=3)
    found = Results.of(config, make_results(config, clips=40))
    draw = np.random.default_rng(5)
    true = draw.random((40, 4)) < 0.4
    names = [f"c{row:02d}" for row in range(40)]
    tags = {n: [x for x, t in zip(LABELS, row, strict=True) if t]
            for n, row in zip(names, true, strict=True)}  # fmt: skip
    shared = draw.random(true.shape)
    for system, level in zip(config.systems, (0.2, 0.6, 0.7), strict=True):
        for seed in range(3):
            scores = shared + 0.1 * draw.random(true.shape) + level * true
            for split in ("development", "evaluation"):
                add_ranking(found, split, system, seed, ranking(scores, tags, names, LABELS))
    return found


def by_hand(weights, scores, resampled):
    """Mean and SE^2 of a weighted sum per seed: covariance of the seeds, and variance between."""
    total = sum(w * s for w, s in zip(weights, scores, strict=True))
    drawn = sum(w * r for w, r in zip(weights, resampled, strict=True))
    among = np.cov(drawn)
    shared = max(0.0, (among.sum() - np.trace(among)) / 6)
    return total.mean(), shared, total.var(ddof=1) / 3


def numbers(results, names):
    ranked = [results.rankings("evaluation", name) for name in names]
    scores = [np.array([one.value("ap") for one in each]) for each in ranked]
    return scores, [np.array([one.resamples("ap") for one in each]) for each in ranked]


def test_a_weighted_sum_by_hand(results):
    names, weights = ["pts_dfd_d", "pts_tfd", "pts"], [1.0, -2.0, 1.0]
    terms = [Term(name, weight) for name, weight in zip(names, weights, strict=True)]
    found = combination(results, "evaluation", terms, MAP)
    mean, shared, between = by_hand(weights, *numbers(results, names))
    assert found.mean == pytest.approx(mean, abs=1e-12)
    assert [part[0] for part in found.parts] == pytest.approx([shared, between], abs=1e-12)
    assert found.low < found.mean < found.high and found.seeds == 3


def test_a_relative_difference_by_hand(results):
    names = ["pts_tfd", "pts"]
    found = relative(results, "evaluation", *map(Term, names), MAP)
    scores, resampled = numbers(results, names)
    one, two = (side.mean() for side in scores)
    _, shared, between = by_hand([100 / two, -100 * one / two**2], scores, resampled)
    assert found.mean == pytest.approx(100 * (one / two - 1), abs=1e-9)
    assert [part[0] for part in found.parts] == pytest.approx([shared, between], rel=1e-9)
    # The delta method agrees with the ratios themselves.
    ratios = 100 * (resampled[0].mean(axis=0) / resampled[1].mean(axis=0) - 1)
    assert np.sqrt(shared) == pytest.approx(np.nanstd(ratios), rel=0.25)
    same = Term("pts", labels=("a",))
    again = relative(results, "evaluation", same, same, MAP)
    assert (again.mean, again.low, again.high) == pytest.approx((0, 0, 0), abs=1e-9)


@pytest.mark.parametrize("metric", ["event", "segment"])
def test_f1_is_combined_as_the_difference_of_two_systems_per_seed(results, metric):
    event = Metric(title="F1", short="F1", block=metric)
    terms = [Term("pts_tfd"), Term("pts", -1.0)]
    found = combination(results, "evaluation", terms, event)
    values = [np.array(results.values("evaluation", name, event)) for name in ("pts_tfd", "pts")]
    assert found.mean == pytest.approx((values[0] - values[1]).mean())
    assert found.parts[1][0] == pytest.approx((values[0] - values[1]).var(ddof=1) / 3)
    label = results.interval("evaluation", "pts", event, "a").mean
    (one,) = [combination(results, "evaluation", [Term("pts", 1.0, ("a",))], event)]
    assert one.mean == pytest.approx(label)
    assert combination(results, "evaluation", [Term("pts", 1.0, ("zz",))], event) is None


def test_scores_without_values_per_clip_are_over_seeds(results):
    psds = Metric(title="PSDS1", short="PSDS1", score="psds1", unit="fraction")
    found = combination(results, "evaluation", [Term("pts_tfd"), Term("pts", -1.0)], psds)
    assert found.covers == "seeds"
    assert combination(results, "evaluation", [Term("pts", 1.0, ("a",))], psds) is None


class OfRuns(Runs):
    """Runs whose paper has mAP."""

    @property
    def metrics(self):
        return {"map": MAP}


def test_our_runs_are_judged_by_the_same_rules(results, monkeypatch):
    monkeypatch.setitem(results.paper.metrics, "map", MAP)
    runs = Runs(results)
    rising = typed(kind="monotone", systems=["pts", "pts_tfd", "pts_dfd_d"])
    found = corrected(
        lambda level: COMPARISONS["monotone"](
            rising, runs if level == 0.95 else AtLevel(runs, level)
        )
    )
    assert found[0].state == HOLDS and found[0].number.value > 0.1
    margin = typed(**MARGIN | {"first": "pts_tfd", "second": "pts", "percent": 900.0})
    (outcome,) = COMPARISONS["relative_margin"](margin, runs)
    assert outcome.state == FAILS
    absent = typed(**MARGIN | {"first": "pts_tfd", "second": "guided_learning"})
    assert states(runs, **absent.model_dump()) == [ABSENT]
    lines = evidence_lines(of_runs([outcome]), results.paper)
    assert lines[0].startswith("6 over 3: mAP +") and "(stated +900.0 %)" in lines[0]


def test_one_seed_decides_nothing(tmp_path, results, monkeypatch):
    monkeypatch.setitem(results.paper.metrics, "map", MAP)
    config = results.config.model_copy(update={"seeds": 1})
    one = Runs(Results.of(config, results.folder, results.data))
    monkeypatch.setitem(one.results.paper.metrics, "map", MAP)
    margin = typed(**MARGIN | {"first": "pts_tfd", "second": "pts", "percent": 900.0})
    assert states(one, **margin.model_dump()) == [UNDECIDED]
    change = one.combination((Summand("pts_tfd", 1.0), Summand("pts", -1.0)), "map", "evaluation")
    assert not change.settled and change.low < change.high


@pytest.mark.parametrize(
    ("pattern", "share", "filtered"),
    [
        # Runs of 1, 1 and 4 frames of 0.1 s: two of three shorter than 0.25 s. The filter of three
        # frames keeps the long one alone.
        ([0, 1, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1], 2 / 3, 0.0),
        ([0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0], 0.0, 0.0),
    ],
)
def test_short_runs_of_frames_by_hand(results, pattern, share, filtered):
    frames = np.zeros((2, 12, 4), np.float32)
    frames[0, :, 1] = np.array(pattern) * 0.8
    for seed in range(3):
        tags = frames.max(axis=1)
        Posteriors(frames, tags, tags, ["x", "y"], LABELS, {"seconds_per_frame": 0.1}).save(
            results.posteriors("evaluation", "pts", seed)
        )
    test = TypeAdapter(AnyTest).validate_python(
        {"kind": "runs", "system": "pts", "seconds": 0.25, "median": 3}
    )
    (found,) = short_runs(test, Runs(results))
    assert found.number.value == pytest.approx(share)
    assert found.others["filtered"].value == pytest.approx(filtered)
    assert found.state == (HOLDS if share > 0.5 else FAILS)
    other = replace_system(test, "pts_nowhere")
    assert [one.state for one in short_runs(other, Runs(results))] == [ABSENT]


def replace_system(test, name):
    return test.model_copy(update={"system": name})


def test_measured_numbers_are_plain(results):
    """Outcomes of the new kinds can be stored as JSON."""
    from resed.judge.evidence import as_records

    source = Made({"x": by_class(scores=(0.2, 0.2, 0.6, 0.8)), "y": by_class(scores=BASE)})
    found = of_runs(list(COMPARISONS["gain_by_base"](typed(**BY_BASE), source)))
    assert json.dumps(as_records(found), allow_nan=False)
    assert replace(found, state=HOLDS).state == HOLDS
