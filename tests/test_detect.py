"""Windows of recordings of any length: decoded as clips are, and joined at their seams."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_models import settings, small_model

from resed.decode.events import decode
from resed.detect.detector import ModelDetector
from resed.detect.event_stream import EventStream
from resed.detect.windows import DecodedCells, WindowedRecording, repair
from resed.errors import ConfigError, ResultsError
from resed.extract.logmel import clip_features, logmel
from resed.extract.streaming import feature_blocks
from resed.formats.model_file import write_model_file
from resed.formats.posteriors import Posteriors
from resed.formats.thresholds import Thresholds
from resed.predict.networks import Trained, load_trained
from resed.settings import FeatureSettings
from resed.train.evaluate import infer

CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained_of(tmp_path_factory, **model) -> Trained:
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    write_model_file(path, small_model(settings(**model)))
    return load_trained(path)


@pytest.fixture(scope="module")
def joint(tmp_path_factory) -> Trained:
    return trained_of(tmp_path_factory)


@pytest.fixture(scope="module")
def crnn(tmp_path_factory) -> Trained:
    """A model whose posteriors have one cell for eight frames of the features."""
    return trained_of(tmp_path_factory, framework="mean_teacher")


def sound(trained: Trained, clips: float, seed: int = 0) -> np.ndarray:
    """Noise of changing level, of so many clips of the model."""
    generator = np.random.default_rng(seed)
    count = round(clips * trained.features.frames * trained.features.hop)
    level = np.repeat(generator.uniform(0, 0.3, count // 2000 + 1), 2000)[:count]
    return (generator.normal(size=count) * level).astype(np.float32)


def predicted(trained: Trained, wave: np.ndarray) -> Posteriors:
    """What extract and predict give for a clip."""
    features = clip_features(wave, trained.features)[None]
    found = infer(trained.networks, torch.from_numpy(features), CPU)
    meta = {"seconds_per_frame": trained.seconds_per_frame}
    return Posteriors(*(values.numpy() for values in found), ["a"], trained.classes, meta)


def middle(trained: Trained, wave: np.ndarray, soft: bool = False) -> dict[str, float]:
    """Thresholds within the posteriors of a clip, so that there are events."""
    found = predicted(trained, wave)
    scores = found.frames[0] * (found.tags[0] if soft else 1)
    return dict(zip(trained.classes, np.quantile(scores, 0.3, axis=0).tolist(), strict=True))


def detected(detector: ModelDetector, wave: np.ndarray, parts: int = 5):
    """Events as tuples, and the parts of the recording."""
    recording, stream = (
        WindowedRecording(detector, np.array_split(wave, parts)),
        EventStream(detector),
    )
    cells = list(recording.parts())
    for part in cells:
        stream.add(part)
    events = stream.events(len(wave) / trained_rate(detector))
    return [(one.onset, one.offset, one.label) for one in events], cells, recording


def trained_rate(detector: ModelDetector) -> int:
    return detector.trained.features.sample_rate


@pytest.mark.parametrize(
    "changes",
    [
        {"edges": "reflect"},
        {"offset": 1e-3},
        {"edges": "reflect", "scale": "linear", "hop": 511, "window_shape": "hamming"},
        {"n_fft": 2047, "edges": "reflect"},
        {"edges": "none"},
    ],
    ids=str,
)
def test_features_in_parts_are_those_of_the_whole(changes):
    chosen = FeatureSettings(**changes)
    generator = np.random.default_rng(0)
    for count in (1, 500, 1025, 2048, 44100, 735 * 60, 735 * 60 + 1, 60000):
        wave = generator.normal(size=count).astype(np.float32)
        parts = np.split(wave, np.sort(generator.integers(0, count + 1, 4)))
        found = np.concatenate(list(feature_blocks(parts, chosen)))
        assert np.array_equal(found, logmel(wave, chosen)[: -(-count // chosen.hop)])


@pytest.mark.parametrize("gate", ["student", "teacher", "soft", "none"])
@pytest.mark.parametrize("method", ["two_pass", "opening_closing"])
def test_a_clip_has_the_events_of_predict_and_decode(joint, method, gate):
    wave = sound(joint, 1)
    posteriors = predicted(joint, wave)
    limits = middle(joint, wave, soft=gate == "soft")
    changes = {"filter": method, "gate": gate, "tag_threshold": float(np.median(posteriors.tags))}
    detector = ModelDetector.of(joint, CPU, thresholds=limits, changes=changes)
    events, cells, recording = detected(detector, wave)
    found = decode(posteriors, joint.windows, detector.decode, Thresholds(0.5, limits)).events["a"]
    assert found and events == [(one.onset, one.offset, one.event_label) for one in found]
    assert np.array_equal(cells[0].frames, posteriors.frames[0])
    assert np.array_equal(recording.tags, posteriors.tags[0])


def test_a_clip_that_a_codec_lengthened_is_one_clip(joint):
    wave = sound(joint, 1)
    detector = ModelDetector.of(joint, CPU, thresholds=middle(joint, wave))
    longer = np.concatenate([wave, np.zeros(1500, np.float32)])
    assert detected(detector, longer)[0] == detected(detector, wave)[0]
    assert detected(detector, longer)[1][0].stop == joint.cells


def test_a_short_recording_is_padded_and_its_events_end_with_it(joint):
    wave = sound(joint, 0.31)
    detector = ModelDetector.of(joint, CPU, thresholds={"": 0.0}, changes={"gate": "none"})
    events, cells, recording = detected(detector, wave)
    seconds = len(wave) / 44100
    assert events == [(0.0, seconds, "dog"), (0.0, seconds, "cät")]
    assert recording.seconds == seconds and cells[0].stop == -(-len(wave) // 735)
    posteriors = predicted(joint, wave)
    assert np.array_equal(cells[0].frames, posteriors.frames[0, : cells[0].stop])


@pytest.mark.parametrize("clips", [1.2, 1.7, 2.0, 2.6, 3.2])
def test_windows_are_decoded_as_clips_and_cover_the_recording(joint, crnn, clips):
    for trained in (joint, crnn):
        wave = sound(trained, clips)
        detector = ModelDetector.of(trained, CPU, thresholds=middle(trained, wave), overlap=0)
        cells = detected(detector, wave)[1]
        starts = [0, *(part.stop for part in cells[:-1])]
        assert [part.start for part in cells] == starts
        assert starts == [n * trained.cells for n in range(len(starts))]
        frames = -(-len(wave) // trained.features.hop)
        assert cells[-1].stop == -(-frames // detector.cell_frames)
        # the first window, except for its last frames, which see what follows
        alone = predicted(trained, wave).frames[0]
        assert np.allclose(cells[0].frames[:-8], alone[:-8], atol=0.05)


def test_a_thread_for_features_changes_nothing(joint):
    wave = sound(joint, 5.5)
    limits = middle(joint, wave)
    one, two = (ModelDetector.of(joint, CPU, thresholds=limits, ahead=ahead) for ahead in (0, 3))
    assert detected(one, wave)[0] and detected(one, wave)[0] == detected(two, wave)[0]


def test_windows_of_a_long_recording_are_those_of_its_parts(joint):
    """Two clips with silence at their edges: each window is exactly one of them."""
    clips = [sound(joint, 1, seed) for seed in (1, 2)]
    for clip in clips:
        clip[:3000] = clip[-3000:] = 0
    limits = middle(joint, clips[0])
    detector = ModelDetector.of(joint, CPU, thresholds=limits, changes={"gate": "none"}, overlap=0)
    cells = detected(detector, np.concatenate(clips))[1]
    for clip, part in zip(clips, cells, strict=True):
        assert np.allclose(part.frames, predicted(joint, clip).frames[0], atol=1e-6)


def cells(start: int, *rows: str, frames: float = 0.5) -> DecodedCells:
    """DecodedCells of which each row is a class: # is active."""
    active = np.array([[letter == "#" for letter in row] for row in rows]).T
    return DecodedCells(start, active, np.full(active.shape, frames, np.float32))


