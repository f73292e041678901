"""Small valid files of each format, with their reader and an independent check of its value."""

import json
import math
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import fuzz_edits as edits
import numpy as np
import soundfile
import torch
from runs import REPOSITORY
from systems import BASE

from resed.config.dataset import load_dataset
from resed.config.loading import overlay, read_yaml
from resed.config.readings import load_readings
from resed.config.run import load_config
from resed.export.model_texts import read_about
from resed.formats import checkpoint
from resed.formats.acquisition import STATES, Answer, ClipState, read_states_table, write_states
from resed.formats.annotations import (
    Event,
    read_clips,
    read_events,
    read_tags,
    write_clips,
    write_events,
    write_tags,
)
from resed.formats.audacity import read_labels, write_labels
from resed.formats.audio import read_audio
from resed.formats.audit_summary import read_audit_summary
from resed.formats.choice import read_choice, write_choice
from resed.formats.class_choices import ClassChoice, read_class_choices, write_class_choices
from resed.formats.comparison import Comparison, read_comparison, write_comparison
from resed.formats.counts import Counts, read_counts, write_counts
from resed.formats.detection_journal import DetectedEvent, DetectedFile, FileState, open_journal
from resed.formats.energy import Energy, read_energy, write_energy
from resed.formats.figure_description import (
    FigureDescription,
    read_figure_description,
    write_figure_description,
)
from resed.formats.history import COLUMNS, read_history, write_history
from resed.formats.manifest import STATUSES, ManifestRow, read_manifest, write_manifest
from resed.formats.metrics import read_metrics, write_metrics
from resed.formats.model_file import ModelFile, read_model_file, write_model_file
from resed.formats.posteriors import Posteriors
from resed.formats.ranking import Ranking
from resed.formats.raven import read_selections, write_selections
from resed.formats.regions import Region
from resed.formats.repairs import (
    read_repair_summary,
    read_repairs,
    write_repair_summary,
    write_repairs,
)
from resed.formats.score_tsv import read_scores, write_scores
from resed.formats.store import Store, create
from resed.formats.tables import Column, Table, View, tidy
from resed.formats.targets import TargetSet
from resed.formats.thresholds import read_thresholds, write_thresholds
from resed.formats.windows import Window, read_windows, write_windows
from resed.paper.claims import load_claims
from resed.paper.contradictions import load_contradictions
from resed.paper.numbers import load_paper
from resed.runtime.energy import Usage
from resed.runtime.files import write_json, write_text
from resed.settings import FeatureSettings, StoreSettings, SystemSettings

HASH = "0123456789abcdef" * 4
CLIPS = ["a ü.wav", "b.wav"]
CLASSES = ["Cat", "Dog"]
TSV, CSV = edits.table_edits("\t"), edits.table_edits(",")


@dataclass
class Sample:
    """A valid file.

    Attributes:
        path: the file.
        read: reads it; the value can be compared by ==.
        check: raises AssertionError for a value that the format does not allow.
        editors: structural edits of its bytes.
        checksum: the format has checksums, so that a flipped bit cannot change its value.
        blind: the editors that leave its checksums as they were.
    """

    name: str
    path: Path
    read: Callable[[], Any]
    check: Callable[[Any], None]
    editors: Sequence[edits.Editor]
    checksum: bool = False
    blind: Sequence[edits.Editor] = edits.BYTES


SAMPLES: dict[str, Callable[[Path], Sample]] = {}


def sample(make: Callable[[Path], Sample]) -> Callable[[Path], Sample]:
    """Register the maker of a sample, named after its function."""
    SAMPLES[make.__name__] = make
    return make


