"""Model files: written and read to equal bytes, and refused in one line where they are hostile."""

import json
import struct
from dataclasses import replace

import pytest
import torch
from small_models import (
    FEATURES,
    WINDOWS,
    settings,
    small_checkpoint,
    small_model,
)

from resed.config.loading import overlay
from resed.errors import MissingFileError, ModelFileError
from resed.formats import checkpoint
from resed.formats.model_file import (
    KEY,
    LARGEST_HEADER,
    _digest,
    is_model_file,
    read_model_file,
    write_model_file,
)
from resed.predict.models import installed_models, model_path
from resed.predict.networks import load_trained
from resed.train.framework import build_networks

SETTINGS = settings()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "small.safetensors"
    write_model_file(path, small_model())
    return path


def parts(path):
    """Header, metadata and tensors of a file."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    return header, json.loads(header["__metadata__"][KEY]), data[8 + length :]


def write(path, header, body, length=None):
    """A file with this header, as a mapping or as text."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    length = len(text) if length is None else length
    path.write_bytes(struct.pack("<Q", length) + text + body)


def forge(path, **changes):
    """Change metadata and make the SHA-256 anew, as an attacker would."""
    header, metadata, body = parts(path)
    metadata |= changes
    del metadata["sha256"]
    metadata["sha256"] = _digest(metadata, read_weights(path))
    header["__metadata__"][KEY] = json.dumps(metadata)
    write(path, header, body)


def read_weights(path):
    from safetensors.torch import load_file

    return load_file(path)


def refusal(path) -> str:
    with pytest.raises(ModelFileError) as refused:
        load_trained(path)
    line = str(refused.value)
    assert "\n" not in line and len(line) < 500
    assert line.startswith(f"{path}: ") and line.endswith(
        "; get it again, or make it with resed export"
    )
    return line.removeprefix(f"{path}: ").partition(";")[0]


def test_a_model_is_read_as_it_was_written(path):
    found, written = read_model_file(path), small_model()
    assert is_model_file(path)
    assert {k: v for k, v in vars(found).items() if k != "weights"} == {
        k: v for k, v in vars(written).items() if k != "weights"
    }
    assert found.weights.keys() == written.weights.keys()
    for name, value in written.weights.items():
        assert found.weights[name].dtype == value.dtype
        assert torch.equal(found.weights[name], value)
    assert found.settings.decode.frame_threshold == 0.4
    assert found.windows["cät"].mean_s is None


def test_equal_models_give_equal_bytes_and_others_read_the_weights(path, tmp_path):
    other = tmp_path / "other.safetensors"
    shuffled = small_model()
    weights = dict(reversed(shuffled.weights.items()))
    windows = dict(reversed(shuffled.windows.items()))
    write_model_file(other, replace(shuffled, weights=weights, windows=windows))
    assert other.read_bytes() == path.read_bytes()
    write_model_file(other, replace(shuffled, name="other"))
    assert other.read_bytes() != path.read_bytes()
    theirs = read_weights(path)  # the package's own reader
    assert all(torch.equal(theirs[name], value) for name, value in shuffled.weights.items())


def test_networks_of_a_model_file_are_those_of_its_weights(path):
    trained, mels = load_trained(path), torch.randn(2, 120, 64)
    model = small_model()
    networks = build_networks(SETTINGS.model, FEATURES, 2, [1.0, 1.0])
    networks.load_state_dict(model.weights)
    with torch.no_grad():
        expected, found = networks.eval().student(mels), trained.networks.student(mels)
    assert torch.equal(found.tags, expected.tags) and torch.equal(found.frames, expected.frames)
    assert (trained.name, trained.cells, trained.seconds_per_frame) == ("small", 120, 735 / 44100)
    assert trained.thresholds == {"dog": 0.3, "cät": 0.7} and trained.windows == WINDOWS


