"""FLAC: metadata with the number of samples and their MD5, then frames with checksums.

Source: RFC 9639. The number is 0 in files that were written to a pipe. Each frame ends with a
CRC-16, so that the last frame shows whether the file ends where a frame ends. libsndfile is given
the first block of metadata and the frames.
"""

import re
from collections import deque
from itertools import islice

from resed.formats.audio_errors import (
    DamagedAudioError,
    EmptyAudioError,
    SeveralAudioError,
    TruncatedAudioError,
    UndecodableAudioError,
    refusal,
)
from resed.formats.containers.source import SoundBytes, SoundLayout
from resed.formats.containers.tags import after_leading_tags, before_trailing_tags, before_zeros

STREAMINFO = b"\x00\x00\x22"  # length of the first block, after its type and flag
SEVERAL = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")  # the start of another file, 8 bytes
SYNC = re.compile(rb"\xff[\xf8\xf9]")
LONGEST_FRAME = 1 << 21  # bytes; 65535 samples of eight channels of 32 bits
CANDIDATES = 3  # frame headers that are tried as the last one
MOST_SYNCS = 10_000  # places that are examined for a header; random bytes have 64 in LONGEST_FRAME
BLOCK_SIZES = {1: 192, **{code: 576 << code - 2 for code in range(2, 6)}}
BLOCK_SIZES |= {code: 256 << code - 8 for code in range(8, 16)}


def layout(source: SoundBytes) -> SoundLayout:
    """Layout of a FLAC file."""
    begin = after_leading_tags(source)
    info = source.read(begin + 8, 34)
    block = source.read(begin + 4, 4)
    if len(info) < 34 or block not in (b"\x00" + STREAMINFO, b"\x80" + STREAMINFO):
        raise refusal(UndecodableAudioError, "cannot be decoded (metadata of FLAC)", source.name)
    start = _first_frame(source, begin + 4)
    stop = max(before_trailing_tags(source), start)
    if (at := source.find(SEVERAL, 8, start)) >= 0:
        problem = f"another recording follows the first, at byte {at}"
        raise refusal(SeveralAudioError, problem, source.name)
    total = int.from_bytes(info[13:18], "big") & (1 << 36) - 1
    if start >= source.size:
        kind = TruncatedAudioError if total else EmptyAudioError
        raise refusal(kind, "the file ends before its first frame", source.name)
    fixed = int.from_bytes(info[2:4], "big")  # the largest; all but the last frame have it
    end = last_sample(source, start, max(before_zeros(source, stop), start), fixed)
    _compare(source, total, end)
    head = b"fLaC\x80" + STREAMINFO + info
    bits = 1 + (int.from_bytes(info[12:14], "big") >> 4 & 31)
    md5 = info[18:34] if any(info[18:34]) and bits % 8 == 0 else b""
    return SoundLayout(head, start, stop, total or end, not total, md5, cut=end is None)


def _first_frame(source: SoundBytes, at: int) -> int:
    """The position after the blocks of metadata."""
    while len(head := source.read(at, 4)) == 4:
        at += 4 + int.from_bytes(head[1:], "big")
        if head[0] & 0x80:
            return at
    raise refusal(TruncatedAudioError, "truncated: the file ends in its metadata", source.name)


def _compare(source: SoundBytes, total: int, end: int | None) -> None:
    """Compare the stated number of samples, 0 if unknown, with the end of the last frame."""
    if end is None and not total:
        problem = "truncated: its last frame is not complete"
        raise refusal(TruncatedAudioError, problem, source.name)
    if end is not None and total:
        if end < total:
            problem = f"truncated: {end} of {total} samples"
            raise refusal(TruncatedAudioError, problem, source.name)
        if end > total:
            problem = f"its header states {total} samples, its last frame ends at {end}"
            raise refusal(DamagedAudioError, problem, source.name)


def last_sample(source: SoundBytes, start: int, stop: int, fixed: int) -> int | None:
    """The number of samples up to the end of the last frame; None if it does not end at `stop`.

    `stop` comes before zeros that follow the frame. The last bytes of a frame may be among them,
    which changes nothing: zeros keep a CRC of 0, and no other value leads to it over zeros.
    `fixed` is the number of samples per frame in streams of frames of equal length.
    """
    begin = max(start, stop - LONGEST_FRAME)
    tail = source.read(begin, stop - begin)
    places = deque((match.start() for match in SYNC.finditer(tail)), maxlen=MOST_SYNCS)
    headers = ((at, header) for at in reversed(places) if (header := _frame_header(tail, at)))
    for at, (number, samples) in islice(headers, CANDIDATES):
        if crc16(tail[at:]) == 0:
            return number + samples if tail[at + 1] & 1 else number * fixed + samples
    return None


def _frame_header(tail: bytes, at: int) -> tuple[int, int] | None:
    """Number of the frame (or of its first sample) and its samples; None if it is no header."""
    if len(tail) < at + 6:
        return None
    size, rate = tail[at + 2] >> 4, tail[at + 2] & 15
    lead = tail[at + 4]
    more = 0 if lead < 0x80 else next((n for n in range(1, 7) if not lead << n & 0x40), 0)
    if size == 0 or rate == 15 or (lead >= 0x80 and (not lead & 0x40 or not more)):
        return None
    number = lead if lead < 0x80 else lead & (1 << 6 - more) - 1
    for byte in tail[at + 5 : at + 5 + more]:
        number = number << 6 | byte & 0x3F
    rest = at + 5 + more
    wide = {6: 1, 7: 2}.get(size, 0)
    samples = int.from_bytes(tail[rest : rest + wide], "big") + 1 if wide else BLOCK_SIZES[size]
    end = rest + wide + {12: 1, 13: 2, 14: 2}.get(rate, 0)
    if end >= len(tail) or crc8(tail[at:end]) != tail[end]:
        return None
    return number, samples


def _table(bits: int, polynomial: int) -> list[int]:
    """Remainders of all bytes, for a CRC whose highest bit comes first."""
    top, mask, table = 1 << bits - 1, (1 << bits) - 1, []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & mask
        table.append(value)
    return table


CRC8, CRC16 = _table(8, 0x07), _table(16, 0x8005)


def crc8(data: bytes) -> int:
    """The CRC of frame headers."""
    value = 0
    for byte in data:
        value = CRC8[value ^ byte]
    return value


def crc16(data: bytes) -> int:
    """The CRC of frames; 0 for a frame with its own CRC at its end."""
    value = 0
    for byte in data:
        value = (value << 8 & 0xFF00) ^ CRC16[value >> 8 ^ byte]
    return value
