"""Plug `youtube`: videos by the program yt-dlp, one at a time, slowly.

yt-dlp is a program beside resed and no part of it. What it answers is told from its messages, which
are `ERROR: [youtube] ID: text`; a wall against robots ends this source for the run.
"""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from resed.acquire.recordings.sources.convert import rewrite
from resed.acquire.recordings.sources.plug import (
    Context,
    DeliveryState,
    Outcome,
    Wanted,
    incoming_path,
)
from resed.acquire.recordings.sources.remote import Patience, reason
from resed.acquire.recordings.sources.settings import YouTubeSource
from resed.errors import AudioError, ConfigError
from resed.formats.audio import probe

# Part of a message, in lower case -> state and what is told. The first that fits counts.
MESSAGES: tuple[tuple[str, DeliveryState, str], ...] = (
    ("not a bot", "blocked", "YouTube asks for a sign-in against robots"),
    ("http error 429", "blocked", "too many requests"),
    ("too many requests", "blocked", "too many requests"),
    ("rate-limited", "blocked", "too many requests"),
    ("confirm your age", "blocked", "only for those who are signed in (age)"),
    ("members-only", "blocked", "only for members"),
    ("join this channel", "blocked", "only for members"),
    ("private video", "gone", "private"),
    ("video is private", "gone", "private"),
    ("has been terminated", "gone", "the account was terminated"),
    ("account has been closed", "gone", "the account was closed"),
    ("removed by the uploader", "gone", "removed by the uploader"),
    ("has been removed", "gone", "removed"),
    ("in your country", "blocked", "not for this country"),
    ("copyright", "gone", "removed for copyright"),
    ("does not exist", "gone", "does not exist"),
    ("no longer available", "gone", "no longer available"),
    ("not available", "gone", "not available"),
    ("video unavailable", "gone", "not available"),
)
WALL = frozenset(MESSAGES[place][2] for place in range(4))  # these end the source


class YouTube:
    """Asks `per_minute` times a minute at most; `clock` and `sleep` are for tests."""

    def __init__(
        self,
        settings: YouTubeSource,
        context: Context,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ):
        self._settings, self._context, self._clock = settings, context, clock
        self._sleep = sleep or context.stopping.wait
        self._recording = re.compile(context.dataset.recording or "")
        if not {"id", "start", "end"} <= set(self._recording.groupindex):
            raise ConfigError(
                f"datasets.{context.dataset.name}.recording: sources.{settings.name} needs "
                "the groups id, start and end, to tell from a clip's name what to cut out"
            )

    def deliver(self, wanted: Sequence[Wanted]) -> Iterator[Outcome]:
        """See `resed.acquire.recordings.sources.plug.Plug`."""
        program = shutil.which(self._settings.program)
        if program is None:
            raise ConfigError(
                f"sources.{self._settings.name}: the program {self._settings.program} is not "
                "there; run pip install yt-dlp, or leave this source out"
            )
        patience, walled, last = Patience(self._settings.patience), "", None
        for item in wanted:
            match = None if item.annotations else self._recording.match(item.filename)
            if match is None:
                yield Outcome(item, "gone", "no name of a video", final=True)
            elif walled:
                yield Outcome(item, "blocked", f"not asked: {walled}")
            elif patience.over:
                yield patience.skipped(item)
            else:
                if last is not None:
                    self._sleep(max(0.0, last + 60 / self._settings.per_minute - self._clock()))
                last = self._clock()
                outcome = self._video(program, item, match)
                walled = outcome.detail if outcome.detail in WALL else ""
                patience.told(outcome.state)
                yield outcome

    def _video(self, program: str, item: Wanted, match: re.Match[str]) -> Outcome:
        folder = self._context.incoming(self._settings.name, item.split) / f"{match['id']}.video"
        folder.mkdir(exist_ok=True)
        try:
            failed = self._downloaded(program, item, match["id"], folder)
            if failed:
                return failed
            found = [path for path in sorted(folder.iterdir()) if path.suffix != ".part"]
            if not found:
                return Outcome(item, "failed", f"{self._settings.program} brought no file")
            self._context.meter.received(found[0].stat().st_size)
            return self._cut(item, found[0], float(match["start"]), float(match["end"]))
        finally:
            shutil.rmtree(folder)

    def _downloaded(self, program: str, item: Wanted, name: str, folder: Path) -> Outcome | None:
        """Run yt-dlp; None where it ended well."""
        command = [program, "--ignore-config", "--no-playlist", "--no-progress", "--no-cache-dir"]
        command += ["--format", "bestaudio/best", "--output", str(folder / "%(id)s.%(ext)s"), "--"]
        address = self._settings.url.replace("{id}", name)
        try:
            done = subprocess.run(
                [*command, address],
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                timeout=self._settings.seconds,
            )
        except subprocess.TimeoutExpired:
            return Outcome(item, "failed", f"took more than {self._settings.seconds:g} s")
        if done.returncode == 0:
            return None
        state, told, final = told_by(done.stderr)
        return Outcome(item, state, told, final=final)

    def _cut(self, item: Wanted, sound: Path, start: float, end: float) -> Outcome:
        path = incoming_path(self._context, self._settings.name, item)
        try:
            probe(sound)
        except AudioError:  # webm and m4a are not libsndfile's
            decoded = sound.with_suffix(".decoded.wav")
            problem = _by_ffmpeg(sound, decoded, start, end)
            if problem:
                return Outcome(item, "failed", problem)
            sound, start, end = decoded, 0.0, end - start
        try:
            rewrite(sound, path, start, end)
        except AudioError as error:
            return Outcome(item, "corrupt", reason(error, sound, "the video"))
        return Outcome(item, "present", path=path)


def told_by(messages: str) -> tuple[DeliveryState, str, bool]:
    """State, detail and whether it is final, from what yt-dlp wrote on stderr."""
    text = messages.lower().replace("\u2019", "'")
    for part, state, told in MESSAGES:
        if part in text:
            return state, told, state == "gone"
    lines = [line for line in messages.splitlines() if line.startswith("ERROR")]
    last = lines[-1].removeprefix("ERROR:").strip() if lines else "no message"
    return "failed", " ".join(last.replace(";", ",").split())[:200], False


def _by_ffmpeg(source: Path, target: Path, start: float, end: float) -> str | None:
    """Cut with ffmpeg at the sound's own rate; what went wrong, or None."""
    program = shutil.which("ffmpeg")
    if program is None:
        return f"ffmpeg is needed for {source.suffix} files and is not there"
    command = [program, "-nostdin", "-v", "error", "-ss", f"{start:.3f}", "-i", str(source)]
    command += ["-t", f"{end - start:.3f}", "-vn", "-c:a", "pcm_s16le", "-bitexact", str(target)]
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL)
    return None if done.returncode == 0 else "ffmpeg could not decode it"
