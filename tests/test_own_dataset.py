"""A dataset of one's own: the checker names all mistakes, any number of classes works."""

import csv
import hashlib
import itertools
import os
import re
import shutil
import subprocess
import sys
import unicodedata
import warnings
from collections import Counter
from pathlib import Path

import pytest
import soundfile
import yaml
from five_roles import ROLES
from made_results import make_results, make_root
from runs import REPOSITORY
from sounds import good, not_a_wav, truncated
from typer.testing import CliRunner

from resed.audit import audit_dataset
from resed.check import between_splits, check_dataset
from resed.check.messages import CheckMessages
from resed.check.split_check import SplitContent
from resed.cli import app
from resed.config.dataset import Dataset, load_dataset
from resed.config.loading import mistakes, overlay, read_yaml
from resed.config.run import load_config
from resed.config.systems import SystemEntry
from resed.draw.inputs import figure_names
from resed.draw.registry import figure_of
from resed.draw.style import look
from resed.errors import ConfigError, MissingFileError
from resed.extract.stores import extract
from resed.formats.annotations import read_events, read_tags
from resed.formats.clip_names import composed
from resed.formats.figure_description import write_figure_description
from resed.formats.store import Store
from resed.report import render
from resed.results.folder import Results
from resed.runtime.files import read_json, write_text
from resed.settings import FeatureSettings
from resed.tabulate import make_table, table_names
from resed.tabulate.layout import lines

TEMPLATES = REPOSITORY / "config" / "templates"
EXAMPLES = REPOSITORY / "docs" / "examples"
SECONDS = 1.0
LABELS = {"weak": "weak", "unlabeled": "none", "strong": "strong"}
STRONG = "filename\tonset\toffset\tevent_label\n"


def describe(root: Path, **changes) -> dict:
    """A dataset file of two classes and clips of a second, below root/config/datasets."""
    values = {
        "name": "yard",
        "title": "Yard",
        "kind": "recordings",
        "classes": ["Bird", "Car"],
        "clip_seconds": SECONDS,
        "splits": {
            role: {
                "audio": f"audio/{role}",
                "annotations": f"metadata/{role}.tsv",
                "labels": LABELS.get(role, "strong"),
                "clips": 3,
            }
            for role in ROLES
        },
    }
    values |= changes
    path = root / "config" / "datasets" / "yard.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(values))
    return values


@pytest.fixture
def yard(tmp_path):
    """A dataset without a mistake; the folder above config/ and data/."""
    describe(tmp_path)
    data = tmp_path / "data" / "yard"
    (data / "metadata").mkdir(parents=True)
    for number, role in enumerate(ROLES):
        (data / "audio" / role).mkdir(parents=True)
        names = [f"{role}{clip}.wav" for clip in range(3)]
        for clip, name in enumerate(names):
            good(data / "audio" / role / name, SECONDS, seed=10 * number + clip)
        write(tmp_path, role, names)
    return tmp_path


def write(root: Path, role: str, names: list[str]) -> None:
    """Annotations in which the classes take turns, and the last clip has both."""
    labels = ["Bird", "Car", "Bird,Car"]
    pairs = list(zip(names, labels, strict=True))
    text = {
        "weak": "filename\tevent_labels\n" + "".join(f"{n}\t{c}\n" for n, c in pairs),
        "unlabeled": "filename\n" + "".join(f"{n}\n" for n in names),
    }
    strong = STRONG + "".join(f"{n}\t0.1\t0.6\t{c}\n" for n, cs in pairs for c in cs.split(","))
    annotations(root, role).write_text(text.get(role, strong))


def annotations(root: Path, role: str) -> Path:
    return root / "data" / "yard" / "metadata" / f"{role}.tsv"


def found(root: Path, config: Path | None = None) -> CheckMessages:
    data = root / "data" / "yard"
    return check_dataset("yard", data, config, root)[1]


def texts(messages: CheckMessages, level: str) -> list[str]:
    return [one.text for one in messages.found if one.level == level]


def test_a_dataset_without_a_mistake_has_none(yard, monkeypatch):
    assert found(yard).found == []
    monkeypatch.chdir(yard)
    arguments = ["check", "--dataset", "yard", "--root", "data/yard"]
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 0, run.output
    assert run.output.splitlines() == [
        "yard: 2 classes, no errors",
        "next: snakemake audit --cores 2 --config dataset=yard",
    ]


