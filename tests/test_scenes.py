"""Drawn events: each constant, bound and rule of the layouts by value, computed independently."""

import itertools
import zlib
from collections import Counter

import numpy as np
import pytest

from resed.acquire.soundscapes.annotation_statistics import class_spans, measure
from resed.acquire.soundscapes.scenes import (
    ATTEMPTS,
    FOLDER,
    GOLDEN,
    ClipSeed,
    Distribution,
    Statistics,
    _place,
    _run,
    _squeeze,
    layout,
    load_statistics,
    overlap_seconds,
    polyphony,
)
from resed.formats.annotations import Event

LEVELS = [0.05 * step for step in range(21)]


def constant(value):
    """Quantiles of a distribution with one value."""
    return np.full(21, float(value))


def statistics(lengths=1.0, gaps=1.0, position=0.5, number=1, company="alone"):
    """Statistics of one class A with constant values."""
    quantiles = {("duration", "A", company, many): constant(lengths) for many in (1, 2, 3)}
    quantiles["gap", "A", "", 0] = constant(gaps)
    quantiles["position", "A", "", 0] = constant(position)
    return Statistics(
        Distribution.of({("A",): 1}), {("A", company): Distribution.of({number: 1})}, quantiles
    )


def events(**values):
    return layout(statistics(**values), ClipSeed(1, "weak", 0))


class Draws:
    """Random numbers given in advance; counts how many were used."""

    def __init__(self, *values):
        self.values, self.used = itertools.cycle(values), 0

    def random(self):
        self.used += 1
        return next(self.values)


# --- distributions ------------------------------------------------------------------------------


def test_a_distribution_inverts_its_cumulative_weights():
    found = Distribution.of({"a": 1, "b": 2, "c": 1})
    points = {0.0: "a", 0.2499: "a", 0.25: "b", 0.7499: "b", 0.75: "c", 0.9999: "c", 1.0: "c"}
    assert {u: found.at(u) for u in points} == points


def test_values_are_drawn_between_the_measured_quantiles():
    made = statistics()
    made.quantiles["gap", "A", "", 0] = np.arange(21) ** 2 / 100
    for u in (0.0, 0.05, 0.125, 0.99, 1.0):
        place = min(int(u * 20), 19)
        low, high = place**2 / 100, (place + 1) ** 2 / 100
        expected = low + (u * 20 - place) * (high - low)
        assert made.gap("A", Draws(u)) == pytest.approx(expected), u


def test_unmeasured_gaps_are_a_second_and_positions_uniform():
    made = Statistics(Distribution.of({(): 1}), {}, {})
    assert made.gap("A", Draws(0.3)) == 1.0
    assert made.position("A", Draws(0.3)) == 0.3


@pytest.mark.parametrize(
    ("known", "many", "expected"),
    [
        ([("alone", 2), ("together", 2)], 2, ("alone", 2)),
        ([("together", 2), ("alone", 1)], 2, ("together", 2)),
        ([("alone", 1), ("alone", 3)], 2, ("alone", 1)),
        ([("alone", 3), ("together", 1)], 2, ("alone", 3)),
        ([("alone", 1), ("alone", 2)], 3, ("alone", 2)),
        ([("alone", 3), ("alone", 2)], 1, ("alone", 2)),
    ],
)
def test_durations_are_those_of_the_most_similar_clips(known, many, expected):
    quantiles = {("duration", "A", *key): constant(n) for n, key in enumerate(known)}
    made = Statistics(Distribution.of({(): 1}), {}, quantiles)
    assert known[int(made.duration("A", "alone", many, Draws(0.5)))] == expected
    with pytest.raises(KeyError, match="no durations of B"):
        made.duration("B", "alone", 2, Draws(0.5))


@pytest.mark.parametrize(("company", "other"), [("alone", "together"), ("together", "alone")])
def test_counts_fall_back_to_the_other_company(company, other):
    for known, expected in (({company: 2, other: 5}, 2), ({other: 5}, 5)):
        counts = {("A", key): Distribution.of({n: 1}) for key, n in known.items()}
        made = Statistics(Distribution.of({(): 1}), counts, {})
        assert made.count("A", company, Draws(0.0)) == expected
        for key in ("alone", "together"):
            quantiles = {("duration", "A", key, 1): constant(3)}
            made = Statistics(Distribution.of({(): 1}), counts, quantiles)
            assert made.duration("A", company, 1, Draws(0.0)) == 3