def plain(value: Any) -> Any:
    """A value with tensors and arrays as shapes, types and bytes."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype)[6:], tuple(value.shape), value.contiguous().numpy().tobytes()
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def is_text(value: Any) -> bool:
    return isinstance(value, str) and value != "" and not re.search("[\t\n\r\0]", value)


def is_whole(value: Any, low: int = 0) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= low


def within(value: Any, low: float, high: float) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and low <= value <= high


def unique(names: Any) -> bool:
    return all(map(is_text, names)) and len(names) == len(set(names)) > 0


# ---- formats with checksums ----------------------------------------------------------------------


@sample
def store(folder: Path) -> Sample:
    return store_sample(folder, "store", StoreSettings())


@sample
def large_store(folder: Path) -> Sample:
    return store_sample(folder, "large store", StoreSettings(dtype="float16", shard_clips=1))


def store_sample(folder: Path, name: str, kept: StoreSettings) -> Sample:
    path = folder / "weak.store"
    settings = FeatureSettings(frames=5, n_mels=4)
    features = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
    with create(path, CLIPS, settings, "weak", HASH, kept) as writer:
        for row in range(2):
            writer.write(row, features[row])

    def read() -> Any:
        found = Store.open(path)
        names = found.clips, found.settings, found.split, found.manifest_sha256, found.version
        return names, found.features[:].tobytes(), found.features.shape

    def check(value: Any) -> None:
        (clips, found, split, manifest, version), data, shape = value
        assert unique(clips) and is_text(split) and version == 1 + (kept != StoreSettings())
        assert manifest == "" or re.fullmatch("[0-9a-f]{64}", manifest)
        assert shape[0] == len(clips)
        assert shape[1:] == (found["frames"], found["n_mels"])
        assert np.isfinite(np.frombuffer(data, "<f4")).all()

    edit = edits.edited_store if kept == StoreSettings() else edits.edited_large_store
    editors = (*(edit,) * 20, *edits.BYTES)
    return Sample(name, path, read, check, editors, checksum=True)


@sample
def posteriors(folder: Path) -> Sample:
    path = folder / "weak.npz"
    draw = np.random.default_rng(0)
    frames, tags = draw.random((2, 5, 2), dtype=np.float32), draw.random((2, 2), dtype=np.float32)
    meta = {"system": "pts", "seed": 0, "split": "weak", "dataset": "demo", "notes": ["a", 1.5]}
    meta |= {"seconds_per_frame": 0.1, "manifest_sha256": HASH, "checkpoint_sha256": HASH}
    Posteriors(frames, tags, tags[::-1], CLIPS, CLASSES, meta, tags[:, None] / 2).save(path)

    def check(value: Any) -> None:
        assert unique(value["clips"]) and unique(value["classes"])
        assert within(value["meta"]["seconds_per_frame"], 1e-300, 3600)
        assert json.dumps(value["meta"], allow_nan=False)
        sizes = len(value["clips"]), len(value["classes"])
        for name in ("frames", "tags", "teacher_tags", "lost_head_tags"):
            if value[name] is None:
                continue
            kind, shape, data = value[name]
            assert kind == "float32" and (shape[0], shape[-1]) == sizes
            assert len(shape) == (3 if name in ("frames", "lost_head_tags") else 2)
            numbers = np.frombuffer(data, np.float32)
            assert ((numbers >= 0) & (numbers <= 1)).all()

    editors = (*(edits.edited_arrays,) * 14, *(edits.edited_zip,) * 6, *edits.BYTES)
    return Sample(
        "posteriors", path, lambda: plain(vars(Posteriors.load(path))), check, editors, True
    )  # fmt: skip


@sample
def targets(folder: Path) -> Sample:
    path = folder / "targets.npz"
    draw = np.random.default_rng(0)
    frames, tags = draw.random((2, 5, 2)).astype("<f2"), draw.random((2, 2)).astype("<f2")
    meta = {"dataset": "demo", "split": "weak", "manifest_sha256": HASH, "annotations_sha256": HASH}
    meta |= {"teachers": {"base é": {"share": 0.7, "seed": 0, "checkpoints": [HASH]}}}
    meta |= {"labels": 0.3, "seconds_per_frame": 0.1, "frames": "posteriors", "gate": "labels"}
    meta |= {"median": 9, "gaussian": 2.0, "hard": dict.fromkeys(CLASSES, 0.5)}
    meta |= {"labels_smoothed": False, "rounding": "nearest"}
    meta["agreement"] = {"map": 0.9, "difference": 0.1, "positives": 0.6, "negatives": None}
    TargetSet(tags, CLIPS, CLASSES, meta, frames).save(path)

    def check(value: Any) -> None:
        assert unique(value["clips"]) and unique(value["classes"])
        found = value["meta"]
        assert json.dumps(found, allow_nan=False)
        assert within(found["seconds_per_frame"], 1e-300, 3600)
        shares = [found["labels"], *(one["share"] for one in found["teachers"].values())]
        assert all(within(share, 0, 1) for share in shares) and abs(sum(shares) - 1) < 1e-5
        assert not found["hard"] or found["hard"].keys() == {*value["classes"]}
        assert (value["frames"] is None) == (found["frames"] == "none")
        for name in ("frames", "tags"):
            if value[name] is not None:
                kind, shape, data = value[name]
                assert kind == "float16" and shape[0] == len(value["clips"])
                assert shape[-1] == len(value["classes"]) and len(shape) == 2 + (name == "frames")
                numbers = np.frombuffer(data, np.float16)
                assert ((numbers >= 0) & (numbers <= 1)).all()

    editors = (*(edits.edited_arrays,) * 14, *(edits.edited_zip,) * 6, *edits.BYTES)
    return Sample("targets", path, lambda: plain(vars(TargetSet.load(path))), check, editors, True)


def _training() -> tuple[dict, dict]:
    """Contents of checkpoint.pt and resume.pt after one step of a small network."""
    torch.manual_seed(0)
    networks = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimiser = torch.optim.Adam(networks.parameters())
    networks(torch.randn(4, 3)).square().sum().backward()
    optimiser.step()
    identity = {
        "system": "pts",
        "seed": 0,
        "settings": {"model": {"width": 0.5, "pools": [[2, 2]]}, "flag": True},
        "features": {"frames": 5},
        "classes": CLASSES,
        "shares": [0.5, 1.0],
        "data": {"dataset": "demo", "manifest_sha256": HASH, "clips": {"weak": 2}},
    }
    weights = networks.state_dict()
    finished = {"identity": identity, "epoch": 0, "networks": {**weights}}
    state = {
        "identity": identity,
        "made_with": {"device": "cpu"},
        "epoch": 1,
        "networks": weights,
        "projections": {},
        "optimiser": optimiser.state_dict(),
        "generators": {"cpu": torch.get_rng_state()},
        "history": [{"epoch": 0, "loss": 0.5, "posterior.Cat": 0.25}],
        "best": {"score": 0.5, "epoch": 0, "weights": {**weights}},
    }
    return finished, state


def _weights_are_right(weights: Any) -> None:
    for name, (kind, shape, data) in weights.items():
        assert isinstance(name, str)
        if kind == "int64":
            assert name.endswith("num_batches_tracked") and shape == ()
            assert np.frombuffer(data, np.int64)[0] >= 0
            continue
        assert kind == "float32"
        values = np.frombuffer(data, np.float32)
        assert (np.abs(values) <= 1e18).all()
        assert not name.endswith("running_var") or (values >= 0).all()


def _identity_is_right(identity: Any) -> None:
    assert is_text(identity["system"]) and is_whole(identity["seed"])
    assert unique(identity["classes"]) and len(identity["classes"]) <= 10_000
    assert len(identity["shares"]) == len(identity["classes"])
    assert all(within(share, 0, 1) for share in identity["shares"])
    assert is_text(identity["data"]["dataset"])
    assert json.dumps(identity, allow_nan=False)


TENSORS = (*(edits.edited_tensors,) * 14, *(edits.edited_zip,) * 5, edits.edited_pickle)


@sample
def finished_training(folder: Path) -> Sample:
    path = folder / "checkpoint.pt"
    checkpoint.save(path, _training()[0])

    def check(value: Any) -> None:
        assert value.keys() == {"format", "version", "identity", "epoch", "networks"}
        assert is_whole(value["epoch"])
        _identity_is_right(value["identity"])
        _weights_are_right(value["networks"])

    return Sample(
        "finished_training", path, lambda: plain(checkpoint.load_finished(path)), check,
        (*TENSORS, *edits.BYTES), checksum=True,
    )  # fmt: skip


@sample
def model(folder: Path) -> Sample:
    path = folder / "small.safetensors"
    identity = _training()[0]["identity"]
    written = ModelFile(
        name="small é",
        classes=CLASSES,
        shares=[0.5, 1.0],
        settings=SystemSettings.model_validate(BASE),
        features=FeatureSettings(frames=5),
        windows={name: Window(name, 3, 0.5, 0.25, "esp", 2, None, "") for name in CLASSES},
        thresholds=dict.fromkeys(CLASSES, 0.25),
        training={key: identity[key] for key in ("system", "seed", "data")},
        weights=_training()[0]["networks"],
        card={"data": [{"licence": "CC0", "clips": 3}], "f1": 0.5},
        versions={"resed": "1"},
    )
    write_model_file(path, written)

    def read() -> Any:
        found = read_model_file(path)
        return found.metadata(), plain(found.weights)

    def check(value: Any) -> None:
        found, weights = value
        assert json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
        _identity_is_right({**found["training"], **{k: found[k] for k in ("classes", "shares")}})
        assert is_text(found["name"]) and len(found["name"]) <= 100
        assert found["windows"].keys() == {*found["classes"]}
        assert not found["thresholds"] or found["thresholds"].keys() == {*found["classes"]}
        assert all(within(value, 0, 1) for value in found["thresholds"].values())
        for window in found["windows"].values():
            assert within(window["window_s"], 0, 3600) and is_whole(window["events"])
        assert within(found["settings"]["decode"]["frame_threshold"], 0, 1)
        assert is_whole(found["features"]["hop"], 1)
        _weights_are_right(weights)

    editors = (*(edits.edited_model,) * 20, *edits.BYTES)
    return Sample("model", path, read, check, editors, checksum=True)


@sample
def unfinished_training(folder: Path) -> Sample:
    path = folder / "resume.pt"
    checkpoint.save(path, _training()[1])

    def check(value: Any) -> None:
        _identity_is_right(value["identity"])
        for weights in (value["networks"], value["projections"], value["best"]["weights"]):
            _weights_are_right(weights)
        assert is_whole(value["epoch"]) and len(value["history"]) == value["epoch"]
        assert is_whole(value["best"]["epoch"], -1) and value["best"]["epoch"] < value["epoch"]
        for moments in value["optimiser"]["state"].values():
            for kind, _, data in moments.values():
                assert kind == "float32" and np.isfinite(np.frombuffer(data, np.float32)).all()

    return Sample(
        "unfinished_training", path, lambda: plain(checkpoint.load_state(path)), check,
        (*TENSORS, *edits.BYTES), checksum=True,
    )  # fmt: skip


@sample
def records(folder: Path) -> Sample:
    """The archive of Snakemake's records; its value is what unpacking it writes."""
    import base64

    from resed.share.runs import SharedRun
    from resed.share.snakemake_records import RECORDS, pack, unpack

    run = SharedRun((), "demo")
    for name in ("results/demo/a.json", "results/demo/b c.tsv"):
        record = RECORDS / base64.b64encode(name.encode(), altchars=b"-_").decode()
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps({"rule": "score", "input": [name], "version": 1}))
    path = pack(run).absolute()

    def read() -> Any:
        shutil.rmtree(RECORDS.parent)
        RECORDS.mkdir(parents=True)
        unpack(run, path)
        return {
            str(file.relative_to(RECORDS)): file.read_bytes()
            for file in RECORDS.rglob("*")
            if file.is_file()
        }

    def check(value: Any) -> None:
        for name in value:
            about = base64.b64decode("".join(name.split("/@")), altchars=b"-_").decode()
            assert about.startswith("results/demo/") and ".." not in about.split("/")

    editors = (*(edits.edited_records,) * 20, *edits.BYTES)
    return Sample("records", path, read, check, editors, checksum=True)


