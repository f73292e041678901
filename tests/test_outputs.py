"""No command replaces a file that it reads."""

import os
import shutil
from pathlib import Path

import audits
import pytest
import torch
import typer
from runs import REPOSITORY
from typer.testing import CliRunner

from resed.cli import app
from resed.cli.outputs import FILE, WRITES, refuse_overwriting
from resed.errors import OverwriteError
from resed.formats import checkpoint, origin
from resed.formats.energy import Energy, write_energy
from resed.formats.history import write_history
from resed.formats.origin import written_by_resed
from resed.runtime.files import write_text

EVENTS = "filename\tonset\toffset\tevent_label\na.wav\t1.0\t2.0\tDog\n"
COMMANDS = typer.main.get_command(app).commands
DEMO = REPOSITORY / "config" / "datasets" / "demo.yaml"
# Options that name no file, whatever is given.
NO_FILE = {
    *("split", "seed", "scale", "processes", "threads", "device", "jobs_per_gpu", "downloads"),
    *("again", "list_sources", "keep_audio", "no_refuse", "gap", "resume", "method", "eta"),
    *("knee", "name", "input_kind", "guard", "quantile", "row", "kind", "system", "table"),
    *("figure", "source", "dataset", "classes_from", "settings", "config_json", "root", "results"),
    *("data", "folder", "soundbank"),
    *("annotations", "formats", "threshold", "classes", "overlap"),
    *("share", "labels", "frames", "gate", "median", "gaussian", "hard", "labels_smoothed"),
    "rounding",
}


