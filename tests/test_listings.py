"""`resed models` and `resed systems`."""

from dataclasses import replace

import pytest
import yaml
from runs import REPOSITORY
from small_models import CLASSES, small_model
from typer.testing import CliRunner

from resed.cli import app
from resed.errors import MissingFileError
from resed.export.cards import facts_text
from resed.export.system_list import system_list
from resed.formats.model_file import read_model_file, write_model_file
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


@pytest.mark.parametrize(
    "card",
    [
        {"rows": [{"b": 1, "a": "x: y"}, {"a": "é" * 200}], "about": {"title": "T"}, "n": [1, 2]},
        {"a: b": [{"c": [{"d": 1}, {}]}]},
        {"mixed": [{"a": 1}, 2], "nothing": []},
        {},
    ],
)
def test_lists_of_mappings_are_at_the_end_of_a_card_one_line_each(card):
    text = facts_text(replace(small_model(), card=card))
    assert yaml.safe_load(text)["card"] == (card or "none")
    rows = [row for value in card.values() for row in value if isinstance(row, dict)]
    if all(isinstance(row, dict) for value in card.values() for row in value):
        last = text.splitlines()[-len(rows) :] if rows else []
        assert [yaml.safe_load(line) for line in last] == [[row] for row in rows]
    if "about" in card:
        assert text.index("title: T") < text.index("rows:")
        assert [yaml.safe_load(line) for line in text.splitlines()[-2:]] == [
            [row] for row in card["rows"]
        ]


def test_export_and_predict_take_the_name_of_an_installed_model(tmp_path, monkeypatch):
    write_model_file(tmp_path / "small.safetensors", small_model())
    monkeypatch.setattr(installed, "FOLDER", tmp_path)
    out = tmp_path / "new.safetensors"
    done = run("export", "--checkpoint", "small", "--name", "new", "--out", out)
    assert done.exit_code == 0, done.output
    assert read_model_file(out).name == "new"
    assert read_model_file(out).classes == CLASSES
    words = ["--split", "a", "--store", tmp_path / "none.store", "--out", tmp_path / "a.npz"]
    for name, place in (("small", "none.store"), ("smal", "smal")):
        error = run("predict", "--checkpoint", name, *words).exception
        assert isinstance(error, MissingFileError) and str(error.place).endswith(place)


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
