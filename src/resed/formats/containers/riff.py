"""WAV, RF64, BW64 and W64: chunks with the format and with the samples.

Sources: EBU Tech 3306 (RF64), ITU-R BS.2088 (BW64), Sonic Foundry's Wave 64. libsndfile is given a
file of the two chunks that it needs, because it refuses BW64 and reads files that were never
finalised as empty.
"""

import struct

from resed.formats.audio_errors import TruncatedAudioError, UndecodableAudioError, refusal
from resed.formats.containers.chunks import (
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

UNKNOWN32 = 0xFFFFFFFF  # in RF64 and BW64: the size is in the chunk ds64
# Sizes that programs write to a pipe, where they cannot go back: all ones less a header (ffmpeg),
# 0x7FFFF000 less a part of a block (SoX), 2 GiB (arecord).
PLACEHOLDERS = ((0x7FFFF000 - 256, 0x80000000), (0xFFFFFF00, 0xFFFFFFFF), (1 << 62, 1 << 64))
PCM, FLOAT, ALAW, MULAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE  # tags of formats
GUID = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # the end of the identifiers of W64
BIGGEST = 0xFFFFFF00 - 4096  # bytes of sound in a plain RIFF


def layout(source: SoundBytes) -> SoundLayout:
    """Layout of a WAV, RF64, BW64 or W64 file.

    The samples end where the data chunk ends. If its size is 0 or a placeholder and samples follow,
    they end with the file. A missing byte of padding after the samples is no loss.
    """
    magic = source.read(0, 4)
    wide = magic == b"riff"
    order = "big" if magic == b"RIFX" else "little"
    grammar = Grammar(16, 8, order, 8, counted=24) if wide else Grammar(4, 4, order, 2)
    first = 40 if wide else 12
    if source.read(first - (16 if wide else 4), 4) not in (b"WAVE", b"wave"):
        raise refusal(
            UndecodableAudioError, "is a RIFF file of another kind than WAVE", source.name
        )
    before, sound = _find(source, grammar, first, b"data" + GUID if wide else b"data")
    format_ = the_chunk(before, b"fmt " + GUID if wide else b"fmt ", source, 16)
    form = _form_size(source, magic, order)
    if magic in (b"RF64", b"BW64"):
        form, sound = _sizes_of_ds64(source, before, form, sound)
    unfinalised = _unstated(source, grammar, sound)
    if unfinalised:
        sound = Chunk(sound.id, sound.at, source.size - sound.at)
    check_complete(source, sound, "data chunk")
    if not unfinalised:
        check_rest(source, grammar, sound, None if _placeholder(form) else form)
    head = _head(order, format_, before, source, sound.length)
    frames = _frames(source, order, format_, sound.length)
    if frames == 0 and not unfinalised:
        check_complete(source, Chunk(sound.id, sound.at, 0), "data chunk")
    return SoundLayout(head, sound.at, sound.stop, frames, unfinalised)


def _find(
    source: SoundBytes, grammar: Grammar, first: int, wanted: bytes
) -> tuple[dict[bytes, Chunk], Chunk]:
    """The chunks before the samples, and the chunk of the samples; empty ones are passed over."""
    before: dict[bytes, Chunk] = {}
    for chunk in grammar.walk(source, first, source.size):
        if chunk.id == wanted:
            return before, not_empty(source, grammar, chunk)
        before.setdefault(chunk.id, chunk)
        if chunk.stop > source.size:
            problem = "truncated: the file ends before its data chunk"
            raise refusal(TruncatedAudioError, problem, source.name)
    raise refusal(UndecodableAudioError, "cannot be decoded (no data chunk)", source.name)


def _form_size(source: SoundBytes, magic: bytes, order: str) -> int:
    """Where the form ends by its own size."""
    if magic == b"riff":
        return int.from_bytes(source.read(16, 8), "little")
    return int.from_bytes(source.read(4, 4), order) + 8


def _sizes_of_ds64(
    source: SoundBytes, before: dict[bytes, Chunk], form: int, sound: Chunk
) -> tuple[int, Chunk]:
    """Sizes of form and samples in 64 bits, where the chunks defer to ds64."""
    if b"ds64" not in before:
        return form, sound
    riff, data = struct.unpack("<QQ", the_chunk(before, b"ds64", source, 16)[:16])
    if form - 8 == UNKNOWN32:
        form = riff + 8
    if sound.length == UNKNOWN32:
        sound = Chunk(sound.id, sound.at, data)
    return form, sound


def _placeholder(size: int) -> bool:
    return size <= 8 or any(low <= size <= high + 8 for low, high in PLACEHOLDERS)


def _unstated(source: SoundBytes, grammar: Grammar, sound: Chunk) -> bool:
    """Whether the size of the samples is a placeholder, or 0 before bytes that are no chunks."""
    if sound.length > 0:
        return sound.stop > source.size and _placeholder(sound.length)
    at = sound.at
    for chunk in grammar.walk(source, at, source.size):
        if not is_name(chunk.id) or chunk.stop > source.size:
            break
        at = grammar.after(source, chunk)
    return at < source.size


def _head(
    order: str, format_: bytes, before: dict[bytes, Chunk], source: SoundBytes, length: int
) -> bytes:
    """A header for libsndfile: the format and the true size."""
    sign = "<" if order == "little" else ">"
    fact = next((one for id_, one in before.items() if id_[:4] == b"fact"), None)
    chunks = _chunk(sign, b"fmt ", format_)
    if fact is not None and 4 <= fact.length <= 64:
        chunks += _chunk(sign, b"fact", source.read(fact.at, fact.length))
    size = 4 + len(chunks) + 8 + length + length % 2
    if length <= BIGGEST:
        magic = b"RIFF" if order == "little" else b"RIFX"
        return (
            magic + struct.pack(sign + "I", size) + b"WAVE" + chunks
            + b"data" + struct.pack(sign + "I", length)
        )  # fmt: skip
    ds64 = _chunk("<", b"ds64", struct.pack("<QQQI", size + 36, length, 0, 0))
    unknown = struct.pack("<I", UNKNOWN32)
    return b"RF64" + unknown + b"WAVE" + ds64 + chunks + b"data" + unknown


def _chunk(sign: str, id_: bytes, content: bytes) -> bytes:
    return id_ + struct.pack(sign + "I", len(content)) + content + bytes(len(content) % 2)


def _frames(source: SoundBytes, order: str, format_: bytes, length: int) -> int | None:
    """Samples per channel of uncompressed sound; None for others."""
    sign = "<" if order == "little" else ">"
    tag, channels, _, _, block, bits = struct.unpack(sign + "HHIIHH", format_[:16])
    if tag == EXTENSIBLE and len(format_) >= 26:
        tag = struct.unpack(sign + "H", format_[24:26])[0]
    if tag not in (PCM, FLOAT, ALAW, MULAW):
        return None
    return length // check_frame(source, block, channels, 8 if tag in (ALAW, MULAW) else bits)
