"""CAF (Apple Core Audio): chunks of 64-bit sizes; the size of the samples may be -1.

Source: Apple, Core Audio Format Specification 1.0. libsndfile is given a file of the chunks `desc`
and `data` if the samples are uncompressed, else the file itself.
"""

import struct

from resed.formats.audio_errors import TruncatedAudioError, refusal
from resed.formats.containers.chunks import (
    MAGICS,
    Chunk,
    Grammar,
    check_complete,
    check_frame,
    check_rest,
    is_name,
    not_empty,
    the_chunk,
)
from resed.formats.containers.source import SoundBytes, SoundLayout

GRAMMAR = Grammar(4, 8, "big", 1, signed=True)
UNCOMPRESSED = (b"lpcm", b"ulaw", b"alaw")


def layout(source: SoundBytes) -> SoundLayout:
    """Layout of a CAF file.

    If the size of the samples is -1 (allowed for the last chunk), or 0 before bytes, they end with
    the file.
    """
    before: dict[bytes, Chunk] = {}
    for chunk in GRAMMAR.walk(source, 8, source.size):
        before.setdefault(chunk.id, chunk)
        if chunk.id == b"data":
            break
    description = the_chunk(before, b"desc", source, 32)
    sound = before.get(b"data")
    if sound is None:
        problem = "truncated: the file ends before its chunk data"
        raise refusal(TruncatedAudioError, problem, source.name)
    sound = not_empty(source, GRAMMAR, sound, 4)
    unfinalised = sound.length == -1 or (sound.length in (0, 4) and source.size > sound.at + 4)
    if unfinalised:
        sound = Chunk(sound.id, sound.at, source.size - sound.at)
    check_complete(source, sound, "chunk data")
    if sound.length <= 4:  # the number of edits, which precedes the samples
        check_complete(source, Chunk(sound.id, sound.at, 0), "chunk data")
    if not unfinalised:
        _check_chunks(source, sound)
        check_rest(source, GRAMMAR, sound, None)
    if description[8:12] not in UNCOMPRESSED:
        return SoundLayout(b"", 0, source.size, None, unfinalised)
    frame, _, channels, bits = struct.unpack(">4I", description[16:32])
    frames = (sound.length - 4) // check_frame(source, frame, channels, bits)
    data = b"data" + struct.pack(">q", sound.length) + source.read(sound.at, 4)
    head = source.read(0, 8) + b"desc" + struct.pack(">q", 32) + description[:32] + data
    return SoundLayout(head, sound.at + 4, sound.stop, frames, unfinalised)


def _check_chunks(source: SoundBytes, sound: Chunk) -> None:
    """Chunks after the samples are complete; CAF has no size of the whole file."""
    for chunk in GRAMMAR.walk(source, sound.stop, source.size):
        if not is_name(chunk.id) or chunk.id in MAGICS:
            return  # bytes that belong to no chunk
        if chunk.stop > source.size:
            problem = f"truncated: its last chunk lacks {chunk.stop - source.size} bytes"
            raise refusal(TruncatedAudioError, problem, source.name)
