"""A result names its code: fingerprints of stages, and what a change of code makes stale."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from made_page import make_page_input
from made_results import be_the_papers_data, make_results, make_root
from runs import REPOSITORY

from resed.config.rows import Row
from resed.report import render
from resed.results.folder import Results
from resed.runtime import checksums, fingerprint
from resed.runtime.files import write_json
from resed.runtime.staleness import RULES, Made
from resed.tabulate import make_table
from resed.tabulate.markdown import markdown

SOURCE = REPOSITORY / "src" / "resed"
HERE: dict[str, str] = {}
OLD = "0" * 64


@pytest.fixture(scope="module", autouse=True)
def _here():
    """Not at import: all processes of the tests import this file, and one of them needs it."""
    HERE.update({stage: fingerprint.code_of(stage).fingerprint for stage in RULES})


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """A function: stages whose fingerprint a change of one file of the source changes."""
    copy = tmp_path_factory.mktemp("source") / "resed"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))

    def change(name, old, new):
        path = copy / name
        before = path.read_text()
        assert re.search(old, before), f"{name} has no {old}"
        path.write_text(re.sub(old, new, before, count=1))
        try:
            found = {stage: fingerprint.code_of(stage, copy).fingerprint for stage in RULES}
        finally:
            path.write_text(before)
        return {stage for stage in RULES if found[stage] != HERE[stage]}

    return change


def test_a_copy_of_the_source_has_the_same_fingerprints(changed):
    assert changed("cli/train.py", r"\A", "") == set()


@pytest.mark.parametrize(
    ("name", "old", "new", "stale"),
    [
        (
            "train/objective.py",
            r"torch\.exp\(settings\.gamma",
            "torch.exp(2 * settings.gamma",
            {"train"},
        ),
        ("extract/logmel.py", r"np\.log\(features", "np.log10(features", {"extract", "train"}),
        ("runtime/files.py", r"os\.replace\(temporary, path\)", "pass", set(RULES)),
        ("tabulate/claims.py", r"\Z", "\nUNUSED = 1\n", {"tabulate"}),
        ("report/page_table.py", r"TALL = 24", "TALL = 25", {"report"}),
        # Text with spaces that is no message: torch loads only such pickles.
        ("formats/tensors.py", r"torch\._utils _rebuild_tensor_v2", "a b", {"train", "predict"}),
    ],
)
def test_b6_a_change_of_code_is_noticed_where_it_is_used(changed, name, old, new, stale):
    found = changed(name, old, new)
    assert stale <= found
    if len(stale) == 1 and "train" not in stale:
        assert not found & {"extract", "train", "predict", "decode", "score"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("train/resume.py", r"training continues", "it goes on"),  # a message
        ("train/objective.py", "The factor before log p", "Other words"),  # a docstring
        ("train/objective.py", r"\Z", "\n# a comment\n\n"),
        ("train/objective.py", r"\n\n\n", "\n\n\n\n\n"),
        ("report/page_table.py", r"TALL = 24", "TALL = 25"),  # the page
        ("cli/report.py", r"\Z", "\nUNUSED = 1\n"),
    ],
)
def test_b6_no_training_is_stale_after_a_change_that_cannot_change_it(changed, name, old, new):
    assert not changed(name, old, new) & {"extract", "train", "predict", "decode", "score"}


def test_imports_are_followed_through_others_and_inside_functions(tmp_path):
    files = {
        "cli/work": "def work():\n    from resed.one import f\n",
        "one": "from importlib import import_module\n\nfrom resed import two\nimport numpy\n\n"
        'x = import_module(f"resed.all.{two}")\n',
        "two": "import os\n",
        "all/__init__": "",
        "all/a": "VALUE = 1\n",
        "other": "VALUE = 1\n",
        "cli/__init__": "VALUE = 1\n",
    }
    for name, text in files.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    before = fingerprint.code_of("work", tmp_path)
    assert before.packages == ("numpy",)
    for name, used in {
        **dict.fromkeys(("cli/work", "one", "two", "all/a"), True),
        **dict.fromkeys(("other", "cli/__init__"), False),
    }.items():
        path = tmp_path / f"{name}.py"
        path.write_text(files[name] + "MORE = 2\n")
        assert (fingerprint.code_of("work", tmp_path) != before) == used, name
        path.write_text(files[name])
    with pytest.raises(KeyError):
        fingerprint.code_of("play", tmp_path)


def test_a_process_uses_the_fingerprints_of_its_run_only_for_the_same_sources(monkeypatch):
    monkeypatch.setenv(fingerprint.VARIABLE, "")
    fingerprint.hand_to_jobs(["train"])
    given = json.loads(os.environ[fingerprint.VARIABLE])
    assert given["stages"]["train"][0] == HERE["train"]
    for sources, expected in ((given["sources"], OLD), (OLD, HERE["train"])):
        given |= {"sources": sources, "stages": {"train": [OLD, "numpy"]}}
        monkeypatch.setenv(fingerprint.VARIABLE, json.dumps(given))
        fingerprint._handed.cache_clear()
        assert fingerprint.code_of("train").fingerprint == expected
    for wrong in ("[]", "{", '{"sources": 1}', json.dumps(given | {"stages": []})):
        monkeypatch.setenv(fingerprint.VARIABLE, wrong)
        fingerprint._handed.cache_clear()
        assert fingerprint.code_of("train").fingerprint == HERE["train"]
    fingerprint._handed.cache_clear()


def test_rules_of_stages_are_those_of_the_workflow():
    rules = set()
    for path in (REPOSITORY / "workflow" / "rules").glob("*.smk"):
        rules |= set(re.findall(r"^(?:use rule \w+ as|rule) (\w+)", path.read_text(), re.MULTILINE))
    targets = {"figures", "sensitivity", "tables"}  # no command of their own
    assert {rule for names in RULES.values() for rule in names} == rules - targets


# ---- records -------------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A file that a run made in the stage train."""
    results = tmp_path / "results" / "demo"
    monkeypatch.setenv(checksums.VARIABLE, str(results))
    monkeypatch.setitem(fingerprint._making, "stage", "train")
    write_json(results / "train" / "a.json", {"a": 1})
    return results


