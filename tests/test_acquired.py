"""Annotations in data/, the reference included, are compared with the records of acquire."""

import os
import re
from pathlib import Path

import pytest
import yaml
from five_roles import ROLES
from runs import copy_workflow, planned, snakemake
from shared_run import make_run, resed
from sounds import good
from test_verify import flip, statuses, told

from resed.errors import AlteredError
from resed.formats.annotations import read_events
from resed.runtime import checksums
from resed.runtime.checksums import acquiring, record_annotations
from resed.runtime.files import existing, sha256, write_json, write_text

STRONG = "filename\tonset\toffset\tevent_label\na.wav\t0.500\t1.500\tDog\nb.wav\t\t\t\n"
TRUTH = Path("data/demo/metadata/strong.tsv")
RECORD = Path("results/demo/checksums/annotations/strong.sha256")
JOB = "results/demo/acquire/strong.json"


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A results folder whose annotations were acquired by a run."""
    folder = tmp_path / "results" / "demo"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(checksums.VARIABLE, str(folder))
    TRUTH.parent.mkdir(parents=True)
    TRUTH.write_text(STRONG)
    write_text(JOB, "{}")
    record_annotations("strong", TRUTH)
    return folder


# ---- a job that reads them -----------------------------------------------------------------------


def test_a_run_refuses_to_read_altered_annotations_in_one_line(results):
    assert len(read_events(TRUTH)) == 2
    TRUTH.write_text(STRONG.replace("1.500", "1.700"))  # valid, and wrong
    for read in (read_events, sha256, existing):
        with pytest.raises(AlteredError) as refused:
            read(TRUTH)
        line = str(refused.value)
        assert line.startswith(f"{TRUTH}: not the annotations that were acquired")
        assert f"move it away, then make restore, or snakemake --cores all --force {JOB} " in line
        assert line.endswith(
            "to keep your own changes to a dataset of recordings, run only this command"
        )
        assert "delete" not in line, "it may be the only copy"


def test_the_record_is_one_line_as_sha256sum_writes_it(results):
    assert RECORD.read_text() == f"{checksums.digest(TRUTH)}  metadata/strong.tsv\n"
    assert [path.name for path in RECORD.parent.iterdir()] == ["strong.sha256"]


def test_nothing_is_recorded_outside_of_a_run_or_of_the_dataset(results, tmp_path, monkeypatch):
    other = tmp_path / "data" / "other" / "strong.tsv"
    other.parent.mkdir()
    other.write_text(STRONG)
    record_annotations("weak", other)
    monkeypatch.delenv(checksums.VARIABLE)
    record_annotations("weak", TRUTH)
    assert [path.name for path in RECORD.parent.iterdir()] == ["strong.sha256"]


def test_the_user_and_acquire_itself_may_read_what_was_altered(results, monkeypatch):
    TRUTH.write_text(STRONG.replace("Dog", "Cat"))
    with acquiring():
        assert len(read_events(TRUTH)) == 2
    with pytest.raises(AlteredError):
        read_events(TRUTH)
    monkeypatch.delenv(checksums.VARIABLE)
    assert len(read_events(TRUTH)) == 2


@pytest.mark.parametrize("text", ["", "no hash\n", "0" * 64 + "  ../../config/x.yaml\n"])
def test_a_corrupt_record_is_named_and_not_used(results, text):
    RECORD.write_text(text)
    with pytest.raises(AlteredError) as refused:
        existing(TRUTH)
    assert str(refused.value) == (
        f"{results / RECORD.relative_to('results/demo')}: checksum record is corrupt; "
        f"snakemake --cores all --force {JOB} (and your --configfile)"
    )
    assert statuses(results) == {"strong.sha256": "altered"}


def test_one_record_of_a_shared_file_is_enough_until_the_other_is_renewed(results):
    record_annotations("unlabeled", TRUTH)
    TRUTH.write_text(STRONG.replace("Dog", "Cat"))
    with pytest.raises(AlteredError, match=r"strong\.json results/demo/acquire/unlabeled\.json "):
        existing(TRUTH)
    record_annotations("strong", TRUTH)
    existing(TRUTH)


def test_files_without_a_record_are_left_alone(results):
    other = TRUTH.with_name("other.tsv")
    other.write_text("of no split")
    existing(other)
    RECORD.unlink()
    TRUTH.write_text("changed")
    existing(TRUTH)
    assert statuses(results) == {}


def test_annotations_are_hashed_once_a_process(results, monkeypatch):
    hashed, digest = [], checksums.digest
    monkeypatch.setattr(checksums, "digest", lambda path: hashed.append(path.name) or digest(path))
    for _ in range(5):
        existing(TRUTH)
    assert hashed.count("strong.tsv") == 1


def test_records_that_are_being_written_are_left_alone(results, monkeypatch):
    (RECORD.parent / ".weak.sha256.1.part").write_text("{")
    existing(TRUTH)
    TRUTH.write_text(STRONG)  # not compared yet, as it is now
    monkeypatch.setattr(Path, "glob", lambda *_: [RECORD.with_name("gone.sha256")])  # just deleted
    existing(TRUTH)


# ---- resed verify --------------------------------------------------------------------------------


def test_verify_names_annotations_that_are_altered_or_missing(results):
    assert statuses(results) == {}
    flip(TRUTH)
    assert statuses(results) == {"strong.tsv": "altered"}
    code, words = told("verify", "--results", "results/demo")
    assert code == 1
    assert f"altered: {TRUTH}\n" in words
    assert f"1 altered, of 2 files; {TRUTH}: move it away, then make restore, or" in words
    assert "delete" not in words
    TRUTH.unlink()
    code, words = told("verify", "--results", str(results))
    assert code == 1
    assert f"missing: {results.parents[1] / TRUTH}\n" in words
    assert f"strong.tsv: make restore, or snakemake --cores all --force {JOB} " in words


def test_verify_says_both_cures_where_results_are_altered_too(results):
    flip(TRUTH)
    write_json(results / "tables.json", {})
    flip(results / "tables.json")
    code, words = told("verify", "--results", "results/demo")
    assert code == 1
    assert (
        "2 altered, of 3 files; run snakemake --cores all --force results/demo/tables.json" in words
    )
    assert f"; {TRUTH}: move it away" in words


@pytest.mark.parametrize(("here", "name"), [("results", "demo"), ("results/demo", ".")])
def test_verify_finds_the_annotations_from_any_folder(results, monkeypatch, here, name):
    (results.parent / "other").mkdir()
    flip(TRUTH)
    monkeypatch.chdir(here)
    code, words = told("verify", "--results", name)
    assert (code, "altered: ../" in words) == (1, True)
    monkeypatch.chdir(results.parent / "other")
    words = told("verify", "--results", "../demo")[1]
    assert "altered: ../../data/demo/metadata/strong.tsv\n" in words


def test_every_flipped_bit_is_named(results):
    before = TRUTH.read_bytes()
    for bit in range(8 * len(before)):
        content = bytearray(before)
        content[bit // 8] ^= 1 << bit % 8
        TRUTH.write_bytes(content)
        ((known,), corrupt) = checksums.recorded_annotations(results)
        assert not corrupt
        assert known.status() == "altered", bit
    TRUTH.write_bytes(before)
    assert statuses(results) == {}


def test_share_refuses_and_restore_brings_them_back(tmp_path, monkeypatch):
    pytest.importorskip("dvc", reason="DVC is not installed: make share, or make test, does it")
    folder = make_run(tmp_path / "here")
    truth = folder / TRUTH
    with monkeypatch.context() as run:
        run.setenv(checksums.VARIABLE, str(folder / "results" / "demo"))
        record_annotations("strong", truth)
    code, words = resed(folder, "share")
    assert code == 0, words
    flip(truth)
    code, words = resed(folder, "share")
    assert code == 1
    assert f"altered: {TRUTH}\n" in words
    truth.rename(tmp_path / "away.tsv")  # the cure, as told
    code, words = resed(folder, "restore")
    assert code == 0, words
    assert resed(folder, "verify")[0] == 0


# ---- the whole road ------------------------------------------------------------------------------


YARD = {"dataset": "yard", "systems": ["pts"], "sensitivity": {"report": False}}


@pytest.fixture
def yard(tmp_path):
    """The workflow, and a dataset of somebody's own whose weak clips are the unlabeled ones too."""
    copy_workflow(tmp_path)
    places = {role: ("weak" if role == "unlabeled" else role) for role in ROLES}
    labels = {"weak": "weak", "unlabeled": "none"}
    values = {
        "name": "yard",
        "title": "Yard",
        "kind": "recordings",
        "classes": ["Bird", "Car"],
        "clip_seconds": 1.0,
        "splits": {
            role: {
                "audio": f"audio/{place}",
                "annotations": f"metadata/{place}.tsv",
                "labels": labels.get(role, "strong"),
                "clips": 2,
            }
            for role, place in places.items()
        },
    }
    (tmp_path / "config" / "datasets" / "yard.yaml").write_text(yaml.safe_dump(values))
    data = tmp_path / "data" / "yard"
    (data / "metadata").mkdir(parents=True)
    for number, place in enumerate(dict.fromkeys(places.values())):
        names = [f"{place}{clip}.wav" for clip in range(2)]
        (data / "audio" / place).mkdir(parents=True)
        for clip, name in enumerate(names):
            good(data / "audio" / place / name, 1.0, seed=10 * number + clip)
        text = "filename\tonset\toffset\tevent_label\n"
        text += f"{names[0]}\t0.1\t0.6\tBird\n{names[1]}\t0.2\t0.7\tCar\n"
        if place == "weak":
            text = f"filename\tevent_labels\n{names[0]}\tBird\n{names[1]}\tCar\n"
        (data / "metadata" / f"{place}.tsv").write_text(text)
    return tmp_path


