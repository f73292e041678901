"""The adapter youtube with a program that answers like yt-dlp."""

import stat
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fetchable import SPLITS, Collection, contents
from test_sources import acquire, put

from resed.acquire.recordings.fetch.state import read_states
from resed.acquire.recordings.sources.youtube import MESSAGES, answer_of
from resed.errors import ConfigError

# As seen in public issues of yt-dlp and of data sets that use it.
SAID = {
    "ERROR: [youtube] abc: Private video. Sign in if you've been granted access to this video": (
        "gone", "private"),
    "ERROR: [youtube] abc: Video unavailable": ("gone", "not available"),
    "ERROR: [youtube] abc: Video unavailable. This video is no longer available because the "
    "YouTube account associated with this video has been terminated.": (
        "gone", "the account was terminated"),
    "ERROR: [youtube] abc: This video has been removed by the uploader": (
        "gone", "removed by the uploader"),
    "ERROR: [youtube] abc: Sign in to confirm you\u2019re not a bot. This helps protect our "
    "community. Learn more": ("blocked", "YouTube requires a sign-in to exclude robots"),
    "ERROR: [youtube] abc: Sign in to confirm your age. This video may be inappropriate": (
        "blocked", "restricted to signed-in users (age)"),
    "ERROR: [youtube] abc: The uploader has not made this video available in your country": (
        "blocked", "not available in this country"),
    "ERROR: Unable to download webpage: HTTP Error 429: Too Many Requests": (
        "blocked", "too many requests"),
    "ERROR: [youtube] abc: Unable to download API page: timed out": ("failed", "[youtube] abc: Un"),
    "": ("failed", "no message"),
}  # fmt: skip

PROGRAM = """#!{python}
import sys, shutil, pathlib
folder = pathlib.Path(__file__).parent
name = sys.argv[-1].rpartition("=")[2]
with open(folder / "asked", "a") as handle:
    handle.write(name + "\\n")
said = folder / (name + ".said")
if said.exists():
    sys.exit(said.read_text())
out = sys.argv[sys.argv.index("--output") + 1]
found = next(folder.glob(name + ".video.*"))
shutil.copyfile(found, out.replace("%(id)s", name).replace("%(ext)s", found.suffix[1:]))
"""


@pytest.fixture
def made():
    return Collection(count=5, seed=6)


@pytest.fixture
def program(tmp_path, monkeypatch) -> Path:
    """The folder of a program yt-dlp; NAME.video.EXT is what it brings, NAME.said what it says."""
    folder = tmp_path / "bin"
    path = put(folder, "yt-dlp", PROGRAM.format(python=sys.executable).encode())
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


def prepared(made, tmp_path, **more):
    entry = {"name": "youtube", "kind": "youtube", "splits": ["weak"], "optional": True,
             "url": "https://example.org/watch?v={id}", "per_minute": 6000}  # fmt: skip
    root = tmp_path / "data"
    put(root, SPLITS["weak"][1], made.tables["weak"])
    return made.dataset(tmp_path / "small.yaml", [{**entry, **more}]), root


def told(name: str) -> tuple[str, float]:
    """A clip's video and its start."""
    stem = name.removesuffix(".wav")[1:]
    video, start, _ = stem.rsplit("_", 2)
    return video, float(start)


@pytest.mark.parametrize("message", SAID)
def test_messages_become_states(message):
    state, detail = answer_of(message)
    assert state == SAID[message][0]
    assert detail.startswith(SAID[message][1])


def test_no_message_is_hidden_by_another():
    for place, (part, state, detail) in enumerate(MESSAGES):
        if not any(other in part for other, *_ in MESSAGES[:place]):
            assert answer_of(f"ERROR: x: {part.upper()}") == (state, detail)


