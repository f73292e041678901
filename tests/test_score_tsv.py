"""Score TSVs: read and written as by sed_scores_eval, refused in one line."""

import numpy as np
import pytest

from resed.errors import ScoreError
from resed.formats.score_tsv import (
    file_names,
    files_by_name,
    files_of_clips,
    read_scores,
    score_writer,
    write_scores,
)
from resed.score.psds import sed_scores_eval

CLASSES = ["Dog", "Running water"]


def drawn(frames=40):
    values = np.random.default_rng(3).random((frames, 2)).astype(np.float32)
    return np.arange(frames + 1) * 0.0417, values


def test_sed_scores_eval_reads_what_is_written(tmp_path):
    times, values = drawn()
    write_scores(tmp_path / "a.tsv", times, values, CLASSES)
    frame = sed_scores_eval().io.read_sed_scores(tmp_path / "a.tsv")
    assert list(frame) == ["onset", "offset", *CLASSES]
    assert (frame[CLASSES].to_numpy().astype(np.float32) == values).all()
    assert frame["onset"].to_numpy() == pytest.approx(times[:-1], abs=1e-6)
    assert frame["offset"].to_numpy() == pytest.approx(times[1:], abs=1e-6)


def test_what_sed_scores_eval_writes_is_read(tmp_path):
    module, (times, values) = sed_scores_eval(), drawn()
    frame = module.base_modules.scores.create_score_dataframe(values, times, CLASSES)
    module.io.write_sed_scores({"a": frame}, tmp_path)
    found = read_scores(tmp_path / "a.tsv")
    assert found.classes == tuple(CLASSES)
    assert (found.values == values).all() and (found.times == times).all()


def test_round_trip_and_blocks(tmp_path):
    times, values = drawn()
    values[3, 1] = -np.inf
    write_scores(tmp_path / "a.tsv", times, values, CLASSES)
    with score_writer(tmp_path / "b.tsv", CLASSES) as write:
        for start in range(0, 40, 7):
            write(times[start : start + 8], values[start : start + 7])
    assert (tmp_path / "a.tsv").read_bytes() == (tmp_path / "b.tsv").read_bytes()
    found = read_scores(tmp_path / "b.tsv")
    assert (found.values.astype(np.float32) == values).all()
    assert found.times == pytest.approx(times, abs=1e-6)
    (tmp_path / "c.csv").write_text((tmp_path / "a.tsv").read_text().replace("\t", ","))
    assert (read_scores(tmp_path / "c.csv").values == found.values).all()


