"""`make release`: what the archive holds, its bytes, its metadata, and what it refuses."""

import csv
import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from runs import REPOSITORY

import resed
from resed.errors import ResedError
from resed.runtime import fingerprint
from resed.runtime.files import write_text
from resed.runtime.snakemake_metadata import record_path
from resed.share.runs import SharedRun

sys.path.insert(0, str(REPOSITORY))
pytest.importorskip("rocrate")
from archive import __main__ as command
from archive import run_files, state
from archive.crate import PROFILES, metadata
from archive.entries import Entry, checksums_of, extract, of_commit, write_zip

NUMBER = resed.__version__
TIME = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
COMMIT = state.Commit("c0ffee" * 6 + "abcd", TIME)
VERSION = state.Version(NUMBER, "2026-02-03")
VALIDATORS = REPOSITORY / "build" / "validators" / "bin" / "python"
CITATION = """\
cff-version: 1.2.0
message: Cite it.
type: software
title: made up
abstract: A made-up package.
authors:
  - name: somebody
version: {}
date-released: 2026-02-03
"""
FILES = {
    "CITATION.cff": CITATION.format(NUMBER),
    "CHANGELOG.md": f"# Changelog\n\n## {NUMBER} (2026-02-03)\n\nAll.\n\n## 0.0.1 (2020-01-01)\n",
    "README.md": "# made up\n",
    "LICENSE": "MIT\n",
    "constraints.txt": "# pins\nsnakemake==9.27.1\n",
    "config/config.yaml": "dataset: tiny\n",
    "workflow/Snakefile": "rule all:\n",
    "workflow/rules/a b@c.smk": "",
}


def git(*words: str) -> str:
    own = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "x")
    own |= dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "x@x.org")
    own |= dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2026-02-03T04:05:06Z")
    done = subprocess.run(
        ["git", *words], capture_output=True, text=True, check=True, env={**os.environ, **own}
    )
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A small clone with one commit, a link and a script."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "run").write_text("#!/bin/sh\n")
    (tmp_path / "run").chmod(0o755)
    (tmp_path / "settings").symlink_to("config")
    (tmp_path / ".gitignore").write_text("/results\n/.snakemake\n/build\n")
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "all")
    return tmp_path


def made(name: str, text: str, stage: str, monkeypatch) -> None:
    """Write a result with its checksum record, as a command of this stage does."""
    monkeypatch.setitem(fingerprint._making, "stage", stage)
    write_text(Path("results/tiny") / name, text)


def job(rule: str, log: str, outputs: list[str], inputs: list[str], start: float) -> None:
    """Write the records that Snakemake keeps of the outputs of a job."""
    for place, name in enumerate(outputs):
        path = record_path(f"results/tiny/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        record = {"rule": rule, "params": [], "log": [f"results/tiny/logs/{log}.log"]}
        record |= {"input_checksums": {}, "input": [f"results/tiny/{one}" for one in inputs]}
        path.write_text(
            json.dumps(record | {"starttime": start + place / 9, "endtime": start + 60})
        )


@pytest.fixture
def run(clone, monkeypatch):
    """A run of two jobs: a training with a checkpoint, and a table."""
    monkeypatch.setenv("RESED_RESULTS", str(clone / "results" / "tiny"))
    training = ["train/a@b/seed0/checkpoint.pt", "train/a@b/seed0/history.csv"]
    for name in training:
        made(name, f"{name}\n", "train", monkeypatch)
    made("tables/table1.csv", "system,value\n", "tabulate", monkeypatch)
    job("train", "train/a@b/seed0", training, [], 1_000_000_000.5)
    job("tabulate", "tabulate/table1", ["tables/table1.csv"], training, 1_000_000_100.0)
    return SharedRun((), "tiny")


def described(runs, entries) -> dict[str, dict]:
    """The entities of the metadata, by their identifiers."""
    graph = json.loads(metadata(COMMIT, VERSION, entries, runs))["@graph"]
    found = {one["@id"]: one for one in graph}
    assert len(found) == len(graph), "an identifier stands twice"
    return found


def references(value) -> set[str]:
    """All identifiers that an entity refers to."""
    if isinstance(value, list):
        return {one for part in value for one in references(part)}
    if isinstance(value, dict):
        own = {value["@id"]} if set(value) == {"@id"} else set()
        return own | {one for part in value.values() for one in references(part)}
    return set()


# ---- what is refused -----------------------------------------------------------------------------


def test_a_clean_commit_is_described(clone):
    commit = state.commit()
    assert (commit.name, commit.time) == (git("rev-parse", "HEAD"), TIME)
    version = state.version(commit)
    assert version == state.Version(NUMBER, "2026-02-03", False)
    words = version.tagging(commit)
    assert words == f"git tag --annotate v{NUMBER} --message 'resed {NUMBER}' {commit.name[:12]}"
    assert git("tag") == "", "no tag is set"


@pytest.mark.parametrize("name", ["README.md", "config/new.yaml"])
def test_a_dirty_tree_is_refused_in_one_line(clone, name):
    (clone / name).write_text("changed\n")
    with pytest.raises(ResedError) as error:
        state.commit()
    assert str(error.value) == (
        f"git status: 1 file not as in the commit ({name}); commit, ignore or remove them"
    )


def test_a_folder_within_the_clone_is_refused(clone, monkeypatch):
    monkeypatch.chdir(clone / "config")
    with pytest.raises(ResedError, match="not the top folder of the clone; cd "):
        state.commit()


def test_no_clone_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ResedError, match=r"not a git repository.*; run make release in a clone"):
        state.commit()


