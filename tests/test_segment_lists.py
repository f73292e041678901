"""Lists in the form of AudioSet: the reader, the draw, and annotations made of them."""

import hashlib
import tracemalloc

import pytest
from generations import write
from made_lists import DATASET, DRAWN, LABELS, MIDS, SEED, made_rows, write_lists

from resed.acquire.acquisition import FetchOptions, fetch_splits
from resed.acquire.recordings.published_lists import listed_clips, write_split
from resed.config.dataset import load_dataset
from resed.errors import AnnotationError, DatasetError, MissingFileError
from resed.formats.annotations import read_tags
from resed.formats.segment_lists import Segment, drawn, read_class_list, segments

NAMES = dict(zip(MIDS, LABELS, strict=True))
SPLITS = ("weak", "development", "evaluation")


@pytest.fixture
def made(tmp_path):
    """Dataset and root, with lists and no sound."""
    write(tmp_path / "made_tags.yaml", DATASET)
    write_lists(tmp_path / "root" / "lists")
    return load_dataset(tmp_path / "made_tags.yaml"), tmp_path / "root"


# ---- the reader -----------------------------------------------------------------------------


def test_rows_as_published(tmp_path):
    """The first rows have the form of the published file; a byte order mark and CRLF are read."""
    text = (
        "\ufeff# Segments csv created Sun Mar  5 10:54:31 2017\r\n"
        "# num_ytids=2, num_segs=2, num_unique_labels=527, num_positive_labels=3\r\n"
        "# YTID, start_seconds, end_seconds, positive_labels\r\n"
        '--PJHxphWEs, 30.000, 40.000, "/m/00000,/t/dd00012"\r\n'
        '-0RWZT-miFs, 420.000, 430.000, "/m/00001"\r\n'
    )
    (tmp_path / "s.csv").write_bytes(text.encode())
    assert list(segments(tmp_path / "s.csv", NAMES)) == [
        Segment(4, "--PJHxphWEs", ("Speech", "Dishes - pots - and pans")),
        Segment(5, "-0RWZT-miFs", ("Male speech - man speaking",)),
    ]
    assert Segment(5, "-0RWZT-miFs", ()).clip == "Y-0RWZT-miFs.wav"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('abcdefghijk, 30.000, 40.000, "/m/0ffff"', "unknown class /m/0ffff; use the list"),
        ('abcdefghijk, 30.000, 40.000, ""', "a segment without a class"),
        ('abcdefghijk, 40.000, 30.000, "/m/00000"', "start 40.000 is not before end 30.000"),
        ('../../etc/pw, 30.0, 40.0, "/m/00000"', r"not a segment: \.\./\.\./etc/pw"),
        ("abcdefghijk, 30.000, 40.000, /m/00000,/m/00001", "not a segment"),
        ('abcdefghijk, 30.000, "/m/00000"', "not a segment"),
        ('abcdefghijk, x, 40.000, "/m/00000"', "write rows as in the published lists"),
        ("\x1b[31m", "not a segment"),
        ("a" * 2_000_000, "more than 1048576 characters"),
    ],
)
def test_a_bad_row_is_one_line_with_file_and_line(tmp_path, row, message):
    path = tmp_path / "s.csv"
    path.write_text(f'# a comment\nabcdefghij-, 0.0, 10.0, "/m/00000"\n{row}\n')
    with pytest.raises(AnnotationError, match=message) as caught:
        list(segments(path, NAMES))
    assert caught.value.line == 3 and caught.value.place == str(path)
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


