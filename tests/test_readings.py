"""Readings: the file matches the settings, and the study reports its seeds and clips."""

import math
import re
import shutil
from typing import Literal, get_args, get_origin

import numpy as np
import pytest
import torch
import yaml
from made_results import make_results, make_root, make_score
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgba_array
from runs import REPOSITORY, copy_workflow, planned
from systems import BASE
from test_docs import documented
from test_draw import written

from resed.config import study_rows
from resed.config.loading import check
from resed.config.readings import load_readings, reading_settings
from resed.config.rows import Row
from resed.config.run import Config, load_config
from resed.draw import sensitivity as picture
from resed.draw.style import look
from resed.errors import ConfigError, ResultsError
from resed.formats.annotations import read_events
from resed.results.folder import Results
from resed.results.readings_study import compare_readings, on_evaluation, overall
from resed.results.study_text import headline, points, sentences
from resed.settings import FeatureSettings, SystemSettings
from resed.stats.intervals import Interval
from resed.stats.multiple_testing import ScoreChange
from resed.tabulate.markdown import markdown
from resed.tabulate.readings import readings as readings_table
from resed.tabulate.sensitivity import sensitivity as sensitivity_table
from resed.train.framework import build_framework
from resed.train.heads import class_shares
from resed.train.objective import Targets

READINGS = load_readings(REPOSITORY, "liang")
CONFIG = load_config(root=REPOSITORY)
SYSTEM = CONFIG.sensitivity.system


def plain(reading=""):
    """The catalogue's system under a reading, without anything that a config lays over it."""
    bare = CONFIG.model_copy(update={"override": {}, "system_overrides": {}})
    return bare.system(SYSTEM + reading)


def test_every_overlay_fits_and_changes_the_system():
    for name, question, option in READINGS:
        if option.cost != "none" and name.partition(".")[2] != question.default:
            assert not study_rows.changes_nothing(CONFIG, f"{SYSTEM}@{name}"), name
        check(Config, {**CONFIG.model_dump(), **option.config}, name)


def test_the_stated_defaults_are_the_defaults():
    assert plain() == plain("@default")
    for key, question in READINGS.questions.items():
        name = f"{key}.{question.default}"
        if READINGS.option(name).settings:
            assert plain(f"@{name}") == plain(), name
        if READINGS.option(name).config or READINGS.option(name).calibrate:
            assert study_rows.option_here(CONFIG, question) == question.default, name


def literals(model, before=""):
    """(path, values, default) of every setting below a model that takes one of several words.

    The default is that of config/systems/base.yaml, else that of the model.
    """
    for name, field in model.model_fields.items():
        kind = field.annotation
        if hasattr(kind, "model_fields"):
            yield from literals(kind, f"{before}{name}.")
            continue
        parts = [kind, *get_args(kind)] if get_origin(kind) is not list else []
        values = [v for part in parts if get_origin(part) is Literal for v in get_args(part)]
        if len(values) > 1:
            yield before + name, values, at(BASE, before + name) or field.default


def at(values, path):
    for key in path.split("."):
        values = values.get(key, {}) if isinstance(values, dict) else {}
    return values


def test_every_word_of_a_setting_is_offered_or_left_out_with_a_reason():
    sources = [*literals(SystemSettings), *literals(FeatureSettings, "features.")]
    sources += literals(Config)
    offered = [option for _, _, option in READINGS]
    used = set()
    for path, values, default in sources:
        if path in ("paper", "dataset"):
            continue  # which numbers stand beside ours, and which clips: no reading
        overlays = [{**o.settings, "calibrate": o.calibrate, **o.config} for o in offered]
        found = {str(at(each, path)) for each in overlays} | {str(default)}
        lacking = {str(value) for value in values} - found
        assert not lacking or path in READINGS.left_out, f"{path}: {lacking}"
        used |= {path} if lacking else set()
    assert set(READINGS.left_out) == used, "left_out names what is offered, or does not exist"


def test_every_row_of_the_documentation_has_a_question():
    rows = {row for question in READINGS.questions.values() for row in question.rows}
    assert rows == set(range(24))