def test_versions_that_differ_are_refused(clone):
    (clone / "CITATION.cff").write_text(CITATION.format("9.9.9"))
    with pytest.raises(ResedError, match=r"CITATION\.cff: version is 9\.9\.9, that of the package"):
        state.version(COMMIT)


@pytest.mark.parametrize("heading", ["Unreleased", f"{NUMBER} (2026-02-04)", NUMBER])
def test_a_changelog_of_another_version_or_date_is_refused(clone, heading):
    (clone / "CHANGELOG.md").write_text(f"# Changelog\n\n## {heading}\n")
    with pytest.raises(ResedError, match=r"CHANGELOG.md: the first heading is .*; give version"):
        state.version(COMMIT)


def test_a_tag_of_another_commit_is_refused(clone):
    git("tag", f"v{NUMBER}")
    commit = state.commit()
    assert state.version(commit).tagging(commit) == f"none, v{NUMBER} is the tag of this commit"
    git("commit", "--quiet", "--allow-empty", "--message", "more")
    with pytest.raises(ResedError, match="is the tag of another commit; raise the version"):
        state.version(state.commit())


def test_a_run_without_records_is_refused(run):
    shutil.rmtree(".snakemake")
    with pytest.raises(ResedError, match="Snakemake has no records of it"):
        run_files.carried(run)


def test_an_unfinished_run_is_refused(run, monkeypatch):
    monkeypatch.setattr(run_files.snakemake_records, "planned", lambda run: ["train"])
    with pytest.raises(ResedError, match=r"results/tiny: not finished, 1 job \(train\) to run"):
        run_files.check(run)


def test_an_altered_result_is_refused(run):
    Path("results/tiny/tables/table1.csv").write_text("system,other\n")
    with pytest.raises(ResedError, match=r"table1\.csv"):
        run_files.check(run)
    with pytest.raises(ResedError, match="changed while it was packed"):
        run_files.carried(run)


# ---- the files -----------------------------------------------------------------------------------


def test_the_commit_and_not_the_folder_is_packed(clone):
    (clone / "README.md").write_text("later\n")
    entries = {entry.name: entry for entry in of_commit("HEAD")}
    assert set(entries) == {*FILES, "run", "settings", ".gitignore"}
    assert entries["README.md"].content == b"# made up\n"
    assert entries["settings"].is_link and entries["settings"].content == b"config"
    assert stat.S_IMODE(entries["run"].mode) == 0o755
    assert stat.S_IMODE(entries["LICENSE"].mode) == 0o644


