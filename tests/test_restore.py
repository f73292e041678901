"""Restore trusts neither dvc.lock nor the remote, and loses nothing of the user."""

import gzip
import io
import json
import os
import re
import tarfile
import time
import tracemalloc
from pathlib import Path

import pytest
import yaml
from runs import REPOSITORY
from small_remote import (
    ARCHIVE,
    CHECKPOINT,
    FILES,
    LABELS,
    RECORD,
    RUN,
    TABLE,
    SmallRemote,
    archive,
    name_of,
    snapshot,
)

from resed.errors import AlteredError, ResedError, ShareError
from resed.paper.numbers import load_paper
from resed.runtime import checksums
from resed.share import dvc_views, fetch_objects, restore, settings, snakemake_records
from resed.share import restore as command
from resed.share.lock import declared, locked
from resed.share.paths import clash, fault
from resed.share.settings import Settings
from resed.share.share import _keep_inside

TABLES = "results/demo/tables"
ORIGIN = ".dvc/config\tcore.remote=store\n.dvc/config\tremote.store.url=x\n"
VERIFIED = ".dvc/config\tremote.store.verify=true"


@pytest.fixture
def remote(tmp_path, monkeypatch):
    """A clone, which is the current folder, and its remote; DVC and Snakemake are not started."""
    (tmp_path / "clone").mkdir()
    monkeypatch.chdir(tmp_path / "clone")
    made = SmallRemote(tmp_path / "clone")
    started: list[str] = []
    monkeypatch.setattr(settings, "dvc", lambda *_: started.append("dvc") or ORIGIN + VERIFIED)
    module = restore.__globals__
    monkeypatch.setitem(module, "fetch_objects", made.fetch)
    monkeypatch.setattr(snakemake_records, "planned", lambda run: started.append("snakemake") or [])
    made.started = started
    return made


def refused(remote, *, force: bool = False) -> ShareError:
    """The refusal of restore: one line, and nothing is written."""
    before, said = snapshot(remote.clone), []
    with pytest.raises(ResedError) as raised:
        command(RUN, force=force, say=said.append)
    assert "\n" not in str(raised.value)
    assert snapshot(remote.clone) == before
    assert "snakemake" not in remote.started, "no plan of a Snakefile after a refusal"
    raised.value.said = said
    return raised.value


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


# ---- A1, A4: nothing outside of the run ----------------------------------------------------------


def test_a1_restore_writes_only_below_the_folders_of_the_run(remote):
    before, said = snapshot(remote.clone), []
    assert command(RUN, say=said.append) == []
    for path, content in FILES.items():
        assert Path(path).read_bytes() == content
    record = Path(".snakemake/metadata", name_of(TABLE))
    assert record.read_bytes() == RECORD
    own = ("data/demo", "data", "results/demo", "results", ".snakemake/metadata")
    own += (".snakemake/incomplete",)
    for name in changed(before, snapshot(remote.clone)):
        assert name in own or name.startswith(("data/demo/", "results/demo/", ".snakemake/meta"))
    assert said[-1] == "demo: restored from store (x); snakemake: nothing to be done"


HOSTILE = {
    "../../../Snakefile": "leads out",
    "../../../.git/hooks/post-checkout": "leads out",
    "../../../../x": "leads out",
    "a/../../../../../x": "leads out",
    "a/../b": "leads out",
    "..": "leads out",
    "/etc/x": "leads out",
    "//etc/x": "leads out",
    "C:/x": "leads out",
    "c:x": "leads out",
    "a\\..\\..\\x": "backslash",
    "\\\\host\\x": "backslash",
    "": "is empty",
    ".": "shortest form",
    "a//b": "shortest form",
    "a/": "shortest form",
    "./a": "shortest form",
    "a\0b": "control characters",
    "a\nb": "control characters",
    "a\x1b]0;x\x07": "control characters",
    "\ud800": "surrogate pair",
    ".git/config": "hidden",
    "x/.dvc/config": "hidden",
    ".hidden": "hidden",
    "dvc.yaml": "a file of DVC",
    "x/DVC.LOCK": "a file of DVC",
    "y.dvc": "a file of DVC",
    "a" * 300: "too long",
    "a/" * 600 + "b": "too long",
}


