"""Annotations: accepted files, refused files, and the error messages."""

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resed.errors import AnnotationError, MissingFileError
from resed.formats.annotation_text import AnnotationText
from resed.formats.annotations import (
    Event,
    read_clips,
    read_events,
    read_tags,
    tags_of,
    write_clips,
    write_events,
    write_tags,
)

HEADER = "filename\tonset\toffset\tevent_label\n"
DOG = {"a.wav": [Event("a.wav", 0.5, 1.25, "Dog")]}


@pytest.fixture
def tsv(tmp_path):
    """Write text or bytes to a TSV and return its path."""

    def write(content):
        path = tmp_path / "events.tsv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    "content",
    [
        HEADER + "a.wav\t0.5\t1.25\tDog\n",
        HEADER + "a.wav\t0.5\t1.25\tDog",
        "\ufeff" + HEADER + "a.wav\t0.5\t1.25\tDog\n",
        (HEADER + "a.wav\t0.5\t1.25\tDog\n").replace("\n", "\r\n"),
        (HEADER + "a.wav\t0.5\t1.25\tDog\n").replace("\n", "\r"),
        HEADER + "\n  a.wav \t0.5\t 1.25\tDog\n\n\n",
        HEADER + "a.wav\t5e-1\t1.25\tDog\t\n",
        HEADER + "a.jams\t0.5\t1.25\tDog\n",
        "event_label\tnote\toffset\tonset\tfilename\nDog\tloud\t1.25\t0.5\ta.wav\n",
    ],
    ids=["plain", "no-last-line-end", "bom", "crlf", "cr", "blanks", "exponent", "jams", "columns"],
)
def test_reads_what_is_unambiguous(tsv, content):
    assert read_events(tsv(content)) == DOG
    assert read_clips(tsv(content)) == ["a.wav"]


def test_clips_without_events_overlaps_and_late_offsets(tsv):
    path = tsv(
        HEADER
        + "b.wav\t\t\t\na.wav\t0\t11.5\tDog\nb.wav\t\t\t\na.wav\t1\t2\tDog\nc.wav\nd.wav\t\t\t"
    )
    events = read_events(path, ["Dog"])
    assert list(events) == ["b.wav", "a.wav", "c.wav", "d.wav"]
    assert [len(items) for items in events.values()] == [0, 2, 0, 0]
    assert tags_of(events) == {"b.wav": (), "a.wav": ("Dog",), "c.wav": (), "d.wav": ()}