# ---- tables of text ------------------------------------------------------------------------------


def _events_are_right(value: dict[str, list[Event]]) -> None:
    for clip, events in value.items():
        assert clip
        for event in events:
            assert event.filename == clip and event.event_label
            assert within(event.onset, 0, math.inf) and within(event.offset, 0, math.inf)
            assert event.onset < event.offset


@sample
def strong_annotations(folder: Path) -> Sample:
    path = folder / "strong.tsv"
    events = [Event("a ü.wav", 0.5, 1.25, "Dog"), Event("a ü.wav", 2.0, 9.5, "Cat")]
    write_events(path, {"a ü.wav": events, "b.wav": [], "c.wav": [Event("c.wav", 0, 10, "Cat")]})
    return Sample("strong_annotations", path, lambda: read_events(path), _events_are_right, TSV)


@sample
def weak_annotations(folder: Path) -> Sample:
    path = folder / "weak.tsv"
    write_tags(path, {"a ü.wav": ("Cat", "Dog"), "b.wav": (), "c.wav": ("Dog",)})

    def check(value: Any) -> None:
        for clip, labels in value.items():
            assert clip and all(labels) and list(labels) == sorted(set(labels))

    return Sample("weak_annotations", path, lambda: read_tags(path), check, TSV)


@sample
def unlabeled_clips(folder: Path) -> Sample:
    path = folder / "unlabeled.tsv"
    write_clips(path, ["a ü.wav", "b.wav", "c.wav"])

    def check(value: Any) -> None:
        assert all(value) and len(set(value)) == len(value)

    return Sample("unlabeled_clips", path, lambda: read_clips(path), check, TSV)