@pytest.mark.parametrize(("path", "problem"), HOSTILE.items(), ids=lambda text: repr(text)[:24])
def test_a1_a_path_in_the_list_of_a_folder_is_refused(remote, path, problem):
    md5 = remote.put_list(TABLES, [{"md5": remote.put(b"hostile"), "relpath": path}])
    remote.lock()
    error = refused(remote)
    assert error.place == TABLES
    assert problem in error.problem
    assert "nothing was written" in error.cure
    kept = Path(".dvc/cache/files/md5", md5[:2], md5[2:])
    assert not kept.exists(), "a later dvc checkout would follow it"


OBJECT = "ab" * 16
BAD_LISTS = {
    "no JSON": b"[{]",
    "no text": b"\xff\xfe",
    "a mapping": {},
    "text": "text",
    "a list of text": ["a"],
    "a list of null": [None],
    "no path": [{"md5": OBJECT}],
    "no MD5": [{"relpath": "a"}],
    "a path that is a number": [{"md5": OBJECT, "relpath": 5}],
    "a path that is a list": [{"md5": OBJECT, "relpath": ["a"]}],
    "an MD5 that is a number": [{"md5": 5, "relpath": "a"}],
    "an MD5 that leads out": [{"md5": "../" * 10 + "xx", "relpath": "a"}],
    "an MD5 in capitals": [{"md5": OBJECT.upper(), "relpath": "a"}],
    "an MD5 of a list": [{"md5": OBJECT + ".dir", "relpath": "a"}],
    "another key": [{"md5": OBJECT, "relpath": "a", "remote": "other"}],
    "a file twice": [{"md5": OBJECT, "relpath": "a"}] * 2,
    "a file that is a folder": [{"md5": OBJECT, "relpath": p} for p in ("a/b", "a")],
    "a deep file of a file": [{"md5": OBJECT, "relpath": p} for p in ("a", "a/b/c/d")],
    "depth": b"[" * 100_000,
    "numbers": b"[" + b"9" * 100_000 + b"]",
    "NaN": b"[NaN]",
}


@pytest.mark.parametrize("what", BAD_LISTS)
def test_a1_a_list_of_another_form_is_refused(remote, what):
    remote.put_list(TABLES, BAD_LISTS[what])
    remote.lock()
    error = refused(remote)
    assert error.place == TABLES
    assert "list" in error.problem


def test_a1_a_huge_list_is_not_read(remote):
    began = time.monotonic()
    remote.put_list(TABLES, b"[" + b"[]," * (6 << 20) + b"[]]")
    remote.lock()
    error = refused(remote)
    assert f"damaged or missing: {TABLES}" in error.problem
    assert time.monotonic() - began < 10


def test_a1_an_object_of_another_content_is_named_and_nothing_written(remote):
    md5 = remote.outs[TABLES]
    for target in (remote.place(md5), remote.place(remote.put(FILES[CHECKPOINT]))):
        target.write_bytes(target.read_bytes() + b" ")
    error = refused(remote)
    assert error.problem == f"damaged or missing: {TABLES} and 1 more"
    named = [line.split(";")[0] for line in error.said]
    assert named == [f"damaged or missing: {path}" for path in (TABLES, CHECKPOINT)]


LOCKED_PATHS = [
    "../x",
    "results/demo/../../Snakefile",
    "/etc/x",
    ".git/hooks",
    ".dvc",
    "workflow",
    "Snakefile",
    "results",
    "results/demo",
    "results/other/tables",
    "results/demo/logs",
    "results/demo/tables/x",
    "data/demo",
    "data/demo/audio",
    "data/other/metadata",
    "results\\demo\\tables",
    "C:/results/demo/tables",
    "results/demo//tables",
    "results/demo/tables\0",
    "results/demo/" + "a" * 5000,
    "",
]


@pytest.mark.parametrize("path", LOCKED_PATHS, ids=lambda text: repr(text)[:24])
def test_a1_a_path_of_dvc_lock_is_refused_before_dvc_is_started(remote, path):
    stage = {"cmd": "x", "outs": [{"path": path, "md5": OBJECT + ".dir"}]}
    remote.lock(results=stage)
    error = refused(remote)
    assert error.place == "dvc.lock"
    assert not remote.started
    if path == TABLES + "/x":
        assert "is not an output of results@demo in dvc.yaml" in error.problem


def test_a1_an_output_twice_in_dvc_lock_is_refused(remote):
    out = {"path": TABLES, "md5": OBJECT}
    remote.lock(results={"outs": [out, {**out, "md5": "cd" * 16}]})
    assert "is there twice" in refused(remote).problem


