"""ONNX files: posteriors from log-mels or a waveform, compared with PyTorch before they are kept.

The networks are exported by PyTorch's exporter of traces. Its newer exporter (dynamo) was tried
with PyTorch 2.13: the joint network was not exported within 200 s, and Mean Teacher only with a
fixed number of frames. The features of a waveform are operators of ONNX, with the
Fourier transform in float64 as in `resed.extract.logmel`.
"""

import io
import json
import math
import warnings
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from resed.config.network_file import NetworkFile
from resed.errors import ModelFileError
from resed.extract.logmel import logmel, mel_filters, samples_before, taper
from resed.formats.model_file import ModelFile
from resed.formats.validation import short_line
from resed.predict.networks import Trained, trained_of
from resed.runtime.files import atomic_path
from resed.settings import FeatureSettings

if TYPE_CHECKING:
    import onnx

Front = Literal["waveform", "mels"]
OUTPUTS = ("frames", "tags", "teacher_tags")
OPSET = 17  # the first with a Fourier transform
TOLERANCE = 1e-4  # of posteriors
SILENCE = 0.3  # share of the tested waveform that is digital silence


class _Posteriors(nn.Module):
    """Student frames, student tags and teacher tags of a batch of features."""

    def __init__(self, trained: Trained):
        super().__init__()
        self.networks = trained.networks

    def forward(self, mels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[clips, frames, mels] -> [clips, cells, classes], and twice [clips, classes]."""
        student = self.networks.student(mels)
        teacher = self.networks.teacher
        teacher = teacher(mels, slice(0)) if teacher else student
        return student.frames, student.tags, teacher.tags


def write_onnx(
    path: Path | str,
    model: ModelFile,
    front: Front = "waveform",
    network: NetworkFile | None = None,
) -> float:
    """Write an ONNX file atomically, if onnxruntime computes from it what PyTorch does.

    Inputs and outputs are float32: `waveform` [clips, samples], mono at the sample rate of the
    features, or `mels` [clips, frames, n_mels]; `frames` [clips, cells, classes], `tags` and
    `teacher_tags` [clips, classes]. Clips of a waveform have samples // hop frames. The metadata
    have the key `resed`, the JSON of a model file without weights. Clips of a network of the user,
    whose class is in `network`, have the frames of its training.

    Returns:
        The largest difference of posteriors between onnxruntime and PyTorch, over clips of the
        length of training, of the fewest frames and of more frames.

    Raises:
        ModelFileError: the networks cannot be exported, or posteriors differ by more than 1e-4.
        ModuleNotFoundError: the packages of the extra `onnx` are not installed.
    """
    for package in ("onnx", "onnxruntime"):  # a missing one is named before the export
        import_module(package)
    trained = trained_of(model, path, network)
    networks = _Posteriors(trained).eval()
    whole = _exported(path, networks, trained)
    if front == "waveform":
        whole = _joined(_features(trained.features), whole)
    whole.metadata_props.add(key="resed", value=_metadata(model, front, trained))
    data = whole.SerializeToString(deterministic=True)
    difference = _difference(data, networks, trained, front)
    if not difference <= TOLERANCE:
        problem = f"posteriors of onnxruntime differ by {difference:.1g} from those of PyTorch"
        raise ModelFileError(problem, place=path, cure="report it, with the settings of the system")
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
    return difference


def fewest_frames(trained: Trained) -> int:
    """The fewest frames of features that both networks accept: one cell after all pooling."""
    model = trained.settings.model
    if model.wels is not None:
        span = model.wels.segment[0]
        return span * math.prod(frames for frames, _ in model.wels.pools)
    if model.own is not None:  # whose layers may require them all
        return trained.features.frames
    if model.framework == "single":
        return 1
    blocks = model.teacher.pools if model.framework == "joint" else model.crnn.pools
    pooled = math.prod(frames for frames, _ in blocks)
    if model.framework == "joint" and model.recurrent.enabled:
        pooled = max(pooled, model.recurrent.average_frames)
    return pooled


def _exported(path: Path | str, networks: nn.Module, trained: Trained) -> "onnx.ModelProto":
    import onnx

    settings = trained.features
    example = torch.zeros(2, settings.frames, settings.n_mels)
    axes = {"mels": {0: "clips", 1: "frames"}, "frames": {0: "clips", 1: "cells"}}
    axes |= {"tags": {0: "clips"}, "teacher_tags": {0: "clips"}}
    if trained.settings.model.own is not None:
        axes["mels"], axes["frames"] = {0: "clips"}, {0: "clips"}
    buffer = io.BytesIO()
    try:
        # PyTorch prints the whole network where it has no operator for a part of it.
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # of the tracer; posteriors are compared afterwards
            torch.onnx.export(
                networks, (example,), buffer, input_names=["mels"], output_names=list(OUTPUTS),
                dynamic_axes=axes, opset_version=OPSET, dynamo=False,
            )  # fmt: skip
    except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
        problem = f"the networks cannot be exported ({short_line(error)})"
        raise ModelFileError(problem, place=path, cure="export a .safetensors file") from None
    return onnx.load_from_string(buffer.getvalue())


def _joined(front: "onnx.ModelProto", networks: "onnx.ModelProto") -> "onnx.ModelProto":
    from onnx import compose

    front.ir_version = networks.ir_version
    names = compose.add_prefix(front, "front.", rename_inputs=False, rename_outputs=False)
    return compose.merge_models(names, networks, io_map=[("mels", "mels")])


def _features(settings: FeatureSettings) -> "onnx.ModelProto":
    """The operators of `logmel` without its last frame, which is centred on the end of the clip."""
    from onnx import TensorProto, helper, numpy_helper

    before = samples_before(settings)
    after = before or settings.n_fft
    constants: dict[str, Any] = {
        "offset": np.float32(settings.offset),
        "pads": np.array([0, before, 0, after], np.int64),
        "last": np.array([2], np.int64),
        "hop": np.int64(settings.hop),
        "taper": taper(settings).astype(np.float64),
        "starts": np.array([0], np.int64),
        "ends": np.array([-1], np.int64),
        "frames_axis": np.array([1], np.int64),
        "parts_axis": np.array([3], np.int64),
        "filters": np.ascontiguousarray(mel_filters(settings).T),
        "floor": np.float32(settings.floor),
    }
    mode = "reflect" if settings.edges == "reflect" else "constant"
    squares = "power" if settings.spectrum == "magnitude" else "magnitude"
    mels = "linear" if settings.scale == "log" else "mels"
    steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Add", ["waveform", "offset"], "shifted", {}),
        ("Cast", ["shifted"], "double", {"to": TensorProto.DOUBLE}),
        ("Pad", ["double", "pads"], "padded", {"mode": mode}),
        ("Unsqueeze", ["padded", "last"], "signal", {}),
        ("STFT", ["signal", "hop", "taper"], "every_spectrum", {"onesided": 1}),
        ("Slice", ["every_spectrum", "starts", "ends", "frames_axis"], "spectrum", {}),
        ("Cast", ["spectrum"], "single", {"to": TensorProto.FLOAT}),
        ("ReduceSumSquare", ["single"], squares, {"axes": [3], "keepdims": 0}),
    ]
    if settings.spectrum == "magnitude":
        steps.append(("Sqrt", [squares], "magnitude", {}))
    steps.append(("MatMul", ["magnitude", "filters"], mels, {}))
    if settings.scale == "log":
        steps.append(("Add", [mels, "floor"], "positive", {}))
        steps.append(("Log", ["positive"], "mels", {}))
    used = {name for _, inputs, _, _ in steps for name in inputs}
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, [output], **more) for kind, inputs, output, more in steps],
        "features",
        [helper.make_tensor_value_info("waveform", TensorProto.FLOAT, ["clips", "samples"])],
        [helper.make_tensor_value_info(
            "mels", TensorProto.FLOAT, ["clips", "frames", settings.n_mels]
        )],
        [numpy_helper.from_array(np.asarray(value), name)
         for name, value in constants.items() if name in used],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])


def _metadata(model: ModelFile, front: Front, trained: Trained) -> str:
    found = model.metadata() | {
        "input": front,
        "fewest_frames": fewest_frames(trained),
        "seconds_per_frame": trained.seconds_per_frame,
    }
    return json.dumps(found, sort_keys=True, ensure_ascii=False)


def _difference(data: bytes, networks: nn.Module, trained: Trained, front: Front) -> float:
    """The largest difference of posteriors between onnxruntime and PyTorch; NaN if one is NaN."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    largest = 0.0
    frames, fewest = trained.features.frames, fewest_frames(trained)
    longer = frames if fewest == frames else frames + frames // 2 + 1
    for clips, count in ((1, frames), (2, longer), (1, fewest)):
        given, mels = _test_clips(trained.features, clips, count, front)
        found = session.run(OUTPUTS, {front: given})
        with torch.no_grad():
            expected = networks(torch.from_numpy(mels))
        for one, other in zip(found, expected, strict=True):
            if one.shape != tuple(other.shape):
                return math.nan
            largest = max(largest, float(np.abs(one - other.numpy()).max(initial=0.0)))
    return largest


def _test_clips(
    settings: FeatureSettings, clips: int, frames: int, front: Front
) -> tuple[np.ndarray, np.ndarray]:
    """Input of the file, and the same as features: noise, a tone, and digital silence."""
    random = np.random.default_rng(0)
    samples = frames * settings.hop + (settings.hop // 2)
    time = np.arange(samples) / settings.sample_rate
    waves = 0.05 * random.standard_normal((clips, samples)).cumsum(axis=1) / 20
    waves += 0.2 * np.sin(2 * np.pi * 440 * time)
    waves[:, int((1 - SILENCE) * samples) :] = 0
    waves = waves.astype(np.float32)
    mels = np.stack([logmel(wave, settings)[:frames] for wave in waves])
    return (waves if front == "waveform" else mels), mels
