"""Extraction: the right clips, the same bytes for any number of processes, and clear refusals."""

import os
import signal
import subprocess
import sys
import time
from multiprocessing import get_start_method
from pathlib import Path

import numpy as np
import pytest
import sounds

from resed.errors import AudioError, DatasetError, MissingFileError, ProcessError
from resed.extract.logmel import clip_features
from resed.extract.stores import extract, usable_clips
from resed.formats.audio import read_audio
from resed.formats.store import Store
from resed.runtime.files import sha256
from resed.settings import FeatureSettings

SETTINGS = FeatureSettings()
COLUMNS = "split\tfilename\tsha256\trate\tchannels\tseconds\tstatus\tsource\n"


def write_manifest(folder, clips, split="weak"):
    """A manifest as the audit writes it; clips: name -> status."""
    rows = [COLUMNS, f"strong\tother.wav\t{'0' * 64}\t\t\t\tok\t\n"]
    for name, status in clips.items():
        digest = sha256(folder / name) if status == "ok" else ""
        rows.append(f"{split}\t{name}\t{digest}\t44100\t1\t1.0\t{status}\tmade\n")
    path = folder / "manifest.tsv"
    path.write_text("".join(rows))
    return path


@pytest.fixture
def folder(tmp_path):
    """Forty short clips, one of them stereo, one at 8 kHz; three more that the audit refused."""
    for i in range(40):
        sounds.good(tmp_path / f"{i:02d}.wav", 0.1, seed=i)
    sounds.stereo(tmp_path / "05.wav")
    sounds.telephone(tmp_path / "06.wav")
    clips = {f"{i:02d}.wav": "ok" for i in range(40)}
    write_manifest(tmp_path, {**clips, "x.wav": "missing", "y.wav": "nonfinite"})
    return tmp_path


def run(folder, out, processes=1):
    manifest = folder / "manifest.tsv"
    return extract(manifest, "weak", folder, folder / out, settings=SETTINGS, processes=processes)


def test_holds_the_usable_clips_in_order(folder):
    assert run(folder, "a.store") == 40
    store = Store.open(folder / "a.store", SETTINGS, "weak")
    assert store.clips == [f"{i:02d}.wav" for i in range(40)]
    assert store.manifest_sha256 == sha256(folder / "manifest.tsv")
    assert store.features.shape == (40, 600, 64)
    for row in (0, 5, 6, 39):
        wave = read_audio(folder / store.clips[row], 44100)
        features = clip_features(wave, SETTINGS)
        np.testing.assert_allclose(store.features[row], features, rtol=0, atol=1e-5)


def test_bytes_do_not_depend_on_the_number_of_processes(folder):
    hashes = set()
    for processes in (1, 2, 5):
        run(folder, f"{processes}.store", processes)
        hashes.add(sha256(folder / f"{processes}.store"))
    assert len(hashes) == 1


@pytest.mark.parametrize("processes", [1, 2])
def test_a_broken_clip_is_named_and_nothing_is_left(folder, processes):
    clips = {f"{i:02d}.wav": "ok" for i in range(40)}
    sounds.nan(folder / "21.wav")
    write_manifest(folder, clips)
    with pytest.raises(AudioError, match=r"21\.wav: sample 1234 is NaN or infinite; write it"):
        run(folder, "a.store", processes)
    assert not [item for item in folder.iterdir() if "store" in item.name]


def test_changed_and_lost_clips_are_refused(folder):
    sounds.good(folder / "03.wav", 0.2)
    with pytest.raises(
        AudioError, match=r"03\.wav: differs from the file that .*manifest\.tsv describes"
    ):
        run(folder, "a.store")
    (folder / "03.wav").unlink()
    with pytest.raises(MissingFileError, match=r"03\.wav: no such file; .*lists it: restore it"):
        run(folder, "a.store")


def test_b5_extract_compares_clips_with_the_record_of_acquire(folder):
    manifest, recorded = folder / "manifest.tsv", {"03.wav": "0" * 64}
    with pytest.raises(AudioError) as refused:
        extract(manifest, "weak", folder, folder / "a.store", settings=SETTINGS, recorded=recorded)
    assert str(refused.value).startswith(
        f"{folder / '03.wav'}: sha256 {sha256(folder / '03.wav')[:12]}"
    )
    assert "differs from the acquired file (000000000000)" in str(refused.value)
    assert not (folder / "a.store").exists()
    recorded = {f"{i:02d}.wav": sha256(folder / f"{i:02d}.wav") for i in range(40)}
    extract(manifest, "weak", folder, folder / "a.store", settings=SETTINGS, recorded=recorded)


def test_b5_a_usable_clip_of_a_manifest_has_a_hash(folder):
    lines = (folder / "manifest.tsv").read_text().splitlines()
    cells = lines[2].split("\t")
    cells[2] = ""
    (folder / "manifest.tsv").write_text("\n".join([*lines[:2], "\t".join(cells)]) + "\n")
    with pytest.raises(DatasetError, match="line 3: sha256 of a usable clip is empty"):
        usable_clips(folder / "manifest.tsv", "weak")


def test_manifest_refusals(folder):
    with pytest.raises(DatasetError, match="none of the 0 clips of split evaluation has status ok"):
        usable_clips(folder / "manifest.tsv", "evaluation")
    write_manifest(folder, {"x.wav": "missing"})
    with pytest.raises(DatasetError, match="none of the 1 clips of split weak has status ok"):
        usable_clips(folder / "manifest.tsv", "weak")
    (folder / "manifest.tsv").write_text("split\tfilename\n")
    with pytest.raises(DatasetError, match="line 1: the columns must be split, filename"):
        usable_clips(folder / "manifest.tsv", "weak")
    with pytest.raises(MissingFileError, match="run resed audit again"):
        usable_clips(folder / "none.tsv", "weak")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
def test_no_worker_outlives_a_killed_parent(folder):
    script = (
        "import resed.extract.stores as e, time\n"
        "e._extract_clip = lambda job, clip: time.sleep(30)\n"
        "from resed.settings import FeatureSettings\n"
        "options = {'settings': FeatureSettings(), 'processes': 2}\n"
        "e.extract('manifest.tsv', 'weak', '.', 'a.store', **options)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=folder)
    children: list[int] = []
    deadline = time.monotonic() + 20
    while len(children) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
        listed = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text()
        children = [int(pid) for pid in listed.split()]
    assert len(children) == 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while any(map(alive, children)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, children))


def alive(pid: int) -> bool:
    """Whether a process runs (one that ended but was not yet buried does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_log_lines_where_there_is_no_terminal(monkeypatch, capsys):
    from resed.runtime import progress

    monkeypatch.setattr(progress, "EVERY", 0.0)
    with progress.progress(4, "extract weak") as advance:
        advance(1)
        advance(3)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("extract weak: 1 of 4 (25 %), ")
    assert lines[1].startswith("extract weak: 4 of 4 (100 %), ")


def test_a_bar_where_there_is_one(monkeypatch, capsys):
    from resed.runtime import progress

    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress.progress(4, "extract weak") as advance:
        advance(4)
    assert "4/4" in capsys.readouterr().err


@pytest.mark.skipif(get_start_method() != "fork", reason="the patch reaches forked workers only")
def test_a_killed_worker_is_told_in_one_line(folder, monkeypatch):
    monkeypatch.setattr("resed.extract.stores._extract_clip", lambda job, clip: os._exit(9))
    with pytest.raises(ProcessError, match=r"a worker process was killed, .*; use fewer than 2 pr"):
        run(folder, "a.store", 2)
    assert not [item for item in folder.iterdir() if "store" in item.name]
