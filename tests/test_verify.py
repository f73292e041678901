"""Checksums of results: recorded when made, compared before use, and by `resed verify`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from resed.cli import app
from resed.errors import AlteredError, MissingFileError
from resed.runtime import checksums
from resed.runtime.files import existing, read_json, write_json, write_text
from resed.runtime.verify import verify


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

    monkeypatch.setattr(checksums, "write", full)
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
    assert "resed: results/demo: 1 altered, of 2 files; delete the altered files, then" in words
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
