"""Feature stores: one memory-mapped file per split with the features of all its clips.

Layout (little-endian):
    8 bytes magic, uint32 version, uint32 length of the header, uint32 CRC-32 of the header,
    the header (JSON: clips, split, settings, manifest_sha256, shape, resed), zeros up to a multiple
    of 4096, float32 [clips, frames, n_mels], uint32 [clips] CRC-32 of each clip's features.
Equal inputs give equal bytes; the file contains no time stamp.

Version 2 is written only for other StoreSettings than the default. Its header also has `dtype` and
`shard_clips`. If that is not 0, the features are in FILE.shards/00000.store and so on, each with
`shard_clips` clips and without a header; the checksums then follow the header.
"""

import json
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from resed import __version__
from resed.errors import StoreError
from resed.formats.store_features import (
    DTYPES,
    MappedFeatures,
    Writer,
    allocate,
    open_shards,
    remove_other_shards,
    shard_paths,
)
from resed.formats.validation import (
    HASH,
    NAME,
    NAMES,
    PLAIN,
    TEXT,
    Fields,
    Kind,
    SourceFile,
    are_unique_names,
    integer,
    is_hash,
    short_line,
)
from resed.runtime.files import atomic_path, existing
from resed.runtime.json_text import LARGEST, parse_json
from resed.settings import FeatureSettings, StoreSettings

MAGIC = b"\x93resedF\n"  # not UTF-8; corrupted if a program translates line ends
VERSION, LARGE = 1, 2  # of the default store settings, and of others
ALIGNMENT = 4096  # bytes; the size of a memory page
PREFIX = struct.Struct("<8sIII")
CURE = "run resed extract again"
MOST = 2**31  # clips, frames or mels
SHAPE = Kind(
    "three integers above 0",
    lambda value: (
        isinstance(value, list)
        and len(value) == 3
        and all(type(n) is int and 0 < n < MOST for n in value)
    ),
)
HEADER = {
    "clips": NAMES,
    "manifest_sha256": Kind(HASH.words, lambda v: v == "" or is_hash(v)),  # "": no audit
    "resed": TEXT,
    "settings": Fields({}, others=PLAIN),
    "shape": SHAPE,
    "split": NAME,
}
HEADERS = {
    VERSION: Fields(HEADER),
    LARGE: Fields(
        {
            **HEADER,
            "dtype": Kind("float32 or float16", lambda v: v in [*DTYPES]),
            "shard_clips": integer(0, MOST - 1),
        }
    ),
}


@dataclass(frozen=True, eq=False)
class Store:
    """An open feature store.

    `features` is a read-only memory map, float32 [clips, frames, n_mels], or of a store of
    version 2 a MappedFeatures, which reads like one; row i belongs to `clips[i]`. `settings` are
    the FeatureSettings of the features.
    """

    path: Path
    features: np.memmap | MappedFeatures
    clips: list[str]
    settings: dict[str, Any]
    split: str
    manifest_sha256: str
    version: int
    checksums: np.ndarray  # uint32 [clips]

    @classmethod
    def open(
        cls,
        path: Path | str,
        settings: FeatureSettings | Mapping[str, Any] | None = None,
        split: str | None = None,
        verify: bool = True,
    ) -> "Store":
        """Open a store; `settings` and `split`, if given, must be those of the store.

        With `verify`, the whole file is read to compare checksums (about 1 s per gigabyte).

        Raises:
            MissingFileError: the file does not exist.
            StoreError: the file is not a store, has another version, is truncated or damaged, or
                was made with other settings. The message contains the first key that differs.
        """
        path = existing(path, CURE)
        header, start = _read_header(path)
        shape = tuple(header["shape"])
        dtype, shard_clips = header.get("dtype", "float32"), header.get("shard_clips", 0)
        inside = 0 if shard_clips else np.dtype(dtype).itemsize * prod(shape)
        expected = start + inside + 4 * shape[0]
        found = path.stat().st_size
        if found != expected:
            problem = f"truncated or overwritten: {found} bytes instead of {expected}"
            raise StoreError(problem, place=path, cure=CURE)
        if settings is not None:
            _compare(path, header["settings"], settings)
        if split is not None and split != header["split"]:
            problem = f"contains the split {short_line(header['split'])}, not {split}"
            raise StoreError(problem, place=path, cure=f"use the store of {split}")
        store = cls(
            path=path,
            features=_features(path, header, start),
            clips=header["clips"],
            settings=header["settings"],
            split=header["split"],
            manifest_sha256=header["manifest_sha256"],
            version=LARGE if "dtype" in header else VERSION,
            checksums=np.fromfile(path, "<u4", offset=expected - 4 * shape[0]),
        )
        if verify:
            store.verify()
        return store

    def verify(self) -> None:
        """Compare all features with their checksums and require finite numbers.

        Raises StoreError with the name of the first damaged clip.
        """
        mapped = self.features
        stored = mapped.stored() if isinstance(mapped, MappedFeatures) else mapped
        for clip, features, checksum in zip(self.clips, stored, self.checksums, strict=True):
            if zlib.crc32(features) != checksum:
                problem = f"the features of {short_line(clip)} are damaged"
                raise StoreError(problem, place=self.path, cure=CURE)
            if not np.isfinite(features).all():
                problem = f"the features of {short_line(clip)} are not finite"
                raise StoreError(problem, place=self.path, cure=f"audit the clip, then {CURE}")


