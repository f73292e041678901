"""Share and restore of a small run: complete or refused, with all damaged files listed."""

import hashlib
import json
import re
import shlex
import shutil
import sys
import threading
import tomllib
from pathlib import Path

import pytest
import yaml
from generations import entry, with_roles, write
from runs import REPOSITORY, copy_workflow, planned, snakemake
from shared_run import OVERLAY, PROGRAMS, clone, commit, dvc, git, make_run, resed, track
from shared_run import run as started
from small_remote import snapshot
from test_verify import flip

from resed.errors import ShareError
from resed.share import instructions as others
from resed.share import snakemake_records as knowledge
from resed.share.dvc import fetch_objects
from resed.share.lock import LOCK, locked
from resed.share.registry import RUNS, register
from resed.share.runs import SharedRun
from resed.share.settings import Settings
from resed.share.snakemake_records import pack, unpack

pytest.importorskip("dvc", reason="DVC is not installed: make share, or make test, does it")
CHECKPOINT = "results/demo/train/pts/seed0/checkpoint.pt"
RULES = REPOSITORY / "workflow" / "rules"
DOC = REPOSITORY / "docs" / "sharing.md"


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A repository whose run was shared, beside its remote."""
    folder = make_run(tmp_path_factory.mktemp("lab") / "here")
    code, told = resed(folder, "share")
    assert code == 0, told
    commit(folder, "shared")
    return folder


@pytest.fixture(scope="module")
def restored(here):
    """A fresh clone after `resed restore`."""
    folder = clone(here, here.parent / "restored")
    code, told = resed(folder, "restore")
    assert code == 0, told
    assert "snakemake: nothing to be done" in told
    return folder


@pytest.fixture
def there(restored, tmp_path):
    """A restored clone to spoil."""
    return Path(shutil.copytree(restored, tmp_path / "there", symlinks=True))


def stored(folder: Path, path: str, remote: Path) -> Path:
    """Path of a result in the remote."""
    md5 = hashlib.md5((folder / path).read_bytes()).hexdigest()
    return place(md5, remote)


def listing(folder: Path, path: str, remote: Path) -> Path:
    """Path of the list of a folder in the remote."""
    stages = yaml.safe_load((folder / LOCK).read_text())["stages"].values()
    return place({out["path"]: out["md5"] for s in stages for out in s["outs"]}[path], remote)


def place(md5: str, remote: Path) -> Path:
    return remote / "files" / "md5" / md5[:2] / md5[2:]


def one_line(told: str) -> str:
    """The refusal: one line of resed's, and no traceback."""
    assert "Traceback" not in told
    (line,) = [line for line in told.splitlines() if line.startswith("resed: ")]
    return line


def with_rate(rate: float) -> dict:
    return {**OVERLAY, "system_overrides": {"pts": {"schedule": {"learning_rate": rate}}}}


# ---- what is shared ------------------------------------------------------------------------------


def test_sound_is_tracked_by_hash_and_never_pushed(here):
    stages = yaml.safe_load((here / "dvc.lock").read_text())["stages"]
    (audio,) = stages["audio@demo"]["outs"]
    assert (audio["path"], audio["nfiles"], audio["md5"][-4:]) == ("data/demo/audio", 1, ".dir")
    for store in (here.parent / "resed-remote", here / ".dvc" / "cache"):
        assert stored(here, CHECKPOINT, store).is_file()
        assert not stored(here, "data/demo/audio/clip.wav", store).exists()
    (here / "data" / "demo" / "audio" / "clip.wav").write_bytes(b"another sound")
    assert "data/demo/audio" in dvc(here, "status", "audio@demo")


def test_a_clone_gets_all_but_sound_and_logs(here, restored):
    def files(folder: Path) -> set[str]:
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}

    assert files(here / "results") - files(restored / "results") == set()
    assert files(restored / "data") == {"demo/metadata/strong.tsv"}
    assert resed(restored, "verify")[0] == 0


