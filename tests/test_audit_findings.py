"""audit: each finding is reported with its place, effect, cure and level."""

import json

import audits
import numpy as np
import pytest
import soundfile
from audits import audit, found, name, rows
from typer.testing import CliRunner

from resed.audit.admit import admit
from resed.audit.finding_kinds import FINDING_KINDS
from resed.cli import app
from resed.config.dataset import Dataset, PublishedFile
from resed.config.loading import check
from resed.errors import ConfigError, DatasetError, MissingFileError
from resed.runtime.files import sha256


@pytest.fixture
def small():
    return audits.dataset()


@pytest.fixture
def root(tmp_path, small):
    return audits.make(tmp_path, small)


def sound(root, small, split, i, samples=None, rate=audits.RATE, **how):
    """Put another sound in place of clip i of a split."""
    path = root / small.splits[split].audio / name(split, i)
    samples = 0.1 * np.random.default_rng(9).standard_normal(rate) if samples is None else samples
    soundfile.write(path, samples, rate, **how)
    return path


def append(root, small, split, text):
    """Add rows to the annotations of a split."""
    path = root / small.splits[split].annotations
    path.write_text(path.read_text() + text)


def test_a_clean_dataset_has_no_finding(small, root):
    summary = audit(small, root)
    assert summary["findings"] == []
    assert summary["go"]
    assert summary["splits"]["weak"] | {"version": None} == {
        "clips": 12,
        "usable": 12,
        "official": 12,
        "paper": None,
        "least": 0.9,
        "status": {"ok": 12},
        "hours": round(12 / 3600, 4),
        "seconds": {"shortest": 1.0, "median": 1.0, "longest": 1.0},
        "rates": {"44100": 12},
        "channels": {"1": 12},
        "classes": {label: {"clips": 4, "usable": 4} for label in audits.CLASSES},
        "annotations": {"clips_of_class": dict.fromkeys(audits.CLASSES, 4)},
        "version": None,
    }
    assert "No findings." in (root / "out/index.html").read_text()


def test_every_kind_says_what_it_does_and_what_to_do():
    for kind in FINDING_KINDS.values():
        assert kind.level in {"refusal", "warning", "note"}
        assert kind.title and kind.effect.endswith(".") and kind.cure.endswith(".")


