"""What the paper leaves open: the file fits the settings, and the study says what it rests on."""

from typing import Literal, get_args, get_origin

import pytest
import yaml
from runs import REPOSITORY
from test_docs import documented

from resed import study
from resed.closed import check
from resed.config import Config, load_config
from resed.errors import ConfigError
from resed.readings import load_readings, reading_settings
from resed.settings import FeatureSettings, SystemSettings

READINGS = load_readings(REPOSITORY)
CONFIG = load_config(root=REPOSITORY)
SYSTEM = CONFIG.sensitivity.system


def plain(reading=""):
    """The catalogue's system under a reading, without anything that a config lays over it."""
    bare = CONFIG.model_copy(update={"override": {}, "system_overrides": {}})
    return bare.system(SYSTEM + reading)


def test_every_overlay_fits_and_changes_the_system():
    for name, question, option in READINGS:
        if option.cost != "none" and name.partition(".")[2] != question.default:
            assert not study.changes_nothing(CONFIG, f"{SYSTEM}@{name}"), name
        check(Config, {**CONFIG.model_dump(), **option.config}, name)


def test_the_stated_defaults_are_the_defaults():
    assert plain() == plain("@default")
    for key, question in READINGS.questions.items():
        name = f"{key}.{question.default}"
        if READINGS.option(name).settings:
            assert plain(f"@{name}") == plain(), name
        if READINGS.option(name).config or READINGS.option(name).calibrate:
            assert study.option_here(CONFIG, question) == question.default, name


def literals(model, before=""):
    """(path, values, default) of every setting below a model that takes one of several words."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if hasattr(kind, "model_fields"):
            yield from literals(kind, f"{before}{name}.")
            continue
        parts = [kind, *get_args(kind)] if get_origin(kind) is not list else []
        values = [v for part in parts if get_origin(part) is Literal for v in get_args(part)]
        if len(values) > 1:
            yield before + name, values, field.default


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
        ({"default": "b"}, "default b is no option; name one of options"),
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
    path = tmp_path / "config" / "readings.yaml"
    path.write_text(yaml.safe_dump({"questions": {"q": {**question, **change}}}))
    with pytest.raises(ConfigError) as error:
        load_readings(tmp_path)
    assert told in str(error.value) and "\n" not in str(error.value)


def test_an_unknown_reading_is_told_what_there_is():
    with pytest.raises(ConfigError, match=r"reading tdf\.x: unknown question tdf; known: .*tfd"):
        reading_settings(REPOSITORY, "tdf.x")
    with pytest.raises(ConfigError, match=r"reading tfd\.x: unknown option; known: hint, literal"):
        CONFIG.system(f"{SYSTEM}@tfd.x")
    with pytest.raises(ConfigError, match=r"scored\.teacher is not a setting of a system"):
        reading_settings(REPOSITORY, "scored.teacher")


def test_what_a_reading_costs_and_shares():
    assert READINGS.option("tfd.literal").cost == "train"
    assert READINGS.option("gate.none").cost == "decode"
    assert READINGS.option("knee.quantile").cost == "decode"
    for name in READINGS.names():
        shared = CONFIG.trained_as(f"{SYSTEM}@{name}") == CONFIG.trained_as(SYSTEM)
        assert shared == (READINGS.option(name).cost == "decode"), name


def test_a_reading_of_the_knee_has_windows_of_its_own():
    assert study.windows_name(CONFIG, f"{SYSTEM}@knee.quantile") == "esp@knee.quantile"
    assert study.calibration(CONFIG, f"{SYSTEM}@knee.quantile").knee == "quantile"
    assert study.windows_name(CONFIG, f"{SYSTEM}@default") == "esp"
    assert study.windows_name(CONFIG, f"{SYSTEM}@windows.average") == "average"
    assert study.windows_name(CONFIG, "pts") == "average"


def test_seeds_that_are_trained_anyway_are_used():
    config = CONFIG.model_copy(update={"seeds": 3})
    assert study.seeds(config, f"{SYSTEM}@default") == [0, 1, 2]
    assert study.seeds(config, f"{SYSTEM}@gate.none") == [0, 1, 2]
    assert study.seeds(config, f"{SYSTEM}@tfd.pool") == [0]