BAD_STAGES = {
    "null": None,
    "a list": [],
    "text": "text",
    "outs as text": {"outs": "text"},
    "outs as a mapping": {"outs": {"path": TABLES}},
    "an out as a number": {"outs": [1]},
    "an out as a list": {"outs": [[TABLES]]},
    "no MD5": {"outs": [{"path": TABLES}]},
    "an MD5 of null": {"outs": [{"path": TABLES, "md5": None}]},
    "an MD5 that leads out": {"outs": [{"path": TABLES, "md5": "ab/../../../../x"}]},
    "a path as a list": {"outs": [{"path": [TABLES], "md5": OBJECT}]},
    "another hash": {"outs": [{"path": TABLES, "md5": OBJECT, "hash": "etag"}]},
    "files inline": {"outs": [{"path": TABLES, "md5": OBJECT, "files": [{"relpath": "../x"}]}]},
    "a version": {"outs": [{"path": TABLES, "md5": OBJECT, "cloud": {"x": {}}}]},
    "another remote": {"outs": [{"path": TABLES, "md5": OBJECT, "remote": "x"}]},
    "a negative size": {"outs": [{"path": TABLES, "md5": OBJECT, "size": -1}]},
}


@pytest.mark.parametrize("what", BAD_STAGES)
def test_a6_a_stage_of_another_form_is_refused_in_one_line(remote, what):
    remote.lock(results=BAD_STAGES[what])
    error = refused(remote)
    assert error.place == "dvc.lock"
    assert "stages.results@demo" in error.problem
    assert not remote.started


@pytest.mark.parametrize(
    "text",
    [
        "stages: text\n",
        "stages: [a]\n",
        "stages: {1: 2}\n",
        "- a\n",
        "5\n",
        "",
        "stages: {a: *b}\n",
        "stages: [" * 100_000,
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n" + "stages: {d: *c}\n",
        "stages:\n  data@demo: {}\n  data@demo: {}\n",
        "\0",
        "x: " + "9" * 5000,
    ],
    ids=lambda text: repr(text[:16]),
)
def test_a6_dvc_lock_of_another_form_is_one_line(remote, text):
    Path("dvc.lock").write_text(text)
    error = refused(remote)
    assert error.place == "dvc.lock"
    assert not remote.started


def test_a6_a_huge_dvc_lock_is_not_read(remote):
    with open("dvc.lock", "a") as handle:
        handle.truncate(1 << 30)
    with pytest.raises(ShareError, match=r"dvc\.lock: .* at most"):
        command(RUN)
    assert not remote.started


BAD_DECLARATIONS = {
    "a path out": {"outs": [{"../x": {}}]},
    "a path through a folder": {"outs": ["results/${key}/../../Snakefile"]},
    "a path of git": {"outs": [".git/hooks"]},
    "an absolute path": {"outs": ["/etc"]},
    "another dataset": {"outs": ["results/other/tables"]},
    "another variable": {"outs": ["results/${key}/${item.configs}"]},
    "a folder to start from": {"wdir": "..", "outs": ["results/${key}/tables"]},
    "another remote": {"outs": [{"results/${key}/tables": {"remote": "x"}}]},
    "an output twice": {"outs": ["results/${key}/tables"] * 2},
    "a dependency": {"deps": ["../../x"], "outs": ["results/${key}/tables"]},
    "a dependency from the network": {"deps": ["http://x/y"], "outs": []},
    "text": {"outs": "text"},
    "a plot": {"outs": [], "plots": [{"x": {}}]},
}


@pytest.mark.parametrize("what", BAD_DECLARATIONS)
def test_a1_a_path_of_dvc_yaml_is_refused_before_dvc_is_started(remote, what):
    values = yaml.safe_load(Path("dvc.yaml").read_text())
    values["stages"]["results"]["do"] = {"cmd": "x", **BAD_DECLARATIONS[what]}
    Path("dvc.yaml").write_text(yaml.safe_dump(values))
    for checked in (declared, locked):
        with pytest.raises(ShareError, match=r"^dvc\.yaml: .*; git checkout dvc\.yaml$"):
            checked(RUN)
    refused(remote)
    assert not remote.started