def test_equal_clones_give_equal_bytes(clone, run, monkeypatch):
    commit = state.commit()
    first = command.pack(commit, state.version(commit), [run])
    write_zip(first, clone / "a.zip", commit.time)
    for path in clone.rglob("*"):
        if ".git" not in path.parts and not path.is_symlink():
            os.utime(path, (0, 0))
    old = os.umask(0o077)
    try:
        second = command.pack(commit, state.version(commit), [run])
        write_zip(second, clone / "b.zip", commit.time)
    finally:
        os.umask(old)
    assert (clone / "a.zip").read_bytes() == (clone / "b.zip").read_bytes()
    with zipfile.ZipFile(clone / "a.zip") as archive:
        infos = archive.infolist()
        assert archive.testzip() is None
    assert [info.filename for info in infos] == sorted(info.filename for info in infos)
    assert {info.date_time for info in infos} == {(2026, 2, 3, 4, 5, 6)}
    assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}


def test_sha256sum_agrees_with_the_extracted_files(clone, tmp_path):
    entries = of_commit("HEAD")
    entries.append(Entry("SHA256SUMS", checksums_of(entries)))
    write_zip(entries, clone / "a.zip", TIME)
    extract(entries, clone / "out")
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=clone / "out",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": OK") == len(FILES) + 2  # and run, .gitignore; no link
    assert (clone / "out" / "settings").readlink() == Path("config")


# ---- provenance and metadata ---------------------------------------------------------------------


def test_every_file_of_a_run_has_a_row(run):
    carried = run_files.carried(run)
    names = [entry.name for entry in carried.entries]
    assert names == [
        "results/tiny/tables/table1.csv",
        "results/tiny/train/a@b/seed0/history.csv",
        "provenance/tiny.csv",
    ]
    rows = list(csv.DictReader(io.StringIO(carried.entries[-1].content.decode())))
    _, checkpoint, _ = rows
    assert checkpoint["path"] == "results/tiny/train/a@b/seed0/checkpoint.pt"
    content = Path(checkpoint["path"]).read_bytes()
    assert checkpoint["sha256"] == hashlib.sha256(content).hexdigest()
    assert [row["carried"] for row in rows] == ["true", "false", "true"]
    assert (checkpoint["rule"], checkpoint["job"]) == ("train", "train/a@b/seed0")
    assert checkpoint["started"] == "2001-09-09T01:46:40+00:00"
    assert checkpoint["ended"] == "2001-09-09T01:47:40+00:00"
    assert checkpoint["code"] == fingerprint.code_of("train").fingerprint
    assert json.loads(checkpoint["packages"])["numpy"] == sys.modules["numpy"].__version__
    assert carried.stale == {}


def test_a_file_that_was_left_out_when_the_run_was_shared_has_a_row(run):
    path = Path("results/tiny/train/a@b/seed0/checkpoint.pt")
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    path.unlink()
    table = run_files.carried(run).entries[-1].content.decode()
    row = next(row for row in csv.DictReader(io.StringIO(table)) if row["path"] == str(path))
    assert (row["sha256"], row["carried"], row["rule"]) == (expected, "false", "train")


def test_other_code_is_named(run, monkeypatch):
    record = Path("results/tiny/checksums/train/a@b/seed0/history.csv.sha256")
    maker = {"stage": "train", "code": "0" * 64, "device": "cpu", "packages": {}}
    found = run_files.checksums
    found._write(
        record,
        found.read(Path("results/tiny"), "train/a@b/seed0/history.csv"),
        Path("train/a@b/seed0/history.csv"),
        maker,
    )
    stale = run_files.carried(run).stale
    assert stale == {"train": 1}
    assert run_files.in_words(stale).endswith("than that in this archive made: train 1.")