def test_a_model_that_could_not_be_read_is_not_written(tmp_path):
    path = tmp_path / "bad.safetensors"
    weights = small_model().weights
    name = next(name for name in weights if name.endswith("weight"))
    wrong = {
        "weights must be": {"weights": {**weights, name: weights[name] * float("nan")}},
        "classes must be": {"classes": ["dog", "dog"]},
        "shares must have one value per class": {"shares": [1.0]},
        "thresholds are not those of the classes": {"thresholds": {"dog": 0.5}},
        "thresholds.'dog' must be": {"thresholds": {"dog": 1.5, "cät": 0.5}},
        "windows are not those of the classes": {"windows": {"dog": WINDOWS["dog"]}},
        "name must be text of 1 to 100 characters": {"name": "../../x"},
        "that could name a file, not '..'": {"name": ".."},
        "cannot be written as JSON": {"card": {"score": float("nan")}},
        "not UTF-8": {"card": {"a": "\ud800"}},
        "more than 1048576 bytes": {"card": {"a": "x" * (1 << 20)}},
        "more than 50 levels": {"card": {"a": json.loads("[" * 60 + "]" * 60)}},
    }
    for problem, change in wrong.items():
        with pytest.raises(ModelFileError) as refused:
            write_model_file(path, small_model(**change))
        assert problem in str(refused.value)
        assert not path.exists()


# ---- hostile files -----------------------------------------------------------------------------


def test_b3_numbers_that_no_training_gives_are_refused(path):
    original = path.read_bytes()
    header, _, _ = parts(path)
    name = next(name for name in header if name.endswith("running_var"))
    cases = {"nan": float("nan"), "inf": float("inf"), "huge": 1e30, "negative variance": -1.0}
    for value in cases.values():
        path.write_bytes(original)
        header, _, body = parts(path)
        first = header[name]["data_offsets"][0]
        body = body[:first] + struct.pack("<f", value) + body[first + 4 :]
        write(path, header, body)
        assert refusal(path) == "has changed since it was written"
        forge(path)  # with a SHA-256 that fits
        assert refusal(path).startswith("weights must be a mapping of names to finite float32")
    path.write_bytes(original)
    for key, value, problem in (
        ("thresholds", {"dog": 2, "cät": 0.5}, "thresholds.'dog' must be a finite number"),
        ("thresholds", {"dog": True, "cät": 0.5}, "thresholds.'dog' must be a finite number"),
        ("windows", {"dog": {}}, "windows.'dog'.event_label is missing"),
        ("shares", [1.0, -1.0], "shares must be a list, each item a finite number from 0 to 1"),
        ("classes", ["a"] * 2, "classes must be"),
        ("settings", {}, "settings.model: Field required"),
        ("features", {"hop": "735"}, "features: text where a number is required"),
        ("features", {"hop": 0}, "features.hop: Input should be greater than 0"),
        ("training", {"system": "pts", "seed": -1, "data": {"dataset": "d"}}, "training.seed must"),
        ("made_by", {"stage": "train"}, "made_by.code is missing"),
        ("other", 1, "unknown key 'other'"),
        ("version", 2, "version 2, this resed reads version 1"),
        ("format", "other", "format must be 'resed model'"),
    ):  # fmt: skip
        path.write_bytes(original)
        forge(path, **{key: value})
        assert refusal(path).startswith(problem)


def test_c6_a_hostile_header_is_refused_in_one_line(path):
    original = path.read_bytes()
    header, _, body = parts(path)
    names = [name for name in header if name != "__metadata__"]
    one, two = header[names[0]], header[names[1]]

    def changed(name, **values):
        return {**header, name: {**header[name], **values}}

    first, last = one["data_offsets"]
    text = json.dumps(header)
    twice = f'{text[:-1]}, "{names[0]}": {json.dumps(one)}}}'.encode()
    foreign = {**header, "__metadata__": {"format": "pt"}}
    lengths = "not a model file, or cut: the length of its header exceeds the file"
    for problem, forged, content, length in (
        (lengths, header, body, 2**64 - 1),
        (lengths, header, body, 10 * len(original)),
        (lengths, header, body, 0),
        ("more than 50 levels", b"[" * 100_000, body, None),
        ("header: not valid JSON", b'{"a": ' * 200 + b"1" + b"}" * 200, body, None),
        ("occurs twice in a mapping", twice, body, None),
        ("header: not valid JSON (not UTF-8", b'{"\xff": 1}', body, None),
        ("not valid JSON (NaN is not a finite number)", b'{"a": NaN}', body, None),
        ("has more than 64 bits", b'{"a": ' + b"9" * 5000 + b"}", body, None),
        ("not a model of resed", b"[]", body, None),
        ("not a model of resed", foreign, body, None),
        ("not a model of resed", {**header, "__metadata__": {KEY: 3}}, body, None),
        ("unknown key 'format' in the metadata",
         {**header, "__metadata__": {**header["__metadata__"], "format": "pt"}}, body, None),
        ("metadata: not valid JSON", {**header, "__metadata__": {KEY: "{" * 1000}}, body, None),
        ("content must be a mapping", {**header, "__metadata__": {KEY: "[]"}}, body, None),
        ("0 tensors", {"__metadata__": header["__metadata__"]}, b"", None),
        ("must be F32 or I64", changed(names[0], dtype="F64"), body, None),
        ("must be F32 or I64", changed(names[0], dtype=["F32"]), body, None),
        ("do not fit its shape", changed(names[0], shape=[2**29, 2**29]), body, None),
        ("shape must be a list", changed(names[0], shape=[-1]), body, None),
        ("shape must be a list", changed(names[0], shape=[2**62]), body, None),
        ("data_offsets must be two", changed(names[0], data_offsets=[0]), body, None),
        ("do not fit its shape and the others",
         changed(names[1], data_offsets=one["data_offsets"], shape=one["shape"],
                 dtype=one["dtype"]), body, None),
        ("do not fit its shape and the others",
         changed(names[0], data_offsets=[last, first]), body, None),
        ("unknown key 'x' in tensors", changed(names[0], x=1), body, None),
        ("bytes of tensors, but its header describes", header, body + b"\0", None),
        ("bytes of tensors, but its header describes", header, body[:-4], None),
        ("must be a mapping", {**header, names[0]: [1]}, body, None),
    ):  # fmt: skip
        write(path, forged, content, length)
        if path.read_bytes()[8:9] != b"{":
            with pytest.raises(ModelFileError, match=r"not a model of resed|not valid JSON"):
                read_model_file(path)
            continue
        assert problem in refusal(path), problem
    assert two["data_offsets"] != one["data_offsets"]