def test_a1_the_declared_outputs_are_those_of_the_repository(remote):
    found = declared(RUN)
    assert found["audio@demo"] == ["data/demo/audio"]
    assert found["data@demo"][0] == "data/demo/metadata"
    assert found["results@demo"][-1] == "results/demo/share/figures"
    assert set(found) == {*RUN.stages, "audio@demo"}


@pytest.mark.parametrize(
    "option",
    [
        "remote.store.bearer_token_command=touch PWNED",
        "remote.store.configpath=/home/me/aws",
        "remote.store.credentialpath=x",
        "remote.store.keyfile=x",
        "remote.store.password=x",
        "core.site_cache_dir=/x",
        "core.autostage=true",
        "cache.dir=../../x",
        "hydra.plugins_path=x",
    ],
)
def test_a1_an_option_of_dvc_that_runs_or_reads_something_is_refused_in_git(monkeypatch, option):
    monkeypatch.setattr(settings, "dvc", lambda *_: f"{ORIGIN}.dvc/config\t{option}")
    with pytest.raises(ShareError, match=r"must not be set in a file that git tracks; move it to"):
        Settings.read()
    monkeypatch.setattr(settings, "dvc", lambda *_: f"{ORIGIN}.dvc/config.local\t{option}")
    key, _, value = option.partition("=")
    assert Settings.read().values[key] == value, "the user's own file may have it"


def test_a1_remotes_with_versions_are_refused(monkeypatch):
    told = f"{ORIGIN}.dvc/config.local\tremote.store.worktree=true"
    monkeypatch.setattr(settings, "dvc", lambda *_: told)
    with pytest.raises(ShareError, match="remotes with versions are not supported"):
        Settings.read()


@pytest.mark.parametrize("name", ["--global", "-v", "a b", "../x", ""])
def test_a1_the_name_of_a_remote_is_no_option_of_dvc(name):
    with pytest.raises(ShareError, match=r"core\.remote"):
        Settings({"core.remote": name}, {}).remote("x")


def test_a6_a_huge_record_of_a_checksum_is_not_read(remote):
    command(RUN, say=lambda line: None)
    record = checksums.record_of(RUN.results, "tables/t.csv")
    with open(record, "r+") as handle:
        handle.truncate(1 << 40)
    with pytest.raises(AlteredError, match="checksum record is corrupt"):
        checksums.read(RUN.results, "tables/t.csv")


def test_a4_no_snakefile_comes_from_a_remote(remote):
    """Each way to the Snakefile that Snakemake would run is refused before the plan."""
    entry = {"md5": remote.put(b"import os; os.system('touch PWNED')")}
    for path in ("../../../Snakefile", "../../../workflow/Snakefile"):
        remote.put_list(TABLES, [{**entry, "relpath": path}])
        remote.lock()
        refused(remote)
    remote.lock(results={"outs": [{"path": "Snakefile", **entry}]})
    refused(remote)
    assert Path("Snakefile").read_text() == "rule all:\n"


def test_a1_the_process_that_fetches_gets_no_path(tmp_path):
    """The objects of a folder that serves as remote; a pipe in it would never end."""
    from dvc_objects.fs.local import LocalFileSystem

    made = SmallRemote(tmp_path)

    class Remote:
        fs = LocalFileSystem()
        oid_to_path = staticmethod(lambda md5: str(made.place(md5)))

    good, gone, pipe = made.put(b"good"), "00" * 16, "11" * 16
    made.place(pipe).parent.mkdir(parents=True)
    os.mkfifo(made.place(pipe))
    large = made.put(b"[" + b" " * (16 << 20) + b"]", ".dir")
    cache = fetch_objects.Cache(tmp_path / "cache")
    problems = fetch_objects._fetch(Remote, cache, [good, gone, pipe, large])
    assert problems == {gone: "missing", pipe: "missing", large: "too large"}
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in files] == [b"good"]


def test_a1_names_that_clash_are_found():
    assert clash(["a", "b/c", "b/d"]) == ""
    assert clash(["a", "A"]) == ""
    assert clash(["a", "A"], fold=True) == "A"
    assert clash(["caf\u00e9/x", "cafe\u0301/X"], fold=True) == "cafe\u0301/X"
    assert clash(["B/c", "b"], fold=True) == "B/c"
    assert clash(["a"] * 2) == "a"
    assert fault("a b/(c) ü+@=.tsv") == ""
    assert fault("\ud800") == "has control characters"