HEAD = "onset\toffset\tDog\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", " line 1: the columns must be onset, offset, and one per class"),
        ("onset\toffset\n", " line 1: the columns must be onset, offset, and one per class"),
        ("offset\tonset\tDog\n", " line 1: the columns must be"),
        ("onset\toffset\tDog\tDog\n", " line 1: a class has two columns"),
        ("onset\toffset\t\n", " line 1: the class '' is empty"),
        ("onset\toffset\t Dog\n", " line 1: the class ' Dog' is empty, or has spaces"),
        (HEAD, " line 1: no frames"),
        (HEAD + "0\t1\n", " line 2: 2 cells, but the header has 3"),
        (HEAD + "0\t1\t0.5\t1\n", " line 2: 4 cells, but the header has 3"),
        (HEAD + "0\t1\tx\n", " line 2: 'Dog' is 'x', not a finite number"),
        (HEAD + "0\t1\t\n", " line 2: 'Dog' is '', not a finite number"),
        (HEAD + "0\t1\tnan\n", " line 2: 'Dog' is 'nan', not a finite number"),
        (HEAD + "0\t1\tinf\n", " line 2: 'Dog' is 'inf', not a finite number"),
        (HEAD + "0\t1\t1_0\n", " line 2: 'Dog' is '1_0', not a finite number"),
        (HEAD + "0\tinf\t1\n", " line 2: 'offset' is 'inf', not a finite number"),
        (HEAD + "1\t1\t0.5\n", " line 2: the times must be 0 <= onset < offset"),
        (HEAD + "-1\t1\t0.5\n", " line 2: the times must be 0 <= onset < offset"),
        (HEAD + "0\t1e7\t0.5\n", " line 2: the times must be 0 <= onset < offset"),
        (HEAD + "0\t1\t0.5\n1.5\t2\t1\n", " line 3: onset 1.5 is not the offset of the frame"),
        ("onset\toffset\tD\xffg\n".encode("latin-1"), " line 1: not UTF-8 text"),
    ],
)
def test_other_content_is_refused_in_one_line(tmp_path, text, problem):
    path = tmp_path / "a.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ScoreError) as error:
        read_scores(path)
    assert str(error.value).startswith(f"{path}{problem}") and "\n" not in str(error.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_not_written(tmp_path, value):
    with pytest.raises(ScoreError, match="not finite"):
        write_scores(tmp_path / "a.tsv", [0, 1], np.array([[value]]), ["Dog"])
    assert not (tmp_path / "a.tsv").exists()


@pytest.mark.parametrize("classes", [["Dog", "Dog"], [], [""], ["a\tb"]])
def test_classes_that_could_not_be_read_back_are_not_written(tmp_path, classes):
    with pytest.raises(ScoreError, match="class"):
        write_scores(tmp_path / "a.tsv", [0, 1], np.zeros((1, len(classes))), classes)


def test_b1_quoted_cells_are_read_as_their_content(tmp_path):
    """As R and `csv` write them; a class may contain the separator."""
    path = tmp_path / "a.csv"
    path.write_text('"onset","offset","Dog","bell, or ""gong"""\r\n0,"0.5",0.25,1\r\n')
    found = read_scores(path)
    assert found.classes == ("Dog", 'bell, or "gong"')
    assert found.times.tolist() == [0, 0.5] and found.values.tolist() == [[0.25, 1]]
    write_scores(tmp_path / "b.tsv", [0, 1], np.ones((1, 2)), ['"Dog"', 'a "b"'])
    assert read_scores(tmp_path / "b.tsv").classes == ('"Dog"', 'a "b"')


def test_files_of_clips(tmp_path):
    for name in ("a.tsv", "b.c.csv", "d.wav.tsv", ".hidden.tsv", "notes.txt"):
        (tmp_path / name).touch()
    files = files_by_name(tmp_path)
    assert list(files) == ["a", "b.c", "d.wav"]
    found = files_of_clips(files, ["d.wav", "a.wav", "b.c.flac"], tmp_path)
    assert {clip: path.name for clip, path in found.items()} == {
        "d.wav": "d.wav.tsv",
        "a.wav": "a.tsv",
        "b.c.flac": "b.c.csv",
    }
    with pytest.raises(ScoreError, match=r"2 of 3 clips have no score file \(x.wav, y.wav\)"):
        files_of_clips(files, ["a.wav", "x.wav", "y.wav"], tmp_path)
    with pytest.raises(ScoreError, match=r"a.tsv is the file of two clips, a.wav and a.flac"):
        files_of_clips(files, ["a.wav", "a.flac"], tmp_path)
    (tmp_path / "a.csv").touch()
    with pytest.raises(ScoreError, match=r"a.csv and a.tsv have the same clip"):
        files_by_name(tmp_path)


def test_files_in_folders_are_those_of_clips_in_folders(tmp_path):
    for name in ("a.tsv", "site.1/a.tsv", "site.1/no suffix.tsv", ".hidden/b.tsv", "x.tsv/c.tsv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    files = files_by_name(tmp_path)
    assert sorted(files) == ["a", "site.1/a", "site.1/no suffix", "x.tsv/c"]
    found = files_of_clips(files, ["site.1/a.wav", "a.wav", "site.1/no suffix"], tmp_path)
    assert {clip: path.relative_to(tmp_path).as_posix() for clip, path in found.items()} == {
        "site.1/a.wav": "site.1/a.tsv",
        "a.wav": "a.tsv",
        "site.1/no suffix": "site.1/no suffix.tsv",
    }
    with pytest.raises(ScoreError, match=r"1 of 1 clips have no score file \(site.2/a.wav\)"):
        files_of_clips(files, ["site.2/a.wav"], tmp_path)


def test_folders_without_scores_are_refused(tmp_path):
    with pytest.raises(ScoreError, match="no such folder"):
        files_by_name(tmp_path / "none")
    with pytest.raises(ScoreError, match="contains no score files"):
        files_by_name(tmp_path)


@pytest.mark.parametrize("clip", ["../a.wav", "x/a.wav", "x\\a.wav", "", ".wav"])
def test_no_name_leads_out_of_the_folder(clip):
    with pytest.raises(ScoreError, match="no file can have its name"):
        file_names([clip])


def test_clips_of_one_name_are_refused():
    assert file_names(["a.wav", "b.wav"]) == {"a.wav": "a.tsv", "b.wav": "b.tsv"}
    with pytest.raises(ScoreError, match=r"a.wav and of a.flac would be in one file, a.tsv"):
        file_names(["a.wav", "a.flac"])