def test_c6_a_header_beyond_its_bound_is_not_parsed(path):
    header, _, body = parts(path)
    text = json.dumps(header).encode()
    write(path, text + b" " * (LARGEST_HEADER + 1 - len(text)), body)
    assert refusal(path).startswith(f"a header of {LARGEST_HEADER + 1} bytes")


def test_c6_weights_that_do_not_fit_the_settings_are_refused(path):
    values = SETTINGS.model_dump(mode="json")
    for change, problem in (
        ({"width": 0.5}, "float32, not"),
        ({"recurrent": {"layers": 10**9}}, "recurrent.layers: "),
        ({"recurrent": {"layers": 16}}, "fit"),
        ({"teacher": {"channels": [10**9] * 5}, "width": 4}, "teacher.channels"),
        ({"teacher": {"channels": [4096] * 5}, "width": 4}, "fit"),
        ({"tag_head": {"pooling": "guided"}, "student": {"channels": [4096] * 3}}, "fit"),
        ({"framework": "mean_teacher"}, "model.framework: mean_teacher takes linear mels"),
        ({"frame_head": {"hidden": 10**9}}, "frame_head.hidden: "),
        ({"frame_head": {"hidden": 4096}}, "fit"),
    ):  # fmt: skip
        original = path.read_bytes()
        forge(path, settings=overlay(values, {"model": change}))
        line = refusal(path)
        assert problem in line, line
        path.write_bytes(original)
    features = {**FEATURES.model_dump(mode="json"), "n_mels": 10**9}
    forge(path, features=features)
    assert "n_mels: " in refusal(path)


def test_c6_checkpoints_whose_settings_have_no_end_are_refused(tmp_path):
    path = small_checkpoint(tmp_path / "checkpoint.pt")
    content = checkpoint.load(path)
    content["identity"]["settings"]["model"]["recurrent"]["layers"] = 10**9
    checkpoint.save(path, content)
    with pytest.raises(checkpoint.CheckpointError, match=r"recurrent\.layers: "):
        load_trained(path)


def test_b2_a_cut_file_is_refused_at_every_length(path):
    data = path.read_bytes()
    for length in (0, 1, 7, 8, 9, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(ModelFileError):
            read_model_file(path)


# ---- names -------------------------------------------------------------------------------------


def test_a_name_is_that_of_an_installed_model_and_anything_else_a_path(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert installed_models(tmp_path) == {"small": path}
    assert model_path("small", tmp_path) == path
    assert model_path("other/small", tmp_path).as_posix() == "other/small"
    assert model_path("small.safetensors", tmp_path).as_posix() == "small.safetensors"
    (tmp_path / "mine").write_text("x")
    assert model_path("mine", tmp_path).as_posix() == "mine"
    with pytest.raises(
        MissingFileError, match=r"smal: no such model or file; did you mean small\?"
    ):
        model_path("smal", tmp_path)
