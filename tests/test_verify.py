"""Checksums of results: recorded when made, compared before use, and by `resed verify`."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made_page import make_page_input
from made_results import make_results, make_root
from runs import REPOSITORY
from typer.testing import CliRunner

from resed.acquire.soundscapes.render_split import render_split
from resed.cli import app
from resed.config.dataset import load_dataset
from resed.config.run import load_config
from resed.errors import AlteredError, MissingFileError
from resed.formats.acquisition import table_path
from resed.results.folder import Results
from resed.results.leftovers import leftovers
from resed.runtime import checksums
from resed.runtime.files import existing, read_json, write_json, write_text
from resed.runtime.staleness import Made
from resed.runtime.verify import adopt, refuse_bad, verify


def flip(path: Path) -> None:
    """Flip one bit in the middle, and leave size and date as they were."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(status.st_mode)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A results folder that a run has filled."""
    folder = tmp_path / "results" / "demo"
    monkeypatch.setenv(checksums.VARIABLE, str(folder))
    monkeypatch.chdir(tmp_path)
    write_json("results/demo/score/pts/metrics.json", {"f1": 0.5})
    write_text("results/demo/tables/table1.csv", "system\npts\n")
    return folder


def statuses(folder: Path) -> dict[str, str]:
    """File name -> status, of all that is not ok."""
    return {f.path.name: f.status for f in verify(folder) if f.status != "ok"}


def told(*arguments: str) -> tuple[int, str]:
    """Exit code and all words of a `resed` command."""
    program = Path(sys.executable).parent / "resed"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_run_records_what_it_makes_as_sha256sum_does(results):
    record = results / "checksums" / "score" / "pts" / "metrics.json.sha256"
    assert record.read_text().endswith("  score/pts/metrics.json\n")
    done = subprocess.run(["sha256sum", "--check", "--strict", record], cwd=results, check=False)
    assert done.returncode == 0
    assert statuses(results) == {}


def test_a_file_made_again_has_a_new_record(results):
    write_text("results/demo/tables/table1.csv", "system\npts_tfd\n")
    assert statuses(results) == {}


def test_nothing_is_recorded_outside_of_a_run_or_of_its_folder(results, tmp_path, monkeypatch):
    write_text(tmp_path / "results" / "demo2" / "a.txt", "of another run")
    monkeypatch.delenv(checksums.VARIABLE)
    write_text(results / "mine.txt", "by hand")
    assert not (tmp_path / "results" / "demo2" / "checksums").exists()
    assert statuses(results) == {"mine.txt": "unrecorded"}


def test_no_file_appears_without_its_record(results, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checksums, "_write", full)
    with pytest.raises(OSError, match="No space"):
        write_text(results / "half.txt", "whole")
    assert not (results / "half.txt").exists()


def test_each_bad_file_is_named_with_what_is_wrong(results):
    write_text(results / "gone.txt", "made")
    (results / "gone.txt").unlink()
    (results / "new.txt").write_text("by hand")
    flip(results / "tables" / "table1.csv")
    assert statuses(results) == {
        "gone.txt": "missing",
        "new.txt": "unrecorded",
        "table1.csv": "altered",
    }


def test_a_damaged_record_is_named_and_vouches_for_nothing(results):
    record = results / "checksums" / "tables" / "table1.csv.sha256"
    record.write_bytes(b"\xff" + record.read_bytes()[1:])
    assert statuses(results) == {"table1.csv.sha256": "altered"}
    with pytest.raises(AlteredError, match=r"table1\.csv\.sha256: checksum record is corrupt; del"):
        existing(results / "tables" / "table1.csv")
    flip(results / "checksums" / "score" / "pts" / "metrics.json.sha256")
    assert "altered" in set(statuses(results).values())


def test_what_is_no_result_is_left_alone(results):
    for name in ("logs/train.log", "benchmarks/train.tsv", "train/resume.pt", ".a.12.part"):
        (results / name).parent.mkdir(exist_ok=True)
        (results / name).write_text("x")
    write_text(results / "train" / "resume.pt", "written every epoch")
    assert statuses(results) == {}


