"""What Snakemake says about wrong command lines and configs: one line with the cure."""

import logging
import os
import re
from pathlib import Path
from types import SimpleNamespace

import preloaded
import pytest
import yaml
from runs import REPOSITORY, copy_workflow
from snakemake.exceptions import MissingRuleException, WorkflowError
from snakemake.logging import logger
from test_escaping import HOSTILE, raw

import snakemake_logger_plugin_resed as messages
from resed import cli
from resed.config.run import load_config
from resed.config.run_plan import prediction_memory, run_size, training_memory
from resed.errors import ConfigError
from resed.runtime import machine
from resed.settings.memory import training_mb
from snakemake_logger_plugin_resed.options import malformed_option

DEMO = "config/demo.yaml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return copy_workflow(tmp_path_factory.mktemp("messages"))


def plan(folder: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    environment = {k: v for k, v in os.environ.items() if k != "SNAKEMAKE_PROFILE"}
    words = ["--cores", "2", "--dry-run", *arguments]
    return preloaded.plan(folder, words, environment | variables)


def refusal(folder: Path, *arguments: str, **variables: str) -> str:
    """The only line of resed about a command line that is refused; no traceback."""
    code, printed = plan(folder, *arguments, **variables)
    assert code == 1, printed[-2000:]
    assert "Traceback" not in printed and "Error" not in printed.replace("resed: ", "")
    lines = [line for line in printed.splitlines() if line.startswith("resed: ")]
    assert len(lines) == 1 and "; " in lines[0], printed
    return lines[0]


BAD_FILES = {
    "broken": (b"seeds: [1\nx: }", "broken.yaml line 2: not valid YAML"),
    "list": (b"[1, 2]", "list.yaml: must contain keys and values"),
    "empty": (b"", "empty.yaml: must contain keys and values"),
    "twice": (b"seeds: 3\noverride: {}\nseeds: 1\n", "line 3: key seeds is already in line 1"),
    "deep": (b"[" * 200_000, "deep.yaml line 1: nested more than 50 levels deep"),
    "digits": (b"seeds: " + b"9" * 5000, "digits.yaml line 1: number of 5000 characters"),
    "date": (b"seeds: 2019-13-45", "date.yaml line 1: 2019-13-45 is read as a date"),
    "nul": (b"seeds: \x00", "nul.yaml line 1: contains the invisible character \\x00"),
    "latin": (b"seeds: \xe9", "latin.yaml line 1: not UTF-8 text"),
    "alias": (b"a: &a [*a]", "alias.yaml line 1: an alias stands for a value"),
    "tab": (b"override:\n\tmodel: {}", "tab.yaml line 2: not valid YAML"),
    "template": (
        b"__use_yte__: true\n__definitions__:\n  - open('PWNED', 'w')\nseeds: 1\n",
        "template.yaml line 1: __use_yte__ would run parts of this file as Python",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_c11_c4_b7_a_bad_config_is_refused_before_snakemake_reads_it(folder, name):
    text, told = BAD_FILES[name]
    (folder / f"{name}.yaml").write_bytes(text)
    assert told in refusal(folder, "--configfile", DEMO, f"{name}.yaml")
    assert not (folder / "PWNED").exists()


def test_c11_a_missing_config_and_a_target_after_configs(folder):
    assert "nosuch.yaml: no such file; check the path" in refusal(
        folder, "--configfile", "nosuch.yaml"
    )
    told = "figures: no such config file; if it is a target, write it before --configfile"
    assert told in refusal(folder, "--configfile", DEMO, "figures")


def test_b7_a_repeated_key_is_refused_without_the_profile_too(folder):
    (folder / "twice.yaml").write_text("seeds: 3\nseeds: 1\n")
    words = ("--workflow-profile", "none", "--configfile", DEMO, "twice.yaml")
    assert "twice.yaml line 2: key seeds is already in line 1" in refusal(folder, *words)


def test_b7_a_repeated_key_of_the_base_is_refused(tmp_path):
    place = copy_workflow(tmp_path)
    base = place / "config" / "config.yaml"
    base.write_text(f"{base.read_text()}seeds: 2\n")
    told = r"config/config\.yaml line \d+: key seeds is already in line \d+"
    assert re.search(told, refusal(place, "--configfile", DEMO))


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("figuers", "figuers: no such target; did you mean figures"),
        ("tabel3", "tabel3: no such target; did you mean table3"),
        ("results/demo/nothing.csv", "no such target; use a file below results/"),
    ],
)
def test_c11_a_wrong_target_is_named_with_the_nearest(folder, target, told):
    assert told in refusal(folder, target, "--configfile", DEMO)


MALFORMED = [
    ("--resources", "mem_mb", "'mem_mb' is not NAME=NUMBER; write NAME=NUMBER, for example"),
    ("--resources", "mem_mb=", "'mem_mb=' is not NAME=NUMBER"),
    ("--res", "mem_mb=much", "--res: 'mem_mb=much' is not NAME=NUMBER"),
    ("--default-resources", "mem_mb", "'mem_mb' is not NAME=VALUE"),
    ("--set-threads", "train=x", "'train=x' is not RULE=NUMBER; write RULE=NUMBER, for example"),
    ("--set-threads", "train", "'train' is not RULE=NUMBER"),
    ("--set-resources", "train:mem_mb", "'train:mem_mb' is not RULE:NAME=VALUE"),
    ("--set-resources", "mem_mb=5", "'mem_mb=5' is not RULE:NAME=VALUE"),
]
WELL_FORMED = [
    ("--resources", "mem_mb=5", "gpu=1"),
    ("--res", "mem=4GB"),
    ("--default-resources", "mem_mb=max(2 * input.size_mb, 1000)", "slurm_account='x'"),
    ("--set-threads", "train=2", "predict=attempt", "score=attempt*2"),
    ("--set-resources", "train:mem_mb=5"),
    ("--until", "mem_mb", "--resources=mem_mb=5", "--", "--resources", "mem_mb"),
]


@pytest.mark.parametrize(("option", "value", "told"), MALFORMED)
def test_c11_malformed_values_of_options_are_named(option, value, told):
    for words in ([option, value], [option, value, "--cores", "2"], [f"{option}={value}"]):
        assert told in str(malformed_option(["figures", *words]))


@pytest.mark.parametrize("words", WELL_FORMED)
def test_c11_well_formed_values_of_options_pass(words):
    assert malformed_option(words) is None


@pytest.mark.parametrize("row", [0, 3, 4, 6])
def test_c11_malformed_values_of_options_are_one_line(folder, row):
    """Snakemake ends in a traceback: before it starts the plugin, or when it makes the jobs."""
    option, value, told = MALFORMED[row]
    assert told in refusal(folder, "table3", "--configfile", DEMO, option, value)


def test_c11_a_home_that_cannot_be_written_is_named(folder):
    line = refusal(folder, "table3", "--configfile", DEMO, HOME="/proc/1/x", XDG_CACHE_HOME="")
    assert "/proc/1" in line and "set HOME or XDG_CACHE_HOME to a folder that can be" in line


def test_c11_another_directory_uses_the_base_config(folder, tmp_path):
    """The same jobs as in the clone: config.yaml is not silently ignored."""
    jobs = []
    for words in ([], ["--directory", str(tmp_path / "made")]):
        code, printed = plan(folder, *words, "--configfile", DEMO)
        assert code == 0, printed[-2000:]
        jobs.append(printed[printed.index("job ") : printed.index("\n\n[")])
    here = tmp_path / "elsewhere"
    here.mkdir()
    words = ["--snakefile", str(folder / "Snakefile"), "--configfile", str(folder / DEMO)]
    code, printed = plan(here, *words)
    jobs.append(printed[printed.index("job ") : printed.index("\n\n[")])
    assert jobs[0] == jobs[1] == jobs[2]


def test_c11_input_that_is_missing_is_one_line(folder):
    values = yaml.safe_load((REPOSITORY / "docs/examples/six_classes.yaml").read_text())
    (folder / "mine.yaml").write_text(yaml.safe_dump(values))
    line = refusal(folder, "audit", "--config", "dataset=mine.yaml")
    assert "data/six_classes/metadata" in line and "resed check --dataset NAME lists" in line


def configured(**changes):
    values = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    return load_config(values | changes, REPOSITORY)


def test_b11_a_plan_says_its_size(folder):
    _, printed = plan(folder, "--configfile", DEMO)
    assert "Plan: demo, 5 % of the full size: about 935 clips; 16 systems, 14 trainings" in printed
    (folder / "mine.yaml").write_text("systems: [pts]\nseeds: 3\n")
    _, printed = plan(folder, "--configfile", "mine.yaml")
    told = "Plan: dcase2019, full size: about 19895 clips; 1 system, 3 trainings of 200 epochs"
    assert told in printed, "an overlay without the config of the demo has full size"


def test_b11_the_size_counts_the_study():
    chosen = configured(dataset="demo", systems=["pts"], sensitivity={"report": True, "seeds": 2})
    trained = {chosen.trained_as(row) for row in chosen.sensitivity_rows()} - {"pts"}
    assert run_size(chosen).endswith(f" and {2 * len(trained)} of the study of readings")


MEASURED = [  # MB of batches of the paper's features and networks, and of the demo
    ("pts_tfd_afl", {"weak": 1, "strong": 1, "unlabeled": 6}, 2872),
    ("pts_tfd_afl", {"weak": 2, "strong": 2, "unlabeled": 12}, 4070),
    ("pts_tfd_afl", {"weak": 6, "strong": 8, "unlabeled": 50}, 8200),
    ("guided_learning", {"weak": 3, "strong": 4, "unlabeled": 25}, 5525),
    ("mean_teacher", {}, 4410),
]


@pytest.mark.parametrize(("system", "batch", "peak"), MEASURED)
def test_c9_a_training_declares_the_memory_that_was_measured(system, batch, peak):
    chosen = configured()
    settings = chosen.system(system)
    schedule = settings.schedule.model_copy(
        update={"batch": settings.schedule.batch.model_copy(update=batch)}
    )
    features = chosen.feature_sets[chosen.features_of(system)]
    declared = training_mb(settings.model, schedule, features)
    assert peak < declared < 2 * peak


def test_c9_memory_grows_with_networks_features_and_batch():
    full, thin = configured(), configured(override={"model": {"width": 0.1}})
    short = configured(features={"frames": 300, "hop": 1470})
    for row in ("pts", "mean_teacher", "guided_learning"):
        assert training_memory(thin, row) < training_memory(full, row) / 3
        assert prediction_memory(full, row) < training_memory(full, row)
    assert training_memory(short, "pts") < training_memory(full, "pts") * 0.6


def test_c9_each_rule_declares_memory():
    for path in (REPOSITORY / "workflow" / "rules").glob("*.smk"):
        text = path.read_text()
        shells, uses = text.count("    shell:\n"), text.count("        mem_mb=")
        assert shells == uses, path.name


class Workflow:
    """What share_memory uses of a workflow of Snakemake."""

    def __init__(self, nodes=None, **given):
        self.global_resources = {"_nodes": SimpleNamespace(value=nodes), **given}

    def register_resource(self, name, value):
        self.global_resources[name] = value


def test_c9_a_limit_of_the_user_and_other_machines_stay():
    own, cluster, given = Workflow(), Workflow(nodes=100), Workflow(mem_mb=5)
    for workflow in (own, cluster, given):
        machine.share_memory(workflow)
    assert own.global_resources["mem_mb"] == machine.memory_mb()
    assert "mem_mb" not in cluster.global_resources
    assert given.global_resources["mem_mb"] == 5


def test_c9_the_memory_of_a_container_counts(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(machine, "CGROUPS", (limit,))
    whole = machine.memory_mb()
    assert 500 < whole < 10**8
    limit.write_text("2000000000\n")
    assert machine.memory_mb() == 2000
    limit.write_text("max\n")
    assert machine.memory_mb() == whole


@pytest.mark.parametrize("seed", [-1, 2**32, 2**64, 10**30])
def test_c7_a_seed_past_its_bounds_is_refused(seed):
    with pytest.raises(ConfigError, match=r"config\.acquire\.seed"):
        configured(acquire={"seed": seed})


@pytest.mark.parametrize("key", ["seeds", "system_seeds", "sensitivity"])
def test_c7_a_number_of_seeds_is_bounded(key):
    values = {"seeds": 10**9, "system_seeds": {"pts": 10**9}, "sensitivity": {"seeds": 10**9}}
    with pytest.raises(ConfigError, match=rf"config\.{key}"):
        configured(**{key: values[key]})


@pytest.fixture
def filtered():
    """The messages that pass the filter."""
    told: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record):
            told.append(record.getMessage())
            told.extend(v for v in record.__dict__.values() if isinstance(v, str))

    handler, one = Kept(), messages.PlainMessages(["figuers"])
    level = logger.level
    logger.addHandler(handler)
    logger.addFilter(one)
    logger.setLevel(logging.INFO)
    yield told
    logger.setLevel(level)
    logger.removeFilter(one)
    logger.removeHandler(handler)


def test_c8_messages_of_snakemake_are_plain(filtered):
    logger.info(f"job {HOSTILE}", extra={"rule_msg": HOSTILE, "input": [HOSTILE], "event": None})
    assert filtered and not raw("".join(filtered))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device", "results/x"), "results/x: No space left on device"),
        (OSError(28, "x", "results/x"), "; free disk space"),
        (OSError(122, "x", "results/x"), "; free disk space"),
        (PermissionError(13, "x", "/proc/x"), "/proc/x: x; change the permissions"),
        (OSError(30, "x", "/data/mine/audio"), "/data/mine/audio: x; change the permissions"),
        (FileNotFoundError(2, "x", "/data/mine/audio"), "/data/mine/audio: x; check the path"),
        (OSError(36, "x", "/data/" + "y" * 300), "; rename it"),
        (OSError(5, "x", "/data/a"), "/data/a: x; check this file and its disk"),
        (PermissionError(13, "x", "/home/me/.cache/snakemake/a"), "; set HOME or XDG_CACHE_HOME"),
        (PermissionError(13, "x", "/home/me"), "; set HOME or XDG_CACHE_HOME"),
        (PermissionError(13, "x", "/home/other"), "/home/other: x; change the permissions"),
        (ConfigError("wrong", place="a", cure="mend it"), "a: wrong; mend it"),
    ],
)
def test_c11_errors_become_one_line(monkeypatch, error, told):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert told in str(messages.mended(error))