def test_every_key_of_a_reading_is_documented():
    keys = documented()

    def paths(values, before=""):
        for name, value in values.items():
            path = before + name
            nested = isinstance(value, dict)
            yield from paths(value, f"{path}.") if nested else [path]

    for name, _, option in READINGS:
        calibrate = {"calibrate": option.calibrate} if option.calibrate else {}
        for path in paths({**option.settings, **calibrate, **option.config}):
            above = any(path == key or path.startswith(f"{key}.") for key in keys)
            assert above or path == "confusion", f"{name}: {path}"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"options": {"a": {"title": "t", "reason": "r", "settigns": {}}}},
            "a.settigns: unknown key",
        ),
        (
            {"options": {"a": {"title": "t", "reason": "r", "settings": {"modle": {}}}}},
            "questions.q.options.a.settings.modle: unknown key; did you mean model?",
        ),
        (
            {"options": {"a": {"title": "t", "reason": "r", "calibrate": {"knee": "elbow"}}}},
            "questions.q.options.a.calibrate.knee",
        ),
        ({"default": "b"}, "default b is not an option; use one of options"),
        ({"rows": []}, "questions.q.rows"),
    ],
)
def test_a_mistake_in_the_file_is_one_line(tmp_path, change, told):
    (tmp_path / "config").mkdir()
    question = {
        "title": "t",
        "question": "?",
        "rows": [1],
        "place": "p",
        "default": "a",
        "options": {"a": {"title": "t", "reason": "r"}},
    }
    path = tmp_path / "config" / "papers" / "liang" / "readings.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump({"questions": {"q": {**question, **change}}}))
    with pytest.raises(ConfigError) as error:
        load_readings(tmp_path, "liang")
    assert told in str(error.value) and "\n" not in str(error.value)


def test_an_unknown_reading_is_told_what_there_is():
    with pytest.raises(ConfigError, match=r"unknown question tdf; did you mean tfd"):
        reading_settings(READINGS, "tdf.x")
    with pytest.raises(ConfigError, match=r"reading tfd\.x: unknown option; known: hint, literal"):
        CONFIG.system(f"{SYSTEM}@tfd.x")
    with pytest.raises(ConfigError, match=r"scored\.teacher is not a setting of a system"):
        reading_settings(READINGS, "scored.teacher")


def test_what_a_reading_costs_and_shares():
    assert READINGS.option("tfd.literal").cost == "train"
    assert READINGS.option("gate.none").cost == "decode"
    assert READINGS.option("knee.quantile").cost == "decode"
    for name in READINGS.names():
        shared = CONFIG.trained_as(f"{SYSTEM}@{name}") == CONFIG.trained_as(SYSTEM)
        assert shared == (READINGS.option(name).cost == "decode"), name


def test_a_reading_of_the_knee_has_windows_of_its_own():
    assert study_rows.windows_name(CONFIG, f"{SYSTEM}@knee.quantile") == "esp@knee.quantile"
    assert study_rows.calibration(CONFIG, f"{SYSTEM}@knee.quantile").knee == "quantile"
    assert study_rows.windows_name(CONFIG, f"{SYSTEM}@default") == "esp"
    assert study_rows.windows_name(CONFIG, f"{SYSTEM}@windows.average") == "average"
    assert study_rows.windows_name(CONFIG, "pts") == "average"


def test_seeds_that_are_trained_anyway_are_used():
    config = CONFIG.model_copy(update={"seeds": 3})
    assert study_rows.seeds(config, f"{SYSTEM}@default") == [0, 1, 2]
    assert study_rows.seeds(config, f"{SYSTEM}@gate.none") == [0, 1, 2]
    assert study_rows.seeds(config, f"{SYSTEM}@tfd.pool") == [0]


STUDIED = ["tfd.literal", "tfd.off", "gate.none", "windows.average", "beta.half"]
SHIFTS = {"tfd.literal": -0.25, "tfd.off": 0.1, "gate.none": -0.1}


