"""Errors of sound files: one class per kind, with a `status` that programs read.

The audit uses `status` as the status of the clip in the manifest.
"""

import shlex
from pathlib import PurePath

from resed.errors import AudioError

WHOLE = "replace it by a whole copy"


class EmptyAudioError(AudioError):
    """The file has no bytes or no samples."""

    status = "empty"


class TruncatedAudioError(AudioError):
    """The file ends before the end that its structure states."""

    status = "truncated"


class DamagedAudioError(AudioError):
    """The file has its full length, but bytes in it are wrong."""

    status = "damaged"


class UndecodableAudioError(AudioError):
    """The file is not sound of a format that resed reads."""

    status = "undecodable"


class SeveralAudioError(AudioError):
    """The file holds several recordings one after the other."""

    status = "several"


class RateAudioError(AudioError):
    """The sample rate in the header cannot be that of sound."""

    status = "odd_rate"


class NonFiniteAudioError(AudioError):
    """The file has samples that are NaN, infinite or beyond every amplitude of sound."""

    status = "nonfinite"


class LongAudioError(AudioError):
    """The waveform is too long to be held in memory at once."""

    status = "too_long"


def refusal(kind: type[AudioError], problem: object, name: str) -> AudioError:
    """An error of `kind` about the file `name`, with the cure of its kind."""
    convert, again = ffmpeg_command(name), "fetch or render it again, or remove it from the data"
    cures = {
        EmptyAudioError: again,
        TruncatedAudioError: f"{WHOLE}, or keep what it holds: {convert}",
        DamagedAudioError: f"{WHOLE}, or keep what can be decoded: {convert}",
        SeveralAudioError: "write each recording to a file of its own",
        RateAudioError: "correct the header, or write the file with its true rate",
        NonFiniteAudioError: "write it with finite samples; full scale is 1",
        LongAudioError: "cut it into shorter files",
    }
    return kind(problem, place=name, cure=cures.get(kind, f"if it is sound, convert it: {convert}"))


def ffmpeg_command(name: str) -> str:
    """The command that converts a file to WAV under a name that is not its own.

    >>> ffmpeg_command("data/a b.m4a")
    "ffmpeg -i 'data/a b.m4a' 'data/a b.wav'"
    """
    if name.startswith("-") or ":" in name.partition("/")[0]:  # an option or a protocol of ffmpeg
        name = f"./{name}"
    path = PurePath(name)
    stem = f"{path.stem}.new" if path.suffix.lower() == ".wav" else path.stem
    out = path.with_name(f"{stem}.wav") if path.name else PurePath("new.wav")
    written = f"./{out}" if name.startswith("./") else str(out)
    return shlex.join(["ffmpeg", "-i", name, written])