def test_folders_that_only_some_runs_have_are_shared(here, restored):
    """Targets of a next generation, and an empty folder of choices: this run has no composite."""
    stages = yaml.safe_load((here / LOCK).read_text())["stages"]["results@demo"]["outs"]
    files = {Path(out["path"]).name: out.get("nfiles") for out in stages}
    assert (files["distil"], files["choose"]) == (1, 0)
    assert (restored / "results/demo/distil/weak/pts/seed0.npz").is_file()
    assert planned(restored, overlay=OVERLAY) == []


@pytest.mark.long
def test_a_run_with_generations_and_a_composite_is_restored_whole(tmp_path):
    """All jobs are real: a teacher, its student, and the better of both per class."""
    search = {"windows": [1, 5], "thresholds": [0.3, 0.5], "window": "all", "threshold": "all"}
    decode = {"filter": "one_pass", "gate": "none", "search": search}
    own = {"base": "small", "teachers": {"small": 0.7}, "labels": 0.3}
    both = {"base": "small", "composite": {"of": ["small", "student"]}}
    systems = {
        "small": entry("Small"),
        "student": {"title": "Student", **own},
        "best": {"title": "Best", **both, "settings": {"decode": decode}},
    }
    folder = tmp_path / "here"
    folder.mkdir()
    copy_workflow(folder)
    study = {"system": "", "report": False, "readings": []}
    values = with_roles(folder, "weak", systems=systems, paper="secost", sensitivity=study)
    write(folder / "few.yaml", values)
    jobs = (sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "few.yaml")
    code, told = started(folder, *jobs)
    assert code == 0, told[-3000:]
    commands = (str(PROGRAMS / "resed"), "{}", "--config", "few.yaml")
    track(folder)
    code, told = started(folder, *(word.format("share") for word in commands))
    assert code == 0, told
    commit(folder, "shared")
    there = clone(folder, tmp_path / "there")
    code, told = started(there, *(word.format("restore") for word in commands))
    assert code == 0, told
    assert "few: restored" in told and "snakemake: nothing to be done" in told
    for name in ("distil/weak/student/seed0.npz", "choose/best/seed0.tsv"):
        path = Path("results/few") / name
        assert (there / path).read_bytes() == (folder / path).read_bytes()
    flip(there / "results/few/choose/best/seed0.tsv")
    (there / "results/few/distil/weak/student/seed0.npz").unlink()
    code, told = started(there, *(word.format("verify") for word in commands))
    assert code == 1
    assert "altered: results/few/choose/best/seed0.tsv" in told
    assert "missing: results/few/distil/weak/student/seed0.npz" in told


def test_every_folder_of_results_is_in_a_stage():
    rules = "".join(path.read_text() for path in RULES.glob("*.smk"))
    made = set(re.findall(r"<results>/(\w+)", rules)) - {"logs"}  # which are not shared
    made -= {"model"}  # made by the target `model` only, and published as one file
    made |= {
        "extract",
        "predict",
        "decode",
        "score",
        "calibrate",
        "distil",
        "choose",
    }  # whose paths `resed.results.layout` has
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
    outs = [
        out
        for stage in stages.values()
        for out in stage["do"]["outs"] + stage["do"].get("plots", [])
    ]
    tracked = {
        match[1] for out in outs for match in [re.match(r"results/\$\{key\}/(\w+)", *out)] if match
    }
    assert made <= tracked
    assert all(settings["persist"] for out in outs for settings in out.values())


def test_the_configs_of_all_runs_exist_and_lead_to_their_datasets():
    runs = yaml.safe_load((REPOSITORY / "workflow" / "runs.yaml").read_text())["runs"]
    for dataset, run in runs.items():
        for config in shlex.split(run["configs"]):
            assert f"dataset: {dataset}\n" in (REPOSITORY / config).read_text()


def test_remotes_are_verified_and_dvc_is_quiet():
    text = (REPOSITORY / ".dvc" / "config").read_text()
    assert "verify = true" in text
    assert "analytics = false" in text
    assert "check_update = false" in text


