"""An installation without the extras: the wheel, and the packages that it requires, in a folder."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from runs import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def required(*names: str) -> set[str]:
    """Distributions that the dependencies of resed, or of some of its extras, bring."""
    texts = PROJECT["dependencies"] if not names else []
    texts = [*texts, *(text for name in names for text in PROJECT["optional-dependencies"][name])]
    found, waiting = set(), [Requirement(text) for text in texts]
    while waiting:
        requirement = waiting.pop()
        if requirement.name == "resed":
            found |= required(*requirement.extras)
        if plain_name(requirement.name) in found:
            continue
        try:
            inner = metadata.requires(requirement.name) or []
        except metadata.PackageNotFoundError:  # not on this platform
            continue
        found.add(plain_name(requirement.name))
        waiting += [
            one
            for one in map(Requirement, inner)
            if one.marker is None or one.marker.evaluate({"extra": ""})
        ]
    return found - {"resed"}


def modules_of(distributions: Iterable[str]) -> set[str]:
    """Top-level modules of distributions."""
    names = set(distributions)
    return {
        module
        for module, owners in metadata.packages_distributions().items()
        if names & set(map(plain_name, owners))
    }


def install(folder: Path) -> dict[str, str]:
    """Install the wheel without extras below `folder`; return the environment to use it."""
    source, site, packages = folder / "source", folder / "site", folder / "packages"
    shutil.copytree(REPOSITORY / "src", source / "src", ignore=_no_caches)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    _pip("wheel", *options, "--no-build-isolation", "--wheel-dir", folder, source)
    (wheel,) = folder.glob("resed-*.whl")
    _pip("install", *options, "--no-compile", "--target", site, wheel)
    packages.mkdir()
    for name in required():
        distribution = metadata.distribution(name)
        for part in {path.parts[0] for path in distribution.files or ()} - {".."}:
            place = Path(str(distribution.locate_file(part)))
            if part != "__pycache__" and place.exists() and not (packages / part).exists():
                (packages / part).symlink_to(place)
    # The kernels of OpenBLAS are those of the tests, because results depend on them.
    names = [name for name in os.environ if name.startswith("OPENBLAS_")]
    names += [name for name in ("PATH", "LANG", "TMPDIR") if name in os.environ]
    kept = {name: os.environ[name] for name in names}
    return {**kept, "HOME": str(folder), "PYTHONPATH": f"{site}:{packages}"}


def run(environment: dict[str, str], folder: Path, *words: object) -> subprocess.CompletedProcess:
    """Run Python in a folder of the installation; -S hides all other packages."""
    return subprocess.run(
        [sys.executable, "-S", *map(str, words)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def _pip(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "pip", *map(str, words)], check=True)


def _no_caches(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name == "__pycache__" or name.endswith(".egg-info")}


def plain_name(requirement: str) -> str:
    """The name in a requirement, as pip compares names."""
    name = Requirement(requirement).name
    return re.sub(r"[-_.]+", "-", name).lower()
