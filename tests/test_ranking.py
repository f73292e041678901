"""mAP and mAUC of clip posteriors, per class and on resamples, against scikit-learn."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_results import make_results, make_root
from sklearn.metrics import average_precision_score, roc_auc_score
from typer.testing import CliRunner

from resed.cli import app
from resed.config.rows import BASELINES, Row
from resed.errors import ResultsError
from resed.formats.annotations import Event, write_events, write_tags
from resed.formats.metrics import read_metrics
from resed.formats.posteriors import Posteriors
from resed.formats.ranking import BLIND_BASELINES, MEASURES, RANKED_BASELINES, Ranking
from resed.results.folder import Results
from resed.results.layout import score_files
from resed.results.ranks import Ranks
from resed.score.rank_resamples import notes_on, ranking
from resed.score.ranking import average_precision, roc_auc
from resed.stats.bootstrap import SEED, resample_weights
from resed.tabulate import make_table

CLASSES = ["bark", "rain", "bell", "mew"]  # no clip has a mew


def cli(*words):
    return CliRunner().invoke(app, [*map(str, words)])


def made(seed, clips=60, decimals=1):
    """Scores with many ties, tags of CLASSES[:3] (no clip has a mew), and clips."""
    draw = np.random.default_rng(seed)
    true = draw.random((clips, len(CLASSES))) < [0.3, 0.1, 0.6, 0.0]
    scores = np.round(draw.random(true.shape) * 0.7 + 0.3 * true, decimals)
    names = [f"c{row:03d}.wav" for row in range(clips)]
    tags = {
        name: [label for label, there in zip(CLASSES, row, strict=True) if there]
        for name, row in zip(names, true, strict=True)
    }
    return scores, true, tags, names


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_scores_of_a_class_equal_those_of_scikit_learn(pairs):
    scores, true = (np.array(side) for side in zip(*pairs, strict=True))
    if true.any():
        expected = average_precision_score(true, scores)
        assert average_precision(scores, true) == pytest.approx(expected, abs=1e-12)
    if true.any() and not true.all():
        assert roc_auc(scores, true) == pytest.approx(roc_auc_score(true, scores), abs=1e-12)


def test_a_worked_example_with_ties():
    """Pairs (positive, other): .8 beats .1, ties with .8; .3 beats .1, loses to .8: 2.5 of 4."""
    scores, true = np.array([0.8, 0.3, 0.8, 0.1]), np.array([1, 1, 0, 0])
    assert roc_auc(scores, true) == 0.625


@pytest.mark.parametrize("seed", range(3))
def test_each_resample_equals_scikit_learn_on_the_clips_that_were_drawn(seed):
    scores, true, tags, names = made(seed)
    found = ranking(scores, tags, names, CLASSES, 20)
    weights = resample_weights(len(names), 20)
    functions = (average_precision_score, roc_auc_score)
    for row, function in enumerate(functions):
        for column in range(3):
            assert found.values[row, column] == pytest.approx(
                function(true[:, column], scores[:, column]), abs=1e-12
            )
            for index, weight in enumerate(weights):
                drawn = np.repeat(np.arange(len(names)), weight.astype(int))
                if not 0 < true[drawn, column].sum() < len(drawn):
                    continue
                expected = function(true[drawn, column], scores[drawn, column])
                assert found.resampled[row, column, index] == pytest.approx(expected, abs=1e-9)
    assert np.isnan(found.values[:, 3]).all() and np.isnan(found.resampled[:, 3]).all()
    assert found.value("ap") == pytest.approx(np.mean(found.values[0, :3]))
    assert found.value("auc", ("rain", "mew")) == found.values[1, 1]
    assert found.value("auc", ("mew",)) is None
    assert list(found.positives) == [*true[:, :3].sum(axis=0), 0]
    assert found.summary()["map_by_priors"] == pytest.approx(true[:, :3].mean())
    assert found.seed == SEED


def test_a_resample_without_the_class_has_no_score():
    found = ranking(np.array([[0.4], [0.6]]), {"a": ["bark"]}, ["a", "b"], ["bark"], 40)
    drawn = resample_weights(2, 40)
    both = drawn.min(axis=1) > 0
    assert np.isfinite(found.resampled[1, 0]).tolist() == both.tolist()
    assert np.isfinite(found.resampled[0, 0]).tolist() == (drawn[:, 0] > 0).tolist()
    assert 0 < both.sum() < 40


def test_blocks_change_nothing(monkeypatch):
    from resed.score import rank_resamples

    scores, _, tags, names = made(4)
    every = ranking(scores, tags, names, CLASSES, 20)
    monkeypatch.setattr(rank_resamples, "MOST_AT_ONCE", 130)
    found = ranking(scores, tags, names, CLASSES, 20)
    np.testing.assert_array_equal(found.resampled, every.resampled)


def test_classes_that_are_left_out_are_named():
    tags = {"a": ["bark", "rain"], "b": ["rain"]}
    found = ranking(np.zeros((2, 3)), tags, ["a", "b"], CLASSES[:3], 5)
    assert notes_on(found) == [
        "classes that no clip has, left out: bell",
        "classes that every clip has, left out of mAUC: rain",
    ]
    assert found.value("auc") == 0.5 and found.value("ap") == 0.75, "ties; prevalence"


def test_it_is_stored_and_read_again(tmp_path):
    scores, _, tags, names = made(1)
    found = ranking(scores, tags, names, CLASSES, 30)
    for name in ("one.npz", "two.npz"):
        found.save(tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    again = Ranking.load(tmp_path / "one.npz")
    assert again.summary() == found.summary() and again.classes == tuple(CLASSES)
    np.testing.assert_allclose(again.resampled, found.resampled, atol=1e-7)
    assert (again.clips, again.clips_sha256) == (60, found.clips_sha256)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"values": np.full((2, 4), 1.5)}, "values must be numbers from 0 to 1"),
        ({"values": np.zeros((2, 3))}, "values do not fit the classes"),
        ({"positives": np.array([1, 2, 61, 0])}, "positives must be numbers of clips"),
        ({"classes": ("a", "a", "b", "c")}, "classes must be unique names"),
        ({"clips": 0}, "meta.clips must be"),
    ],
)
def test_what_is_wrong_is_refused(tmp_path, change, problem):
    scores, _, tags, names = made(1)
    found = ranking(scores, tags, names, CLASSES, 5)
    values = {key: change.get(key, value) for key, value in vars(found).items()}
    with pytest.raises(ResultsError, match=problem):
        Ranking(**values).save(tmp_path / "bad.npz")


def test_a_cut_file_is_one_line(tmp_path):
    scores, _, tags, names = made(1)
    ranking(scores, tags, names, CLASSES, 5).save(tmp_path / "r.npz")
    (tmp_path / "r.npz").write_bytes((tmp_path / "r.npz").read_bytes()[:-40])
    with pytest.raises(ResultsError, match=r"r\.npz: not a ranking file.*run resed score again"):
        Ranking.load(tmp_path / "r.npz")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Posteriors of ten clips, without windows, and the reference."""
    folder = tmp_path_factory.mktemp("files")
    scores, true, tags, names = made(3, clips=10, decimals=2)
    events = {n: [Event(n, 1.0, 2.0, label) for label in tags[n]] for n in names}
    write_events(folder / "reference.tsv", events)
    write_events(folder / "estimated.tsv", {name: [] for name in names})
    write_tags(folder / "tags.tsv", tags)
    scores = scores.astype(np.float32)
    frames = np.repeat(scores[:, None], 4, axis=1)
    meta = {"seconds_per_frame": 2.5, "manifest_sha256": ""}
    Posteriors(frames, scores, scores, names, CLASSES, meta).save(folder / "p.npz")
    return folder, scores, true


