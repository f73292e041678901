"""The tier evidence: what travels, what is left out, and the folder remote of the repository."""

import hashlib
import io
import json
import lzma
import re
import shutil
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import shared_run
import yaml
from runs import REPOSITORY, copy_workflow, planned, snakemake
from shared_run import OVERLAY, clone, commit, dvc, git, resed, track
from test_share import listing, one_line, place
from test_verify import flip

from resed.browse.folder import write_folder
from resed.config.rows import Row
from resed.config.run import load_config
from resed.errors import ShareError
from resed.paper.numbers import load_paper
from resed.results.inputs import RANKING, Inputs
from resed.results.layout import Layout
from resed.runtime import checksums, left_out
from resed.share import (
    carried_sound,
    folder_remote,
    pack,
    registry,
    restore,
)
from resed.share.lock import locked_stages
from resed.share.objects import Cache, Object
from resed.share.restore import needs_dvc, run_of
from resed.share.runs import SharedRun

pytest.importorskip("dvc", reason="DVC is not installed: make share, or make test, does it")
RUN = SharedRun(("config/demo.yaml", "overlay.yaml"), "demo", tier="evidence")
RESULTS = "results/demo"
HISTORY = "train/pts/seed0/history.csv"
CHECKPOINT = "train/pts/seed0/checkpoint.pt"
POSTERIORS = "predict/evaluation/pts/seed0.npz"
CLIPS = 120  # with sound in the page
CREDIT = "Dog by somebody, CC BY 3.0, https://example.org/dog"
NO_SOUND = {f"report/clips/media/{number:03d}.ogg" for number in range(6, CLIPS + 1, 6)}


def with_histories(text: str) -> str:
    """The Snakefile of a small run, in which trainings have histories and a figure reads them."""
    train = 'output: f"{RESULTS}/train/{{system}}/seed0/checkpoint.pt"'
    draw = 'input: f"{RESULTS}/audit/manifest.tsv"\n    output: f"{RESULTS}/figures/dag.png"'
    read = 'expand(f"{RESULTS}/train/{{system}}/seed0/history.csv", system=CONFIG.systems)'
    target = '        f"{RESULTS}/distil/weak/pts/seed0.npz",\n'  # here of a job, as in a real run
    score = 'input: f"{RESULTS}/predict/evaluation/{{system}}/seed0.npz"\n    output:\n'
    assert train in text and draw in text and target in text and text.count(score) == 1
    text = text.replace(target, "", 1)
    text = text.replace(
        score, score.replace('npz"', 'npz", f"{RESULTS}/distil/weak/pts/seed0.npz"')
    )
    text = text.replace(train, train + ', f"{RESULTS}/train/{{system}}/seed0/history.csv"')
    return text.replace(
        draw, f'input: f"{{RESULTS}}/audit/manifest.tsv", {read}\n' + draw.partition("\n")[2]
    )


