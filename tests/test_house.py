"""Consistency of pinned versions, schema and module sizes."""

import json
import re
import tomllib

import jsonschema
import pytest
import yaml
from runs import REPOSITORY

import resed
from resed.config.schema import schema_text

SCHEMA = REPOSITORY / "workflow" / "schemas" / "config.schema.json"
CONFIGS = sorted(path for path in (REPOSITORY / "config").glob("*.yaml") if path.stem != "readings")


def pins(lines):
    """Name -> version, names as pip compares them."""
    found = (line.strip().split("==") for line in lines if "==" in line)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


@pytest.fixture(scope="module")
def constraints():
    text = (REPOSITORY / "constraints.txt").read_text()
    return pins(line for line in text.splitlines() if not line.startswith("#"))


def test_schema_is_in_step_with_the_settings():
    assert SCHEMA.read_text() == schema_text(), "make schema"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configs_fit_the_schema(path):
    jsonschema.validate(yaml.safe_load(path.read_text()), json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize(
    "values", [{"sedes": 1}, {"override": {"model": {"widht": 1}}}, {"seeds": 0}, {"root": "x"}]
)
def test_the_schema_is_closed(values):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, json.loads(SCHEMA.read_text()))


def test_conda_has_the_same_pins(constraints):
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    assert "python=3.11" in environment["dependencies"]
    (listed,) = [part["pip"] for part in environment["dependencies"] if isinstance(part, dict)]
    assert pins(listed) == constraints


def test_every_dependency_is_pinned(constraints):
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"]]
    wanted += [text for extra in project["optional-dependencies"].values() for text in extra]
    names = {re.split(r"[<>=;\[ ]", text)[0].replace("_", "-").lower() for text in wanted}
    names -= {"resed"}  # extras within extras
    assert names <= set(constraints)
    assert constraints["torch"] == "2.13.0", "never with a local version such as +cpu"
    assert int(constraints["setuptools"].split(".")[0]) < 82


def test_package_citation_and_changelog_have_one_version():
    """pip takes the version of the package, people cite that of CITATION.cff."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "resed.__version__"}
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    headings = re.findall(r"^## (.+)$", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    newest = next(text for text in headings if text != "Unreleased")
    released = citation["date-released"].isoformat()
    assert citation["version"] == resed.__version__
    assert newest == f"{resed.__version__} ({released})"