# ---- A2: nothing of the user is lost -------------------------------------------------------------


def test_a2_force_keeps_what_was_not_shared_and_names_it(remote):
    for name in ("results/demo/tables/mynotes.txt", "data/demo/metadata/mylabels.tsv"):
        Path(name).parent.mkdir(parents=True)
        Path(name).write_text("mine")
    Path(TABLE).write_text("my numbers")
    error = refused(remote)
    assert error.place == TABLE
    assert "make restore FORCE=1 overwrites them" in error.cure
    assert error.said == [f"differs, and was never shared: {TABLE}"]
    said = []
    command(RUN, force=True, say=said.append)
    assert said[0] == f"overwritten: {TABLE}"
    assert said[1:3] == [
        "not shared, kept: data/demo/metadata/mylabels.tsv",
        "not shared, unrecorded: results/demo/tables/mynotes.txt",
    ]
    assert Path(TABLE).read_bytes() == FILES[TABLE]
    for name in ("results/demo/tables/mynotes.txt", "data/demo/metadata/mylabels.tsv"):
        assert Path(name).read_text() == "mine"


def test_a2_what_was_shared_before_is_replaced_without_force(remote):
    command(RUN, say=lambda line: None)
    remote.share({**FILES, TABLE: b"c,d\n", ARCHIVE: archive()})
    said = []
    command(RUN, say=said.append)
    assert Path(TABLE).read_bytes() == b"c,d\n"
    assert not [line for line in said if "overwritten" in line]


def test_a2_files_of_other_settings_stay_with_their_records(remote):
    other = Path("results/demo/train/mine/seed0/checkpoint.pt")
    gone = Path("results/demo/checksums/train/gone.pt.sha256")
    for path, text in ((other, "weights"), (gone, f"{'0' * 64}  train/gone.pt\n")):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    said = []
    command(RUN, force=True, say=said.append)
    assert other.read_text() == "weights"
    assert "not shared, unrecorded: results/demo/train/mine/seed0/checkpoint.pt" in said
    assert "not shared, missing: results/demo/train/gone.pt" in said


def test_a2_a_share_that_lacks_a_file_is_still_refused(remote):
    files = {**FILES, ARCHIVE: archive()}
    remote.share(files)
    remote.put_list(TABLES, [])  # its checksum is shared, the file is not
    remote.lock()
    with pytest.raises(AlteredError, match="1 missing"):
        command(RUN, say=lambda line: None)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    "place", ["results", "results/demo", TABLES, "data", "data/demo", "data/demo/metadata", TABLE]
)
def test_a2_nothing_is_written_through_a_link(remote, tmp_path, place, force):
    elsewhere = tmp_path / "elsewhere"
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    if place == TABLE:
        elsewhere.write_text("mine")
    else:
        elsewhere.mkdir()
        (elsewhere / "mine.txt").write_text("mine")
    Path(place).symlink_to(elsewhere)
    before = snapshot(tmp_path / "elsewhere") if elsewhere.is_dir() else elsewhere.read_text()
    error = refused(remote, force=force)
    assert (error.place, f"a link to '{elsewhere}'" in error.problem) == (place, True)
    assert (snapshot(elsewhere) if elsewhere.is_dir() else elsewhere.read_text()) == before


def test_a2_a_link_to_the_same_content_stays(remote, tmp_path):
    """As DVC makes them where cache.type is symlink."""
    (tmp_path / "same").write_bytes(FILES[TABLE])
    Path(TABLES).mkdir(parents=True)
    Path(TABLE).symlink_to(tmp_path / "same")
    command(RUN, say=lambda line: None)
    assert Path(TABLE).is_symlink()


@pytest.mark.parametrize("what", ["folder", "pipe", "file for a folder", "dead link"])
def test_a2_what_is_not_a_file_is_not_replaced(remote, what):
    Path(TABLE).parent.parent.mkdir(parents=True)
    if what == "file for a folder":
        Path(TABLES).write_text("mine")
    else:
        Path(TABLES).mkdir()
        make = {
            "folder": lambda: Path(TABLE).mkdir(),
            "pipe": lambda: os.mkfifo(TABLE),
            "dead link": lambda: Path(TABLE).symlink_to("nowhere"),
        }
        make[what]()
    error = refused(remote, force=True)
    assert error.place == (TABLES if what == "file for a folder" else TABLE)


