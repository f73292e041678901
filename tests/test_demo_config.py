"""The config of the demo: as much data and as many rows as ever, and not more jobs."""

import re

from runs import REPOSITORY, copy_workflow, snakemake

from resed.config.loading import overlay, read_yaml
from resed.config.run import load_config

SYSTEMS = (
    *("mean_teacher", "mean_teacher_lost_head", "guided_learning"),
    *("pts_without_bgru", "pts", "pts_dfd_mse", "pts_dfd_d", "pts_tfd", "pts_tfd_dfd_d_wu"),
    *("pts_tfd_afl", "pts_tfd_afl_esp", "pts_tfd_afl_tau10", "pts_tfd_afl_tau30"),
    *("pts_tfd_afl_gamma1", "pts_tfd_afl_gamma3", "pts_tfd_afl_standard"),
)
READINGS = ("gate.none", "gate.teacher", "gate.soft", "filter.one_pass", "filter.none")
MOST_JOBS = 110


def demo():
    files = [REPOSITORY / "config" / name for name in ("config.yaml", "demo.yaml")]
    return load_config(overlay(*map(read_yaml, files)), REPOSITORY)


def test_the_demo_has_all_rows_readings_and_clips():
    config = demo()
    assert set(SYSTEMS) <= set(config.systems)
    assert {*READINGS, "windows.average"} <= set(config.sensitivity.readings)
    assert config.acquire.scale >= 0.05


def test_every_system_is_scored_at_half():
    config = demo()
    for name in config.systems:
        decode = config.system(name).decode
        assert (decode.frame_threshold, decode.tag_threshold) == (0.5, 0.5), name


def test_systems_differ_only_as_in_the_paper():
    """The systems of the paper have the same schedule, but for the length of stage one."""
    config = demo()
    common = config.system("pts")
    for name in config.systems:
        if name.startswith("pts"):
            found = config.system(name)
            schedule = found.schedule.model_copy(update={"stage_one": common.schedule.stage_one})
            assert schedule == common.schedule, name
            assert found.model.width == common.model.width
            assert found.objective.consistency == common.objective.consistency
            assert found.objective.distillation.beta == common.objective.distillation.beta


def test_the_demo_has_at_most_110_jobs(tmp_path):
    folder = copy_workflow(tmp_path)
    plan = snakemake(folder, "--dry-run").stdout
    total, target = (
        int(re.search(rf"^{name} +([0-9]+)$", plan, re.MULTILINE)[1]) for name in ("total", "all")
    )
    assert total - target <= MOST_JOBS  # the target `all` runs no command