def test_the_metadata_describe_jobs_tools_and_files(run):
    carried = run_files.carried(run)
    entries = of_commit("HEAD") + carried.entries
    graph = described([carried], entries)
    root = graph["./"]
    assert (root["datePublished"], root["version"]) == ("2026-02-03T04:05:06+00:00", NUMBER)
    assert root["license"] == {"@id": "https://spdx.org/licenses/MIT"}
    assert graph["#authors"]["name"] == "somebody"
    assert {one["@id"] for one in root["conformsTo"]} >= set(PROFILES)
    training = graph["#job/tiny/train/train/a%40b/seed0"]
    assert training["startTime"] == "2001-09-09T01:46:40+00:00"
    assert training["result"] == [{"@id": "results/tiny/train/a%40b/seed0/history.csv"}]
    tool = graph[training["instrument"]["@id"]]
    assert fingerprint.code_of("train").fingerprint in tool["description"]
    table = graph["#job/tiny/tabulate/tabulate/table1"]
    assert table["object"] == [{"@id": "results/tiny/train/a%40b/seed0/history.csv"}]
    whole = graph["#run/tiny"]
    ends = ("2001-09-09T01:46:40+00:00", "2001-09-09T01:49:20+00:00")
    assert (whole["startTime"], whole["endTime"]) == ends
    assert [one["@id"] for one in graph["workflow/Snakefile"]["step"]] == [
        "#step/train",
        "#step/tabulate",
    ]
    assert graph["#snakemake"]["softwareVersion"] == "9.27.1"
    assert len(graph["#engine/tiny"]["object"]) == 2


@pytest.mark.parametrize("with_run", [False, True])
def test_every_reference_leads_to_an_entity_and_every_file_is_there(clone, run, with_run):
    """The rules of RO-Crate 1.1 on identifiers, without its validator."""
    carried = [run_files.carried(run)] if with_run else []
    entries = of_commit("HEAD") + [entry for one in carried for entry in one.entries]
    graph = described(carried, entries)
    content = {entry.name: entry.content for entry in entries}
    used = references(list(graph.values()))
    outside = {one for one in used - set(graph) if not one.startswith(("http://", "https://"))}
    assert not outside
    files = {name: one for name, one in graph.items() if "File" in one["@type"]}
    assert files and all(unquote(name) in content for name in files)
    for name, one in files.items():
        assert one["sha256"] == hashlib.sha256(content[unquote(name)]).hexdigest()
        assert one["contentSize"] == str(len(content[unquote(name)]))
    parts = references(graph["./"]["hasPart"])
    assert set(files) <= parts | references(graph.get("results/tiny/", {}))
    assert ("#run/tiny" in graph) == with_run


def test_runs_that_are_not_listed_are_named(clone, run, monkeypatch):
    (clone / "workflow" / "runs.yaml").write_text("runs: {}\nnamed: {}\n")
    runs, left = run_files.present()
    assert runs == []
    assert left == ["results/tiny, which workflow/runs.yaml does not have (make share adds it)"]


# ---- the validators ------------------------------------------------------------------------------


@pytest.fixture
def validators():
    """A Python with archive/requirements.txt; `make release` and CI make it."""
    if not VALIDATORS.exists():
        pytest.skip("make build/validators/.installed, which requires a network")
    return VALIDATORS


def validated(validators, folder):
    return subprocess.run(
        [validators, "-m", "archive.validation", folder],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.integration
@pytest.mark.parametrize("with_run", [False, True])
def test_the_validators_accept_the_archive(clone, run, validators, with_run, monkeypatch):
    commit = state.commit()
    entries = command.pack(commit, state.version(commit), [run] if with_run else [])
    extract(entries, clone / "out")
    done = validated(validators, clone / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    profile = "provenance-run-crate-0.5" if with_run else "workflow-ro-crate-1.0"
    assert f"valid: RO-Crate 1.1 and {profile} by roc-validator" in done.stdout


@pytest.mark.integration
def test_the_validators_object_to_damage(clone, run, validators):
    commit = state.commit()
    extract(command.pack(commit, state.version(commit), [run]), clone / "out")
    (clone / "out" / "LICENSE").unlink()
    (clone / "out" / "CITATION.cff").write_text("cff-version: 1.2.0\n")
    path = clone / "out" / "ro-crate-metadata.json"
    changed = json.loads(path.read_text())
    for one in changed["@graph"]:
        if one["@id"].startswith("#job/tiny/train"):
            del one["instrument"]
    path.write_text(json.dumps(changed))
    done = validated(validators, clone / "out")
    assert done.returncode == 1
    assert "CITATION.cff: " in done.stdout
    assert "'LICENSE'" in done.stdout
    assert "The Action MUST have an instrument property" in done.stdout