# --- layouts ------------------------------------------------------------------------------------


def test_one_event_is_placed_by_its_position():
    for length, position in ((1.0, 0.5), (2.5, 0.0), (4.0, 1.0), (4.0, 0.25)):
        onset = round((10 - length) * position, 3)
        made = events(lengths=length, position=position)
        assert made == [("A", onset, pytest.approx(onset + length))]


@pytest.mark.parametrize(
    ("drawn", "kept"), [(0.1, 0.25), (0.25, 0.25), (0.251, 0.251), (10.0, 10.0), (12.0, 10.0)]
)
def test_lengths_are_between_250_ms_and_the_clip(drawn, kept):
    ((_, onset, offset),) = events(lengths=drawn, position=0.0)
    assert (onset, offset) == (0.0, kept)


@pytest.mark.parametrize(("drawn", "kept"), [(0.0, 0.152), (0.152, 0.152), (0.153, 0.153), (3, 3)])
def test_gaps_are_at_least_152_ms(drawn, kept):
    (_, _, first), (_, second, _) = events(gaps=drawn, number=2, position=0.0)
    assert second - first == pytest.approx(kept, abs=1e-9)


def test_events_are_rounded_to_milliseconds_and_sorted():
    made = events(lengths=1.23456, position=0.123456, number=3)
    assert made == [(k, round(a, 3), round(b, 3)) for k, a, b in made]
    assert [a for _, a, _ in made] == sorted(a for _, a, _ in made)


def test_unequal_events_follow_each_other():
    """Lengths of 1, 2 and 3 s, each a second after the one before."""
    made = statistics(number=3)
    made.quantiles["duration", "A", "alone", 3] = np.array([*[1.0] * 7, *[2.0] * 7, *[3.0] * 7])
    draws = Draws(0.0, 0.1, 0.5, 0.9, 0.0, 0.0)
    assert _run(made, "A", "alone", draws) == [(0.0, 1.0), (2.0, 4.0), (5.0, 8.0)]


def test_events_of_all_classes_are_sorted_by_time():
    made = statistics(company="together", position=1.0)
    made.counts["B", "together"] = Distribution.of({1: 1})
    made.quantiles["duration", "B", "together", 1] = constant(1)
    made.quantiles["position", "B", "", 0] = constant(0)
    drawn = layout(made, ClipSeed(1, "weak", 0), ["A", "B"])
    assert drawn == [("B", 0.0, 1.0), ("A", 9.0, 10.0)]


def test_layouts_have_random_numbers_of_their_own():
    made = statistics()
    del made.quantiles["position", "A", "", 0]
    _, _, position, _ = np.random.default_rng([9, zlib.crc32(b"strong/layout"), 4]).random(4)
    ((_, onset, _),) = layout(made, ClipSeed(9, "strong", 4))
    assert onset == round(9 * position, 3)


def test_gaps_shrink_to_fill_the_clip_in_proportion():
    """Two gaps of 6 and 3 s beside three events of 1 s: 7 s less two least gaps are shared."""
    lengths, gaps = _squeeze(np.array([1.0, 1.0, 1.0]), np.array([6.0, 3.0]))
    assert lengths.tolist() == [1.0, 1.0, 1.0]
    spare = np.array([6 - 0.152, 3 - 0.152])
    assert gaps == pytest.approx(0.152 + spare * (7 - 0.304) / spare.sum())
    assert lengths.sum() + gaps.sum() == pytest.approx(10)
    lengths, gaps = _squeeze(np.array([1.0, 1.0]), np.array([2.0]))
    assert (lengths.tolist(), gaps.tolist()) == ([1.0, 1.0], [2.0])
    lengths, gaps = _squeeze(np.array([5.0, 4.5]), np.array([3.0]))  # 348 ms to spare
    assert (lengths.tolist(), gaps.tolist()) == ([5.0, 4.5], [pytest.approx(0.5)])