def test_a_record_is_on_the_disk_before_its_name_is(results, monkeypatch):
    """After a power cut an empty record would have a whole checkpoint refused."""
    steps = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor):
        steps.append(("fsync", os.fstat(descriptor).st_ino, os.fstat(descriptor).st_size))
        fsync(descriptor)

    def replaced(source, target):
        steps.append(("replace", Path(source).stat().st_ino, Path(source).stat().st_size))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    checksums.write(results, Path("tables/table1.csv"), "0" * 64)
    (synced_first, *first), (replaced_then, *then) = steps
    assert (synced_first, replaced_then) == ("fsync", "replace")
    assert first == then
    assert then[1] == len("0" * 64 + "  tables/table1.csv\n")


def test_a_run_refuses_to_read_an_altered_result_in_one_line(results):
    path = Path("results/demo/score/pts/metrics.json")
    assert read_json(path) == {"f1": 0.5}
    path.write_text('{"f1": 0.9}\n')  # valid, and wrong
    with pytest.raises(AlteredError, match=r"score/pts/metrics\.json: not the file that was made"):
        read_json(path)


def test_the_user_alone_may_read_what_he_altered(results, monkeypatch):
    path = results / "score" / "pts" / "metrics.json"
    path.write_text('{"f1": 0.9}\n')
    monkeypatch.delenv(checksums.VARIABLE)
    assert read_json(path) == {"f1": 0.9}


def test_links_to_folders_above_do_not_run_in_circles(results):
    (results / "tables" / "again").symlink_to(results, target_is_directory=True)
    (results / "tables" / "itself").symlink_to(results / "tables", target_is_directory=True)
    assert statuses(results) == {}


def test_an_empty_or_absent_folder_is_told(tmp_path):
    with pytest.raises(MissingFileError, match=r"none: no results in it"):
        verify(tmp_path / "none")


def test_the_command_names_the_file_and_ends_with_1(results):
    code, words = told("verify", "--results", "results/demo")
    assert (code, "all 2 files match their checksums" in words) == (0, True)
    flip(results / "tables" / "table1.csv")
    code, words = told("verify", "--results", "results/demo")
    assert code == 1
    assert "altered: results/demo/tables/table1.csv\n" in words
    assert "resed: results/demo: 1 altered, of 2 files; run snakemake --cores all" in words
    assert "Traceback" not in words


def test_results_of_an_older_resed_can_be_adopted(results):
    (results / "old.txt").write_text("made before")
    code, words = told("verify", "--results", "results/demo")
    assert code == 1
    assert "resed verify --record --results results/demo" in words
    code, words = told("verify", "--record", "--results", "results/demo")
    assert code == 0
    assert statuses(results) == {}
    (results / "tables" / "table1.csv").write_text("altered")
    assert told("verify", "--record", "--results", "results/demo")[0] == 1, "altered stays altered"


def test_one_of_both_options_is_needed():
    assert CliRunner().invoke(app, ["verify"]).exit_code == 2


def test_the_workflow_tells_its_jobs_where_to_record():
    rules = Path(__file__).parents[1] / "workflow" / "rules" / "common.smk"
    assert checksums.VARIABLE in rules.read_text()


def test_c7_links_that_lead_into_their_own_folder_end(results):
    """Two links per folder: followed without memory they would be 2^n paths."""
    for folder in (results, results / "tables", results / "checksums", results / "score" / "pts"):
        (folder / "one").symlink_to(folder, target_is_directory=True)
        (folder / "two").symlink_to(".", target_is_directory=True)
        (folder / "itself").symlink_to("itself")
        (folder / "nowhere").symlink_to("gone")
    began = time.monotonic()
    code, words = told("verify", "--results", "results/demo")
    assert time.monotonic() - began < 30
    assert code == 1
    assert "altered" not in words
    assert "results/demo/tables/nowhere" in words


