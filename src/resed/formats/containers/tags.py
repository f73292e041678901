"""Tags around sound: ID3v2 before FLAC and MP3; ID3v1, APEv2 and Lyrics3 after all formats."""

from resed.formats.containers.source import PIECE, SoundBytes

ID3V1, APE_FOOTER, LYRICS_END = 128, 32, 15  # bytes
LYRICS1 = 5120  # bytes of Lyrics3 1.00 at most, which states no size


def after_leading_tags(source: SoundBytes, at: int = 0) -> int:
    """The position after the ID3v2 tags that begin at `at`, and after zeros that pad them."""
    begin = at
    while (head := source.read(at, 10))[:3] == b"ID3" and len(head) == 10:
        footer = 10 if head[5] & 0x10 else 0
        at += 10 + _synchsafe(head[6:10]) + footer
    return _after_zeros(source, at) if at > begin else begin


def before_trailing_tags(source: SoundBytes) -> int:
    """Where the tags at the end of the file begin; the size of the file if there are none."""
    stop, before = source.size, -1
    while stop != before:
        before, stop = stop, _before_tag(source, stop)
    return stop


def before_zeros(source: SoundBytes, stop: int) -> int:
    """Where the zeros begin that end at `stop`."""
    while stop:
        piece = source.read(max(0, stop - PIECE), min(PIECE, stop))
        rest = piece.rstrip(b"\0")
        stop -= len(piece) - len(rest)
        if rest:
            return stop
    return 0


def _before_tag(source: SoundBytes, stop: int) -> int:
    """Where the tag that ends at `stop` begins; `stop` if there is none."""
    if stop >= ID3V1 and source.read(stop - ID3V1, 3) == b"TAG":
        return stop - ID3V1
    footer = source.read(stop - APE_FOOTER, APE_FOOTER) if stop >= APE_FOOTER else b""
    if footer[:8] == b"APETAGEX":
        begin = stop - int.from_bytes(footer[12:16], "little")  # the header, if any, is not counted
        if begin >= APE_FOOTER and source.read(begin - APE_FOOTER, 8) == b"APETAGEX":
            begin -= APE_FOOTER
        return begin if 0 <= begin < stop else stop
    lyrics = source.read(stop - LYRICS_END, LYRICS_END) if stop >= LYRICS_END else b""
    if lyrics[6:] == b"LYRICS200" and lyrics[:6].isdigit():
        begin = stop - LYRICS_END - int(lyrics[:6])
        return begin if begin >= 0 and source.read(begin, 11) == b"LYRICSBEGIN" else stop
    if lyrics[6:] == b"LYRICSEND":
        text = source.read(max(0, stop - LYRICS1), min(stop, LYRICS1))
        at = text.rfind(b"LYRICSBEGIN")
        return stop if at < 0 else stop - len(text) + at
    footer = source.read(stop - 10, 10) if stop >= 10 else b""
    if footer[:3] == b"3DI":
        begin = stop - 20 - _synchsafe(footer[6:10])
        return begin if begin >= 0 and source.read(begin, 3) == b"ID3" else stop
    return stop


def _synchsafe(four: bytes) -> int:
    """An integer of ID3v2: seven bits per byte."""
    value = 0
    for byte in four:
        value = value << 7 | byte & 0x7F
    return value


def _after_zeros(source: SoundBytes, at: int) -> int:
    while at < source.size:
        piece = source.read(at, PIECE)
        rest = piece.lstrip(b"\0")
        if rest:
            return at + len(piece) - len(rest)
        at += len(piece)
    return at