def add_clips(folder: Path) -> None:
    """A clip browser whose page carries sound."""
    values = [
        {"sound": f"media/{number:03d}.ogg", "credits": [CREDIT]} for number in range(1, CLIPS + 1)
    ]
    values.append({"sound": "", "credits": ["Not carried by nobody"]})
    page = f'<script type="application/json" id="data">{json.dumps({"clips": values})}</script>'
    sound = {one["sound"]: f"sound {one['sound']}".encode() for one in values if one["sound"]}
    write_folder(folder / carried_sound.CLIPS, page, sound)
    for path in (folder / carried_sound.CLIPS).rglob("*.*"):
        checksums.write(folder, path.relative_to(folder), checksums.digest(path))


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A repository with a finished run, whose evidence was published in it."""
    folder = tmp_path_factory.mktemp("lab") / "here"
    folder.mkdir()
    copy_workflow(folder)
    (folder / "Snakefile").write_text(with_histories(shared_run.SNAKEFILE))
    (folder / "job.py").write_text(shared_run.JOB)
    labels = folder / "data" / "demo" / "metadata" / "strong.tsv"
    labels.parent.mkdir(parents=True)
    labels.write_text("filename\n")
    done = snakemake(folder, overlay=OVERLAY)
    assert done.returncode == 0, done.stdout[-3000:]
    add_clips(folder / RESULTS)
    shutil.copy(REPOSITORY / ".gitattributes", folder)
    track(folder)
    code, told = resed(folder, "share", "--tier", "evidence", "--publish")
    assert code == 0, told
    assert "git add dvc.lock workflow/runs.yaml metrics evidence; git commit" in told
    commit(folder, "evidence")
    return folder


@pytest.fixture(scope="module")
def restored(here):
    """A clone that restored it by the command without arguments."""
    folder = clone(here, here.parent / "restored")
    code, told = shared_run.run(folder, str(shared_run.PROGRAMS / "resed"), "restore")
    assert code == 0, told
    assert "demo: evidence restored from evidence/; snakemake: nothing to be done" in told
    return folder


@pytest.fixture
def there(restored, tmp_path):
    """A restored clone to spoil."""
    return Path(shutil.copytree(restored, tmp_path / "there", symlinks=True))


def published(folder: Path, path: str) -> Path:
    """Path of a result in the folder remote."""
    md5 = hashlib.md5((folder / path).read_bytes()).hexdigest()
    return place(md5, folder / "evidence")


# ---- what travels --------------------------------------------------------------------------------


def test_the_evidence_has_no_checkpoints_posteriors_and_features(here):
    for name in (CHECKPOINT, POSTERIORS, "extract/default/strong.store"):
        assert not published(here, f"{RESULTS}/{name}").exists()
    for name in ("tables/table1.csv", "figures/dag.png", "audit/manifest.tsv"):
        assert published(here, f"{RESULTS}/{name}").is_file()
    archive = published(here, RUN.packed.as_posix())
    with lzma.open(archive) as content, tarfile.open(fileobj=content) as files:
        names = set(files.getnames())
    assert {HISTORY, "decode/evaluation/pts/seed0/events.tsv"} <= names
    assert not {name for name in names if name.endswith((".pt", ".npz", ".store"))}
    assert set(yaml.safe_load((here / "dvc.lock").read_text())["stages"]) == {
        "data@demo",
        "results@demo",
    }
    assert not (here.parent / "resed-remote").exists(), "the remote of users is not touched"


def test_the_sound_of_a_hundred_clips_travels_and_authors_are_named(here, restored):
    def sound(folder):
        return {path.name for path in (folder / RESULTS / carried_sound.CLIPS).rglob("*.ogg")}

    assert len(sound(here)) == CLIPS
    assert len(sound(restored)) == carried_sound.MOST
    assert {f"report/clips/media/{name}" for name in sound(here) - sound(restored)} == NO_SOUND
    credits = (here / "evidence" / "credits" / "demo.txt").read_text()
    assert credits.splitlines()[2:] == [f"- {CREDIT}"]


def test_what_was_shared_and_where_is_recorded(here, monkeypatch):
    listed = yaml.safe_load((here / "workflow" / "runs.yaml").read_text())["runs"]["demo"]
    assert listed == {
        "configs": "config/demo.yaml overlay.yaml",
        "tier": "evidence",
        "remote": "evidence",
    }
    monkeypatch.chdir(here)
    assert registry.recorded(RUN) == registry.Entry(RUN.configs, "evidence", True)
    assert not needs_dvc(RUN, None)
    assert needs_dvc(RUN, "/mnt/lab")


def test_a_clone_gets_all_but_what_is_left_out(here, restored):
    def files(folder: Path) -> dict[str, bytes]:
        root = folder / RESULTS
        found = {p.relative_to(root).as_posix(): p for p in root.rglob("*") if p.is_file()}
        return {n: p.read_bytes() for n, p in found.items() if not Path(n).name.startswith(".")}

    ours, theirs = files(here), files(restored)
    absent = {name for name in ours if name.split("/")[0] in ("extract", "predict", "distil")}
    absent |= {name for name in ours if name.endswith("checkpoint.pt")} | NO_SOUND
    assert theirs == {name: content for name, content in ours.items() if name not in absent}
    assert left_out.read(restored / RESULTS) == absent
    assert HISTORY in theirs
    assert (restored / "data" / "demo" / "metadata" / "strong.tsv").is_file()


def test_verify_says_what_was_left_out_and_finds_what_is_missing(there):
    code, told = resed(there, "verify")
    assert code == 0, told
    words = "1 feature store, 2 checkpoints, 2 files of posteriors, 1 file of targets, 20 clips"
    assert f"match their checksums (0.0 MB); left out by the tier evidence: {words} without" in told
    (there / RESULTS / HISTORY).unlink()
    code, told = resed(there, "verify")
    assert code == 1
    assert f"missing: {RESULTS}/{HISTORY}" in told
    assert CHECKPOINT not in told.replace(one_line(told), "")
    (there / RESULTS / left_out.FILE).write_text("[]")
    code, told = resed(there, "verify")
    assert code == 1
    assert f"missing: {RESULTS}/{CHECKPOINT}" in told, "without a valid list, nothing is excused"


def test_nothing_is_planned_and_a_figure_is_one_job(there):
    assert planned(there, overlay=OVERLAY) == []
    (there / RESULTS / "figures" / "dag.png").unlink()
    assert planned(there, overlay=OVERLAY) == ["draw"]
    assert snakemake(there, overlay=OVERLAY).returncode == 0
    assert planned(there, overlay=OVERLAY) == []
    assert resed(there, "verify")[0] == 0


def test_dvc_compares_metrics_and_shows_figures(there, tmp_path):
    metrics = there / "metrics" / "demo" / "pts.json"
    values = json.loads(metrics.read_text())
    metrics.write_text(json.dumps(values | {"event_evaluation": 1.5}))
    changed = dvc(there, "metrics", "diff").splitlines()
    assert changed[1].split()[:2] == ["metrics/demo/pts.json", "event_evaluation"]
    dvc(there, "plots", "show", f"{RESULTS}/share/figures", "--out", str(tmp_path / "page"))
    assert "dag.png" in (tmp_path / "page" / "index.html").read_text()
    shutil.rmtree(there / ".dvc" / "cache")
    dvc(there, "fetch", "--remote", "evidence", "results@demo")
    dvc(there, "plots", "diff", "HEAD", "--out", str(tmp_path / "diff"))
    assert "dag.png" in (tmp_path / "diff" / "index.html").read_text()


# ---- restore -------------------------------------------------------------------------------------


def test_restore_requires_no_dvc(here, tmp_path, monkeypatch):
    monkeypatch.chdir(clone(here, tmp_path / "there"))
    monkeypatch.setitem(sys.modules, "dvc", None)
    run = run_of(["config/demo.yaml overlay.yaml"])
    assert run.tier == "evidence"
    said = []
    assert restore(run, say=said.append) == []
    assert Path(RESULTS, "tables/table1.csv").is_file()


def test_a_flipped_byte_is_named_in_one_line_and_mended_by_git(here, tmp_path):
    folder = clone(here, tmp_path / "there")
    bad = published(here, f"{RESULTS}/tables/table1.csv").relative_to(here)
    flip(folder / bad)
    code, told = resed(folder, "restore")
    assert code == 1
    assert one_line(told) == (
        f"resed: evidence/: damaged or missing: {bad} ({RESULTS}/tables/table1.csv); "
        "git checkout -- evidence"
    )
    assert not (folder / "results").exists()
    git(folder, "checkout", "--", "evidence")
    shutil.rmtree(folder / ".dvc" / "cache")  # which has intact objects by now
    (folder / listing(here, f"{RESULTS}/figures", folder / "evidence")).unlink()
    code, told = resed(folder, "restore")
    assert f"({RESULTS}/figures); git checkout" in one_line(told)
    git(folder, "checkout", "--", "evidence")
    assert resed(folder, "restore")[0] == 0


def test_own_files_are_not_overwritten(there):
    table = there / RESULTS / "tables" / "table1.csv"
    table.write_text("mine\n")
    code, told = resed(there, "restore")
    assert code == 1
    assert "differs from the shared file; share or move them first" in one_line(told)
    assert table.read_text() == "mine\n"


def test_links_in_the_folder_remote_are_not_followed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("key")
    md5 = hashlib.md5(b"key").hexdigest()
    target = folder_remote.REMOTE.place(Object(md5, ""))
    target.parent.mkdir(parents=True)
    target.symlink_to(secret)
    cache = Cache(Path("cache"))
    assert folder_remote.fetch(cache, [md5]) == {md5: "missing"}
    target.unlink()
    target.write_text("key")
    assert folder_remote.fetch(cache, [md5]) == {}
    assert cache.state(Object(md5, "")) == "ok"


def test_the_run_is_named_where_none_or_several_are_shared(here, tmp_path, monkeypatch):
    monkeypatch.chdir(here)
    stages = list(locked_stages())
    assert registry.only_shared(stages) == RUN.configs
    with pytest.raises(ShareError, match=r"no run has been shared; .*make restore CONFIG="):
        registry.only_shared(["data@demo"])
    full = [f"{phase}@esc10" for phase in ("data", "features", "checkpoints", "results")]
    with pytest.raises(ShareError, match=r"several runs are shared \(config/demo.yaml overlay"):
        registry.only_shared([*stages, *full])


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"configs": "a.yaml", "tier": "half"}, "tier must be full or evidence"),
        ({"configs": "a.yaml", "remote": "/mnt"}, "remote must be evidence"),
        ({"configs": "--evil"}, "configs of demo must be paths"),
        ({"configs": "a.yaml 'b"}, "configs of demo must be paths"),
        (["a.yaml"], "runs.demo must be a mapping"),
    ],
)
def test_a_bad_entry_is_one_line(entry, problem, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    registry.RUNS.parent.mkdir()
    registry.RUNS.write_text(yaml.safe_dump({"runs": {"demo": entry}}))
    with pytest.raises(ShareError, match=re.escape(problem)):
        registry.recorded(RUN)


def packed(folder: Path, members: dict[str, bytes], **keys) -> tuple[Cache, list[Object]]:
    """A cache with an archive of these files, and the file of a run that it is."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            for key, value in keys.items():
                setattr(entry, key, value)
            archive.addfile(entry, io.BytesIO(content))
    content = lzma.compress(buffer.getvalue())
    item = Object(hashlib.md5(content).hexdigest(), RUN.packed.as_posix())
    cache = Cache(folder)
    cache.place(item).parent.mkdir(parents=True, exist_ok=True)
    cache.place(item).write_bytes(content)
    return cache, [item]


