"""Model files: the weights of a trained system and all that they need, in one safetensors file.

The header has one entry of metadata, `resed`, which is JSON: classes, settings, features, windows,
thresholds, the training, versions and a card. Nothing in the file is executed. Header and JSON are
bounded before they are parsed, and the file is compared with the SHA-256 in its metadata.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from resed.errors import ModelFileError
from resed.formats.checkpoint import CLASSES, IDENTITY, WEIGHTS
from resed.formats.validation import (
    HASH,
    MADE_BY,
    NAME,
    NETWORK,
    PLAIN,
    Fields,
    Kind,
    SourceFile,
    integer,
    is_hash,
    is_name,
    list_of,
    number,
    short,
    short_line,
)
from resed.formats.windows import LONGEST_S, Window
from resed.runtime.files import atomic_path, existing
from resed.runtime.json_text import parse_json
from resed.settings import FeatureSettings, SystemSettings

VERSION = 1
FORMAT = "resed model"
KEY = "resed"  # of the metadata
CURE = "get it again, or make it with resed export"
LARGEST_FILE = 1 << 30  # bytes; the models of the papers have 40 MB
LARGEST_HEADER = 16 << 20  # bytes of all text of a file
LARGEST_CARD = 1 << 20  # bytes of its JSON
MOST_VALUES = 500_000  # of the JSON
MOST_TENSORS = 10_000
LONGEST_NAME = 100  # characters of the name of a model
PREFIX = 8  # bytes: the length of the header
TYPES = {"F32": 4, "I64": 8}  # bytes per number; integers are the counters of BatchNorm

MODEL_NAME = Kind(
    f"text of 1 to {LONGEST_NAME} characters that could name a file",
    lambda value: (
        is_name(value)
        and len(value) <= LONGEST_NAME
        and not {*"/\\"} & {*value}
        and value not in (".", "..")
    ),
)
SECONDS = number(0, LONGEST_S)
OPTIONAL_SECONDS = Kind(
    f"a number of seconds from 0 to {LONGEST_S:g}, or null",
    lambda value: value is None or SECONDS.holds(value),
)
WINDOW = Fields(
    {
        "event_label": NAME,
        "events": integer(),
        "mean_s": OPTIONAL_SECONDS,
        "window_s": SECONDS,
        "method": NAME,
        "knee_index": Kind("an integer or null", lambda v: v is None or integer().holds(v)),
        "knee_s": OPTIONAL_SECONDS,
        "fallback": Kind("text", lambda value: isinstance(value, str)),
    }
)
METADATA = Fields(
    {
        "format": Kind(f"{FORMAT!r}", lambda value: value == FORMAT),
        "version": integer(VERSION, VERSION),
        "sha256": Kind("a SHA-256 in hex", is_hash),
        "name": MODEL_NAME,
        "classes": CLASSES,
        "shares": list_of(number(0, 1), least=1),
        "settings": Fields({}, others=PLAIN),
        "features": Fields({}, others=PLAIN),
        "windows": Fields({}, others=WINDOW),
        "thresholds": Fields({}, others=number(0, 1)),
        "training": Fields(
            {
                **{name: IDENTITY.keys[name] for name in ("system", "seed", "data")},
                "initial": Fields({"name": NAME, "sha256": HASH}, optional=True),
                "network": NETWORK,
            }
        ),
        "card": Fields({}, others=PLAIN),
        "made_by": MADE_BY,
        "versions": Fields({}, others=NAME),
    }
)
OFFSETS = list_of(integer(0, LARGEST_FILE))
TENSOR = Fields(
    {
        "dtype": Kind(" or ".join(TYPES), lambda value: isinstance(value, str) and value in TYPES),
        "shape": list_of(integer(0, LARGEST_FILE)),
        "data_offsets": Kind("two offsets", lambda v: OFFSETS.holds(v) and len(v) == 2),
    }
)


@dataclass(frozen=True)
class ModelFile:
    """A trained system that can be used without its training data.

    Attributes:
        name: short name, for people.
        classes: labels in the order of the outputs.
        shares: share of the head inputs that each class uses, 1 unless disentangled.
        settings: of the system, its decoding included.
        features: of the log-mel features; a clip has `features.seconds`.
        windows: label -> window of the median filter, of all classes.
        thresholds: label -> frame threshold, from 0 to 1; of all classes, or empty: that of
            `settings.decode` is then used for all.
        training: system, seed and data (dataset, manifest, clips) of the training; `initial`
            (name, sha256) is the model from which it started, if any; `network` (file, sha256) the
            file with the class of `settings.model.own`, if any.
        weights: name -> float32 tensor of both networks (int64: counters of BatchNorm).
        card: facts for people, JSON values: data, licences, scores, limits.
        made_by: stage, code, packages and device of the training; None if unknown.
        versions: package -> version with which the file was made.
    """

    name: str
    classes: list[str]
    shares: list[float]
    settings: SystemSettings
    features: FeatureSettings
    windows: dict[str, Window]
    thresholds: dict[str, float]
    training: dict[str, Any]
    weights: dict[str, Tensor]
    card: dict[str, Any] = field(default_factory=dict)
    made_by: dict[str, Any] | None = None
    versions: dict[str, str] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        """All values except the weights, as JSON values."""
        found = {name: value for name, value in vars(self).items() if name != "weights"}
        found |= {name: getattr(self, name).model_dump(mode="json") for name in SETTINGS}
        found["windows"] = {label: asdict(window) for label, window in self.windows.items()}
        if self.made_by is None:
            del found["made_by"]
        return {"format": FORMAT, "version": VERSION, **found}


SETTINGS: dict[str, type[BaseModel]] = {"settings": SystemSettings, "features": FeatureSettings}


def write_model_file(path: Path | str, model: ModelFile) -> None:
    """Write a model file atomically; equal models give equal bytes.

    Raises ModelFileError if `read_model_file` would refuse the file.
    """
    weights = {name: value.detach().cpu().contiguous() for name, value in model.weights.items()}
    source = SourceFile(Path(path), ModelFileError, "correct the model")
    metadata = _plain(source, model.metadata())
    metadata["sha256"] = _digest(metadata, weights)
    _model(source, metadata, weights)
    data = save(weights, {KEY: json.dumps(metadata, sort_keys=True, ensure_ascii=False)})
    _refuse_sizes(source, len(data), int.from_bytes(data[:PREFIX], "little"))
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def read_model_file(path: Path | str) -> ModelFile:
    """Read and validate a model file, onto the CPU.

    Whether the weights fit the settings is checked where the networks are built.

    Raises:
        MissingFileError: the file does not exist.
        ModelFileError: it is damaged, foreign or of another version; with the key.
    """
    source = SourceFile(existing(path, "check the path"), ModelFileError, CURE)
    with open(path, "rb") as handle:
        size = source.path.stat().st_size
        length = int.from_bytes(handle.read(PREFIX), "little")
        _refuse_sizes(source, size, length)
        metadata = _header(source, handle.read(length), size - PREFIX - length)
        handle.seek(0)
        try:
            weights = load(handle.read())
        except SafetensorError as error:
            raise source.wrong(f"not a safetensors file ({short_line(error)})") from None
    return _model(source, metadata, weights)


def is_model_file(path: Path | str) -> bool:
    """Whether a file begins as a safetensors file does, and not as one of torch.save."""
    with open(existing(path, "check the path, or train the system first"), "rb") as handle:
        start = handle.read(PREFIX + 1)
    return start[PREFIX:] == b"{" and not start.startswith(b"PK\x03\x04")


def _refuse_sizes(source: SourceFile, size: int, length: int) -> None:
    if size > LARGEST_FILE:
        raise source.wrong(f"{size} bytes; at most {LARGEST_FILE} are read")
    if not 2 <= length <= size - PREFIX:
        raise source.wrong("not a model file, or cut: the length of its header exceeds the file")
    if length > LARGEST_HEADER:
        raise source.wrong(f"a header of {length} bytes; at most {LARGEST_HEADER} are read")


def _header(source: SourceFile, header: bytes, size: int) -> dict[str, Any]:
    """The metadata of a header whose tensors fill `size` bytes without gap or overlap."""
    tensors = _json(source, header, "header")
    extra = tensors.pop("__metadata__", None) if isinstance(tensors, dict) else None
    if not isinstance(extra, dict) or not isinstance(extra.get(KEY), str):
        raise source.wrong("not a model of resed: its metadata lack the key resed")
    if len(extra) > 1:
        other = next(name for name in extra if name != KEY)
        raise source.wrong(f"unknown key {short(other)} in the metadata")
    if not 0 < len(tensors) <= MOST_TENSORS:
        raise source.wrong(f"{len(tensors)} tensors; 1 to {MOST_TENSORS} are read")
    end = 0
    source.check(tensors, Fields({}, others=TENSOR), "tensors")
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1]["data_offsets"]):
        first, last = tensor["data_offsets"]
        count = 1
        for side in tensor["shape"]:
            count = min(count * side, LARGEST_FILE + 1)
        if first != end or last - first != count * TYPES[tensor["dtype"]]:
            raise source.wrong(f"the bytes of {short(name)} do not fit its shape and the others")
        end = last
    if end != size:
        raise source.wrong(f"{size} bytes of tensors, but its header describes {end}")
    return _json(source, extra[KEY].encode("utf-8", "surrogatepass"), "metadata")


def _plain(source: SourceFile, metadata: dict[str, Any]) -> Any:
    """The metadata as they are read back: lists for tuples, text without surrogates."""
    try:
        text = json.dumps(metadata, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError) as error:
        raise source.wrong(f"cannot be written as JSON ({short_line(error)})") from None
    return _json(source, text.encode("utf-8", "surrogatepass"), "metadata")


def _json(source: SourceFile, data: bytes, what: str) -> Any:
    try:
        return parse_json(data, LARGEST_HEADER, MOST_VALUES)
    except ValueError as error:
        raise source.wrong(f"{what}: not valid JSON ({short_line(error)})") from None


def _model(source: SourceFile, metadata: Any, weights: dict[str, Tensor]) -> ModelFile:
    """The model of a file, validated."""
    found = metadata.get("version") if isinstance(metadata, dict) else None
    if type(found) is int and found != VERSION:
        raise source.wrong(f"version {found}, this resed reads version {VERSION}")
    source.check(metadata, METADATA)
    values = {name: value for name, value in metadata.items() if name not in ("format", "version")}
    digest = values.pop("sha256")
    if digest != _digest({k: v for k, v in metadata.items() if k != "sha256"}, weights):
        raise source.wrong("has changed since it was written")
    source.check(weights, WEIGHTS, "weights")
    for name, kind in SETTINGS.items():
        values[name] = _settings(source, kind, name, values[name])
    classes = values["classes"]
    if len(values["shares"]) != len(classes):
        raise source.wrong("shares must have one value per class")
    for name in ("windows", "thresholds"):
        if values[name].keys() != {*classes} and (values[name] or name == "windows"):
            raise source.wrong(f"{name} are not those of the classes")
    if any(label != window["event_label"] for label, window in values["windows"].items()):
        raise source.wrong("windows: a label differs from its key")
    if len(json.dumps(values["card"], ensure_ascii=False).encode()) > LARGEST_CARD:
        raise source.wrong(f"card: more than {LARGEST_CARD} bytes")
    values["windows"] = {label: Window(**window) for label, window in values["windows"].items()}
    return ModelFile(**values, weights=weights)


def _settings(source: SourceFile, kind: type[BaseModel], name: str, values: Any) -> Any:
    """Typed settings, without conversion of types."""
    try:
        found = kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join([name, *map(str, first["loc"])])
        raise source.wrong(f"{short_line(key)}: {short_line(first['msg'])}") from None
    if not _is_same(values, found.model_dump(mode="json")):
        raise source.wrong(f"{name}: text where a number is required")
    return found


def _is_same(given: Any, found: Any) -> bool:
    """Whether values were read as they are; settings with defaults may lack."""
    if isinstance(given, dict) and isinstance(found, dict):
        return all(_is_same(value, found.get(key)) for key, value in given.items())
    return given == found


def _digest(metadata: Mapping[str, Any], weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of all values of a model file, in an order that does not depend on its layout."""
    total = hashlib.sha256(json.dumps(metadata, sort_keys=True, ensure_ascii=False).encode())
    for name in sorted(weights):
        value = weights[name]
        total.update(f"\n{name} {value.dtype} {list(value.shape)}\n".encode())
        if value.numel():
            total.update(value.reshape(-1).view(torch.uint8).numpy())
    return total.hexdigest()
