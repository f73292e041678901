"""`resed models` and `resed systems`."""

import yaml
from runs import REPOSITORY
from small_models import CLASSES, small_model
from typer.testing import CliRunner

from resed.cli import app
from resed.errors import MissingFileError
from resed.export.system_list import system_list
from resed.formats.model_file import write_model_file
from resed.predict import models as installed


def run(*words):
    return CliRunner().invoke(app, list(map(str, words)))


def test_models_are_listed_and_a_card_is_yaml(tmp_path, monkeypatch):
    path = tmp_path / "small.safetensors"
    write_model_file(path, small_model())
    line = f"small: 2 classes (dog, cät), {path.stat().st_size / 1e6:.1f} MB, windows of 2.0 s at"
    monkeypatch.setattr(installed, "FOLDER", tmp_path)
    assert run("models").output == f"{line} 44100 Hz\n"
    first, _, rest = run("models", "small").output.partition("\n")
    assert first == f"{line} 44100 Hz"
    card = yaml.safe_load(rest)
    assert card["classes"] == CLASSES and card["thresholds"] == {"dog": 0.3, "cät": 0.7}
    assert card["windows_s"] == {"dog": 0.25, "cät": 0.0}
    assert card["card"] == {"data": "none", "scores": [0.5, {"low": 0.25}]}
    assert card["trained"] == {"system": "pts", "seed": 3, "dataset": "demo"}
    path.unlink()
    assert run("models").output.startswith("no model is installed")
    assert isinstance(run("models", "smal").exception, MissingFileError)


def test_every_installed_model_is_listed():
    names = sorted(path.stem for path in (REPOSITORY / "models").glob("*.safetensors"))
    assert [*installed.installed_models()] == names


def test_systems_have_titles_bases_and_parameters_of_an_independent_implementation():
    rows = {row.system: row for row in system_list(REPOSITORY)}
    files = (REPOSITORY / "config" / "systems").glob("*.yaml")
    listed = {k for file in files for k in yaml.safe_load(file.read_text()).get("systems", {})}
    assert {*rows} == listed
    pts = rows["pts"]  # counts of another implementation, as in test_train_loop
    assert (pts.title, pts.base, pts.weights_of) == ("PTS", "base", "")
    assert pts.student == 1_550_814
    assert rows["pts_tfd_afl_esp"].weights_of == "pts_tfd_afl"
    assert rows["mean_teacher"].student == rows["mean_teacher"].teacher > 100_000
    printed = run("systems", "--root", REPOSITORY).output.splitlines()
    assert printed[0].split("\t") == ["system", "base", "weights_of", "student", "teacher", "title"]
    assert len(printed) == len(rows) + 1 and "pts\tbase\t\t1550814\t" in "\n".join(printed)


def test_without_a_config_there_is_one_line(tmp_path):
    error = run("systems", "--root", tmp_path).exception
    assert isinstance(error, MissingFileError) and "use --root" in str(error)