def test_the_archive_leads_to_files_of_the_run_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cache, files = packed(tmp_path / "good", {HISTORY: b"epoch\n", "score/a/m.json": b"{}"})
    found = pack.unpack(RUN, cache, files)
    assert [item.path for item in found] == [f"{RESULTS}/{HISTORY}", f"{RESULTS}/score/a/m.json"]
    assert [cache.place(item).read_bytes() for item in found] == [b"epoch\n", b"{}"]
    assert pack.unpack(replace(RUN, tier="full"), cache, files) == []
    bad = ("../x", "/etc/x", "tables/t.csv", "checksums/share/x", "score", "score/.x", "score/../x")
    for name in bad:
        with pytest.raises(ShareError, match=r"files\.tar\.xz: damaged \("):
            pack.unpack(RUN, *packed(tmp_path / "bad", {name: b"x"}))
    with pytest.raises(ShareError, match="an entry that is not a file"):
        link = {"type": tarfile.SYMTYPE, "linkname": "../../../x"}
        pack.unpack(RUN, *packed(tmp_path / "bad", {HISTORY: b""}, **link))
    with pytest.raises(ShareError, match="is there twice"):
        pack.unpack(RUN, cache, [*files, Object("0" * 32, f"{RESULTS}/{HISTORY}")])
    monkeypatch.setattr(pack, "LARGEST", 1000)
    with pytest.raises(ShareError, match="more than 1000 bytes"):
        pack.unpack(RUN, cache, files)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    place = cache.place(files[0])
    place.write_bytes(place.read_bytes()[:-20])
    with pytest.raises(ShareError, match="damaged"):
        pack.unpack(RUN, cache, files)
    with pytest.raises(ShareError, match="the archive of the evidence"):
        pack.unpack(RUN, cache, [])


