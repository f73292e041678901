"""AIFF and AIFF-C: the chunks COMM (format) and SSND (samples) in a FORM.

Source: Apple, Audio Interchange File Format AIFF-C (1991). libsndfile is given a file of the two
chunks, COMM first.
"""

import struct

from resed.formats.audio_errors import (
    DamagedAudioError,
    TruncatedAudioError,
    UndecodableAudioError,
    refusal,
)
from resed.formats.containers.chunks import (
    Chunk,
    Grammar,
    check_complete,
    check_rest,
    not_empty,
    the_chunk,
)
from resed.formats.containers.source import SoundBytes, SoundLayout

GRAMMAR = Grammar(4, 4, "big", 2)
# Bytes per sample of uncompressed sound; None: by the bits that COMM states.
WIDTHS = {
    **dict.fromkeys((b"NONE", b"twos", b"sowt", b"in16", b"in24", b"in32", b"raw ")),
    **dict.fromkeys((b"fl32", b"FL32"), 4),
    **dict.fromkeys((b"fl64", b"FL64"), 8),
    **dict.fromkeys((b"ulaw", b"alaw", b"ULAW", b"ALAW"), 1),
}


def layout(source: SoundBytes) -> SoundLayout:
    """Layout of an AIFF or AIFF-C file.

    The samples end where COMM (their number) and SSND (its size) say, which must agree; both must
    be in the file. If both state none and samples follow, they end with the file.
    """
    kind = source.read(8, 4)
    if kind not in (b"AIFF", b"AIFC"):
        raise refusal(UndecodableAudioError, "is a FORM of another kind than AIFF", source.name)
    found: dict[bytes, Chunk] = {}
    for chunk in GRAMMAR.walk(source, 12, source.size):
        found.setdefault(chunk.id, chunk)
        if b"COMM" in found and b"SSND" in found:
            break
    common = the_chunk(found, b"COMM", source, 18)
    sound = found.get(b"SSND")
    if sound is None:
        problem = "truncated: the file ends before its samples"
        raise refusal(TruncatedAudioError, problem, source.name)
    sound = not_empty(source, GRAMMAR, sound, 8)
    channels, stated, bits = struct.unpack(">HIH", common[:8])
    width = _width(common, bits) if kind == b"AIFC" else (bits + 7) // 8
    unfinalised = sound.length in (0, 8) and stated == 0 and source.size > sound.at + 8
    offset = int.from_bytes(source.read(sound.at, 4), "big")
    if unfinalised:
        sound = Chunk(sound.id, sound.at, source.size - sound.at)
    start = sound.at + 8 + offset
    whole = Chunk(sound.id, start, sound.stop - start)
    check_complete(source, whole, "chunk SSND")
    frames = _frames(source, whole, stated, channels * width, unfinalised)
    if frames is not None:
        whole = Chunk(sound.id, start, frames * channels * width)  # without padding
    if not unfinalised:
        form = int.from_bytes(source.read(4, 4), "big")
        check_rest(source, GRAMMAR, sound, form + 8 if form else None)
    return SoundLayout(_head(kind, common, frames, whole), start, whole.stop, frames, unfinalised)


def _width(common: bytes, bits: int) -> int:
    """Bytes per sample, 0 if the samples are compressed."""
    code = common[18:22]
    return (WIDTHS[code] or (bits + 7) // 8) if code in WIDTHS else 0


def _frames(
    source: SoundBytes, sound: Chunk, stated: int, frame: int, unfinalised: bool
) -> int | None:
    """Samples per channel of uncompressed sound; raises if COMM and SSND differ."""
    if not frame:
        return None
    there = sound.length // frame
    if unfinalised:
        return there
    if stated > there:
        problem = f"truncated: chunk SSND has {there} of {stated} samples"
        raise refusal(TruncatedAudioError, problem, source.name)
    if there - stated > 1:  # a byte of padding may be counted
        problem = f"damaged: chunk COMM states {stated} samples, chunk SSND has {there}"
        raise refusal(DamagedAudioError, problem, source.name)
    return stated


def _head(kind: bytes, common: bytes, frames: int | None, sound: Chunk) -> bytes:
    """A header for libsndfile: COMM with the true number of samples, and SSND."""
    if frames is not None:
        common = common[:2] + struct.pack(">I", frames & 0xFFFFFFFF) + common[6:]
    comm = b"COMM" + struct.pack(">I", len(common)) + common + bytes(len(common) % 2)
    size = (4 + len(comm) + 16 + sound.length) & 0xFFFFFFFF
    ssnd = b"SSND" + struct.pack(">III", (sound.length + 8) & 0xFFFFFFFF, 0, 0)
    return b"FORM" + struct.pack(">I", size) + kind + comm + ssnd
