"""The model that is installed with resed: its file, its card, and what it hears."""

import csv

import numpy as np
import pytest
from runs import REPOSITORY

import resed
from resed.formats.audio import read_audio
from resed.formats.model_file import read_model_file
from resed.predict.models import installed_models

FILE = REPOSITORY / "src" / "resed" / "models" / "everyday.safetensors"
LEFT_OUT = ("1-40730-A", "2-96460-A")  # of the licence Sampling+


@pytest.fixture(scope="module")
def model_file():
    return read_model_file(FILE)


def test_the_model_is_installed_and_small():
    assert installed_models()["everyday"] == FILE
    assert FILE.stat().st_size <= 5e6


def test_thresholds_and_windows_are_there_for_each_of_ten_classes(model_file):
    assert len(model_file.classes) == 10
    assert set(model_file.thresholds) == set(model_file.windows) == set(model_file.classes)
    assert len(set(model_file.thresholds.values())) > 1
    assert model_file.settings.decode.tag_threshold == 0.7


def test_the_card_names_every_recording_with_author_and_licence(model_file):
    used = model_file.card["recordings"]
    assert len(used) == len({one["file"] for one in used}) == 398
    assert not {one["file"].split("/")[-1].split(".")[0] for one in used} & {*LEFT_OUT}
    for one in used:
        assert one["author"] and one["url"].startswith("http")
        assert one["license"] in ("CC0", "CC-BY")
    assert model_file.card["data"]["left_out"] == list(LEFT_OUT)
    folds = {"training": [1, 2, 3], "development": [4], "evaluation": [5]}
    assert model_file.card["data"]["folds"] == folds


def test_the_seed_was_chosen_on_development_and_all_seeds_are_scored(model_file):
    choice, scores = model_file.card["choice"], model_file.card["scores"]
    best = max(choice["event_macro_f1"], key=choice["event_macro_f1"].get)
    assert choice["chosen"] == best
    assert best == f"{model_file.training['system']}/seed{model_file.training['seed']}"
    for split, clips in (("development", 1077), ("evaluation", 692)):
        assert scores[split]["clips"] == clips
        assert scores[split]["candidates"].keys() == choice["event_macro_f1"].keys()
        assert scores[split]["event"] == scores[split]["candidates"][best]
    chosen = scores["development"]["event"]["f1"]
    assert chosen == pytest.approx(100 * choice["event_macro_f1"][best], abs=0.01)
    assert scores["evaluation"]["event"]["f1"] >= 50


def test_limits_and_privacy_are_stated(model_file):
    about = model_file.card["about"]
    assert len(about["limits"]) > 3
    assert "baby_cry" in about["privacy"]


def heard(shared, fold, most):
    """Class -> whether it is the highest tag, for the first recordings of each class of a fold."""
    bank = shared / "data" / "esc10"
    model = resed.load_model("everyday")
    with (bank / "clips.csv").open(encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["fold"] == str(fold)]
    found = {}
    for row in rows:
        own = found.setdefault(row["class"], [])
        if len(own) < most:
            tags = model(read_audio(bank / row["file"], 44100), 44100).tags
            own.append(max(tags, key=tags.get) == row["class"])
    return found


def test_single_recordings_of_evaluation_have_their_class_as_the_highest_tag(shared):
    """Two of each class; the long form hears all 80."""
    found = heard(shared, 5, 2)
    assert sum(map(len, found.values())) == 20
    assert np.mean([right for own in found.values() for right in own]) >= 0.7


@pytest.mark.long
def test_single_recordings_are_those_of_the_card(shared, model_file):
    for fold, split in ((4, "development"), (5, "evaluation")):
        stated = model_file.card["single_recordings"][split]
        found = {label: sum(own) for label, own in heard(shared, fold, 8).items()}
        assert stated["recordings"] == 80
        assert sum(found.values()) == pytest.approx(stated["right"], abs=1)
        assert stated["percent"] >= 70