def test_events_shrink_once_all_gaps_are_least():
    """Events of 8 and 4 s: what they have above 250 ms is scaled to fit."""
    lengths, gaps = _squeeze(np.array([8.0, 4.0]), np.array([5.0]))
    assert gaps.tolist() == [0.152]
    share = (10 - 0.152 - 0.5) / (7.75 + 3.75)
    assert lengths == pytest.approx([0.25 + 7.75 * share, 0.25 + 3.75 * share])
    assert lengths.sum() + gaps.sum() == pytest.approx(10)
    exact, gaps = _squeeze(np.array([5.0, 4.848]), np.array([0.152]))
    assert exact == pytest.approx([5.0, 4.848])
    assert gaps == pytest.approx([0.152])


def test_lengths_are_drawn_again_until_they_fit():
    """Two events: pairs of 9 s do not fit, the first pair of 2 s does."""
    made = statistics(number=2)
    made.quantiles["duration", "A", "alone", 2] = np.array([2.0] * 11 + [9.0] * 10)
    draws = Draws(0.0, *[0.9] * 4, *[0.1] * 2, 0.0)  # count, two pairs that fail, one that fits
    assert _run(made, "A", "alone", draws) == [(0.0, 2.0), (3.0, 5.0)]
    assert draws.used == 1 + 6 + 1
    never = Draws(0.99)
    spans = _run(made, "A", "alone", never)
    assert never.used == 1 + 2 * 30 + 1
    assert ATTEMPTS == 30
    assert spans == [(0.0, pytest.approx(4.924)), (pytest.approx(5.076), pytest.approx(10.0))]


@pytest.mark.parametrize(("length", "pairs"), [(4.924, 1), (4.925, 30)])
def test_lengths_that_fill_the_clip_fit(length, pairs):
    draws = Draws(0.5)
    _run(statistics(lengths=length, number=2), "A", "alone", draws)
    assert draws.used == 1 + 2 * pairs + 1


@pytest.mark.parametrize(
    ("others", "onset"),
    [
        ([], 0.9),  # equal: the first position
        ([("B", 0.0, 3.0)], 4.5),
        ([("B", 4.0, 6.0)], 0.9),
        ([("B", 0.9, 1.2), ("C", 4.5, 4.7)], 4.5),
        ([("B", 1.0, 1.1), ("C", 1.0, 1.1), ("D", 4.5, 5.5)], 4.5),  # three at once weighs more
        ([("B", 1.0, 1.1), ("C", 1.2, 1.3), ("D", 4.5, 5.5)], 0.9),
    ],
)
def test_of_two_positions_the_one_with_less_overlap_is_used(others, onset):
    made = statistics()
    made.quantiles["position", "A", "", 0] = np.array(LEVELS)
    draws = Draws(0.1, 0.5)
    spans = _place(made, "A", [(0.0, 1.0)], others, draws)
    assert spans == [(pytest.approx(onset), pytest.approx(onset + 1))]
    assert draws.used == 2


def test_overlap_and_polyphony_count_pairs_and_moments():
    assert overlap_seconds([(0, 2), (5, 6)], [(1, 3), (1.5, 5.5)]) == 1 + 0.5 + 0.5
    assert overlap_seconds([(0, 1)], [(1, 2)]) == 0
    assert polyphony([]) == 0
    assert polyphony([(0, 1), (1, 2)]) == 1
    assert polyphony([(0, 1), (0.5, 2), (0.9, 3)]) == 3
    assert polyphony([(0, 1), (0, 3), (1, 2)]) == 2


def test_classes_follow_the_golden_ratio_sequence():
    made = statistics()
    sets = Statistics(Distribution.of({(): 3, ("A",): 5}), made.counts, made.quantiles)
    start = np.random.default_rng([7, zlib.crc32(b"weak/classes"), 0]).random()
    ratio = 2 / (1 + 5**0.5)
    assert pytest.approx(ratio) == GOLDEN
    for index in range(50):
        expected = (start + index * ratio) % 1.0 >= 3 / 8
        assert bool(layout(sets, ClipSeed(7, "weak", index))) == expected, index