@pytest.fixture
def labels(tmp_path, monkeypatch) -> Path:
    """Labels of a user in the folder in which commands run."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "labels.tsv"
    path.write_text(EVENTS)
    return path


def link(path: Path, how: str) -> str:
    """Another name of a file."""
    other = path.with_name(f"{how}.tsv")
    if how == "symlink":
        other.symlink_to(path)
    elif how == "hardlink":
        os.link(path, other)
    elif how == "relative":
        return f"../{path.parent.name}/./{path.name}"
    else:
        return path.name
    return str(other)


def parameters() -> list[tuple[str, str, str]]:
    """Each command with each of its outputs and each of its inputs that may be a file."""
    return [
        (name, output, parameter.name)
        for name, outputs in WRITES.items()
        for output, files in outputs.items()
        if files
        for parameter in COMMANDS[name].params
        if parameter.name not in NO_FILE | set(outputs) and parameter.name != "help"
    ]


def test_a5_every_option_is_classified():
    """A new option that writes must be listed, or its name must be that of an input."""
    assert set(WRITES) <= set(COMMANDS)
    for name, command in COMMANDS.items():
        listed = WRITES.get(name, {})
        found = {p.name for p in command.params}
        assert set(listed) <= found
        roles = {"out_of_domain"}  # a store that is read
        writes = {p for p in found - roles if p.startswith("out") or p == "counts"}
        assert writes <= set(listed), f"{name}: list {writes - set(listed)} in resed.cli.outputs"


@pytest.mark.parametrize(("name", "output", "source"), parameters())
def test_a5_no_output_is_an_input(labels, name, output, source):
    """Each pair of an output and an input of each command, by four names of the same file."""
    for how in ("name", "relative", "symlink", "hardlink"):
        inside = [file for file in WRITES[name][output] if file and "*" not in file]
        if FILE[0] in WRITES[name][output]:
            given, there = labels, labels
        else:
            pattern = WRITES[name][output][0]
            there = labels.parent / (inside[0] if inside else f"table{pattern[1:]}")
            shutil.copy(labels, there)
            given = labels.parent
        other = link(there, how)
        as_output = other if given == there else given
        values = {p.name: None for p in COMMANDS[name].params}
        values |= {output: _value(name, output, as_output)}
        values |= {source: _value(name, source, there if given == there else other)}
        if name == "repair":
            values |= {"dataset": str(DEMO), "root": labels.parent / "none"}
        with pytest.raises(OverwriteError, match=f"is read by --{source.replace('_', '-')}"):
            refuse_overwriting(name, values)
        for extra in ("symlink.tsv", "hardlink.tsv"):
            (labels.parent / extra).unlink(missing_ok=True)


def _value(name: str, parameter: str, path: object) -> object:
    found = next(p for p in COMMANDS[name].params if p.name == parameter)
    if getattr(found, "nargs", 1) == 2:
        return (str(path), "")
    return [f"development={path}"] if getattr(found, "multiple", False) else path


@pytest.mark.parametrize("how", ["name", "relative", "symlink", "hardlink"])
@pytest.mark.parametrize(
    "words",
    [
        ["calibrate", "--events", "labels.tsv", "--out", "{}"],
        ["score", "--reference", "labels.tsv", "--estimated", "other.tsv", "--out", "{}"],
        ["score", "--reference", "other.tsv", "--estimated", "labels.tsv", "--out", "{}"],
        ["score", "--reference", "other.tsv", "--estimated", "other.tsv", "--clips", "labels.tsv",
         "--out", "m.json", "--counts", "{}"],
        ["threshold", "--posteriors", "p.npz", "--windows", "w.tsv", "--reference", "labels.tsv",
         "--out", "{}"],
        ["admit", "--audit", "labels.tsv", "--out", "{}"],
    ],
    ids=lambda words: f"{words[0]} {words[-1] if words[-2] != '--out' else ''}{len(words)}",
)  # fmt: skip
def test_a5_labels_survive(labels, words, how):
    (labels.parent / "other.tsv").write_text(EVENTS)
    other = link(labels, how)
    done = CliRunner().invoke(app, [word.format(other) for word in words])
    assert isinstance(done.exception, OverwriteError), done.output
    assert "; use another --" in str(done.exception)
    assert labels.read_text() == EVENTS
    assert not (labels.parent / "m.json").exists()


def test_a5_a_file_system_that_ignores_case(labels, monkeypatch):
    """Names that differ by case are one file there: both have the same identity."""
    real = Path.stat
    monkeypatch.setattr(
        Path, "stat", lambda path, **k: real(path.with_name(path.name.lower()), **k)
    )
    with pytest.raises(OverwriteError, match=r"LABELS\.tsv is read by --events"):
        refuse_overwriting("calibrate", {"events": labels, "out": labels.with_name("LABELS.tsv")})


def test_a5_files_of_a_dataset_and_of_results_are_inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    dataset, root = str(DEMO), tmp_path / "data"
    strong = root / "metadata" / "train" / "synthetic.tsv"
    clip = root / "audio" / "train" / "weak" / "a.wav"
    scores = tmp_path / "results" / "score" / "evaluation" / "pts" / "seed0" / "metrics.json"
    for path in (strong, clip, scores):
        path.parent.mkdir(parents=True)
        path.write_text("x")
    common = {"dataset": dataset, "root": root}
    table = {"results": tmp_path / "results", "config_json": "{}"}
    for name, values, reason in (
        ("extract", common | {"out": [f"strong={strong}"]}, "is read by --root"),
        ("extract", common | {"out": [str(clip)]}, "is read by --root"),
        ("acquire", common | {"record": strong}, "is read by --root"),
        ("calibrate", {"events": strong, "classes_from": dataset, "out": DEMO}, "classes-from"),
        ("calibrate", {"events": strong, "classes_from": "demo", "out": DEMO}, "classes-from"),
        ("repair", common | {"out": root}, "is read by --root"),
        ("report", table | {"out": scores}, "is read by --results"),
        ("draw", table | {"out_png": scores, "out_svg": "b.svg"}, "is read by --results"),
        ("tabulate", table | {"out_csv": scores, "out_md": "a.md"}, "is read by --results"),
    ):
        with pytest.raises(OverwriteError, match=reason):
            refuse_overwriting(name, values)
    new = scores.with_name("index.html")
    refuse_overwriting("report", table | {"out": new})


def test_a5_files_of_the_rows_are_outputs(tmp_path):
    folder = tmp_path / "decode" / "evaluation" / "pts" / "seed1"
    folder.mkdir(parents=True)
    (folder / "events.tsv").write_text(EVENTS)
    values = {"results": tmp_path, "row": ["pts"], "posteriors": ["evaluation=p.npz"]}
    values |= {"reference": folder / "events.tsv", "windows": Path("w.tsv")}
    refuse_overwriting("decode", values | {"seed": 0})
    with pytest.raises(OverwriteError, match="is read by --reference"):
        refuse_overwriting("decode", values | {"seed": 1})
    sanity = {"results": tmp_path, "kind": ["nothing"], "seed": 1, "store": []}
    folder = tmp_path / "decode" / "evaluation" / "sanity_nothing" / "seed0"
    folder.mkdir(parents=True)
    (folder / "events.tsv").write_text(EVENTS)
    with pytest.raises(OverwriteError, match="is read by --train-events"):
        refuse_overwriting("sanity", sanity | {"train_events": folder / "events.tsv"})


def test_a5_two_outputs_are_two_files(labels):
    with pytest.raises(OverwriteError, match="is also written by --out"):
        refuse_overwriting("score", {"out": Path("m.json"), "counts": labels.parent / "m.json"})


@pytest.mark.parametrize("second", ["s.store", "./s.store"])
def test_a5_one_option_twice_is_two_files(labels, second):
    values = {"out": ["strong=s.store", f"weak={second}"]}
    with pytest.raises(OverwriteError, match="is also written by --out"):
        refuse_overwriting("extract", values)
    refuse_overwriting("extract", {"out": ["strong=s.store", "weak=w.store"]})


def test_a5_the_record_of_acquire_is_not_replaced(tmp_path):
    own = tmp_path / ".acquire" / "strong.tsv"
    own.parent.mkdir()
    own.write_text("filename\n")
    values = {"dataset": "demo", "root": tmp_path, "record": own}
    with pytest.raises(OverwriteError, match="is read by --root"):
        refuse_overwriting("acquire", values)


def test_a5_a_folder_is_no_output_file(labels):
    for place in (".", str(labels.parent), ".."):
        done = CliRunner().invoke(app, ["calibrate", "--events", "labels.tsv", "--out", place])
        assert isinstance(done.exception, OverwriteError), done.output
        assert f"{Path(place)} is a folder; use another --out" in str(done.exception)


def test_a5_a_device_is_not_replaced_by_a_file(labels):
    """As root, `--out /dev/null` left a regular file there, for all programs of the machine."""
    pipe = labels.with_name("pipe")
    os.mkfifo(pipe)
    (labels.with_name("link")).symlink_to(pipe)
    for name in ("pipe", "link"):
        done = CliRunner().invoke(app, ["calibrate", "--events", "labels.tsv", "--out", name])
        assert isinstance(done.exception, OverwriteError), done.output
        assert f"{name} is a device, a pipe or a socket; use another --out" in str(done.exception)
        with pytest.raises(OverwriteError, match="write to another path"):
            write_text(name, "text")
    assert pipe.is_fifo()
    assert {path.name for path in labels.parent.iterdir()} == {"labels.tsv", "pipe", "link"}


def test_a5_the_same_output_may_be_written_again(labels):
    for _ in range(2):
        done = CliRunner().invoke(app, ["calibrate", "--events", "labels.tsv", "--out", "w.tsv"])
        assert done.exit_code == 0, done.output
    assert labels.read_text() == EVENTS


def test_a5_a_manifest_that_is_compared_is_not_replaced(tmp_path):
    """A folder of an audit stands for the manifest in it."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.tsv").write_text(name)
    values = {"compare": (tmp_path / "a", tmp_path / "b"), "out": tmp_path / "b/manifest.tsv"}
    with pytest.raises(OverwriteError, match="is read by --compare"):
        refuse_overwriting("audit", values)
    refuse_overwriting("audit", values | {"out": tmp_path / "b/differences.tsv"})


