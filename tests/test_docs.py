"""Documentation: its commands run, its links have targets, and its keys exist."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import preloaded
import pytest
import soundfile
import typer
from runs import REPOSITORY, copy_workflow
from small_models import WINDOWS, small_checkpoint, small_model
from typer.testing import CliRunner

from resed.cli import app
from resed.config.dataset import load_dataset
from resed.config.run import Config
from resed.formats.model_file import write_model_file
from resed.formats.windows import write_windows
from resed.settings import SystemSettings

PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")])
CPU_INDEX = "https://download.pytorch.org/whl/cpu"  # as .ci/run and make use it
REFERENCE = "filename\tonset\toffset\tevent_label\na.wav\t1.0\t2.5\tDog\nb.wav\t\t\t\n"
RUN = ("score", "compare", "calibrate", "convert", "--help")  # commands whose examples are run
MODELS = ("detect", "export", "models", "systems")  # those that require recordings or a model
DETECTED = "filename\tonset\toffset\tevent_label\na.wav\t1.1\t2.4\tDog\nb.wav\t0.0\t1.0\tDog\n"
CALLS = "Begin Time (s)\tEnd Time (s)\tCall\n1.0\t2.5\tDog\n"
SCORES = "onset\toffset\tDog\n0.0\t1.0\t0.5\n1.0\t2.0\t0.75\n2.0\t3.0\t0.25\n"


def mine() -> str:
    """The overlay that docs/workflow.md shows."""
    text = (REPOSITORY / "docs" / "workflow.md").read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    return block


def commands() -> list[tuple[str, str]]:
    """Every line of every bash block: (page, command)."""
    found = []
    for page in PAGES:
        for block in re.findall(
            r"^ *```bash\n(.*?)```", page.read_text(), re.MULTILINE | re.DOTALL
        ):
            lines = (line.strip() for line in block.splitlines())
            found += [(page.name, line) for line in lines if line and not line.startswith("#")]
    return found


COMMANDS = commands()


def of(program: str) -> list[str]:
    """The commands of one program, each once."""
    return sorted({line for _, line in COMMANDS if shlex.split(line)[0] == program})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of the workflow, with the files that the examples name."""
    place = copy_workflow(tmp_path_factory.mktemp("docs"))
    (place / "reference.tsv").write_text(REFERENCE)
    (place / "detected.tsv").write_text(DETECTED)
    for name in ("mine.tsv", "seed0.tsv", "seed1.tsv", "without.tsv", "other0.tsv", "other1.tsv"):
        (place / name).write_text(DETECTED)
    for name in ("eval.tsv", "tags.tsv"):
        (place / name).write_text("filename\tevent_labels\na.wav\tDog\nb.wav\tCat,Dog\n")
    (place / "theirs.csv").write_text(DETECTED.replace("\t", ","))
    (place / "mine.yaml").write_text(mine())
    shutil.copytree(REPOSITORY / "docs", place / "docs")
    (place / "labels").mkdir()
    (place / "labels" / "a.txt").write_text("1.0\t2.5\tDog\n")
    (place / "calls.selections.txt").write_text(CALLS)
    (place / "scores").mkdir()
    for name in "ab":
        (place / "scores" / f"{name}.tsv").write_text(SCORES)
    for line in of("resed"):
        for path in re.findall(r"[ =]([^\s=]+/events\.tsv|data/[^\s=]+\.tsv)\b", line):
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(DETECTED if path.endswith("events.tsv") else REFERENCE)
    for line in of("cp"):
        subprocess.run(shlex.split(line), cwd=place, check=True)
        _label(place, Path(shlex.split(line)[2]))
    return place


def _label(place: Path, file: Path) -> None:
    """Annotations of a copied dataset file: Snakemake plans nothing without them."""
    if file.parent.name == "datasets":
        for split in load_dataset(place / file).splits.values():
            path = place / "data" / file.stem / split.annotations
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def test_only_known_programs_are_named():
    programs = {shlex.split(line)[0] for _, line in COMMANDS}
    # tests/test_parallel.py starts trainings as torchrun does; srun needs a cluster.
    elsewhere = {"torchrun", "srun"}
    known = {"make", "snakemake", "resed", "python", "cp", "pip", ".", "git", "cd"}
    assert programs == known | elsewhere
    assert of("pip") == [f"pip install . --extra-index-url {CPU_INDEX}"]
    assert of(".") == [". .venv/bin/activate"]