def test_random_numbers_are_those_of_seed_split_purpose_and_number():
    found = ClipSeed(3, "strong", 5).generator("sound").random(4)
    expected = np.random.default_rng([3, zlib.crc32(b"strong/sound"), 5]).random(4)
    assert np.array_equal(found, expected)


def test_company_is_by_the_number_of_classes():
    made = statistics(number=1, company="alone")
    made.counts["A", "together"] = Distribution.of({2: 1})
    made.counts["B", "together"] = Distribution.of({1: 1})
    for many in (1, 2, 3):
        made.quantiles["duration", "B", "together", many] = constant(1)
    drawn = [layout(made, ClipSeed(1, "weak", 0), tags) for tags in (["A"], ["A", "B"], [])]
    assert [Counter(label for label, *_ in one) for one in drawn] == [
        {"A": 1},
        {"A": 2, "B": 1},
        {},
    ]


# --- statistics ---------------------------------------------------------------------------------


def test_labels_that_nothing_follows_leave_the_sets():
    rows = [line.split(",") for line in (FOLDER / "class_sets.csv").read_text().splitlines()]
    weights: Counter[tuple[str, ...]] = Counter()
    for name, labels, clips in rows[1:]:
        kept = tuple(label for label in labels.split(";") if label in {"Cat", "Dog"})
        if name == "validation" and (kept or not labels):
            weights[kept] += int(clips)
    found = load_statistics("validation", "public", frozenset({"Cat", "Dog"})).sets
    shares = np.diff([0.0, *found.cumulative])
    assert dict(zip(found.values, shares, strict=True)) == pytest.approx(
        {kept: clips / weights.total() for kept, clips in weights.items()}
    )


def test_counts_and_quantiles_are_those_of_the_files():
    found = load_statistics("synthetic", "public")
    rows = [line.split(",") for line in (FOLDER / "quantiles.csv").read_text().splitlines()[1:]]
    own = [row for row in rows if row[0] == "public"]
    assert len(found.quantiles) == len(own)
    for _, quantity, label, company, many, _, *values in own:
        assert found.quantiles[quantity, label, company, int(many or 0)].tolist() == [
            float(value) for value in values
        ]
    rows = [line.split(",") for line in (FOLDER / "event_counts.csv").read_text().splitlines()]
    clips = Counter({int(n): int(c) for s, k, t, n, c in rows[1:] if (s, k, t) == (
        "public", "Dog", "alone")})  # fmt: skip
    shares = np.diff([0.0, *found.counts["Dog", "alone"].cumulative])
    assert dict(zip(found.counts["Dog", "alone"].values, shares, strict=True)) == pytest.approx(
        {number: count / clips.total() for number, count in clips.items()}
    )


@pytest.mark.parametrize(("gap", "spans"), [(148, 1), (149, 2), (150, 2), (-100, 1)])
def test_measured_events_are_joined_below_150_ms(gap, spans):
    """A millisecond is left for the rounding of the files."""
    made = [(0, 1000), (1000 + gap, 2000 + gap)]
    found = class_spans([Event("a", a / 1000, b / 1000, "A") for a, b in made])["A"]
    assert len(found) == spans
    assert (found[0][0], found[-1][1]) == (0.0, 2 + gap / 1000)


def test_measured_quantities_of_a_clip():
    clip = [
        Event("a", 2.0, 3.0, "A"),
        Event("a", 4.0, 4.5, "A"),
        Event("a", 5.0, 12.0, "B"),
        Event("a", 5.5, 5.6, "B"),
    ]
    sets, counts, values = measure({"a": clip, "b": [Event("b", 0.05, 10.0, "A")], "c": []})
    assert sets == {("A", "B"): 1, ("A",): 1, (): 1}
    assert counts == {("A", "together", 2): 1, ("B", "together", 1): 1, ("A", "alone", 1): 1}
    assert values["duration", "A", "together", 2] == [1.0, 0.5]
    assert values["duration", "B", "together", 1] == [5.0]
    assert values["gap", "A", "", 0] == [1.0]
    assert values["position", "A", "", 0] == [pytest.approx(2 / 7.5)]  # 50 ms of room: left out
    assert values["position", "B", "", 0] == [1.0]