def made(folder, seeds=2, trained=3, shifts=SHIFTS, **study_settings):
    """Made-up scores of a study; `shifts` is the share of additional events per reading."""
    chosen = {"seeds": seeds, "readings": STUDIED, **study_settings}
    systems = ["pts_tfd_afl", "pts_tfd_afl_esp"]
    config = make_root(folder, systems=systems, seeds=trained, sensitivity=chosen)
    results = Results.of(config, make_results(config, clips=60, readings=True))
    for split in ("development", "evaluation"):
        events = read_events(results.annotations(split))
        for row in config.sensitivity_rows():
            for seed in results.seeds(row):
                level = 0.5 + shifts.get(row.reading, 0.0) + 0.01 * seed
                make_score(results.folder, split, row, seed, level, events)
    return results


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return made(tmp_path_factory.mktemp("study"))


def test_the_study_decides_orders_and_leaves_out(results):
    found = compare_readings(results)
    assert [question.name for question in found.questions] == ["tfd", "gate", "windows"]
    assert [effect.name for effect in found.questions[0].effects] == ["tfd.literal", "tfd.off"]
    literal, off = found.questions[0].effects
    assert (overall(literal.changes), overall(off.changes)) == ("worse", "better")
    assert (literal.shared, literal.seeds) == (False, 2)
    gate = found.questions[1].effects[0]
    assert (gate.shared, gate.seeds, overall(gate.changes)) == (True, 3, "worse")
    assert found.idle == ("beta.half",) and found.missing == found.unfit == ()
    assert (found.seeds, found.questions[0].unchanged) == (3, "hints, teacher detached, W_t frozen")


def test_changes_are_those_of_the_scores(results):
    (effect, *_) = compare_readings(results).effects
    for split in ("development", "evaluation"):
        scores = {
            name: [
                100 * results.metrics(split, f"{SYSTEM}@{name}", seed)["event"]["macro_f1"]
                for seed in results.seeds(f"{SYSTEM}@{name}")
            ]
            for name in ("default", "tfd.literal")
        }
        means = {name: sum(values) / len(values) for name, values in scores.items()}
        change = effect.changes["event", split].found
        assert change.mean == pytest.approx(means["tfd.literal"] - means["default"])
        spread = compare_readings(results).spread["event", split]
        assert spread == pytest.approx(max(scores["default"]) - min(scores["default"]))


def test_whether_any_reading_beats_none_is_said(results):
    text = " ".join(sentences(compare_readings(results), results))
    assert (
        "Target-events feature distillation against tfd.off, by uncorrected intervals: "
        "worse: unchanged (hints, teacher detached, W_t frozen), tfd.literal." in text
    )
    assert "No change in this config: beta.half." in text
    assert "The 3 seeds of the unchanged system are up to" in text


def test_one_training_decides_nothing_but_one_decoding_does(tmp_path):
    found = compare_readings(results := made(tmp_path, seeds=1, trained=1))
    decided = {effect.name: effect.decided for effect in found.effects}
    assert not decided["tfd.literal"] and not decided["tfd.off"] and decided["gate.none"]
    assert found.spread == {}
    assert found.questions[0].name == "tfd", "by size, decided or not"
    assert {reading for reading, _ in found.tested} == {"gate.none", "windows.average"}
    told = sentences(found, results)
    assert told[0].startswith(
        "Significant after Holm's correction: gate.none (Event-F1), gate.none"
    )
    assert "the spread of its seeds is unknown" in told[1]
    first = headline(found, results)
    assert "tested: 6 (2 readings, 3 metrics)" in first
    assert "intervals: 3, where about 0.3 are expected by chance; " in first
    assert "correction: 3. The largest: Gate of the frames by the tags, read as" in first
    assert "distillation" not in first, "larger, and not decided"


def test_what_chance_may_have_decided_is_not_named(results):
    found = compare_readings(results)
    decided = [change for change in found.tested.values() if change.decision != "undecided"]
    assert (len(found.tested), len(decided), found.standing) == (12, 9, {})
    assert headline(found, results) == (
        "Changes of PTS+TFD+AFL+ESP that were tested: 12 (4 readings, 3 metrics); decided by their "
        "own 95 % intervals: 9, where about 0.6 are expected by chance; significant after Holm's "
        "correction: none."
    )
    assert not any("Standing" in sentence for sentence in sentences(found, results))


