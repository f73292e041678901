"""Audio is compared with what acquire recorded: by acquire, the audit, extract and verify."""

import os
import unicodedata
from pathlib import Path

import audits
import pytest
from runs import REPOSITORY
from sounds import good
from typer.testing import CliRunner

from resed.acquire.soundscapes.render_split import render_split
from resed.audit.acquired_files import verify_audio
from resed.cli import app
from resed.config.dataset import load_dataset
from resed.errors import ResedError
from resed.formats.acquired_audio import audio_sample_hash, compare_audio, recorded_hashes
from resed.formats.acquisition import ClipState, StateError, table_path, write_states
from resed.runtime.files import sha256


def flip(path: Path, place: int = -100) -> None:
    """Flip one bit; size and date stay the same, as after a disk error."""
    status, content = path.stat(), bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def record(root: Path, split: str, folder: str, names: list[str]) -> None:
    """Files and the record of acquire."""
    (root / folder).mkdir(parents=True, exist_ok=True)
    states = []
    for number, name in enumerate(names):
        path = good(root / folder / name, 0.05, seed=number)
        states.append(ClipState(name, "present", "hub", path.stat().st_size, sha256(path)))
    write_states(table_path(root, split), [*states, ClipState("gone.wav", "gone")])


def statuses(root: Path, folders: dict[str, str]) -> dict[str, str]:
    return {f"{one.split}/{one.path.name}": one.status for one in compare_audio(root, folders)}


def test_b5_every_recorded_file_is_compared(tmp_path):
    record(tmp_path, "weak", "audio/weak", ["a.wav", "b.wav", "c.wav"])
    record(tmp_path, "strong", "audio/strong", ["a.wav"])
    folders = {"weak": "audio/weak", "strong": "audio/strong", "unlabeled": "audio/none"}
    good(tmp_path / "audio/weak/mine.wav")  # without a record: not compared
    assert set(statuses(tmp_path, folders).values()) == {"ok"}
    flip(tmp_path / "audio/weak/b.wav")
    (tmp_path / "audio/weak/c.wav").unlink()
    assert statuses(tmp_path, folders) == {
        "weak/a.wav": "ok",
        "weak/b.wav": "altered",
        "weak/c.wav": "missing",
        "strong/a.wav": "ok",
    }
    sizes = {one.path.name: one.size for one in compare_audio(tmp_path, folders)}
    assert (
        sizes["c.wav"] == 0 and sizes["a.wav"] == (tmp_path / "audio/strong/a.wav").stat().st_size
    )
    table_path(tmp_path, "strong").write_text("damaged\n")
    with pytest.raises(StateError, match=r"strong\.tsv"):
        list(compare_audio(tmp_path, folders))


def test_b5_rendered_clips_have_a_record_and_are_compared_by_audit_and_extract(tmp_path):
    """A byte that flips between acquire and the audit, when there is no manifest yet."""
    demo = load_dataset("demo", REPOSITORY)
    for split in demo.splits:
        render_split(demo, tmp_path, split, scale=1e-6, report=lambda _: None)
    folders = {split: place.audio for split, place in demo.splits.items()}
    found = statuses(tmp_path, folders)
    assert set(found.values()) == {"ok"} and len(found) == 5
    (name,) = recorded_hashes(tmp_path, "strong")
    clip = tmp_path / demo.splits["strong"].audio / name
    words = ["--dataset", str(REPOSITORY / "config/datasets/demo.yaml"), "--root", str(tmp_path)]
    out = tmp_path / "out"
    CliRunner().invoke(app, ["audit", *words, "--out", str(out), "--no-refuse"])
    flip(clip)
    stale = ["extract", *words, "--manifest", str(out / "manifest.tsv"), "--split", "strong"]
    manifest = (out / "manifest.tsv").read_text()
    (out / "manifest.tsv").write_text(  # as if it had been audited with the flipped byte
        manifest.replace(recorded_hashes(tmp_path, "strong")[name], sha256(clip))
    )
    done = CliRunner().invoke(app, [*stale, "--out", str(tmp_path / "x.store")])
    assert isinstance(done.exception, ResedError)
    assert f"{clip}: sha256 " in str(done.exception) and "acquired file" in str(done.exception)
    CliRunner().invoke(app, ["audit", *words, "--out", str(out), "--no-refuse"])
    rows = [line.split("\t") for line in (out / "manifest.tsv").read_text().splitlines()]
    assert {row[1]: row[6] for row in rows if row[0] == "strong"} == {name: "altered"}
    render_split(demo, tmp_path, "strong", scale=1e-6, keep_audio=False, report=lambda _: None)
    assert recorded_hashes(tmp_path, "strong") == {}, "clips that are not kept have no record"


def test_b5_the_audit_compares_recordings_with_the_record(tmp_path):
    what = audits.dataset()
    root = audits.make(tmp_path, what)
    folder = what.splits["weak"].audio
    names = [audits.name("weak", i) for i in range(12)]
    states = [ClipState(n, "present", "local", 1, sha256(root / folder / n)) for n in names]
    write_states(table_path(root, "weak"), states)
    flip(root / folder / names[3])
    summary = audits.audit(what, root)
    assert audits.found(summary)["altered", "weak"] == 1
    assert summary["problems"] == [{"split": "weak", "filename": names[3], "status": "altered"}]
    (row,) = [row for row in audits.rows(root) if row[0] == "altered"]
    assert row[4].startswith(f"sha256 {sha256(root / folder / names[3])[:12]} differs from")


@pytest.mark.parametrize(("disk", "table"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_f4_sound_under_another_spelling_of_its_name_is_sampled(tmp_path, disk, table):
    """A changed recording changes the hash of the sound, so that acquire runs again."""
    on_disk, in_table = (unicodedata.normalize(form, "Küche.wav") for form in (disk, table))
    assert on_disk != in_table
    assert audio_sample_hash(tmp_path, [in_table]) == ""
    path = good(tmp_path / on_disk, 0.05)
    before = audio_sample_hash(tmp_path, [in_table])
    assert before
    flip(path)
    after = audio_sample_hash(tmp_path, [in_table])
    assert after not in ("", before)
    long = "é" * 130 + ".wav"
    assert audio_sample_hash(tmp_path, [in_table, long]) not in ("", after)


@pytest.mark.parametrize(("disk", "table"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_f4_verify_audio_knows_a_clip_under_another_spelling(tmp_path, disk, table):
    what = audits.dataset()
    root = audits.make(tmp_path, what)
    folder = root / what.splits["weak"].audio
    on_disk, in_table = (unicodedata.normalize(form, "Küche.wav") for form in (disk, table))
    path = good(folder / on_disk, 0.05)
    for split in what.splits:
        write_states(table_path(root, split), [])
    write_states(
        table_path(root, "weak"), [ClipState(in_table, "present", "local", 1, sha256(path))]
    )
    said: list[str] = []
    verify_audio(what, root, say=said.append)
    assert said and not [line for line in said if "che.wav" in line]
    flip(path)
    with pytest.raises(ResedError, match="1 altered, of 1 audio files"):
        verify_audio(what, root, say=said.append)
