"""Soundbanks: a missing one is noticed before the first job, equal recordings are remarked."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from runs import REPOSITORY, copy_workflow, snakemake
from sounds import good

from resed.acquire.run_inputs import guard_inputs
from resed.acquire.soundscapes.inputs import check_inputs
from resed.check import check_dataset
from resed.config.dataset import load_dataset
from resed.config.stages import AcquireSettings
from resed.errors import DatasetError, MissingFileError, ResedError


@pytest.fixture
def esc10():
    return load_dataset("esc10", REPOSITORY)


@pytest.fixture
def bank(tmp_path, esc10):
    """A soundbank with one recording of each class in each fold."""
    folder = tmp_path / "bank"
    folder.mkdir()
    rows, number = ["file,class,fold"], 0
    for label, item in esc10.soundscapes["classes"].items():
        for fold in range(1, 6):
            name, number = f"{label}_{fold}.wav", number + 1
            good(folder / name, 0.05, seed=number)
            rows.append(f"{name},{item.get('sound') or label},{fold}")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    return folder


def first(esc10) -> str:
    return next(iter(esc10.soundscapes["classes"]))


def test_f5_equal_recordings_on_both_sides_of_a_soundbank_are_remarked(esc10, bank):
    assert check_inputs(esc10, bank, None) == []
    label = first(esc10)
    shutil.copy(bank / f"{label}_1.wav", bank / f"{label}_2.wav")  # folds 1 to 3 are training
    assert check_inputs(esc10, bank, None) == []
    shutil.copy(bank / f"{label}_1.wav", bank / f"{label}_4.wav")
    shutil.copy(bank / f"{label}_3.wav", bank / f"{label}_5.wav")
    remarks = check_inputs(esc10, bank, None)
    assert len(remarks) == 2
    assert remarks[0].startswith(
        f"{label}_1.wav (training) and {label}_4.wav (development) have equal bytes; test clips"
    )
    assert f"{label}_3.wav (training) and {label}_5.wav (evaluation)" in remarks[1]


def test_f5_the_check_remarks_them(esc10, bank, tmp_path):
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    label = first(esc10)
    shutil.copy(bank / f"{label}_1.wav", bank / f"{label}_5.wav")
    config = tmp_path / "mine.yaml"
    config.write_text(f"dataset: esc10\nsystems: [pts]\nacquire: {{soundbank: {bank}}}\n")
    found = check_dataset("esc10", tmp_path / "data", config, tmp_path)[1].found
    (note,) = [one.text for one in found if "equal bytes" in one.text]
    assert note.startswith(f"{bank}: {label}_1.wav (training) and {label}_5.wav (evaluation)")


@pytest.mark.parametrize("missing", ["folder", "list", "recording"])
def test_c10_a_missing_soundbank_is_an_error_of_the_check(esc10, bank, tmp_path, missing):
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    if missing == "list":
        (bank / "clips.csv").unlink()
    (bank / f"{first(esc10)}_5.wav").unlink()
    chosen = "null" if missing == "folder" else bank
    config = tmp_path / "mine.yaml"
    config.write_text(f"dataset: esc10\nsystems: [pts]\nacquire: {{soundbank: {chosen}}}\n")
    found = check_dataset("esc10", tmp_path / "data", config, tmp_path)[1].found
    (line,) = [one.text for one in found if one.level == "error"]
    words = {
        "folder": "soundbank esc10: no folder; download it from",
        "list": f"{bank}: no soundbank: neither clips.csv nor meta/esc50.csv exists; download",
        "recording": f"{bank / first(esc10)}_5.wav: no such file (1 of 50 recordings are missing)",
    }
    assert line.startswith(words[missing])


def run(dataset, settings, records, dry=False):
    """Guard a workflow of which nothing is executed; whether it would have been."""
    workflow = SimpleNamespace(is_main_process=True, execute=lambda **_: "executed")
    guard_inputs(workflow, dataset, settings, records)
    plugin = SimpleNamespace(common_settings=SimpleNamespace(dryrun_exec=dry))
    return workflow.execute(executor_plugin=plugin)


def test_c10_a_run_without_its_soundbank_ends_before_the_first_job(esc10, bank, tmp_path, capsys):
    nothing, records = AcquireSettings(), [tmp_path / "weak.json", tmp_path / "strong.json"]
    with pytest.raises(SystemExit) as ended:
        run(esc10, nothing, records)
    line = str(ended.value.code)
    assert line.startswith("resed: soundbank esc10: no folder; download it from ")
    assert "acquire.soundbank" in line and "\n" not in line
    assert run(esc10, nothing, records, dry=True) == "executed"  # a plan is shown, with that line
    assert capsys.readouterr().err == f"{line}\n"
    assert run(esc10, AcquireSettings(soundbank=str(bank)), records) == "executed"
    assert run(load_dataset("demo", REPOSITORY), nothing, records) == "executed"
    for record in records:  # restored or acquired: no soundbank is needed
        record.write_text("{}")
    assert run(esc10, nothing, records) == "executed"


def test_c10_annotations_to_follow_are_missed_before_the_first_job(tmp_path):
    twin = load_dataset("dcase2019_twin", REPOSITORY)
    with pytest.raises(SystemExit) as ended:
        run(twin, AcquireSettings(), [tmp_path / "weak.json"])
    line = "dataset dcase2019_twin: no annotations to follow; download the annotations"
    assert line in str(ended.value.code)


def test_c10_the_plan_names_a_missing_soundbank(tmp_path):
    folder = copy_workflow(tmp_path)
    done = snakemake(folder, "--dry-run", overlay={"dataset": "esc10"})
    assert done.returncode == 0, done.stdout[-2000:]
    assert "resed: soundbank esc10: no folder; download it from " in done.stdout
    assert "acquire weak" in done.stdout


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"file,class,fold\nx.wav\n", r"clips.csv line 2: file, class and an integer fold"),
        (b"file,class,fold\nx.wav,dog,one\n", r"clips.csv line 2: file, class and an integer"),
        (b"file,class,fold\n\xff\xfe.wav,dog,1\n", r"clips.csv: not a CSV file in UTF-8"),
    ],
)
def test_c10_a_broken_list_is_one_line(esc10, tmp_path, text, problem):
    (tmp_path / "clips.csv").write_bytes(text)
    with pytest.raises(ResedError, match=problem) as refused:
        check_inputs(esc10, tmp_path, None)
    assert isinstance(refused.value, DatasetError | MissingFileError)
    assert Path(refused.value.place).name == "clips.csv"