# ---- share ---------------------------------------------------------------------------------------


def test_only_the_option_writes_into_the_repository(here, there):
    before = git(here, "status", "--porcelain")
    for arguments, problem in (
        (["--remote", "evidence"], "remote: evidence/ is read-only; only make evidence writes it"),
        (["--remote", "./evidence/x"], "remote: evidence/ is read-only"),
        (["--publish"], "--publish: only the tier evidence is published"),
        (["--tier", "evidence", "--publish", "--remote", "/mnt"], "no --remote"),
    ):
        code, told = resed(here, "share", *arguments)
        assert code == 1
        assert problem in one_line(told)
        git(here, "checkout", "--", "workflow/runs.yaml")
    assert git(here, "status", "--porcelain") == before
    code, told = resed(there, "share", "--tier", "evidence")
    assert code == 1
    assert f"{RESULTS}: only the evidence is here, without " in one_line(told)
    code, told = resed(there, "share", "--prepare")
    assert code == 0, told
    assert git(there, "status", "--porcelain") == ""
    assert resed(there, "verify")[0] == 0
    assert (there / RUN.packed).read_bytes() == (here / RUN.packed).read_bytes()


def test_evidence_is_shared_by_a_remote_and_replaced_by_the_full_run(here, tmp_path):
    folder = Path(shutil.copytree(here, tmp_path / "lab" / "copy", symlinks=True))
    code, told = resed(folder, "share", "--tier", "evidence")
    assert code == 0, told
    assert "demo: evidence pushed to store (" in told
    remote = folder.parent / "resed-remote"
    assert place_of(folder, "tables/table1.csv", remote).is_file()
    assert not place_of(folder, CHECKPOINT, remote).exists()
    commit(folder, "evidence, elsewhere")
    fresh = clone(folder, tmp_path / "lab" / "fresh")
    code, told = resed(fresh, "restore")
    assert code == 0, told
    assert "restored from store (" in told and "nothing to be done" in told
    code, told = resed(folder, "share")
    assert code == 0, told
    assert "tier" not in yaml.safe_load((folder / "workflow" / "runs.yaml").read_text())["runs"]
    assert not (folder / RESULTS / ".dvcignore").exists()
    commit(folder, "the full run")
    git(fresh, "pull")
    assert not (fresh / RESULTS / CHECKPOINT).exists()
    code, told = resed(fresh, "restore")
    assert code == 0, told
    assert (fresh / RESULTS / CHECKPOINT).is_file()
    assert left_out.read(fresh / RESULTS) == frozenset()
    code, told = resed(fresh, "verify")
    assert code == 0 and "left out" not in told


