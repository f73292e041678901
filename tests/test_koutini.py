"""The passes of Koutini et al.: networks, chain and searches of the catalogue, planned jobs."""

import os

import pytest
import torch
import yaml
from preloaded import plan
from runs import REPOSITORY, copy_workflow, jobs_of, verbs

from resed.config.loading import overlay
from resed.config.run import load_config
from resed.config.study_rows import trainings
from resed.train.framework import build_networks
from resed.train.model import parameter_count

MODELS = [f"{net}_{kind}" for net in ("deep", "shallow") for kind in ("raw", "median", "gauss")]


def config(name, **changes):
    files = ("config.yaml", name)
    whole, own = (yaml.safe_load((REPOSITORY / "config" / file).read_text()) for file in files)
    return load_config(overlay(whole, own) | changes, REPOSITORY)


@pytest.fixture(scope="module")
def demo():
    return config("koutini_demo.yaml")


@pytest.mark.parametrize(
    ("system", "parameters"),
    [
        ("koutini_tagger", 332_298),
        ("koutini_pass1", 332_298),
        ("koutini_p1_deep_gauss", 332_298),
        ("koutini_p2_deep_raw", 332_298),
        ("koutini_p1_shallow_raw", 143_306),
        ("koutini_p2_shallow_gauss", 143_306),
    ],
)
def test_networks_have_the_parameters_of_the_tables(system, parameters):
    """Tables 2 and 3 of the report, with SRU of version 1 and ten classes."""
    whole = config("koutini_demo.yaml", feature_overrides={}, override={}, system_overrides={})
    features = whole.feature_sets[whole.features_of(system)]
    assert (features.frames, features.n_mels) == (240, 64)
    with torch.device("meta"):
        networks = build_networks(whole.system(system).model, features, 10, [1.0] * 10)
    # The report has no scaling of the input, which here has no learned parameter.
    assert parameter_count(networks.student) == parameters


def test_the_chain_is_that_of_the_report(demo):
    for run in (demo,):
        trained = trainings(run, run.systems)
        assert len(trained) == 16 and trained[:2] == ["baseline2018_pass1", "baseline2018"]
        for number, teacher in ((1, "koutini_pass1"), (2, "koutini_choice_1")):
            models = [f"koutini_p{number}_{name}" for name in MODELS]
            assert run.members(f"koutini_choice_{number}") == models
            for name in models:
                entry = run.catalogue[name]
                assert entry.teachers == {teacher: 1.0} and entry.labels == 0
                assert entry.distil.frames == "posteriors" and entry.distil.gate == "labels"
                kind = name.rsplit("_", 1)[1]
                filters = {"raw": (0, 0), "median": (9, 0), "gauss": (9, 2)}[kind]
                assert (entry.distil.median, entry.distil.gaussian) == filters
                single = run.system(name).objective.single
                assert (single.tags, single.frames) == (0, 1)
        assert run.catalogue["koutini_pass1"].teachers == {"koutini_tagger": 1.0}
        assert run.members("koutini_sub1") == run.members("koutini_choice_2")


@pytest.mark.parametrize("name", ["koutini_demo.yaml", "koutini_esc10.yaml"])
def test_the_baseline_of_a_demo_keeps_its_own_settings(name):
    """`override` is for the passes; the baseline has but fewer epochs, clips and frames."""
    changed = {"width", "epochs", "batch", "decay_every", "fixed_window"}
    found, whole = config(name), config(name, override={}, system_overrides={})
    for system, batch in (("baseline2018_pass1", {"weak": 8}), ("baseline2018", {"unlabeled": 8})):
        own, its = (one.system(system) for one in (found, whole))
        for part in ("model", "objective", "schedule", "decode"):
            sides = (getattr(one, part).model_dump(exclude=changed) for one in (own, its))
            assert len({str(side) for side in sides}) == 1, (system, part)
        counts = own.schedule.batch.model_dump(include={"weak", "strong", "unlabeled"})
        assert {role: count for role, count in counts.items() if count} == batch
        features = found.feature_sets[found.features_of(system)]
        seconds = features.hop / features.sample_rate
        assert features.frames * seconds == pytest.approx(10)
        assert own.decode.fixed_window * seconds == pytest.approx(1, abs=0.05), "as in the code"


def test_submissions_are_nested_searches(demo):
    chosen = {n: demo.system(f"koutini_sub{n}").decode.search for n in (1, 2, 3, 4)}
    ways = {n: (one.window, one.threshold) for n, one in chosen.items()}
    both = ("class", "class")
    assert ways == {4: ("all", "all"), 3: ("class", "all"), 2: both, 1: both}
    assert {*chosen[2].windows} < {*chosen[1].windows}
    assert {*chosen[2].thresholds} < {*chosen[1].thresholds}
    for n in (3, 4):
        assert chosen[n].windows == chosen[1].windows
        assert chosen[n].thresholds == chosen[1].thresholds


def test_jobs_of_the_demo(tmp_path):
    """14 trainings and two of the baseline, 23 predictions on training splits, 21 target sets,
    two choices and 7 composites.

    The choice of round 1 is composed on three training and two scored splits, that of round 2 on
    the scored ones.
    """
    folder = copy_workflow(tmp_path)
    words = ["--dry-run", "--cores", "2", "--configfile", "config/koutini_demo.yaml"]
    code, printed = plan(folder, words, {**os.environ})
    assert code == 0, printed[-3000:]
    jobs = jobs_of(printed)
    found = verbs(jobs)
    assert found["train"] == 16 and found["assign"] == 2
    assert found["distil"] == 21 and found["compose"] == 7
    training = [job for job in jobs if job.startswith("predict ") and " with koutini" in job]
    of_training = [job for job in training if not job.startswith("predict with")]
    assert len(of_training) == 23
    assert sum(job.startswith("predict with") for job in jobs) == 16
    assert sum(job.startswith("decode koutini") for job in jobs) == 20


def test_the_chain_runs_without_clips_of_other_domains():
    """Datasets without out_of_domain: pass 1 has targets of unlabeled clips alone."""
    batch = {"out_of_domain": 0}
    overlays = yaml.safe_load((REPOSITORY / "config" / "koutini_demo.yaml").read_text())
    changed = overlay(overlays["override"], {"schedule": {"batch": batch}})
    found = config("koutini_demo.yaml", override=changed)
    assert found.generations.roles("koutini_pass1") == ["unlabeled"]
    assert found.generations.roles("koutini_p1_deep_raw") == ["weak", "unlabeled"]
    assert "--gate labels" in " ".join(found.generations.options("koutini_p1_deep_raw", "weak"))
    assert "--gate none" in " ".join(found.generations.options("koutini_p1_deep_raw", "unlabeled"))