@contextmanager
def create(
    path: Path | str,
    clips: Sequence[str],
    settings: FeatureSettings,
    split: str,
    manifest_sha256: str,
    kept: StoreSettings | None = None,
) -> Iterator[Writer]:
    """Create a store: yield a picklable Writer, and rename the files if the block succeeds.

    Raises StoreError if there are no clips, or a clip is repeated or was not written.
    """
    kept, path = kept or StoreSettings(), Path(path)
    if not are_unique_names(list(clips)):
        problem = "a store requires at least one clip and unique clip names"
        raise StoreError(problem, place=path, cure="check the manifest")
    shape = (len(clips), settings.frames, settings.n_mels)
    header: dict[str, Any] = {
        "clips": list(clips),
        "manifest_sha256": manifest_sha256,
        "resed": __version__,
        "settings": settings.model_dump(),
        "shape": shape,
        "split": split,
    }
    version = VERSION if kept == StoreSettings() else LARGE
    if version == LARGE:
        header |= kept.model_dump()
    text = json.dumps(header, sort_keys=True, ensure_ascii=False).encode()
    start = -(-(PREFIX.size + len(text)) // ALIGNMENT) * ALIGNMENT
    names = shard_paths(path, len(clips), kept.shard_clips)
    with ExitStack() as stack:
        temporary = stack.enter_context(atomic_path(path))  # the last one that is renamed
        shards = tuple(stack.enter_context(atomic_path(name)) for name in names)
        writer = Writer(temporary, start, shape, kept.dtype, shards, kept.shard_clips)
        with temporary.open("wb") as handle:
            handle.write(PREFIX.pack(MAGIC, version, len(text), zlib.crc32(text)) + text)
            allocate(handle.fileno(), writer.sums + 4 * shape[0])
        for number, shard in enumerate(shards):
            count = min(kept.shard_clips, shape[0] - number * kept.shard_clips)
            with shard.open("wb") as handle:
                allocate(handle.fileno(), count * writer.clip_bytes)
        yield writer
        _check_complete(path, writer, clips)
        remove_other_shards(path, names)


def _check_complete(path: Path | str, writer: Writer, clips: Sequence[str]) -> None:
    checksums = np.fromfile(writer.path, "<u4", offset=writer.sums)
    missing = np.flatnonzero(checksums == 0)  # 1 in 2**32 checksums of clips is 0, too
    if missing.size:
        problem = f"{missing.size} clips were not written, first {clips[missing[0]]}"
        raise StoreError(problem, place=path, cure=CURE)


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    """The validated header, and the byte at which the features begin."""
    source = SourceFile(path, StoreError, CURE)
    with path.open("rb") as handle:
        prefix = handle.read(PREFIX.size)
        if prefix[: len(MAGIC)] != MAGIC:
            cure = f"use a store, or {CURE}"
            raise StoreError("not a feature store of resed", place=path, cure=cure)
        if len(prefix) < PREFIX.size:
            raise source.wrong("truncated within its header")
        _, version, length, checksum = PREFIX.unpack(prefix)
        if version not in HEADERS:
            raise source.wrong(
                f"a store of version {version}, but this resed reads versions {VERSION} and {LARGE}"
            )
        if length > path.stat().st_size - PREFIX.size:
            raise source.wrong("truncated within its header")
        if length > LARGEST:
            raise source.wrong(f"a header of {length} bytes; at most {LARGEST} are read")
        text = handle.read(length)
    if zlib.crc32(text) != checksum:
        raise source.wrong("its header is damaged")
    try:
        header = source.check(parse_json(text), HEADERS[version], "header")
    except ValueError as error:
        raise source.wrong(f"its header is not valid JSON ({short_line(error)})") from None
    clips, frames, n_mels = header["shape"]
    settings = _settings(source, header["settings"])
    if clips != len(header["clips"]):
        raise source.wrong(f"header.shape has {clips} clips, header.clips {len(header['clips'])}")
    if (frames, n_mels) != (settings.frames, settings.n_mels):
        raise source.wrong("header.shape does not fit header.settings")
    return header, -(-(PREFIX.size + length) // ALIGNMENT) * ALIGNMENT


def _features(path: Path, header: dict[str, Any], start: int) -> np.memmap | MappedFeatures:
    """The memory map of a store, or of all its files."""
    shape = tuple(header["shape"])
    if "dtype" not in header:
        return np.memmap(path, "<f4", "r", start, shape)
    dtype, shard_clips = DTYPES[header["dtype"]], header["shard_clips"]
    if not shard_clips:
        return MappedFeatures([np.memmap(path, dtype, "r", start, shape)], shape)
    return MappedFeatures(open_shards(path, shape, shard_clips, dtype, CURE), shape)


def _settings(source: SourceFile, values: dict[str, Any]) -> FeatureSettings:
    try:
        return FeatureSettings.model_validate(values, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(["header.settings", *(short_line(part) for part in first["loc"])])
        raise source.wrong(f"{key}: {short_line(first['msg'])}") from None


def _compare(
    path: Path, found: Mapping[str, Any], asked: FeatureSettings | Mapping[str, Any]
) -> None:
    wanted = asked.model_dump() if isinstance(asked, FeatureSettings) else dict(asked)
    for key in [*wanted, *(key for key in found if key not in wanted)]:
        if found.get(key) != wanted.get(key):
            problem = f"made with features.{key} {found.get(key)}, not {wanted.get(key)}"
            cure = f"{CURE} with these settings, or set features.{key} back"
            raise StoreError(problem, place=path, cure=cure)
