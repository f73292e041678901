"""Label tracks of Audacity and selection tables of Raven: what the programs write is read, and what
is written has their columns, order and decimals."""

import numpy as np
import pytest

from resed.errors import AnnotationError
from resed.formats.audacity import labels_text, read_labels, write_labels
from resed.formats.raven import read_selections, selections_text, write_selections
from resed.formats.regions import Region

# The example of the Audacity manual, "Importing and Exporting Labels".
MANUAL = (
    "2.150000\t2.150000\tpoint label at 2.15 seconds\n"
    "3.400000\t6.100000\tregion label from 3.4 to 6.1 seconds\n"
)
SPECTRAL = "1.000000\t1.500000\tdog\n\\\t2637.500000\t6928.456055\n2.000000\t2.500000\tcat\n"
HEAD = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"
# As Raven Pro saves a table of which both views are listed.
RAVEN = (
    f"{HEAD}\tDelta Time (s)\tAnnotation\n"
    "1\tWaveform 1\t1\t0.500000000\t1.250000000\t\t\t0.7500\tdog\n"
    "1\tSpectrogram 1\t1\t0.500000000\t1.250000000\t800.000\t5000.000\t0.7500\tdog\n"
    "2\tWaveform 1\t1\t3.000000000\t3.001000000\t\t\t0.0010\tcat, big\n"
    "2\tSpectrogram 1\t1\t3.000000000\t3.001000000\t0.000\t1200.500\t0.0010\tcat, big\n"
)


def made(tmp_path, text, name="a.txt"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_audacity_reads_the_example_of_the_manual(tmp_path):
    point, region = read_labels(made(tmp_path, MANUAL))
    assert point == Region(2.15, 2.15, "point label at 2.15 seconds")
    assert point.is_point and not region.is_point
    assert region == Region(3.4, 6.1, "region label from 3.4 to 6.1 seconds")


def test_audacity_reads_frequencies_of_the_second_line(tmp_path):
    assert read_labels(made(tmp_path, SPECTRAL)) == [
        Region(1.0, 1.5, "dog", 2637.5, 6928.456055),
        Region(2.0, 2.5, "cat"),
    ]
    undefined = "1\t2\tdog\n\\\t-1.000000\t500.0\n\\\tof a later version\n"
    assert read_labels(made(tmp_path, undefined)) == [Region(1.0, 2.0, "dog", None, 500.0)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n\n", []),
        ("1.5\tdog\n", [Region(1.5, 1.5, "dog")]),
        ("\ufeff1.5\t2\tdog\r\n3\t4\tcat\r\n", [Region(1.5, 2, "dog"), Region(3, 4, "cat")]),
        ("0\t3\tGreat Tit\t0.8125\n", [Region(0, 3, "Great Tit", score=0.8125)]),
        ('0\t3\t"so-called" dog\n', [Region(0, 3, '"so-called" dog')]),
        ("1\t2\t  dog \n", [Region(1, 2, "dog")]),
    ],
)
def test_audacity_reads_variants(tmp_path, text, expected):
    assert read_labels(made(tmp_path, text)) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1\t2\tdog\n1\t0.5\tdog\n", "line 2: onset 1 is after offset 0.5"),
        ("1\t2\t\n", "line 1: the label is empty"),
        ("1\t2\n", "line 1: 2 cells"),
        ("dog\t1\t2\n", "line 1: onset 'dog' is not a number"),
        ("1,5\t2\tdog\n", "line 1: onset '1,5' has a decimal comma"),
        ("-1\t2\tdog\n", "line 1: onset -1 is negative"),
        ("1\t2e9\tdog\n", "line 1: offset 2e9 is above 1000000 seconds"),
        ("nan\t2\tdog\n", "line 1: onset 'nan' is not a number"),
        ("1\tinf\tdog\n", "line 1: the fourth cell 'dog' is not a number"),
        ("1\t2\tdog\tcat\n", "line 1: the fourth cell 'cat' is not a number"),
        ("1\t2\tdog\t0.5\t1\n", "line 1: 5 cells"),
        ("\\\t1\t2\n1\t2\tdog\n", "line 1: a frequency range without a label"),
        ("1\t2\tdog\n\\\t1\n", "line 2: not a backslash and two frequencies"),
        ("1\t2\tdog\n\\\t1e3\tx\n", "line 2: the high frequency 'x' is not a number"),
        ("1\t2\tdog\n\\\t9\t8\n", "line 2: the low frequency 9 is above the high frequency 8"),
        ("1\t2\tdog\n\\\t9\t8e40\n", "line 2: the high frequency 8e40 is not from 0 to"),
        ("filename\tonset\toffset\tevent_label\n", "line 1: onset 'filename' is not a number"),
        (b"1\t2\td\xffg\n", "line 1: not UTF-8 text"),
        (b"1\t2\td\0g\n", "line 1: not text"),
    ],
)
def test_audacity_refuses_other_content_in_one_line(tmp_path, text, problem):
    with pytest.raises(AnnotationError) as error:
        read_labels(made(tmp_path, text))
    assert str(error.value).startswith(f"{tmp_path / 'a.txt'} {problem}")
    assert "\n" not in str(error.value)


