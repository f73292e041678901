"""Chunks of RIFF, AIFF, W64 and CAF: an identifier, a length, the content, bytes of padding."""

from collections.abc import Iterator
from dataclasses import dataclass

from resed.formats.audio_errors import (
    DamagedAudioError,
    EmptyAudioError,
    SeveralAudioError,
    TruncatedAudioError,
    UndecodableAudioError,
    refusal,
)
from resed.formats.containers.source import SoundBytes
from resed.formats.containers.tags import after_leading_tags, before_trailing_tags

MOST_CHUNKS = 10_000  # per file; real files have tens
SLACK = 8  # bytes; padding, and writers that count their own eight bytes into the size of the form
MAGICS = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"riff", b"fLaC", b"OggS", b"caff", b".snd")


@dataclass(frozen=True)
class Chunk:
    """A chunk: its identifier, the position of its content and the length that it states."""

    id: bytes
    at: int
    length: int

    @property
    def stop(self) -> int:
        """Where the content must end."""
        return self.at + self.length


@dataclass(frozen=True)
class Grammar:
    """How chunks are written.

    `counted` are the bytes of the chunk's own head that its length includes.
    """

    id_bytes: int
    length_bytes: int
    order: str  # little or big
    alignment: int
    counted: int = 0
    signed: bool = False

    def walk(self, source: SoundBytes, at: int, stop: int) -> Iterator[Chunk]:
        """The chunks whose heads lie between `at` and `stop`, at most MOST_CHUNKS."""
        size = self.id_bytes + self.length_bytes
        for _ in range(MOST_CHUNKS):
            if at + size > min(stop, source.size):
                return
            head = source.read(at, size)
            length = int.from_bytes(head[self.id_bytes :], self.order, signed=self.signed)
            chunk = Chunk(head[: self.id_bytes], at + size, length - self.counted)
            yield chunk
            if chunk.length < 0:
                return
            at = self.after(source, chunk)

    def after(self, source: SoundBytes, chunk: Chunk) -> int:
        """Where the next chunk begins; some writers leave out the padding."""
        padding = source.read(chunk.stop, -chunk.stop % self.alignment)
        return chunk.stop if any(padding) else chunk.stop + -chunk.stop % self.alignment


def not_empty(source: SoundBytes, grammar: Grammar, sound: Chunk, empty: int = 0) -> Chunk:
    """The chunk of the samples, if one with at most `empty` bytes precedes it."""
    if not 0 <= sound.length <= empty:
        return sound
    for chunk in grammar.walk(source, grammar.after(source, sound), source.size):
        if not is_name(chunk.id):  # the samples of a file that was never finalised
            break
        if chunk.id == sound.id and not 0 <= chunk.length <= empty:
            return chunk
    return sound


def the_chunk(chunks: dict[bytes, Chunk], wanted: bytes, source: SoundBytes, least: int) -> bytes:
    """The content of a chunk that every file has.

    Raises UndecodableAudioError if it is missing or has fewer than `least` bytes.
    """
    chunk, label = chunks.get(wanted), wanted[:4].decode("ascii").strip()
    if chunk is None:
        raise refusal(UndecodableAudioError, f"has no {label} chunk before the sound", source.name)
    content = source.read(chunk.at, chunk.length) if least <= chunk.length <= 1 << 16 else b""
    if len(content) < max(least, 1):
        problem = f"its {label} chunk has {chunk.length} bytes"
        raise refusal(UndecodableAudioError, problem, source.name)
    return content


def check_complete(source: SoundBytes, sound: Chunk, what: str) -> None:
    """Raise TruncatedAudioError or EmptyAudioError if the stated sound is not in the file."""
    missing = sound.stop - source.size
    if missing > 0:
        problem = f"truncated: {missing} bytes of the {what} are missing"
        raise refusal(TruncatedAudioError, problem, source.name)
    if sound.length == 0:
        raise refusal(EmptyAudioError, "the file has no samples", source.name)


def check_rest(source: SoundBytes, grammar: Grammar, sound: Chunk, form_stop: int | None) -> None:
    """Check what follows the sound: the other chunks of the form, and nothing that is sound.

    `form_stop` is where the whole form ends by its own size, None if it states none. After it, only
    chunks, tags and zeros are accepted: a program that was killed may have left old sizes in the
    header, and the bytes after them are sound.
    """
    at = grammar.after(source, sound)
    if form_stop is not None and form_stop > source.size + SLACK:
        problem = f"truncated: {form_stop - source.size} bytes after the sound are missing"
        raise refusal(TruncatedAudioError, problem, source.name)
    for chunk in grammar.walk(source, at, form_stop - SLACK if form_stop else at):
        if not _is_other(chunk) and source.only_zeros(at, source.size):
            break
        _check_other(source, chunk, sound, at)
        at = grammar.after(source, chunk)
    tags = before_trailing_tags(source)
    stop = tags if tags >= at else source.size
    for chunk in grammar.walk(source, at, stop):
        if not _is_other(chunk) or not 0 <= chunk.length <= stop - chunk.at:
            break
        _check_other(source, chunk, sound, at)
        at = grammar.after(source, chunk)
    padded = grammar.alignment == 2 and at % 2 == 1  # by a byte that need not be zero
    if stop - at > padded:
        after = after_leading_tags(source, at)
        check_alone(source, after if after <= stop else at, stop)


def check_alone(source: SoundBytes, at: int, stop: int) -> None:
    """Check that the bytes after a whole recording, from `at` to `stop`, are zeros.

    Raises SeveralAudioError if another recording begins there, maybe after some zeros, and
    DamagedAudioError if they are anything else.
    """
    if source.read(at, 64).lstrip(b"\0")[:4] in MAGICS:
        problem = f"another recording follows the first, at byte {at}"
        raise refusal(SeveralAudioError, problem, source.name)
    if not source.only_zeros(at, stop):
        problem = f"damaged: {stop - at} bytes follow the end that its header states"
        raise refusal(DamagedAudioError, problem, source.name)


def check_frame(source: SoundBytes, stated: int, channels: int, bits: int) -> int:
    """The bytes of a sample of all channels, by the number of channels and the bits per sample.

    Raises DamagedAudioError if the header states another number, because the length of the sound
    depends on it.
    """
    frame = channels * ((bits + 7) // 8)
    if stated != frame or not frame:
        problem = (
            f"damaged: its header states {stated} bytes per sample of all channels, "
            f"and {channels} channels of {bits} bits"
        )
        raise refusal(DamagedAudioError, problem, source.name)
    return frame


def is_name(id_: bytes) -> bool:
    """Whether an identifier is printable, as those of all known chunks are."""
    return all(0x20 <= byte < 0x7F for byte in id_[:4])


def _is_other(chunk: Chunk) -> bool:
    """Whether the identifier can be that of a chunk, and is not the start of another file."""
    return is_name(chunk.id) and chunk.id[:4] not in MAGICS


def _check_other(source: SoundBytes, chunk: Chunk, sound: Chunk, at: int) -> None:
    if chunk.id == sound.id or chunk.id[:4] in MAGICS:
        problem = f"another part of sound follows the first, at byte {at}"
        raise refusal(SeveralAudioError, problem, source.name)
    if chunk.length < 0 or not is_name(chunk.id):
        problem = f"damaged: what follows its sound at byte {at} is no chunk"
        raise refusal(DamagedAudioError, problem, source.name)
    if chunk.stop > source.size:
        problem = f"truncated: its last chunk lacks {chunk.stop - source.size} bytes"
        raise refusal(TruncatedAudioError, problem, source.name)
