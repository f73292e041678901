"""Intervals of PSDS and mAP: each resample equals sed_scores_eval on the clips that were drawn."""

import time
from dataclasses import asdict, replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from resed.score import psds_resamples as module
from resed.score.psds import SCENARIOS, count, sed_scores_eval
from resed.score.psds_resamples import psds_resamples
from resed.score.rank_resamples import ranking
from resed.stats.bootstrap import resample_weights

LABELS = ["a", "b", "c"]
RESAMPLES = 12


def made(seed, clips=30, classes=3, step=0.5, gain=2.5):
    """Scores of clips of 20 to 40 frames around random events, their times, and the events."""
    draw = np.random.default_rng(seed)
    scores, truth = [], {}
    for clip in range(clips):
        frames = int(draw.integers(20, 40))
        row = draw.normal(0, 0.6, size=(frames + 4, classes)).cumsum(axis=0)
        row = row[4:] - row[:-4]
        events = []
        for label in draw.choice(classes, size=draw.integers(0, 3), replace=False):
            onset = draw.uniform(0, frames * step - 2)
            offset = min(onset + draw.exponential(3) + 0.4, frames * step)
            row[int(onset / step) : int(offset / step) + 1, label] += gain
            events.append((float(onset), float(offset), LABELS[label]))
        scores.append((np.round(row, 1), np.arange(frames + 1) * step))
        truth[f"c{clip}.wav"] = events
    return scores, truth


def drawn_again(scores, truth, weights):
    """The clips of one resample as a dataset of their own: scores, events, durations."""
    module = sed_scores_eval()
    create = module.base_modules.scores.create_score_dataframe
    frames, events, lengths = {}, {}, {}
    heard = {label for n, found in zip(weights, truth.values(), strict=True) if n
             for *_, label in found}  # fmt: skip
    kept = [label for label in LABELS if label in heard]
    for (row, stamps), found, number in zip(scores, truth.values(), weights, strict=True):
        for _ in range(int(number)):
            name = str(len(frames))
            columns = [LABELS.index(label) for label in kept]
            frames[name] = create(row[:, columns], stamps, kept)
            events[name] = list(found)
            lengths[name] = float(stamps[-1])
    return frames, events, lengths


@pytest.mark.parametrize("seed", range(3))
def test_each_resample_equals_sed_scores_eval(seed):
    scores, truth = made(seed)
    counts = count(scores, truth, LABELS, by_clip=True)
    found = psds_resamples(counts, RESAMPLES)
    weights = resample_weights(len(truth), RESAMPLES)
    for index in range(RESAMPLES):
        again = drawn_again(scores, truth, weights[index])
        for name, criteria in SCENARIOS.items():
            alone = sed_scores_eval().intersection_based.psds(*again, **asdict(criteria))[0]
            assert found[name][index] == pytest.approx(alone, abs=1e-9)
    assert all(len(set(values)) > RESAMPLES / 2 for values in found.values())


def test_all_clips_once_give_the_score_itself(monkeypatch):
    scores, truth = made(5)
    counts = count(scores, truth, LABELS, by_clip=True)
    once = np.ones((1, len(truth)), np.float32)
    monkeypatch.setattr(module, "weight_blocks", lambda clips, resamples: [(slice(0, 1), once)])
    values = counts.values()
    for name, found in psds_resamples(counts, 1).items():
        assert found[0] == pytest.approx(values[name], abs=1e-12)
        assert 0 < values[name] < 1


@pytest.mark.parametrize("clips", [3, 60, 400])
def test_thresholds_that_are_left_out_change_nothing(monkeypatch, clips):
    scores, truth = made(7, clips=clips)
    counts = count(scores, truth, LABELS, by_clip=True)
    found = psds_resamples(counts, 100)
    allowed = np.array(counts.seconds) / 36
    sizes = [
        module._sorted(one, allowed).changes.shape[1] for one in counts.found["psds1"].values()
    ]
    monkeypatch.setattr(module, "FAR", np.inf)
    for name, every in psds_resamples(counts, 100).items():
        assert found[name] == pytest.approx(every, abs=1e-12, nan_ok=True)
    every = [
        module._sorted(one, allowed).changes.shape[1] for one in counts.found["psds1"].values()
    ]
    assert sum(every) == sum(
        len(s) for one in counts.found["psds1"].values() for s, *_ in one.parts
    )
    assert (sum(sizes) < 0.7 * sum(every)) == (clips > 3)


