"""audit: many malformed files, each reported by name, none of which stops the audit."""

import os
import struct

import audits
import numpy as np
import pytest
import soundfile
from audits import audit, found, name, rows

from resed.audit.annotation_checks import read_annotations

RATE = audits.RATE
NOISE = 0.1 * np.random.default_rng(1).standard_normal(RATE)
HEADER = "filename\tonset\toffset\tevent_label\n"


def wav(path, samples=NOISE, rate=RATE, **how):
    soundfile.write(path, samples, rate, **how)


def spoiled(value):
    def make(path):
        samples = NOISE.astype(np.float32)
        samples[77] = value
        wav(path, samples, subtype="FLOAT")

    return make


def cut(keep):
    def make(path):
        wav(path)
        path.write_bytes(path.read_bytes()[:keep])

    return make


def cut_flac(path):
    soundfile.write(path.with_suffix(".tmp"), NOISE, RATE, format="FLAC")
    data = path.with_suffix(".tmp").read_bytes()
    path.with_suffix(".tmp").unlink()
    path.write_bytes(data[: len(data) // 2])


def bent_header(path):
    """A wav file with zero channels in its header."""
    wav(path)
    data = bytearray(path.read_bytes())
    data[22:24] = struct.pack("<H", 0)
    path.write_bytes(bytes(data))


def infinities_that_cancel(path):
    samples = np.stack([NOISE, NOISE], 1).astype(np.float32)
    samples[5] = np.inf, -np.inf
    wav(path, samples, subtype="FLOAT")


def loop(path):
    path.symlink_to(path.name)


SOUNDS = {  # name -> how it is made, status
    "zero_bytes.wav": (lambda path: path.write_bytes(b""), "empty"),
    "zero_length.wav": (lambda path: wav(path, NOISE[:0]), "empty"),
    "half.wav": (cut(40000), "truncated"),
    "header_cut.wav": (cut(20), "truncated"),
    "one_byte.wav": (cut(1), "undecodable"),
    "page.wav": (lambda path: path.write_text("<html>404</html>\n" * 9), "undecodable"),
    "picture.wav": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99)), "undecodable"),
    "no_channel.wav": (bent_header, "damaged"),
    "half_flac.wav": (cut_flac, "truncated"),
    "nan.wav": (spoiled(np.nan), "nonfinite"),
    "infinite.wav": (spoiled(-np.inf), "nonfinite"),
    "infinities.wav": (infinities_that_cancel, "nonfinite"),
    "silent.wav": (lambda path: wav(path, 0 * NOISE), "silent"),
    "folder.wav": (lambda path: path.mkdir(), "missing"),
    "absent.wav": (lambda path: None, "missing"),
    "dangling.wav": (lambda path: path.symlink_to("nowhere.wav"), "missing"),
    "loop.wav": (loop, "missing"),
    "pipe.wav": (os.mkfifo, "missing"),
    "../outside.wav": (lambda path: None, "outside"),
    "/etc/hostname": (lambda path: None, "outside"),
    "C:\\sound.wav": (lambda path: None, "outside"),
    "x" * 300 + ".wav": (lambda path: None, "missing"),
    # Odd, and well.
    "six.wav": (lambda path: wav(path, np.tile(NOISE[:, None], 6)), "ok"),
    "stereo.wav": (lambda path: wav(path, np.tile(NOISE[:, None], 2), 48000), "ok"),
    "telephone.wav": (lambda path: wav(path, NOISE[:8000], 8000), "ok"),
    "flac_inside.wav": (lambda path: wav(path, format="FLAC"), "ok"),
    "float.wav": (lambda path: wav(path, subtype="DOUBLE"), "ok"),
    "ünï cödé ß.wav": (wav, "ok"),
    "with space.wav": (wav, "ok"),
    "-dash.wav": (wav, "ok"),
    "Y-minus_30.000_40.000.wav": (wav, "ok"),
    'qu"ote.wav': (wav, "ok"),
    "#comment.wav": (wav, "ok"),
}


@pytest.fixture
def small():
    return audits.dataset()


@pytest.fixture
def root(tmp_path, small):
    return audits.make(tmp_path, small)