def test_a2_a_hard_link_of_the_user_keeps_its_content(remote, tmp_path):
    Path(TABLES).mkdir(parents=True)
    (tmp_path / "mine").write_text("mine")
    os.link(tmp_path / "mine", TABLE)
    command(RUN, force=True, say=lambda line: None)
    assert (tmp_path / "mine").read_text() == "mine"
    assert Path(TABLE).read_bytes() == FILES[TABLE]


def test_a2_share_pushes_nothing_behind_a_link_or_of_refused_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text("secret")
    tables = Path(TABLES)
    tables.mkdir(parents=True)
    (tables / ".DS_Store").write_text("left out by .dvcignore")
    (tables / "t.csv").write_text("a")
    md5 = "0cc175b9c0f1b6a831c399e269772661"  # of "a"
    cached = Path(".dvc/cache/files/md5", md5[:2], md5[2:])
    cached.parent.mkdir(parents=True)
    cached.write_text("a")
    (tables / "cached.csv").symlink_to(cached.absolute())
    _keep_inside(RUN, [tables])
    for name, target, problem in (
        ("link.csv", tmp_path / "key", "a link to"),
        ("folder", tmp_path, "a link to"),
        ("y.dvc", None, "its name is a file of DVC"),
        ("a\nb", None, "control characters"),
    ):
        if target:
            (tables / name).symlink_to(target)
        else:
            (tables / name).write_text("x")
        with pytest.raises(ShareError, match=problem):
            _keep_inside(RUN, [tables])
        (tables / name).unlink()
    Path("results/demo/train").symlink_to(tmp_path)
    with pytest.raises(ShareError, match=r"results/demo/train: a link to"):
        _keep_inside(RUN, [Path("results/demo/train/x")])