def test_false_alarms_of_one_clip_are_never_left_out():
    """A resample may lack the clip that has them all."""
    allowed = np.full(50, 0.5)
    alarms, clips = np.ones(3000), np.zeros(3000, np.int32)
    assert module._can_count(alarms, clips, allowed).all()
    spread = module._can_count(alarms, np.arange(3000, dtype=np.int32) % 50, allowed)
    assert spread[:25].all() and not spread[49:].any()


def test_blocks_change_nothing(monkeypatch):
    scores, truth = made(8)
    counts = count(scores, truth, LABELS, by_clip=True)
    every = psds_resamples(counts, 20)
    monkeypatch.setattr(module, "MOST_AT_ONCE", 3000)
    for name, found in psds_resamples(counts, 20).items():
        assert found == pytest.approx(every[name], abs=1e-12)


def test_a_class_without_an_event_in_a_resample_is_left_out():
    """With two clips, some resamples lack a class, and none lacks both."""
    scores, truth = made(1, clips=2)
    truth = {"c0.wav": [(1.0, 4.0, "a")], "c1.wav": [(2.0, 5.0, "b")]}
    found = psds_resamples(count(scores, truth, LABELS, by_clip=True), 40)
    weights = resample_weights(2, 40)
    assert any(0 in row for row in weights.tolist())
    for index in range(40):
        again = drawn_again(scores, truth, weights[index])
        single = 0 in weights[index]
        for name, criteria in SCENARIOS.items():
            if single:  # cross triggers need another class
                criteria = replace(criteria, alpha_ct=0.0, cttc_threshold=None)
            alone = sed_scores_eval().intersection_based.psds(*again, **asdict(criteria))[0]
            assert found[name][index] == pytest.approx(alone, abs=1e-9)


def test_without_events_there_is_no_score():
    scores, truth = made(1, clips=3)
    counts = count(scores, {clip: [] for clip in truth}, LABELS, by_clip=True)
    assert counts.values() == {"psds1": None, "psds2": None}
    assert all(np.isnan(found).all() for found in psds_resamples(counts, 5).values())


def test_average_precision_of_each_resample_equals_scikit_learn():
    draw = np.random.default_rng(2)
    clips = [f"c{row}" for row in range(25)]
    scores = draw.random((25, 3)).round(1)
    tags = {clip: [label for label in LABELS if draw.random() < 0.3] for clip in clips}
    weights = resample_weights(25, RESAMPLES)
    found = ranking(scores, tags, clips, LABELS, RESAMPLES).resamples("ap")
    for index, row in enumerate(weights):
        each = []
        for column, label in enumerate(LABELS):
            true = [label in tags[clip] for clip in clips]
            if np.dot(true, row):
                each.append(average_precision_score(true, scores[:, column], sample_weight=row))
        assert found[index] == pytest.approx(np.mean(each), abs=1e-12)


@pytest.mark.long
def test_a_thousand_resamples_of_many_clips_take_seconds():
    """As many clips and changes as an evaluation of DESED, on noise."""
    draw, classes = np.random.default_rng(0), [str(index) for index in range(10)]
    stamps = np.arange(157) * 0.064
    scores = [(draw.random((156, 10)), stamps) for _ in range(700)]
    truth = {
        str(clip): [(float(t), float(t) + 1, label) for label, t in
                    zip(draw.choice(classes, 3, replace=False), draw.uniform(0, 8, 3), strict=True)]
        for clip in range(700)
    }  # fmt: skip
    counts = count(scores, truth, classes, by_clip=True)
    started = time.process_time()
    assert all(np.isfinite(found).all() for found in psds_resamples(counts).values())
    assert time.process_time() - started < 120