def test_b8_the_command_names_all_files_that_it_remakes(results):
    """Snakemake would not remake an intermediate that no job needs (test_share.py follows it)."""
    write_text(results / "extract" / "a b.store", "store")
    write_text(results / "share" / "snakemake.tar.gz", "records")
    (results / "extract" / "a b.store").unlink()
    flip(results / "tables" / "table1.csv")
    record = results / "checksums" / "score" / "pts" / "metrics.json.sha256"
    record.write_text("damaged")
    flip(results / "share" / "snakemake.tar.gz")
    (results / "mine.txt").write_text("mine")
    with pytest.raises(AlteredError) as raised:
        refuse_bad(Path("results/demo"), verify(Path("results/demo")), print, ["c.yaml", "d.yaml"])
    assert raised.value.problem == "3 altered, 1 missing, 1 unrecorded, of 5 files"
    assert raised.value.cure.split("; ") == [
        "run snakemake --cores all --force 'results/demo/extract/a b.store' "
        "results/demo/score/pts/metrics.json results/demo/tables/table1.csv "
        "--configfile c.yaml d.yaml, or make restore FORCE=1 (if you removed a file on purpose: "
        "delete its record in results/demo/checksums)",
        "run resed share --prepare --config 'c.yaml d.yaml' for results/demo/share",
        "move or delete files that no run made, or resed verify --record --results results/demo",
    ]
    with pytest.raises(AlteredError, match=r"table1\.csv \(and your --configfile\), or make"):
        refuse_bad(Path("results/demo"), verify(Path("results/demo")), print)


@pytest.fixture
def two_systems(tmp_path, monkeypatch):
    """Results of pts, pts_tfd and a baseline, and a config that names pts only."""
    monkeypatch.chdir(tmp_path)
    config = make_root(tmp_path, systems=["pts", "pts_tfd"])
    folder = make_results(config)
    monkeypatch.setenv(checksums.VARIABLE, str(folder.absolute()))
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        write_text(path, path.read_bytes().decode("latin-1"))
    values = {"dataset": "made", "paper": "liang", "systems": ["pts"]}
    return folder, load_config(values, tmp_path)


def test_b8_no_command_is_printed_for_files_that_no_rule_makes(two_systems):
    folder, config = two_systems
    is_leftover = leftovers(config)
    made = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    made = {name for name in made if not name.startswith(checksums.FOLDER)}
    other_system = {name for name in made if "/pts_tfd/" in name or "/pts_tfd@" in name}
    assert len(other_system) > 10
    assert {name for name in made if is_leftover(name)} == other_system
    one, other = "train/pts/seed0/history.csv", "train/pts_tfd/seed0/history.csv"
    assert {one, other} <= made
    for name in (one, other):
        flip(folder / name)
    said = []
    with pytest.raises(AlteredError) as raised:
        refuse_bad(folder, verify(folder), said.append, ["c.yaml"], is_leftover)
    command, advice = raised.value.cure.split("; ")[:2]
    assert one in command and other not in command
    assert advice.startswith(f"no rule makes {folder / other}, of systems or readings that ")
    assert sum("history.csv" in line for line in said) == 2


def test_b8_stale_files_of_other_systems_are_not_redone_for_ever():
    maker = {"stage": "train", "code": "0" * 64}
    names = ("train/pts/seed0/checkpoint.pt", "train/old/seed0/checkpoint.pt")
    made = Made(Path("results/demo"), dict.fromkeys(names, maker), {"train": "1" * 64})
    one, other = made.lines(["c.yaml"], lambda name: "/old/" in name)
    assert one.startswith("train: 1 of 2 files") and "--forcerun train" in one
    assert other.startswith("1 more were made by other code") and "snakemake" not in other
    assert names[1] in other