def test_an_impossible_interval_is_cut_or_says_too_little():
    """F1 of 23.2 can fall by 23.2 and rise by 76.8."""
    shown = []
    for mean, half, seeds in ((-15.0, 47.8, 2), (19.6, 119.8, 2), (19.6, 119.8, 1), (0.4, 0.3, 2)):
        found = Interval(mean, mean - half, mean + half, seeds, 138, "clips")
        shown.append(points(ScoreChange(found, "undecided", 23.2)))
    assert shown == [
        "−15.0 (−23.2 to 32.8)",
        "+19.6 (too few seeds)",
        "+19.6 (too few clips)",
        "+0.4 (0.1 to 0.7)",
    ]


def test_nothing_decided_is_said(tmp_path):
    results = made(tmp_path, seeds=1, trained=1, readings=["tfd.literal"])
    assert headline(compare_readings(results), results) == (
        "No change of PTS+TFD+AFL+ESP was tested: a reading with its own training needs two seeds."
    )
    frame = sensitivity_table(results).frame
    (row,) = frame[frame.reading.eq("tfd.literal") & on(frame, "event")].itertuples()
    assert row.decision == "undecided" and math.isnan(row.p) and math.isnan(row.p_holm)


def on(frame, metric):
    """The rows of the change of a metric on evaluation."""
    return frame.metric.eq(metric) & frame.split.eq("evaluation") & frame.column.eq("change")


def test_table_of_the_study(results):
    table = sensitivity_table(results)
    frame = table.frame
    study = compare_readings(results)
    effects = [effect.name for effect in study.effects]
    assert list(frame.reading.unique()) == ["default", *effects, "beta.half"]
    for effect in study.effects:
        for (metric, split), change in effect.changes.items():
            there = frame.reading.eq(effect.name) & frame.column.eq("change")
            (row,) = frame[there & frame.metric.eq(metric) & frame.split.eq(split)].itertuples()
            found = change.found
            assert (row.value, row.low, row.high) == (found.mean, found.low, found.high)
            assert (row.shown_low, row.shown_high) == change.ends
            assert row.decision == change.decision and row.seeds == found.seeds
            assert row.same_networks == ("yes" if effect.shared else "no")
            assert math.isnan(row.p) == (split == "development")
    (literal,) = frame[frame.reading.eq("tfd.literal") & on(frame, "event")].itertuples()
    assert literal.high < 0 and literal.decision == "worse" and literal.same_networks == "no"
    assert set(frame[frame.reading.eq("gate.none")].same_networks) == {"yes"}
    assert set(frame[frame.reading.eq("beta.half")].status) == {"no change here"}
    tested = frame[frame.p.notna()].sort_values("p")
    assert len(tested) == 12 and (tested.p < 0.05).sum() == 9
    assert tested.p_holm.iloc[0] == pytest.approx(12 * tested.p.iloc[0])
    default = frame[frame.reading.eq("default")]
    scores = default.set_index(["metric", "split"]).value
    assert scores.to_dict() == dict(study.scores)
    assert default.seeds_apart.tolist() == list(study.spread.values())
    text = markdown(table)
    assert re.search(r"\| gate.none \| no gate \| the same \|", text)
    assert "(unchanged: hints, teacher detached, W_t frozen)" in text
    assert "**Not the paper's numbers**" in text