REFUSED = {
    "empty": ("", "line 1: no header; the first line must name the columns"),
    "bars": (HEADER.replace("\t", "|"), "line 1: column filename, onset, offset, event_label is"),
    "comma row": (HEADER + "a.wav,0,1,Dog", "line 2: 1 columns, but the header has 4; separate"),
    "no header": ("a.wav\t0\t1\tDog\n", "line 1: column filename, onset, offset, event_label is"),
    "column": ("filename\tonset\tevent_label\n", "line 1: column offset is missing (found:"),
    "twice": ("onset\t" + HEADER, "line 1: duplicate column onset; keep one of them"),
    "too many": (HEADER + "a.wav\t0\t1\tDog\tCat\n", "line 2: 5 columns, but the header has 4"),
    "class": (HEADER + "a.wav\t0\t1\tDogs\n", "line 2: unknown class 'Dogs'; did you mean Dog?"),
    "far class": (HEADER + "a.wav\t0\t1\tXyz\n", "unknown class 'Xyz'; the classes are Dog, Cat"),
    "no class": (HEADER + "a.wav\t0\t1\t\n", "line 2: the label is empty; name the class"),
    "no time": (HEADER + "a.wav\t\t1\tDog\n", "line 2: onset '' is not a number; write seconds"),
    "no name": (HEADER + "\t0\t1\tDog\n", "line 2: the filename is empty; name the clip"),
    "order": (HEADER + "\na.wav\t2\t1\tDog\n", "line 3: onset 2 is not before offset 1; correct"),
    "equal": (HEADER + "a.wav\t1\t1.0\tDog\n", "line 2: onset 1 is not before offset 1.0"),
    "negative": (HEADER + "a.wav\t-1\t1\tDog\n", "line 2: onset -1 is negative; times are seconds"),
    "nan": (HEADER + "a.wav\tnan\t1\tDog\n", "line 2: onset 'nan' is not a number; write"),
    "inf": (HEADER + "a.wav\t0\tinf\tDog\n", "line 2: offset 'inf' is not a number; write"),
    "word": (HEADER + "a.wav\tx\t1\tDog\n", "line 2: onset 'x' is not a number; write"),
    "decimal comma": (
        HEADER + "a.wav\t0,5\t1\tDog\n",
        "line 2: onset '0,5' has a decimal comma; write a",
    ),
    "latin-1": (HEADER.encode() + b"a\xe9.wav\t0\t1\tDog", "line 2: not UTF-8 text; save the file"),
    "utf-16": (HEADER.encode("utf-16"), "line 1: not UTF-8 text; save the file"),
    "binary": (HEADER + "a\0.wav\t0\t1\tDog\n", "line 2: not text (it contains a zero byte); save"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_refusals_name_file_line_and_cure(tsv, content, message):
    path = tsv(content)
    with pytest.raises(AnnotationError) as refusal:
        read_events(path, ["Dog", "Cat"])
    text = str(refusal.value)
    assert text.startswith(f"{path} line ")
    assert message in text
    assert "; " in text
    assert "\n" not in text


@pytest.mark.parametrize(
    "label",
    [
        "Alarm/bell/ringing",
        "alarm bell ringing",
        "ALARM-BELL-RINGING",
        "Alarm_Bell_Ringing_",
        "alarm.bell.ringing",
        "Alarm\u00a0bell\u00a0ringing",
        "\uff21larm_bell_ringing",  # a wide letter
        "Alarmbell_ringing",
    ],
)
def test_b1_a_class_in_another_spelling_is_named_with_the_nearest(tsv, label):
    path = tsv(HEADER + f"a.wav\t0\t1\t{label}\n")
    with pytest.raises(AnnotationError, match=r"did you mean Alarm_bell_ringing\?"):
        read_events(path, ["Dog", "Alarm_bell_ringing", "Speech"])


def test_b1_spaces_around_a_class_are_not_part_of_it(tsv):
    events = read_events(tsv(HEADER + "a.wav\t0\t1\tSpeech \n"), ["Speech"])
    assert [event.event_label for event in events["a.wav"]] == ["Speech"]


def test_missing_file(tmp_path):
    with pytest.raises(MissingFileError, match=r"none\.tsv: no such file; check the path"):
        read_events(tmp_path / "none.tsv")


def test_tags(tsv, tmp_path):
    tags = read_tags(
        tsv("filename\tevent_labels\na.wav\tDog,Cat,Dog\nb.wav\t\nc.wav\n"), ["Dog", "Cat"]
    )
    assert tags == {"a.wav": ("Cat", "Dog"), "b.wav": (), "c.wav": ()}
    write_tags(tmp_path / "tags.tsv", tags)
    assert read_tags(tmp_path / "tags.tsv") == tags
    for row, message in {
        "a.wav\tDog,,Cat": "line 2: the label is empty",
        "a.wav\tBird": "line 2: unknown class 'Bird'",
        "a.wav\tDog\na.wav\tCat": "line 3: clip a.wav has another row; write all its",
    }.items():
        with pytest.raises(AnnotationError, match=message):
            read_tags(tsv(f"filename\tevent_labels\n{row}\n"), ["Dog", "Cat"])


def test_written_is_read_back(tmp_path):
    path = tmp_path / "events.tsv"
    events = {
        "b.wav": [],
        "a b.wav": [Event("a b.wav", 0, 0.0001, "Dog"), Event("a b.wav", 1 / 3, 11.0, "Cat")],
    }
    write_events(path, events)
    assert path.read_bytes() == (
        b"filename\tonset\toffset\tevent_label\nb.wav\t\t\t\n"
        b"a b.wav\t0.000\t0.001\tDog\na b.wav\t0.333\t11.000\tCat\n"
    )
    assert [len(items) for items in read_events(path).values()] == [0, 2]
    write_clips(path, ["x.wav", "y.wav"])
    assert read_clips(path) == ["x.wav", "y.wav"]


@pytest.mark.parametrize(
    ("onset", "offset", "label", "name"),
    [(1, 1, "Dog", "a"), (-1, 1, "Dog", "a"), (0, float("nan"), "Dog", "a"), (0, 1, "", "a"),
     (float("nan"), 1, "Dog", "a"), (0, 1, "Dog", "a\tb"), (0, 1, "Do\ng", "a"), (0, 1, "Dog", "")],
)  # fmt: skip
def test_what_could_not_be_read_is_not_written(tmp_path, onset, offset, label, name):
    with pytest.raises(AnnotationError, match="cannot be written"):
        write_events(tmp_path / "e.tsv", {name: [Event(name, onset, offset, label)]})
    assert not list(tmp_path.iterdir())


def test_real_annotations(shared):
    folder = shared / "data" / "dcase2019" / "metadata"
    begin = time.monotonic()
    for name, events, clips, empty in [
        ("train/synthetic", 6032, 2045, 0),
        ("validation/validation", 4236, 1168, 15),
        ("eval/public", 2765, 692, 0),
    ]:
        read = read_events(folder / f"{name}.tsv")
        assert sum(map(len, read.values())) == events
        assert len(read) == clips
        assert sum(not items for items in read.values()) == empty
        assert len({label for tags in tags_of(read).values() for label in tags}) == 10
    assert len(read_tags(folder / "train" / "weak.tsv")) == 1578
    assert len(read_clips(folder / "train" / "unlabel_in_domain.tsv")) == 14412
    assert time.monotonic() - begin < 5  # 0.2 s on an idle machine


# ---- exports of spreadsheets ---------------------------------------------------------------

QUOTED = {
    "all cells": '"filename"\t"onset"\t"offset"\t"event_label"\n"a.wav"\t"0.5"\t"1.25"\t"Dog"\n',
    "names": HEADER + '"a.wav"\t0.5\t1.25\t"Dog"\n',
    "spaces": HEADER + ' "a.wav" \t0.5\t1.25\t "Dog"\n',
    "semicolons": (HEADER + '"a.wav"\t0.5\t1.25\tDog\n').replace("\t", ";"),
    "commas": (HEADER + "a.wav\t0.5\t1.25\tDog\n").replace("\t", ","),
    "commas and quotes": (HEADER + 'a.wav\t"0.5"\t1.25\t"Dog"\n').replace("\t", ","),
    "bom, crlf, semicolons": "\ufeff" + (HEADER + "a.wav\t0.5\t1.25\tDog\n")
    .replace("\t", ";").replace("\n", "\r\n"),
    "bom and quotes": '\ufeff"filename";"onset";"offset";"event_label"\r\n"a.wav";0.5;1.25;"Dog"',
    "empty last columns": (HEADER + "a.wav\t0.5\t1.25\tDog\t\t\n").replace("\t", ","),
    "another column": "filename;note;onset;offset;event_label\na.wav;\"x;y\";0.5;1.25;Dog\n",
}  # fmt: skip


@pytest.mark.parametrize("content", QUOTED.values(), ids=QUOTED)
def test_b1_exports_of_spreadsheets_are_read_as_their_content(tsv, content):
    assert read_events(tsv(content)) == DOG
    assert read_clips(tsv(content)) == ["a.wav"]


def test_b1_quoted_tags_are_several(tsv):
    for content in (
        'filename\tevent_labels\r\na.wav\t"Dog,Cat"\r\nb.wav\t\r\n',
        'filename,event_labels\na.wav,"Dog,Cat"\nb.wav,\n',
        "filename;event_labels\na.wav;Dog,Cat\nb.wav\n",
        'filename;event_labels\n"a.wav";"Dog, Cat"\n"b.wav";""\n',
    ):
        assert read_tags(tsv(content)) == {"a.wav": ("Cat", "Dog"), "b.wav": ()}


def test_b1_quotes_within_names(tsv):
    path = tsv(HEADER + 'a "b".wav\t0\t1\t5" pipe\n"a ""c"".wav"\t0\t1\t"a ""D"""\n')
    assert [(clip, e[0].event_label) for clip, e in read_events(path).items()] == [
        ('a "b".wav', '5" pipe'),
        ('a "c".wav', 'a "D"'),
    ]


SPREADSHEETS_REFUSED = {
    "open quote": (HEADER + '"a.wav\t0\t1\tDog\n', "line 2: a quoted cell does not end; end the"),
    "line in a cell": (HEADER + '"a\n.wav"\t0\t1\tDog\n', "line 2: a quoted cell does not end"),
    "text after a quote": (HEADER + '"a" b.wav\t0\t1\tDog\n', "line 2: a quoted cell does not"),
    "a lone quote": (HEADER + '"\t0\t1\tDog\n', "line 2: a quoted cell does not end"),
    "decimal comma": (
        "filename;onset;offset;event_label\na.wav;3,121;4,271;Dog",
        "'3,121' has a d",
    ),
    "quoted comma": (HEADER.replace("\t", ",") + 'a.wav,"3,1","4,2",Dog', "'3,1' has a decimal co"),
    "bare comma": (HEADER.replace("\t", ",") + "a.wav,3,1,4,2,Dog", "6 columns, but the header"),
    "rows of tabs": (HEADER.replace("\t", ",") + "a.wav\t0\t1\tDog", "line 2: 1 columns, but the"),
    "rows of semicolons": (
        HEADER + "a.wav;0;1;Dog",
        "1 columns, but the header has 4; separate co",
    ),
    "tags without quotes": (
        "filename,onset,offset,event_label\na,0,1,Dog,Cat",
        "line 2: 5 columns",
    ),
    "above the bound": (
        HEADER + "a.wav\t0\t1000001\tDog",
        "offset 1000001 is above 1000000 seconds",
    ),
}


@pytest.mark.parametrize(
    ("content", "message"), SPREADSHEETS_REFUSED.values(), ids=SPREADSHEETS_REFUSED
)
def test_b1_exports_that_are_ambiguous_are_refused(tsv, content, message):
    with pytest.raises(AnnotationError) as refusal:
        read_events(tsv(content))
    assert message in str(refusal.value) and "\n" not in str(refusal.value)
    assert refusal.value.line == 2 and refusal.value.cure


def test_b1_only_the_row_with_an_open_quote_is_left_out(tsv):
    path = tsv(HEADER + 'a.wav\t0.5\t1.25\tDog\n"b.wav\t0\t1\tDog\nc.wav\t\t\t\n')
    mistakes = []
    assert list(read_events(path, refuse=mistakes.append)) == ["a.wav", "c.wav"]
    assert [mistake.line for mistake in mistakes] == [3]


@given(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1,
                        max_size=8).filter(lambda text: text == text.strip()), min_size=1,
                max_size=4, unique=True))  # fmt: skip