def test_what_sharing_needs_is_pinned():
    extra = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    pins = (REPOSITORY / "constraints.txt").read_text().splitlines()
    shared = [n for n in extra["optional-dependencies"]["share"] if not n.startswith("resed[")]
    assert [name.partition("==")[0] for name in shared] == ["dvc", "dvc-webdav"]
    for name in shared:
        assert any(pin.startswith(name.partition("==")[0] + "==") for pin in pins)
        assert "==" not in name or name in pins


def test_an_unfinished_or_altered_run_is_not_shared(there):
    flip(there / CHECKPOINT)
    code, told = resed(there, "share")
    assert code == 1
    assert f"altered: {CHECKPOINT}" in told
    flip(there / CHECKPOINT)  # back
    (there / "overlay.yaml").write_text(yaml.safe_dump(with_rate(0.5)))
    code, told = resed(there, "share")
    assert code == 1
    assert "results/demo: not finished, 5 jobs (train pts, " in one_line(told)
    assert resed(there, "verify")[0] == 0, "what was shared before is left as it was"


def test_a_share_that_was_cut_off_does_not_block_the_next(there, tmp_path):
    for name in ("checksums/share", "share/figures"):  # as far as it came
        shutil.rmtree(there / "results" / "demo" / name)
    flip(there / "results" / "demo" / "share" / "snakemake.tar.gz")
    assert resed(there, "verify")[0] == 1
    code, told = resed(there, "share", "--remote", str(tmp_path / "remote"))
    assert code == 0, told
    assert resed(there, "verify")[0] == 0


def test_share_tells_what_others_need(there, tmp_path, monkeypatch):
    (there / "mine.yaml").write_text("sensitivity: {report: false}\n")
    (there / ".gitignore").write_text("mine.yaml\n")
    for name in ("datasets/demo.yaml", "systems/liang.yaml"):
        with (there / "config" / name).open("a") as file:
            file.write("# changed\n")
    code, told = resed(there, "share", "--config", "mine.yaml", "--remote", "../remote")
    assert code == 0, told
    assert told.splitlines()[-2:] == [
        "Commit and push: git add dvc.lock workflow/runs.yaml metrics mine.yaml "
        "config/datasets/demo.yaml config/systems/liang.yaml; git commit; git push",
        "Others then run: make restore CONFIG='config/demo.yaml overlay.yaml mine.yaml' "
        f"REMOTE={tmp_path / 'remote'}",
    ]
    monkeypatch.chdir(there)
    run = SharedRun.of(["config/demo.yaml overlay.yaml"])
    assert others.unsaved(run) == ["config/datasets/demo.yaml", "config/systems/liang.yaml"]
    monkeypatch.setenv("PATH", "")  # no git
    needed = ["config/demo.yaml", "overlay.yaml", "config/datasets/demo.yaml", ".dvc/config"]
    assert others.unsaved(run) == needed
    said = []
    others.tell(SharedRun(("../far.yaml",), "demo"), None, said.append)
    assert said[1:] == [
        "../far.yaml: outside of this folder and of other clones; copy it here and share the copy",
        "Others then run: make restore CONFIG=../far.yaml",
    ]


def test_a_run_without_configs_is_registered_with_the_one_it_has(there, monkeypatch):
    monkeypatch.chdir(there)
    register(SharedRun((), "mine"))
    runs = yaml.safe_load(RUNS.read_text())["runs"]
    assert runs["mine"] == runs["dcase2019"] == {"configs": "config/config.yaml"}
    RUNS.write_text("# nothing\nrun: {}\n")
    with pytest.raises(ShareError, match=r"workflow/runs\.yaml: must have the keys runs and named"):
        register(SharedRun((), "mine"))


def test_sound_where_files_are_pushed_from_is_refused(there):
    sound = there / "data" / "demo" / "metadata" / "clip.FLAC"
    sound.write_bytes(b"sound")
    code, told = resed(there, "share")
    assert code == 1
    assert "data/demo/metadata/clip.FLAC: audio is never pushed" in one_line(told)
    sound.unlink()
    dataset = there / "config" / "datasets" / "demo.yaml"
    dataset.write_text(dataset.read_text().replace("metadata/train/weak.tsv", "audio/weak.tsv"))
    code, told = resed(there, "share")
    assert code == 1
    assert "splits.weak: audio/weak.tsv is not in data/demo/metadata" in one_line(told)


