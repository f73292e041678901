"""A network of the user: trained, predicted, decoded, scored; its errors; what cannot name code."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
import soundfile
import torch
import yaml
from runs import REPOSITORY, copy_workflow, planned, snakemake, verbs
from systems import BASE
from test_train_loop import CPU, DATASET, make_tiny, same, weights
from typer.testing import CliRunner

import resed
from resed.cli import app
from resed.config.dataset import load_dataset
from resed.config.loading import overlay
from resed.config.network_file import NetworkFile
from resed.config.run import load_config
from resed.errors import CheckpointError, ConfigError, NetworkFileError, ResedError
from resed.export.system_list import system_list
from resed.formats import checkpoint, model_file
from resed.formats.posteriors import Posteriors
from resed.formats.store import Store
from resed.predict.inference import predict_splits
from resed.predict.networks import load_trained
from resed.settings import OwnSettings, SystemSettings
from resed.share.instructions import unsaved
from resed.share.runs import SharedRun
from resed.train.own_network import OwnNetwork, class_of
from resed.train.resume import state_of
from resed.train.setup import build_trainer

EXAMPLES = REPOSITORY / "docs" / "examples"
SIZES = {"mels": 64, "frames": 100, "classes": 2}
HEAD = "import torch\nfrom torch import nn\n"
NET = """
class Net(nn.Module):
    def __init__(self, mels, frames, classes, hidden=4):
        super().__init__()
        self.layer = nn.Linear(mels, classes)

    def forward(self, mels):
        frames = self.layer(mels)
        return frames.mean(dim=1), frames
"""


def written(folder: Path, text: str = HEAD + NET, name: str = "net.py") -> NetworkFile:
    (folder / name).write_text(text)
    return NetworkFile.read(folder / name)


def changed(old: str, new: str) -> str:
    """The text of the small network with one part replaced."""
    assert NET.count(old) == 1
    return HEAD + NET.replace(old, new)


def settings(name="Net", changes=None, **arguments) -> dict:
    own = {"framework": "single", "own": {"class_name": name, "arguments": arguments}}
    small = {
        "model": own,
        "objective": {"single": {"tags": 1.0, "frames": 1.0, "clips": "labelled"}},
        "schedule": {
            "epochs": 2, "stage_one": 1, "steps_per_epoch": 2,
            "batch": {"weak": 2, "strong": 2, "unlabeled": 2},
        },
    }  # fmt: skip
    values = overlay(overlay(BASE, small), changes or {})
    return SystemSettings.model_validate(values).model_dump(mode="json")


def trainer(root, folder, file, values=None, roles=("weak", "strong", "unlabeled", "development")):
    torch.set_num_threads(1)
    return build_trainer(
        load_dataset(root / "tiny.yaml"), root, system="mine", settings=values or settings(),
        seed=0, stores={role: root / f"{role}.store" for role in roles}, folder=folder,
        device=CPU, network=file,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    root = tmp_path_factory.mktemp("own")
    make_tiny(root)
    return root


@pytest.fixture(scope="module")
def trained(tiny):
    """The checkpoint of a training of the small network."""
    return trainer(tiny, tiny / "mine", written(tiny)).train()


def run(*words) -> tuple[int, str]:
    """Exit code and output of a command; errors that main() prints are at its end."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(done.exception, ResedError):
        return 1, f"{done.output}resed: {done.exception}"
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


# ---- the whole loop -------------------------------------------------------------------------


