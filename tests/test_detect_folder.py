"""`resed detect` on folders: outputs, journal, broken files, kills, and files of the user."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from small_models import small_model
from sounds import nan, not_a_wav, truncated, zero_length
from typer.testing import CliRunner

from resed.cli import app
from resed.detect.detector import ModelDetector
from resed.detect.run import run_detection
from resed.detect.sources import find_sources
from resed.errors import MissingFileError, OverwriteError, ResedError, ResultsError
from resed.formats.annotations import read_events
from resed.formats.audacity import read_labels
from resed.formats.detection_journal import open_journal
from resed.formats.model_file import write_model_file
from resed.formats.raven import read_selections
from resed.formats.score_tsv import files_by_name, files_of_clips, read_scores
from resed.predict.networks import load_trained

FORMATS = "tsv,audacity,raven,scores"


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A model that detects something in any noise."""
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    changed = small_model(thresholds={"dog": 0.6, "cät": 0.58})
    decode = changed.settings.decode.model_copy(update={"gate": "none"})
    settings = changed.settings.model_copy(update={"decode": decode})
    write_model_file(path, small_model(settings, thresholds=changed.thresholds))
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Four recordings: another rate, two channels, a folder, and one that is longer than a clip."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "in"
    (place / "sub").mkdir(parents=True)
    sound(place / "a.wav", 2)
    sound(place / "b.flac", 1, rate=16000, seed=1)
    sound(place / "sub" / "c.wav", 5.3, channels=2, seed=2)
    sound(place / "sub" / "a.wav", 0.4, seed=3)
    return place