@sample
def windows(folder: Path) -> Sample:
    path = folder / "windows.tsv"
    rows = [
        Window("Cat", 3, 1.5, 0.5, "esp", 2, 0.25, ""),
        Window("Dog", 0, None, 0.5, "esp", None, None, "no event"),
    ]
    write_windows(path, rows)

    def check(value: Any) -> None:
        for label, row in value.items():
            assert row.event_label == label != "" and is_whole(row.events) and row.method
            assert within(row.window_s, 0, math.inf)
            for seconds in (row.mean_s, row.knee_s):
                assert seconds is None or within(seconds, 0, math.inf)
            assert row.knee_index is None or is_whole(row.knee_index)

    return Sample("windows", path, lambda: read_windows(path), check, TSV)


@sample
def class_choices(folder: Path) -> Sample:
    path = folder / "choice.tsv"
    rows = [
        ClassChoice("Cat", "deep é", 0.25, 0.3735, 0.5),
        ClassChoice("Dog", "shallow", None, 0.0415, 0.1),
    ]
    write_class_choices(path, rows)

    def check(value: Any) -> None:
        assert value
        for label, row in value.items():
            assert row.event_label == label != "" and row.system
            assert row.f1 is None or within(row.f1, 0, 1)
            assert within(row.window_s, 0, 3600) and within(row.threshold, 0, 1)

    return Sample("class_choices", path, lambda: read_class_choices(path), check, TSV)


@sample
def ranking(folder: Path) -> Sample:
    path = folder / "ranking.npz"
    values = np.array([[0.5, math.nan], [1.0, 0.25]])
    resampled = np.repeat(values[..., None], 3, axis=-1).astype(np.float32)
    Ranking(tuple(CLASSES), np.array([1, 0]), values, resampled, 2, "0" * 64, 2019).save(path)

    def check(value: Any) -> None:
        count = len(value["classes"])
        assert unique(value["classes"]) and is_whole(value["clips"], 1)
        assert value["positives"][1] == (count,) and value["values"][1] == (2, count)
        for name, kind in (("values", np.float64), ("resampled", np.float32)):
            numbers = np.frombuffer(value[name][2], kind)
            assert not ((numbers < 0) | (numbers > 1.01)).any()

    return Sample("ranking", path, lambda: plain(vars(Ranking.load(path))), check, edits.BYTES)


@sample
def counts(folder: Path) -> Sample:
    path = folder / "counts.tsv"
    values = np.array([[[1, 2, 3], [0, 1, 0]], [[0, 0, 0], [4, 5, 6]]])
    write_counts(path, {"event": Counts.of(CLIPS, CLASSES, values)})

    def read() -> Any:
        return {name: plain(vars(table)) for name, table in read_counts(path, 2).items()}

    def check(value: Any) -> None:
        for name, table in value.items():
            assert name in ("event", "segment", "tags", "tags_raw", "tags_teacher")
            assert unique(table["names"]) and unique(table["classes"])
            kind, shape, data = table["values"]
            assert kind == "int64" and shape == (len(table["names"]), len(table["classes"]), 3)
            assert (np.frombuffer(data, np.int64) >= 0).all() and shape[0] <= 2

    return Sample("counts", path, read, check, TSV)


@sample
def history(folder: Path) -> Sample:
    path = folder / "history.csv"
    row = dict.fromkeys(COLUMNS[3:8], 0.5) | {"stage": 1, "posterior.Cat": 0.5}
    write_history(path, [row | {"epoch": i, "step": 5 * i + 5} for i in range(3)], CLASSES)

    def check(value: Any) -> None:
        assert value["epoch"] == list(range(len(value["epoch"]))) != []
        for name, column in value.items():
            assert name in COLUMNS or name.split(".")[0] in ("posterior", "weight")
            assert len(column) == len(value["epoch"])
            high = 1 if name.startswith("posterior.") or name.endswith("_f1") else math.inf
            low = -math.inf if name.startswith("loss") else 0
            assert all(math.isnan(x) or (low <= x <= high and abs(x) < math.inf) for x in column)

    def read() -> Any:
        return {name: list(map(repr, column)) for name, column in read_history(path).items()}

    def checked(value: Any) -> None:
        check({name: list(map(float, column)) for name, column in value.items()})

    return Sample("history", path, read, checked, CSV)


