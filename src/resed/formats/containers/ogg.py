"""Ogg (Vorbis, Opus): pages with sequence numbers, checksums and a flag on the last one.

Source: RFC 3533. libsndfile reads the pages that it finds, whatever is missing between or after
them.
"""

import re
import zlib
from dataclasses import dataclass

from resed.errors import AudioError
from resed.formats.audio_errors import (
    DamagedAudioError,
    SeveralAudioError,
    TruncatedAudioError,
    refusal,
)
from resed.formats.containers.source import SoundBytes, SoundLayout

MAGIC, HEAD = b"OggS", 27
CONTINUED, FIRST, LAST = 1, 2, 4
SOUND = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class Page:
    """A page: flags, stream, sequence number, length in bytes."""

    flags: int
    serial: bytes
    number: int
    length: int
    start: bytes  # of its content


def layout(source: SoundBytes) -> SoundLayout:
    """Layout of an Ogg file: every page, to the page that ends the stream.

    Bytes after that page are ignored, unless they are another stream.
    """
    at, numbers, ended, sounds = 0, {}, set(), 0
    while at < source.size and (not numbers or len(ended) < len(numbers)):
        page = _page(source, at)
        if page.flags & FIRST:
            sounds += page.start.startswith(SOUND)
            if page.serial in numbers or sounds > 1:
                raise _several(source, at)
        elif page.number != numbers.get(page.serial, -2) + 1 or page.serial in ended:
            problem = f"pages are missing before byte {at}"
            raise refusal(DamagedAudioError, problem, source.name)
        numbers[page.serial] = page.number
        if page.flags & LAST:
            ended.add(page.serial)
        at += page.length
    if len(ended) < len(numbers):
        problem = "truncated: the page that ends the stream is missing"
        raise refusal(TruncatedAudioError, problem, source.name)
    if (other := source.find(re.compile(MAGIC), len(MAGIC), at)) >= 0:
        raise _several(source, other)
    return SoundLayout(b"", 0, at)


def _several(source: SoundBytes, at: int) -> AudioError:
    problem = f"another stream of sound begins at byte {at}"
    return refusal(SeveralAudioError, problem, source.name)


def _page(source: SoundBytes, at: int) -> Page:
    """The page at a position; raises if it is cut or damaged, or is no page."""
    head = source.read(at, HEAD)
    whole = len(head) == HEAD
    if whole and head[:5] != MAGIC + b"\0":
        problem = f"damaged: no page at byte {at}, before the end of the stream"
        raise refusal(DamagedAudioError, problem, source.name)
    sizes = source.read(at + HEAD, head[26]) if whole else b""
    length = HEAD + len(sizes) + sum(sizes)
    if not whole or len(sizes) < head[26] or at + length > source.size:
        problem = f"truncated: its page at byte {at} is not complete"
        raise refusal(TruncatedAudioError, problem, source.name)
    content = source.read(at + HEAD + len(sizes), sum(sizes))
    if crc(head[:22] + bytes(4) + head[26:] + sizes + content) != head[22:26]:
        problem = f"damaged: the checksum of its page at byte {at} does not fit"
        raise refusal(DamagedAudioError, problem, source.name)
    number = int.from_bytes(head[18:22], "little")
    return Page(head[5], head[14:18], number, length, content[:8])


def crc(page: bytes) -> bytes:
    """The checksum of a page whose checksum is zeros, as it is written.

    The polynomial is that of zlib with the bits of each byte in reverse, without inversions.
    """
    value = zlib.crc32(page.translate(REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return value.to_bytes(4, "little").translate(REVERSED)[::-1]
