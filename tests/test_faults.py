"""Malformed input through the real command line: handled, or refused in one line with the cure.

Every case runs `resed.cli.main` as the console script does. Refused means: exit code 1, exactly one
line on stderr, which names the place and the cure, no output file, no traceback.
"""

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sounds

from resed import cli
from resed.config.run import load_config
from resed.formats.posteriors import Posteriors
from resed.formats.store import Store, create
from resed.settings import FeatureSettings

REPOSITORY = Path(__file__).resolve().parents[1]
DEMO = REPOSITORY / "config" / "datasets" / "demo.yaml"
CLASSES = ["beep", "motor", "whistle", "clink", "bark", "buzz", "crackle", "stream", "voice", "fan"]
HEADER = "filename\tonset\toffset\tevent_label\n"
GOOD = HEADER + "a.wav\t1.0\t2.0\tbark\nb.wav\t\t\t\n"


@pytest.fixture
def resed(monkeypatch, capsys) -> Callable[..., tuple[int, str]]:
    """Run `resed ARGUMENTS` here: exit code and stderr. Anything but an exit is a traceback."""

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.chdir(REPOSITORY)
        monkeypatch.setattr("sys.argv", ["resed", *map(str, arguments)])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        return code, capsys.readouterr().err

    return run


@pytest.fixture
def refused(resed) -> Callable[..., None]:
    """Run `resed ARGUMENTS` and check that it is refused in one line that holds all of `parts`."""

    def run(arguments: list[object], *parts: str) -> None:
        code, err = resed(*arguments)
        lines = err.splitlines()
        assert code == 1, err
        assert len(lines) == 1, err
        assert lines[0].startswith("resed: ")
        assert "; " in lines[0], "a refusal ends with the cure"
        for part in parts:
            assert part in lines[0]

    return run


# Sound files.


def extraction(folder: Path, *more: object) -> list[object]:
    """Arguments that extract the weak clips a.wav and b.wav below `folder`."""
    manifest = folder / "manifest.tsv"
    rows = []
    for name in ("a.wav", "b.wav"):
        path = folder / "audio" / "train" / "weak" / name
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "0" * 64
        rows.append(f"weak\t{name}\t{digest}\t0\t0\t0\tok\t\n")
    columns = "split\tfilename\tsha256\trate\tchannels\tseconds\tstatus\tsource\n"
    manifest.write_text(columns + "".join(rows))
    places = ["--root", folder, "--manifest", manifest, "--out", folder / "weak.store"]
    return ["extract", "--dataset", DEMO, "--split", "weak", *places, "--processes", 1, *more]


@pytest.fixture
def clips(tmp_path) -> Path:
    """The folder of the weak clips: b.wav is good, a.wav is for the test to make."""
    folder = tmp_path / "audio" / "train" / "weak"
    folder.mkdir(parents=True)
    sounds.good(folder / "b.wav")
    return folder


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (sounds.empty, "a.wav: the file is empty (0 bytes); fetch or render it again"),
        (sounds.truncated, "a.wav: truncated: 48244 bytes of the data chunk are missing"),
        (sounds.truncated_header, "a.wav: truncated: the file ends before its data chunk"),
        (sounds.zero_length, "a.wav: the file has no samples; fetch or render it again"),
        (sounds.nan, "a.wav: sample 1234 is NaN or infinite; write it"),
        (sounds.infinite, "a.wav: sample 1234 is NaN or infinite; write it"),
        (sounds.not_a_wav, "a.wav: cannot be decoded (Format not recognised);"),
        (lambda path: None, "a.wav: no such file; "),
        (lambda path: path.mkdir(), "a.wav: no such file; "),
    ],
    ids=[
        "empty",
        "truncated",
        "header",
        "zero-length",
        "nan",
        "inf",
        "not-a-wav",
        "missing",
        "folder",
    ],
)
def test_sound_files_refused(refused, tmp_path, clips, make, message):
    make(clips / "a.wav")
    refused(extraction(tmp_path), message)
    assert not list(tmp_path.glob("*store*"))


@pytest.mark.parametrize("make", [sounds.stereo, sounds.telephone])
def test_sound_files_handled(resed, tmp_path, clips, make):
    make(clips / "a.wav")
    assert resed(*extraction(tmp_path)) == (0, "")
    store = Store.open(tmp_path / "weak.store")
    assert store.clips == ["a.wav", "b.wav"]
    assert store.features[0, :60, :20].mean() > -5  # there is sound, as long as it was
    assert store.features[0, 70:].max() < -35