def test_the_command_scores_posteriors_without_windows(files, tmp_path):
    folder, scores, true = files
    found = cli(
        *("score", "--reference", folder / "reference.tsv"),
        *("--estimated", folder / "estimated.tsv", "--posteriors", folder / "p.npz"),
        *("--out", tmp_path / "m.json", "--ranks", tmp_path / "r.npz"),
    )
    assert found.exit_code == 0, found.stderr
    metrics = read_metrics(tmp_path / "m.json")
    assert "threshold_free" not in metrics
    kept = [c for c in range(4) if true[:, c].any()]
    expected = np.mean([average_precision_score(true[:, c], scores[:, c]) for c in kept])
    area = np.mean([roc_auc_score(true[:, c], scores[:, c]) for c in kept if not true[:, c].all()])
    assert metrics["ranking"]["map"] == pytest.approx(expected, abs=1e-12)
    assert metrics["ranking"]["mauc"] == pytest.approx(area, abs=1e-12)
    assert metrics["ranking"]["notes"][0] == "classes that no clip has, left out: rain, mew"
    assert "classes that no clip has, left out: rain, mew" in found.stderr
    assert f"map {100 * expected:.1f}, mauc {100 * area:.1f}" in found.stdout
    own = Ranking.load(tmp_path / "r.npz").summary()
    assert own == {key: v for key, v in metrics["ranking"].items() if key != "notes"}


