"""Recognise the container of a sound file by its first bytes, whatever its name is."""

from collections.abc import Callable

from resed.formats.audio_errors import (
    EmptyAudioError,
    TruncatedAudioError,
    UndecodableAudioError,
    refusal,
)
from resed.formats.containers import aiff, au, caf, flac, mpeg, ogg, riff
from resed.formats.containers.source import SoundBytes, SoundLayout
from resed.formats.containers.tags import after_leading_tags

# Format as the documentation names it -> first bytes and the function that reads its structure.
CONTAINERS: dict[str, tuple[tuple[bytes, ...], Callable[[SoundBytes], SoundLayout]]] = {
    "WAV": ((b"RIFF", b"RIFX"), riff.layout),
    "RF64": ((b"RF64",), riff.layout),
    "BW64": ((b"BW64",), riff.layout),
    "W64": ((b"riff",), riff.layout),
    "AIFF": ((b"FORM",), aiff.layout),
    "AU": ((b".snd", b"dns."), au.layout),
    "CAF": ((b"caff",), caf.layout),
    "FLAC": ((b"fLaC",), flac.layout),
    "Ogg": ((b"OggS",), ogg.layout),
    "MP3": ((), mpeg.layout),
}
OTHERS = {  # first bytes, from a position -> what it is
    (4, b"ftyp"): "MP4 or M4A",
    (0, b"\x1aE\xdf\xa3"): "Matroska or WebM",
    (0, b"0&\xb2u\x8ef\xcf\x11"): "WMA or ASF",
    (0, b"wvpk"): "WavPack",
    (0, b"MAC "): "Monkey's Audio",
    (0, b"#!AMR"): "AMR",
    (0, b"NIST_1A"): "NIST SPHERE",
    (0, b"\xff\xf1"): "AAC",
    (0, b"\xff\xf9"): "AAC",
    **{(0, bytes((0xFF, second))): "MPEG audio of layer 2" for second in (0xF4, 0xF5, 0xFC, 0xFD)},
}


def layout_of(source: SoundBytes) -> SoundLayout:
    """The layout of a sound file of any format of CONTAINERS.

    Raises EmptyAudioError, TruncatedAudioError, DamagedAudioError, SeveralAudioError or
    UndecodableAudioError.
    """
    if source.size == 0:
        raise refusal(EmptyAudioError, "the file is empty (0 bytes)", source.name)
    start = after_leading_tags(source)
    if start and start >= source.size:
        problem = f"truncated: its ID3 tag states that the sound begins at byte {start}, where the "
        problem += "file has ended"
        raise refusal(TruncatedAudioError, problem, source.name)
    magic = source.read(start, 4)
    for magics, layout in CONTAINERS.values():
        if magic in magics and (start == 0 or magic == b"fLaC"):
            return layout(source)
    if start or mpeg.is_mpeg(source, start):  # other formats have no tag in front
        return mpeg.layout(source)
    raise refusal(UndecodableAudioError, _unknown(source), source.name)


def _unknown(source: SoundBytes) -> str:
    for (at, magic), name in OTHERS.items():
        if source.read(at, len(magic)) == magic:
            return f"cannot be decoded ({name})"
    return "cannot be decoded (Format not recognised)"