@sample
def energy(folder: Path) -> Sample:
    path = folder / "energy.json"
    write_energy(path, Energy(Usage(12.5, 20.25, None, 0.5), ("NVIDIA H100",), 9, 1, 0))

    def read() -> Any:
        found = read_energy(path)
        return [*vars(found.usage).values(), *list(vars(found).values())[1:]]

    def check(value: Any) -> None:
        seconds, cpu, cpu_kwh, gpu_kwh, devices, *counts = value
        amounts = [seconds, cpu, *(one for one in (cpu_kwh, gpu_kwh) if one is not None)]
        assert all(within(one, 0, math.inf) for one in amounts)
        assert all(map(is_whole, counts)) and unique(devices)

    return Sample("energy", path, read, check, edits.JSON)


@sample
def manifest(folder: Path) -> Sample:
    path = folder / "manifest.tsv"
    rows = [
        ManifestRow("weak", "a ü.wav", HASH, 44100, 2, 10.0, "ok", "local"),
        ManifestRow("weak", "b.wav", HASH, 44100, 2, 9.5, "silent", "local"),
        ManifestRow("strong", "a ü.wav", "", 0, 0, 0.0, "missing", "local"),
    ]
    write_manifest(path, rows)

    def check(value: Any) -> None:
        frame = list(map(tuple, value))
        assert len({row[:2] for row in frame}) == len(frame)
        for split, name, digest, rate, channels, seconds, status, _ in frame:
            assert split and name and re.fullmatch("([0-9a-f]{64})?", digest)
            assert is_whole(rate) and is_whole(channels) and within(seconds, 0, math.inf)
            assert status in STATUSES

    return Sample("manifest", path, lambda: read_manifest(path).values.tolist(), check, TSV)


@sample
def acquisition(folder: Path) -> Sample:
    path = folder / "weak.tsv"
    answers = {"zenodo": Answer("gone", "404", True), "youtube": Answer("failed", "reset é")}
    write_states(
        path,
        [
            ClipState("a ü.wav", "present", "local", 12, HASH),
            ClipState("b.wav", "gone", answers=answers),
        ],
    )

    def check(value: Any) -> None:
        for name, state in value.items():
            assert is_text(name) and state["filename"] == name and state["state"] in STATES
            assert state["bytes"] is None or is_whole(state["bytes"])
            assert re.fullmatch("([0-9a-f]{64})?", state["sha256"])
            for source, answer in state["answers"].items():
                assert isinstance(source, str) and answer["state"] in STATES
                assert isinstance(answer["detail"], str) and type(answer["final"]) is bool

    def read() -> Any:
        return {name: asdict(state) for name, state in read_states_table(path).items()}

    return Sample("acquisition", path, read, check, TSV)


@sample
def repairs(folder: Path) -> Sample:
    path = folder / "repairs.tsv"
    rows = [("strong", "a ü.wav", "2,3", "gap", "0.0 1.0 Dog; 1.1 2.0 Dog", "0.0 2.0 Dog")]
    write_repairs(path, [*rows, ("strong", "b.wav", "4", "late", "9.0 12.0 Cat", "")])

    def check(value: Any) -> None:
        for split, clip, lines, rule, before, _ in value:
            assert split and clip and rule and before
            assert all(part.isdecimal() for part in lines.split(","))

    return Sample("repairs", path, lambda: read_repairs(path).values.tolist(), check, TSV)


@sample
def audacity(folder: Path) -> Sample:
    path = folder / "a.txt"
    regions = [Region(1.0, 2.5, "Dog, big"), Region(2.0, 2.0, 'Größe "x"', 100.0, None)]
    write_labels(path, [*regions, Region(3.0, 4.25, "=1+1", 0.0, 8000.5)])

    def check(value: Any) -> None:
        for one in value:
            assert 0 <= one["onset"] <= one["offset"] <= 1e6 and one["label"].strip()
            _region_is_right(one)

    return Sample("audacity", path, lambda: [asdict(r) for r in read_labels(path)], check, TSV)


@sample
def raven(folder: Path) -> Sample:
    path = folder / "a.Table.1.selections.txt"
    clips = {"a ü.wav": [Region(1.0, 2.5, "Dog"), Region(2.0, 4.0, "Cat", 10.0, 20.0, 0.5)]}
    write_selections(
        path, {**clips, "b.wav": [Region(0.5, 1.0, "Cat")]}, {"a ü.wav": 10.0, "b.wav": 5.0}
    )

    def check(value: Any) -> None:
        for name, regions in value.items():
            assert not {"/", "\\"} & set(name) and name not in (".", "..")
            for one in regions:
                assert 0 <= one["onset"] < one["offset"] <= 1e6 and one["label"].strip()
                _region_is_right(one)

    def read() -> Any:
        return {name: [asdict(r) for r in found] for name, found in read_selections(path).items()}

    return Sample("raven", path, read, check, TSV)


def _region_is_right(one: dict[str, Any]) -> None:
    low, high = one["low_hz"] or 0.0, one["high_hz"]
    assert 0 <= low <= 1e9 and (high is None or low <= high <= 1e9)
    assert one["score"] is None or math.isfinite(one["score"])


@sample
def score_tsv(folder: Path) -> Sample:
    path = folder / "a.tsv"
    draw = np.random.default_rng(0)
    write_scores(path, np.arange(6) * 0.1, draw.random((5, 2)).astype(np.float32), CLASSES)

    def check(value: Any) -> None:
        times, values, classes = value
        assert unique(classes) and (np.diff(times) > 0).all() and times[0] >= 0
        assert times[-1] <= 1e6 and np.shape(values) == (len(times) - 1, len(classes))
        assert (np.array(values) < np.inf).all()

    def read() -> Any:
        found = read_scores(path)
        return found.times.tolist(), found.values.tolist(), list(found.classes)

    return Sample("score_tsv", path, read, check, TSV)