@pytest.mark.parametrize("option", ["--windows", "--ranks"])
def test_options_of_posteriors_require_them(files, tmp_path, option):
    folder, *_ = files
    found = cli(
        *("score", "--reference", folder / "reference.tsv"),
        *("--estimated", folder / "estimated.tsv", option, tmp_path / "x"),
    )
    assert found.exit_code == 2 and "requires --posteriors" in found.stderr


# Means over seeds


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Two systems with three seeds: `pts` with ranking.npz, `pts_tfd` a little better."""
    root = tmp_path_factory.mktemp("ranks")
    config = make_root(root, CLASSES, systems=["pts", "pts_tfd", "pts_dfd_d"], seeds=3)
    found = Results.of(config, make_results(config, clips=30))
    for step, system in enumerate(("pts", "pts_tfd")):
        for seed in range(3):
            scores, true, tags, names = made(10, clips=30, decimals=2)
            noise = np.random.default_rng(seed).random(scores.shape)
            better = scores + 0.2 * noise + 0.6 * step * true
            add_ranking(found, "evaluation", system, seed, ranking(better, tags, names, CLASSES))
    return found


def add_ranking(results, split, system, seed, found):
    """The file beside metrics.json, and its block in it."""
    place = results.layout.scored(split, system, seed)
    metrics = json.loads((place / "metrics.json").read_text())
    metrics["ranking"] = found.summary() | {"notes": []}
    (place / "metrics.json").write_text(json.dumps(metrics))
    found.save(place / "ranking.npz")


def metric(results, score):
    from resed.paper.numbers import Metric

    return Metric(title="x", short="x", score=score, unit="fraction")


def test_an_interval_covers_clips_and_seeds(results):
    for score, measure in (("tags_map", "ap"), ("tags_mauc", "auc")):
        found = results.interval("evaluation", "pts", metric(results, score))
        each = [one.value(measure) for one in results.rankings("evaluation", "pts")]
        assert found.mean == pytest.approx(np.mean(each), abs=1e-12)
        assert found.covers == "clips and seeds" and found.low < found.mean < found.high <= 1
        assert found.deviation == pytest.approx(np.std(each, ddof=1), abs=1e-12)
        # By hand: the shared variance is the mean covariance of the seeds on the same resamples.
        drawn = np.array([one.resamples(measure) for one in results.rankings("evaluation", "pts")])
        among = np.cov(drawn)
        shared = (among.sum() - np.trace(among)) / 6
        assert found.parts[0][0] == pytest.approx(max(0, shared), abs=1e-9)
        assert found.parts[1][0] == pytest.approx(np.var(each, ddof=1) / 3, abs=1e-9)


def test_a_class_has_an_interval_too(results):
    found = results.interval("evaluation", "pts", metric(results, "tags_map"), "rain")
    each = [one.value("ap", ("rain",)) for one in results.rankings("evaluation", "pts")]
    assert found.mean == pytest.approx(np.mean(each)) and found.known
    assert results.interval("evaluation", "pts", metric(results, "tags_map"), "mew") is None


def test_a_difference_is_on_the_same_resamples(results):
    score = metric(results, "tags_map")
    found = results.difference("evaluation", "pts_tfd", "pts", score)
    means = [results.interval("evaluation", name, score).mean for name in ("pts_tfd", "pts")]
    assert found.mean == pytest.approx(means[0] - means[1], abs=1e-12)
    assert found.low > 0 and found.covers == "clips and seeds"
    same = results.difference("evaluation", "pts", "pts", score)
    assert (same.mean, same.low, same.high) == (0, 0, 0)
    two = results.difference("evaluation", "pts_tfd", "pts", score, labels=("rain", "bell"))
    one = [
        results.difference("evaluation", "pts_tfd", "pts", score, label).mean
        for label in ("rain", "bell")
    ]
    assert two.mean == pytest.approx(np.mean(one), abs=1e-12)


def test_older_runs_are_read_without_it(results):
    """mAP from the block threshold_free, whose interval covers seeds alone; no mAUC."""
    found = results.interval("evaluation", "pts_dfd_d", metric(results, "tags_map"))
    assert found.covers == "seeds" and found.known
    assert results.interval("evaluation", "pts_dfd_d", metric(results, "tags_mauc")) is None
    mixed = results.difference("evaluation", "pts", "pts_dfd_d", metric(results, "tags_map"))
    assert mixed.covers == "seeds"


def test_other_clips_are_not_compared(results):
    scores, _, tags, names = made(1, clips=29)
    other = Ranks((ranking(scores, tags, names, CLASSES),), "ap")
    own = Ranks(tuple(results.rankings("evaluation", "pts")), "ap")
    with pytest.raises(ResultsError, match="mAP on different clips"):
        own.difference(other, False)


def test_files_that_do_not_agree_are_refused(tmp_path):
    config = make_root(tmp_path, systems=["pts"])
    found = Results.of(config, make_results(config, clips=30))
    scores, _, tags, names = made(1, clips=30)
    add_ranking(found, "evaluation", "pts", 0, ranking(scores, tags, names, CLASSES))
    ranking(1 - scores, tags, names, CLASSES).save(
        found.layout.scored("evaluation", "pts", 0) / "ranking.npz"
    )
    with pytest.raises(ResultsError, match=r"does not agree with metrics\.json"):
        found.interval("evaluation", Row("pts"), metric(found, "tags_map"))


def test_baselines_rank_clips_as_scikit_learn_does(tmp_path):
    """Those that do not listen by the priors, own_tags by its posteriors; oracles not at all."""
    scores, true, tags, names = made(3, decimals=2)
    reference = tmp_path / "reference.tsv"
    write_events(reference, {n: [Event(n, 1.0, 2.0, label) for label in tags[n]] for n in names})
    frames = np.repeat(scores[:, None], 4, axis=1)
    meta = {"seconds_per_frame": 2.5}
    Posteriors(frames, scores, scores, names, CLASSES, meta).save(tmp_path / "own.npz")
    words = []
    for kind in BASELINES:
        folder = tmp_path / "results" / "decode" / "evaluation" / f"sanity_{kind}" / "seed0"
        write_events(folder / "events.tsv", {name: [] for name in names})
        write_tags(folder / "tags.tsv", dict.fromkeys(names, ()))
        words += ["--row", f"sanity_{kind}"]
    words += ["--posteriors", f"evaluation={tmp_path / 'own.npz'}"]
    words += ["--reference", f"evaluation={reference}"]
    done = cli("score", "--results", tmp_path / "results", *words)
    assert done.exit_code == 0, done.output
    heard = true[:, :3]  # no clip has a mew
    for kind in BASELINES:
        place = tmp_path / "results" / "score" / "evaluation" / f"sanity_{kind}" / "seed0"
        files = {path.name for path in place.iterdir()}
        assert files == set(score_files(Row(kind, baseline=True)))
        ranked = read_metrics(place / "metrics.json").get("ranking")
        assert (ranked is None) == (kind not in RANKED_BASELINES)
        assert "threshold_free" not in read_metrics(place / "metrics.json")
        if ranked is None:
            continue
        own = np.full(heard.shape, 0.3) if kind in BLIND_BASELINES else scores[:, :3]
        expected = [
            np.mean([function(*sides) for sides in zip(heard.T, own.T, strict=True)])
            for function in (average_precision_score, roc_auc_score)
        ]
        assert (ranked["map"], ranked["mauc"]) == pytest.approx(expected, abs=1e-12)
        if kind in BLIND_BASELINES:
            assert ranked["map"] == pytest.approx(heard.mean()) == ranked["map_by_priors"]
            assert ranked["mauc"] == 0.5


def test_a_table_has_systems_beside_the_ranking_by_priors(tmp_path):
    config = make_root(tmp_path, systems=["pts"])
    found = Results.of(config, make_results(config, clips=30))
    scores, _, tags, names = made(1, clips=30)
    for split in ("development", "evaluation"):
        for row, values in (("pts", scores), ("sanity_everything", 0 * scores)):
            add_ranking(found, split, Row.of(row), 0, ranking(values, tags, names, CLASSES))
    frame = make_table("table1", found).frame
    shown = frame[(frame["split"] == "evaluation") & (frame["threshold"] == "configured")]
    shown = shown.set_index(["system", "metric"])["value"]
    prior = np.mean([np.mean([label in tags[n] for n in names]) for label in CLASSES[:3]])
    assert shown["everything", "tags_map"] == pytest.approx(prior)
    assert shown["everything", "tags_mauc"] == 0.5
    assert shown["pts", "tags_map"] > prior and pd.isna(shown["reference", "tags_map"])


def test_tables_have_both_per_system_and_class(results):
    main = make_table("table1", results)
    (note,) = [note for note in main.notes if note.startswith("Ranking all clips alike")]
    (ranked, *_) = results.rankings("evaluation", "pts")
    prior = ranked.summary()["map_by_priors"]
    assert note == (
        f"Ranking all clips alike, by the class priors alone, has mAP {prior:.3f} on evaluation, "
        "and mAUC 0.5; these are the mAP and mAUC of the baselines that do not listen."
    )
    frame = main.frame[(main.frame["system"] == "pts") & (main.frame["split"] == "evaluation")]
    (row,) = frame[(frame["metric"] == "tags_mauc") & (frame["threshold"] == "configured")].to_dict(
        "records"
    )
    expected = results.interval("evaluation", "pts", metric(results, "tags_mauc"))
    assert (row["value"], row["low"], row["high"]) == (expected.mean, expected.low, expected.high)
    assert "Clip mAUC" in [column.title for column in main.view.columns]

    classes = make_table("per_class", results)
    assert [column.title for column in classes.view.columns][-2:] == ["Clip AP", "Clip AUC"]
    for name, score in (("tags_map", "tags_map"), ("tags_mauc", "tags_mauc")):
        rows = classes.frame[classes.frame["metric"] == name]
        assert set(rows["system"]) == {"pts", "pts_tfd"} and "mew" not in set(rows["label"])
        one = rows[(rows["label"] == "rain") & (rows["system"] == "pts")].iloc[0]
        found = results.interval("evaluation", "pts", metric(results, score), "rain")
        assert (one["value"], one["low"]) == (found.mean, found.low)
    stored = pd.read_csv(io.StringIO(classes.csv()))
    assert set(stored["metric"]) == {"event", "segment", "tags", "tags_map", "tags_mauc"}


def test_measures_have_one_order():
    assert MEASURES == ("ap", "auc")