def place_of(folder: Path, name: str, remote: Path) -> Path:
    md5 = hashlib.md5((folder / RESULTS / name).read_bytes()).hexdigest()
    return place(md5, remote)


def test_the_bounds_of_size(tmp_path, monkeypatch):
    git(tmp_path, "init")
    monkeypatch.chdir(tmp_path)
    cache, items = Cache(Path("cache")), []
    for number, name in enumerate(("tables/a.csv", "score/b.tsv")):
        content = bytes(range(256)) * (number + 1)
        item = Object(hashlib.md5(content).hexdigest(), f"{RESULTS}/{name}")
        cache.place(item).parent.mkdir(parents=True)
        cache.place(item).write_bytes(content)
        items.append(item)
    monkeypatch.setattr(folder_remote, "LARGEST_RUN", 767)
    with pytest.raises(ShareError, match=r"evidence: 0\.0 MB, more than 0 .*results/demo/score 0"):
        folder_remote.publish(cache, items)
    monkeypatch.setattr(folder_remote, "LARGEST_RUN", 768)
    size = sum(path.stat().st_size for path in Path(".git").rglob("*") if path.is_file())
    monkeypatch.setattr(folder_remote, "LARGEST_GIT", size)
    with pytest.raises(ShareError, match=r"\.git would have .* publish a smaller run"):
        folder_remote.publish(cache, items)
    assert not folder_remote.FOLDER.exists()
    monkeypatch.setattr(folder_remote, "LARGEST_GIT", size + 1000)
    assert folder_remote.publish(cache, [*items, items[0]]) == 768
    assert all(folder_remote.REMOTE.state(item) == "ok" for item in items)
    own = folder_remote.FOLDER / "files" / "md5" / "ab" / "notes.txt"
    own.parent.mkdir()
    own.write_text("mine")
    assert folder_remote.prune([items[0].md5]) == 1
    assert [folder_remote.REMOTE.state(item) for item in items] == ["ok", "missing"]
    assert own.is_file()