def test_odd_clips_are_told_and_used(small, root):
    noise = 0.1 * np.random.default_rng(5).standard_normal((audits.RATE, 6))
    sound(root, small, "weak", 0, noise)
    sound(root, small, "weak", 1, noise[: audits.RATE // 2, 0])
    sound(root, small, "weak", 2, np.tile(noise[:, 1], 2))
    sound(root, small, "weak", 3, rate=16000)
    sound(root, small, "weak", 4, np.clip(50 * noise[:, 2], -1, 1))
    summary = audit(small, root)
    assert found(summary) == {
        ("short", "weak"): 1,
        ("low_rate", "weak"): 1,
        ("long", "weak"): 1,
        ("clipped", "weak"): 1,
        ("channels", "weak"): 1,
        ("rates", "weak"): 12,
    }
    told = {row[0]: row[2:] for row in rows(root)}
    assert told["short"] == [name("weak", 1), "", "0.5 s of 1 s"]
    assert told["low_rate"] == [name("weak", 3), "", "16000 Hz"]
    assert told["channels"][-1] == "1 with 6 channels"
    assert told["rates"][-1] == "1 with 16000 Hz, 11 with 44100 Hz"
    assert summary["ok"] == 54


def test_a_clip_as_short_as_its_name_says_is_no_damage(small, root):
    place = small.splits["weak"]
    brief = "Yabcdefghijk_30.000_30.500.wav"
    (root / place.audio / name("weak", 0)).rename(root / place.audio / brief)
    annotations = root / place.annotations
    annotations.write_text(annotations.read_text().replace(name("weak", 0), brief))
    soundfile.write(
        root / place.audio / brief, np.resize([0.1, -0.1], audits.RATE // 2), audits.RATE
    )
    assert found(audit(small, root)) == {("brief", "weak"): 1}


def test_too_few_clips_are_refused_by_the_threshold(small, root):
    for i in range(2):
        (root / small.splits["weak"].audio / name("weak", 3 * i)).unlink()
    summary = audit(small, root)
    assert not summary["go"]
    first = summary["findings"][0]
    assert (first["id"], first["level"], first["split"]) == ("too_few", "refusal", "weak")
    assert first["what"] == "Too few usable clips: 10 of 12 (83.3 %, audit.least is 90 %)"
    assert audit(small, root, least={"weak": 0.8})["go"]
    assert audit(small, root, least={"weak": 10 / 12})["go"]


def test_a_class_that_lost_more_than_the_split_is_told(small, root):
    (root / small.splits["weak"].audio / name("weak", 0)).unlink()
    summary = audit(small, root)
    assert summary["go"]
    assert found(summary) == {("missing", "weak"): 1, ("class_depleted", "weak"): 1}
    assert "Cat 3 of 4" in (root / "out/findings.tsv").read_text()
    assert summary["splits"]["weak"]["classes"]["Cat"] == {"clips": 4, "usable": 3}


@pytest.mark.parametrize(
    ("leaks", "level", "go", "status"),
    [
        ("report", "warning", True, "ok"),
        ("drop", "note", True, "leak"),
        ("refuse", "refusal", False, "ok"),
    ],
)
def test_leaks_by_recording(small, root, leaks, level, go, status):
    """A training clip of a recording that evaluation has, elsewhere in it."""
    place = small.splits["weak"]
    leaking = f"Y{name('evaluation', 3)[:11]}_100.000_110.000.wav"
    (root / place.audio / name("weak", 0)).rename(root / place.audio / leaking)
    annotations = root / place.annotations
    annotations.write_text(annotations.read_text().replace(name("weak", 0), leaking))
    summary = audit(small, root, leaks=leaks, least={"weak": 0.5})
    (one,) = [one for one in summary["findings"] if one["id"] == "leak"]
    assert (one["level"], one["split"], one["count"]) == (level, "weak", 1)
    assert one["examples"] == [
        f"{leaking}: evaluation/{name('evaluation', 3)} (100-110 s here, 30-40 s there)"
    ]
    assert summary["go"] == go
    assert {row[6] for row in rows(root, "manifest.tsv") if row[1] == leaking} == {status}


def test_a_recording_without_times_is_enough(small, root):
    """A dataset whose names contain the recording but no times: fold-ID-take.wav."""
    place = small.splits["weak"]
    own = {"weak": "1-abc-A.wav", "evaluation": "5-abc-B.wav"}
    for split, clip in own.items():
        place = small.splits[split]
        (root / place.audio / name(split, 0)).rename(root / place.audio / clip)
        annotations = root / place.annotations
        annotations.write_text(annotations.read_text().replace(name(split, 0), clip))
    small = small.model_copy(update={"recording": r"\d-(?P<id>\w+)-(?P<start>[A-Z])"})
    assert found(audit(small, root)) == {("leak", "weak"): 1}
    assert "evaluation/5-abc-B.wav (times unknown)" in rows(root)[0][4]


@pytest.mark.parametrize("pattern", ["(", r"(?P<name>\w+)"])
def test_a_pattern_that_names_no_recording_is_refused(tmp_path, pattern):
    values = audits.dataset().model_dump() | {"recording": pattern}
    with pytest.raises(ConfigError, match=r"recording: (not a regular|must name the recording)"):
        check(Dataset, values, "own.yaml")


def test_copies_in_training_and_evaluation_leak(small, root):
    source = root / small.splits["evaluation"].audio / name("evaluation", 0)
    copy = root / small.splits["unlabeled"].audio / name("unlabeled", 0)
    copy.write_bytes(source.read_bytes())
    twin = root / small.splits["strong"].audio / name("strong", 1)
    twin.write_bytes((twin.parent / name("strong", 0)).read_bytes())
    summary = audit(small, root, leaks="drop", least={"unlabeled": 0.5})
    assert found(summary) == {("leak_bytes", "unlabeled"): 1, ("copies", "strong"): 1}
    assert summary["splits"]["unlabeled"]["status"] == {"leak": 1, "ok": 5}
    assert len(summary["copies"]) == 1


def test_development_and_evaluation_share_a_recording(small, root):
    place = small.splits["development"]
    shared = f"Y{name('evaluation', 3)[:11]}_35.000_45.000.wav"
    (root / place.audio / name("development", 0)).rename(root / place.audio / shared)
    annotations = root / place.annotations
    annotations.write_text(annotations.read_text().replace(name("development", 0), shared))
    assert found(audit(small, root, leaks="refuse")) == {("shared_tests", "development"): 1}
    assert "overlapping seconds" in (root / "out/findings.tsv").read_text()


def test_files_that_nobody_lists_are_told(small, root):
    folder = root / small.splits["evaluation"].audio
    (folder / f"._{name('evaluation', 0)}").write_bytes(b"\0\5\26\7")
    (folder / "other.wav").write_bytes(b"x")
    (folder / name("evaluation", 1)).rename(folder / name("evaluation", 1).upper())
    summary = audit(small, root, least={"evaluation": 0.5})
    assert found(summary)["hidden", "evaluation"] == 1
    assert found(summary)["unlisted", "evaluation"] == 2
    assert f"another spelling of {name('evaluation', 1)}" in (root / "out/findings.tsv").read_text()


def test_what_acquire_recorded_is_held_against_the_files(small, root):
    folder = root / small.splits["weak"].audio
    (folder / name("weak", 1)).unlink()
    lines = ["filename\tstate\tsource\tbytes\tsha256\tanswers"]
    for i in range(3):
        path = folder / name("weak", i)
        state, digest = ("present", sha256(path)) if path.is_file() else ("gone", "")
        told = "" if digest else '{"zenodo": {"state": "gone", "detail": "404"}}'
        lines.append(f"{path.name}\t{state}\tzenodo\t\t{digest}\t{told}")
    (root / ".acquire").mkdir()
    (root / ".acquire/weak.tsv").write_text("\n".join(lines) + "\n")
    (root / ".acquire/strong.tsv").write_text("no record\n1\n")
    (root / ".acquire/development.jsonl").write_text("{}\n")
    path = folder / name("weak", 2)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    summary = audit(small, root, least={"weak": 0.5})
    by_name = {row[1]: row for row in rows(root, "manifest.tsv")}
    assert by_name[name("weak", 0)][6:] == ["ok", "zenodo"]
    assert by_name[name("weak", 2)][6:] == ["altered", "zenodo"]
    assert by_name[name("weak", 3)][6:] == ["ok", "local"]
    assert found(summary)["altered", "weak"] == 1
    assert found(summary)["acquire_record", "strong"] == 1
    assert found(summary)["acquire_unfinished", "development"] == 1
    assert "acquire: zenodo: gone (404)" in (root / "out/findings.tsv").read_text()


def test_defects_of_the_annotations(small, root):
    cat, dog = name("strong", 0), name("strong", 1)  # there: Cat 0-0.5, Dog 0.01-0.51
    append(
        root, small, "strong",
        f"{cat}\t0.400\t0.900\tCat\n"  # overlaps
        f"{cat}\t0.950\t1.200\tCat\n"  # near, and past the end
        f"{dog}\t0.010\t0.510\tSpeech\n"  # the same times
        f"{dog}\t0.700\t0.800\tDog\n{dog}\t0.700\t0.800\tDog\n"  # short, twice
        f"{dog}\t\t\t\nnew.wav\t\t\t\nold.jams\t0.2\t0.9\tCat\n",
    )  # fmt: skip
    summary = audit(small, root, least={"strong": 0.5})
    assert {kind: count for (kind, split), count in found(summary).items()} == {
        "missing": 2,
        "unlike_official": 2,
        "overlap": 1,
        "gap": 1,
        "past_end": 1,
        "same_times": 1,
        "short_event": 2,
        "duplicate": 1,
        "contradiction": 1,
        "no_events": 1,
        "jams": 1,
    }
    lines = {(row[0], row[3]) for row in rows(root)}
    assert {("overlap", "14"), ("gap", "15"), ("past_end", "15"), ("duplicate", "18")} <= lines
    assert {("same_times", "16"), ("contradiction", "19"), ("no_events", "20")} <= lines
    kept = summary["splits"]["strong"]["annotations"]
    assert (kept["overlaps_in_a_class"], kept["gaps_below_150_ms"]) == (1, 1)


@pytest.mark.parametrize("split", ["strong", "development", "evaluation", "weak"])
def test_placeholder_truth_is_refused(small, root, split):
    path = root / small.splits[split].annotations
    header, *lines = path.read_text().splitlines()
    names = [line.split("\t")[0] for line in lines]
    cells = "Cat" if split == "weak" else "0.0\t1.0\tCat"
    path.write_text("\n".join([header, *(f"{clip}\t{cells}" for clip in names)]) + "\n")
    summary = audit(small, root)
    assert found(summary)["placeholder", split] == 1
    assert not summary["go"]
    kept = "Dog" if split == "weak" else "0.1\t0.9\tDog"
    mended = path.read_text().replace(f"{names[0]}\t{cells}", f"{names[0]}\t{kept}")
    path.write_text(mended)
    kinds = {one["id"] for one in audit(small, root)["findings"]}
    assert "placeholder" not in kinds
    assert ("few_times" in kinds) == (split != "weak")


def test_published_versions_are_recognised(small, root):
    path = root / small.splits["development"].annotations
    append(root, small, "development", f"{name('development', 0)}\t0.400\t0.900\tCat\n")
    first = audit(small, root)["splits"]["development"]["version"]
    known = {"version": "2.0", "split": "development", "rows": 13}
    small = small.model_copy(
        update={"published": [PublishedFile(**known, sha256=sha256(path)),
                              PublishedFile(**known | {"version": "1.0", "rows": 14})]}
    )  # fmt: skip

    def told(text=None):
        if text is not None:
            path.write_bytes(text)
        summary = audit(small, root)
        overlap = [one for one in summary["findings"] if one["id"] == "overlap"]
        version = summary["splits"]["development"]["version"]
        levels = [one["level"] for one in overlap]
        return version["version"], version["by"], levels, found(summary)

    version, by, levels, kinds = told()
    assert (version, by, levels) == ("2.0", "bytes", ["note"])
    assert "version_unknown" not in {kind for kind, _ in kinds}
    original = path.read_bytes()
    crlf = b"\xef\xbb\xbf" + original.replace(b"\n", b"\r\n")
    version, by, levels, kinds = told(crlf)
    assert (version, by, levels) == (None, None, ["warning"])
    assert kinds["version_unknown", "development"] == 1
    rows_known = PublishedFile(**known, sha256="0" * 64, rows_sha256=first["rows_sha256"])
    small.published.append(rows_known)
    assert told(crlf)[:3] == ("2.0", "rows", ["note"])
    more = original + f"{name('development', 1)}\t0.6\t0.99\tCat\n".encode()
    version, by, levels, kinds = told(more)
    assert (version, by, levels) == ("1.0", "count", ["warning"])
    assert kinds["version_by_count", "development"] == 1


def test_defects_of_no_published_file_stay_warnings_where_the_file_is_short(small, root):
    """An event past a file that is too short is the file's fault, not the annotations'."""
    sound(root, small, "development", 0, np.resize([0.1, -0.1], audits.RATE // 4))
    summary = audit(small, root)
    assert found(summary) == {
        ("short", "development"): 1,
        ("past_file", "development"): 1,
    }


def test_without_any_audio_all_else_is_told(small, root):
    for place in small.splits.values():
        for path in (root / place.audio).iterdir():
            path.unlink()
    append(root, small, "strong", f"{name('strong', 0)}\t0.400\t0.900\tCat\n")
    summary = audit(small, root)
    assert found(summary)["no_clip", "weak"] == 1
    assert found(summary)["overlap", "strong"] == 1
    assert found(summary)["missing", "unlabeled"] == 6


def command(small, root, monkeypatch, *more):
    monkeypatch.setattr("resed.config.dataset.load_dataset", lambda name: small)
    places = ["--dataset", "small", "--root", str(root), "--out", str(root / "out")]
    return CliRunner().invoke(app, ["audit", *places, *more])


def test_the_command_ends_with_1_where_the_run_may_not_go_on(small, root, monkeypatch):
    assert command(small, root, monkeypatch).exit_code == 0
    append(root, small, "strong", "x.wav\t2\t1\tCat\n")
    done = command(small, root, monkeypatch)
    assert isinstance(done.exception, DatasetError)
    text = str(done.exception)
    assert "the audit refuses this dataset: strong: malformed rows in the annotation file" in text
    assert "line 14: onset 2 is not before offset 1" in text
    assert text.endswith("; see " + str(root / "out/index.html"))
    assert "\n" not in text
    assert command(small, root, monkeypatch, "--no-refuse").exit_code == 0
    (root / small.splits["strong"].annotations).unlink()
    done = command(small, root, monkeypatch)
    assert "strong: the annotation file does not exist: metadata/train/syn" in str(done.exception)


def test_settings_of_the_command_are_closed(small, root, monkeypatch):
    done = command(small, root, monkeypatch, "--settings", '{"leaks": "drop", "most": 1}')
    assert "audit.most: unknown key" in str(done.exception)
    done = command(small, root, monkeypatch, "--settings", '{"least": {"weak": 2}}')
    assert "audit.least.weak" in str(done.exception)


def test_admit_follows_the_audit(small, root):
    audit(small, root)
    admitted = admit(root / "out/audit.json", root / "out/admitted.json")
    assert json.loads((root / "out/admitted.json").read_text()) == admitted
    assert admitted == {
        "dataset": "dcase2019",
        "manifest_sha256": sha256(root / "out/manifest.tsv"),
        "splits": {split: {"n": n, "N": n} for split, n in audits.CLIPS.items()},
    }
    for i in range(9):
        (root / small.splits["evaluation"].audio / name("evaluation", i)).unlink()
    audit(small, root)
    with pytest.raises(
        DatasetError, match=r"refuses this dataset: evaluation: .* 3 of 12 .*index\.html"
    ):
        admit(root / "out/audit.json", root / "out/no.json")
    assert not (root / "out/no.json").exists()
    (root / "out/audit.json").write_text("{}")
    with pytest.raises(
        DatasetError, match="not an audit of this version of resed; run resed audit"
    ):
        admit(root / "out/audit.json", root / "out/no.json")
    with pytest.raises(MissingFileError):
        admit(root / "none.json", root / "out/no.json")