def change_unseen(path: Path, old: bytes, new: bytes) -> None:
    """Other bytes of the same size and date: nothing that Snakemake would notice."""
    status, content = path.stat(), path.read_bytes()
    assert content.count(old) and len(old) == len(new)
    path.write_bytes(content.replace(old, new, 1))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def cure(code: int, said: str) -> list[str]:
    """The arguments of Snakemake that a refusal names."""
    assert code == 1
    assert "Traceback" not in said
    (line,) = set(re.findall(r"^resed: (.*)$", said, re.MULTILINE))  # in a log, and perhaps shown
    assert "not the annotations that were acquired" in line
    return re.search(r"snakemake (--cores all --force .*?) \(and", line)[1].split()


def test_labels_of_ones_own_may_be_corrected_but_do_not_change_unseen(yard):
    results, weak = yard / "results" / "yard", yard / "data" / "yard" / "metadata" / "weak.tsv"
    done = snakemake(yard, "audit", overlay=YARD)
    assert done.returncode == 0, done.stdout[-3000:]
    weak.write_text(weak.read_text().replace("Bird", "Bird,Car"))
    done = snakemake(yard, "audit", overlay=YARD)
    assert done.returncode == 0, done.stdout[-3000:]
    assert statuses(results) == {}

    change_unseen(weak, b"Bird", b"Bard")
    assert planned(yard, "audit", overlay=YARD) == []
    assert statuses(results) == {"weak.tsv": "altered"}
    change_unseen(weak, b"Bard,Car", b"Car,Bird")  # an order of labels that says the same
    done = snakemake(yard, "audit", "--forcerun", "audit", overlay=YARD)
    arguments = cure(done.returncode, done.stdout)
    done = snakemake(yard, *arguments, overlay=YARD)  # to keep it: that alone
    assert done.returncode == 0, done.stdout[-3000:]
    done = snakemake(yard, "audit", overlay=YARD)
    assert done.returncode == 0, done.stdout[-3000:]
    assert statuses(results) == {}