def test_a2_share_deletes_no_picture_that_it_did_not_make(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("figures/a.png", "share/figures/a.png", "share/figures/old.png"):
        Path(RUN.results, name).parent.mkdir(parents=True, exist_ok=True)
        Path(RUN.results, name).write_text("picture")
    checksums.write(RUN.results, Path("share/figures/old.png"), "0" * 64)
    dvc_views.remove_old_pictures(RUN)
    assert [path.name for path in RUN.pictures.iterdir()] == ["a.png"]
    (RUN.pictures / "mine.png").write_text("mine")
    with pytest.raises(ShareError, match=r"share/figures/mine\.png: not made by resed share; move"):
        dvc_views.remove_old_pictures(RUN)
    assert (RUN.pictures / "mine.png").read_text() == "mine"


def test_a2_share_deletes_no_metrics_that_it_did_not_write(tmp_path):
    paper = load_paper("liang", REPOSITORY)
    own, mine = tmp_path / "pts.json", tmp_path / "mine.json"
    own.write_text('{"event_evaluation": 12.5, "tags_development": 30.0}')
    for text in ('{"event_evaluation": 1, "loss": 2}', "{}", "[]", "{"):
        mine.write_text(text)
        assert not dvc_views._is_of_share(mine, paper)
    assert dvc_views._is_of_share(own, paper)


# ---- A6: the archive of records ------------------------------------------------------------------


def packed(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as made:
        for entry, content in entries:
            made.addfile(entry, io.BytesIO(content))
    return gzip.compress(buffer.getvalue())


def info(name: str, **fields) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(entry, key, value)
    return entry


def bomb(size: int) -> bytes:
    """A gzip of zeros."""
    buffer = io.BytesIO()
    with gzip.open(buffer, "wb", compresslevel=1) as handle:
        for _ in range(size >> 20):
            handle.write(bytes(1 << 20))
    return buffer.getvalue()


def long_header() -> bytes:
    """A PAX header that claims to have 8 GB, and zeros."""
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = tarfile.XHDTYPE, 8 << 30
    header = entry.tobuf(tarfile.GNU_FORMAT)
    return gzip.compress(header) + bomb(300 << 20)


def sparse() -> bytes:
    """A sparse file of 1 TB in a few bytes (PAX format 0.1)."""
    pax = {"GNU.sparse.size": str(1 << 40), "GNU.sparse.map": "0,0", "GNU.sparse.name": OWN}
    return packed((info(OWN, pax_headers=pax), b""))


OWN = name_of(TABLE)
SMALL = len(RECORD)
ARCHIVES = {
    "a bomb": lambda: bomb(300 << 20),
    "a long header": long_header,
    "a sparse file": sparse,
    "a huge entry": lambda: packed((info(OWN, size=20 << 20), bytes(20 << 20))),
    "no gzip": lambda: b"text",
    "nothing": lambda: b"",
    "half": lambda: archive()[:-20],
    "a wrong CRC": lambda: archive()[:-8] + b"\0" * 8,
    "no tar": lambda: gzip.compress(b"x" * 2000),
    "a device": lambda: packed((info(OWN, type=tarfile.CHRTYPE, devmajor=1, devminor=5), b"")),
    "a pipe": lambda: packed((info(OWN, type=tarfile.FIFOTYPE), b"")),
    "a folder": lambda: packed((info(OWN, type=tarfile.DIRTYPE), b"")),
    "a symbolic link": lambda: packed((info(OWN, type=tarfile.SYMTYPE, linkname="/etc/x"), b"")),
    "a hard link": lambda: packed((info(OWN, type=tarfile.LNKTYPE, linkname="/etc/x"), b"")),
    "a record twice": lambda: packed(*[(info(OWN, size=SMALL), RECORD)] * 2),
    "an absolute name": lambda: archive({f"/{OWN}": RECORD}),
    "a name that leads out": lambda: archive({f"../{OWN}": RECORD}),
    "a name in a folder": lambda: archive({f"x/{OWN}": RECORD}),
    "a name that is no record": lambda: archive({"passwd": RECORD}),
    "a record of another run": lambda: archive({name_of("results/other/a"): RECORD}),
    "a record that leads out": lambda: archive({name_of("results/demo/../other/a"): RECORD}),
    "a record of an absolute path": lambda: archive({name_of("/etc/passwd"): RECORD}),
    "a record of a hidden file": lambda: archive({name_of("results/demo/.git/a"): RECORD}),
    "no JSON": lambda: archive({OWN: b"{"}),
    "JSON of another form": lambda: archive({OWN: b"[]"}),
    "deep JSON": lambda: archive({OWN: b'{"params": ' + b"[" * 100_000}),
    "nested JSON": lambda: archive({OWN: b'{"params": [["a"]]}'}),
    "an unknown mapping": lambda: archive({OWN: b'{"x": {"y": 1}}'}),
    "inputs as text": lambda: archive({OWN: b'{"input": "x"}'}),
    "checksums as a list": lambda: archive({OWN: b'{"input_checksums": []}'}),
}


@pytest.mark.parametrize("what", ARCHIVES)
def test_a6_a_hostile_archive_is_refused_before_anything_is_written(remote, what):
    remote.share({**FILES, ARCHIVE: ARCHIVES[what]()})
    tracemalloc.start()
    began = time.monotonic()
    error = refused(remote)
    took, (_, peak) = time.monotonic() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert error.place == ARCHIVE
    assert re.search("damaged|a record", error.problem)
    assert took < 30, "with tracemalloc, which is slow"
    assert peak < 600 << 20


def test_a6_an_archive_of_very_many_records_writes_those_of_restored_files_only(remote):
    many = {name_of(f"results/demo/x{number}"): RECORD for number in range(2000)}
    remote.share({**FILES, ARCHIVE: archive({OWN: RECORD, **many})})
    command(RUN, say=lambda line: None)
    assert [path.name for path in Path(".snakemake/metadata").iterdir()] == [OWN]


def test_a6_a_share_without_an_archive_is_refused(remote):
    del remote.outs[ARCHIVE]
    stages = yaml.safe_load(Path("dvc.lock").read_text())["stages"]["results@demo"]
    stages["outs"] = [out for out in stages["outs"] if out["path"] != ARCHIVE]
    Path("dvc.lock").write_text(Path("dvc.lock").read_text())
    remote.outs[ARCHIVE] = OBJECT
    remote.lock(results=stages)
    assert "the records of Snakemake" in refused(remote).problem


def test_a6_long_names_are_split_as_snakemake_does(remote):
    long = f"{TABLES}/{'x' * 200}.csv"
    name = name_of(long)
    name = f"@{name[:254]}/{name[254:]}"
    remote.share({**FILES, long: b"x", ARCHIVE: archive({name: RECORD})})
    command(RUN, say=lambda line: None)
    assert Path(".snakemake/metadata", name).read_bytes() == RECORD
    assert json.loads(RECORD)["rule"] == "table"
    assert LABELS in FILES