def test_every_malformed_sound_is_told_by_name(small, root):
    place = small.splits["weak"]
    for clip, (make, _) in SOUNDS.items():
        make(root / place.audio / clip)
    (root / place.audio / "._six.wav").write_bytes(b"\0\5\26\7")
    annotations = root / place.annotations
    with annotations.open("a", encoding="utf-8") as handle:
        handle.writelines(f"{clip}\tCat\n" for clip in SOUNDS)
    summary = audit(small, root, least={"weak": 0.1})
    manifest = {row[1]: row for row in rows(root, "manifest.tsv") if row[0] == "weak"}
    assert {clip: manifest[clip][6] for clip in SOUNDS} == {
        clip: status for clip, (_, status) in SOUNDS.items()
    }
    told = {row[2]: row[0] for row in rows(root) if row[0] == manifest.get(row[2], [""] * 7)[6]}
    bad = {clip: status for clip, (_, status) in SOUNDS.items() if status != "ok"}
    assert told == bad
    assert found(summary)["hidden", "weak"] == 1
    assert [row for row in rows(root, "manifest.tsv") if row[0] != "weak"]  # the rest went on
    assert summary["ok"] == 54 + len(SOUNDS) - len(bad)
    page = (root / "out/index.html").read_text(encoding="utf-8")
    assert "ünï cödé" not in bad and "header_cut.wav" in page


def test_an_unreadable_sound_is_told(small, root, monkeypatch):
    """Permissions stop no superuser, so the system's answer is made here."""
    from pathlib import Path

    plain = Path.open

    def refuse(path, *arguments, **settings):
        if path.name == name("weak", 3):
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path, *arguments, **settings)

    monkeypatch.setattr(Path, "open", refuse)
    summary = audit(small, root)
    assert found(summary)["unreadable", "weak"] == 1
    (finding,) = [one for one in summary["findings"] if one["id"] == "unreadable"]
    assert finding["examples"] == [f"{name('weak', 3)}: Permission denied"]


GOOD = "a.wav\t0.1\t0.9\tCat\n"
TABLES = {  # what stands in the file -> what is told, with its line
    b"": "1 no header",
    b"\n\n": "1 no header",
    GOOD.encode(): "1 column filename, onset, offset, event_label is missing",
    HEADER.replace("\t", "|").encode(): "1 column filename, onset, offset, event_label is missing",
    (HEADER + '"a.wav\t0.1\t0.9\tCat\n').encode(): "2 a quoted cell does not end",
    (HEADER + "a.wav,0.1,0.9,Cat\n").encode(): "2 1 columns, but the header has 4",
    (HEADER + "a.wav\t0.1\t0.9\tCat\tmore\n").encode(): "2 5 columns, but the header has 4",
    b"filename\tonset\toffset\n": "1 column event_label is missing",
    b"filename\tonset\tonset\toffset\tevent_label\n": "1 duplicate column onset",
    (HEADER + "\t0.1\t0.9\tCat\n").encode(): "2 the filename is empty",
    (HEADER + "a.wav\t-0.1\t0.9\tCat\n").encode(): "2 onset -0.1 is negative",
    (HEADER + "a.wav\t0.9\t0.1\tCat\n").encode(): "2 onset 0.9 is not before offset 0.1",
    (HEADER + "a.wav\t0.5\t0.5\tCat\n").encode(): "2 onset 0.5 is not before offset 0.5",
    (HEADER + "a.wav\tnan\t0.5\tCat\n").encode(): "2 onset 'nan' is not a number",
    (HEADER + "a.wav\t0.1\tinf\tCat\n").encode(): "2 offset 'inf' is not a number",
    (HEADER + "a.wav\t0,1\t0,5\tCat\n").encode(): "2 onset '0,1' has a decimal comma",
    (HEADER + "a.wav\t0.1\t\tCat\n").encode(): "2 offset '' is not a number",
    (HEADER + "a.wav\t0.1\t0.5\t\n").encode(): "2 the label is empty",
    (HEADER + "a.wav\t0.1\t0.5\tCats\n").encode(): "2 unknown class 'Cats'",
    (HEADER + GOOD + "b.wav\t0.1\t0.5\tRooster\n").encode(): "3 unknown class 'Rooster'",
    HEADER.encode() + b"\xff\xfe\x00a.wav": "2 not UTF-8 text",
    (HEADER + GOOD).encode("utf-16"): "1 not UTF-8 text",
    HEADER.encode() + b"a.wav\0\t0.1\t0.5\tCat\n": "2 not text (it contains a zero byte)",
    b"<html><body>404: Not Found</body></html>": "1 column filename, onset",
}