def test_all_mistakes_are_told_at_once(yard):
    """One of each kind, in every split; none hides another."""
    values = describe(yard)
    del values["splits"]["unlabeled"]
    values |= {"titel": "Yard", "classes": ["Bird", "Bird", "Car, red", "Car", "Frog"]}
    values["splits"]["weak"] |= {"clips": 40}
    values["splits"]["strong"] |= {"labels": "weak", "audio": "../audio"}
    values["splits"]["strong"] |= {"annotations": "metadata/{strong}.tsv"}
    describe(yard, **values)
    data = yard / "data" / "yard"
    weak = "filename\tevent_labels\nweak0.wav\tBrid\nweak1.wav\tBird,Brid\nweak1.wav\tCar\n"
    annotations(yard, "weak").write_text(weak + "weak9.wav\tCar\n")
    annotations(yard, "development").write_text(
        STRONG
        + "development0.wav\t0.5\t0.2\tBird\ndevelopment1.wav\tx\t1\tCar\n"
        + "development2.wav\t0\t1.7\tCar\nevaluation0.wav\t0\t1\tCar\n"
    )
    shutil.copy(data / "audio/evaluation/evaluation0.wav", data / "audio/development")
    shutil.rmtree(data / "audio" / "weak")
    annotations(yard, "evaluation").rename(data / "metadata" / "evaluation.csv")
    wrong = texts(found(yard), "error")
    for words in (
        "yard.yaml.titel: unknown key; did you mean title?",
        "splits.strong.audio: must be a path below the dataset's root",
        "splits.strong.annotations: must not contain braces (given: 'metadata/{strong}.tsv')",
        "classes: Bird is listed twice",
        "'Car, red' contains a comma",
        "weak.tsv line 2: unknown class 'Brid'; did you mean Bird? (in 2 lines)",
        "splits.weak.clips: 40, but the annotations list 3 clips; set clips: 3",
        "audio/weak: no such folder; create it and copy the weak clips into it",
        "development.tsv line 2: onset 0.5 is not before offset 0.2",
        "development.tsv line 3: onset 'x' is not a number",
        "evaluation.tsv: no such file; write the evaluation annotations",
        "event_label (there is evaluation.csv)",
    ):
        assert any(words in line for line in wrong), (words, wrong)
    notes = texts(found(yard), "note")
    assert any(
        "1 event past the end of the clip (development2.wav Car ends at 1.7 s of 1 s)" in n
        for n in notes
    )


def test_files_are_compared_with_names(yard):
    folder = yard / "data" / "yard" / "audio" / "strong"
    (folder / "strong0.wav").rename(folder / "STRONG0.wav")
    truncated(folder / "strong1.wav")
    not_a_wav(folder / "strong2.wav")
    (folder / "._strong1.wav").write_bytes(b"x")
    findings = found(yard)
    missing, broken = texts(findings, "error")
    assert "1 of 3 listed clips missing (strong0.wav)" in missing
    assert "there is STRONG0.wav: names are case-sensitive" in missing
    assert "2 clips cannot be read: strong1.wav (truncated), strong2.wav (undecodable)" in broken
    (note,) = texts(findings, "note")
    assert "2 files not listed in the annotations (._strong1.wav, STRONG0.wav)" in note


@pytest.mark.parametrize(
    ("move", "hint"),
    [
        (lambda f: (f / "weak0.wav").rename(f / "weak0.flac"), "there is weak0.flac"),
        (
            lambda f: [(f / "in").mkdir(), (f / "weak0.wav").rename(f / "in" / "weak0.wav")],
            "there is in/weak0.wav: move the clips into the folder itself",
        ),
        (lambda f: (f / "weak0.wav").unlink(), "copy them into the folder, or delete their rows"),
    ],
)
def test_a_missing_clip_is_looked_for(yard, move, hint):
    move(yard / "data" / "yard" / "audio" / "weak")
    (line,) = texts(found(yard), "error")
    assert hint in line