def test_b1_every_name_that_is_written_is_read_back(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("names") / "e.tsv"
    events = {f"{name}.wav": [Event(f"{name}.wav", 0.0, 1.0, name)] for name in names}
    write_events(path, events)
    assert read_events(path) == events


SPACES = [" a", "a ", "\u3000a", "a\xa0", "\x0ba", "a\x85", " "]


@pytest.mark.parametrize("name", SPACES)
def test_b1_names_with_outer_spaces_are_not_written(tmp_path, name):
    path = tmp_path / "x.tsv"
    with pytest.raises(AnnotationError, match="cannot be written; names must not"):
        write_events(path, {name: [Event(name, 0.0, 1.0, "Dog")]})
    with pytest.raises(AnnotationError, match="cannot be written"):
        write_events(path, {"a.wav": [Event("a.wav", 0.0, 1.0, name)]})
    with pytest.raises(AnnotationError, match="cannot be written"):
        write_clips(path, [name])
    for labels in ([name], ["Cat", name, "Dog"]):
        with pytest.raises(AnnotationError, match="cannot be written; labels must not"):
            write_tags(path, {"a.wav": labels})
    assert not list(tmp_path.iterdir())


def test_b1_names_of_jams_files_are_not_written(tmp_path):
    with pytest.raises(AnnotationError, match="cannot be written"):
        write_clips(tmp_path / "x.tsv", ["a.jams"])  # would be read as a.wav


@pytest.mark.parametrize("label", ["", "a,b", ",", " a"])
def test_b1_tags_that_a_list_would_split_are_not_written(tmp_path, label):
    with pytest.raises(AnnotationError, match=r"the labels .* of a\.wav cannot be written"):
        write_tags(tmp_path / "x.tsv", {"a.wav": [label]})
    with pytest.raises(AnnotationError, match=r"the labels .* of a\.wav cannot be written"):
        write_tags(tmp_path / "x.tsv", {"a.wav": [label, label]})
    write_tags(tmp_path / "x.tsv", {"a.wav": ["b c", "a"], "b.wav": []})
    assert read_tags(tmp_path / "x.tsv") == {"a.wav": ("a", "b c"), "b.wav": ()}


@given(st.text(min_size=1, max_size=6), st.text(min_size=1, max_size=6))
def test_b1_any_text_is_read_back_or_not_written(tmp_path_factory, name, label):
    path = tmp_path_factory.mktemp("names") / "e.tsv"
    events = {name: [Event(name, 0.0, 1.0, label)]}
    try:
        write_events(path, events)
    except AnnotationError:
        assert not path.exists()
    else:
        assert read_events(path) == events


READERS = {"strong": read_events, "weak": read_tags, "none": read_clips}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_c7_annotations_that_are_too_large_are_refused_unread(tmp_path, reader):
    """A sparse file of 8 GB takes no memory, and one line."""
    path = tmp_path / "x.tsv"
    with path.open("wb") as handle:
        handle.write(b"filename\tonset\toffset\tevent_label\tevent_labels\n")
        handle.truncate(8 << 30)
    tracemalloc.start()
    try:
        with pytest.raises(AnnotationError, match=r"8589934592 bytes; at most 134217728 are read;"):
            reader(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_c7_lines_of_annotations_are_bounded(tmp_path, monkeypatch):
    path = tmp_path / "x.tsv"
    path.write_text("filename\n" + "x" * (1 << 20) + "\n")
    with pytest.raises(AnnotationError, match=r"x\.tsv line 2: more than 1048576 characters"):
        read_clips(path)
    monkeypatch.setattr("resed.formats.annotation_text.MOST_LINES", 4)
    for end in ("\n", "\r\n", "\r"):
        path.write_text(end.join(["filename", "a", "b", "c"]) + end, newline="")
        assert read_clips(path) == ["a", "b", "c"]
        for more in ("d", *"\n\r"):
            path.write_text(end.join(["filename", "a", "b", "c", more]) + 9 * end, newline="")
            with pytest.raises(AnnotationError, match="more than 4 lines"):
                read_clips(path)


def test_b1_cells_of_an_export_are_rewritten_in_its_form(tmp_path):
    """As repair does: only the cells that change, all others byte for byte."""
    path = tmp_path / "e.csv"
    row = ' "a;b.wav" ; 1.0;"2.0";Dog\r\n'
    path.write_bytes((HEADER.replace("\t", ";") + row).encode())
    text = AnnotationText.read(path)
    assert [text.cell(2, name) for name in ("filename", "offset")] == ["a;b.wav", "2.0"]
    text.write(2, {"filename": "a;b.wav", "onset": "1.0", "offset": "3.0"})
    assert text.lines[2] == ' "a;b.wav" ; 1.0;3.0;Dog\r\n'
    text.write(2, {"filename": "c;d.wav", "onset": "", "event_label": '"x'})
    assert text.lines[2] == '"c;d.wav";;3.0;"""x"\r\n'
    assert list(text.cells()) == [
        (2, {"filename": "c;d.wav", "onset": "", "offset": "3.0", "event_label": '"x'})
    ]


def test_c2_long_cells_are_shortened_in_errors(tsv):
    for row in ("a.wav\t0\t1\t{}", "a.wav\t{}\t1\tDog", "a.wav\t0\t{}\tDog"):
        with pytest.raises(AnnotationError) as refusal:
            read_events(tsv(HEADER + row.format("x" * 100_000)), ["Dog"])
        assert len(refusal.value.problem) < 200
    with pytest.raises(AnnotationError) as refusal:
        read_tags(tsv("filename\tevent_labels\n" + f"{'x' * 10**5}\tDog\n" * 2))
    assert len(refusal.value.problem) < 300
    begin = time.process_time()
    with pytest.raises(AnnotationError, match="column offset is missing"):
        read_events(
            tsv("filename\tonset\tevent_label\t" + "\t".join("x" * 9 for _ in range(10**4)))
        )
    assert time.process_time() - begin < 5


def test_d9_times_have_as_many_decimals_as_are_asked_for(tmp_path):
    """A frame of 1/60 s: milliseconds are coarser than frames, microseconds are not."""
    events = {"a.wav": [Event("a.wav", 1 / 60, 2 / 3, "Dog"), Event("a.wav", 1.0, 1 + 1e-9, "Dog")]}
    write_events(tmp_path / "e.tsv", events, 6)
    rows = (tmp_path / "e.tsv").read_text().splitlines()[1:]
    assert rows == ["a.wav\t0.016667\t0.666667\tDog", "a.wav\t1.000000\t1.000001\tDog"]