@pytest.mark.parametrize("data", TABLES, ids=lambda data: TABLES[data])
def test_every_malformed_table_is_told_with_its_line(small, root, data):
    path = root / small.splits["development"].annotations
    path.write_bytes(data)
    summary = audit(small, root)
    (row,) = [row for row in rows(root) if row[0] == "annotations_malformed"]
    assert row[1:3] == ["development", "validation.tsv"]
    line, _, message = TABLES[data].partition(" ")
    assert (row[3], row[4][: len(message)]) == (line, message)
    assert "; " in row[4]  # the cure
    assert not summary["go"]
    assert summary["ok"] == 42  # the other splits
    assert {one["split"] for one in summary["findings"]} == {"development"}


def test_all_mistakes_of_a_table_are_told(small, root):
    path = root / small.splits["weak"].annotations
    with path.open("a") as handle:
        handle.write(f"{name('weak', 0)}\tCat\nx.wav\tCta\ny.wav\tCat,,Dog\n\tCat\n")
    summary = audit(small, root, least={"weak": 0.5})
    told = [(row[3], row[4]) for row in rows(root) if row[0] == "annotations_malformed"]
    assert [line for line, _ in told] == ["14", "15", "16", "17"]
    assert "did you mean Cat?" in told[1][1]
    assert summary["splits"]["weak"]["status"] == {"missing": 2, "ok": 12}


def test_harmless_oddities_of_a_table_are_read(small, root):
    """BOM, CRLF, CR, blank lines, stripped cells, other columns and their order."""
    place = small.splits["development"]
    path = root / place.annotations
    text = path.read_text()
    clean = audit(small, root)["splits"]["development"]["version"]["rows_sha256"]
    header, *lines = text.splitlines()
    turned = ["event_label\tnote\tfilename\toffset\tonset"]
    for line in lines:
        clip, onset, offset, label = line.split("\t")
        turned.append(f"{label}\tx\t{clip}\t{offset}00\t{onset}")
    for odd in (
        b"\xef\xbb\xbf" + text.encode(),
        text.replace("\n", "\r\n").encode(),
        text.replace("\n", "\r").encode(),
        text.replace("\n", "\n\n").encode(),
        "\n".join([header, *lines[::-1]]).encode(),
        "\n".join(turned).encode(),
        text.replace("\t", ",").encode(),
        text.replace("\t", ";").encode(),
    ):
        path.write_bytes(odd)
        summary = audit(small, root)
        assert summary["findings"] == []
        assert summary["splits"]["development"]["version"]["rows_sha256"] == clean


def test_everything_at_once_is_told_at_once(small, root):
    """All splits spoiled each in its way: five refusals in one go."""
    spoil = dict(zip(small.splits, list(TABLES)[:5], strict=True))
    for split, data in spoil.items():
        (root / small.splits[split].annotations).write_bytes(data)
    summary = audit(small, root)
    refused = {one["split"] for one in summary["findings"] if one["id"] == "annotations_malformed"}
    assert refused == set(small.splits)
    assert summary["clips"] == 0
    assert (root / "out/manifest.tsv").is_file()


@pytest.mark.parametrize("labels", ["strong", "weak", "none"])
def test_c7_annotations_that_are_too_large_are_a_finding(tmp_path, monkeypatch, labels):
    """They do not end the audit of the other splits."""
    path = tmp_path / "x.tsv"
    path.write_text("filename\tonset\toffset\tevent_label\tevent_labels\n" + "a\t\t\t\t\n" * 99)
    assert read_annotations(path, "weak", labels, None).rows == 99
    monkeypatch.setattr("resed.formats.annotation_text.LARGEST_ANNOTATIONS", 100)
    found = read_annotations(path, "weak", labels, None)
    (defect,) = found.defects
    assert defect.id == "annotations_malformed"
    assert defect.detail.startswith(f"{path.stat().st_size} bytes; at most 100 are read; ")
    assert (found.rows, found.clips, found.events) == (0, [], [])