# ---- JSON ----------------------------------------------------------------------------------------


@sample
def threshold(folder: Path) -> Sample:
    path = folder / "threshold.json"
    write_thresholds(path, {"threshold": 0.25, "grid": [0.25, 0.5], "event_macro_f1": [0.5, 0.1]})

    def check(value: Any) -> None:
        assert within(value.common, 0, 1) and not value.classes

    return Sample("threshold", path, lambda: read_thresholds(path), check, edits.JSON)


@sample
def class_thresholds(folder: Path) -> Sample:
    path = folder / "class_thresholds.json"
    dog = {"threshold": 0.5, "events": 30, "event_f1": 0.5, "fallback": ""}
    classes = {"Dog": dog, "Cät": dog | {"events": 3, "fallback": "few events"}}
    common = {"format": 1, "threshold": 0.25, "grid": [0.25], "event_macro_f1": [0.5]}
    write_thresholds(path, {**common, "class_threshold_events": 20, "classes": classes})

    def check(value: Any) -> None:
        limits = value.of(list(value.classes) or ["Dog"])
        assert all(within(limit, 0, 1) for limit in [value.common, *limits])

    return Sample("class_thresholds", path, lambda: read_thresholds(path), check, edits.JSON)


@sample
def choice(folder: Path) -> Sample:
    path = folder / "choice.json"
    scores = {"everyday/seed0": 0.5, "everyday/seed1": 0.625}
    write_choice(path, {"chosen": "everyday/seed1", "by": "event F1", "event_macro_f1": scores})

    def check(value: Any) -> None:
        scores = value["event_macro_f1"]
        assert all(within(score, 0, 1) for score in scores.values()) and is_text(value["by"])
        assert scores[value["chosen"]] == max(scores.values())

    return Sample("choice", path, lambda: read_choice(path), check, edits.JSON)


@sample
def metrics(folder: Path) -> Sample:
    path = folder / "metrics.json"
    rates = {"f1": 0.5, "precision": 0.5, "recall": 0.5, "tp": 1, "fp": 1, "fn": 1}
    block = {"macro_f1": 0.5, "micro_f1": 0.5, "classes": {"Dog": rates}}
    content = {"format": 1, "clips": 3, "event": block, "segment": block, "tags": block}
    content |= {"manifest_sha256": HASH, "versions": {"resed": "0"}, "settings": {"segment_s": 1}}
    content["threshold_free"] = {"psds1": 0.5, "psds2": None, "notes": {"psds2": "no class"}}
    write_metrics(path, content)

    def check(value: Any) -> None:
        assert is_whole(value["clips"]) and json.dumps(value, allow_nan=False)
        for name in {"event", "segment", *value} & {"event", "segment", "tags", "tags_raw"}:
            assert within(value[name]["macro_f1"], 0, 1) and within(value[name]["micro_f1"], 0, 1)
            for found in value[name]["classes"].values():
                assert found.keys() == rates.keys()
                assert all(within(found[key], 0, 1) for key in ("f1", "precision", "recall"))
                assert all(is_whole(found[key]) for key in ("tp", "fp", "fn"))
        for key in ("psds1", "psds2", "tags_map", "tags_map_teacher"):
            found = value.get("threshold_free", {}).get(key)
            assert found is None or within(found, 0, 1)

    return Sample("metrics", path, lambda: read_metrics(path), check, edits.JSON)


@sample
def comparison(folder: Path) -> Sample:
    path = folder / "comparison.json"
    own = {"low": 0.4, "high": 0.6, "seeds": 1, "covers": "clips"}
    score = own | {"value": 0.5, "values": [0.5]}
    change = {"low": 0.1, "high": 0.3, "seeds": 1, "covers": "clips", "difference": 0.2}
    change |= {"p": 0.01, "p_holm": 0.02, "verdict": "better"}
    detector = {"events": ["a.tsv"], "tags": [], "scores": [], "metrics": {"event": score}}
    pair = {"first": "a", "second": "b", "same_training": False, "metrics": {"event": change}}
    content = {"format": 1, "reference": "r.tsv", "clips": 30, "settings": {"level": 0.95}}
    content |= {"made_by": None, "pairs": [pair], "notes": ["a note"]}
    content["detectors"] = [{"name": name} | detector for name in ("a", "b")]
    write_comparison(path, Comparison.model_validate(content))

    def check(value: Any) -> None:
        assert value.format == 1 and is_whole(value.clips) and value.clips > 0
        names = [one.name for one in value.detectors]
        assert len(set(names)) == len(names) and all(map(is_text, names))
        for one in value.detectors:
            for found in one.metrics.values():
                assert within(found.value, 0, 1) and len(found.values) == found.seeds
                assert found.low is None or found.low - 1e-6 <= found.value <= found.high + 1e-6
        for pair in value.pairs:
            assert pair.first != pair.second and {pair.first, pair.second} <= set(names)
            for found in pair.metrics.values():
                assert within(found.difference, -1, 1) and within(found.p, 0, found.p_holm + 1e-6)
                sign = {"better": 1, "worse": -1, "no difference shown": 0}[found.verdict]
                assert not sign or sign * found.difference > 0

    return Sample("comparison", path, lambda: read_comparison(path), check, edits.JSON)