def test_the_audit_lists_what_extract_would_refuse(resed, tmp_path):
    """All kinds in one dataset: the audit gives each its status, and extract takes the others."""
    makers = {
        "empty": sounds.empty,
        "truncated": sounds.truncated,
        "undecodable": sounds.not_a_wav,
        "nonfinite": sounds.nan,
        "missing": lambda path: None,
    }
    layout = {
        "train/weak": "filename\tevent_labels\n",
        "train/unlabel_in_domain": "filename\n",
        "train/synthetic": HEADER,
        "validation": HEADER,
        "eval/public": HEADER,
    }
    tables = dict(zip(layout, ["train/weak", "train/unlabel_in_domain", "train/synthetic",
                               "validation/validation", "eval/public"], strict=True))  # fmt: skip
    for folder, header in layout.items():
        audio = tmp_path / "audio" / folder
        audio.mkdir(parents=True)
        names = ["good.wav"]
        sounds.good(audio / "good.wav")
        if folder == "train/weak":
            sounds.stereo(audio / "stereo.wav")
            sounds.telephone(audio / "telephone.wav")
            names += ["stereo.wav", "telephone.wav"]
            for status, make in makers.items():
                make(audio / f"{status}.wav")
                names.append(f"{status}.wav")
        table = tmp_path / "metadata" / f"{tables[folder]}.tsv"
        table.parent.mkdir(parents=True, exist_ok=True)
        cells = "\t" * header.count("\t")
        table.write_text(header + "".join(f"{name}{cells}\n" for name in names))
    common = ["--dataset", DEMO, "--root", tmp_path]
    assert resed("audit", *common, "--out", tmp_path, "--no-refuse")[0] == 0
    rows = [line.split("\t") for line in (tmp_path / "manifest.tsv").read_text().splitlines()[1:]]
    status = {row[1]: row[6] for row in rows if row[0] == "weak"}
    usable = ["good.wav", "stereo.wav", "telephone.wav"]
    assert status == {**{f"{kind}.wav": kind for kind in makers}, **dict.fromkeys(usable, "ok")}
    out = ["--manifest", tmp_path / "manifest.tsv", "--out", tmp_path / "weak.store"]
    assert resed("extract", *common, "--split", "weak", *out)[0] == 0
    assert Store.open(tmp_path / "weak.store").clips == usable


# Annotations.

TABLES_REFUSED = {
    "bars": (GOOD.replace("\t", "|"), "line 1: column filename, onset, offset, event_label is"),
    "missing column": (GOOD.replace("offset", "end"), "line 1: column offset is missing"),
    "onset past offset": (
        GOOD.replace("1.0", "3.0"),
        "line 2: onset 3.0 is not before offset 2.0;",
    ),
    "negative": (GOOD.replace("1.0", "-1.0"), "line 2: onset -1.0 is negative; times are seconds"),
    "nan": (GOOD.replace("2.0", "NaN"), "line 2: offset 'NaN' is not a number; write seconds"),
    "empty": ("", "line 1: no header; the first line must name the columns"),
    "half a row": (GOOD.replace("\t2.0\tbark", ""), "line 2: the label is empty; name the class"),
    "not text": ("\x93\0\x01", "not text"),
}


@pytest.mark.parametrize(("content", "message"), TABLES_REFUSED.values(), ids=TABLES_REFUSED)
def test_annotations_refused(refused, tmp_path, content, message):
    good, bad, out = tmp_path / "good.tsv", tmp_path / "bad.tsv", tmp_path / "out"
    good.write_text(GOOD)
    bad.write_text(content)
    message = f"{bad} {message}" if message.startswith("line") else message
    refused(["score", "--reference", bad, "--estimated", good, "--out", out], message)
    refused(["score", "--reference", good, "--estimated", bad, "--out", out], message)
    refused(["calibrate", "--events", bad, "--out", out], message)
    assert not out.exists()


def test_unknown_class_refused(refused, tmp_path):
    path = tmp_path / "bad.tsv"
    path.write_text(GOOD.replace("bark", "barks"))
    command = ["calibrate", "--events", path, "--classes-from", DEMO, "--out", tmp_path / "out"]
    refused(command, f"{path} line 2: unknown class 'barks'; did you mean bark?")


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbf" + GOOD.encode(), GOOD.replace("\n", "\r\n").encode()],
    ids=["bom", "crlf"],
)
def test_annotations_handled(resed, tmp_path, content):
    (tmp_path / "good.tsv").write_text(GOOD)
    (tmp_path / "odd.tsv").write_bytes(content)
    results = []
    for name in ("good", "odd"):
        files = ["--reference", tmp_path / f"{name}.tsv", "--estimated", tmp_path / "good.tsv"]
        assert resed("score", *files, "--out", tmp_path / f"{name}.json")[0] == 0
        results.append(json.loads((tmp_path / f"{name}.json").read_text()))
        out = tmp_path / f"{name}_windows.tsv"
        assert resed("calibrate", "--events", tmp_path / f"{name}.tsv", "--out", out)[0] == 0
    assert results[0] == results[1]
    assert results[0]["clips"] == 2
    assert (tmp_path / "good_windows.tsv").read_text() == (tmp_path / "odd_windows.tsv").read_text()