def test_other_lengths_are_told(yard):
    """The cure is one for all splits, and with it the check passes."""
    folder = yard / "data" / "yard" / "audio" / "development"
    good(folder / "development0.wav", 0.7)
    (note,) = texts(found(yard), "note")
    assert "clip_seconds: 1; of 15 clips, 1 shorter (0.7 s), padded with silence" in note
    describe(yard, clip_seconds=10)
    (line,) = texts(found(yard), "error")
    assert "yard.yaml.clip_seconds: 10, but 93% of the clips last 1 s; set clip_seconds: 1" in line


@pytest.mark.parametrize("whole", [0.7, 2, 4, 16, 30])
def test_f2_clips_of_several_lengths_pass_with_a_note(yard, whole):
    """Recordings of 0.7 to 16 s, most of a split longer than half of another's: never refused."""
    lengths = itertools.cycle([0.7, 1.3, 2.2, 4, 5.5, 9, 16])
    for role in ROLES:
        for clip in range(3):
            good(yard / "data/yard/audio" / role / f"{role}{clip}.wav", next(lengths), seed=clip)
    describe(yard, clip_seconds=whole)
    messages = found(yard)
    assert texts(messages, "error") == []
    (note,) = [one for one in texts(messages, "note") if "clip_seconds:" in one]
    if whole == 4:
        assert note.endswith(
            "yard.yaml.clip_seconds: 4; of 15 clips, 7 shorter (0.7 to 2.2 s), padded with "
            "silence and 6 longer (5.5 to 16 s), cut"
        )
    assert ("longer" in note) is (whole < 16)
    assert ("shorter" in note) is (whole > 0.7)


def test_f3_events_after_clip_seconds_are_counted_by_the_check(yard, tmp_path):
    data = yard / "data" / "yard"
    good(data / "audio" / "evaluation" / "evaluation0.wav", 60)
    rows = "".join(f"evaluation0.wav\t{s}\t{s + 0.5}\tBird\n" for s in range(60))
    rows += "evaluation1.wav\t0.1\t0.6\tCar\nevaluation2.wav\t0.1\t0.6\tCar\n"
    annotations(yard, "evaluation").write_text(STRONG + rows)
    (note,) = [one for one in texts(found(yard), "note") if "late_events" in one]
    assert "audio/evaluation: 59 of 62 events begin after clip_seconds, which is 1" in note
    assert "(evaluation0.wav Bird at 1 s, evaluation0.wav Bird at 2 s," in note
    shutil.copytree(REPOSITORY / "config" / "systems", yard / "config" / "systems")
    shutil.copytree(REPOSITORY / "config" / "papers", yard / "config" / "papers")
    shutil.copy(REPOSITORY / "config" / "config.yaml", yard / "config")
    config = yard / "mine.yaml"
    wanted = "dataset: yard\nsystems: [pts]\nfeatures: {hop: 441, frames: 100}\n"
    for setting, errors in (("leave_out", 0), ("count", 0), ("refuse", 1)):
        config.write_text(f"{wanted}audit: {{late_events: {setting}}}\n")
        lines = texts(found(yard, config), "error")
        assert len(lines) == errors, lines
    assert "audit.late_events: refuse, and 59 reference events begin after" in lines[0]


