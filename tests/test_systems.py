"""config/systems: the base holds every setting, the systems change what differs."""

import json

import pytest
import yaml
from runs import REPOSITORY
from systems import BASE
from typer.testing import CliRunner

from resed.cli import app
from resed.config.loading import overlay
from resed.config.run import load_config
from resed.errors import ConfigError
from resed.settings import SystemSettings

CONFIG = load_config(root=REPOSITORY)


def leaves(values, before=""):
    for name, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{before}{name}.")
        else:
            yield before + name


def test_the_base_states_every_setting():
    whole = SystemSettings.model_validate(BASE)
    # Left out of dumps by default, so that trainings made before the key existed stay valid
    stated = [leaf for leaf in leaves(BASE) if leaf != "model.own"]
    assert stated == list(leaves(whole.model_dump())), "in the order of the classes"
    found = whole.model_dump(mode="json")
    assert json.loads(json.dumps(BASE)) == found | {"model": found["model"] | {"own": None}}


@pytest.mark.parametrize("name", ["pts", "mean_teacher", "guided_learning"])
def test_a_system_is_the_base_with_its_own_settings(name):
    files = (REPOSITORY / "config" / "systems").glob("*.yaml")
    entries = [yaml.safe_load(path.read_text()).get("systems", {}) for path in files]
    (own,) = [entry[name].get("settings", {}) for entry in entries if name in entry]
    expected = SystemSettings.model_validate(overlay(BASE, own))
    assert CONFIG.system(name) == expected
    assert CONFIG.base_settings(name) == BASE


def test_sizes_and_schedules_of_the_papers():
    """Numbers that the papers print, at the place where they are set."""
    pts, focal = CONFIG.system("pts"), CONFIG.system("pts_tfd_afl")
    guided, mean = CONFIG.system("guided_learning"), CONFIG.system("mean_teacher")
    batches = [
        tuple(getattr(system.schedule.batch, role) for role in ("weak", "strong", "unlabeled"))
        for system in (pts, guided, mean)
    ]
    assert batches == [(6, 8, 50), (6, 8, 50), (6, 6, 12)]
    assert (pts.schedule.epochs, guided.schedule.epochs, mean.schedule.epochs) == (200, 100, 100)
    assert (pts.schedule.learning_rate, pts.schedule.decay_every) == (0.0018, 20)
    assert (focal.schedule.stage_one, focal.objective.focal.gamma) == (15, 2)
    consistency = pts.objective.consistency
    assert (consistency.alpha_lambda, consistency.alpha_start) == (0.996, 30)
    assert guided.objective.consistency.alpha_start == 5


@pytest.mark.parametrize("key", ["systems", "system_seeds"])
def test_a_base_is_not_a_system(key):
    values = {"dataset": "demo", "systems": ["pts"], "system_seeds": {}}
    values[key] = ["base"] if key == "systems" else {"base": 2}
    with pytest.raises(ConfigError, match=rf"config\.{key}: unknown system base; known: .* more$"):
        load_config(values, REPOSITORY)
    assert "base" not in CONFIG.catalogue


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("systems: {mine: {title: t, base: bass}}", "unknown system bass; did you mean base"),
        (
            "systems: {mine: {title: t}}",
            "systems.mine.model: missing; add this key, or a base with all settings to "
            "systems.mine (base: base)",
        ),
        # Keys of earlier versions.
        (
            "systems: {mine: {title: t, base: base, row: 3}}",
            "aaa.yaml: systems.mine.row is a key of earlier versions; remove it; rows of tables in "
            "config/papers/{paper}/numbers.yaml name systems",
        ),
        (
            "systems: {mine: {title: t, base: base, stage: {tau: 10}}}",
            "systems.mine.stage is a key of earlier versions; remove it; ",
        ),
        ("systems: [pts]", "aaa.yaml.systems: Input should be a valid dictionary"),
        ("systems: {mine: 3}", "aaa.yaml.systems.mine: Input should be a valid dictionary"),
        ("bases: {base: {settings: {}}}", "base.yaml: bases.base is defined in another file too"),
        ("bases: {pts: {settings: {}}}", "liang.yaml: systems.pts is defined in another file too"),
        ("systems: {a: {title: t, base: b}, b: {title: t, base: a}}", "form a circle (a -> b)"),
    ],
)
def test_mistakes_in_a_file_of_systems(tmp_path, text, told):
    (tmp_path / "config" / "systems").mkdir(parents=True)
    for path in (REPOSITORY / "config" / "systems").glob("*.yaml"):
        (tmp_path / "config" / "systems" / path.name).write_text(path.read_text())
    (tmp_path / "config" / "datasets").symlink_to(REPOSITORY / "config" / "datasets")
    (tmp_path / "config" / "systems" / "aaa.yaml").write_text(text)
    name = next(iter(yaml.safe_load(text).get("systems", ["pts"])))
    with pytest.raises(ConfigError) as error:
        load_config({"dataset": "demo", "systems": [name]}, tmp_path)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