@sample
def detection_journal(folder: Path) -> Sample:
    path = folder / "journal.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    with open_journal(path) as journal:
        journal.begin({"name": "m", "sha256": HASH}, {"overlap": 0.5, "thresholds": {}}, None)
        for name in ("a.wav", "sub/b.wav"):
            events = [DetectedEvent(0.5, 1.25, "Dog", 0.75), DetectedEvent(2.0, 2.5, "Cat", 1.0)]
            state = FileState(f"/data/{name}", 44144, 10**18, 10**18 + 1, HASH)
            outputs = {f"audacity/{name}.txt": HASH}
            journal.add(DetectedFile(name, state, 3.0, 44100, {"Dog": 0.9}, events, outputs))
        journal.add_tables({"events.tsv": HASH})

    def read() -> Any:
        with open_journal(path) as journal:
            return journal.header, {name: journal.read(name) for name in journal.files}

    def check(value: Any) -> None:
        header, files = value
        assert header is None or header["version"] == 1
        for name, found in files.items():
            assert is_text(name) and is_whole(found.state.size) and is_whole(found.rate)
            assert within(found.seconds, 0, 1e6) and all(
                within(v, 0, 1) for v in found.tags.values()
            )
            for one in found.events:
                assert within(one.onset, 0, one.offset) and within(one.score, 0, 1)
                assert is_text(one.label) and one.onset < one.offset <= 1e6

    return Sample("detection_journal", path, read, check, edits.BYTES)


@sample
def repair_summary(folder: Path) -> Sample:
    path = folder / "repair.json"
    split = {"annotations": "a.tsv", "original_sha256": HASH, "repaired_sha256": HASH}
    split |= {"events": 3, "events_repaired": 2, "repairs": {"gap": 1}}
    write_repair_summary(
        path,
        {
            "dataset": "d",
            "resed": "0",
            "manifest_sha256": None,
            "gap_s": 0.15,
            "splits": {"strong": split},
        },
    )

    def check(value: Any) -> None:
        assert is_text(value["dataset"]) and within(value["gap_s"], 0, math.inf)
        for found in value["splits"].values():
            assert is_text(found["annotations"])
            assert is_whole(found["events"]) and is_whole(found["events_repaired"])
            assert all(map(is_whole, found["repairs"].values()))

    return Sample("repair_summary", path, lambda: read_repair_summary(path), check, edits.JSON)


@sample
def audit_summary(folder: Path) -> Sample:
    path = folder / "audit.json"
    split = {"clips": 3, "status": {"ok": 2, "silent": 1}, "usable": 2, "official": None}
    write_json(
        path,
        {
            "go": True,
            "dataset": "demo",
            "manifest_sha256": HASH,
            "splits": {"weak": split, "strong": {**split, "labels": {"Dog": 3}}},
            "findings": [{"kind": "late", "count": 3}],
        },
    )

    def check(value: Any) -> None:
        assert json.dumps(value, allow_nan=False)
        assert re.fullmatch("[0-9a-f]{64}", value.get("manifest_sha256") or HASH)
        for found in value.get("splits", {}).values():
            assert is_whole(found["clips"]) and all(map(is_whole, found["status"].values()))
            assert found.get("official") is None or is_whole(found["official"])

    return Sample("audit_summary", path, lambda: read_audit_summary(path), check, edits.JSON)


@sample
def figure_description(folder: Path) -> Sample:
    path = folder / "dag.json"
    description = FigureDescription(
        name="dag", kind="dag", title="Jobs", caption="Of the run é.", provenance="",
        width_inches=6.5, height_inches=3,
    )  # fmt: skip
    write_figure_description(path, description)

    def check(value: Any) -> None:
        assert all(value[key] for key in ("name", "kind", "title", "caption"))
        assert isinstance(value["provenance"], str)
        assert all(within(value[f"{side}_inches"], 1e-300, 1000) for side in ("width", "height"))

    def read() -> Any:
        return read_figure_description(path).model_dump()

    return Sample("figure_description", path, read, check, edits.JSON)


def _table(folder: Path) -> Table:
    frame = tidy(
        [
            {"system": "pts", "label": "Cat, big", "value": 41.25, "low": 40.0, "seeds": 3},
            {"system": "ptse", "label": 'Dog "x"', "value": None, "low": 1e-7, "seeds": None},
        ],
        ["high"],
    )
    columns = (
        Column(title="System", kind="text", field="system"),
        Column(title="F1", kind="estimate", where={"label": "Cat, big"}),
    )
    view = View(keys=("system",), columns=columns, anchor=("system",))
    table = Table("small", "Small é", ("A note.",), frame, view, {"x": [1, None]}, {"clips": 2})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "small.csv").write_text(table.csv())
    (folder / "small.json").write_text(table.json())
    return table


def _read_table(folder: Path) -> Any:
    found = Table.load(folder, "small")
    cells = found.frame.astype(object).where(found.frame.notna(), None).values.tolist()
    return cells, found.json(), dict(found.frame.dtypes.astype(str))


def _table_is_right(value: Any) -> None:
    cells, text, types = value
    known = {"object", "float64", "Int64"}
    assert set(types.values()) <= known and json.loads(text)["name"] == "small"
    for row in cells:
        for cell, kind in zip(row, types.values(), strict=True):
            number = cell is None or within(cell, -math.inf, math.inf)
            assert isinstance(cell, str) if kind == "object" else number
            assert kind != "Int64" or cell is None or is_whole(cell, -(10**15))