def test_a_network_of_the_user_is_trained_predicted_and_scored(tiny, trained, tmp_path):
    """Posteriors are those of the class itself with the weights of the checkpoint."""
    file, store = NetworkFile.read(tiny / "net.py"), tiny / "evaluation.store"
    ((_, found),) = predict_splits(trained, {"evaluation": store}, CPU, network=file)
    net = class_of(file, "Net")(**SIZES)
    state = {k.removeprefix("student.network."): v for k, v in weights(trained).items()}
    net.load_state_dict(state)
    tags, frames = net(torch.from_numpy(np.array(Store.open(store).features)))
    np.testing.assert_allclose(found.frames, frames.sigmoid().detach(), atol=1e-6)
    np.testing.assert_allclose(found.tags, tags.sigmoid().detach(), atol=1e-6)
    assert np.array_equal(found.tags, found.teacher_tags) and found.frames.shape == (5, 100, 2)
    found.save(tmp_path / "evaluation.npz")
    assert Posteriors.load(tmp_path / "evaluation.npz").meta["system"] == "mine"


def test_losses_are_those_of_the_clips_with_targets(tiny, tmp_path):
    """Tags of weak and strong clips, frames of strong clips, nothing of unlabeled ones."""
    one = trainer(tiny, tmp_path, written(tmp_path))
    mels, targets = one.batches(0)
    student = one.networks.student(mels)
    terms = one.framework.losses(student, student, targets, {})
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    assert len(mels) == 6 and targets.tags.shape == (4, 2) and targets.frames.shape == (2, 100, 2)
    torch.testing.assert_close(
        terms["loss.weak.student"], bce(student.tag_logits[:4], targets.tags)
    )
    torch.testing.assert_close(
        terms["loss.strong.student"], bce(student.frame_logits[2:4], targets.frames)
    )


def test_a_loss_without_any_target_is_refused(tiny, tmp_path):
    values = settings(changes={"schedule": {"batch": {"strong": 0}}})
    with pytest.raises(ConfigError, match=r"single\.frames: no training clip has frames; set"):
        trainer(tiny, tmp_path, written(tmp_path), values)


def test_the_training_can_be_interrupted(tiny, trained, tmp_path):
    file = NetworkFile.read(tiny / "net.py")
    half = trainer(tiny, tmp_path, file)
    half.settings = half.settings.model_copy(update={"epochs": 1})
    half.train()
    half.run.folder.joinpath("checkpoint.pt").unlink()
    state = state_of(half)
    checkpoint.save(tmp_path / "resume.pt", state)
    assert same(weights(trainer(tiny, tmp_path, file).train()), weights(trained))


def test_another_file_is_another_training(tiny, tmp_path, capsys):
    """The identity has the content of the file: resume.pt of another one is not continued."""
    file = written(tmp_path)
    first = trainer(tiny, tmp_path, file)
    first._epoch()
    first.epoch = 1
    checkpoint.save(tmp_path / "resume.pt", state_of(first))
    other = written(tmp_path, changed("mean(dim=1)", "amax(dim=1)"))
    trainer(tiny, tmp_path, other).train()
    assert "has other settings (network.sha256 is" in capsys.readouterr().out


def test_a_network_without_frames_has_the_logits_of_the_clip_in_each_frame(tiny, tmp_path):
    text = changed("frames.mean(dim=1), frames", "frames.mean(dim=1), None")
    file = written(tmp_path, text)
    with pytest.raises(ConfigError, match=r"single\.frames: Net returns no frame logits"):
        trainer(tiny, tmp_path, file)
    one = trainer(tiny, tmp_path, file, settings(changes={"objective": {"single": {"frames": 0}}}))
    output = one.networks.student(torch.randn(3, 100, 64))
    assert torch.equal(output.frame_logits, output.tag_logits[:, None].expand(3, 100, 2))
    one.train()


def test_settings_of_other_networks_have_no_effect(tiny, trained, tmp_path):
    """Width and initial weights are those of the class itself."""
    other = {"width": 0.5, "initialisation": "glorot", "norm_momentum": 0.5}
    values = settings(changes={"model": other})
    found = trainer(tiny, tmp_path, NetworkFile.read(tiny / "net.py"), values).train()
    assert same(weights(found), weights(trained))


