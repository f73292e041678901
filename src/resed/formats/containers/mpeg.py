"""MP3: frames with a header each; the header does not reliably state the length.

Sources: ISO/IEC 11172-3 and 13818-3; the header of Xing and of LAME; VBRI of Fraunhofer. libsndfile
estimates the length where the first frame is no header of Xing, and stops at its estimate. So the
frames are counted here, and libsndfile is given a header with their number.
"""

import struct
from dataclasses import dataclass

from resed.formats.audio_errors import (
    DamagedAudioError,
    SeveralAudioError,
    TruncatedAudioError,
    UndecodableAudioError,
    refusal,
)
from resed.formats.containers.source import PIECE, SoundBytes, SoundLayout
from resed.formats.containers.tags import after_leading_tags, before_trailing_tags

HEADER = 4  # bytes
RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # Hz
KBITS = {  # (version 1, layer) -> kbit/s by index
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
FRAMES, BYTES, TABLE, QUALITY = 1, 2, 4, 8  # flags of a Xing header
DECODER_DELAY = 529  # samples


@dataclass(frozen=True)
class Frame:
    """A frame by its header: version (3: 1, 2: 2, 0: 2.5), layer, rate in Hz, length in bytes."""

    version: int
    layer: int
    rate: int
    mono: bool
    length: int

    @property
    def kind(self) -> tuple[int, int, int, bool]:
        """What all frames of a stream have in common."""
        return self.version, self.layer, self.rate, self.mono

    @property
    def samples(self) -> int:
        """Samples per channel."""
        return 1152 if self.version == 3 else 576

    @property
    def side(self) -> int:
        """Bytes from the start of the frame to a Xing header."""
        long = self.version == 3
        return HEADER + ((17 if long else 9) if self.mono else (32 if long else 17))


@dataclass(frozen=True)
class MpegHeader:
    """What a first frame that is a header states: frames and bytes, 0 if unknown.

    `trim` holds the samples of delay and of padding, None if they are not stated.
    """

    frames: int = 0
    bytes: int = 0
    trim: tuple[int, int] | None = None


@dataclass(frozen=True)
class Stream:
    """The frames of a file: where the first begins, where the last ends, and their number."""

    start: int
    stop: int
    frames: int  # without the header
    first: Frame
    stated: MpegHeader | None


def parse(data: bytes, at: int = 0) -> Frame | None:
    """The frame whose header is at a position; None if there is none.

    The length is 0 in the free format, in which no header states it.
    """
    if len(data) < at + HEADER or data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0:
        return None
    version, layer = data[at + 1] >> 3 & 3, 4 - (data[at + 1] >> 1 & 3)
    index, rate = data[at + 2] >> 4, data[at + 2] >> 2 & 3
    if version == 1 or layer == 4 or index == 15 or rate == 3:
        return None
    hertz, padding = RATES[version][rate], data[at + 2] >> 1 & 1
    bits = 1000 * KBITS[version == 3, layer][index]
    if not bits:
        length = 0
    elif layer == 1:
        length = (12 * bits // hertz + padding) * 4
    else:
        length = (72 if layer == 3 and version != 3 else 144) * bits // hertz + padding
    return Frame(version, layer, hertz, data[at + 3] >> 6 == 3, length)


def is_mpeg(source: SoundBytes, at: int) -> bool:
    """Whether a frame of MP3 begins at a position; text in UTF-16 looks like one of layer 1."""
    frame = parse(source.read(at, HEADER))
    return frame is not None and frame.layer == 3


def layout(source: SoundBytes) -> SoundLayout:
    """Layout of an MP3 file: all its frames, which follow each other without a gap.

    The delay and the padding of the encoder are left out if a LAME header states them.
    """
    stream = frames_of(source, after_leading_tags(source), before_trailing_tags(source))
    stated, start = stream.stated, stream.start
    if stated is not None:
        _compare(source, stream, stated)
        start += stream.first.length
    trim = stated.trim if stated else None
    return SoundLayout(_header(source, stream, trim), start, stream.stop)


def frames_of(source: SoundBytes, start: int, limit: int) -> Stream:
    """Walk over the frames from `start`; nothing else may lie between `start` and `limit`."""
    first = parse(source.read(start, HEADER))
    if first is None:
        raise refusal(UndecodableAudioError, f"no frame of MP3 at byte {start}", source.name)
    if first.layer != 3:
        problem = f"cannot be decoded (MPEG audio of layer {first.layer})"
        raise refusal(UndecodableAudioError, problem, source.name)
    stated = _stated(source, start, first)
    at, count, base, piece = start, 0, 0, b""
    while at < limit:
        if at - base + 64 > len(piece):
            base, piece = at, source.read(at, PIECE)
        frame = parse(piece, at - base)
        if frame is None and count and source.only_zeros(at, limit):
            break
        if frame is None or frame.kind != first.kind:
            raise _no_frame(source, frame, at, count, limit)
        if frame.length == 0:
            problem = "cannot be decoded (MP3 in free format)"
            raise refusal(UndecodableAudioError, problem, source.name)
        if at + frame.length > limit:
            problem = f"truncated: its last frame lacks {at + frame.length - limit} bytes"
            raise refusal(TruncatedAudioError, problem, source.name)
        side = at - base + frame.side
        if at > start and piece[side : side + 4] in (b"Xing", b"Info"):
            problem = f"another recording follows the first, at byte {at}"
            raise refusal(SeveralAudioError, problem, source.name)
        at, count = at + frame.length, count + 1
    return Stream(start, at, count - bool(stated), first, stated)


def _no_frame(
    source: SoundBytes, frame: Frame | None, at: int, count: int, limit: int
) -> Exception:
    """The error for bytes that are no frame of the stream."""
    if frame is not None and count:
        problem = f"another recording or format follows the first, at byte {at}"
        return refusal(SeveralAudioError, problem, source.name)
    rest = source.read(at, HEADER)
    if limit - at < HEADER and rest[:1] == b"\xff":
        problem = "truncated: its last frame is not complete"
        return refusal(TruncatedAudioError, problem, source.name)
    if rest[:3] in (b"ID3", b"TAG"):
        problem = f"another recording follows the first, at byte {at}"
        return refusal(SeveralAudioError, problem, source.name)
    problem = f"damaged: {limit - at} bytes from byte {at} are no frame of MP3"
    return refusal(DamagedAudioError, problem, source.name)


def _stated(source: SoundBytes, start: int, first: Frame) -> MpegHeader | None:
    """What the first frame states, None if it is no header."""
    data = source.read(start, max(first.length, HEADER + 256))
    tag = data[first.side : first.side + 4]
    if tag in (b"Xing", b"Info"):
        return _xing(data[first.side + 4 :])
    at = HEADER + 32
    if data[at : at + 4] == b"VBRI":
        size, frames = data[at + 10 : at + 14], data[at + 14 : at + 18]
        return MpegHeader(int.from_bytes(frames, "big"), int.from_bytes(size, "big"))
    return None


def _xing(data: bytes) -> MpegHeader:
    """The content of a header of Xing, from its flags on, and of LAME after it."""
    flags, at, values = int.from_bytes(data[:4], "big"), 4, {}
    for flag, size in ((FRAMES, 4), (BYTES, 4), (TABLE, 100), (QUALITY, 4)):
        if flags & flag:
            values[flag] = int.from_bytes(data[at : at + size], "big")
            at += size
    trim = None
    if data[at : at + 4] in (b"LAME", b"Lavf", b"Lavc"):
        both = int.from_bytes(data[at + 21 : at + 24], "big")
        trim = both >> 12, both & 0xFFF
    return MpegHeader(values.get(FRAMES, 0), values.get(BYTES, 0), trim)


def _compare(source: SoundBytes, stream: Stream, stated: MpegHeader) -> None:
    """Compare the frames with their number in the header; some writers count one more or less."""
    size, more = stream.stop - stream.start, stated.frames - stream.frames
    if more == 0 or stated.frames == 0 or (abs(more) == 1 and stated.bytes == size):
        return
    if more > 0:
        problem = f"truncated: {stream.frames} of {stated.frames} frames"
        raise refusal(TruncatedAudioError, problem, source.name)
    problem = f"its header states {stated.frames} frames, {stream.frames} follow"
    raise refusal(SeveralAudioError, problem, source.name)


def _header(source: SoundBytes, stream: Stream, trim: tuple[int, int] | None) -> bytes:
    """A header of Xing and LAME with the number of frames and the samples to leave out.

    libsndfile (mpg123) leaves out 529 samples more at the start, and less at the end, the delay of
    a decoder. Where nothing is to be left out, a silent frame before the first makes up for it.
    """
    first, head = stream.first, bytearray(source.read(stream.start, HEADER))
    head[1] |= 1  # no checksum
    head[2] = head[2] & 0x0C | 9 << 4  # 128 or 80 kbit/s: room for the header
    empty = bytes(head) + bytes(parse(bytes(head)).length - HEADER)
    silent = b"" if trim else empty
    delay, padding = trim or (first.samples - DECODER_DELAY, DECODER_DELAY)
    frames = stream.frames + bool(silent)
    size = len(empty) + len(silent) + stream.stop - stream.start
    if stream.stated:
        size -= first.length
    content = b"Xing" + struct.pack(">III", FRAMES | BYTES, frames, size)
    content += b"LAME".ljust(21, b"\0") + (delay << 12 | padding).to_bytes(3, "big")
    return empty[: first.side] + content + empty[first.side + len(content) :] + silent