def test_a_reading_that_was_not_run_is_named(tmp_path, results):
    folder = tmp_path / "made"
    shutil.copytree(results.folder, folder)
    shutil.rmtree(folder / "score" / "development" / f"{SYSTEM}@tfd.literal" / "seed1")
    partly = Results.of(results.config, folder, results.data)
    assert compare_readings(partly).missing == ("tfd.literal",)
    table = sensitivity_table(partly)
    assert "Not run: tfd.literal." in " ".join(table.notes)
    assert table.data["missing"] == ["tfd.literal"]
    nothing = sensitivity_table(Results.of(results.config, tmp_path / "empty", results.data))
    assert "Not run: no reading" in " ".join(nothing.notes) and not nothing.data["ran"]
    assert nothing.frame.reading.tolist() == STUDIED
    assert set(nothing.frame.status) == {"not run"} and nothing.frame.value.isna().all()
    nothing = Results.of(results.config, tmp_path / "empty", results.data)
    assert "Not run" in picture.caption(nothing)
    with look():
        assert picture.draw(nothing).axes


def test_scores_of_another_audit_are_refused(tmp_path, results):
    folder = tmp_path / "made"
    shutil.copytree(results.folder, folder)
    path = folder / "score" / "evaluation" / f"{SYSTEM}@tfd.off" / "seed0" / "metrics.json"
    path.write_text(path.read_text().replace("0123456789abcdef", "f" * 16))
    with pytest.raises(
        ResultsError, match=r"tfd\.off/seed0/metrics\.json: clips or manifest differ"
    ):
        compare_readings(Results.of(results.config, folder, results.data))


def test_table_of_readings(results):
    frame = readings_table(results).frame
    rows = {f"{row.question}.{row.option}": row for row in frame.itertuples()}
    assert len(rows) == len(frame) == sum(len(q.options) for q in READINGS.questions.values())
    assert rows["tfd.hint"].used == "used" and rows["tfd.hint"].default == "yes"
    assert rows["tfd.literal"].how == "objective.distillation.reading: literal"
    assert rows["tfd.literal"].verdict == "", "the study is not reported"
    shown = results.config.sensitivity.model_copy(update={"report": True})
    config = results.config.model_copy(update={"sensitivity": shown})
    reported = readings_table(Results.of(config, results.folder, results.data)).frame
    literal = reported[reported.question.eq("tfd") & reported.option.eq("literal")]
    effect = next(e for e in compare_readings(results).effects if e.name == "tfd.literal")
    changes = on_evaluation(effect.changes)
    assert literal.metric.tolist() == list(changes) and set(literal.split) == {"evaluation"}
    assert literal.value.tolist() == [change.found.mean for change in changes.values()]
    assert set(literal.verdict) == {"worse"}


def test_the_picture_has_a_row_a_reading_and_a_band(results):
    with look():
        figure = picture.draw(results)
        figure.draw_without_rendering()
        boxes = written(figure)
    for i, (first, box) in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1, f"{first} leaves the figure"
        for second, beside in boxes[:i]:
            assert not box.overlaps(beside), f"{first!r} and {second!r}"
    event = figure.axes[0]
    changes = [e.changes["event", "evaluation"] for e in compare_readings(results).effects]
    drawn = [c for c in event.collections if isinstance(c, PathCollection)]
    (bars,) = (c for c in event.collections if isinstance(c, LineCollection))
    np.testing.assert_allclose(drawn[-1].get_offsets()[:, 0], [c.found.mean for c in changes])
    segments = np.array(bars.get_segments())
    order = np.argsort(segments[:, 0, 1])  # seaborn sorts them by colour
    np.testing.assert_allclose(segments[order, :, 0], [c.ends for c in changes])
    colours = {"better": "#0072B2", "worse": "#D55E00", "undecided": "#595959"}
    expected = [colours[change.decision] for change in changes]
    np.testing.assert_allclose(bars.get_colors()[order], to_rgba_array(expected))
    np.testing.assert_allclose(drawn[-1].get_edgecolors(), to_rgba_array(expected))
    hollow = drawn[-1].get_facecolors()[:, 3] == 0
    assert list(hollow) == [change.decision == "undecided" for change in changes]
    low, high = event.get_xlim()
    for effect in compare_readings(results).effects:
        for metric in results.paper.metrics:
            change = effect.changes[metric, "evaluation"]
            assert low < change.found.mean < high
            if change.decision != "undecided":
                assert low < change.ends[0] and change.ends[1] < high
    (band,) = event.patches
    assert band.get_width() == pytest.approx(
        2 * compare_readings(results).spread["event", "evaluation"]
    )
    assert "tfd.literal" in picture.caption(results)