def sound(path: Path, seconds: float, *, rate: int = 44100, channels: int = 1, seed: int = 0):
    generator = np.random.default_rng(seed)
    count = round(seconds * rate)
    level = np.repeat(generator.uniform(0, 0.3, (count // 4000 + 1, 1)), 4000, axis=0)[:count]
    soundfile.write(path, generator.uniform(-1, 1, (count, channels)) * level, rate)
    return path


def command(model: Path, out: Path | str = "out", *more: str, audio: tuple = ("in",)) -> list[str]:
    options = ["--out", str(out), "--model", str(model), "--device", "cpu", "--threads", "1"]
    return ["detect", *map(str, audio), *options, *more]


def run(model: Path, out: Path | str = "out", *more: str, audio: tuple = ("in",)) -> str:
    """Run the command in this process; its output. Raises the error that ends it."""
    result = CliRunner().invoke(app, command(model, out, *more, audio=audio))
    if isinstance(result.exception, ResedError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def content(out: Path) -> dict[str, bytes]:
    """All files of an output folder except the journal, whose order is that of the work."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "journal.jsonl"
    }


def rows(out: Path) -> list[list[str]]:
    return [line.split("\t") for line in (out / "events.tsv").read_text().splitlines()]


def test_every_format_has_the_same_events(model, folder):
    printed = run(model, "out", "--formats", FORMATS)
    out = folder.parent / "out"
    assert rows(out)[0] == ["filename", "onset", "offset", "event_label", "score"]
    events = read_events(out / "events.tsv", ["dog", "cät"])
    assert list(events) == ["a.wav", "b.flac", "sub/a.wav", "sub/c.wav"]
    assert any(events.values())
    for name, found in events.items():
        labels = read_labels(out / f"audacity/{name}.txt")
        assert [region.event(name) for region in labels] == found
        selections = read_selections(out / f"raven/{name}.Table.1.selections.txt")
        regions = selections.get(Path(name).name, [])
        assert [region.event(name) for region in regions] == found
        scores = read_scores(out / "scores" / Path(name).with_suffix(".tsv"))
        assert scores.classes == ("dog", "cät")
        seconds = soundfile.info(folder / name).duration
        assert 0 <= scores.times[-1] - seconds < 1 / 60 + 1e-6
        for event, row in zip(found, [row for row in rows(out) if row[0] == name], strict=True):
            first, last = (round(time * 60) for time in (event.onset, event.offset))
            mean = scores.values[first:last, scores.classes.index(event.event_label)].mean()
            assert abs(float(row[4]) - mean) < 1e-4
    assert "4 files of 0.1 min" in printed and "sub/a.wav: 0.4 s, " in printed
    assert (out / "failures.tsv").read_text() == "filename\tproblem\tcure\n"
    assert sorted(path.name for path in out.iterdir()) == [
        *("audacity", "events.tsv", "failures.tsv", "journal.jsonl", "raven", "scores")
    ]


def test_high_frequency_of_selections_is_half_the_rate(model, folder):
    run(model, "out", "--formats", "raven", "--threshold", "0")
    found = read_selections(folder.parent / "out/raven/b.flac.Table.1.selections.txt")["b.flac"]
    assert {region.high_hz for region in found} == {8000.0} and found[0].score is not None


def test_a_file_without_events_has_a_row(model, folder):
    run(model, "out", "--threshold", "1")
    assert rows(folder.parent / "out")[1:] == [
        [name, "", "", "", ""] for name in ("a.wav", "b.flac", "sub/a.wav", "sub/c.wav")
    ]


def test_scores_of_files_with_one_stem_are_kept_apart(model, folder):
    sound(folder / "a.flac", 0.5)
    run(model, "out", "--formats", "scores")
    names = sorted(path.name for path in (folder.parent / "out/scores").glob("*.tsv"))
    assert names == ["a.flac.tsv", "a.wav.tsv", "b.tsv"]


def test_b1_no_two_sound_files_have_one_score_file(model, folder):
    """Names that contain each other: the scores of each are those of that file alone."""
    for name, seed in (("a.flac", 5), ("a.wav.wav", 6), ("b.flac.flac", 7)):
        sound(folder / name, 0.5 + seed / 10, seed=seed)
    run(model, "out", "--formats", "scores")
    clips = ["a.flac", "a.wav", "a.wav.wav", "b.flac", "b.flac.flac"]
    files = files_of_clips(files_by_name(Path("out/scores")), clips, Path("out/scores"))
    for name, path in files.items():
        run(model, f"alone/{name}", "--formats", "scores", audio=(f"in/{name}",))
        (own,) = Path(f"alone/{name}/scores").glob("*.tsv")
        assert path.read_bytes() == own.read_bytes(), name


def test_scores_of_files_with_one_stem_in_several_calls_are_kept_apart(model, folder):
    """Neither has the scores of the other, and none has two files."""
    run(model, "out", "--formats", "scores", audio=("in/a.wav",))
    place = folder.parent / "out/scores"
    first = (place / "a.tsv").read_bytes()
    sound(folder / "a.flac", 0.5)
    run(model, "out", "--formats", "scores", audio=("in/a.flac",))
    assert (place / "a.tsv").read_bytes() == first
    assert len(read_scores(place / "a.flac.tsv").values) == 30
    run(model, "out", "--formats", "scores", audio=("in/a.wav", "in/a.flac"))
    assert sorted(path.name for path in place.iterdir()) == ["a.flac.tsv", "a.wav.tsv"]
    assert (place / "a.wav.tsv").read_bytes() == first


def test_scores_that_the_user_changed_are_not_removed(model, folder):
    run(model, "out", "--formats", "scores", audio=("in/a.wav",))
    sound(folder / "a.flac", 0.5)
    place = folder.parent / "out/scores"
    (place / "a.tsv").write_text("mine")
    run(model, "out", "--formats", "scores", audio=("in/a.wav", "in/a.flac"))
    assert (place / "a.tsv").read_text() == "mine" and (place / "a.wav.tsv").is_file()


def test_a_file_that_fails_keeps_no_memory_and_no_thread(model, folder, monkeypatch):
    """The error of each file stays until the end: without the sound that its frames held."""
    monkeypatch.setattr("resed.detect.event_stream.MOST_EVENTS", 0)
    for number in range(4):
        sound(folder / f"long{number}.wav", 9, seed=number)
    truncated(folder / "zz.wav")
    detector = ModelDetector.of(
        load_trained(model), torch.device("cpu"), thresholds={"": 0.0}, ahead=2
    )
    threads: list[int] = []
    outcome = run_detection(
        find_sources(["in"], Path("out")), Path("out"), detector,
        {"name": "small", "sha256": "0" * 64},
        say=lambda line: threads.append(threading.active_count()),
    )  # fmt: skip
    assert len(outcome.failures) == 9
    assert {(e.__traceback__, e.__context__, e.__cause__) for e in outcome.failures.values()} == {
        (None, None, None)
    }
    assert set(threads) == {threading.active_count()}


def test_a_second_call_skips_what_is_done(model, folder, monkeypatch):
    first = run(model, "out", "--formats", FORMATS)
    before = content(folder.parent / "out")
    with monkeypatch.context() as patch:
        patch.setattr("resed.detect.run.detect_in_file", None)  # nothing is computed
        printed = run(model, "out", "--formats", FORMATS)
        os.utime(folder / "a.wav")  # another date, the same bytes
        run(model, "out", "--formats", "audacity")
        shutil.move(folder, folder.parent / "moved")
        run(model, "out", audio=("moved",))
    assert "0 files of 0.0 min, 4 done before" in printed and "0 done before" not in first
    assert content(folder.parent / "out") == before


def test_other_formats_are_added(model, folder, monkeypatch):
    run(model, "out")
    with monkeypatch.context() as patch:
        patch.setattr("resed.detect.run.detect_in_file", None)
        run(model, "out", "--formats", "audacity,raven")
    run(model, "out", "--formats", FORMATS)
    run(model, "whole", "--formats", FORMATS)
    assert content(folder.parent / "out") == content(folder.parent / "whole")
    (folder.parent / "out/scores/b.tsv").unlink()
    run(model, "out", "--formats", FORMATS)
    assert content(folder.parent / "out") == content(folder.parent / "whole")


def test_changed_and_new_files_are_detected(model, folder):
    run(model, "out", "--formats", "audacity")
    sound(folder / "a.wav", 3, seed=9)
    sound(folder / "d.wav", 1)
    printed = run(model, "out", "--formats", "audacity")
    assert "2 files of 0.1 min, 3 done before" in printed
    run(model, "again", "--formats", "audacity")
    assert content(folder.parent / "out") == content(folder.parent / "again")


def test_files_of_several_calls_are_in_one_table(model, folder):
    run(model, "out", audio=("in/a.wav",))
    run(model, "out", audio=("in/b.flac",))
    assert {row[0] for row in rows(folder.parent / "out")[1:]} == {"a.wav", "b.flac"}
    with pytest.raises(ResedError, match=r"1 of 1 file failed: a\.wav"):
        run(model, "out", audio=("in/sub/a.wav",))  # another file of this name
    text = (folder.parent / "out/failures.tsv").read_text()
    assert f"has the events of {folder / 'a.wav'} under this name" in text


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (("--threshold", "0.9"), r"other settings \(thresholds.cät is 0.58, not 0.9\)"),
        (("--classes", "dog"), "other settings"),
        (("--overlap", "0"), r"other settings \(overlap is 0.5, not 0.0\)"),
        (("--settings", '{"filter": "none"}'), r"decode.filter is two_pass, not none"),
    ],
)
def test_other_settings_are_refused(model, folder, more, problem):
    run(model, "out", audio=("in/b.flac",))
    before = content(folder.parent / "out")
    with pytest.raises(ResultsError, match=f"{problem}.*; use another --out"):
        run(model, "out", *more)
    assert content(folder.parent / "out") == before


def test_another_model_is_refused(model, folder, tmp_path):
    run(model, "out", audio=("in/b.flac",))
    other = tmp_path / "other.safetensors"
    write_model_file(other, small_model())
    with pytest.raises(ResultsError, match="has events of another model, small; use another --out"):
        run(other, "out")


def broken(folder: Path) -> list[str]:
    """Seven files that cannot be used, of which one cannot be opened."""
    makers = {"no_audio": not_a_wav, "cut": truncated, "zero": zero_length, "nan": nan}
    for name, make in makers.items():
        make(folder / f"{name}.wav")
    (folder / "folder.wav").mkdir()
    path = sound(folder / "one_hertz.wav", 0.1)
    data = bytearray(path.read_bytes())
    data[24:28] = (1).to_bytes(4, "little")
    path.write_bytes(data)
    sound(folder / "secret.wav", 0.1).chmod(0)
    return sorted(
        [*(f"{name}.wav" for name in makers), "folder.wav", "one_hertz.wav", "secret.wav"]
    )


def test_c9_broken_files_do_not_end_the_others(model, folder, monkeypatch):
    names = broken(folder)
    if os.getuid() == 0:  # root reads all files
        _refuse(monkeypatch, "secret.wav")
    with pytest.raises(ResedError) as refused:
        run(model, "out", "--formats", "audacity")
    line = str(refused.value)
    assert line.startswith("7 of 11 files failed: ") and all(name in line for name in names)
    assert line.endswith("out/failures.tsv has the reason and the cure of each")
    failures = [
        line.split("\t") for line in (folder.parent / "out/failures.tsv").read_text().splitlines()
    ]
    assert [row[0] for row in failures[1:]] == names
    problems = {row[0]: row[1] for row in failures}
    assert problems["secret.wav"] == "cannot be read (Permission denied)"
    assert "1 Hz" in problems["one_hertz.wav"] and "truncated" in problems["cut.wav"]
    assert problems["folder.wav"] == "a folder with the name of a sound file"
    assert len({row[0] for row in rows(folder.parent / "out")[1:]}) == 4
    assert not (folder.parent / "out/audacity/cut.wav.txt").exists()
    monkeypatch.undo()
    monkeypatch.chdir(folder.parent)
    (folder / "cut.wav").unlink()
    sound(folder / "cut.wav", 0.5)
    with pytest.raises(ResedError, match=r"[56] of 11 files failed"):  # tried again
        run(model, "out", "--formats", "audacity")


def test_c10_names_that_an_output_cannot_have_do_not_end_the_others(model, folder):
    sound(folder / "back\\slash.wav", 0.2)
    sound(folder / f"{'x' * 251}.wav", 0.2)
    with pytest.raises(ResedError) as refused:
        run(model, "out", "--formats", "raven")
    assert str(refused.value).startswith("2 of 6 files failed: back\\slash.wav, xxx")
    problems = (folder.parent / "out/failures.tsv").read_text()
    assert "its output cannot have its name (File name too long)\trename it" in problems
    assert "cannot be written\trename the file" in problems
    odd = folder / "tab\tfolder"
    odd.mkdir()
    sound(odd / "a.wav", 0.2)
    run(model, "odd", audio=(str(odd),))  # its parents may have any name
    assert "1 done before" in run(model, "odd", audio=(str(odd),))
    assert {row[0] for row in rows(folder.parent / "odd")[1:]} == {"a.wav"}


def _refuse(monkeypatch, name: str) -> None:
    opened = Path.open

    def refuse(path, *arguments, **options):
        if path.name == name:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)


def test_a_file_that_changes_meanwhile_is_not_used(model, folder, monkeypatch):
    from resed.detect import file_detection

    real = file_detection.hashed

    def slow(path, state):
        found = real(path, state)
        if path.name == "b.flac":
            os.utime(path)
        return found

    monkeypatch.setattr(file_detection, "hashed", slow)
    with pytest.raises(ResedError, match=r"1 of 4 files failed: b\.flac"):
        run(model, "out")
    assert "changed while it was read" in (folder.parent / "out/failures.tsv").read_text()


def test_a5_files_of_the_user_are_not_replaced(model, folder):
    out = folder.parent / "out"
    (out / "audacity").mkdir(parents=True)
    (out / "events.tsv").write_text("mine")
    with pytest.raises(OverwriteError, match=r"events\.tsv: was not written by resed; move"):
        run(model, "out")
    (out / "events.tsv").unlink()
    (out / "audacity/a.wav.txt").write_text("mine")
    with pytest.raises(ResedError, match=r"1 of 4 files failed: a\.wav"):
        run(model, "out", "--formats", "audacity")
    assert (out / "audacity/a.wav.txt").read_text() == "mine"
    assert "was not written by resed" in (out / "failures.tsv").read_text()
    (out / "audacity/a.wav.txt").unlink()
    run(model, "out", "--formats", "audacity")
    (out / "audacity/a.wav.txt").write_text("corrected by hand")
    run(model, "out", "--formats", "audacity")  # done, so it stays
    sound(folder / "a.wav", 1, seed=4)
    with pytest.raises(ResedError, match=r"1 of 4 files failed: a\.wav"):
        run(model, "out", "--formats", "audacity")
    assert (out / "audacity/a.wav.txt").read_text() == "corrected by hand"
    (out / "events.tsv").write_text("edited")
    with pytest.raises(OverwriteError, match=r"events\.tsv: was changed after resed wrote it"):
        run(model, "out")
    assert (out / "events.tsv").read_text() == "edited"


def test_a5_a_foreign_journal_is_not_touched(model, folder):
    out = folder.parent / "out"
    out.mkdir()
    for text in ("my own notes", "my own notes\n", '{"a": 1}\n'):
        (out / "journal.jsonl").write_text(text)
        with pytest.raises(ResultsError, match=r"not a journal of resed detect; use another --out"):
            run(model, "out")
        assert (out / "journal.jsonl").read_text() == text


def test_a5_links_in_the_output_folder_are_not_followed(model, folder):
    out = folder.parent / "out"
    (out / "audacity").mkdir(parents=True)
    (folder.parent / "mine.txt").write_text("mine")
    (out / "audacity/a.wav.txt").symlink_to(folder.parent / "mine.txt")
    with pytest.raises(ResedError, match="1 of 4 files failed"):
        run(model, "out", "--formats", "audacity")
    assert (folder.parent / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("kind", ["link", "file", "folder"])
def test_a5_the_hidden_folder_is_that_of_resed_or_not_used(model, folder, kind):
    """A link would lead elsewhere, where files have the names of outputs; nothing is lost."""
    out, mine = folder.parent / "out", folder.parent / "mine"
    for place in (out, mine):
        place.mkdir()
    if kind == "folder":
        mine = out / ".resed-detect"
        mine.mkdir()
    (mine / "events.tsv").write_text("mine")
    if kind == "link":
        (out / ".resed-detect").symlink_to(mine)
    if kind == "file":
        (out / ".resed-detect").write_text("mine")
    for _ in range(2):
        with pytest.raises(OverwriteError, match=r"\.resed-detect: was not written by resed; move"):
            run(model, "out")
    assert (mine / "events.tsv").read_text() == "mine"
    (out / ".resed-detect").rename(folder.parent / "moved")
    run(model, "out")
    assert len(rows(out)) > 1


def test_a5_a_file_where_a_folder_is_required_does_not_end_the_others(model, folder):
    """A folder of sound files with the name of an output, and a file of the user."""
    (folder / "a.wav.txt").mkdir()
    sound(folder / "a.wav.txt" / "e.wav", 0.5, seed=6)
    with pytest.raises(ResedError, match=r"1 of 5 files failed: a\.wav\.txt/e\.wav"):
        run(model, "out", "--formats", "audacity")
    assert Path("out/audacity/b.flac.txt").is_file()
    assert "is where a folder is required\tmove it away" in Path("out/failures.tsv").read_text()
    Path("other").mkdir()
    Path("other/scores").write_text("mine")
    with pytest.raises(ResedError, match="5 of 5 files failed"):
        run(model, "other", "--formats", "scores")
    assert Path("other/scores").read_text() == "mine"
    Path("file").write_text("mine")
    with pytest.raises(OverwriteError, match="file: is not a folder; use another --out"):
        run(model, "file")
    assert Path("file").read_text() == "mine"


def test_c3_failures_name_the_files_as_they_are(model, folder):
    """Names that no table can hold are escaped; errors name the sound file."""
    for name in (" a.wav", "b\n.wav", "c\\d.wav", '"q".wav'):
        sound(folder / name, 0.3)
    with pytest.raises(ResedError, match="3 of 8 files failed"):
        run(model, "out", "--formats", "raven")
    lines = Path("out/failures.tsv").read_text().splitlines()[1:]
    found = {line.split("\t")[0]: line for line in lines}
    assert set(found) == {" a.wav", "b\\n.wav", "c\\d.wav"}
    assert "resed-detect" not in Path("out/failures.tsv").read_text()
    assert '"""q"".wav"' in Path("out/events.tsv").read_text()


def test_c6_a_damaged_journal_is_refused_and_a_cut_one_goes_on(model, folder):
    run(model, "out")
    out = folder.parent / "out"
    path, before = out / "journal.jsonl", content(out)
    data = path.read_bytes()
    for at in (30, data.index(b"b.flac"), len(data) - 30):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(ResultsError, match=r"journal\.jsonl line \d+: damaged"):
            run(model, "out")
    lines = data.splitlines(keepends=True)
    assert len(lines) == 6  # model, four files, tables
    path.write_bytes(b"".join(lines[:3]) + lines[3][:40])  # killed while it was written
    (out / "events.tsv").unlink()
    (out / "failures.tsv").unlink()
    printed = run(model, "out")
    assert "2 files of 0.1 min, 2 done before" in printed
    assert content(out) == before
    for name in before:
        (out / name).unlink()
    path.write_bytes(lines[0][:200])  # a full disk during the first line
    run(model, "out")
    assert content(out) == before


def test_two_commands_do_not_write_into_one_folder(model, folder):
    with (
        open_journal(_made(folder.parent / "out") / "journal.jsonl"),
        pytest.raises(ResultsError, match="another resed detect is writing here"),
    ):
        run(model, "out")


def _made(path: Path) -> Path:
    path.mkdir()
    return path


def _words(output: str) -> str:
    """The text in the frame of a usage error, on one line."""
    return " ".join(output.replace("│", " ").split())


def test_wrong_words_are_usage_errors(model, folder):
    for more, problem in (
        (("--threshold", "2"), "use a number from 0 to 1"),
        (("--threshold", "dog=high"), "use a number from 0 to 1"),
        (("--threshold", "0_1"), "use a number from 0 to 1"),
        (("--threshold", "dog=0.1", "--threshold", "dog=0.9"), "this threshold is given twice"),
        (("--classes", " , "), "names no class"),
        (("--formats", "csv"), "use some of tsv, audacity, raven, scores, png"),
        (("--overlap", "0.3"), "use 0.5 or 0"),
    ):
        result = CliRunner().invoke(app, command(model, "out", *more))
        assert result.exit_code == 2 and problem in _words(result.output), result.output
    with pytest.raises(MissingFileError, match="nowhere: no such file or folder"):
        run(model, "out", audio=("nowhere",))
    assert not (folder.parent / "out").exists()


KILLED = """
import sys
from pathlib import Path
from resed import cli
from resed.detect import run
real = run.DetectionRun._one
def one(self, source, *more):
    real(self, source, *more)
    print("done", source.name, flush=True)
run.DetectionRun._one = one
cli.main()
"""


@pytest.mark.parametrize(
    ("files", "kills"), [(6, 2), pytest.param(60, 5, marks=pytest.mark.long)], ids=str
)
def test_killed_runs_end_with_the_bytes_of_an_undisturbed_one(
    model, folder, tmp_path, files, kills
):
    """SIGKILL after a random file, or a moment later; the next call goes on."""
    for number in range(files):
        sound(folder / f"more{number}.wav", 0.3 + number % 5, seed=number)
    generator = random.Random(7)
    words = [sys.executable, "-c", KILLED, *command(model, "killed", "--formats", FORMATS)]
    for _ in range(kills):
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
            assert process.stdout is not None
            for _ in range(generator.randint(1, max(1, files // kills))):
                process.stdout.readline()
                process.stdout.readline()
            time.sleep(generator.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
    before = content(tmp_path / "killed")
    assert "events.tsv" not in before and before
    printed = run(model, "killed", "--formats", FORMATS)
    assert "done before" in printed
    run(model, "whole", "--formats", FORMATS)
    assert content(tmp_path / "killed") == content(tmp_path / "whole")


def test_a_picture_shows_each_event_in_its_lane(model, folder, monkeypatch):
    """The colours of the lanes at the times of the events, read from the picture."""
    from matplotlib import colors, image

    from resed.draw.style import SERIES

    run(model, "out", "--formats", "png", audio=("in/sub/c.wav",))
    picture = image.imread(folder.parent / "out/png/c.wav.png")[..., :3]
    events = read_events(folder.parent / "out/events.tsv", ["dog", "cät"])["c.wav"]
    left = picture[:, : int(picture.shape[1] * 0.8)]  # without the tags
    for row, label in enumerate(("dog", "cät")):
        near = np.abs(left - np.array(colors.to_rgb(SERIES[row]))).max(axis=2) < 0.02
        columns = np.flatnonzero(near.sum(axis=0) > 10)
        spans = [event for event in events if event.event_label == label]
        assert bool(len(columns)) == bool(spans)
        edges = np.flatnonzero(np.diff(columns) > 1)
        assert len(edges) + bool(len(columns)) <= len(spans)
    run(model, "again", "--formats", "png", audio=("in/sub/c.wav",))
    one, two = ((folder.parent / f"{out}/png/c.wav.png").read_bytes() for out in ("out", "again"))
    assert one == two


@pytest.mark.parametrize(
    ("seconds", "labels", "unit"),
    [
        (8.8, ["0", "1", "2", "3", "4", "5", "6", "7", "8"], "seconds"),
        (1200.0, [f"{minute}:00" for minute in range(0, 21, 2)], "time (minutes:seconds)"),
        (7300.0, [f"{t // 60}:{t % 60:02d}:00" for t in range(0, 121, 20)],
         "time (hours:minutes:seconds)"),
    ],
)  # fmt: skip
def test_the_time_axis_has_round_times_of_the_length(seconds, labels, unit):
    from matplotlib.figure import Figure

    from resed.detect.picture import time_axis

    axes = Figure().subplots()
    time_axis(axes, seconds)
    ticks = [tick for tick in axes.get_xticks() if 0 <= tick <= seconds]
    assert axes.xaxis.get_major_formatter().format_ticks(ticks) == labels
    assert axes.get_xlabel() == unit and axes.get_xlim() == (0, seconds)


def test_a_picture_of_hours_takes_no_more_memory():
    from resed.detect.picture import COLUMNS, Spectrogram
    from resed.settings import FeatureSettings

    settings = FeatureSettings(n_mels=4)
    spectrogram, generator = Spectrogram(settings), np.random.default_rng(0)
    rows = generator.normal(size=(9 * COLUMNS + 5, 4)).astype(np.float32)
    for part in np.array_split(rows, 37):
        spectrogram.features(part)
    picture = spectrogram.image()
    assert spectrogram.width == 8 and picture.shape[1] < 2 * COLUMNS
    whole = rows[: len(rows) // 8 * 8].reshape(-1, 8, 4).mean(axis=1)
    assert np.allclose(picture.T[: len(whole)], whole, atol=1e-6)
