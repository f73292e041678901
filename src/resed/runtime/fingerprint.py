"""Fingerprint of the code of a stage, and what else a result was made with.

The code of a stage is the module of its command and every module of resed that it imports, directly
or through others, imports inside functions included. Comments, docstrings, formatting and messages
are left out, so that only a change that can change a result changes the fingerprint. A message is
text with a space between words in a raise statement, in a call that prints or describes an error,
or in a variable or argument that is named as one. Versions and the device are recorded apart.
"""

import ast
import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGE = "resed"
SOURCE = Path(__file__).resolve().parents[1]
VARIABLE = "RESED_CODE"  # fingerprints that a run hands to its jobs
MESSAGE = re.compile(r"[A-Za-z][,.:;]? ")
# Names of functions whose arguments are messages.
SPEAKING = re.compile(
    r"say|report|echo|print|warn\w*|note|wrong|refusal|Option|BadParameter|\w+Error"
)
SPOKEN = {"problem", "cure", "help", "note", "message", "what", "why", "detail"}
DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "PyYAML"}  # where the module has another name
BUILT_IN = sys.stdlib_module_names
_making = {"stage": "", "device": "cpu"}


@dataclass(frozen=True)
class Code:
    """The code of a stage: its fingerprint (SHA-256 in hex) and the packages that it imports."""

    fingerprint: str
    packages: tuple[str, ...]


@dataclass(frozen=True)
class _Module:
    digest: str
    imports: frozenset[str]


def code_of(stage: str, source: Path = SOURCE) -> Code:
    """The code of a stage, named as its module in cli/.

    Args:
        stage: for example `train`.
        source: folder of the package.

    Raises KeyError if the package has no such command.
    """
    handed = _handed() if source == SOURCE else {}
    if stage in handed:
        return handed[stage]
    return _Tree(source).code(stage)


def hand_to_jobs(stages: list[str]) -> dict[str, Code]:
    """Compute the fingerprints once and store them in the environment, for processes that start.

    They use them only if no source file has changed since.
    """
    tree = _Tree(SOURCE)
    found = {stage: tree.code(stage) for stage in stages}
    values = {name: [code.fingerprint, *code.packages] for name, code in found.items()}
    os.environ[VARIABLE] = json.dumps({"sources": _digest_of_sources(), "stages": values})
    return found


def begin(stage: str) -> None:
    """Declare that the files that this process makes are those of `stage`."""
    _making["stage"] = stage


def use_device(name: str) -> None:
    """Declare the device on which this process computes, for example the name of a GPU."""
    _making["device"] = name


def made_by(stage: str | None = None) -> dict[str, Any] | None:
    """What a result is made by: stage, fingerprint of its code, versions of packages, device.

    Args:
        stage: by default that of `begin`.

    Returns JSON values, or None without a stage.
    """
    stage = stage or _making["stage"]
    return {**_made_by(stage), "device": _making["device"]} if stage else None


@cache
def _made_by(stage: str) -> dict[str, Any]:
    code = code_of(stage)
    versions = {"python": platform.python_version()}
    for name in code.packages:
        try:
            versions[name] = version(DISTRIBUTIONS.get(name, name))
        except PackageNotFoundError:  # an optional package
            continue
    return {"stage": stage, "code": code.fingerprint, "packages": versions}


