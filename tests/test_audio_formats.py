"""Sound is decoded to its true end or refused, in every format that docs/audio.md promises."""

import random
import re
import shlex
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import sound_files
import soundfile
from runs import REPOSITORY
from sound_files import EXACT, FORMATS, NAMES, RATE, chunk, ffmpeg, riff, wav, wav_format

from resed.acquire.recordings.sources.convert import convert
from resed.errors import AudioError
from resed.formats import audio
from resed.formats import audio_errors as errors
from resed.formats.containers.recognition import CONTAINERS

INTEGERS = (sound_files.noise(4000)[:, 0] * 32768).astype("<i2")


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """A folder for the files of this module."""
    return tmp_path_factory.mktemp("sound")


def made(folder: Path, kind: str, name: str) -> Path:
    """A file of FORMATS, made once."""
    path = folder / f"{kind.replace(' ', '-')}-{name}"
    return path if path.exists() else sound_files.make(folder, kind, name)


def status(data: bytes) -> str:
    """The kind of the refusal of a file with these bytes, "read" if it is read."""
    try:
        audio.decode(data, "a.bin", RATE)
    except AudioError as error:
        assert str(error).startswith("a.bin: ")
        assert error.cure
        assert "\n" not in str(error)
        return error.status
    return "read"


def samples_of(data: bytes) -> np.ndarray:
    """All samples of the first channel, by blocks."""
    with audio.open_audio(data, "a.bin") as sound:
        wave = np.concatenate([block[:, 0] for block in sound.blocks()])
        assert sound.frames in (None, len(wave))
        return wave


def unfinalised(data: bytes) -> bool:
    with audio.open_audio(data, "a.bin") as sound:
        return sound.unfinalised


def test_the_docs_list_the_formats_that_are_tested():
    text = (REPOSITORY / "docs" / "audio.md").read_text()
    table = re.search(r"\| format \|.*?\n\n", text, re.DOTALL)[0]
    listed = [line.split("|")[1].strip() for line in table.splitlines()[2:] if line]
    assert listed == list(FORMATS)
    assert all(any(name.startswith(container) for name in listed) for container in CONTAINERS)
    assert all(any(name.startswith(container) for container in CONTAINERS) for name in listed)


# B2: whole files.


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_b2_whole_files_are_read_to_their_end(folder, kind, name):
    path = made(folder, kind, name)
    with audio.open_audio(path) as sound:
        found = np.concatenate(list(sound.blocks()))
        assert (sound.frames, sound.unfinalised) == (len(found), False)
    assert audio.probe(path).frames == len(found)
    expected = sound_files.decoded(path, found.shape[1])
    if kind == "Ogg Vorbis":  # ffmpeg keeps what the position in the last page cuts off
        assert len(found) == sound_files.SAMPLES
        expected = expected[: len(found)]
    assert found.shape == expected.shape
    tolerance = {"Ogg Opus": 0.02, "MP3": 1e-5}.get(kind, 1e-6)  # other decoders
    np.testing.assert_allclose(found, expected, atol=0.01 if name == "adpcm.wav" else tolerance)
    # ffmpeg (W64) and libsndfile (AIFF) count bytes of padding as sound when they write.
    if kind in EXACT and name not in ("adpcm.wav", "f.w64", "bytes.aiff"):
        assert len(found) == sound_files.SAMPLES


def without_xing(folder: Path) -> list[Path]:
    """30 MP3s without a header of Xing: nine rates, constant, variable and mean bitrate."""
    rates = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
    ways = ("-b:a 64k", "-q:a 4", "-abr 1 -b:a 48k")
    paths = [folder / f"n{rate}-{number}.mp3" for rate in rates for number in range(3)]
    made = zip(paths, [(rate, way) for rate in rates for way in ways], strict=True)
    arguments = [
        part
        for path, (rate, way) in made
        for part in ("-t", 0.2 + rate % 7 / 20, "-ar", rate, *way.split(), "-write_xing", 0, path)
    ]
    ffmpeg("-f", "lavfi", "-i", "anoisesrc=d=1:c=pink:a=0.3:r=44100:seed=1", *arguments)
    for number in range(3):
        path = folder / f"pipe{number}.mp3"
        source = f"anoisesrc=d={0.3 + number / 7}:c=pink:a=0.3:r=44100:seed={number}"
        path.write_bytes(ffmpeg("-f", "lavfi", "-i", source, "-f", "mp3", "-"))
        paths.append(path)
    return paths


