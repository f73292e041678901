"""Datasets with other roles than those of DCASE 2019: what is required, planned and refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from generations import copy_with_roles, dry_run, entry, with_roles
from runs import copy_workflow, jobs_of, verbs
from systems import BASE
from test_train_loop import make_tiny
from typer.testing import CliRunner

from resed.check import check_dataset
from resed.cli import app
from resed.config.dataset import ROLES, load_dataset, missing_roles
from resed.config.loading import overlay
from resed.config.run import load_config
from resed.config.stages import AuditSettings
from resed.decode.events import windows_in_frames
from resed.draw.inputs import figure_names, inputs
from resed.errors import ConfigError, ResultsError
from resed.formats.posteriors import Posteriors
from resed.paper.numbers import load_paper
from resed.results.inputs import baselines
from resed.settings import DecodeSettings, SystemSettings

STUDY = {"sensitivity": {"system": "small"}}
SINGLE = {
    "model": {"framework": "single", "wels": {"channels": [8], "pools": [[4, 4]], "heads": [8]}}
}

BATCH = {"schedule": {"batch": {"weak": 2, "strong": 0, "unlabeled": 0}}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return copy_workflow(tmp_path_factory.mktemp("roles"))


def plan(folder: Path, config: dict, *arguments: str) -> list[str]:
    code, printed = dry_run(folder, config, *arguments)
    assert code == 0, printed[-3000:]
    return jobs_of(printed)


@pytest.mark.parametrize(
    ("roles", "missing"),
    [
        (("weak", "development", "evaluation"), ""),
        (("strong", "development", "evaluation"), ""),
        (("weak", "out_of_domain", "development", "evaluation"), ""),
        (("unlabeled", "development", "evaluation"), "weak or strong"),
        (("weak", "strong"), "development, evaluation"),
        ((), "weak or strong, development, evaluation"),
    ],
)
def test_required_roles(roles, missing):
    assert missing_roles(roles) == missing


def test_a_dataset_without_a_required_role_is_refused(folder):
    with_roles(folder, "unlabeled", systems={"small": entry("Small")})
    with pytest.raises(ConfigError, match="splits lacks weak or strong"):
        load_dataset("few", folder)


def test_roles_are_in_their_order(folder):
    with_roles(folder, "out_of_domain", "weak", systems={"small": entry("Small")})
    roles = load_dataset("few", folder).roles
    assert roles == ("weak", "out_of_domain", "development", "evaluation")


def test_a_system_of_one_network_needs_the_roles_of_its_batch():
    values = overlay(
        BASE,
        SINGLE
        | {"schedule": {"batch": {"weak": 1, "strong": 0, "unlabeled": 2, "out_of_domain": 3}}},
    )
    assert SystemSettings.model_validate(values).training_roles == (
        "weak",
        "unlabeled",
        "out_of_domain",
    )
    assert SystemSettings.model_validate(BASE).training_roles == ("weak", "unlabeled", "strong")


@pytest.mark.parametrize(
    ("settings", "problem", "cure"),
    [
        ({"schedule": {"batch": {"unlabeled": 2}}},
         "systems.small.schedule.batch.unlabeled: single is trained on unlabeled clips, which",
         "set it to 0, or use a dataset with the split unlabeled"),
        ({"schedule": {"batch": {"strong": 2}}},
         "systems.small.schedule.batch.strong: single is trained on strong clips", "set it to 0"),
        ({"decode": {"window_frames": "odd"}},
         "systems.small.decode: windows are those of strong training clips, which few lacks",
         "set window_frames: fixed with a fixed_window, or filter: none"),
    ],
)  # fmt: skip
def test_settings_that_need_a_role_are_refused(folder, settings, problem, cure):
    small = entry("Small", overlay(entry("")["settings"], settings))
    config = with_roles(folder, "weak", systems={"small": small}, **STUDY)
    code, printed = dry_run(folder, config)
    assert code == 1
    line = next(line for line in printed.splitlines() if line.startswith("resed: "))
    assert problem in line and cure in line


def test_systems_with_a_teacher_need_all_three_roles(folder):
    config = with_roles(folder, "weak", "strong", systems={"small": entry("Small")}, **STUDY)
    code, printed = dry_run(folder, config | {"systems": ["small", "pts"]})
    assert code == 1
    assert (
        "resed: systems.pts.model.framework: joint is trained on unlabeled clips, which few lacks; "
        "add the split, or use systems with model.framework: single" in printed
    )


def test_the_plan_has_only_the_roles_of_the_dataset(folder):
    config = with_roles(folder, "weak", "out_of_domain", systems={"small": entry("Small")}, **STUDY)
    jobs = plan(folder, config)
    acquired = [job.split()[1] for job in jobs if job.startswith("acquire")]
    assert sorted(acquired) == ["development", "evaluation", "out_of_domain", "weak"]
    counts = verbs(jobs)
    assert counts["train"] == counts["predict"] == counts["decode"] == 1
    assert "calibrate" not in counts


def test_a_training_reads_only_the_stores_of_its_batch(folder):
    config = with_roles(
        folder, "weak", "strong", "unlabeled", systems={"small": entry("Small")}, **STUDY
    )
    code, printed = dry_run(folder, config, "--printshellcmds")
    command = next(line for line in printed.splitlines() if "resed train" in line)
    assert "--weak results/few/extract/default/weak.store" in command
    assert "--strong" not in command and "--unlabeled" not in command
    assert code == 0 and "calibrate windows: average" in printed


def test_without_strong_clips_there_is_no_baseline_of_priors_and_no_figure_of_durations(folder):
    config = with_roles(folder, "weak", systems={"small": entry("Small")}, **STUDY)
    few = load_config(config | {"paper": "liang"}, folder)
    assert baselines(few) == ["nothing", "everything", "own_tags", "loudness", "reference"]
    paper = load_paper("liang", folder)
    durations = next(name for name, one in paper.figures.items() if one.kind == "durations")
    assert durations not in figure_names(few, paper)
    with pytest.raises(ConfigError, match="requires strong training clips"):
        inputs(durations, few, paper)
    config = with_roles(
        folder,
        "strong",
        systems={
            "small": entry(
                "Small",
                overlay(entry("")["settings"], {"schedule": {"batch": {"weak": 0, "strong": 2}}}),
            )
        },
        **STUDY,
    )
    timed = load_config(config | {"paper": "liang"}, folder)
    assert "prior" in baselines(timed)
    assert durations in figure_names(timed, paper)


def test_settings_of_the_audit_stay_those_of_before_the_role_existed():
    five = dict.fromkeys(("weak", "unlabeled", "strong", "development", "evaluation"), 0.9)
    assert AuditSettings().model_dump()["least"] == five
    assert AuditSettings().least_of("out_of_domain") == 0.9
    chosen = AuditSettings(least={"out_of_domain": 0.5})
    assert chosen.least == five | {"out_of_domain": 0.5}
    assert chosen.least_of("out_of_domain") == 0.5
    assert {*five, "out_of_domain"} == {*ROLES}


def posteriors(clips=("a.wav",)) -> Posteriors:
    frames = np.full((len(clips), 20, 2), 0.6, np.float32)
    return Posteriors(
        frames, frames[:, 0], frames[:, 0], list(clips), ["cat", "dog"], {"seconds_per_frame": 0.5}
    )


def test_fixed_windows_need_no_file_of_windows():
    fixed = DecodeSettings(window_frames="fixed", fixed_window=7)
    assert windows_in_frames({}, posteriors(), fixed) == [7, 7]
    assert windows_in_frames({}, posteriors(), DecodeSettings(filter="none")) == [1, 1]
    with pytest.raises(ResultsError, match="window_frames: fixed"):
        windows_in_frames({}, posteriors(), DecodeSettings())


def test_an_option_of_a_split_that_the_dataset_lacks_is_refused(tmp_path):
    make_tiny(tmp_path)
    store, root = str(tmp_path / "weak.store"), str(tmp_path)
    arguments = ["train", "--dataset", str(tmp_path / "tiny.yaml"), "--root", root, "--system", "x",
                 "--settings", json.dumps(overlay(BASE, SINGLE | BATCH)), "--development", store,
                 "--weak", store, "--out-of-domain", store, "--out", str(tmp_path)]  # fmt: skip
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    assert "has no split out_of_domain" in str(done.exception)


def test_check_accepts_a_dataset_of_weak_clips_only(tmp_path):
    copy_with_roles(tmp_path, "weak", systems={"small": entry("Small")})
    path = tmp_path / "config" / "datasets" / "few.yaml"
    _, messages = check_dataset(path, tmp_path / "data", base=tmp_path)
    assert messages.found == []
    values = yaml.safe_load(path.read_text())
    del values["splits"]["weak"], values["splits"]["evaluation"]
    del values["soundscapes"]["splits"]["weak"], values["soundscapes"]["splits"]["evaluation"]
    path.write_text(yaml.safe_dump(values))
    _, messages = check_dataset(path, tmp_path / "data", base=tmp_path)
    text = "\n".join(map(str, messages.found))
    assert "weak and strong are missing" in text and "evaluation is missing" in text