@pytest.mark.parametrize("line", of("make"))
def test_make_targets_exist(line):
    """`make demo`, `make test` and `make lint` themselves are what CI and its tests run."""
    words = shlex.split(line)[1:]
    done = subprocess.run(
        ["make", "--dry-run", *words], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", of("python"))
def test_scripts_exist(line):
    assert (REPOSITORY / shlex.split(line)[1]).is_file()


@pytest.mark.parametrize("line", of("snakemake"))
def test_snakemake_commands_plan(line, folder):
    words = shlex.split(line)[1:]
    dry = [] if "--unlock" in words else ["--dry-run"]
    code, printed = preloaded.plan(folder, [*dry, *words], dict(os.environ))
    assert code == 0, printed[-4000:]


@pytest.mark.parametrize("line", of("resed"))
def test_resed_options_exist(line):
    words = shlex.split(line)[1:]
    group = typer.main.get_command(app)
    if not words[0].startswith("-"):
        known = {option for part in group.commands[words[0]].params for option in part.opts}
        assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("line", [line for line in of("resed") if line.split()[1] in RUN])
def test_resed_examples_run(line, folder, monkeypatch):
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    assert result.exit_code == 0, result.output


@pytest.fixture
def studio(tmp_path):
    """A folder with the recordings, checkpoint and model file that the examples of models name."""
    small = small_checkpoint(tmp_path / "results/demo/train/pts/seed0/checkpoint.pt")
    own = tmp_path / "results/own/train/everyday/seed0/checkpoint.pt"
    own.parent.mkdir(parents=True)
    shutil.copy(small, own)
    for name in ("demo/calibrate/windows_esp.tsv", "own/calibrate/windows_average.tsv"):
        (tmp_path / "results" / name).parent.mkdir(parents=True)
        write_windows(tmp_path / "results" / name, list(WINDOWS.values()))
    write_model_file(tmp_path / "mine.safetensors", small_model())
    shutil.copy(tmp_path / "mine.safetensors", tmp_path / "own.safetensors")
    noise = np.random.default_rng(0).normal(0, 0.1, (22050, 1))
    for place in ("recordings/dawn.wav", "site/a/b.flac", "dog.wav"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / place, noise, 22050)
    (tmp_path / "recordings" / "dawn.txt").write_text("0.1\t0.5\tdog\n")
    return tmp_path


@pytest.mark.parametrize("line", [line for line in of("resed") if line.split()[1] in MODELS])
def test_examples_of_models_run(line, studio, monkeypatch):
    monkeypatch.chdir(studio)
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    assert result.exit_code == 0, (result.output, result.exception)


def test_every_command_is_documented():
    text = (REPOSITORY / "docs" / "commands.md").read_text()
    for name in typer.main.get_command(app).commands:
        assert f"`resed {name}`" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_index_has_one_line_per_page():
    """A new page needs a line there."""
    text = (REPOSITORY / "docs" / "README.md").read_text()
    rows = re.findall(r"^\| \[(.+?)\]\((.+?)\) \| (.+) \|$", text, re.MULTILINE)
    listed = [target for _, target, _ in rows]
    assert all(name == target for name, target, _ in rows)
    assert len(listed) == len(set(listed))
    pages = {path.name for path in (REPOSITORY / "docs").glob("*.md")} - {"README.md"}
    assert pages == {target for target in listed if not target.startswith("..")}
    assert all(len(words) < 100 for *_, words in rows)


def documented() -> set[str]:
    """Keys in the second column of docs/readings.md; `.x` goes on where the key before it ended."""
    keys = set()
    for line in (REPOSITORY / "docs" / "readings.md").read_text().splitlines():
        if line.startswith("|"):
            above = ""
            for name in re.findall(r"`([^`]+)`", line.split("|")[2]):
                key = above + name if name.startswith(".") else name
                above = key.rsplit(".", 1)[0] if not name.startswith(".") else above
                keys.add(key)
    return keys


def leaves(model, before="") -> set[str]:
    """Every setting below a model, as a path."""
    found = set()
    for name, field in model.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            found |= leaves(field.annotation, f"{before}{name}.")
        else:
            found.add(before + name)
    return found


def test_readings_name_keys_that_exist():
    known = leaves(SystemSettings) | leaves(Config)
    parents = {key.rsplit(".", depth)[0] for key in known for depth in range(1, key.count(".") + 1)}
    assert documented() <= known | parents


def test_every_setting_of_a_system_has_a_reading():
    keys = documented()
    undocumented = {
        leaf
        for leaf in leaves(SystemSettings)
        if not any(leaf == key or leaf.startswith(key + ".") for key in keys)
    }
    assert not undocumented


def test_no_page_names_a_place_of_one_machine():
    for path in [*PAGES, REPOSITORY / "Makefile", *Path(REPOSITORY / "config").glob("*.yaml")]:
        assert not re.search(r"/(home|root|work|opt|Users)/", path.read_text()), path.name