@pytest.mark.parametrize("option", ["folder", "soundbank", "annotations"])
def test_a5_files_of_a_folder_that_is_searched_are_not_replaced(tmp_path, option):
    (tmp_path / "mine/inner").mkdir(parents=True)
    (tmp_path / "mine/inner/a.wav").write_text("a recording")
    (tmp_path / "link").symlink_to("mine")
    for place in ("mine/inner/a.wav", "link/inner/a.wav"):
        values = {option: tmp_path / "mine", "record": tmp_path / place}
        with pytest.raises(OverwriteError, match=f"is read by --{option}"):
            refuse_overwriting("acquire", values)
    refuse_overwriting("acquire", {option: tmp_path / "mine", "record": tmp_path / "new.json"})


OWN_FILES = {  # files of other programs under the names that resed writes
    "manifest.tsv": b"path\tlabel\na.wav\tdog\n",
    "findings.tsv": b"id\tsplit\tfilename\tline\tdetail\tmine\n",
    "audit.json": b'{"go": true, "splits": {}}',
    "index.html": b"<!doctype html>\n<title>Audit of my page</title>\n",
    "history.csv": b"epoch,loss,val_loss\n0,1,2\n",
    "energy.json": b'{"kwh": 3}',
    "checkpoint.pt": b"weights",
    "resume.pt": b"PK\x05\x06" + bytes(18),
}


@pytest.mark.parametrize("file", OWN_FILES)
def test_a5_a_file_of_the_user_in_the_folder_is_not_replaced(tmp_path, file):
    name = next(one for one in ("audit", "train") if file in WRITES[one]["out"])
    (tmp_path / file).write_bytes(OWN_FILES[file])
    with pytest.raises(OverwriteError, match=rf"{file} was not written by resed; move this file"):
        refuse_overwriting(name, {"out": tmp_path})
    (tmp_path / file).write_bytes(b"")
    refuse_overwriting(name, {"out": tmp_path})  # nothing to lose


def test_a5_files_of_resed_may_be_written_again(tmp_path):
    """As the formats write them, a class label with a comma and a line break included."""
    what = audits.dataset()
    audits.audit(what, audits.make(tmp_path, what))
    place = tmp_path / "out"
    write_history(place / "history.csv", [{"epoch": 0, "step": 1}], ["dog, \n big", "cat"])
    for file in ("checkpoint.pt", "resume.pt"):
        checkpoint.save(place / file, {"identity": {}, "weights": torch.zeros(100_000)})
    write_energy(place / "energy.json", Energy())
    assert all(written_by_resed(place / file) for file in OWN_FILES)
    refuse_overwriting("audit", {"out": place})
    refuse_overwriting("train", {"out": place})
    assert checkpoint.FORMAT.encode() == origin.CHECKPOINT
    page = (place / "index.html").read_text()
    older = page.replace(origin.PAGE.decode(), "")  # of a version that did not name itself
    (place / "index.html").write_text(older)
    assert older != page and written_by_resed(place / "index.html")
    (place / "audit.json").unlink()
    assert not written_by_resed(place / "index.html")
