"""Write sound as Ogg Vorbis; equal samples give equal bytes on one machine.

libsndfile encodes. It draws the serial number of each stream from the clock, so the number is
replaced in all pages (RFC 3533), and the checksums of the pages with it.
"""

import io

import numpy as np
import soundfile

from resed.formats.containers.ogg import HEAD, MAGIC, crc

BLOCK = 1 << 14  # samples per call; libsndfile 1.2.2 needs stack memory for each
COMPRESSION = 0.8  # 0 to 1; about 70 kbit/s for mono at 44.1 kHz
SERIAL = 1


def vorbis(wave: np.ndarray, rate: int) -> bytes:
    """An Ogg Vorbis file of a mono waveform, float32 [samples], at `rate` Hz."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer, "w", rate, 1, format="OGG", subtype="VORBIS", compression_level=COMPRESSION
    ) as file:
        for start in range(0, len(wave), BLOCK):
            file.write(np.clip(wave[start : start + BLOCK], -1, 1))
    return with_serial(buffer.getvalue(), SERIAL)


def with_serial(data: bytes, serial: int) -> bytes:
    """The bytes of an Ogg file of one stream with another serial number.

    Raises ValueError if the bytes are not pages throughout.
    """
    pages, at = [], 0
    while at < len(data):
        head = data[at : at + HEAD]
        sizes = data[at + HEAD : at + HEAD + head[26]] if len(head) == HEAD else b""
        end = at + HEAD + len(sizes) + sum(sizes)
        if head[:4] != MAGIC or len(head) < HEAD or end > len(data):
            raise ValueError(f"no page at byte {at}")
        start = head[:14] + serial.to_bytes(4, "little") + head[18:22]
        rest = data[at + 26 : end]
        pages += [start, crc(start + bytes(4) + rest), rest]
        at = end
    return b"".join(pages)