def test_b8_a_link_that_leads_out_of_the_results_is_not_followed(results, tmp_path):
    outside = tmp_path / "private"
    outside.mkdir()
    (outside / "key.txt").write_text("secret")
    (results / "folder").symlink_to(outside, target_is_directory=True)
    (results / "file.txt").symlink_to(outside / "key.txt")
    (results / "inside").symlink_to(results / "tables", target_is_directory=True)
    assert statuses(results) == {"folder": "unrecorded", "file.txt": "unrecorded"}
    found = verify(results)
    adopt(results, found)
    assert not list((results / "checksums").rglob("*key*"))
    assert not (results / "checksums" / "file.txt.sha256").exists()
    with pytest.raises(AlteredError, match=r"folder: a link that leads out of the results; rep"):
        refuse_bad(results, found, print)


def test_results_with_records_on_another_disk_are_verified(results, tmp_path):
    """A folder of stores may be a link to a larger disk: what a run made there is compared."""
    shutil.move(results / "tables", tmp_path / "disk")
    (results / "tables").symlink_to(tmp_path / "disk", target_is_directory=True)
    assert statuses(results) == {}
    flip(results / "tables" / "table1.csv")
    assert statuses(results) == {"table1.csv": "altered"}


def test_b10_a_command_started_by_hand_compares_what_it_reads(results, monkeypatch):
    monkeypatch.delenv(checksums.VARIABLE)
    path = results / "tables" / "table1.csv"
    with checksums.comparing(Path("results/demo")):
        assert existing(path) == path
        write_text(results / "new.txt", "not recorded")
        path.write_text("system\nother\n")
        with pytest.raises(AlteredError, match=r"table1\.csv: not the file that was made here"):
            existing(path)
    assert existing(path) == path
    assert statuses(results) == {"table1.csv": "altered", "new.txt": "unrecorded"}


@pytest.fixture(scope="module")
def page_input(tmp_path_factory):
    """Results with all inputs of the page, recorded as a run does."""
    root = tmp_path_factory.mktemp("page")
    config = make_root(root, systems=["pts"])
    page = Results.of(config, make_results(config, 8, False))
    make_page_input(page)
    folder = page.folder
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        checksums.write(folder, path.relative_to(folder), checksums.digest(path))
    return root, config, folder


PAGE_INPUTS = [
    "tables/table1.csv",
    "tables/claims.csv",
    "tables/claims.json",
    "figures/dag.json",
    "figures/dag.png",
    "audit/audit.json",
]
COMMANDS = {
    "report": ("--out", "page.html"),
    "tabulate": ("--table", "table1", "--out-folder", "made"),
}


@pytest.mark.parametrize(
    ("command", "name"),
    [("report", name) for name in PAGE_INPUTS] + [("tabulate", "audit/audit.json")],
)
def test_b10_an_altered_input_is_refused(page_input, monkeypatch, command, name):
    root, config, folder = page_input
    monkeypatch.chdir(root)
    words = [command, "--config-json", config.model_dump_json(), "--results", str(folder)]
    whole = CliRunner().invoke(app, [*words, *COMMANDS[command]])
    assert whole.exit_code == 0, whole.exception
    flip(folder / name)
    try:
        done = CliRunner().invoke(app, [*words, *COMMANDS[command]])
    finally:
        flip(folder / name)
    assert isinstance(done.exception, AlteredError)
    assert str(done.exception).startswith(f"{folder / name}: not the file that was made here")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """The demo with one clip per split."""
    folder = tmp_path_factory.mktemp("rendered")
    demo = load_dataset("demo", REPOSITORY)
    for split in demo.splits:
        render_split(demo, folder / "demo", split, scale=1e-6, report=lambda _: None)
    return folder, demo.splits