def test_videos_are_cut_to_the_clip(made, program, tmp_path):
    names = list(made.clips["weak"])
    rate, step = 8000, np.arange(320 * 8000)
    for name in names[:3]:
        samples = (step / len(step)).astype(np.float32)  # a ramp: its value tells the time
        soundfile.write(program / f"{told(name)[0]}.video.flac", samples, rate)
    put(program, f"{told(names[3])[0]}.said", b"ERROR: [youtube] x: Private video. Sign in if")
    put(program, f"{told(names[4])[0]}.video.wav", b"not a sound, and there is no ffmpeg")
    file, root = prepared(made, tmp_path)
    (record,) = acquire(file, root, "weak", sources=["youtube"]).values()
    assert record["states"] == {"present": 3, "gone": 1, "failed": 1}
    for name in names[:3]:
        samples, found = soundfile.read(root / "audio/train/weak" / name)
        start = told(name)[1]
        assert (found, len(samples)) == (rate, 10 * rate)
        assert samples[0] == pytest.approx(start / 320, abs=1e-4)
        assert samples[-1] == pytest.approx((start + 10) / 320, abs=1e-4)
    answer = read_states(root, "weak")[names[3]].answers["youtube"]
    assert (answer.state, answer.detail, answer.final) == ("gone", "private", True)
    assert not [path for path in contents(root) if "incoming" in path]
    (program / "asked").unlink()
    acquire(file, root, "weak", sources=["youtube"])
    assert (program / "asked").read_text().split() == [told(names[4])[0]]


def test_a_wall_against_robots_ends_the_source(made, program, tmp_path):
    names = list(made.clips["weak"])
    soundfile.write(program / f"{told(names[0])[0]}.video.wav", np.full(320 * 100, 0.1), 100)
    for name in names[1:]:
        said = "ERROR: [youtube] x: Sign in to confirm you\u2019re not a bot. This helps"
        put(program, f"{told(name)[0]}.said", said.encode())
    file, root = prepared(made, tmp_path)
    (record,) = acquire(file, root, "weak", sources=["youtube"]).values()
    assert record["states"] == {"present": 1, "blocked": 4}
    assert len((program / "asked").read_text().split()) == 2
    clips = read_states(root, "weak").values()
    reasons = {clip.reason for clip in clips if clip.state == "blocked"}
    why = "YouTube requires a sign-in to exclude robots"
    assert reasons == {f"youtube: blocked ({why})", f"youtube: blocked (not requested: {why})"}


def test_videos_are_asked_for_slowly(made, program, tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr(threading.Event, "wait", lambda self, timeout=None: waits.append(timeout))
    for name in made.clips["weak"]:
        put(program, f"{told(name)[0]}.said", b"ERROR: [youtube] x: Video unavailable")
    file, root = prepared(made, tmp_path, per_minute=2)
    with pytest.raises(Exception, match="none of the 5 clips"):
        acquire(file, root, "weak", sources=["youtube"])
    paced = [wait for wait in waits if wait is not None and wait > 20]
    assert len(paced) == 4
    assert max(paced) <= 30


def test_it_is_never_asked_unless_named(made, program, tmp_path):
    file, root = prepared(made, tmp_path)
    with pytest.raises(Exception, match="none of the 5 clips"):
        acquire(file, root, "weak")
    assert not (program / "asked").exists()


def test_without_the_program_it_is_said_in_one_line(made, tmp_path):
    file, root = prepared(made, tmp_path, program="no-such-yt-dlp")
    with pytest.raises(ConfigError, match=r"the program no-such-yt-dlp is not installed; run pip"):
        acquire(file, root, "weak", sources=["youtube"])


def test_without_times_in_names_it_is_refused(made, program, tmp_path):
    file, root = prepared(made, tmp_path)
    file.write_text(file.read_text().replace("_(?P<start>", "_(").replace("_(?P<end>", "_("))
    with pytest.raises(ConfigError, match=r"small.recording: sources.youtube requires the groups"):
        acquire(file, root, "weak", sources=["youtube"])