def from_pipe(folder: Path) -> list[Path]:
    """30 FLACs whose header states no length."""
    paths = []
    for number in range(3):
        source = f"anoisesrc=d={0.3 + number / 7}:c=pink:a=0.3:r=44100:seed={number}"
        data = ffmpeg("-f", "lavfi", "-i", source, "-f", "flac", "-")
        assert int.from_bytes(data[21:26], "big") & (1 << 36) - 1 == 0
        paths.append(folder / f"pipe{number}.flac")
        paths[-1].write_bytes(data)
    for number in range(27):
        count, rate = (
            4096 * (number % 9) + (number * 977) % 4096 + 1,
            (8000, 44100, 96000)[number % 3],
        )
        path = folder / f"{number}.flac"
        soundfile.write(
            path, sound_files.noise(count), rate, subtype=("PCM_16", "PCM_24")[number % 2]
        )
        data = bytearray(path.read_bytes())
        data[21] &= 0xF0  # what an encoder writes that cannot go back: no length, no checksum
        data[22:42] = bytes(20)
        path.write_bytes(data)
        paths.append(path)
    return paths


@pytest.mark.parametrize("make", [without_xing, from_pipe])
def test_b2_files_without_a_length_are_read_in_full(tmp_path, make):
    paths = make(tmp_path)
    assert len(paths) == 30
    read = []
    for path in paths:
        rate = audio.probe(path).rate
        read.append(len(audio.read_audio(path, rate)))
        assert audio.probe(path).frames == read[-1]
        assert unfinalised(path.read_bytes()) == (make is from_pipe)
    assert read == sound_files.counts_by_ffmpeg(paths, tmp_path)


def test_b2_the_values_of_an_mp3_do_not_depend_on_its_header(folder):
    """Without the header, the delay of the encoder is kept; the samples are the same."""
    made(folder, "MP3", "cbr.mp3")
    ffmpeg("-i", folder / "noise.wav", "-write_xing", 0, folder / "plain.mp3")
    plain = audio.read_audio(folder / "plain.mp3", RATE)
    trimmed = audio.read_audio(folder / "MP3-cbr.mp3", RATE)
    delay = 1105  # of LAME (576) and of a decoder (529)
    assert len(trimmed) == sound_files.SAMPLES
    np.testing.assert_allclose(plain[delay : delay + len(trimmed)], trimmed, atol=1e-5)
    np.testing.assert_allclose(plain, sound_files.decoded(folder / "plain.mp3")[:, 0], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        *(("cbr_no_xing.mp3", 89856), ("vbr_no_xing.mp3", 89856)),
        *(("unknown_length.flac", 88200), ("unfinalised.wav", 88200)),
    ],
)
def test_b2_shared_files_are_read_in_full(shared, name, frames):
    path = shared / "data" / "faults" / name
    assert audio.probe(path).frames == len(audio.read_audio(path, RATE)) == frames


@pytest.mark.parametrize("name", ["cut.ogg", "cut.aiff", "cut.au"])
def test_b2_shared_files_are_truncated(shared, name):
    with pytest.raises(errors.TruncatedAudioError):
        audio.read_audio(shared / "data" / "faults" / name, RATE)


# B2: cut files.