TFD = {"objective": {"distillation": {"tfd": True}}}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "--settings.objective.distillation.tfd: missing; pts_tfd has True (config/systems);"),
        (
            TFD,
            "systems.pts_tfd.model: missing; add this key; config/systems/base.yaml has all keys",
        ),
        (overlay(BASE, {**TFD, "model": {"widht": 1}}), "model.widht: unknown key; did you mean"),
        (
            overlay(BASE, TFD) | {"schedule": {"epochs": 3}},
            "systems.pts_tfd.schedule.stage_one: missing;",
        ),
    ],
)
def test_partial_settings_train_nothing(tmp_path, settings, told):
    """`{}` once trained another system under the name that was given."""
    stores = [f"--{role}={tmp_path}" for role in ("weak", "unlabeled", "strong", "development")]
    words = ["--dataset=demo", f"--root={tmp_path}", "--system=pts_tfd", "--seed=0", *stores]
    words += [f"--settings={json.dumps(settings)}", f"--out={tmp_path / 'out'}"]
    done = CliRunner().invoke(app, ["train", *words])
    assert told in str(done.exception)
    assert not (tmp_path / "out" / "checkpoint.pt").exists()


def test_the_study_is_of_the_last_system_if_none_is_named():
    values = {"dataset": "demo", "systems": ["pts_tfd", "pts"]}
    config = load_config(values, REPOSITORY)
    assert config.sensitivity.system == "pts"
    assert {row.system for row in config.sensitivity_rows()} == {"pts"}
    named = load_config({**values, "sensitivity": {"system": "pts_tfd"}}, REPOSITORY)
    assert named.sensitivity.system == "pts_tfd"


STORES = ("weak", "unlabeled", "strong", "development")


def trained(settings, system, *more):
    """`resed train` with settings, on stores that do not exist: the refusal comes before."""
    words = ["train", "--dataset", "demo", "--root", "x", "--system", system, "--out", "x", *more]
    words += ["--settings", settings if isinstance(settings, str) else json.dumps(settings)]
    for role in STORES:
        words += [f"--{role}", f"{role}.store"]
    return CliRunner().invoke(app, words).exception


@pytest.mark.parametrize(
    ("system", "settings", "told"),
    [
        ("pts_tfd", "{}", "--settings.objective.distillation.tfd: missing; pts_tfd has True"),
        ("pts_tfd", "pts", "--settings.objective.distillation.tfd: False is not pts_tfd; pts_tfd"),
        ("pts_tfd_afl_gamma3", "pts_tfd_afl", "focal.gamma: 2.0 is not pts_tfd_afl_gamma3"),
        ("guided_learning", "{}", "missing; guided_learning has"),
    ],
)
def test_b11_settings_of_another_system_are_refused(system, settings, told, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    if settings in CONFIG.catalogue:
        settings = CONFIG.system(settings).model_dump(mode="json")
    error = trained(settings, system)
    assert isinstance(error, ConfigError) and told in str(error)
    assert "--changed" in str(error)


def test_b11_settings_of_the_system_itself_are_not_refused(monkeypatch):
    """The next problem is reported: the stores are missing. `{}` is never a whole system."""
    monkeypatch.chdir(REPOSITORY)
    right = CONFIG.system("pts_tfd").model_dump(mode="json")
    assert "store" in str(trained(right, "pts_tfd"))
    other = CONFIG.system("pts").model_dump(mode="json")
    assert "store" in str(trained(other, "pts_tfd", "--changed"))
    assert "store" in str(trained(other, "my_own_name"))
    assert "systems.pts.model: missing" in str(trained("{}", "pts"))
    assert "systems.pts_tfd.model: missing" in str(trained("{}", "pts_tfd", "--changed"))


def test_b11_an_unknown_system_is_told_the_nearest_names():
    with pytest.raises(ConfigError) as caught:
        load_config({"dataset": "demo", "systems": ["pts_tdf"]}, REPOSITORY)
    assert "unknown system pts_tdf; did you mean pts_tfd or " in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        load_config({"dataset": "demo", "systems": ["zzz"]}, REPOSITORY)
    assert "and " in str(caught.value) and str(caught.value).count(", ") <= 8


@pytest.mark.parametrize(
    "settings",
    [
        {"seeds": True},
        {"system_seeds": {"pts": True}},
        {"override": {"schedule": {"epochs": True}}},
        {"override": {"schedule": {"learning_rate": True}}},
        {"override": {"model": {"teacher": {"pools": [[True, 4]]}}}},
        {"override": {"model": {"teacher": {"last_kernel": True}}}},
        {"features": {"frames": True}},
        {"acquire": {"scale": True}},
        {"audit": {"least": {"weak": False}}},
        {"calibrate": {"guard": False}},
    ],
)
def test_b9_true_and_false_are_no_numbers(settings):
    """`seeds: yes` is no single seed."""
    values = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    with pytest.raises(ConfigError, match="must be a number, not true or false"):
        load_config(overlay(values, settings), REPOSITORY)
    truths = {"sensitivity": {"report": True}, "acquire": {"keep_audio": False}}
    load_config(overlay(values, truths), REPOSITORY)