def test_audacity_writes_what_the_program_writes(tmp_path):
    regions = [Region(1.0, 1.5, "dog", 2637.5, 6928.456055), Region(2.0, 2.5, "cat")]
    write_labels(tmp_path / "a.txt", regions)
    assert (tmp_path / "a.txt").read_text() == SPECTRAL
    assert (
        labels_text([Region(2.15, 2.15, "point label at 2.15 seconds")])
        == MANUAL.split("\n")[0] + "\n"
    )
    assert labels_text([Region(1, 2, "a", None, 5)]) == (
        "1.000000\t2.000000\ta\n\\\t-1.000000\t5.000000\n"
    )
    assert labels_text([]) == ""


@pytest.mark.parametrize(
    "region",
    [
        Region(1, 2, "a\tb"),
        Region(1, 2, "a\nb"),
        Region(1, 2, " a"),
        Region(1, 2, ""),
        Region(2, 1, "a"),
        Region(-1, 1, "a"),
        Region(0, 2e6, "a"),
        Region(float("nan"), 1, "a"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path, region):
    path = tmp_path / "a.txt"
    with pytest.raises(AnnotationError, match="cannot be written"):
        write_labels(path, [region])
    with pytest.raises(AnnotationError, match="cannot be written"):
        write_selections(path, {"a.wav": [region]})
    assert not path.exists()


def drawn(count, points=False):
    """Random regions, the shortest shorter than a microsecond."""
    draw = np.random.default_rng(7)
    found = []
    for index in range(count):
        onset = float(draw.uniform(0, 1e5))
        length = 0.0 if points and index % 5 == 0 else float(10 ** draw.uniform(-8, 3))
        bounds = sorted(draw.uniform(0, 24000, 2).tolist()) if index % 2 else [None, None]
        label = ["dog", "Größe", "a, b; c", '"x"', "=1+1", "犬"][index % 6]
        found.append(Region(onset, onset + length, label, *bounds))
    return found


def test_round_trips_give_the_same_regions(tmp_path):
    regions = drawn(200, points=True)
    write_labels(tmp_path / "a.txt", regions)
    read = read_labels(tmp_path / "a.txt")
    assert [one.label for one in read] == [one.label for one in regions]
    for one, other in zip(read, regions, strict=True):
        assert one.is_point == other.is_point
        assert (one.low_hz is None) == (other.low_hz is None)
        times = (one.onset, one.offset, one.low_hz or 0, one.high_hz or 0)
        expected = (other.onset, other.offset, other.low_hz or 0, other.high_hz or 0)
        assert times == pytest.approx(expected, abs=2e-6)
    clips = {"a.wav": drawn(50), "b.wav": [], "c.wav": drawn(120)}
    write_selections(tmp_path / "t.txt", clips, {"a.wav": 2e5, "b.wav": 10.0, "c.wav": 2e5})
    table = read_selections(tmp_path / "t.txt")
    assert list(table) == ["a.wav", "c.wav"]
    for name, found in table.items():
        assert [one.label for one in found] == [one.label for one in clips[name]]
        got = np.array([(one.onset, one.offset) for one in found])
        assert np.abs(got - [(one.onset, one.offset) for one in clips[name]]).max() < 1e-5


def test_raven_reads_a_table_with_both_views_once(tmp_path):
    assert read_selections(made(tmp_path, RAVEN)) == {
        "": [Region(0.5, 1.25, "dog", 800.0, 5000.0), Region(3.0, 3.001, "cat, big", 0.0, 1200.5)]
    }


def test_raven_counts_from_the_file_of_the_row(tmp_path):
    text = (
        f"{HEAD}\tBegin Path\tFile Offset (s)\tCommon Name\tSpecies Code\tConfidence\n"
        "1\tSpectrogram 1\t1\t1.0\t4.0\t0\t15000\tC:\\birds\\a.wav\t1.0\tRobin\teurrob1\t0.91\n"
        "2\tSpectrogram 1\t1\t63.0\t66.0\t0\t15000\t../x/b.wav\t3.0\tWren\twren1\t0.5\n"
    )
    assert read_selections(made(tmp_path, text)) == {
        "a.wav": [Region(1.0, 4.0, "Robin", 0.0, 15000.0, 0.91)],
        "b.wav": [Region(3.0, 6.0, "Wren", 0.0, 15000.0, 0.5)],
    }


def test_raven_writes_times_of_a_sequence_of_files():
    clips = {"a.wav": [Region(1, 2, "x")], "b.wav": [Region(0.5, 2, "y", 100, 200, 0.25)]}
    assert selections_text(clips, {"a.wav": 10.0, "b.wav": 4.0}) == (
        f"{HEAD}\tBegin File\tFile Offset (s)\tAnnotation\tScore\n"
        "1\tSpectrogram 1\t1\t1.000000\t2.000000\t0.000\t8000.000\ta.wav\t1.000000\tx\t\n"
        "2\tSpectrogram 1\t1\t10.500000\t12.000000\t100.000\t200.000\tb.wav\t0.500000\ty\t"
        "0.250000\n"
    )
    with pytest.raises(AnnotationError, match="unknown length; write one table per file"):
        selections_text(clips)
    high = selections_text({"a.wav": [Region(1, 2, "x")]}, high_hz=22050.0)
    assert "\t0.000\t22050.000\t" in high


@pytest.mark.parametrize(
    ("columns", "wanted", "expected"),
    [
        (["Species"], None, "Species"),
        (["Annotation", "Notes"], None, "Annotation"),
        (["Common Name", "Notes"], None, "Common Name"),
        (["Annotation", "Notes"], "Notes", "Notes"),
        (["Avg Power Density (dB FS/Hz)", "Peak Freq (Hz)", "Call"], None, "Call"),
    ],
)
def test_raven_finds_the_column_of_labels(tmp_path, columns, wanted, expected):
    row = "1\tSpectrogram 1\t1\t1\t2\t0\t1\t" + "\t".join(columns)
    text = "\t".join([HEAD, *columns]) + f"\n{row}\n"
    ((region,),) = read_selections(made(tmp_path, text), wanted).values()
    assert region.label == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{HEAD}\n1\tS\t1\t1\t2\t0\t1\n", "line 1: no column with the labels"),
        (f"{HEAD}\tNotes\tCall\n", "line 1: several columns may contain the labels (Notes, Call)"),
        ("Selection\tBegin Time (s)\n", "line 1: column End Time (s) is missing"),
        (f"{HEAD}\tView\tAnnotation\n", "line 1: duplicate column View"),
        ("", "line 1: column Begin Time (s), End Time (s) is missing"),
        (f"{HEAD}\tAnnotation\n1\tS\t1\t2\t1\t0\t1\tx\n", "line 2: onset 2 is not before offset 1"),
        (f"{HEAD}\tAnnotation\n1\tS\t1\t1\tx\t0\t1\tx\n", "line 2: offset 'x' is not a number"),
        (f"{HEAD}\tAnnotation\n1\tS\t1\t1\t2\t0\t1\t\n", "line 2: the label is empty"),
        (f"{HEAD}\tAnnotation\n1\tS\t1\t1\t2\t5\t1\tx\n", "line 2: the low frequency 5 is above"),
        (f"{HEAD}\tAnnotation\n1\tS\t1\t1\t2\t0\t1\tx\ty\n", "line 2: 9 columns, but the header"),
        (
            f"{HEAD}\tAnnotation\tBegin File\n1\tS\t1\t1\t2\t0\t1\tx\ta\n"
            "2\tS\t1\t1\t2\t0\t1\tx\tb\n",
            "line 1: selections of 2 files (a, b), but no column File Offset (s)",
        ),
        (
            f"{HEAD}\tAnnotation\tBegin File\n1\tS\t1\t1\t2\t0\t1\tx\t..\n",
            "line 2: Begin File names no file",
        ),
        (
            f"{HEAD}\tAnnotation\tFile Offset (s)\n1\tS\t1\t1\t2\t0\t1\tx\t\n",
            "line 2: File Offset (s) is empty",
        ),
        (
            f"{HEAD}\tAnnotation\tFile Offset (s)\n1\tS\t1\t1\t2\t0\t1\tx\t1e6\n",
            "line 2: the offset is above 1000000 seconds",
        ),
        (f'"{HEAD}\tAnnotation\n', "line 1: a quoted cell does not end"),
        (
            f"{HEAD}\tAnnotation\tScore\n1\tS\t1\t1\t2\t0\t1\tx\tnan\n",
            "line 2: the score 'nan' is not a number",
        ),
    ],
)
def test_raven_refuses_other_content_in_one_line(tmp_path, text, problem):
    with pytest.raises(AnnotationError) as error:
        read_selections(made(tmp_path, text))
    assert str(error.value).startswith(f"{tmp_path / 'a.txt'} {problem}")


def test_raven_reads_quotes_of_r(tmp_path):
    header = "\t".join(f'"{name}"' for name in [*HEAD.split("\t"), "Annotation"])
    row = '1\t"Spectrogram 1"\t1\t0.5\t2\t0\t1000\t"dog"\n'
    assert read_selections(made(tmp_path, f"{header}\n{row}")) == {
        "": [Region(0.5, 2, "dog", 0, 1000)]
    }


@pytest.mark.parametrize("name", ["", "../a.wav", "x/a.wav", "x\\a.wav", "a\tb.wav", "a.wav "])
def test_raven_writes_no_name_that_leads_elsewhere(name):
    with pytest.raises(AnnotationError, match=r"file name .* cannot be written"):
        selections_text({name: [Region(1, 2, "x")]})