def cut(data: bytes, kind: str, count: int, seed: str) -> Counter[str]:
    """Kinds of refusals of `count` files cut at random, and of those that lack 2 to 17 bytes.

    The last byte of a form may be padding, which is no loss.
    """
    draw = random.Random(seed)
    least = {"Ogg Vorbis": 5000, "FLAC": 9000}.get(kind, 1000)  # headers, comments
    kept = [draw.randrange(min(least, len(data) // 2), len(data) - 1) for _ in range(count)]
    kept += [len(data) - missing for missing in range(2, 18)]
    return Counter(status(data[:size]) for size in kept)


@pytest.mark.parametrize("kind", FORMATS)
def test_b2_cut_files_are_refused(folder, kind):
    for name in FORMATS[kind]:
        count = 100 // len(FORMATS[kind]) + 1
        found = cut(made(folder, kind, name).read_bytes(), kind, count, name)
        assert set(found) <= {"truncated", "damaged"}, (name, found)
        assert found["truncated"] >= 0.9 * found.total()


@pytest.mark.long
@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_b2_cut_files_are_refused_at_every_place(folder, kind, name):
    found = cut(made(folder, kind, name).read_bytes(), kind, 2000, "long" + name)
    assert set(found) <= {"truncated", "damaged"}


def test_b2_a_missing_byte_of_sound_is_a_loss_and_of_padding_is_none():
    odd = riff(wav_format(bits=8), chunk(b"data", bytes(range(101))))
    assert len(odd) % 2 == 0
    assert len(samples_of(odd[:-1])) == 101
    assert status(odd[:-2]) == "truncated"
    even = riff(wav_format(bits=8), chunk(b"data", bytes(range(100))))
    assert status(even[:-1]) == "truncated"


def test_b2_cuts_between_frames_and_pages_are_refused(folder):
    """Where a decoder sees nothing missing, the header or the flag of the last page tells."""
    data = made(folder, "MP3", "vbr.mp3").read_bytes()
    starts = [at.start() for at in re.finditer(rb"\xff\xfb", data)]
    places = [at for at in starts[3:] if status(data[:at] + data[at:]) == "read"]
    assert len(places) > 10
    assert {status(data[:at]) for at in places} == {"truncated"}
    for kind, name in (("Ogg Vorbis", "f.ogg"), ("Ogg Opus", "s.opus")):
        data = made(folder, kind, name).read_bytes()
        pages = [at.start() for at in re.finditer(b"OggS", data)]
        assert len(pages) >= 3
        assert {status(data[:at]) for at in pages[2:]} == {"truncated"}


# A3: headers that state no length.


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("WAV", "-c:a pcm_s16le -f wav"),
        ("RF64", "-c:a pcm_s16le -rf64 always -f wav"),
        ("W64", "-f w64"),
        ("AIFF", "-f aiff"),
        ("AU", "-f au"),
        ("CAF", "-c:a pcm_s16le -f caf"),
        ("FLAC", "-sample_fmt s16 -f flac"),
    ],
)
def test_a3_what_was_written_to_a_pipe_is_read_to_its_end(folder, kind, arguments):
    made(folder, "WAV", "16.wav")
    data = ffmpeg("-i", folder / "noise.wav", *arguments.split(), "-")
    expected = soundfile.read(folder / "noise.wav", dtype="float32")[0]
    np.testing.assert_array_equal(samples_of(data), expected)
    assert unfinalised(data)


@pytest.mark.parametrize(
    ("riff_size", "data_size"),
    [(0, 0), (36, 0), (2**32 - 1, 2**32 - 1), (2**32 - 1, 2**32 - 37), (0x7FFFF024, 0x7FFFF000),
     (0x80000024, 0x80000000)],
)  # fmt: skip
def test_a3_wavs_that_were_never_finalised_are_read_and_not_called_empty(riff_size, data_size):
    data = riff(
        wav_format(), b"data", struct.pack("<I", data_size), INTEGERS.tobytes(), size=riff_size
    )
    np.testing.assert_array_equal(samples_of(data) * 32768, INTEGERS)
    assert unfinalised(data)
    assert not unfinalised(wav(INTEGERS))


PCM = (sound_files.noise()[:, 0] * 30_000).astype("<i2")
NOTHING = sound_files.chunk(b"data", b"")
SOUND = sound_files.chunk(b"data", PCM.tobytes())


@pytest.mark.parametrize(
    "chunks",
    [
        (NOTHING, SOUND),
        (NOTHING, NOTHING, SOUND),
        (NOTHING, sound_files.chunk(b"LIST", b"INFOxx"), SOUND),
        (NOTHING, SOUND, sound_files.chunk(b"LIST", b"INFOxx")),
    ],
)
def test_a3_an_empty_chunk_before_the_sound_is_passed_over(chunks):
    data = riff(wav_format(), *chunks)
    np.testing.assert_allclose(samples_of(data), PCM / 2**15, atol=1e-7)
    end = data.index(PCM.tobytes()) + len(PCM) * 2
    assert status(data[: end - 1]) == status(data[: end - 101]) == "truncated"
    assert status(riff(wav_format(), *chunks, SOUND)) == "several"


def test_a3_an_empty_chunk_before_the_sound_of_other_formats(folder):
    for kind, name, id_, head in (
        ("AIFF", "f.aiff", b"SSND", bytes(8)),
        ("CAF", "f.caf", b"data", bytes(4)),
        ("W64", "f.w64", b"data" + bytes.fromhex("f3acd3118cd100c04f8edb8a"), b""),
    ):
        data = made(folder, kind, name).read_bytes()
        at = data.index(id_)
        sizes = {"AIFF": (4, "big", 0), "CAF": (8, "big", 0), "W64": (8, "little", 24)}
        width, order, counted = sizes[kind]
        empty = id_ + (len(head) + counted).to_bytes(width, order) + head
        changed = bytearray(data[:at] + empty + data[at:])
        if kind != "CAF":
            place = 4 if kind == "AIFF" else 16
            size = int.from_bytes(data[place : place + width], order) + len(empty)
            changed[place : place + width] = size.to_bytes(width, order)
        np.testing.assert_array_equal(samples_of(bytes(changed)), samples_of(data))
        assert status(bytes(changed[:-300])) == "truncated", kind


def test_a3_files_without_samples_are_empty():
    empty = riff(wav_format(), chunk(b"data", b""))
    listed = riff(wav_format(), chunk(b"data", b""), chunk(b"LIST", b"INFOISFT\4\0\0\0abc\0"))
    assert status(empty) == status(listed) == status(b"") == "empty"


# B2: what surrounds the sound.

ID3V1 = b"TAG" + bytes(range(125))
LIST = chunk(b"LIST", b"INFOISFT\5\0\0\0resed\0")
BODY, QUIET = chunk(b"data", INTEGERS.tobytes()), chunk(b"data", bytes(INTEGERS.nbytes))
EXTENSIBLE = chunk(
    b"fmt ",
    struct.pack("<HHIIHHHHI", 0xFFFE, 1, RATE, 2 * RATE, 2, 16, 22, 16, 4)
    + bytes.fromhex("0100000000001000800000aa00389b71"),
)
DS64 = chunk(b"ds64", struct.pack("<QQQI", 8072, 8000, 4000, 0))
LONG = b"data" + b"\xff\xff\xff\xff" + BODY[8:]  # its size is in DS64
WAVS = {
    "plain": riff(wav_format(), BODY),
    "list after": riff(wav_format(), BODY, LIST),
    "list before": riff(wav_format(), LIST, BODY),
    "odd chunk": riff(wav_format(), chunk(b"junk", b"abc"), BODY),
    "odd chunk without padding": riff(wav_format(), chunk(b"junk", b"abc", padded=False), BODY),
    "extensible": riff(EXTENSIBLE, BODY),
    "list behind": riff(wav_format(), BODY) + LIST,
    "long chunk behind": riff(wav_format(), BODY) + chunk(b"id3 ", b"x" * 99_999),
    "zeros behind": riff(wav_format(), BODY) + bytes(99_999),
    "tags behind": riff(wav_format(), BODY) + LIST + b"ID3\3\0\0\0\0\1\2" + b"x" * 130 + ID3V1,
    "padding that is not zero": riff(wav_format(), chunk(b"data", BODY[8:]), b"LIST\1\0\0\0aX"),
    "zeros in the form": riff(wav_format(), BODY, bytes(3000)),
    "size of the file": riff(wav_format(), BODY, size=8044),
    "size 0": riff(wav_format(), BODY, size=0),
    "bw64": riff(DS64, wav_format(), LONG, magic=b"BW64", size=2**32 - 1),
    "rf64": riff(DS64, wav_format(), LONG, magic=b"RF64", size=2**32 - 1),
}


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
@pytest.mark.parametrize("last", [LONG, BODY], ids=["size in ds64", "size in the chunk"])
def test_a3_an_empty_chunk_before_the_sound_of_rf64(magic, last):
    sizes = chunk(b"ds64", struct.pack("<QQQI", 8072 + 16, 8000, 4000, 0))
    empty = chunk(b"data", b"")
    data = riff(sizes, wav_format(), empty, empty, last, magic=magic, size=2**32 - 1)
    np.testing.assert_array_equal(samples_of(data) * 32768, INTEGERS)
    assert status(data[:-1]) == status(data[:-101]) == "truncated"


@pytest.mark.parametrize("name", WAVS)
def test_b2_chunks_and_bytes_around_the_sound_change_nothing(name):
    np.testing.assert_array_equal(samples_of(WAVS[name]) * 32768, INTEGERS)
    assert not unfinalised(WAVS[name])


def test_b2_a_second_part_of_sound_is_not_left_out(folder):
    several = [riff(wav_format(), BODY, BODY), WAVS["plain"] * 2, WAVS["list after"] * 2]
    assert {status(data) for data in several} == {"several"}
    for kind, name in NAMES:
        data = made(folder, kind, name).read_bytes()
        assert status(data + data) == "several", name
    mono, stereo = (made(folder, "FLAC", f"{name}.flac").read_bytes() for name in ("f", "stereo"))
    assert status(mono + stereo[: len(stereo) // 2]) == "several"
    ogg, opus = made(folder, "Ogg Vorbis", "f.ogg"), made(folder, "Ogg Opus", "f.opus")
    assert status(ogg.read_bytes() + opus.read_bytes()) == "several"


def test_b2_sizes_that_were_not_brought_up_to_date_are_told():
    """A recorder that was killed: sizes of an earlier moment, and much sound after them."""
    more = random.Random(4).randbytes(100_000)
    assert status(riff(wav_format(), BODY) + more) == "damaged"
    assert status(riff(wav_format(), BODY, size=8036 + len(more)) + more) == "damaged"
    assert status(riff(wav_format(), BODY) + bytes(100_000)) == "read"


BEHIND = {
    "noise": random.Random(1).randbytes(1001),
    "noise of 60 kB": random.Random(2).randbytes(60_000),
    "two samples": b"\x01\x02\x03\x04",
    "one byte": b"\x01",
    "text": b"some text that belongs to no chunk",
    "chunk that does not fit": b"LIST" + struct.pack("<I", 100) + bytes(range(99)),
    "list, then noise": LIST + random.Random(3).randbytes(1001),
    "silence, then noise": bytes(3000) + random.Random(4).randbytes(1001),
    "tag that does not fit": b"ID3\3\0\0\0\0\1\2" + b"x" * 30,
}


@pytest.mark.parametrize("name", BEHIND)
@pytest.mark.parametrize(("kind", "file"), [
    ("WAV", "16.wav"), ("RF64", "s.rf64"), ("W64", "24.w64"), ("AIFF", "f.aiff"), ("AU", "f.au"),
    ("CAF", "24.caf"),
])  # fmt: skip
def test_b2_bytes_after_the_stated_end_are_no_loss_or_refused(folder, kind, file, name):
    data = made(folder, kind, file).read_bytes()
    assert status(data + BEHIND[name]) == "damaged"
    assert status(data + bytes(1000)) == "read"
    assert status(data + ID3V1) == ("damaged" if kind == "AU" else "read")


@pytest.mark.parametrize("kind", ["WAV", "AU"])
def test_b2_samples_after_a_stale_size_are_not_left_out(kind):
    """The sizes are those of half of the samples, as after the death of a recorder."""
    half, samples = INTEGERS[:2000].tobytes(), INTEGERS.tobytes()
    if kind == "WAV":
        stale = riff(wav_format(), chunk(b"data", half)) + samples[len(half) :]
    else:
        stale = b".snd" + struct.pack(">5I", 24, len(half), 3, RATE, 1) + samples
    assert status(stale) == "damaged"
    assert status(stale[: len(stale) - len(half)]) == "read"


# B2: headers that contradict themselves.


def _wav64(form: bytes, body: bytes) -> bytes:
    """A W64 of the chunks of a WAV."""
    end, chunks = bytes.fromhex("f3acd3118cd100c04f8edb8a"), b""
    for one in (form, body):
        whole = one[:4] + end + struct.pack("<Q", 24 + len(one) - 8) + one[8:]
        chunks += whole + bytes(-len(whole) % 8)
    head = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
    return head + struct.pack("<Q", 40 + len(chunks)) + b"wave" + end + chunks


def _wav_form(block: int, *, tag: int = 1, bits: int = 16, channels: int = 1) -> bytes:
    fields = struct.pack("<HHIIHH", tag, channels, RATE, RATE * block, block, bits)
    return chunk(b"fmt ", fields)


def _caf(frame: int, bits: int = 16) -> bytes:
    description = struct.pack(">d4s5I", RATE, b"lpcm", 2, frame, 1, 1, bits)
    body = struct.pack(">qI", 4 + INTEGERS.nbytes, 0) + INTEGERS.tobytes()
    return b"caff\0\1\0\0desc" + struct.pack(">q", 32) + description + b"data" + body


@pytest.mark.parametrize(
    ("build", "true", "wrong"),
    [
        (lambda block: riff(_wav_form(block), BODY), 2, (8, 1, 4, 0)),
        (lambda block: riff(_wav_form(block, tag=3, bits=32), QUIET), 4, (2, 8, 32)),
        (lambda block: riff(_wav_form(block, tag=7, bits=8), BODY), 1, (2, 0)),
        (lambda block: riff(_wav_form(block, channels=2), BODY), 4, (2, 8)),
        (lambda block: riff(EXTENSIBLE[:20] + struct.pack("<H", block) + EXTENSIBLE[22:], BODY),
         2, (8, 1)),
        (lambda block: riff(DS64, _wav_form(block), LONG, magic=b"RF64", size=2**32 - 1),
         2, (8, 1)),
        (lambda block: _wav64(_wav_form(block), BODY), 2, (8, 1)),
        (_caf, 2, (8, 1, 0)),
    ],
    ids=["wav", "float", "law", "stereo", "extensible", "rf64", "w64", "caf"],
)  # fmt: skip
def test_b2_a_wrong_number_of_bytes_per_sample_is_refused(build, true, wrong):
    assert len(samples_of(build(true))) == INTEGERS.nbytes // true
    assert {status(build(block)) for block in wrong} == {"damaged"}


def test_b2_libsndfile_and_the_structure_must_agree(monkeypatch):
    monkeypatch.setattr(audio.Decoder, "frames", len(INTEGERS) + 1)
    assert status(wav(INTEGERS)) == "damaged"
    monkeypatch.setattr(audio.Decoder, "frames", audio.UNKNOWN_FRAMES)
    assert len(samples_of(wav(INTEGERS))) == len(INTEGERS)


def _aiff(stated: int, samples: int) -> bytes:
    rate = bytes.fromhex("400eac44000000000000")  # 44100 as an extended float
    common = b"COMM" + struct.pack(">IhIh", 18, 1, stated, 16) + rate
    sound = b"SSND" + struct.pack(">III", 8 + 2 * samples, 0, 0)
    content = b"AIFF" + common + sound + INTEGERS[:samples].astype(">i2").tobytes()
    return b"FORM" + struct.pack(">I", len(content)) + content


def test_b2_an_aiff_whose_chunks_state_other_numbers_of_samples_is_refused():
    assert {status(_aiff(stated, 4000)) for stated in (0, 1, 1000, 3998)} == {"damaged"}
    assert {status(_aiff(stated, 4000)) for stated in (4001, 16000)} == {"truncated"}
    for stated in (3999, 4000):  # a byte of padding may be counted
        np.testing.assert_array_equal(samples_of(_aiff(stated, 4000)) * 32768, INTEGERS[:stated])


@pytest.mark.parametrize("suffix", ["wav", "w64"])
def test_a3_a_whole_mp3_in_a_wav_is_not_called_truncated(folder, tmp_path, suffix):
    """libsndfile estimates its length and is wrong."""
    made(folder, "WAV", "16.wav")
    path = tmp_path / f"a.{suffix}"
    ffmpeg("-i", folder / "noise.wav", "-c:a", "libmp3lame", path)
    with pytest.raises(errors.UndecodableAudioError, match="MP3 in a file of format") as refusal:
        audio.probe(path)
    command = shlex.split(refusal.value.cure.partition("convert it: ")[2])
    ffmpeg(*command[1:])
    assert len(audio.read_audio(command[-1], RATE)) >= sound_files.SAMPLES


def test_a3_text_in_utf_16_is_not_called_sound():
    for text in ("name\tonset\n", "\N{GREEK SMALL LETTER ALPHA}" * 50):
        with pytest.raises(errors.UndecodableAudioError) as refusal:
            audio.decode(text.encode("utf-16"), "a.mp3", RATE)
        assert "MPEG" not in str(refusal.value)
    with pytest.raises(errors.UndecodableAudioError, match="MPEG audio of layer 2"):
        audio.decode(b"\xff\xfd\x84\0" + bytes(1000), "a.mp2", RATE)


def test_b2_mp3s_in_a_row_are_read_or_refused(tmp_path):
    paths = without_xing(tmp_path)
    fast, slow = (path.read_bytes() for path in (paths[21], paths[0]))  # 44.1 kHz, 8 kHz
    assert status(fast + slow) == "several"
    assert status(fast * 2) == "several"  # a tag lies between them
    joined = fast[45:] * 2  # ID3v2 of 45 bytes left out: nothing tells this from one recording
    assert fast[45:47] == b"\xff\xfb"
    assert len(samples_of(joined)) == 2 * audio.probe(paths[21]).frames


def test_b2_tags_around_the_sound_change_nothing(folder):
    ape = struct.pack("<4I8x", 2000, 32 + 10, 1, 1 << 31)
    id3v1, id3v2 = b"TAG" + bytes(125), b"ID3\3\0\0\0\0\0\x0a" + bytes(10)
    tail = b"APETAGEX" + ape + bytes(10) + b"APETAGEX" + ape + id3v1
    for kind, name in (("MP3", "cbr.mp3"), ("FLAC", "f.flac"), ("FLAC", "24.flac")):
        data = made(folder, kind, name).read_bytes()
        expected = samples_of(data)
        for changed in (data + id3v1, data + tail, id3v2 + data, data + bytes(500)):
            np.testing.assert_array_equal(samples_of(changed), expected)
    for kind, name in (("Ogg Vorbis", "f.ogg"), ("Ogg Opus", "f.opus")):
        data = made(folder, kind, name).read_bytes()
        np.testing.assert_array_equal(samples_of(data + b"junk" * 99), samples_of(data))


def lyrics(text: bytes) -> bytes:
    """A tag Lyrics3 v2.00."""
    body = b"LYRICSBEGININD0000210LYR" + b"%05d" % len(text) + text
    return body + b"%06d" % len(body) + b"LYRICS200"


@pytest.mark.parametrize("name", ["cbr.mp3", "low.mp3"])
def test_a3_lyrics_behind_an_mp3_are_no_sound(folder, name):
    data = made(folder, "MP3", name).read_bytes()
    tail = data[-128:] if data[-128:-125] == b"TAG" else b""
    sound = data[: len(data) - len(tail)]
    expected = samples_of(data)
    old = b"LYRICSBEGIN" + b"[00:00]la la\r\n" * 50 + b"LYRICSEND"
    for tag in (lyrics(b"[00:00]la"), lyrics(b"la" * 40_000), lyrics(b""), old):
        for changed in (sound + tag, sound + tag + ID3V1):
            np.testing.assert_array_equal(samples_of(changed), expected)
    broken = sound + lyrics(b"la")[:-15] + b"999999LYRICS200" + ID3V1  # no tag has this size
    assert status(broken) == "damaged"
    assert status(sound[:300] + b"000400LYRICS200") != "read"
    assert status(sound[: len(sound) - 50] + lyrics(b"la") + ID3V1) == "truncated"


@pytest.mark.parametrize("rest", [0, 1, 300, 100_000])
def test_a3_a_tag_that_ends_after_the_file_is_truncated(folder, rest):
    data = made(folder, "MP3", "cbr.mp3").read_bytes() * 30
    claims = b"ID3\3\0\0\x7f\x7f\x7f\x7f"  # 2^28 bytes
    with pytest.raises(errors.TruncatedAudioError, match="begins at byte 268435465, where the fi"):
        audio.decode(claims + data[:rest], "a.mp3", RATE)
    flac = made(folder, "FLAC", "f.flac").read_bytes()
    assert status(claims + flac) == "truncated"
    assert status(b"ID3\3\0\0\0\0\0\x0a" + bytes(10)) == "truncated"  # no sound after its tag


def test_b2_bytes_between_frames_of_an_mp3_are_refused(tmp_path):
    data = without_xing(tmp_path)[21].read_bytes()
    frames = [at.start() for at in re.finditer(re.escape(data[45:47]), data)]
    middle = next(at for at in frames[2:] if status(data[:at]) == "read")
    noise = bytes(1 + value % 254 for value in random.Random(2).randbytes(500))
    assert status(data[:middle] + noise + data[middle:]) == "damaged"
    assert status(data + b"not a tag") == "damaged"
    free = bytearray(data)
    free[47] &= 0x0F  # no bitrate: the free format
    assert status(bytes(free)) == "undecodable"


def test_b2_a_header_of_fraunhofer_states_the_frames(tmp_path):
    path = without_xing(tmp_path)[21]
    data = path.read_bytes()[45:]
    head = bytearray(data[:4])
    head[2] = 0x90  # 128 kbit/s without padding: 417 bytes
    frames = audio.probe(path).frames // 1152
    vbri = b"VBRI" + struct.pack(">3HII", 1, 0, 75, 417 + len(data), frames)
    whole = (bytes(head) + bytes(32) + vbri).ljust(417, b"\0") + data
    assert len(samples_of(whole)) == 1152 * frames
    last = [at for at in range(len(whole) - 500, len(whole)) if status(whole[:at]) == "read"]
    assert not last


@pytest.mark.parametrize(
    ("more", "size", "found"),
    [
        (0, 0, "read"),
        (1, 0, "read"),
        (-1, 0, "read"),
        (1, 1, "truncated"),
        (2, 0, "truncated"),
        (-1, -1, "several"),
        (-2, 0, "several"),
    ],
)
def test_b2_some_headers_count_one_frame_more_or_less(folder, more, size, found):
    """`more` frames are stated than there are, and `size` bytes more."""
    data = bytearray(made(folder, "MP3", "cbr.mp3").read_bytes())
    at = data.index(b"Info") + 8
    frames, length = struct.unpack(">II", data[at : at + 8])
    data[at : at + 8] = struct.pack(">II", frames + more, length + size)
    assert status(bytes(data)) == found
    if found == "read":
        assert len(samples_of(bytes(data))) == sound_files.SAMPLES


def test_b2_sizes_beyond_32_bits(tmp_path):
    """5 GB of sound, of which all but the first samples is a hole in the file."""
    length = 5_000_000_000
    sizes = struct.pack("<QQQI", length + 72, length, length // 2, 0)
    head = riff(chunk(b"ds64", sizes), wav_format(), LONG[:8], magic=b"RF64", size=2**32 - 1)
    path = tmp_path / "a.wav"
    with path.open("wb") as handle:
        handle.write(head + INTEGERS.tobytes())
        handle.truncate(len(head) + length)
    assert audio.probe(path).frames == length // 2
    found = audio.read_audio(path, RATE, len(INTEGERS))
    np.testing.assert_array_equal(found * 32768, INTEGERS)
    with path.open("r+b") as handle:
        handle.truncate(len(head) + length - 1)
    with pytest.raises(errors.TruncatedAudioError, match="1 bytes of the data chunk"):
        audio.probe(path)


# Damage that checksums show.


@pytest.mark.parametrize(
    ("kind", "name"), [pair for pair in NAMES if pair[0] in ("FLAC", "Ogg Vorbis", "Ogg Opus")]
)
def test_b2_a_flipped_bit_is_refused_where_there_are_checksums(folder, kind, name):
    data, draw = made(folder, kind, name).read_bytes(), random.Random(3)
    found = Counter()
    first = data.index(b"\xff\xf8") if kind == "FLAC" else 0  # before it: tags, padding
    for _ in range(40):
        flipped = bytearray(data)
        flipped[draw.randrange(first, len(data))] ^= 1 << draw.randrange(8)
        found[status(bytes(flipped))] += 1
    assert not found["read"]


def test_b2_a_flac_with_other_samples_than_its_checksum_or_its_length_is_refused(folder):
    data = bytearray(made(folder, "FLAC", "stereo.flac").read_bytes())
    md5 = bytes(data[:26]) + bytes([data[26] ^ 1]) + bytes(data[27:])
    assert status(md5) == "damaged"
    longer, shorter = bytearray(data), bytearray(data)
    longer[24] += 1
    shorter[24] -= 1
    assert status(bytes(longer)) == "truncated"
    assert status(bytes(shorter)) == "damaged"


# F5: formats that are not read.


@pytest.mark.parametrize("name", ["a b.m4a", "x.webm", "$(touch x).wav"])
def test_f5_the_error_contains_the_command_that_converts_the_file(folder, tmp_path, name):
    made(folder, "WAV", "16.wav")
    path = tmp_path / name
    kind = "matroska" if name == "x.webm" else "mp4"
    ffmpeg("-i", folder / "noise.wav", "-f", kind, "-c:a", "aac", path)
    with pytest.raises(errors.UndecodableAudioError) as refusal:
        audio.read_audio(path, RATE)
    assert ("Matroska" if name == "x.webm" else "M4A") in refusal.value.problem
    command = shlex.split(refusal.value.cure.partition("convert it: ")[2])
    assert command[:3] == ["ffmpeg", "-i", str(path)]
    ffmpeg(*command[1:])
    assert len(audio.read_audio(command[-1], RATE)) >= sound_files.SAMPLES
    assert Path(command[-1]) != path


@pytest.mark.parametrize("name", ["-dash.m4a", "a:b.m4a", "-dash.wav", "a'b c.m4a"])
def test_f5_the_command_means_the_file_whatever_its_name_is(folder, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    made(folder, "WAV", "16.wav")
    ffmpeg("-i", folder / "noise.wav", "-f", "mp4", "-c:a", "aac", tmp_path / name)
    with pytest.raises(errors.UndecodableAudioError) as refusal:
        audio.read_audio(name, RATE)
    command = shlex.split(refusal.value.cure.partition("convert it: ")[2])
    ffmpeg(*command[1:])
    assert len(audio.read_audio(command[-1], RATE)) >= sound_files.SAMPLES


# Conversion by acquire.


@pytest.mark.parametrize(("kind", "name"), [("Ogg Vorbis", "f.ogg"), ("FLAC", "f.flac")])
def test_b2_acquire_converts_whole_files_only(folder, tmp_path, kind, name):
    data, target = made(folder, kind, name).read_bytes(), tmp_path / "clip.wav"
    (tmp_path / name).write_bytes(data)
    convert(tmp_path / name, target)
    expected = samples_of(data)
    found = soundfile.read(target, dtype="float32")[0]
    np.testing.assert_allclose(found, expected, atol=2**-15)
    convert(tmp_path / name, target, 0.1, 0.25)
    np.testing.assert_array_equal(soundfile.read(target, dtype="float32")[0], found[4410:11025])
    target.unlink()
    (tmp_path / name).write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(AudioError):
        convert(tmp_path / name, target)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(AudioError, match=r"ends at 0\.4 s, before the start of the clip"):
        convert(tmp_path / name, target, 1.0, 2.0)
    assert not target.exists()