def test_nothing_is_shared_while_a_run_is_at_work(there, monkeypatch):
    monkeypatch.chdir(there)
    with SharedRun(("config/demo.yaml",), "demo").alone():
        for command in ("share", "restore"):
            code, told = resed(there, command)
            assert code == 1
            assert "results/demo: another run is using this folder" in one_line(told)


# ---- what a clone gets ---------------------------------------------------------------------------


def test_a_deleted_figure_is_one_job_and_a_setting_one_systems(there):
    (there / "results" / "demo" / "figures" / "dag.png").unlink()
    assert planned(there, overlay=OVERLAY) == ["draw"]
    assert snakemake(there, overlay=OVERLAY).returncode == 0
    assert resed(there, "verify")[0] == 0
    jobs = planned(there, overlay=with_rate(0.5))
    assert sorted(jobs) == ["predict pts", "report", "score pts", "table", "train pts"]


def test_a_flipped_byte_in_a_checkpoint_is_named_and_refused(there):
    flip(there / CHECKPOINT)
    code, told = resed(there, "verify")
    assert code == 1
    assert f"altered: {CHECKPOINT}" in told
    posteriors = "results/demo/predict/evaluation/pts/seed0.npz"
    (there / posteriors).unlink()
    done = snakemake(there, posteriors, overlay=OVERLAY)
    assert done.returncode == 1
    assert f"resed: {CHECKPOINT}: not the file that was made here" in done.stdout
    (there / CHECKPOINT).unlink()
    code, told = resed(there, "restore", "--remote", str(there.parent))  # all is in the cache
    assert code == 0, told
    assert "nothing to be done" in told


def test_b8_the_commands_that_verify_prints_heal_the_run(there):
    """Every kind of file: final, intermediate, store, checkpoint, record, archive of records."""
    folder = there / "results" / "demo"
    altered = (
        "extract/default/strong.store",
        "train/pts/seed0/checkpoint.pt",
        "distil/weak/pts/seed0.npz",
        "predict/evaluation/pts/seed0.npz",
        "tables/table1.csv",
        "figures/dag.json",
        "report/index.html",
        "share/snakemake.tar.gz",
    )
    for name in altered:
        flip(folder / name)
    (folder / "decode/evaluation/pts/seed0/events.tsv").unlink()  # an intermediate
    (folder / "checksums/calibrate/pts.json.sha256").write_text("damaged")
    code, told = resed(there, "verify")
    assert code == 1
    line = one_line(told)
    assert "9 altered, 1 missing" in line
    for pattern in ("run (snakemake .*?), or make restore", "run (resed share .*?) for results"):
        code, told = started(there, *shlex.split(re.search(pattern, line)[1]))
        assert code == 0, told
    code, told = resed(there, "verify")
    assert code == 0, told
    assert planned(there, overlay=OVERLAY) == []


def test_a_flipped_byte_in_the_remote_is_named_and_nothing_checked_out(here, tmp_path):
    remote = Path(shutil.copytree(here.parent / "resed-remote", tmp_path / "remote"))
    flip(stored(here, CHECKPOINT, remote))
    folder = clone(here, tmp_path / "there")
    code, told = resed(folder, "restore", "--remote", str(remote))
    assert code == 1
    assert f": damaged or missing: {CHECKPOINT}; delete the objects" in one_line(told)
    assert not (folder / "results").exists()
    for path in re.search(f"{CHECKPOINT}; delete from remote (.*)", told)[1].split(" and "):
        assert (remote / path).is_file()  # the cure is tried below