@cache
def _handed() -> dict[str, Code]:
    """The fingerprints of the run that started this process, if its sources are these."""
    try:
        given = json.loads(os.environ.get(VARIABLE, ""))
        if given["sources"] != _digest_of_sources():
            return {}
        return {name: Code(first, tuple(more)) for name, (first, *more) in given["stages"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _digest_of_sources() -> str:
    total = hashlib.sha256()
    for path in sorted(SOURCE.rglob("*.py")):
        content = path.read_bytes()
        total.update(f"{path.relative_to(SOURCE).as_posix()} {len(content)}\n".encode() + content)
    return total.hexdigest()


# ---- modules -------------------------------------------------------------------------------------


@dataclass
class _Tree:
    """The modules of a package, each parsed once."""

    source: Path
    _modules: dict[str, _Module | None] = field(default_factory=dict)

    def code(self, stage: str) -> Code:
        entry = f"{PACKAGE}.cli.{stage}"
        if self._module(entry) is None:
            raise KeyError(stage)
        found: dict[str, str] = {}
        packages, waiting = set[str](), [entry]
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            module = self._module(name)
            if module is None:  # a package of others, or a name in a module
                top = name.partition(".")[0]
                packages |= {top} - {PACKAGE}
                continue
            found[name] = module.digest
            for imported in module.imports:
                waiting += self._all_of(imported) if imported.endswith(".*") else [imported]
            parent = name.rpartition(".")[0]
            waiting += [parent] * (parent not in ("", PACKAGE, f"{PACKAGE}.cli"))
        lines = "".join(f"{name} {found[name]}\n" for name in sorted(found))
        return Code(hashlib.sha256(lines.encode()).hexdigest(), tuple(sorted(packages - BUILT_IN)))

    def _module(self, name: str) -> _Module | None:
        if name not in self._modules:
            path = self._path(name)
            self._modules[name] = _parsed(path.read_bytes()) if path else None
        return self._modules[name]

    def _all_of(self, pattern: str) -> list[str]:
        """The modules of a package, for imports whose name is computed."""
        package = pattern.removesuffix(".*")
        path = self._path(package)
        return [f"{package}.{one.stem}" for one in sorted(path.parent.glob("*.py"))] if path else []

    def _path(self, name: str) -> Path | None:
        package, _, inner = name.partition(".")
        if package != PACKAGE:
            return None
        path = self.source.joinpath(*inner.split(".")) if inner else self.source
        candidates = (path / "__init__.py", path.with_name(f"{path.name}.py"))
        return next((one for one in candidates if one.is_file()), None)


def _parsed(content: bytes) -> _Module:
    try:
        tree = ast.parse(content)
    except SyntaxError:  # while it is edited; a process that imports it reports it
        return _Module(hashlib.sha256(content).hexdigest(), frozenset())
    return _Module(hashlib.sha256(_shape(tree).encode()).hexdigest(), frozenset(_imports(tree)))


def _imports(tree: ast.Module) -> Iterator[str]:
    """Names of imported modules; `from a import b` may import the module a.b.

    `import_module(f"a.{name}")` may import each module of a, which is returned as `a.*`.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module.partition(".")[0] == PACKAGE:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            computed = isinstance(node.args[0], ast.JoinedStr)
            first = node.args[0].values[0] if computed else node.args[0]
            if isinstance(first, ast.Constant) and str(first.value).startswith(f"{PACKAGE}."):
                yield f"{first.value.removesuffix('.')}.*" if computed else first.value


def _shape(tree: ast.Module) -> str:
    """The syntax tree as text, without what cannot change a result."""
    parts: list[str] = []
    _add_shape(tree, parts)
    return " ".join(parts)


def _add_shape(node: Any, parts: list[str], spoken: bool = False) -> None:
    """Append the parts of a node; `spoken`: it is within an expression that makes a message."""
    if isinstance(node, list):
        parts.append("[")
        for item in node:
            _add_shape(item, parts, spoken)
        parts.append("]")
    elif not isinstance(node, ast.AST):
        parts.append(repr(node))
    elif spoken and _is_message(node):
        parts.append("message")
    else:
        spoken = spoken or _speaks(node)
        parts.append(type(node).__name__)
        for name in node._fields:
            value = getattr(node, name, None)
            if name == "body" and _has_docstring(node):
                value = value[1:]
            if value is not None and value != []:  # empty fields differ between versions of Python
                parts.append(name)
                _add_shape(value, parts, spoken)
        parts.append(")")


def _speaks(node: ast.AST) -> bool:
    """Whether texts within a node are messages."""
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        return bool(SPEAKING.fullmatch(name))
    if isinstance(node, ast.keyword):
        return node.arg in SPOKEN
    if isinstance(node, ast.Assign):
        return all(getattr(target, "id", "") in SPOKEN for target in node.targets)
    return isinstance(node, ast.Raise)


def _is_message(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr):
        return any(_is_message(value) for value in node.values)
    text = node.value if isinstance(node, ast.Constant) else None
    return isinstance(text, str) and bool(MESSAGE.search(text))


def _has_docstring(node: ast.AST) -> bool:
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, owners) and ast.get_docstring(node, clean=False) is not None