@pytest.mark.parametrize(
    ("number", "cure"),
    [(2, "check the path"), (36, "rename it"), (28, "free disk space"),
     (1, "change the permissions"), (5, "check this file and its disk")],
)  # fmt: skip
def test_c11_errors_of_commands_have_the_cure_of_their_number(monkeypatch, capsys, number, cure):
    def fail():
        raise OSError(number, "told", "/data/mine/audio")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().err == f"resed: /data/mine/audio: told; {cure}\n"


def test_c11_other_messages_of_snakemake_stay():
    for error in (WorkflowError("x"), RuntimeError("bug"), OSError("no name")):
        assert messages.mended(error) is None
    messages.known_targets(["figures", "tables"])
    error = MissingRuleException("figuers")
    assert "did you mean figures" in str(messages.mended(error, ["figuers"]))
    assert messages.mended(error, ["figures"]) is None


def test_both_profiles_load_the_messages():
    for name in ("default", "slurm"):
        profile = REPOSITORY / "workflow" / "profiles" / name / "config.yaml"
        assert yaml.safe_load(profile.read_text())["logger"] == "resed"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["seeds=1", "figures"], "figures has no value; write KEY=VALUE; if it is a target"),
        (["dataset"], "dataset has no value"),
        (["override.schedule.epochs=1"], "'override.schedule.epochs' is not a key; write nested"),
        (["=1"], "'' is not a key"),
        (["x\x1b[31m\ny"], "x\\x1b[31m y has no value"),
    ],
)
def test_c11_words_after_config_that_are_no_values_are_one_line(words, told):
    """Snakemake ends in a traceback, after it took the target for one of them."""
    with pytest.raises(SystemExit) as ended:
        messages.check_config_values(words)
    line = str(ended.value.code)
    assert line.startswith("resed: --config: ") and told in line and "\n" not in line
    messages.check_config_values(["seeds=1", "override={schedule: {epochs: 1}}", "dataset="])


def test_c11_a_wrong_rule_of_an_option_is_named(monkeypatch):
    words = ["snakemake", "figures", "--forcerun", "figuers", "--until", "tables"]
    monkeypatch.setattr("sys.argv", words)
    arguments = messages._arguments()
    messages.known_targets(["figures", "tables"])
    error = messages.MissingRuleException("figuers")
    told = str(messages.mended(error, messages.named_rules(arguments)))
    assert told == "figuers: no such target; did you mean figures?"