def test_every_damaged_file_of_the_remote_is_named_at_once(here, there, tmp_path):
    remote = Path(shutil.copytree(here.parent / "resed-remote", tmp_path / "remote"))
    results = "results/demo"
    flip(listing(here, f"{results}/train", remote))  # at which DVC stops
    other = listing(here, f"{results}/predict", remote)  # a list still, of other files
    other.chmod(0o644)
    other.write_text(re.sub('"md5": "[0-9a-f]{4}', '"md5": "0000', other.read_text()))
    flip(stored(here, f"{results}/extract/default/strong.store", remote))
    table = f"{results}/tables/table1.csv"
    stored(here, table, remote).unlink()
    folder = clone(here, tmp_path / "fresh")
    code, told = resed(folder, "restore", "--remote", str(remote))
    assert code == 1
    named = dict(
        re.findall("^damaged or missing: (.*?); delete from remote (.*)$", told, re.MULTILINE)
    )
    assert set(named) == {
        f"{results}/train",
        f"{results}/predict",
        f"{results}/extract/default/strong.store",
        table,
    }
    assert "and 3 more; delete the objects listed above" in one_line(told)
    assert not (folder / "results").exists()
    for path in " and ".join(named.values()).split(" and "):
        (remote / path).unlink(missing_ok=True)  # the cure, as told
    assert resed(there, "share", "--remote", str(remote))[0] == 0
    code, told = resed(folder, "restore")
    assert code == 0, told


def test_a1_a_hostile_remote_replaces_neither_the_snakefile_nor_a_hook(here, tmp_path):
    """With DVC, git and Snakemake themselves; test_restore.py has many more paths."""
    remote = Path(shutil.copytree(here.parent / "resed-remote", tmp_path / "remote"))
    folder = clone(here, tmp_path / "there")
    entries = json.loads(listing(here, "results/demo/tables", remote).read_text())
    md5 = hashlib.md5(b"touch PWNED").hexdigest()
    place(md5, remote).parent.mkdir(exist_ok=True)
    place(md5, remote).write_bytes(b"touch PWNED")
    entries += [
        {"md5": md5, "relpath": f"../../../{name}"}
        for name in ("Snakefile", ".git/hooks/post-checkout", "../x")
    ]
    content = json.dumps(entries).encode()
    hostile = f"{hashlib.md5(content).hexdigest()}.dir"
    place(hostile, remote).parent.mkdir(exist_ok=True)
    place(hostile, remote).write_bytes(content)
    lock = yaml.safe_load((folder / LOCK).read_text())
    outs = {out["path"]: out for out in lock["stages"]["results@demo"]["outs"]}
    outs["results/demo/tables"]["md5"] = hostile
    (folder / LOCK).write_text(yaml.safe_dump(lock))
    before = snapshot(folder)
    code, told = resed(folder, "restore", "--remote", str(remote), "--force")
    assert code == 1
    assert "resed: results/demo/tables: '../../../Snakefile' in its list leads" in one_line(told)
    assert snapshot(folder) == before
    assert not (tmp_path / "x").exists()


def test_a1_a_command_in_the_dvc_config_of_git_is_not_run(here, tmp_path):
    folder = clone(here, tmp_path / "there")
    text = (folder / ".dvc" / "config").read_text()
    hostile = "webdavs://localhost\n    bearer_token_command = touch PWNED"
    text = text.replace("../../resed-remote", hostile)
    (folder / ".dvc" / "config").write_text(text)
    before = snapshot(folder)
    code, told = resed(folder, "restore")
    assert code == 1
    assert "remote.store.bearer_token_command must not be set in a file" in one_line(told)
    assert snapshot(folder) == before


def test_c10_a_remote_of_other_letters_than_ascii(here, tmp_path, monkeypatch):
    remote = Path(shutil.copytree(here.parent / "resed-remote", tmp_path / "größe é 音"))
    monkeypatch.chdir(clone(here, tmp_path / "there"))
    for url in ("../größe é 音", str(remote)):
        Settings.read().remote(url)
        assert Settings.read().values["remote.store.url"] == str(remote)
    run = SharedRun(("config/demo.yaml",), "demo")
    wanted = [item.md5 for item in locked(run)]
    many = [md5 for md5 in wanted for _ in range(20)]  # restore asks for each once
    assert fetch_objects(tmp_path / "cache", many) == {}
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert len(files) == len(set(wanted))