@pytest.fixture
def heard(rendered, tmp_path, monkeypatch):
    """A dataset with results: split -> its clip."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").symlink_to(REPOSITORY / "config")
    shutil.copytree(rendered[0], "data")
    monkeypatch.setenv(checksums.VARIABLE, str(tmp_path / "results/demo"))
    write_text("results/demo/tables/table1.csv", "system\n")
    folders = {split: Path("data/demo", place.audio) for split, place in rendered[1].items()}
    return {split: next(folder.glob("*.wav")) for split, folder in folders.items()}


def test_b5_verify_audio_names_files_that_differ_are_missing_or_extra(heard):
    words = ("verify", "--results", "results/demo", "--audio")
    code, said = told(*words)
    assert code == 0, said
    assert "data/demo: all 5 audio files are those that were acquired" in said
    assert "results/demo: all 1 files match their checksums" in said
    extra = heard["weak"].with_name("mine.wav")
    extra.write_bytes(b"mine")
    code, said = told(*words)
    assert (code, f"without a record, and not used: {extra}\n" in said) == (0, True)
    flip(heard["strong"])
    heard["weak"].unlink()
    code, said = told(*words)
    assert code == 1
    assert f"altered: {heard['strong']}\n" in said
    assert f"missing: {heard['weak']}\n" in said
    assert "resed: data/demo: 1 altered, 1 missing, of 5 audio files; put back your own" in said
    assert "results/demo: all 1 files match" in said, "results are compared, too"
    assert told("verify", "--results", "results/demo")[0] == 0, "audio is compared on request"


def test_b5_verify_audio_names_records_that_are_lost_or_damaged(heard):
    words = ("verify", "--results", "results/demo", "--audio")
    table_path("data/demo", "weak").unlink()
    code, said = told(*words)
    assert code == 1
    assert "no record: data/demo/.acquire/weak.tsv\n" in said
    assert "1 without a record of their split, of 4 audio files" in said
    for split in ("unlabeled", "strong", "development", "evaluation"):
        table_path("data/demo", split).unlink()
    code, said = told(*words)
    assert code == 1
    assert "resed: data/demo/.acquire: no record of audio; run resed acquire" in said
    table_path("data/demo", "weak").write_text("damaged\n")
    code, said = told(*words)
    assert (code, "Traceback" in said, "data/demo/.acquire/weak.tsv" in said) == (1, False, True)


def test_b5_verify_audio_reports_sound_and_results_that_differ(heard):
    """Neither error hides the other: both places and both cures."""
    flip(heard["strong"])
    flip(Path("results/demo/tables/table1.csv"))
    code, said = told("verify", "--results", "results/demo", "--audio")
    assert code == 1
    lines = [line for line in said.splitlines() if line.startswith("resed: ")]
    assert len(lines) == 2
    assert "data/demo: 1 altered, of 5 audio files; put back your own" in lines[0]
    assert "results/demo: 1 altered, of 1 files; run snakemake" in lines[1]
    shutil.rmtree("results/demo")
    code, said = told("verify", "--results", "results/demo", "--audio")
    assert code == 1 and "1 altered, of 5 audio files" in said and "no results in it" in said


def test_b5_verify_audio_takes_the_name_of_a_results_folder_that_is_a_link(heard):
    Path("elsewhere").mkdir()
    shutil.move("results/demo", "elsewhere/disk1")
    Path("results/demo").symlink_to(Path("elsewhere/disk1").absolute())
    code, said = told("verify", "--results", "results/demo", "--audio")
    assert code == 0, said
    assert "all 5 audio files are those that were acquired" in said


def test_c8_a_line_end_in_a_file_name_forges_no_line(results):
    (results / "a\x1b[31m\nall files match.tsv").touch()
    said = []
    with pytest.raises(AlteredError):
        refuse_bad(results, verify(results), said.append)
    assert [line for line in said if "all files" in line] == [
        line for line in said if line.startswith("unrecorded: ")
    ]
    assert not any("\n" in line or "\x1b" in line for line in said)


def test_b8_what_is_no_file_is_not_called_missing(results):
    os.mkfifo(results / "pipe")
    (results / "broken").symlink_to(results / "nothing")
    assert statuses(results) == {"pipe": "unrecorded", "broken": "unrecorded"}
