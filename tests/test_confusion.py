"""resed.score.confusion: the three ways to count a clip with several tags, by hand."""

import numpy as np
import pytest

from resed.errors import ResultsError
from resed.formats.annotations import read_events, tags_of
from resed.score.confusion import cooccurrence, normalise_rows, single, spread

LABELS = ["a", "b", "c"]


def test_spread_by_hand():
    reference = {"1": ("a", "b"), "2": ("a",), "3": ("a",), "4": (), "5": ("b",)}
    estimated = {"1": ("a", "c"), "2": ("b", "c"), "3": (), "4": ("a",)}  # 5: nothing
    #              a    b    c   none    a: found in 1, spread over b and c in 2, none in 3
    expected = [
        [1.0, 0.5, 0.5, 1.0],
        [0.0, 0.0, 1.0, 1.0],  # b: missed in 1, where c is false; none in 5
        [0.0, 0.0, 0.0, 0.0],
    ]
    counts = spread(reference, estimated, LABELS)
    np.testing.assert_array_equal(counts, expected)
    shares = normalise_rows(counts)
    np.testing.assert_allclose(shares[0], [1 / 3, 1 / 6, 1 / 6, 1 / 3])
    assert np.isnan(shares[2]).all()  # no clip holds c: no share, and not zero either


def test_spread_counts_every_true_tag_once():
    random = np.random.default_rng(0)

    def draw():
        return {str(i): tuple(np.array(LABELS)[random.random(3) < 0.4]) for i in range(50)}

    reference, estimated = draw(), draw()
    totals = [sum(label in tags for tags in reference.values()) for label in LABELS]
    np.testing.assert_allclose(spread(reference, estimated, LABELS).sum(axis=1), totals)


def test_cooccurrence_by_hand():
    reference = {"1": ("a", "b"), "2": ("a",), "3": ("c",)}
    estimated = {"1": ("a", "b"), "2": ("a", "c"), "3": ()}
    expected = [[2, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 1]]
    np.testing.assert_array_equal(cooccurrence(reference, estimated, LABELS), expected)


def test_a_perfect_tagger_in_the_cooccurrence_form(shared):
    path = shared / "data" / "dcase2019" / "metadata" / "eval" / "public.tsv"
    tags = tags_of(read_events(path))
    classes = sorted({label for found in tags.values() for label in found})
    diagonal = dict(
        zip(classes, np.diag(normalise_rows(cooccurrence(tags, tags, classes))), strict=True)
    )
    measured = {"Frying": 0.454, "Dishes": 0.433, "Vacuum_cleaner": 0.777, "Speech": 0.454}
    assert {label: round(diagonal[label], 3) for label in measured} == measured


def test_single_looks_at_clips_with_one_tag():
    reference = {"1": ("a",), "2": ("b",), "3": ("a", "b"), "4": ()}
    scores = np.array([[0.1, 0.2, 0.05], [0.3, 0.9, 0.1], [1, 0, 0], [1, 0, 0]])
    counts = single(reference, scores, ["1", "2", "3", "4"], LABELS)
    np.testing.assert_array_equal(counts, [[0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
    with pytest.raises(ResultsError, match="clip 4 has no posterior"):
        single({"4": ("a",)}, scores[:3], ["1", "2", "3"], LABELS)


def drawn(seed):
    random = np.random.default_rng(seed)

    def draw(clips):
        return {str(i): tuple(np.array(LABELS)[random.random(3) < 0.4]) for i in clips}

    return draw(range(50)), draw(range(5, 55))  # some clips on one side alone


@pytest.mark.parametrize("seed", range(3))
def test_spread_and_cooccurrence_by_loops(seed):
    """Clip by clip and pair by pair; what only the estimate has does not count."""
    reference, estimated = drawn(seed)
    shares, pairs = np.zeros((3, 4)), np.zeros((3, 4))
    for clip, true in reference.items():
        found = estimated.get(clip, ())
        false = [tag for tag in found if tag not in true]
        for tag in true:
            row = LABELS.index(tag)
            if tag in found:
                shares[row, row] += 1
            elif not false:
                shares[row, 3] += 1
            for other in false if tag not in found else ():
                shares[row, LABELS.index(other)] += 1 / len(false)
            pairs[row, 3] += not found
            for other in found:
                pairs[row, LABELS.index(other)] += 1
    np.testing.assert_allclose(spread(reference, estimated, LABELS), shares)
    np.testing.assert_array_equal(cooccurrence(reference, estimated, LABELS), pairs)
    totals = shares.sum(axis=1)
    np.testing.assert_allclose(normalise_rows(shares), shares / totals[:, None])


def test_rows_without_a_clip_have_no_shares():
    found = normalise_rows(np.array([[0.0, 0.0], [3.0, 1.0]]))
    assert np.isnan(found[0]).all() and found[1].tolist() == [0.75, 0.25]