def test_a_record_names_stage_code_packages_and_device(made):
    record = checksums.record_of(made, "train/a.json")
    maker = checksums.maker_of(record)
    assert (maker["stage"], maker["code"], maker["device"]) == ("train", HERE["train"], "cpu")
    import torch

    assert maker["packages"]["torch"] == str(torch.__version__)
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", record], cwd=made, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "train/a.json: OK\n")


def test_a_changed_record_is_corrupt_and_an_old_one_has_no_maker(made):
    record = checksums.record_of(made, "train/a.json")
    text = record.read_text()
    for old, new in (('"train"', '"trainx"'), ("# {", "# [{"), ('"device"', '"Device"')):
        record.write_text(text.replace(old, new))
        with pytest.raises(checksums.AlteredError, match="record is corrupt"):
            checksums.read(made, "train/a.json")
    record.write_text(text.splitlines(keepends=True)[0])
    assert checksums.read(made, "train/a.json") == checksums.digest(made / "train" / "a.json")
    assert checksums.maker_of(record) is None
    assert Made.of(made).lines() == []


def test_stale_files_are_named_with_the_command_that_redoes_them(made):
    assert Made.of(made).lines() == []
    (line,) = Made.of(made, {"train": OLD}).lines(["config/my demo.yaml"])
    assert line == (
        "train: 1 of 1 files were made by other code of resed (train/a.json) and are kept; to "
        "redo them: snakemake --cores all --configfile 'config/my demo.yaml' --forcerun train"
    )
    (made / "train" / "a.json").unlink()
    assert Made.of(made, {"train": OLD}).lines() == []


def test_other_versions_and_devices_are_named_and_make_nothing_stale(made, monkeypatch):
    monkeypatch.setitem(fingerprint._making, "device", "a GPU")
    other = {"stage": "train", "code": HERE["train"], "packages": {"numpy": "1.0"}}
    monkeypatch.setattr(fingerprint, "_made_by", lambda stage: other)
    write_json(made / "train" / "b.json", {})
    found = Made.of(made)
    assert found.stale() == {}
    import numpy

    (line,) = found.lines()
    assert f"numpy 1.0, {numpy.__version__}" in line
    assert "device a GPU, cpu" in line


def test_versions_of_now_are_compared_with_those_of_the_run(made):
    record = checksums.record_of(made, "train/a.json")
    maker = checksums.maker_of(record)
    maker["packages"]["torch"] = "1.0"
    checksums._write(
        record, checksums.digest(made / "train" / "a.json"), Path("train/a.json"), maker
    )
    (line,) = Made.of(made).lines()
    assert line.startswith("made with several versions: torch 1.0, ")
    assert Made.of(made).stale() == {}
    assert "(and your --configfile)" in Made.of(made, {"train": OLD}).lines()[0]


# ---- tables and page -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Made-up results whose trainings of pts were made by other code."""
    root = tmp_path_factory.mktemp("stale")
    config = make_root(root)
    folder = make_results(config, 20)
    be_the_papers_data(root)  # the paper's numbers stand beside ours on its own data only
    found = Results.of(config, folder)
    make_page_input(found)
    for trained in {config.trained_as(name) for name in config.systems}:
        place = folder / "train" / trained / "seed0"
        place.mkdir(parents=True, exist_ok=True)
        (place / "checkpoint.pt").touch()
        relative = (place / "checkpoint.pt").relative_to(folder)
        maker = fingerprint.made_by("train") | {"code": OLD if trained == "pts" else HERE["train"]}
        record = checksums.record_of(folder, relative)
        checksums._write(record, checksums.digest(folder / relative), relative, maker)
    return Results.of(config, folder)


def test_rows_that_rest_on_a_stale_training_are_known(results):
    stale = results.stale
    assert stale.stages(Row("pts")) == stale.stages(Row("pts").tuned) == ("train",)
    assert stale.stages(Row("pts_tfd")) == ()
    sharing = {n for n in results.config.systems if results.config.trained_as(n) == "pts"}
    assert set(stale.of_systems(results.config.systems)) == sharing


def test_b6_numbers_of_stale_trainings_are_marked(results):
    table = make_table("table1", results)
    ours = table.frame[table.frame["system"] == "pts"]
    assert set(ours["stale"]) == {"train"}
    assert set(table.frame.loc[table.frame["system"] == "pts_tfd", "stale"]) == {""}
    text = markdown(table)
    assert "Made in part by other code of resed" in text
    title = results.config.catalogue["pts"].title
    (line,) = {
        line for line in text.splitlines() if f"| {title} |" in line and "| evaluation |" in line
    }
    cells = [cell.strip() for cell in line.split("|")[4:-1]]
    marked = [bool(re.match(r"[\d.]+†", cell)) for cell in cells]
    assert marked[:2] == [True, False], "our number is marked, the paper's is not"
    assert "†" not in next(x for x in text.splitlines() if "| nothing detected |" in x)
    comparisons = make_table("comparisons", results).frame
    both = comparisons[(comparisons["system"] == "pts_tfd") & (comparisons["against"] == "pts")]
    assert set(both["stale"]) == {"train"}


def test_b6_the_page_names_stale_stages(results):
    page = render(results)
    assert "made by other code of resed than" in page
    assert "--forcerun train" in page