def test_the_list_for_dvc_is_not_one_of_the_user(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    RUN.ignored.parent.mkdir(parents=True)
    RUN.ignored.write_text("mine\n")
    with pytest.raises(ShareError, match="not made by resed share; move it away"):
        carried_sound.write_ignored(RUN)
    assert RUN.ignored.read_text() == "mine\n"


def test_make_evidence_and_restore_call_these_commands(tmp_path):
    def recipe(*arguments: str) -> str:
        command = ("make", "--dry-run", "--silent", "VENV=v", *arguments)
        code, told = shared_run.run(REPOSITORY, *command)
        assert code == 0, told
        return told

    assert "resed share --config 'a.yaml' --tier evidence --publish" in recipe(
        "evidence", "CONFIG=a.yaml"
    )
    last = recipe("restore").splitlines()[-1]
    assert last.split() == ["v/bin/resed", "restore"]
    last = recipe("restore", "CONFIG=a.yaml", "FORCE=1").splitlines()[-1]
    words = "v/bin/resed restore --config 'a.yaml' --force"
    assert last.split() == words.split()


def test_the_remote_of_the_repository_is_the_folder():
    text = (REPOSITORY / ".dvc" / "config").read_text()
    assert f"['remote \"{registry.EVIDENCE}\"']\n    url = ../{folder_remote.FOLDER}\n" in text
    assert "    remote = store\n" in text


@pytest.mark.parametrize(("paper", "read"), [("liang", False), ("secost", True)])
def test_rankings_of_readings_travel_only_where_the_paper_ranks(paper, read):
    """A paper without mAP or mAUC compares readings by counts, and needs no rankings of them."""
    config = load_config(yaml.safe_load((REPOSITORY / "config/demo.yaml").read_text()), REPOSITORY)
    files = Inputs(config, load_paper(paper, REPOSITORY), Layout(Path()))
    for reading, expected in (("", True), ("gate.none", read)):
        names = {Path(name).name for name in files.scores([Row("pts_tfd_afl_esp", reading)])}
        assert (RANKING in names) == expected
        assert {"metrics.json", "counts.tsv"} <= names


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("score/evaluation/pts@gate.none/seed0/ranking.npz", True),
        ("score/evaluation/pts/seed0/ranking.npz", False),
        ("score/evaluation/pts@gate.none/seed0/counts.tsv", False),
        ("score/ranking.npz", False),
        ("train/pts/seed0/checkpoint.pt", True),
    ],
)
def test_what_evidence_may_lack(name, may):
    assert carried_sound.may_lack(name) == may