def test_arguments_reach_the_class(tmp_path):
    file = NetworkFile.read(EXAMPLES / "my_network.py")
    wide = OwnNetwork(**SIZES, settings=OwnSettings(class_name="MyNet", arguments={"channels": 7}),
                      file=file)  # fmt: skip
    assert wide.network.events.weight.shape == (2, 7, 1)


@pytest.mark.parametrize(
    "arguments",
    [{"mels": 3}, {"a-b": 1}, {"x": {1}}, {"x": [float("nan")]}, {"x": "y" * 2000},
     {"x": [0] * 1000}, {"x": 2**60}, {"x": {1: 2}}],
)  # fmt: skip
def test_arguments_are_plain_and_bounded(arguments):
    with pytest.raises(ValueError):
        OwnSettings(class_name="Net", arguments=arguments)


@pytest.mark.parametrize("name", ["os.system", "a b", "", "1a", "__import__('os')"])
def test_a_class_name_is_an_identifier(name):
    with pytest.raises(ValueError):
        OwnSettings(class_name=name)


# ---- commands -------------------------------------------------------------------------------


def test_commands_take_the_file_and_name_the_cure_without_it(tiny, trained, tmp_path):
    ask = ("predict", "--checkpoint", trained, "--store", tiny / "evaluation.store",
           "--split", "evaluation", "--out", tmp_path / "e.npz")  # fmt: skip
    code, printed = run(*ask)
    assert code == 1
    wanted = (
        "its network is the class Net in net.py, which is not part of it; add --network-file with "
        "that file"
    )
    assert wanted in printed
    code, printed = run(*ask, "--network-file", tiny / "net.py")
    assert code == 0 and (tmp_path / "e.npz").is_file()
    code, printed = run(*ask, "--network-file", tiny / "absent.py")
    assert code == 1 and "absent.py: no such file" in printed
    other = written(tmp_path, HEAD + NET + "\n# later\n").path
    code, printed = run(*ask, "--network-file", other)
    assert code == 1 and "was trained with a net.py of SHA-256" in printed
    assert "use the file of the training, or train again" in printed


def test_a_model_file_needs_the_file_too(tiny, trained, tmp_path):
    model = tmp_path / "mine.safetensors"
    ask = ("export", "--checkpoint", trained, "--out", model)
    code, printed = run(*ask)
    assert code == 1 and "add --network-file with that file" in printed
    assert run(*ask, "--network-file", tiny / "net.py")[0] == 0
    loaded = load_trained(model, NetworkFile.read(tiny / "net.py"))
    assert same(loaded.networks.state_dict(), weights(trained))
    soundfile.write(tmp_path / "noise.wav", np.random.default_rng(0).normal(0, 0.1, 44100), 44100)
    ask = ("detect", tmp_path / "noise.wav", "--model", model, "--out", tmp_path / "found")
    code, printed = run(*ask)
    assert code == 1 and "add --network-file with that file" in printed
    code, printed = run(*ask, "--network-file", tiny / "net.py", "--threshold", "0")
    assert code == 0 and (tmp_path / "found" / "events.tsv").is_file(), printed
    loaded = resed.load_model(model, network_file=tiny / "net.py")
    assert loaded.classes == ("cat", "dog")