def test_c10_git_ignores_data_and_results_that_are_links(tmp_path):
    shutil.copy(REPOSITORY / ".gitignore", tmp_path)
    git(tmp_path, "init")
    (tmp_path / "disk").mkdir()
    for name in ("data", "results", ".snakemake", ".venv"):
        (tmp_path / name).symlink_to(tmp_path / "disk")
    (tmp_path / "src" / "data").mkdir(parents=True)
    (tmp_path / "src" / "data" / "x").touch()
    told = git(tmp_path, "status", "--porcelain", "--untracked-files=all")
    assert told.split() == ["??", ".gitignore", "??", "src/data/x"]


def test_a_flipped_byte_in_the_cache_is_mended_from_the_remote(there, here):
    flip(stored(here, CHECKPOINT, there / ".dvc" / "cache"))
    shutil.rmtree(there / "results")
    code, told = resed(there, "restore", "--remote", str(here.parent / "resed-remote"))
    assert code == 0, told
    assert (there / CHECKPOINT).read_bytes() == (here / CHECKPOINT).read_bytes()


def test_a_flipped_byte_in_the_cache_of_who_shares_is_not_pushed(there, here, tmp_path):
    flip(stored(here, CHECKPOINT, there / ".dvc" / "cache"))
    code, told = resed(there, "share", "--remote", str(tmp_path / "remote"))
    assert code == 0, told
    assert f"DVC's cache: {CHECKPOINT} was damaged or missing; replaced" in told
    pushed = stored(here, CHECKPOINT, tmp_path / "remote")
    assert pushed.read_bytes() == (here / CHECKPOINT).read_bytes()


def test_newer_files_are_not_overwritten_unless_told_so(there):
    assert snakemake(there, overlay=with_rate(0.5)).returncode == 0
    made = (there / CHECKPOINT).read_bytes()
    code, told = resed(there, "restore")
    assert code == 1
    assert "differs, and was never shared: results/demo/tables/table1.csv" in told
    assert "differs from the shared file, and " in one_line(told)
    assert "make restore FORCE=1 overwrites them" in told
    assert (there / CHECKPOINT).read_bytes() == made
    assert resed(there, "restore", "--force")[0] == 0
    assert (there / CHECKPOINT).read_bytes() != made
    assert planned(there, overlay=OVERLAY) == []


def test_a_remote_that_is_not_there_and_a_run_that_is_not_shared(here, tmp_path):
    folder = clone(here, tmp_path / "there")
    code, told = resed(folder, "restore", "--remote", str(tmp_path / "none"))
    assert code == 1
    assert "remote store" in one_line(told)
    assert "correct its URL" in told
    (tmp_path / "empty").mkdir()
    code, told = resed(folder, "restore", "--remote", str(tmp_path / "empty"))
    assert code == 1
    assert "contains no files of demo; correct its URL" in one_line(told)
    git(folder, "rm", "dvc.lock")
    code, told = resed(folder, "restore")
    assert code == 1
    assert "dvc.lock: demo has not been shared; git pull" in one_line(told)


def test_dvc_shows_what_changed_in_table_1_without_fetching(there, tmp_path):
    assert snakemake(there, overlay=with_rate(0.75)).returncode == 0
    code, told = resed(there, "share", "--remote", str(tmp_path / "remote"))
    assert code == 0, told
    commit(there, "another learning rate")
    folder = clone(there, tmp_path / "fresh")
    changed = dvc(folder, "metrics", "diff", "HEAD~1", "HEAD").splitlines()
    assert len(changed) == 2, "a heading, and the one number that changed"
    assert changed[1].split()[:2] == ["metrics/demo/pts.json", "event_evaluation"]
    assert changed[1].split()[3] == "0.75"
    assert "metrics/demo/pts_tfd.json" in dvc(folder, "metrics", "show")


def test_dvc_repro_lets_snakemake_make_what_is_missing(there):
    figure = there / "results" / "demo" / "figures" / "dag.png"
    before = figure.read_bytes()
    figure.unlink()
    told = dvc(there, "repro", "results@demo")
    assert "Stage 'checkpoints@demo' didn't change, skipping" in told
    assert "draw" in told
    assert not re.search(r"\btrain ", told), "the line of the plan has the word trainings"
    assert figure.read_bytes() == before


