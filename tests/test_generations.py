"""Generations: teachers in the catalogue, what is refused, and what a change plans."""

import subprocess
import sys
from pathlib import Path

import pytest
from generations import SMALL, copy_with_roles, dry_run, entry, with_roles, write
from runs import REPOSITORY, copy_workflow, jobs_of

from resed.config.dataset import load_dataset
from resed.config.loading import overlay, read_yaml
from resed.config.run import Config, load_config
from resed.errors import ConfigError
from resed.results.leftovers import leftovers
from resed.results.staleness import score_files
from resed.settings import DistilSettings

ROLES = ("weak", "unlabeled", "out_of_domain")
STUDY = {"sensitivity": {"system": "small"}}


def student(**keys) -> dict:
    return {"title": "Student", "base": "small", **keys}


CHAIN = {
    "small": entry("Small"),
    "s1": student(teachers={"small": 0.7}, labels=0.3),
    "s2": student(teachers={"s1": 0.7}, labels=0.3),
    "s3": student(teachers={"s2": 0.8}, labels=0.2),
    "only": student(teachers={"small": 1.0}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return copy_workflow(tmp_path_factory.mktemp("generations"))


def loaded(folder: Path, systems: dict, **changes) -> Config:
    values = with_roles(folder, *ROLES, systems=systems, **STUDY)
    base = read_yaml(folder / "config" / "config.yaml")
    return load_config(overlay(base, values | {"paper": "liang"} | changes), folder)


def test_a_chain_of_generations(folder):
    found = loaded(folder, CHAIN).generations
    assert found.taught() == {"small": ["weak"], "s1": ["weak"], "s2": ["weak"]}
    assert [found.generation(name) for name in CHAIN] == [0, 1, 2, 3, 1]
    assert found.teachers("s3") == {"s2": 0.8}
    assert found.options("s3", "weak") == [
        *("--labels", "0.2", "--share", "s2=0.8", "--frames", "none", "--gate", "none"),
        *("--median", "0", "--gaussian", "0", "--rounding", "nearest"),
    ]


def test_a_generation_is_not_inherited(folder):
    systems = CHAIN | {"plain": {"title": "Plain", "base": "s1"}}
    found = loaded(folder, systems).generations
    assert found.teachers("plain") == {}
    assert found.generation("plain") == 0


def test_equal_targets_are_made_once(folder):
    wide = student(teachers={"small": 0.7}, labels=0.3, settings={"model": {"width": 0.1}})
    smoothed = student(teachers={"small": 0.7}, labels=0.3, distil={"labels_smoothed": True})
    found = loaded(folder, CHAIN | {"wide": wide, "smoothed": smoothed}).generations
    assert found.owner("wide") == "s1"
    assert found.owner("smoothed") == "smoothed"


def test_targets_of_some_roles(folder):
    some = student(
        teachers={"small": 1.0},
        targets=["unlabeled", "out_of_domain"],
        distil={"gate": "labels"},
        settings={"schedule": {"batch": {"unlabeled": 2, "out_of_domain": 2}}},
    )
    found = loaded(folder, {"small": entry("Small"), "some": some}).generations
    assert found.roles("some") == ["unlabeled", "out_of_domain"]
    assert found.taught() == {"small": ["unlabeled", "out_of_domain"]}
    gate = found.options("some", "unlabeled")
    assert gate[gate.index("--gate") + 1] == "none", "clips without labels have no gate by labels"
    gate = found.options("some", "weak")
    assert gate[gate.index("--gate") + 1] == "labels"


def test_every_key_of_distil_is_an_option(folder):
    """`resed distil` reads options back to the settings of the entry."""
    values = {
        "frames": "posteriors",
        "gate": "own",
        "median": 3,
        "gaussian": 1.5,
        "hard": dict.fromkeys(load_dataset("demo", REPOSITORY).classes, 0.25),
        "labels_smoothed": True,
        "rounding": "down",
    }
    changes = [{key: value} for key, value in values.items()] + [{"thresholds": "teacher"}]
    assert {key for one in changes for key in one} == {*DistilSettings.model_fields}
    entries = {
        f"a{number}": student(
            teachers={"sure" if "thresholds" in one else "small": 1.0}, distil=one
        )
        for number, one in enumerate(changes)
    }
    sure = overlay(SMALL, {"schedule": {"held_out": 0.2, "tag_thresholds": True}})
    small = {"small": entry("Small"), "sure": entry("With thresholds of its own", sure)}
    found = loaded(folder, small | entries).generations
    plain = found.options("small", "weak")
    options = [found.options(name, "weak") for name in entries]
    assert all(one != plain for one in options) and len({*map(tuple, options)}) == len(options)
    for changed, one in zip(changes, options, strict=True):
        (key, value), *_ = changed.items()
        option = f"--{key.replace('_', '-')}"
        if key == "labels_smoothed":
            assert one[-1] == option
        elif key == "hard":
            assert [w for w in one if "=" in w][1:] == [f"{label}=0.25" for label in value]
        else:
            assert one[one.index(option) + 1] == f"{value}"


OUTSIDE = {"schedule": {"batch": {"out_of_domain": 2}}}
FRAMES = {"objective": {"single": {"tags": 0.0, "frames": 1.0}}}


@pytest.mark.parametrize(
    ("systems", "changes", "message"),
    [
        ({"a": student(teachers={"small": 0.7}, labels=0.2)}, {},
         "systems.a: the shares of teachers and labels sum to 0.9, not to 1"),
        ({"a": student(teachers={"small": 1.0 + 2e-6})}, {}, "systems.a.teachers.small"),
        ({"a": student(labels=0.3)}, {}, "labels, targets and distil require teachers"),
        ({"a": student(teachers={"small": 1.0}, trained_as="small")}, {}, "has no teachers"),
        ({"a": student(teachers={"b": 1.0}), "b": student(teachers={"a": 1.0})}, {},
         r"systems.a.teachers: its teachers form a circle \(a -> b -> a\); remove one teacher"),
        ({"a": student(teachers={"a": 1.0})}, {}, r"circle \(a -> a\)"),
        ({"a": student(teachers={"smal": 1.0})}, {}, "unknown system smal"),
        ({"a": student(teachers={"pts": 1.0})}, {},
         "config.systems: a learns from pts; add pts to config.systems"),
        ({"a": student(teachers={"small": 1.0})}, {"system_seeds": {"small": 2}},
         "config.system_seeds: a learns from small, seed by seed; give both the same number"),
        ({"a": student(teachers={"small": 0.7}, labels=0.3, settings=OUTSIDE)}, {},
         "systems.a.labels: out_of_domain clips have no labels"),
        ({"a": student(teachers={"small": 1.0}, targets=["strong"])}, {},
         "systems.a.targets: the system is not trained on strong clips"),
        ({"a": student(settings=OUTSIDE)}, {},
         "systems.a.schedule.batch.out_of_domain: out_of_domain clips have no labels and a has no"),
        ({"a": student(teachers={"small": 1.0}, settings=FRAMES)}, {},
         "systems.a.distil.frames: the frames are trained, but the targets have none"),
        ({"a": student(teachers={"small": 1.0}, distil={"hard": {"beep": 0.5}})}, {},
         "systems.a.distil.hard: differs from the classes in"),
        ({"a": student(teachers={"small": 1.0}, distil={"median": 4})}, {}, "must be odd"),
    ],
)  # fmt: skip
def test_what_is_refused(folder, systems, changes, message):
    with pytest.raises(ConfigError, match=message):
        loaded(folder, {"small": entry("Small")} | systems, **changes)


def test_a_system_with_a_teacher_network_has_no_teachers(folder):
    system = {"title": "A", "base": "pts", "teachers": {"small": 1.0}}
    values = with_roles(
        folder, "weak", "unlabeled", "strong", systems={"small": entry("Small"), "a": system}
    )
    base = read_yaml(folder / "config" / "config.yaml")
    with pytest.raises(ConfigError, match="joint is not trained on targets of teachers"):
        load_config(overlay(base, values | {"paper": "liang"}), folder)


def test_files_of_a_score_include_its_teachers(folder):
    config = loaded(folder, CHAIN)
    files = score_files(config, "s2")
    for name in ("distil/weak/s2/seed0.npz", "predict/weak/s1/seed0.npz",
                 "distil/weak/s1/seed0.npz", "train/small/seed0/checkpoint.pt",
                 "train/s2/seed0/checkpoint.pt"):  # fmt: skip
        assert name in files
    assert not any("/s3/" in name for name in files)


def test_targets_of_systems_that_are_not_run_are_leftovers(folder):
    config = loaded(folder, CHAIN)
    is_leftover = leftovers(config)
    assert not is_leftover("distil/weak/s1/seed0.npz")
    assert is_leftover("distil/weak/gone/seed0.npz")
    assert is_leftover("predict/weak/gone/seed0.npz")


def test_the_plan_has_the_whole_chain(folder):
    config = with_roles(
        folder, *ROLES, systems=CHAIN, sensitivity={"system": "small"}, paper="liang"
    )
    code, printed = dry_run(folder, config, "--printshellcmds")
    assert code == 0, printed[-3000:]
    jobs = jobs_of(printed)
    assert sum(job.startswith("train") for job in jobs) == 5
    assert sorted(job for job in jobs if job.startswith("distil")) == [
        f"distil targets of {name} on weak, seed 0" for name in ("only", "s1", "s2", "s3")
    ]
    assert sorted(job for job in jobs if job.startswith("predict weak")) == [
        f"predict weak with {name}, seed 0" for name in ("s1", "s2", "small")
    ]
    commands = [line for line in printed.splitlines() if "resed train" in line]
    third = next(line for line in commands if "--system s3 " in line)
    assert "--targets weak=results/few/distil/weak/s3/seed0.npz --generation 3" in third
    first = next(line for line in commands if "--system small " in line)
    assert "--targets" not in first and "--generation" not in first


def test_the_catalogue_of_secost_has_all_runs_of_the_paper():
    values = read_yaml(REPOSITORY / "config" / "config.yaml")
    names = list(read_yaml(REPOSITORY / "config" / "systems" / "secost.yaml")["systems"])
    config = load_config(
        values | {"systems": names, "sensitivity": {"system": "secost_base"}, "paper": "liang"},
        REPOSITORY,
    )
    found = config.generations
    shares = {name: config.catalogue[name].labels for name in names if found.teachers(name)}
    fixed = [f"secost_fixed_s{stage}" for stage in (1, 2, 3, 4)]
    assert [shares[name] for name in fixed] == [0.3] * 4
    assert [found.generation(name) for name in fixed] == [1, 2, 3, 4]
    variable = [*fixed[:2], *(f"secost_variable_s{stage}" for stage in (3, 4, 5))]
    assert [shares[name] for name in variable] == [0.3, 0.3, 0.2, 0.1, 0.05]
    assert [found.generation(name) for name in variable] == [1, 2, 3, 4, 5]
    for before, after in zip(["secost_base", *variable], variable, strict=False):
        assert list(found.teachers(after)) == [before]
    sweep = {
        f"secost_sweep_a{100 * share:.0f}": share
        for share in (0.1, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    }
    assert {name: shares[name] for name in sweep} == sweep
    assert all(
        found.teachers(name) == {"secost_base": pytest.approx(1 - share)}
        for name, share in sweep.items()
    )
    assert {
        found.generation(name) for name in [*sweep, "secost_fixed_s1", "secost_teacher_s1"]
    } == {1}
    trained = {config.trained_as(name) for name in names}
    paper = {
        "secost_base",
        *fixed,
        *variable,
        *sweep,
        *(f"secost_teacher_s{stage}" for stage in (1, 2, 3)),
    }
    assert len(paper) == 19 and paper <= trained


def run(folder: Path) -> None:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "few.yaml"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.mark.long
def test_one_changed_share_makes_its_chain_again_and_nothing_else(tmp_path):
    config = copy_with_roles(tmp_path, "weak", systems=CHAIN, paper="liang", **STUDY)
    assert dry_run(tmp_path, config)[0] == 0
    run(tmp_path)
    assert jobs_of(dry_run(tmp_path, config)[1]) == []
    path = tmp_path / "config" / "systems" / "small.yaml"
    values = read_yaml(path)
    values["systems"]["s2"] |= {"teachers": {"s1": 0.6}, "labels": 0.4}
    write(path, values)
    jobs = jobs_of(dry_run(tmp_path, config)[1])
    made = sorted(job for job in jobs if job.split()[0] in ("train", "distil", "predict", "decode"))
    assert "distil targets of s2 on weak, seed 0" in made
    assert "train s2, seed 0" in made and "train s3, seed 0" in made
    for name in ("small", "s1", "only"):
        assert not any(f" {name}," in job or f" of {name} " in job for job in made)