@pytest.mark.parametrize(("disk", "table"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_f4_composed_and_decomposed_names_are_one_clip(yard, disk, table):
    """The check, the audit and extract find the file; nothing is called missing or unlisted."""
    folder = yard / "data" / "yard" / "audio" / "weak"
    name = "Käuzchen_Würmer.wav"
    on_disk, in_table = (unicodedata.normalize(form, name) for form in (disk, table))
    assert on_disk != in_table
    (folder / "weak0.wav").rename(folder / on_disk)
    write(yard, "weak", [in_table, "weak1.wav", "weak2.wav"])
    assert found(yard).found == []
    summary = audit_dataset(
        load_dataset("yard", yard), yard / "data/yard", yard / "out", report=lambda _: None,
        refuse=False,
    )  # fmt: skip
    assert summary["splits"]["weak"]["usable"] == 3
    assert not {"missing", "unlisted"} & {one["id"] for one in summary["findings"]}
    store = yard / "weak.store"
    extract(yard / "out/manifest.tsv", "weak", folder, store, settings=FeatureSettings())
    assert in_table in Store.open(store).clips
    both = {"weak": [in_table], "evaluation": [on_disk]}
    for role, (clip,) in both.items():
        names = [clip, f"{role}1.wav", f"{role}2.wav"]
        write(yard, role, names)
    shutil.copy(folder / on_disk, yard / "data/yard/audio/evaluation" / on_disk)
    (line,) = texts(found(yard), "error")
    assert "weak and evaluation: 1 clip in both" in line


@pytest.mark.parametrize("name", ["é" * 130 + ".wav", "e\u0301" * 90 + ".wav", "x" * 300 + ".wav"])
def test_c9_a_name_that_no_file_can_have_ends_neither_acquire_nor_audit_nor_check(yard, name):
    """More than 255 bytes as written or in another Unicode form; the other clips are used."""
    write(yard, "weak", [name, "weak1.wav", "weak2.wav"])
    (line, *more) = texts(found(yard), "error")
    assert not more and "1 of 3 listed clips missing" in line
    words = ["--root", str(yard / "data/yard"), "--split", "weak"]
    dataset = ["--dataset", str(yard / "config/datasets/yard.yaml")]
    done = CliRunner().invoke(
        app, ["acquire", *dataset, *words, "--record", str(yard / "weak.json")]
    )
    assert done.exit_code == 0, done.output
    assert read_json(yard / "weak.json")["states"]["present"] == 2
    summary = audit_dataset(
        load_dataset("yard", yard), yard / "data/yard", yard / "out", report=lambda _: None,
        refuse=False,
    )  # fmt: skip
    assert summary["splits"]["weak"]["usable"] == 2
    missing = {one["id"] for one in summary["findings"] if one["split"] == "weak"}
    assert {"missing", "unlisted"} <= missing, "weak0.wav is in no row"


@pytest.mark.parametrize(
    "name", ["/nowhere/weak0.wav", "in/weak0.wav", "weak0[1].wav", "weak0*.wav", "**"]
)
def test_c3_a_name_of_the_table_is_no_pattern(yard, name):
    folder = yard / "data/yard/audio/weak"
    (folder / "in").mkdir()
    (folder / "weak0.wav").rename(folder / "in" / "weak01.wav")
    write(yard, "weak", [name, "weak1.wav", "weak2.wav"])
    lines = texts(found(yard), "error")
    assert "copy them into the folder, or delete their rows" in lines[-1]
    if "/" not in name and len(name) > 2:
        (folder / "in" / "weak01.wav").rename(folder / "in" / name)
        (line,) = texts(found(yard), "error")
        assert f"there is in/{name}: move the clips into the folder itself" in line


def test_c2_shared_names_are_compared_in_linear_time(monkeypatch):
    """Each name is composed once per split, not once per shared name."""
    calls, names = Counter(), [f"clip{number}.wav" for number in range(500)]

    def counting(name):
        calls[name] += 1
        return composed(name)

    monkeypatch.setattr(between_splits, "composed", counting)
    contents = {role: SplitContent(names) for role in ("weak", "development", "evaluation")}
    messages = CheckMessages()
    between_splits.check_names(contents, messages)
    assert set(calls.values()) == {len(contents)}
    assert [one.text for one in messages.found if "500 clips in both" in one.text]


def test_f5_a_class_with_one_clip_is_remarked(yard):
    notes = texts(found(yard), "note")
    assert notes == []
    rows = [f"strong{k}.wav\t0.1\t0.6\tBird\n" for k in range(2)] + ["strong2.wav\t0\t1\tCar\n"]
    annotations(yard, "strong").write_text(STRONG + "".join(rows))
    describe(yard, classes=["Bird", "Car"])
    single = [one for one in texts(found(yard), "note") if "single" in one]
    assert (
        "strong: a single event with Car; its window rests on the events of one clip" in single[0]
    )


def test_f5_the_command_for_m4a_is_named_by_the_check(yard):
    folder = yard / "data" / "yard" / "audio" / "weak"
    (folder / "weak0.wav").unlink()
    (folder / "weak0.m4a").write_bytes(b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom" + bytes(900))
    write(yard, "weak", ["weak0.m4a", "weak1.wav", "weak2.wav"])
    (line,) = texts(found(yard), "error")
    assert "weak0.m4a (undecodable)" in line
    assert f"ffmpeg -i {folder / 'weak0.m4a'} {folder / 'weak0.wav'}; then correct the" in line


def test_the_config_must_cover_the_clips(yard):
    shutil.copytree(REPOSITORY / "config" / "systems", yard / "config" / "systems")
    shutil.copytree(REPOSITORY / "config" / "papers", yard / "config" / "papers")
    shutil.copy(REPOSITORY / "config" / "config.yaml", yard / "config")
    config = yard / "mine.yaml"
    config.write_text("dataset: demo\nsystems: [pts, mean_teacher]\n")
    name, default, teacher = texts(found(yard, config), "error")
    assert "mine.yaml.dataset: demo is another dataset; set dataset: yard" in name
    assert "last 10 s, but the clips 1 s; set features: {frames: 60}" in default
    assert "set feature_overrides: {mean_teacher: {frames: 86}}" in teacher
    config.write_text("dataset: yard\nsystems: [pts]\nfeatures: {frames: 60}\n")
    (line,) = texts(found(yard, config), "error")
    assert "the pooling of pts needs 100 frames, but its features have 60" in line
    config.write_text("dataset: yard\nsystems: [pts]\nfeatures: {hop: 441, frames: 100}\n")
    assert found(yard, config).found == []
    config.write_text("sedes: 3\n")
    (line,) = [line for line in texts(found(yard, config), "error") if "sedes" in line]
    assert "did you mean seeds?" in line


def test_classes_without_examples_are_told(yard):
    describe(yard, classes=["Bird", "Car", "Frog"])
    (line,) = texts(found(yard), "error")
    assert "no clip of weak and strong has Frog" in line
    only = STRONG + "".join(f"evaluation{k}.wav\t0\t1\tBird\n" for k in range(3))
    describe(yard)
    annotations(yard, "evaluation").write_text(only)
    (note,) = texts(found(yard), "note")
    assert note == "evaluation: no clip with Car; the class is without a score on evaluation"


def test_one_clip_on_both_sides_is_refused(yard):
    values = describe(yard)
    values["splits"]["unlabeled"] = values["splits"]["weak"] | {"labels": "none"}
    describe(yard, **values)
    (note,) = texts(found(yard), "note")
    assert "weak and unlabeled: 3 clips in both" in note and "used twice in training" in note
    values["splits"]["development"] = values["splits"]["evaluation"]
    describe(yard, **values)
    (line,) = texts(found(yard), "error")
    assert "development and evaluation: 3 clips in both" in line


def test_equal_names_of_other_sounds_are_a_note(yard):
    data = yard / "data" / "yard" / "audio"
    for clip in range(3):
        (data / "strong" / f"strong{clip}.wav").rename(data / "strong" / f"evaluation{clip}.wav")
    write(yard, "strong", [f"evaluation{clip}.wav" for clip in range(3)])
    (note,) = texts(found(yard), "note")
    assert "strong and evaluation: 3 names in both, of different audio" in note
    shutil.copy(data / "evaluation" / "evaluation0.wav", data / "strong")
    (line,) = texts(found(yard), "error")
    assert "1 clip in both (evaluation0.wav)" in line


def test_a_broken_dataset_file_is_one_line(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("name: [\n")
    _, findings = check_dataset(path, tmp_path, base=tmp_path)
    assert "not valid YAML" in texts(findings, "error")[0] and findings.errors == 1
    with pytest.raises(MissingFileError, match="known datasets: x"):
        check_dataset(tmp_path / "y.yaml", tmp_path)


def test_the_command_lists_and_ends_with_one_line(yard, monkeypatch):
    monkeypatch.chdir(yard)
    annotations(yard, "weak").unlink()
    words = ["check", "--dataset", "yard", "--root", "data/yard"]
    done = subprocess.run(
        [sys.executable, "-c", "from resed.cli import main; main()", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("error  data/yard/metadata/weak.tsv: no such file")
    assert done.stderr == (
        "resed: config/datasets/yard.yaml: 1 error (listed above); correct them and check again\n"
    )


def test_templates_are_whole(tmp_path):
    """As they are they load; every key of the dataset's has a comment above it."""
    path = tmp_path / "config" / "datasets" / "yard.yaml"
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    shutil.copy(TEMPLATES / "dataset.yaml", path)
    base = read_yaml(tmp_path / "config" / "config.yaml")
    for run in ("run.yaml", "papers.yaml"):
        config = load_config(overlay(base, read_yaml(TEMPLATES / run)), tmp_path)
        assert config.dataset_file.classes == ["Bird", "Car", "Rain"]
    for template in ("dataset.yaml", "run.yaml", "papers.yaml"):
        lines = (TEMPLATES / template).read_text().splitlines()
        for before, line in itertools.pairwise(lines):
            if re.match(r"[a-z_]+:", line):
                assert before.startswith("#"), (template, line)


@pytest.mark.parametrize("name", ["six_classes", "six_mixed"])
def test_examples_are_datasets(name):
    assert len(load_dataset(EXAMPLES / f"{name}.yaml").classes) == 6


SHORT, LONG = (1, 23), (2, 6)


@pytest.mark.parametrize(
    "number", [*SHORT, *(pytest.param(number, marks=pytest.mark.long) for number in LONG)]
)
def test_nothing_counts_on_ten_classes(tmp_path, number):
    """Tables, figures and the page of made-up results: made, without a number that is none."""
    classes = [f"Kind_{index}" for index in range(number)]
    config = make_root(tmp_path, classes)
    results = Results.of(config, make_results(config, clips=12))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        for name in table_names(results):
            table = make_table(name, results)
            cells = [str(cell) for line in lines(table) for cell in line.cells]
            assert not any(re.search(r"\bnan\b", cell) for cell in cells), name
            for end, content in (("csv", table.csv()), ("json", table.json())):
                write_text(results.folder / "tables" / f"{name}.{end}", content)
            assert name != "table3" or len(lines(table)) == number + 1
    (results.folder / "figures").mkdir(exist_ok=True)
    with look():
        for name in figure_names(results.config, results.paper):
            drawing = figure_of(name, results)
            figure = drawing.draw()
            figure.savefig(results.folder / "figures" / f"{name}.png", dpi=40)
            path = results.folder / "figures" / f"{name}.json"
            write_figure_description(path, drawing.describe(figure))
            inside(figure, name)
    page = render(results)
    assert all(label.replace("_", " ") in page for label in classes)


def inside(figure, name: str) -> None:
    """No legend and no footnote sticks out of the picture."""
    figure.draw_without_rendering()
    width, height = figure.bbox.x1, figure.bbox.y1
    for part in (*figure.legends, *figure.texts):
        box = part.get_window_extent()
        assert box.x0 >= -2 and box.x1 <= width + 2, (name, box, width)
        assert box.y0 >= -2 and box.y1 <= height + 2, (name, box, height)


def test_soundscapes_of_fewer_classes(tmp_path, shared):
    """Six of the ten classes of the real task are followed; the others leave no trace."""
    dataset = load_dataset(EXAMPLES / "six_mixed.yaml")
    bank = shared / "data" / "esc10"
    arguments = ["acquire", "--dataset", str(EXAMPLES / "six_mixed.yaml"), "--root", str(tmp_path)]
    arguments += ["--split", "strong", "--scale", "0.01", "--soundbank", str(bank)]
    run = CliRunner().invoke(app, arguments)
    assert run.exit_code == 0, run.output
    events = read_events(tmp_path / dataset.splits["strong"].annotations, dataset.classes)
    assert len(events) == 20
    assert {e.event_label for found in events.values() for e in found} <= set(dataset.classes)


def six_classes(source: Path, out: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, EXAMPLES / "six_classes.py", source, out],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_script_reads_both_layouts(tmp_path, shared):
    """The public layout of ESC-50 and clips.csv give the same bytes; folds do not mix."""
    source, public = shared / "data" / "esc10", tmp_path / "ESC-50"
    (public / "audio").mkdir(parents=True)
    (public / "meta").mkdir()
    theirs = {"dog_bark": "dog", "baby_cry": "crying_baby"}
    rows = ["filename,fold,target,category"]
    with (source / "clips.csv").open() as handle:
        for row in csv.DictReader(handle):
            name = Path(row["file"]).name
            (public / "audio" / name).symlink_to((source / row["file"]).resolve())
            rows.append(f"{name},{row['fold']},0,{theirs.get(row['class'], row['class'])}")
    (public / "meta" / "esc50.csv").write_text("\n".join(rows) + "\n")
    trees = []
    for number, folder in enumerate((source, public)):
        done = six_classes(folder, tmp_path / f"out{number}")
        assert done.returncode == 0, done.stderr
        trees.append(tree(tmp_path / f"out{number}"))
    assert trees[0] == trees[1] and len(trees[0]) == 240 + 5
    tags = read_tags(tmp_path / "out0" / "metadata" / "weak.tsv")
    assert set(Counter(label for found in tags.values() for label in found).values()) == {8}
    for path in (tmp_path / "out0" / "audio" / "weak").iterdir():
        assert path.name.startswith("2-"), "a fold is a split"
        assert 4.9 < soundfile.info(path).duration <= 5
    again = six_classes(source, tmp_path / "out0")
    assert again.returncode == 1 and "contains a dataset" in again.stderr
    nowhere = six_classes(tmp_path, tmp_path / "out2")
    assert nowhere.returncode == 1 and "give a copy of ESC-50" in nowhere.stderr


def tree(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def described(root: Path, more: str) -> None:
    """Add lines to the dataset file of `yard`; the keys are removed before."""
    path = root / "config" / "datasets" / "yard.yaml"
    keys = yaml.safe_load(more)
    values = {k: v for k, v in yaml.safe_load(path.read_text()).items() if k not in keys}
    path.write_text(yaml.safe_dump(values) + more + "\n")


@pytest.mark.parametrize("pattern", ["(?P<id>.{1,99999999999}).wav", "(?P<id>" + "(" * 400, "["])
def test_c4_a_pattern_that_python_cannot_compile_is_one_line(yard, pattern):
    described(yard, f"recording: '{pattern}'")
    (error,) = [text for text in texts(found(yard), "error") if "regular expression" in text]
    assert "\n" not in error


def test_c2_thousands_of_mistakes_are_counted(yard, monkeypatch):
    monkeypatch.chdir(yard)
    described(yard, "\n".join(f"key{number}: 1" for number in range(3000)))
    done = CliRunner().invoke(app, ["check", "--dataset", "yard", "--root", "data/yard"])
    assert done.exit_code == 1
    assert len(done.output.splitlines()) <= 210
    assert " more\n" in done.output


def test_f2_a_length_that_yaml_reads_as_text_is_the_length_of_clips(yard):
    (length,) = {SECONDS}
    described(yard, f"clip_seconds: {length:.1f}")
    expected = [(one.level, one.text) for one in found(yard).found]
    described(yard, f"clip_seconds: {length:g}e0")
    assert [(one.level, one.text) for one in found(yard).found] == expected
    described(yard, "clip_seconds: 1e308")
    assert any("clip_seconds" in text for text in texts(found(yard), "error"))


def test_c2_no_error_is_left_out_for_a_note(yard, monkeypatch):
    monkeypatch.chdir(yard)
    description, messages = check_dataset("yard", yard / "data" / "yard", None, yard)
    for number in range(300):
        messages.note(f"note {number}")
    messages.error("the error")
    monkeypatch.setattr(
        "resed.check.check_dataset", lambda *arguments, **options: (description, messages)
    )
    done = CliRunner().invoke(app, ["check", "--dataset", "yard", "--root", "data/yard"])
    first, *others = done.output.splitlines()
    assert first == "error  the error"
    assert others[-1] == f"... and {len(messages.found) - 200} more"


def test_c1_file_names_that_are_no_text_do_not_end_an_audit(yard):
    """Names of other systems, in Latin-1: such files are in no row, and are reported."""
    folder = yard / "data/yard/audio/weak"
    shutil.copy(folder / "weak0.wav", os.fsencode(folder) + b"/caf\xe9.wav")
    assert len(texts(found(yard), "note")) == 1
    dataset = load_dataset("yard", yard)
    summary = audit_dataset(dataset, yard / "data/yard", yard / "out", report=lambda _: None)
    (one,) = [one for one in summary["findings"] if one["id"] == "unlisted"]
    assert one["examples"] == ["caf\\udce9.wav"]
    assert "caf\\udce9.wav" in (yard / "out/findings.tsv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"sources": [{"kind": "flder"}]}, "sources.0.kind: unknown kind of source 'flder'"),
        ({"sources": [{"kind": "folder", "name": "a", "splits": ["weak"]}]}, "sources.0.path"),
    ],
)
def test_c10_sources_that_cannot_be_read_are_errors_of_the_check(yard, change, place):
    describe(yard, **change)
    (line,) = texts(found(yard), "error")
    assert place in line


def test_c10_a_missing_folder_of_clips_is_an_error_of_the_check(yard):
    config = yard / "yard.yaml"
    shutil.copytree(REPOSITORY / "config", yard / "config", dirs_exist_ok=True)
    for folder in ("nowhere", "x" * 300):
        config.write_text(f"dataset: yard\nsystems: [pts]\nacquire: {{folder: {folder}}}\n")
        lines = texts(found(yard, config), "error")
        assert any(f"acquire.folder: {folder}: no such folder" in line for line in lines)


@pytest.mark.parametrize("written", ["metadata/weak.tsv/", "./metadata//weak.tsv"])
def test_c3_a_path_in_another_form_is_the_path(yard, written):
    """Snakemake finds no file whose name ends with a slash."""
    values = describe(yard)
    values["splits"]["weak"]["annotations"] = written
    describe(yard, splits=values["splits"])
    assert load_dataset("yard", yard).splits["weak"].annotations == "metadata/weak.tsv"
    assert not texts(found(yard), "error")


def test_f4_classes_in_another_unicode_form_are_named_as_such(yard):
    """ "unknown class 'Vögel'; did you mean Vögel?" shows no difference."""
    describe(yard, classes=["V\u00f6gel", "Car"])
    for role in ("weak", "strong", "development", "evaluation"):
        path = annotations(yard, role)
        path.write_text(path.read_text().replace("Bird", "Vo\u0308gel"), encoding="utf-8")
    lines = [line for line in texts(found(yard), "error") if "line 2" in line]
    assert len(lines) == 4
    assert all("is written with other characters than among the classes" in line for line in lines)


def test_f4_classes_that_differ_by_unicode_form_are_one(yard):
    describe(yard, classes=["V\u00f6gel", "Vo\u0308gel"])
    assert any("is listed twice" in line for line in texts(found(yard), "error"))
    with pytest.raises(ConfigError, match="contains a class twice"):
        load_dataset("yard", yard)


def test_c4_names_and_titles_are_bounded():
    values = yaml.safe_load((REPOSITORY / "config/datasets/demo.yaml").read_text())
    bounds = [("name", "x" * 100, "should match"), ("title", "t" * 200, "at most 200 characters")]
    for key, longest, told in bounds:
        assert mistakes(Dataset, values | {key: longest}, "d") == []
        (line,) = mistakes(Dataset, values | {key: longest + "x"}, "d")
        assert line.startswith(f"d.{key}: ") and told in line and len(line) < 250
    assert mistakes(SystemEntry, {"title": "t" * 200}, "s") == []
    assert "at most 200 characters" in mistakes(SystemEntry, {"title": "t" * 201}, "s")[0]


def test_a_class_called_as_a_row_of_the_tables_is_refused(yard):
    """By the check, and by every command that reads the dataset."""
    describe(yard, classes=["Overall", "Car"])
    told = "classes.0: 'Overall' is reserved for a row of the tables; rename the class"
    assert any(told in line for line in texts(found(yard), "error"))
    with pytest.raises(ConfigError, match="reserved for a row of the tables"):
        load_dataset("yard", yard)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (Path.mkdir, "a folder"),
        (os.mkfifo, "a device, a pipe or a socket"),
        (lambda path: path.symlink_to("nowhere"), "a link that leads nowhere"),
    ],
)
def test_c10_what_stands_in_the_place_of_a_clip_is_named(yard, made, told):
    path = yard / "data/yard/audio/weak/weak1.wav"
    path.unlink()
    path.with_name("weak0.wav").unlink()
    made(path)
    (line,) = [line for line in texts(found(yard), "error") if "missing" in line]
    assert f"2 of 3 listed clips missing (weak0.wav, weak1.wav); weak1.wav is {told}" in line
