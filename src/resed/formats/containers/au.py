"""AU (Sun, NeXT): a header with the size of the samples, which may be unknown."""

import struct

from resed.formats.audio_errors import UndecodableAudioError, refusal
from resed.formats.containers.chunks import Chunk, check_alone, check_complete
from resed.formats.containers.source import SoundBytes, SoundLayout

UNKNOWN = 0xFFFFFFFF
WIDTHS = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}  # encoding -> bytes per sample


def layout(source: SoundBytes) -> SoundLayout:
    """Layout of an AU file.

    If the size is unknown, or 0 before bytes, the samples end with the file. Nothing but zeros
    follows the samples, because AU has no chunks.
    """
    header = source.read(0, 24)
    sign = ">" if header[:4] == b".snd" else "<"
    if len(header) < 24:
        raise refusal(UndecodableAudioError, "cannot be decoded (header of 24 bytes)", source.name)
    start, size, encoding, _, channels = struct.unpack(sign + "5I", header[4:])
    if start < 24:
        problem = f"cannot be decoded (samples from byte {start})"
        raise refusal(UndecodableAudioError, problem, source.name)
    unfinalised = size == UNKNOWN or (size == 0 and source.size > start)
    length = max(source.size - start, 0) if unfinalised else size
    sound = Chunk(b".snd", start, length)
    check_complete(source, sound, "samples")
    check_alone(source, sound.stop, source.size)
    head = header[:4] + struct.pack(sign + "II", 24, min(length, UNKNOWN)) + header[12:]
    frame = WIDTHS.get(encoding, 0) * channels
    return SoundLayout(head, start, sound.stop, length // frame if frame else None, unfinalised)
