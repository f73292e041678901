"""Names that a user can write: they reach commands as they are, or are refused in one line."""

import json
import os
import re
import subprocess
from pathlib import Path

import preloaded
import pytest
import yaml
from five_roles import ROLES
from runs import REPOSITORY, copy_workflow

from resed.check import check_dataset
from resed.config.dataset import load_dataset
from resed.config.run import load_config
from resed.errors import ConfigError

RULES = sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))
NUMBERS = {"threads", "resources.downloads", "resources.jobs_per_gpu"}  # not quoted
ENDS = r" (2>&1 \| tee|>) results/[^ ]*( 2>&1)?$"  # where a command writes its log
PLAIN = {"sensitivity": {"report": False}}
# Names that work, in places where they stand. PWNED exists if a shell ran any of them.
NAMES = [
    "my strong (v2).tsv",
    "$(touch PWNED)x.tsv",
    "`touch PWNED`.tsv",
    "a; touch PWNED;.tsv",
    'it\'s "quoted".tsv',
    "100 % & more | less > out < in.tsv",
    "-rf.tsv",
    "[a-z]*?.tsv",
    "Häher 二 \U0001f426.tsv",
    "${HOME}~!#\\n.tsv".replace("{HOME}", "HOME"),
]
BRACES = ["{x}", "{wildcards.split}", "{{x}}", "{input}", "%(x)s", "{0}"]


def shells(text: str) -> list[str]:
    """The commands of a file of rules."""
    return re.findall(r"^    shell:\n((?: {8}.*\n)+)", text, re.MULTILINE)


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_a4_every_value_of_a_command_is_quoted(path):
    for command in shells(path.read_text()):
        values = re.findall(r"\{([^{}]*)\}", command)
        assert values
        assert not [v for v in values if not v.endswith(":q") and v not in NUMBERS]


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_a4_no_parameter_is_read_as_a_pattern(path):
    """Snakemake expands braces in plain text, but not in what a function returns."""
    assert not re.findall(
        r"^\s+\w+=(?:DATASET_FILE|DATASET\.\w+),$", path.read_text(), re.MULTILINE
    )


def test_a4_commands_are_found():
    commands = [command for path in RULES for command in shells(path.read_text())]
    assert len(commands) == sum(path.read_text().count("    shell:\n") for path in RULES)
    assert len(commands) >= 14


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of the workflow in a hostile folder, and a program that notes its words."""
    place = copy_workflow(tmp_path_factory.mktemp("a 'b' $(touch PWNED) (c)"))
    program = place / "bin" / "resed"
    program.parent.mkdir()
    program.write_text(
        "#!/usr/bin/env python3\nimport json, sys\n"
        "with open('words.jsonl', 'a') as handle: print(json.dumps(sys.argv[1:]), file=handle)\n"
    )
    program.chmod(0o755)
    return place


def planned_words(folder: Path, arguments: list[str]) -> list[list[str]]:
    """The words that each command of a plan gets, run by bash."""
    environment = {k: v for k, v in os.environ.items() if k != "SNAKEMAKE_PROFILE"}
    code, printed = preloaded.plan(
        folder, ["--cores", "2", "--dry-run", "--printshellcmds", *arguments], environment
    )
    assert code == 0, printed[-3000:]
    lines = [line.strip().removeprefix("Shell command: ") for line in printed.splitlines()]
    commands = [re.sub(ENDS, "", line) for line in lines if re.match("resed [a-z]+ --", line)]
    assert commands and not [line for line in commands if "results/demo/logs" in line]
    noted = folder / "words.jsonl"
    noted.unlink(missing_ok=True)
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(commands)],
        cwd=folder,
        env={**environment, "PATH": f"{folder / 'bin'}:{environment['PATH']}"},
        check=True,
    )
    assert not list(folder.rglob("PWNED"))
    return [json.loads(line) for line in noted.read_text().splitlines()]


def value(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def test_a4_c3_names_reach_commands_as_they_are(folder):
    values = yaml.safe_load((REPOSITORY / "config/datasets/demo.yaml").read_text())
    names = dict(zip(ROLES, NAMES, strict=False))
    for role, name in names.items():
        values["splits"][role]["annotations"] = f"metadata/{role}/{name}"
    values["classes"][:3] = ["a {class}", "$(touch PWNED)", "it's `x`; %"]
    values["title"] = values["note"] = "{title} $(touch PWNED)"
    file = folder / "-it's {my} data $(touch PWNED).yaml"
    file.write_text(yaml.safe_dump(values, allow_unicode=True))
    overlay = folder / "over (lay).yaml"
    chosen = {
        "dataset": file.name,
        "acquire": {"scale": 0.01, "soundbank": "{wildcards.split} $(touch PWNED)"},
        **PLAIN,
    }
    overlay.write_text(yaml.safe_dump({**chosen, "systems": ["pts"]}))
    found = planned_words(folder, ["--configfile", "config/demo.yaml", overlay.name])
    of = {name: [words for words in found if words[0] == name] for name in {w[0] for w in found}}
    assert {value(words, "--dataset") for words in of["acquire"]} == {file.name}
    assert {value(words, "--soundbank") for words in of["acquire"]} == {
        "{wildcards.split} $(touch PWNED)"
    }
    strong = f"data/demo/metadata/strong/{names['strong']}"
    assert {value(words, "--events") for words in of["calibrate"]} == {strong}
    development = f"data/demo/metadata/development/{names['development']}"
    assert value(of["decode"][0], "--reference") == development
    assert f"development={development}" in of["score"][0]
    assert value(of["train"][0], "--dataset") == file.name
    assert json.loads(value(of["report"][0], "--config-json"))["dataset"] == file.name


@pytest.mark.parametrize("word", ["".join(BRACES), " ".join(NAMES)], ids=["braces", "names"])
def test_a4_c3_every_word_of_a_config_reaches_its_command(folder, word):
    overlay = folder / "overlay.yaml"
    chosen = {"acquire": {"soundbank": word, "annotations": word}, "systems": ["pts"], **PLAIN}
    overlay.write_text(yaml.safe_dump(chosen, allow_unicode=True))
    arguments = ["results/demo/acquire/weak.json", "--configfile", "config/demo.yaml"]
    (words,) = planned_words(folder, [*arguments, overlay.name])
    assert value(words, "--soundbank") == value(words, "--annotations") == word


@pytest.mark.parametrize("names", [NAMES[:5], NAMES[5:]], ids=["first", "second"])
def test_a4_c3_own_annotations_with_any_name_are_inputs(folder, names):
    """Annotations of one's own are inputs of a rule, whose names Snakemake expands."""
    values = yaml.safe_load((REPOSITORY / "docs/examples/six_classes.yaml").read_text())
    values["name"] = "own"
    for role, name in zip(ROLES, names, strict=True):
        values["splits"][role]["annotations"] = f"metadata/{name}"
        path = folder / "data/own/metadata" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (folder / "config/datasets/own.yaml").write_text(yaml.safe_dump(values, allow_unicode=True))
    overlay = folder / "overlay.yaml"
    overlay.write_text(yaml.safe_dump({"dataset": "own", "systems": ["pts"], **PLAIN}))
    targets = [f"results/own/acquire/{role}.json" for role in ROLES]
    found = planned_words(folder, [*targets, "--configfile", overlay.name])
    assert sorted(value(words, "--split") for words in found) == sorted(ROLES)