@pytest.mark.parametrize(
    ("left", "bridge", "right", "expected"),
    [
        ("....####", "..####..", "####....", "....########...."),  # cut in two: one event
        ("......##", "..####..", "........", "......####......"),  # goes on in the bridge
        ("......##", ".##.....", "........", "......##........"),  # the bridge sees none there
        ("........", "..####..", "##......", "......####......"),  # begins before the seam
        ("........", "..####..", "........", "......####......"),  # lost in both windows
        ("........", "##......", "........", "................"),  # not over the seam
        ("..##....", "####....", "........", "..##............"),  # away from the seam: kept
        ("..##..##", "########", "..##....", "..##..######...."),
        ("#######.", "...###..", ".#######", "################"),
    ],
)
def test_a_bridge_decides_on_what_the_seam_cuts(left, bridge, right, expected):
    both = repair(cells(0, left), cells(8, right), cells(4, bridge))
    found = "".join(".#"[bool(one)] for part in both for one in part.active[:, 0])
    assert found == expected


def test_scores_pass_through_the_bridge():
    left, right, bridge = (cells(at, "." * 16, frames=f) for at, f in ((0, 0), (16, 1), (8, 0.4)))
    before, after = repair(left, right, bridge)
    assert before.frames[:14, 0].tolist() == [0] * 14 and after.frames[2:, 0].tolist() == [1] * 14
    assert np.allclose(before.frames[14:, 0], [0.1, 0.3])  # the fade has two cells of 16
    assert np.allclose(after.frames[:2, 0], [0.55, 0.85])