def test_a_config_leaves_out_what_does_not_go_with_it():
    peer = {"schedule": {"selection": "held_out", "held_out": 0.2}}
    peer["schedule"]["selection_score"] = "events_weak"
    config = CONFIG.model_copy(update={"override": peer})
    assert Row(SYSTEM, "selection.development") not in config.sensitivity_rows()
    named = config.sensitivity.model_copy(update={"readings": ["selection.development"]})
    config = config.model_copy(update={"sensitivity": named})
    assert config.sensitivity_rows()[1:] == [Row(SYSTEM, "selection.development")]
    with pytest.raises(ConfigError, match="selection_score events_weak requires"):
        config.trained_as(f"{SYSTEM}@selection.development")


def test_the_workflow_trains_what_differs_alone(tmp_path):
    chosen = {"readings": ["tfd.literal", "gate.none", "knee.quantile", "weak.labelled"]}
    overlay = {"systems": ["pts_tfd_afl", "pts_tfd_afl_esp"], "sensitivity": chosen, "seeds": 2}
    jobs = planned(copy_workflow(tmp_path), "sensitivity", overlay=overlay)
    trained = sorted(job for job in jobs if job.startswith("train"))
    assert trained == [
        *(f"train pts_tfd_afl, seed {seed}" for seed in (0, 1)),
        "train pts_tfd_afl@tfd.literal, seed 0",
    ]
    assert "calibrate windows: esp@knee.quantile" in jobs
    scored = [job for job in jobs if job.startswith("score")]
    assert len(scored) == 2 + 1 + 2 + 2  # seeds: unchanged, literal, gate, knee
    assert {"tabulate sensitivity", "draw sensitivity"} <= set(jobs)


def step(reading):
    """Losses and gradients of one small step late in training, from the same start."""
    settings = plain(f"@{reading}")
    settings = settings.model_copy(
        update={"model": settings.model.model_copy(update={"width": 0.1})}
    )
    features = FeatureSettings(frames=200)
    labels = [{0}, {0, 1}, {1}, {1}, {2}]
    torch.manual_seed(0)
    shares = class_shares(labels, range(3), settings.model.disentangled)
    framework = build_framework(settings, features, 3, shares)
    framework.networks.train()
    targets = Targets(torch.zeros(2, 3), torch.zeros(1, 200, 3), 1, 1, 1)
    targets.tags[:, 0] = 1
    targets.frames[:, 20:90, 0] = 1
    mels = torch.randn(3, 200, 64)
    torch.manual_seed(1)
    terms = framework.losses(
        *framework.outputs(mels, mels, targets), targets, framework.moment(600, 10)
    )
    terms["loss"].backward()
    sizes = [p.grad.norm().item() if p.grad is not None else 0.0 for p in framework.parameters()]
    return [*(value.item() for value in terms.values()), *sizes]


@pytest.fixture(scope="module")
def unchanged():
    return step("default")


@pytest.mark.parametrize(
    "reading",
    [n for n in READINGS.names() if {"model", "objective"} & set(READINGS.option(n).settings)],
)
def test_every_reading_learns_and_learns_otherwise(reading, unchanged):
    changed = step(reading)
    assert all(math.isfinite(value) for value in changed)
    assert changed != unchanged


def test_the_same_reading_learns_the_same(unchanged):
    assert step("default") == unchanged


def test_readings_of_an_earlier_version_are_refused_with_their_new_place(tmp_path):
    make_root(tmp_path)
    (tmp_path / "config" / "readings.yaml").write_text("questions: {}\n")
    with pytest.raises(ConfigError) as error:
        load_config({"dataset": "made", "paper": "liang", "systems": ["pts"]}, tmp_path)
    assert str(error.value) == (
        f"{tmp_path}/config/readings.yaml: readings belong to a paper; move your changes to "
        "config/papers/{paper}/readings.yaml and delete this file"
    )
