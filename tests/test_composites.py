"""Composites in a run: the config that is refused, and the jobs that are planned."""

from pathlib import Path

import pytest
import yaml
from made_results import make_results, make_root
from runs import copy_workflow, planned, verbs

from resed.config.loading import overlay
from resed.config.run import load_config
from resed.config.study_rows import trainings
from resed.errors import ConfigError
from resed.formats.class_choices import ClassChoice, write_class_choices
from resed.report.first_screen import chosen as chosen_sentence
from resed.results.folder import Results
from resed.results.leftovers import leftovers
from resed.tabulate.choices import notes_on_choices
from resed.tabulate.systems import systems_table

SEARCH = {"windows": [1, 5], "thresholds": [0.3, 0.5], "window": "all", "threshold": "all"}
CATALOGUE = {
    "systems": {
        "best": {
            "title": "Best",
            "base": "pts",
            "composite": {"of": ["pts", "pts_tfd"]},
            "settings": {"decode": {"filter": "one_pass", "gate": "none", "search": SEARCH}},
        },
        "best_each": {
            "title": "Best, a window per class",
            "base": "best",
            "trained_as": "best",
            "settings": {"decode": {"search": {"window": "class"}}},
        },
    }
}
RUN = {
    "systems": ["pts", "pts_tfd", "best", "best_each"],
    "seeds": 2,
    "sensitivity": {"system": "", "report": False, "readings": []},
}


@pytest.fixture
def root(tmp_path):
    return copy_workflow(tmp_path)


def config(root: Path, catalogue=None, **changes):
    path = root / "config" / "systems" / "best.yaml"
    path.write_text(yaml.safe_dump(overlay(CATALOGUE, catalogue or {}), sort_keys=False))
    values = yaml.safe_load((root / "config" / "config.yaml").read_text())
    demo = yaml.safe_load((root / "config" / "demo.yaml").read_text())
    values = overlay(overlay(values, demo), RUN | {"system_overrides": {}} | changes)
    return load_config(values, root)


def test_a_composite_has_no_training_and_shares_its_posteriors(root):
    found = config(root)
    assert found.members("best") == found.members("best_each") == ["pts", "pts_tfd"]
    assert found.members("pts") == []
    assert found.trained_as("best_each") == "best"
    assert trainings(found, found.systems) == ["pts", "pts_tfd"]
    assert found.system("best_each").decode.search.window == "class"
    assert found.system("best").decode.search.window == "all"
    assert found.system("best_each").decode.search.windows == [1, 5]
    assert found.sensitivity.system == "pts_tfd"  # the last one with a training
    is_leftover = leftovers(found)
    for name in ("choose/best/seed0.tsv", "calibrate/searched_windows/best_each/seed0.tsv"):
        assert not is_leftover(name) and is_leftover(name.replace("best", "gone"))


def entry(name="best", **values):
    return {"systems": {name: values}}


@pytest.mark.parametrize(
    ("catalogue", "changes", "problem"),
    [
        (entry(composite={"of": ["pts", "ptz"]}), {}, "unknown system ptz; did you mean pts"),
        (entry(composite={"of": ["pts"]}), {}, "at least 2"),
        (entry(composite={"of": ["pts", "pts"]}), {}, "must not have a system twice"),
        (entry(composite={"of": ["pts", "best"]}), {}, "best is no training of its own"),
        (entry(composite={"of": ["pts", "best_each"]}), {}, "best_each is no training of its own"),
        (entry(trained_as="pts"), {}, "a composite is not trained"),
        (entry(composite={"off": ["pts", "pts_tfd"]}), {}, r"composite\.off: unknown key"),
        (
            entry(composite={"of": ["pts", "pts_dfd_d"]}),
            {},
            r"config\.systems: best requires pts_dfd_d; add pts_dfd_d",
        ),
        (
            entry(composite={"of": ["pts", "guided_learning"]}),
            {"systems": [*RUN["systems"], "guided_learning"]},
            "guided_learning has the features guided_learning, best has default",
        ),
        ({}, {"system_seeds": {"pts": 1}}, "best is composed of pts; give both the same number"),
        (
            entry(settings={"decode": {"search": None}}) | {},
            {},
            r"systems\.best\.settings\.decode\.search: required for a composite",
        ),
    ],
)
def test_composites_that_cannot_be_made_are_refused(root, catalogue, changes, problem):
    if catalogue == entry(settings={"decode": {"search": None}}):
        catalogue["systems"]["best_each"] = {"settings": {"decode": {"search": SEARCH}}}
    with pytest.raises(ConfigError, match=problem):
        config(root, catalogue, **changes)


def test_a_system_based_on_a_composite_is_none_itself(root):
    found = config(root, {"systems": {"best_each": {"trained_as": None}}})
    assert found.members("best_each") == []
    assert trainings(found, found.systems) == ["pts", "pts_tfd", "best_each"]


def test_jobs_of_a_run_with_a_composite(root):
    config(root)
    jobs = planned(root, overlay=RUN)
    found = verbs(jobs)
    assert found["train"] == found["predict"] == 4  # two systems, two seeds
    assert found["assign"] == 2 and found["compose"] == 4  # of each seed both splits
    assert sum(job.startswith("compose best on evaluation") for job in jobs) == 2
    assert found["decode"] == found["score"] - 1 == 8  # and the sanity baselines


def test_tables_say_what_development_chose(tmp_path):
    made = make_root(tmp_path)
    path = tmp_path / "config" / "systems" / "best.yaml"
    path.write_text(yaml.safe_dump(CATALOGUE, sort_keys=False))
    systems = ["pts", "pts_tfd", "best", "best_each"]
    values = {"dataset": "made", "paper": "liang", "systems": systems, "seeds": 2}
    chosen = load_config(values, tmp_path)
    results = Results.of(chosen, make_results(chosen, clips=10))
    for seed, names in enumerate((["pts", "pts_tfd"], ["pts", "pts"])):
        rows = [
            ClassChoice(label, names[number % 2], 0.5, 0.1, 0.3)
            for number, label in enumerate(made.dataset_file.classes)
        ]
        write_class_choices(results.layout.choice("best", seed), rows)
    table = systems_table(results.paper.main_table, results)
    notes = [note for note in table.notes if "evelopment chose" in note]
    titles = [chosen.catalogue[name].title for name in systems]
    assert notes == [
        "**Development chose** windows and thresholds by event F1 (one window, one threshold, 2 x "
        "2 values: Best; a window per class, one threshold, 2 x 2 values: Best, a window per "
        "class). Scores on development are those of the clips that chose; evaluation chose "
        "nothing.",
        "Best: development chose the system of each class; classes of each system, over all seeds: "
        f"{titles[0]} 8, {titles[1]} 2.",
    ]
    assert chosen_sentence(results) == (
        "Models of each class, windows and thresholds of Best, Best, a window per class were "
        "chosen on development and are reported on evaluation: scores on development are "
        "optimistic; evaluation chose nothing."
    )
    plain = chosen.model_copy(update={"systems": ["pts", "pts_tfd"]})
    assert chosen_sentence(Results.of(plain, results.folder)) == ""
    splits = {*table.frame.loc[table.frame.system == "best_each", "split"]}
    assert splits == {"development", "evaluation"}
    tuned = table.frame[table.frame.group.isin(["threshold", "class_thresholds"])]
    assert {*tuned.system} == {"pts", "pts_tfd"}
    assert notes_on_choices(results, ["pts"]) == []