def test_drawn_annotations_are_drawn_again_and_nothing_else_is_made(tmp_path):
    folder, overlay = copy_workflow(tmp_path), {"acquire": {"scale": 0.001}}
    windows = "results/demo/calibrate/windows_esp.tsv"
    done = snakemake(folder, windows, overlay=overlay)
    assert done.returncode == 0, done.stdout[-3000:]
    truth = folder / "data" / "demo" / "metadata" / "train" / "synthetic.tsv"
    before = truth.read_bytes()
    change_unseen(truth, b".", b",")
    done = snakemake(folder, windows, "--force", overlay=overlay)
    log = folder / "results" / "demo" / "logs" / "calibrate" / "windows_esp.log"
    arguments = cure(done.returncode, log.read_text())
    truth.rename(tmp_path / "away.tsv")
    assert planned(folder, *arguments, overlay=overlay) == ["acquire strong"]
    done = snakemake(folder, *arguments, overlay=overlay)
    assert done.returncode == 0, done.stdout[-3000:]
    assert truth.read_bytes() == before
    assert planned(folder, windows, overlay=overlay) == ["calibrate windows: esp"], "was refused"
    done = snakemake(folder, windows, overlay=overlay)
    assert done.returncode == 0, done.stdout[-3000:]
    assert statuses(folder / "results" / "demo") == {}