def test_a_list_that_was_cut_off_is_refused(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text('# num_ytids=3, num_segs=3\nabcdefghijk, 0.0, 10.0, "/m/00000"\n')
    with pytest.raises(AnnotationError, match=r"has 1 rows, its comment line states num_segs=3"):
        list(segments(path, NAMES))


def test_the_classes_are_those_of_the_dataset_in_their_order(tmp_path):
    write_lists(tmp_path)
    path = tmp_path / "class_labels_indices.csv"
    assert read_class_list(path, LABELS) == NAMES
    text = path.read_text()
    for changed, classes, message in (
        (text, LABELS[::-1], "line 2: the class 'Speech', where the dataset file has 'Dishes"),
        (text, LABELS[:5], "line 7: the class 'Bell', where the dataset file has 'no further"),
        (text, [*LABELS, "Cat"], "has 12 classes, the dataset file has 13"),
        (text.replace("index,", "id,"), LABELS, "line 1: no header"),
        (text.replace("3,/m/00003", "4,/m/00003"), LABELS, "line 5: not row 3 of the classes"),
        (text.replace("/m/00003", "m/00003"), LABELS, "line 5: not row 3 of the classes"),
        (text.replace("/m/00003", "/m/00002"), LABELS, "line 5: /m/00002 has another row"),
    ):
        path.write_text(changed)
        with pytest.raises(AnnotationError) as caught:
            read_class_list(path, classes)
        assert message in str(caught.value)


# ---- the draw -------------------------------------------------------------------------------


def by_hand(seed: int, count: int) -> set[str]:
    """The draw of the documentation, computed with a plain sort."""
    keys = [(hashlib.sha256(f"{seed} {clip}".encode()).hexdigest(), clip)
            for clip, _ in made_rows("unbalanced")]  # fmt: skip
    return {f"Y{clip}.wav" for _, clip in sorted(keys)[:count]}


def test_development_is_drawn_by_the_rule_and_weak_lacks_it(made):
    dataset, root = made
    counts = {split: write_split(dataset, root, split, root / f"{split}.tsv") for split in SPLITS}
    assert counts == {"weak": 24 + 60 - DRAWN, "development": DRAWN, "evaluation": 36}
    tags = {split: read_tags(root / f"{split}.tsv", LABELS) for split in SPLITS}
    assert set(tags["development"]) == by_hand(SEED, DRAWN)
    rows = dict(made_rows("balanced")) | dict(made_rows("unbalanced"))
    assert {**tags["weak"], **tags["development"]} == {
        f"Y{clip}.wav": tuple(sorted(LABELS[label] for label in labels))
        for clip, labels in rows.items()
    }
    assert not set(tags["weak"]) & set(tags["development"])


def test_the_draw_depends_on_the_seed_and_not_on_the_order(made):
    videos = [clip for clip, _ in made_rows("unbalanced")]
    first = drawn(videos, DRAWN, SEED)
    assert drawn(reversed(videos), DRAWN, SEED) == first
    assert drawn(videos, DRAWN, SEED + 1) != first
    gone = next(iter(first))
    left = drawn((v for v in videos if v != gone), DRAWN, SEED)
    assert first - left == {gone} and len(left - first) == 1


def test_a_draw_of_too_many_clips_is_refused(made):
    dataset, root = made
    lists = dataset.lists
    many = lists.draw.model_copy(update={"clips": 61})
    dataset = dataset.model_copy(update={"lists": lists.model_copy(update={"draw": many})})
    with pytest.raises(DatasetError, match="60 videos, of which 61 are drawn for development"):
        write_split(dataset, root, "development", root / "d.tsv")
    assert not (root / "d.tsv").exists()


def test_a_video_with_two_rows_is_refused(made):
    dataset, root = made
    balanced, other = (
        root / "lists" / f"{n}_train_segments.csv" for n in ("balanced", "unbalanced")
    )
    row = balanced.read_text().splitlines()[5]
    other.write_text(other.read_text().replace("num_segs=60", "num_segs=61") + row + "\n")
    with pytest.raises(AnnotationError, match=r"another row \(line 6 of balanced_train") as caught:
        write_split(dataset, root, "weak", root / "w.tsv")
    assert (caught.value.place, caught.value.line) == (str(other), 64)
    assert not (root / "w.tsv").exists()


def test_memory_does_not_grow_with_a_list(made):
    dataset, root = made
    path = root / "lists" / "eval_segments.csv"

    def peak(rows: int) -> int:
        path.write_text("".join(f'{n:011d}, 0.0, 10.0, "/m/00000"\n' for n in range(rows)))
        tracemalloc.start()
        assert write_split(dataset, root, "evaluation", root / "e.tsv") == rows
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few, many = peak(2_000), peak(20_000)
    assert many - few < 18_000 * 60  # 8 bytes per row, and the sorted copies of them


# ---- acquire --------------------------------------------------------------------------------


def acquired(made, split="development", **changes):
    dataset, root = made
    said = []
    options = FetchOptions(root.parent / "made_tags.yaml", **changes)
    with pytest.raises(DatasetError) as caught:  # there is no sound
        fetch_splits(dataset, root, options, [split], report=said.append)
    return str(caught.value), said


def test_annotations_are_made_once_and_never_replaced(made):
    dataset, root = made
    assert set(listed_clips(dataset, root, "development")) == by_hand(SEED, DRAWN)
    message, said = acquired(made)
    assert "none of the 24 clips" in message
    assert f"made_tags development: {DRAWN} clips of the published lists" in said
    place = root / "development.tsv"
    before = place.read_bytes()
    assert listed_clips(dataset, root, "development") == []
    message, said = acquired(made)
    assert "none of the 24 clips" in message and not said and place.read_bytes() == before
    place.write_bytes(before.replace(b"Dog", b"Rain"))
    message, _ = acquired(made)
    assert "differs from what the published lists give; delete it" in message
    assert place.read_bytes() == before.replace(b"Dog", b"Rain")
    assert not [path for path in (root / ".acquire").iterdir() if path.name.startswith("tmp")]
    for path in (root / "lists").iterdir():
        path.unlink()
    message, _ = acquired(made)  # annotations without lists are those of the user
    assert "none of the 24 clips" in message


def test_lists_that_are_missing_are_named_and_taken_from_a_folder_of_the_user(made, tmp_path):
    _, root = made
    lists, folder = root / "lists", tmp_path / "downloads"
    lists.rename(folder)
    message, _ = acquired(made)
    assert message.startswith(str(lists / "class_labels_indices.csv") + ": no such file")
    message, _ = acquired(made, folder=folder)
    assert "none of the 24 clips" in message
    assert sorted(path.name for path in lists.iterdir()) == [
        "class_labels_indices.csv",
        "unbalanced_train_segments.csv",
    ]
    assert (folder / "unbalanced_train_segments.csv").exists()


def test_a_missing_list_of_the_reader(tmp_path):
    with pytest.raises(MissingFileError):
        list(segments(tmp_path / "none.csv", NAMES))