# Settings.


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('{"hopp": 735}', "features.hopp: unknown key; did you mean hop?"),
        ('{"hop": "many"}', "features.hop: Input should be a valid integer"),
        ('{"hop": 0}', "features.hop: Input should be greater than 0 (given: 0); correct this key"),
        ('{"window": 4096}', "features: window 4096 exceeds n_fft 2048; lower the window"),
        ('{"hop": 735', "--settings: not valid JSON"),
        ("none.yaml", "none.yaml: no such file"),
    ],
)
def test_feature_settings_refused(refused, tmp_path, clips, settings, message):
    sounds.good(clips / "a.wav")
    refused(extraction(tmp_path, "--settings", settings), message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seedz": 1}, "config.seedz: unknown key; did you mean seeds?"),
        ({"seeds": "three"}, "config.seeds: Input should be a valid integer"),
        ({"seeds": 0}, "config.seeds: Input should be greater than 0"),
        (
            {"dataset": "demmo"},
            "demmo.yaml: no such file; known datasets: audioset, dcase2018, dcase2019, ",
        ),
        ({"systems": ["ptz"]}, "config.systems: unknown system ptz; did you mean pts"),
        # Told where it was written, and whether or not that system is run.
        (
            {"override": {"schedule": {"epoch": 3}}},
            "resed: config.override.schedule.epoch: unknown key; did you mean epochs?",
        ),
        (
            {"override": {"schedule": {"epochs": "ten"}}},
            "config.override.schedule.epochs: Input should be a valid integer",
        ),
        (
            {"system_overrides": {"pts_tfd_literal": {"objektive": {}}}},
            "config.system_overrides.pts_tfd_literal.objektive: unknown key; did you mean",
        ),
        (
            {"feature_overrides": {"mean_teacher": {"hopp": 2044}}},
            "config.feature_overrides.mean_teacher.hopp: unknown key; did you mean hop?",
        ),
        # The study of readings: none is run here, but a workflow plans it.
        (
            {"sensitivity": {"system": "ptss"}},
            "config.sensitivity.system: unknown system ptss; did you mean pts",
        ),
        (
            {"sensitivity": {"readings": ["gate.nonee"]}},
            "config.sensitivity.readings: reading gate.nonee: unknown option; did you mean none?",
        ),
        (
            {"sensitivity": {"readings": ["gaet.none"]}},
            "config.sensitivity.readings: reading gaet.none: unknown question gaet; did you mean ",
        ),
        (
            {"sensitivity": {"readings": ["scored.teacher"]}},
            "config.sensitivity.readings: reading scored.teacher is not a setting of a system; ",
        ),
        (
            {"sensitivity": {"override": {"schedule": {"epoch": 1}}}},
            "config.sensitivity.override.schedule.epoch: unknown key; did you mean epochs?",
        ),
        (
            {"sensitivity": {"override": {"schedule": {"selection": "held_out"}}}},
            "config.sensitivity: systems.pts@default.schedule: selection held_out",
        ),
        (
            {
                "override": {"schedule": {"selection_score": "events_weak"}},
                "sensitivity": {"readings": ["selection.development"]},
            },
            "config.sensitivity: systems.pts@selection.development.schedule: selection",
        ),
    ],
)
def test_config_refused(refused, tmp_path, change, message):
    config = json.dumps({"dataset": "demo", "systems": ["pts"], **change})
    outs = ["--out-csv", tmp_path / "t.csv", "--out-md", tmp_path / "t.md"]
    command = ["tabulate", "--table", "table1", "--config-json", config, "--results", tmp_path]
    refused([*command, *outs], message)


def test_an_overlay_may_rest_on_another(tmp_path):
    """Alone `selection: held_out` lacks `held_out`; what it is laid on has it."""
    values = {
        "dataset": "demo",
        "systems": ["pts"],
        "override": {"schedule": {"held_out": 0.2}},
        "system_overrides": {"pts": {"schedule": {"selection": "held_out"}}},
        "sensitivity": {"override": {"schedule": {"selection": "held_out"}}},
    }
    config = load_config(values, REPOSITORY)
    assert config.system("pts").schedule.selection == "held_out"
    assert config.system("pts_tfd_afl_esp@default").schedule.selection == "held_out"