def refused(tmp_path: Path, change) -> tuple[str, list[str]]:
    """What the config and what `check` say about a changed dataset file."""
    values = yaml.safe_load((REPOSITORY / "docs/examples/six_classes.yaml").read_text())
    change(values)
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump(values, allow_unicode=True))
    with pytest.raises(ConfigError) as caught:
        load_dataset(file)
    _, messages = check_dataset(file, tmp_path)
    errors = [one.text for one in messages.found if one.level == "error"]
    assert all("\n" not in text for text in (str(caught.value), *errors))
    return str(caught.value), errors


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("metadata/{x}.tsv", "must not contain braces"),
        ("metadata/a\nb.tsv", "must not contain line ends or tabs"),
        ("metadata/a\tb.tsv", "must not contain line ends or tabs"),
        ("../x.tsv", "must be a path below the dataset's root"),
        ("/etc/passwd", "must be a path below the dataset's root"),
        ("metadata/\x1b[31m.tsv", "contains the invisible character \\x1b"),
        ("metadata/a\u202eb.tsv", "contains the invisible character \\u202e"),
    ],
)
def test_c3_names_that_cannot_work_are_refused_by_config_and_check(tmp_path, name, told):
    def change(values):
        values["splits"]["strong"]["annotations"] = name

    error, errors = refused(tmp_path, change)
    assert told in error and any(told in line for line in errors)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a,b", "contains a comma"),
        ("a/b", "contains a slash"),
        ("a\nb", "contains a line end"),
        ("a\tb", "contains a tab"),
        (" a", "leading or trailing spaces"),
        ("", "contains no characters"),
        ("..", "is the name of a folder"),
        ("x" * 201, "is longer than 200 characters"),
        ("\x1b]0;x\x07", "contains the invisible character"),
    ],
)
def test_c3_classes_that_cannot_work_are_refused_by_config_and_check(tmp_path, name, told):
    def change(values):
        values["classes"][0] = name

    error, errors = refused(tmp_path, change)
    assert told in error and any(told in line for line in errors)


def test_c3_a_folder_with_braces_is_refused_in_one_line(tmp_path):
    place = tmp_path / "a {x}"
    copy_workflow(place.mkdir() or place)
    arguments = ["--cores", "1", "--dry-run", "--configfile", "config/demo.yaml"]
    code, printed = preloaded.plan(place, arguments, dict(os.environ))
    assert code == 1
    (line,) = [line for line in printed.splitlines() if line.startswith("resed: ")]
    assert "Snakemake reads braces in paths as wildcards; rename the folder" in line
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("papers/liang_journal.yaml", "a paper is a folder, so nothing reads this file"),
        ("papers/liang/number.yaml", "nothing reads this file; rename it to one of numbers.yaml"),
        ("papers/liang/claims.yml", "nothing reads this file; rename it to one of numbers.yaml"),
        ("systems/mine.yml", "nothing reads this file; rename it to mine.yaml"),
        ("datasets/mine.yml", "nothing reads this file; rename it to mine.yaml"),
        ("readings.yaml", "readings belong to a paper"),
    ],
)
def test_a_file_that_nothing_reads_is_refused(tmp_path, name, told):
    place = copy_workflow(tmp_path)
    (place / "config" / name).write_text("a: 1\n")
    with pytest.raises(ConfigError, match=told):
        load_config(root=place)