@sample
def table_values(folder: Path) -> Sample:
    _table(folder)
    path = folder / "small.csv"
    return Sample("table_values", path, lambda: _read_table(folder), _table_is_right, CSV)


@sample
def table_layout(folder: Path) -> Sample:
    _table(folder)
    path = folder / "small.json"
    return Sample("table_layout", path, lambda: _read_table(folder), _table_is_right, edits.JSON)


# ---- sound ---------------------------------------------------------------------------------------


def _sound(suffix: str, options: dict[str, str]) -> None:
    def make(folder: Path) -> Sample:
        folder.mkdir(parents=True)
        path = folder / f"a.{suffix}"
        wave = np.random.default_rng(0).normal(0, 0.1, (1600, 2)).cumsum(axis=0) / 10
        soundfile.write(path, wave.clip(-1, 1), 16_000, **options)

        def check(value: Any) -> None:
            kind, shape, data = value
            assert kind == "float32" and len(shape) == 1
            assert np.isfinite(np.frombuffer(data, np.float32)).all()

        editors = (*edits.BYTES, edits.edited_sizes, edits.edited_sizes)
        return Sample(
            f"sound_{suffix}", path, lambda: plain(read_audio(path, 16_000)), check, editors
        )

    SAMPLES[f"sound_{suffix}"] = make


for name in ("wav", "flac", "ogg", "mp3", "aiff", "au", "caf", "w64", "rf64"):
    _sound(name, {"format": name.upper()} if name == "rf64" else {})


# ---- YAML, and files of DVC ----------------------------------------------------------------------


def _clone(folder: Path) -> Path:
    """A copy of config/, in which one file is changed."""
    root = folder / "clone"
    shutil.copytree(REPOSITORY / "config", root / "config")
    return root


@sample
def config(folder: Path) -> Sample:
    root = _clone(folder)
    path = root / "config" / "demo.yaml"
    base = read_yaml(root / "config" / "config.yaml")

    def check(value: Any) -> None:
        assert is_whole(value["seeds"], 1) and unique(value["systems"])
        assert json.dumps(value, allow_nan=False)

    def read() -> Any:
        return load_config(overlay(base, read_yaml(path)), root).model_dump(mode="json")

    return Sample("config", path, read, check, edits.YAML)


@sample
def dataset(folder: Path) -> Sample:
    path = _clone(folder) / "config" / "datasets" / "demo.yaml"

    def check(value: Any) -> None:
        assert is_text(value["name"]) and unique(value["classes"])
        assert json.dumps(value, allow_nan=False)

    def read() -> Any:
        return load_dataset(path).model_dump(mode="json")

    return Sample("dataset", path, read, check, edits.YAML)


@sample
def about(folder: Path) -> Sample:
    """The texts of the card of a model."""
    path = folder / "everyday.yaml"
    content = "title: Everyday sounds\npurpose: >\n  Find ten sounds.\n"
    write_text(path, content + "limits:\n  - Other sounds.\n  - Far sounds.\nprivacy: None.\n")

    def check(value: Any) -> None:
        assert value.keys() == {"title", "purpose", "limits", "privacy"}
        texts = [value["title"], value["purpose"], value["privacy"], *value["limits"]]
        assert all(isinstance(text, str) for text in texts)

    return Sample("about", path, lambda: read_about(path), check, edits.YAML)


def _paper_file(name: str, load: Callable[[str, Path], Any]) -> None:
    def make(folder: Path) -> Sample:
        root = _clone(folder)
        path = next((root / "config" / "papers").iterdir()) / f"{name}.yaml"

        def check(value: Any) -> None:
            assert value is not None

        def read() -> Any:
            return repr(load(path.parent.name, root))

        return Sample(f"paper_{name}", path, read, check, edits.YAML)

    SAMPLES[f"paper_{name}"] = make


_paper_file("numbers", load_paper)
_paper_file("claims", load_claims)
_paper_file("contradictions", load_contradictions)
_paper_file("readings", lambda name, root: load_readings(root, name))


@sample
def dvc_lock(folder: Path) -> Sample:
    from resed.share.lock import declared, locked
    from resed.share.runs import SharedRun

    run = SharedRun((), "demo")
    path = Path("dvc.lock")
    shutil.copy(REPOSITORY / "dvc.yaml", ".")
    lines = ["schema: '2.0'", "stages:"]
    for name, outs in declared(run).items():
        lines += [f"  {name}:", "    cmd: 'true'", "    outs:"]
        for out in outs:
            lines += [f"    - path: {out}", "      hash: md5", f"      md5: {HASH[:32]}.dir"]
    path.write_text("\n".join(lines) + "\n")

    def check(value: Any) -> None:
        for digest, place in value:
            assert re.fullmatch(r"[0-9a-f]{32}(\.dir)?", digest)
            assert re.match("results/demo/|data/demo/metadata/", place + "/")
            assert ".." not in place.split("/")

    def read() -> Any:
        return [(one.md5, one.path) for one in locked(run)]

    return Sample("dvc_lock", path, read, check, edits.YAML)


@sample
def json_file(folder: Path) -> Sample:
    """JSON of listings and recipes, which is read before its reader validates it."""
    from resed.runtime.files import read_json

    path = folder / "listing.json"
    write_json(path, {"zenodo": {"files": [{"name": "a é", "size": 12, "share": 0.5}]}, "b": None})

    def check(value: Any) -> None:
        assert json.dumps(value, allow_nan=False, ensure_ascii=False).encode()

    return Sample("json_file", path, lambda: read_json(path), check, edits.JSON)