def test_events_over_parts_are_one_and_scored_by_their_mean(joint):
    stream = EventStream(ModelDetector.of(joint, CPU))
    stream.add(cells(0, "..##", "#...", frames=0.5))
    stream.add(cells(4, "####", "..#.", frames=0.75))
    stream.add(cells(8, "#...", "....", frames=1.0))
    found = stream.events(1.0)
    step = joint.seconds_per_frame
    assert [(one.label, one.onset, one.offset) for one in found] == [
        ("cät", 0, step),
        ("dog", 2 * step, 9 * step),
        ("cät", 6 * step, 7 * step),
    ]
    assert [one.score for one in found] == pytest.approx([0.5, (2 * 0.5 + 4 * 0.75 + 1) / 7, 0.75])


def test_too_many_events_are_refused(joint, monkeypatch):
    monkeypatch.setattr("resed.detect.event_stream.MOST_EVENTS", 3)
    stream = EventStream(ModelDetector.of(joint, CPU))
    with pytest.raises(ResultsError, match="more than 3 events in one file; use a higher"):
        stream.add(cells(0, "#.#.#.#.#", "........."))


def test_thresholds_and_classes(joint):
    assert ModelDetector.of(joint, CPU).thresholds == (0.3, 0.7)  # those of the model
    assert ModelDetector.of(joint, CPU, thresholds={"dog": 0.2}).thresholds == (0.2, 0.7)
    assert ModelDetector.of(joint, CPU, thresholds={"": 0.1}).thresholds == (0.1, 0.1)
    assert ModelDetector.of(joint, CPU, thresholds={"": 0.1, "cät": 0.6}).thresholds == (0.1, 0.6)
    changed = ModelDetector.of(joint, CPU, changes={"frame_threshold": 0.25})
    assert changed.thresholds == (0.25, 0.25)
    assert ModelDetector.of(replace(joint, thresholds={}), CPU).thresholds == (0.4, 0.4)
    only = ModelDetector.of(
        joint, CPU, classes=["cät"], thresholds={"": 0.0}, changes={"gate": "none"}
    )
    assert {label for _, _, label in detected(only, sound(joint, 1))[0]} == {"cät"}
    with pytest.raises(ConfigError, match=r"--classes: unknown class 'Dog'; did you mean dog\?"):
        ModelDetector.of(joint, CPU, classes=["Dog"])
    with pytest.raises(ConfigError, match=r"--threshold: unknown class 'cat'"):
        ModelDetector.of(joint, CPU, thresholds={"cat": 0.1})
    with pytest.raises(ConfigError, match=r"--settings.*gaet"):
        ModelDetector.of(joint, CPU, changes={"gaet": "none"})


def test_filters_in_cells(joint):
    assert ModelDetector.of(joint, CPU).filters == (
        15,
        1,
    )  # 0.25 s and none, at 60 cells per second
    assert ModelDetector.of(replace(joint, windows={}), CPU).filters == (1, 1)
    fixed = {"window_frames": "fixed", "fixed_window": 7}
    assert ModelDetector.of(replace(joint, windows={}), CPU, changes=fixed).filters == (7, 7)


def test_posteriors_that_are_not_finite_are_refused(joint):
    detector = ModelDetector.of(joint, CPU)
    with pytest.raises(ResultsError, match="the posteriors are not finite"):
        detector.decoded([np.full((120, 64), np.nan, np.float32)])