@pytest.mark.parametrize("command", ["tabulate", "draw", "report"])
def test_a_malformed_config_names_its_option(refused, tmp_path, command):
    out = tmp_path / "out"
    files = {
        "tabulate": ["--table", "table1", "--out-csv", out, "--out-md", tmp_path / "md"],
        "draw": ["--figure", "dag", "--out-png", out, "--out-svg", tmp_path / "svg"],
        "report": ["--out", out],
    }
    common = ["--config-json", "{bad", "--results", tmp_path]
    refused([command, *files[command], *common], "resed: --config-json: not valid JSON (")


def test_unknown_dataset_and_split_refused(refused, tmp_path, clips):
    command = extraction(tmp_path)
    command[command.index("weak")] = "week"
    refused(command, "--split week: unknown split", "use one of weak, unlabeled, strong")
    command[command.index(DEMO)] = "demmo"
    refused(command, "demmo.yaml: no such file; known datasets: ")


# Stores, posteriors, checkpoints.


@pytest.fixture
def store(tmp_path) -> Path:
    """A store of one clip."""
    path = tmp_path / "evaluation.store"
    settings = FeatureSettings(frames=10, n_mels=4)
    with create(path, ["a.wav"], settings, "evaluation", "0" * 64) as writer:
        writer.write(0, np.zeros((10, 4), np.float32))
    return path


def test_store_of_another_version_refused(refused, tmp_path, store):
    data = bytearray(store.read_bytes())
    data[8:12] = struct.pack("<I", 7)
    store.write_bytes(data)
    (tmp_path / "ref.tsv").write_text(GOOD)
    events = ["--reference", tmp_path / "ref.tsv", "--train-events", tmp_path / "ref.tsv"]
    command = ["sanity", "--kind", "nothing", *events, "--store", store, "--classes-from", DEMO]
    command += ["--out", tmp_path / "out"]
    refused(
        command, f"{store}: a store of version 7, but this resed reads versions 1 and 2; run resed"
    )
    store.write_bytes(data[:2000])
    refused(command, f"{store}: a store of version 7")
    store.write_text(GOOD)
    refused(command, f"{store}: not a feature store of resed; use a store, or run resed extract")
    store.unlink()
    refused(command, f"{store}: no such file; run resed extract again")


def test_posteriors_of_another_version_refused(resed, refused, tmp_path):
    path = tmp_path / "p.npz"
    tags = np.zeros((1, 10), np.float32)
    frames = np.zeros((1, 5, 10), np.float32)
    Posteriors(frames, tags, tags, ["a.wav"], CLASSES, {"seconds_per_frame": 0.01}).save(path)
    with np.load(path) as data:
        arrays = dict(data)
    meta = json.loads(str(arrays["meta"]))
    arrays["meta"] = np.array(json.dumps({**meta, "version": 7}))
    np.savez(path, **arrays)
    command = ["decode", "--posteriors", path, "--windows", tmp_path / "w.tsv", "--out", tmp_path]
    (tmp_path / "events.tsv").write_text(GOOD)
    windows = ["--events", tmp_path / "events.tsv", "--out", tmp_path / "w.tsv"]
    assert resed("calibrate", *windows)[0] == 0
    refused(command, f"{path}: version 7, this resed reads version 1")
    path.write_bytes(path.read_bytes()[:300])
    refused(command, f"{path}: not a posterior file, or damaged")


def test_checkpoint_of_another_version_refused(refused, tmp_path, store):
    import torch

    path = tmp_path / "checkpoint.pt"
    torch.save({"format": "resed checkpoint", "version": 7, "networks": {}}, path)
    command = ["predict", "--checkpoint", path, "--store", store, "--split", "evaluation"]
    command += ["--out", tmp_path / "p.npz", "--device", "cpu"]
    threads = torch.get_num_threads()
    refused(command, f"{path}: version 7, this resed reads version 1; delete it and train again")
    path.write_bytes(path.read_bytes()[:200])
    refused(command, f"{path}: not a checkpoint, or damaged", "delete it and train again")
    path.unlink()
    refused(command, f"{path}: no such file; check the path, or train the system first")
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    "command",
    [
        ["score", "--reference", "MISSING", "--estimated", "MISSING", "--out", "OUT"],
        ["calibrate", "--events", "MISSING", "--out", "OUT"],
        ["decode", "--posteriors", "MISSING", "--windows", "MISSING", "--out", "OUT"],
        ["audit", "--dataset", "demo", "--root", "MISSING", "--out", "OUT"],
        ["extract", "--dataset", "demo", "--root", "MISSING", "--split", "weak",
         "--manifest", "MISSING", "--out", "OUT"],
    ],
    ids=lambda command: command[0],
)  # fmt: skip
def test_missing_files_refused(refused, tmp_path, command):
    places = {"MISSING": tmp_path / "nowhere", "OUT": tmp_path / "out"}
    refused([places.get(word, word) for word in command], f"{tmp_path / 'nowhere'}", "no such file")
