"""Dockerfile: it needs apt and pip only, has the pins of resed, and its lines run as they stand."""

import importlib.util
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from runs import REPOSITORY

IGNORED = (".venv", ".snakemake", "data", "results")


def instructions() -> list[tuple[str, str]]:
    """Instruction and arguments of each line of the recipe."""
    text = (REPOSITORY / "Dockerfile").read_text().replace("\\\n", " ")
    lines = (line.strip() for line in text.splitlines())
    return [tuple(line.split(maxsplit=1)) for line in lines if line and not line.startswith("#")]


def of(name: str) -> list[str]:
    """The arguments of all instructions of one kind."""
    return [arguments for instruction, arguments in instructions() if instruction == name]


def environment() -> dict[str, str]:
    """The variables that the recipe sets for its lines."""
    found = dict(os.environ)
    found.pop("PYTHONPATH", None)
    for line in of("ENV"):
        for word in shlex.split(line):
            name, _, value = word.partition("=")
            found[name] = value.replace("$PATH", os.environ["PATH"])
    return found


def parts(line: str) -> list[list[str]]:
    """The commands of a line, each as words."""
    return [shlex.split(part) for part in line.split(" && ")]


APT = [line for line in of("RUN") if line.startswith("apt-get")]
PACKAGES = [word for line in APT for word in parts(line)[-1][2:] if not word.startswith("-")]


def test_apt_and_pip_are_enough():
    (base,) = of("FROM")
    assert base == "docker.io/library/debian:bookworm-slim"
    programs = [tuple(words[:2]) for line in of("RUN") for words in parts(line)]
    assert programs == [
        ("apt-get", "update"),
        ("apt-get", "install"),
        ("python3.11", "-m"),
        ("pip", "install"),
    ]
    assert parts(of("RUN")[1]) == [["python3.11", "-m", "venv", environment()["VIRTUAL_ENV"]]]
    assert {"python3.11-venv", "g++", "git"} <= set(PACKAGES)


def test_the_versions_are_those_of_the_constraints():
    variables = environment()
    assert variables["PIP_CONSTRAINT"] == "constraints.txt"
    assert variables["PATH"].startswith(f"{variables['VIRTUAL_ENV']}/bin:")
    line = of("RUN")[-1]
    assert "==" not in line
    extras = re.search(r"\.\[(.+)\]", line)[1].split(",")
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert set(extras) <= set(project["optional-dependencies"])


def test_the_container_runs_the_demo():
    (command,) = of("CMD")
    words = json.loads(command)
    assert words[:2] == ["python", "-m"]
    assert importlib.util.find_spec(words[2]) is not None
    assert (REPOSITORY / words[-1]).is_file()


def test_the_image_has_no_files_that_git_ignores():
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert set(IGNORED) <= set(ignored)
    tracked = subprocess.run(
        ["git", "ls-files", *ignored[1:]], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert not tracked.stdout


# ---- the lines as they stand: minutes and a network, so not in make test -------------------------


@pytest.fixture
def debian():
    """Skip elsewhere than as root on the Debian of the recipe."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    if os.geteuid() != 0 or release.get("VERSION_CODENAME") != "bookworm":
        pytest.skip("requires root on Debian 12")


@pytest.mark.long
def test_the_line_of_apt_runs(debian):
    (line,) = APT
    subprocess.run(["bash", "-c", line], check=True)
    for package in PACKAGES:
        done = subprocess.run(
            ["dpkg-query", "--show", "--showformat=${Status}", package],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "install ok installed"


@pytest.mark.long
def test_the_lines_of_pip_run(debian, tmp_path):
    """Without the index of the CPU build of PyTorch, which is an argument of the recipe."""
    variables = environment()
    place = Path(variables["VIRTUAL_ENV"])
    if place.exists():
        pytest.skip(f"{place} exists")
    clone = tmp_path / "resed"
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, clone], check=True)
    try:
        for line in of("RUN")[1:]:
            subprocess.run(["bash", "-c", line], cwd=clone, env=variables, check=True)
        pins = dict(
            line.split("==")
            for line in (REPOSITORY / "constraints.txt").read_text().splitlines()
            if "==" in line
        )
        frozen = subprocess.run(
            ["pip", "list", "--format", "json"],
            env=variables,
            cwd=clone,
            capture_output=True,
            text=True,
            check=True,
        )
        found = {one["name"]: one["version"] for one in json.loads(frozen.stdout)}
        for name in ("numpy", "snakemake", "dvc", "torch"):
            assert found[name].partition("+")[0] == pins[name]
        words = json.loads(of("CMD")[0])
        planned = subprocess.run(
            ["snakemake", "--dry-run", "--configfile", words[-1]],
            cwd=clone,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert planned.returncode == 0, planned.stderr
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.mark.long
@pytest.mark.parametrize("program", ["docker", "podman"])
def test_the_image_is_built(program):
    running = (
        shutil.which(program)
        and not subprocess.run([program, "info"], capture_output=True, check=False).returncode
    )
    if not running:
        pytest.skip(f"no {program}")
    subprocess.run([program, "build", "--tag", "resed-test", REPOSITORY], check=True)
    done = subprocess.run(
        [program, "run", "--rm", "resed-test", "resed", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("resed ")