def test_plots_are_pictures_on_a_page_without_network(restored, tmp_path):
    dvc(restored, "plots", "show", "results/demo/share/figures", "--out", str(tmp_path))
    page = (tmp_path / "index.html").read_text()
    assert "dag.png" in page
    assert "http" not in page
    assert "<script" not in page


# ---- what Snakemake knows ------------------------------------------------------------------------


def test_the_archive_is_the_same_bytes_each_time(there, monkeypatch):
    monkeypatch.chdir(there)
    run = SharedRun(("config/demo.yaml",), "demo")
    before = run.archive.read_bytes()
    for path in (there / ".snakemake" / "metadata").iterdir():
        path.touch()
    assert pack(run).read_bytes() == before


def test_what_has_no_record_yet_does_not_pass_for_what_lay_there_before(there, monkeypatch):
    assert snakemake(there, overlay=with_rate(0.5)).returncode == 0
    monkeypatch.chdir(there)
    run = SharedRun(("config/demo.yaml",), "demo")
    dvc(there, "checkout", "--force", *run.stages)

    def cut_off(path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(knowledge, "atomic_path", cut_off)
        unpack(run, run.archive)
    assert "train pts" in planned(there, overlay=with_rate(0.5))
    unpack(run, run.archive)
    assert planned(there, overlay=OVERLAY) == []


# ---- WebDAV --------------------------------------------------------------------------------------


@pytest.fixture
def webdav(tmp_path):
    """URL of a WebDAV server on the loopback address, with a password; and its folder."""
    wsgi = pytest.importorskip("cheroot.wsgi")
    app = pytest.importorskip("wsgidav.wsgidav_app")
    (tmp_path / "dav").mkdir()
    users = {"*": {"lab": {"password": "secret"}}}
    settings = {
        "provider_mapping": {"/": str(tmp_path / "dav")},
        "simple_dc": {"user_mapping": users},
        "verbose": 0,
        "logging": {"enable": False},
    }
    server = wsgi.Server(("127.0.0.1", 0), app.WsgiDAVApp(settings))
    server.prepare()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    yield f"webdav://127.0.0.1:{server.bind_addr[1]}/", tmp_path / "dav"
    server.stop()
    thread.join()


def test_a_webdav_server_serves_as_remote(there, webdav, tmp_path):
    url, folder = webdav
    fresh = clone(there, tmp_path / "fresh")
    code, told = resed(fresh, "restore", "--remote", url)
    assert code == 1, "no password yet"
    assert "Not Authorized" in one_line(told)
    for key, value in (("user", "lab"), ("password", "secret")):
        dvc(fresh, "remote", "modify", "--local", "store", key, value)
    shutil.copy(fresh / ".dvc" / "config.local", there / ".dvc")
    code, told = resed(there, "share")
    assert code == 0, told
    code, told = resed(fresh, "restore")
    assert code == 0, told
    assert "nothing to be done" in told
    flip(stored(there, CHECKPOINT, folder))
    shutil.rmtree(fresh / ".dvc" / "cache")
    shutil.rmtree(fresh / "results")
    code, told = resed(fresh, "restore")
    assert code == 1
    assert CHECKPOINT in one_line(told)
    assert "password = secret" not in (fresh / ".dvc" / "config").read_text()


# ---- documentation -------------------------------------------------------------------------------


def test_dvc_commands_of_the_documentation_are_commands(here):
    lines = re.findall(r"^dvc (.*)$", DOC.read_text(), re.MULTILINE)
    assert lines
    for line in lines:
        words = [word for word in shlex.split(line, comments=True) if word.isalpha()][:2]
        if words[0] not in ("remote", "metrics", "plots", "data"):
            words = words[:1]
        known = dvc(here, *words, "--help")
        for option in re.findall(r"(?<!\S)--[a-z-]+", line):
            assert option in known, f"dvc {line}"
