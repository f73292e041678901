"""Adapter `youtube`: audio of videos, downloaded by the program yt-dlp at a limited rate.

yt-dlp must be installed separately. It reports failures only as text on stderr, in lines such as
`ERROR: [youtube] ID: text`. When it reports a robot check, the source is skipped in this run.
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from resed.acquire.recordings.sources.adapter import (
    AcquireContext,
    Delivery,
    DeliveryState,
    WantedFile,
    incoming_path,
    problem_of,
)
from resed.acquire.recordings.sources.convert import convert
from resed.acquire.recordings.sources.downloads import FailureCounter
from resed.acquire.recordings.sources.settings import YouTubeSource
from resed.config.recording_pattern import NamedRecording
from resed.errors import AudioError, ConfigError
from resed.formats.audio import probe
from resed.formats.audio_errors import UndecodableAudioError

# Part of a message in lower case, state, detail; the first match is used.
MESSAGES: tuple[tuple[str, DeliveryState, str], ...] = (
    ("not a bot", "blocked", "YouTube requires a sign-in to exclude robots"),
    ("http error 429", "blocked", "too many requests"),
    ("too many requests", "blocked", "too many requests"),
    ("rate-limited", "blocked", "too many requests"),
    ("confirm your age", "blocked", "restricted to signed-in users (age)"),
    ("members-only", "blocked", "restricted to members"),
    ("join this channel", "blocked", "restricted to members"),
    ("private video", "gone", "private"),
    ("video is private", "gone", "private"),
    ("has been terminated", "gone", "the account was terminated"),
    ("account has been closed", "gone", "the account was closed"),
    ("removed by the uploader", "gone", "removed by the uploader"),
    ("has been removed", "gone", "removed"),
    ("in your country", "blocked", "not available in this country"),
    ("copyright", "gone", "removed for copyright reasons"),
    ("does not exist", "gone", "does not exist"),
    ("no longer available", "gone", "no longer available"),
    ("not available", "gone", "not available"),
    ("video unavailable", "gone", "not available"),
)
ROBOT_CHECK = frozenset(MESSAGES[place][2] for place in range(4))  # the source is skipped


class YouTubeAdapter:
    """Downloads up to `per_minute` videos per minute; tests replace `clock` and `sleep`."""

    def __init__(
        self,
        settings: YouTubeSource,
        context: AcquireContext,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ):
        self._settings, self._context, self._clock = settings, context, clock
        self._sleep = sleep or context.stopping.wait
        pattern = context.dataset.pattern
        if pattern is None or not {"id", "start", "end"} <= pattern.names:
            raise ConfigError(
                f"sources.{settings.name} requires the groups id, start and end",
                place=f"datasets.{context.dataset.name}.recording",
                cure="add them to the pattern, or remove this source",
            )
        self._recording = pattern

    def deliver(self, wanted: Sequence[WantedFile]) -> Iterator[Delivery]:
        """See `SourceAdapter.deliver`."""
        program = shutil.which(self._settings.program)
        if program is None:
            raise ConfigError(
                f"the program {self._settings.program} is not installed",
                place=f"sources.{self._settings.name}",
                cure="run pip install yt-dlp, or use another --source",
            )
        failures, refused, last = FailureCounter(self._settings.patience), "", None
        for item in wanted:
            match = None if item.annotations else self._recording.match(item.filename)
            if match is None or match.start is None or match.end is None:
                yield Delivery(item, "gone", "not the name of a video", final=True)
            elif refused:
                yield Delivery(item, "blocked", f"not requested: {refused}")
            elif failures.exceeded:
                yield failures.skipped(item)
            else:
                if last is not None:
                    self._sleep(max(0.0, last + 60 / self._settings.per_minute - self._clock()))
                last = self._clock()
                delivery = self._video(program, item, match)
                refused = delivery.detail if delivery.detail in ROBOT_CHECK else ""
                failures.count(delivery.state)
                yield delivery

    def _video(self, program: str, item: WantedFile, match: NamedRecording) -> Delivery:
        folder = self._context.incoming(self._settings.name, item.split) / f"{match.id}.video"
        folder.mkdir(exist_ok=True)
        try:
            failed = self._downloaded(program, item, match.id, folder)
            if failed:
                return failed
            found = [path for path in sorted(folder.iterdir()) if path.suffix != ".part"]
            if not found:
                return Delivery(item, "failed", f"{self._settings.program} wrote no file")
            self._context.progress.received(found[0].stat().st_size)
            return self._cut(item, found[0], match.start, match.end)
        finally:
            shutil.rmtree(folder)

    def _downloaded(
        self, program: str, item: WantedFile, name: str, folder: Path
    ) -> Delivery | None:
        """Run yt-dlp; the answer if it fails, else None."""
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
            return Delivery(item, "failed", f"stopped after {self._settings.seconds:g} s")
        if done.returncode == 0:
            return None
        state, detail = answer_of(done.stderr)
        return Delivery(item, state, detail, final=state == "gone")

    def _cut(self, item: WantedFile, sound: Path, start: float, end: float) -> Delivery:
        path = incoming_path(self._context, self._settings.name, item)
        try:
            probe(sound)
        except UndecodableAudioError:  # webm and m4a
            decoded = sound.with_suffix(".decoded.wav")
            problem = _by_ffmpeg(sound, decoded, start, end)
            if problem:
                return Delivery(item, "failed", problem)
            sound, start, end = decoded, 0.0, end - start
        except AudioError as error:
            return Delivery(item, "corrupt", problem_of(error, "the video"))
        try:
            convert(sound, path, start, end)
        except AudioError as error:
            return Delivery(item, "corrupt", problem_of(error, "the video"))
        return Delivery(item, "present", path=path)


def answer_of(messages: str) -> tuple[DeliveryState, str]:
    """State and detail from the messages of yt-dlp on stderr."""
    text = messages.lower().replace("\u2019", "'")
    for part, state, detail in MESSAGES:
        if part in text:
            return state, detail
    lines = [line for line in messages.splitlines() if line.startswith("ERROR")]
    last = lines[-1].removeprefix("ERROR:").strip() if lines else "no message"
    return "failed", " ".join(last.split())[:200]


def _by_ffmpeg(source: Path, target: Path, start: float, end: float) -> str | None:
    """Cut and decode with ffmpeg, at the rate of the source; the problem, or None."""
    program = shutil.which("ffmpeg")
    if program is None:
        return f"ffmpeg is required for {source.suffix} files and is not installed"
    command = [program, "-nostdin", "-v", "error", "-ss", f"{start:.3f}", "-i", str(source)]
    command += ["-t", f"{end - start:.3f}", "-vn", "-c:a", "pcm_s16le", "-bitexact", str(target)]
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL)
    return None if done.returncode == 0 else "ffmpeg cannot decode it"