def test_onnx_needs_no_code(tiny, trained, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    out = tmp_path / "mine.onnx"
    code, printed = run("export", "--checkpoint", trained, "--out", out, "--input", "mels",
                        "--network-file", tiny / "net.py")  # fmt: skip
    assert code == 0, printed
    session = onnxruntime.InferenceSession(str(out))
    mels = np.random.default_rng(0).normal(size=(3, 100, 64)).astype(np.float32)
    frames, tags, _ = session.run(("frames", "tags", "teacher_tags"), {"mels": mels})
    networks = load_trained(trained, NetworkFile.read(tiny / "net.py")).networks
    output = networks.student(torch.from_numpy(mels))
    np.testing.assert_allclose(frames, output.frames.detach(), atol=1e-5)
    np.testing.assert_allclose(tags, output.tags.detach(), atol=1e-5)


# ---- errors in the file of the user ---------------------------------------------------------

WRONG = {
    "syntax": ("class Net(:\n", r"net\.py line 1: invalid syntax; correct the file"),
    "return": ("return 1\n", r"net\.py line 1: 'return' outside function; correct the file"),
    "import": (
        "import torch\nimport no_such_package\n\n" + NET,
        r"net\.py line 2: ModuleNotFoundError: No module named 'no_such_package'; install the "
        "package; code of your own must be in this one file",
    ),
    "raise": (HEAD + NET + "\n1 / 0\n", r"line 13: ZeroDivisionError: division by zero; correct"),
    "exit": (HEAD + "raise SystemExit(3)\n" + NET, r"line 3: SystemExit: 3"),
    "missing": (changed("class Net", "class Nett"), r"has no class Net; did you mean Nett"),
    "function": (HEAD + "def Net(): pass\n", r"net\.py: has no class Net; write it there"),
    "not a module": (HEAD + "class Net:\n    pass\n", r"line 3: Net is no class of torch"),
    "super": (
        changed("super().__init__()", "pass"),
        r"line 7: AttributeError: cannot assign module before Module\.__init__\(\) call",
    ),
    "argument": (
        changed("mels, frames, classes, hidden=4", "mels, frames"),
        r"line 4: TypeError: .*unexpected keyword argument 'classes'",
    ),
    "layers": (changed("Linear(mels, ", "Linear(7, "), r"line 10: RuntimeError"),
    "forward": (HEAD + NET.replace("def forward", "def forwards"), r"line 4: NotImplementedError"),
    "alone": (
        changed("frames.mean(dim=1), frames", "frames"),
        r"line 9: Net: returns float32 \[2, 100, 2\], not \(tag_logits, frame_logits\); return "
        r"tensors of \[2, 2\] and \[2, 100, 2\], or None",
    ),
    "tags": (
        changed("frames.mean(dim=1), frames", "frames, frames"),
        r"line 9: Net: tag_logits are float32 \[2, 100, 2\], not float \[2, 2\]",
    ),
    "frames": (
        changed("frames.mean(dim=1), frames", "frames.mean(dim=1), frames[:, ::2]"),
        r"line 9: Net: frame_logits are float32 \[2, 50, 2\], not float \[2, 100, 2\]",
    ),
    "type": (
        changed("frames.mean(dim=1), frames", "frames.mean(dim=1), frames > 0"),
        r"line 9: Net: frame_logits are bool \[2, 100, 2\]",
    ),
    "none": (
        changed("frames.mean(dim=1), frames", "None, frames"),
        r"line 9: Net: tag_logits are NoneType",
    ),
    "nan": (
        changed("self.layer(mels)", "self.layer(mels).log()"),
        r"line 9: Net: tag_logits are not finite; correct the file, or lower schedule",
    ),
    "no parameters": (
        changed("nn.Linear(mels, classes)", "lambda mels: mels[:, :, :classes]"),
        r"line 5: Net: has no parameter to train",
    ),
    "buffer": (
        changed("__init__()", "__init__(); self.register_buffer('mask', torch.ones(3) > 0)"),
        r"line 5: Net: mask is no finite float32 tensor \(bool \[3\]\); use float32, or register",
    ),
    "double": (
        changed("nn.Linear(mels, classes)", "nn.Linear(mels, classes).double()"),
        r"RuntimeError",
    ),
    "detached": (
        changed("self.layer(mels)", "self.layer(mels).detach()"),
        r"line 9: Net: no gradient: element 0 of tensors does not require grad",
    ),
    "in place": (
        changed("self.layer(mels)", "self.layer(mels).exp(); frames += 1"),
        r"line 9: Net: no gradient: one of the variables needed for gradient computation has been",
    ),
    "random": (  # fails in training mode only
        changed("self.layer(mels)", "self.layer(mels if not self.training else mels[0, 0, :3])"),
        r"line 10: RuntimeError",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_errors_in_the_file_are_one_line_with_file_and_line(tiny, tmp_path, name):
    text, expected = WRONG[name]
    (tmp_path / "net.py").write_text(text)
    stores = [word for role in ("weak", "strong", "unlabeled", "development")
              for word in (f"--{role}", tiny / f"{role}.store")]  # fmt: skip
    code, printed = run(
        "train", "--dataset", tiny / "tiny.yaml", "--root", tiny, "--system", "mine",
        "--settings", json.dumps(settings()), "--out", tmp_path / "out", *stores,
        "--network-file", tmp_path / "net.py",
    )  # fmt: skip
    line = printed.splitlines()[-1]
    assert code == 1 and line.startswith(f"resed: {tmp_path}/net.py"), printed
    assert re.search(expected, line), line
    assert "Traceback" not in printed and not (tmp_path / "out" / "checkpoint.pt").exists()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("net.txt", HEAD + NET, "must be a .py file"),
        ("net.py", "#" * (2 << 20), "must be a .py file of at most 1048576 bytes"),
        ("net.py", b"\xff\xfe\x00", "is not Python in UTF-8"),
        ("net.py", "(" * 5000, "net.py"),
        ("net.py", "x = " + "-" * 100_000 + "1", "net.py"),
    ],
)
def test_c4_a_file_that_is_no_python_is_refused(tmp_path, name, content, problem):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(NetworkFileError, match=re.escape(problem)):
        NetworkFile.read(path)


# ---- what cannot name code ------------------------------------------------------------------


def altered(trained, path, **identity) -> Path:
    """The checkpoint with another identity."""
    content = checkpoint.load(trained)
    content["identity"] = overlay(content["identity"], identity)
    checkpoint.save(path, {k: v for k, v in content.items() if k not in ("format", "version")})
    return path


def trap(folder: Path) -> tuple[Path, Path]:
    """A file that leaves a mark if it is run, and the mark."""
    mark = folder / "was_run"
    text = f"open({str(mark)!r}, 'w').close()\n" + HEAD + NET
    (folder / "evil.py").write_text(text)
    return folder / "evil.py", mark


@pytest.mark.parametrize(
    "where",
    [
        lambda path: {"network": {"file": str(path), "sha256": "0" * 64}},
        lambda path: {"network": {"file": "../evil.py", "sha256": "0" * 64}},
        lambda path: {"network": {"path": str(path), "file": "evil.py", "sha256": "0" * 64}},
        lambda path: {"settings": {"model": {"own": {"file": str(path)}}}},
        lambda path: {"settings": {"model": {"own": {"class_name": f"{path}:Net"}}}},
        lambda path: {"settings": {"network_file": str(path)}},
        lambda path: {"network_file": str(path)},
    ],
)
def test_a4_a_checkpoint_names_no_code_to_run(tiny, trained, tmp_path, monkeypatch, where):
    evil, mark = trap(tmp_path)
    monkeypatch.chdir(tmp_path)
    path = altered(trained, tmp_path / "c.pt", **where(evil))
    with pytest.raises(CheckpointError):
        load_trained(path)
    assert not mark.exists()


def test_a4_a_checkpoint_chooses_no_class_that_the_file_only_imports(tiny, trained, tmp_path):
    """With the right SHA-256: subprocess.Popen with arguments of the checkpoint is not run."""
    mark = tmp_path / "was_run"
    file = written(
        tmp_path, "from subprocess import Popen\nfrom torch.nn import Linear\n" + HEAD + NET
    )
    network = {"file": "net.py", "sha256": file.sha256}
    for name, arguments in (("Popen", {"args": ["touch", str(mark)]}), ("Linear", {})):
        own = {"class_name": name, "arguments": arguments}
        path = altered(
            trained, tmp_path / "c.pt", network=network, settings={"model": {"own": own}}
        )
        with pytest.raises(NetworkFileError, match=f"has no class {name}"):
            load_trained(path, file)
    assert not mark.exists()


def test_a4_a_model_file_names_no_code_to_run(tiny, trained, tmp_path, monkeypatch):
    _, mark = trap(tmp_path)
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "mine.safetensors"
    run("export", "--checkpoint", trained, "--out", model, "--network-file", tiny / "net.py")
    found = model_file.read_model_file(model)
    training = found.training | {"network": {"file": "evil.py", "sha256": "0" * 64}}
    model_file.write_model_file(model, replace(found, training=training))
    soundfile.write(tmp_path / "noise.wav", np.zeros(44100), 44100)
    code, printed = run("detect", "noise.wav", "--model", model, "--out", "o")
    assert code == 1 and "add --network-file" in printed and not mark.exists()


def test_a4_a_dataset_file_and_a_system_file_name_no_code(tmp_path):
    evil, _ = trap(tmp_path)
    (tmp_path / "d.yaml").write_text(DATASET + f"network_file: {evil}\n")
    with pytest.raises(Exception, match="network_file: unknown key"):
        load_dataset(tmp_path / "d.yaml")
    entry = {"title": "x", "base": "base", "network_file": str(evil)}
    (tmp_path / "clone").mkdir()
    root = copy_workflow(tmp_path / "clone")
    (root / "config/systems/mine.yaml").write_text(yaml.safe_dump({"systems": {"mine": entry}}))
    with pytest.raises(ConfigError, match=r"mine\.network_file: unknown key"):
        load_config(root=root)


@pytest.mark.parametrize("folder", ["results/demo", "data/demo", ".snakemake"])
def test_a4_no_code_is_run_from_where_restore_writes(tmp_path, monkeypatch, folder):
    """Nor through a link that leads there."""
    monkeypatch.chdir(tmp_path)
    place = Path(folder)
    place.mkdir(parents=True)
    (place / "net.py").write_text(HEAD + NET)
    Path("link.py").symlink_to(place / "net.py")
    for path in (place / "net.py", Path("link.py"), Path("x/../") / place / "net.py"):
        Path("x").mkdir(exist_ok=True)
        with pytest.raises(
            NetworkFileError, match="which resed fills with files of others; review"
        ):
            NetworkFile.read(path)


def test_a4_the_config_that_a_run_recorded_runs_nothing(tmp_path, monkeypatch):
    """Tables and figures get the config as JSON, from a restored run perhaps; they run no code."""
    evil, mark = trap(tmp_path)
    (tmp_path / "clone").mkdir()
    root = copy_workflow(tmp_path / "clone")
    shutil.copy(EXAMPLES / "my_network.yaml", root / "config/systems/mine.yaml")
    monkeypatch.chdir(root)
    values = yaml.safe_load((root / "config/demo.yaml").read_text())
    values["override"]["schedule"]["batch"]["unlabeled"] = 0
    values["system_overrides"] = {"pts": {"schedule": {"batch": {"unlabeled": 1}}}}
    config = load_config(values | {"systems": ["pts", "my_net"], "network_file": str(evil)}, root)
    assert config.network_file == str(evil)
    listed = {row.system: row for row in system_list(root)}
    assert listed["my_net"].student == 0 < listed["pts"].student
    assert not mark.exists()


# ---- the documented example, as a row of a run ----------------------------------------------

TINY = {
    "acquire": {"scale": 0.01},
    "override": {
        "model": {"width": 0.05},
        "schedule": {"epochs": 2, "stage_one": 1, "steps_per_epoch": 2},
        "decode": {"frame_threshold": 0.42, "tag_threshold": 0.42},
    },
    "sensitivity": {"report": False},
}


def test_the_example_of_the_page_is_short_and_complete():
    page = (REPOSITORY / "docs" / "own-network.md").read_text()
    shown = re.findall(r"```(?:python|yaml)\n(.*?)```", page, re.DOTALL)
    parts = [(EXAMPLES / f"my_network{end}").read_text() for end in (".py", ".yaml", "_run.yaml")]
    assert shown[:3] == parts
    assert sum(len(part.splitlines()) for part in parts) <= 40


def run_folder(folder: Path) -> tuple[Path, dict]:
    """A copy of the workflow with the three files of the page, and the overlay of a tiny run."""
    root = copy_workflow(folder)
    shutil.copy(EXAMPLES / "my_network.py", root)
    shutil.copy(EXAMPLES / "my_network.yaml", root / "config/systems/my_network.yaml")
    example = yaml.safe_load((EXAMPLES / "my_network_run.yaml").read_text())
    return root, overlay(overlay(TINY, example), {"systems": ["my_net"]})


def test_a_run_without_the_file_is_refused_before_any_job(tmp_path):
    root, values = run_folder(tmp_path)
    unset = {key: value for key, value in values.items() if key != "network_file"}
    for wrong, told in (
        (unset, "config.network_file: my_net requires the file with its class MyNet; set"),
        (values | {"network_file": "his.py"}, "his.py: no such file; correct network_file"),
        (values | {"init": "everyday"}, "config.init: my_net has a network of its own"),
    ):
        done = snakemake(root, "--dry-run", overlay=wrong)
        assert done.returncode == 1 and told in done.stdout
        assert "Traceback" not in done.stdout
    evil, mark = trap(tmp_path)
    evil.write_text(evil.read_text().replace("class Net", "class MyNet"))
    given = values | {"network_file": str(evil)}
    done = snakemake(root, "--dry-run", "--printshellcmds", "tables", "model", overlay=given)
    assert done.returncode == 0, done.stdout[-2000:]
    commands = re.findall(rf"resed (\w+) .* --network-file {re.escape(str(evil))}", done.stdout)
    assert sorted(commands) == ["card", "export", "predict", "train"]
    assert not mark.exists(), "a plan, such as that of resed restore, runs no code"


def test_verify_names_trainings_of_another_content_of_the_file(
    tiny, trained, tmp_path, monkeypatch
):
    root, values = run_folder(tmp_path)
    monkeypatch.chdir(root)
    shutil.copy(REPOSITORY / "dvc.yaml", root)
    shutil.copy(tiny / "net.py", "net.py")
    entry = yaml.safe_load(Path("config/systems/my_network.yaml").read_text())
    entry["systems"]["my_net"]["settings"]["model"]["own"] = {"class_name": "Net"}
    Path("config/systems/my_network.yaml").write_text(yaml.safe_dump(entry))
    Path("mine.yaml").write_text(yaml.safe_dump(values | {"network_file": "net.py"}))
    place = Path("results/demo/train/my_net/seed0/checkpoint.pt")
    place.parent.mkdir(parents=True)
    shutil.copy(trained, place)
    words = "verify", "--record", "--config", "config/demo.yaml mine.yaml"
    code, told = run(*words)
    assert code == 0 and "net.py" not in told, told
    before = NetworkFile.read("net.py").sha256[:12]
    with open("net.py", "a") as file:
        file.write("# another content\n")
    code, told = run(*words)
    (line,) = [line for line in told.splitlines() if "net.py" in line]
    assert code == 0, "results are intact"
    assert line == (
        "note: train: 1 of 1 trainings with a network of net.py were made with another content of "
        f"it (train/my_net/seed0; SHA-256 {before} then, {NetworkFile.read('net.py').sha256[:12]} "
        "now); the next run makes them again: snakemake --cores all --configfile config/demo.yaml "
        "mine.yaml; to keep them, put the old file back"
    )
    Path("net.py").unlink()
    code, told = run(*words)
    (line,) = [line for line in told.splitlines() if "net.py" in line]
    assert code == 0 and "net.py: no such file; correct network_file" in line
    for command in ("share", "restore"):
        code, told = run(command, *words[2:])
        assert (code, "Traceback" in told) == (1, False)
        assert "resed: net.py: no such file; correct network_file of your config" in told
    Path("net.py").write_text("class Net(\n")
    assert "net.py line 1: " in run("restore", *words[2:])[1]


def test_share_names_the_file_among_those_to_commit(tmp_path, monkeypatch):
    root, values = run_folder(tmp_path)
    monkeypatch.chdir(root)
    shutil.copy(REPOSITORY / "dvc.yaml", root)
    Path("mine.yaml").write_text(yaml.safe_dump(values))
    monkeypatch.setenv("PATH", "")  # no git: all files of the run are named
    assert "my_network.py" in unsaved(SharedRun.of(["config/demo.yaml mine.yaml"]))


def test_events_of_the_example_are_decoded_and_scored(tiny, tmp_path):
    """All stages by their commands; the count of detections is that of the posteriors."""
    stores = [word for role in ("weak", "strong", "unlabeled", "development")
              for word in (f"--{role}", tiny / f"{role}.store")]  # fmt: skip
    file = ("--network-file", EXAMPLES / "my_network.py")
    small = json.dumps(settings("MyNet", channels=8))
    for words in (
        ("train", "--dataset", tiny / "tiny.yaml", "--root", tiny, "--system", "my_net",
         "--settings", small, "--out", tmp_path, *stores, *file),
        ("predict", "--checkpoint", tmp_path / "checkpoint.pt", *file, "--split", "evaluation",
         "--store", tiny / "evaluation.store", "--out", tmp_path / "e.npz"),
        ("calibrate", "--events", tiny / "strong.tsv", "--out", tmp_path / "windows.tsv"),
        ("decode", "--posteriors", tmp_path / "e.npz", "--windows", tmp_path / "windows.tsv",
         "--settings", '{"filter": "none", "gate": "none", "frame_threshold": 0.4}',
         "--out", tmp_path / "decoded"),
        ("score", "--reference", tiny / "evaluation.tsv", "--out", tmp_path / "m.json",
         "--estimated", tmp_path / "decoded" / "events.tsv"),
    ):  # fmt: skip
        code, printed = run(*words)
        assert code == 0, printed
    active = Posteriors.load(tmp_path / "e.npz").frames >= 0.4
    begins = active & ~np.pad(active, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    scored = json.loads((tmp_path / "m.json").read_text())["event"]["classes"]
    for label, column in (("cat", 0), ("dog", 1)):
        detected = int(begins[:, :, column].sum())
        counts = scored.get(label, {"tp": 0, "fp": 0})
        assert counts["tp"] + counts["fp"] == detected
    assert begins.any()


@pytest.mark.long
def test_the_example_becomes_a_row_of_the_tables(tmp_path):
    root, values = run_folder(tmp_path)
    done = snakemake(root, "tables", overlay=values)
    assert done.returncode == 0, done.stdout[-3000:]
    results = root / "results" / "demo"
    table = pandas.read_csv(results / "tables" / "table1.csv")
    rows = table[(table.system == "my_net") & (table.group == "own") & (table.metric == "event")]
    shown = rows.set_index("split").value.to_dict()
    for split in ("development", "evaluation"):
        file = results / "score" / split / "my_net" / "seed0" / "metrics.json"
        scored = 100 * json.loads(file.read_text())["event"]["macro_f1"]
        assert shown[split] == pytest.approx(scored)
    assert set(rows.title) == {"My network"}
    assert planned(root, "tables", overlay=values) == []
    text = (root / "my_network.py").read_text()
    (root / "my_network.py").write_text(text.replace("softmax(dim=1)", "sigmoid() / 99"))
    jobs = planned(root, "tables", overlay=values)
    assert {"train my_net, seed 0", "predict with my_net, seed 0"} <= set(jobs)
    assert not {"acquire", "extract", "calibrate"} & set(verbs(jobs))
