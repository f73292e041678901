"""Mutation testing of the modules that compute scores, windows, losses and intervals.

A mutant is one small change of one module: a comparison, an arithmetic operator, a constant, a
boolean, a default, an argument or a statement. It is killed if one of the module's own test files
fails. Not collected by pytest and not run in CI, because it takes most of an hour:

    python tests/mutation.py --seed 1 --mutants 400 --least 40
    python tests/mutation.py --attacks          # the mutants of attacks.py, each by itself

Messages (raise statements, f-strings, prose), docstrings and annotations are not mutated.

Each process works on its own copy of the repository. It imports the heavy packages once and forks
for each mutant. A first, unchanged run records which test executes which lines, so that a mutant
costs only the tests that reach it, the fastest first.
"""

import argparse
import ast
import compileall
import contextlib
import difflib
import importlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
HEAVY = (
    *("numpy", "pandas", "scipy.stats", "scipy.ndimage", "scipy.sparse.csgraph", "torch"),
    *("sed_eval", "sed_scores_eval", "sed_scores_eval.clip_based", "yaml", "pydantic", "typer"),
    *("sed_scores_eval.intersection_based", "kneed", "hypothesis", "librosa", "soundfile"),
    *("matplotlib.pyplot", "seaborn", "jinja2", "requests", "typer.testing", "snakemake"),
)
SLOWEST = 12.0  # seconds; slower tests (simulations of coverage) are left out
PATIENCE = 120.0  # seconds beyond four times the duration of the tests that reach a mutant

# Module -> its files below src/resed, and its own test files below tests/.
MODULES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "score": (
        (
            *("score/f1.py", "score/matching.py", "score/agreement.py", "score/psds.py"),
            *("score/threshold_free.py", "score/confusion.py", "score/score_files.py"),
            "score/class_changes.py",
        ),
        ("test_score.py", "test_agreement.py", "test_threshold_free.py", "test_confusion.py"),
    ),
    "decode": (
        ("decode/events.py", "decode/filters.py", "decode/baselines.py"),
        ("test_decode.py", "test_decode_options.py", "test_sanity.py", "test_peers.py"),
    ),
    "calibrate": (
        ("calibrate/windows.py", "calibrate/thresholds.py"),
        ("test_calibrate.py", "test_decode.py", "test_decode_options.py"),
    ),
    "objective": (
        ("train/objective.py",),
        ("test_train_objective.py", "test_objective_options.py"),
    ),
    "distillation": (
        ("train/distillation.py",),
        ("test_train_objective.py", "test_objective_options.py"),
    ),
    "stats": (
        ("stats/intervals.py", "stats/multiple_testing.py"),
        ("test_intervals.py", "test_change.py"),
    ),
}


@dataclass(frozen=True)
class Mutant:
    """One change of one file; `start` and `stop` are offsets of the replaced text in bytes."""

    module: str
    path: str  # below src/resed
    line: int
    kind: str
    start: int
    stop: int
    text: str
    tests: tuple[str, ...]
    original: bytes = field(repr=False)
    name: str = ""

    @property
    def source(self) -> bytes:
        """The file with the change made."""
        return self.original[: self.start] + self.text.encode() + self.original[self.stop :]

    @property
    def difference(self) -> str:
        """The changed lines, the old ones with -, the new ones with +."""
        before, after = (text.decode().splitlines() for text in (self.original, self.source))
        lines = list(difflib.unified_diff(before, after, lineterm="", n=0))[3:]
        return "\n".join(line[0] + " " + line[1:].strip() for line in lines if line[1:].strip())


# ---- sites -------------------------------------------------------------------------------------

COMPARISONS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.Lt: ("<=", ">"),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<"),
    ast.GtE: (">", "<"),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
}
ARITHMETIC: dict[type[ast.AST], tuple[str, ...]] = {
    ast.Add: ("-",),
    ast.Sub: ("+",),
    ast.Mult: ("/",),
    ast.Div: ("*",),
    ast.FloorDiv: ("/",),
    ast.Mod: ("*",),
    ast.Pow: ("*",),
    ast.BitAnd: ("|",),
    ast.BitOr: ("&",),
}
PROSE = {"cure", "note", "notes", "problem", "reason", "refusal", "place"}
DROPPED = (*(ast.Expr, ast.Assign, ast.AugAssign, ast.Return, ast.Raise, ast.Continue, ast.Break),)
AUGMENTED = {ast.Add: "-=", ast.Sub: "+=", ast.Mult: "/=", ast.Div: "*=", ast.BitAnd: "|="}


class Sites:
    """All places of one file where a mutant can be made, each with its replacement."""

    def __init__(self, source: bytes):
        self.source = source
        self.lines = [0]
        for line in source.splitlines(keepends=True):
            self.lines.append(self.lines[-1] + len(line))
        self.found: list[tuple[int, str, int, int, str]] = []
        self._body(ast.parse(source).body, function=False)

    def _span(self, node: Any) -> tuple[int, int]:
        start = self.lines[node.lineno - 1] + node.col_offset
        return start, self.lines[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.AST) -> str:
        start, stop = self._span(node)
        return self.source[start:stop].decode()

    def _add(self, node: Any, kind: str, text: str, span: tuple[int, int] | None = None) -> None:
        start, stop = span or self._span(node)
        self.found.append((node.lineno, kind, start, stop, text))

    def _between(self, left: ast.AST, right: ast.AST, kind: str, text: str) -> None:
        """Replace the operator between two operands, parentheses around them kept."""
        start, stop = self._span(left)[1], self._span(right)[0]
        middle = self.source[start:stop].decode()
        begin = len(middle) - len(middle.lstrip(") \n"))
        end = len(middle.rstrip("( \n"))
        node = ast.Constant(0, lineno=getattr(left, "end_lineno", 0))
        self._add(node, kind, text, (start + begin, start + end))

    # ---- statements

    def _body(self, body: Sequence[ast.stmt], function: bool) -> None:
        for number, statement in enumerate(body):
            docstring = (
                isinstance(statement, ast.Expr)
                and isinstance(statement.value, ast.Constant)
                and isinstance(statement.value.value, str)
            )
            if docstring or isinstance(statement, (ast.Import, ast.ImportFrom, ast.Assert)):
                continue
            if function and isinstance(statement, DROPPED):
                alone = len(body) == 1 and isinstance(statement, ast.Return)
                bare = isinstance(statement, ast.Return) and statement.value is None
                if not bare and not (alone and number):
                    self._add(statement, "statement", "pass")
            self._statement(statement, function)

    def _statement(self, node: ast.stmt, function: bool) -> None:
        if isinstance(node, ast.Raise) or (not function and self._is_alias(node)):
            return
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            for decorator in node.decorator_list:
                self._expression(decorator)
            if isinstance(node, ast.FunctionDef):
                for default in [*node.args.defaults, *node.args.kw_defaults]:
                    if default is not None:
                        self._default(default)
            self._body(node.body, function=isinstance(node, ast.FunctionDef))
            return
        if isinstance(node, (ast.If, ast.While)):
            if not self._is_typing(node.test):
                self._add(node.test, "comparison", f"not ({self._text(node.test)})")
            self._expression(node.test)
        elif isinstance(node, ast.For):
            self._expression(node.iter)
        elif isinstance(node, ast.With):
            for item in node.items:
                self._expression(item.context_expr)
        elif isinstance(node, ast.AugAssign):
            new = AUGMENTED.get(type(node.op))
            if new:
                self._between(node.target, node.value, "arithmetic", new)
            self._expression(node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._default(node.value) if not function else self._expression(node.value)
        elif isinstance(node, (ast.Assign, ast.Return, ast.Expr)) and node.value is not None:
            named = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
            if not (named and node.targets[0].id in PROSE):
                self._expression(node.value)
        for part in ("body", "orelse", "finalbody"):
            self._body(getattr(node, part, []), function)
        for handler in getattr(node, "handlers", []):
            self._body(handler.body, function)

    @staticmethod
    def _is_typing(node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == "TYPE_CHECKING"

    @staticmethod
    def _is_alias(node: ast.stmt) -> bool:
        """A type alias or __all__ of a module."""
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            return False
        if node.targets[0].id == "__all__":
            return True
        value = node.value
        types = {"dict", "list", "tuple", "Literal", "Mapping", "Sequence", "Callable"}
        named = isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name)
        return named and value.value.id in types

    def _default(self, node: ast.expr) -> None:
        before = len(self.found)
        self._expression(node)
        if isinstance(node, ast.Constant):
            here = self.found[before:]
            self.found[before:] = [(n, "default", a, b, text) for n, _, a, b, text in here]
            if node.value is None:
                self._add(node, "default", "'X'")
        elif not isinstance(node, ast.Dict):
            self._add(node, "default", "None")

    # ---- expressions

    def _expression(self, node: ast.expr) -> None:
        if isinstance(node, (ast.JoinedStr, ast.Lambda)):
            if isinstance(node, ast.Lambda):
                self._expression(node.body)
            return
        if isinstance(node, ast.Constant):
            self._constant(node)
        elif isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
            for left, operator, right in zip(operands, node.ops, operands[1:], strict=False):
                for text in COMPARISONS.get(type(operator), ()):
                    self._between(left, right, "comparison", text)
        elif isinstance(node, ast.BinOp):
            for text in ARITHMETIC.get(type(node.op), ()):
                self._between(node.left, node.right, "arithmetic", text)
        elif isinstance(node, ast.BoolOp):
            text = "or" if isinstance(node.op, ast.And) else "and"
            self._between(node.values[0], node.values[1], "boolean", text)
        elif isinstance(node, ast.UnaryOp):
            kind = "boolean" if isinstance(node.op, (ast.Not, ast.Invert)) else "arithmetic"
            self._add(node, kind, f"({self._text(node.operand)})")
        elif isinstance(node, ast.IfExp):
            self._add(node.test, "comparison", f"(not ({self._text(node.test)}))")
        elif isinstance(node, ast.Call):
            self._arguments(node)
        elif isinstance(node, ast.comprehension):
            pass
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.keyword):
                if child.arg not in PROSE:
                    self._expression(child.value)
            elif isinstance(child, ast.comprehension):
                self._expression(child.iter)
                for test in child.ifs:
                    self._add(test, "comparison", f"(not ({self._text(test)}))")
                    self._expression(test)
            elif isinstance(child, ast.expr):
                self._expression(child)

    def _constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._add(node, "boolean", str(not value))
        elif isinstance(value, int):
            self._add(node, "constant", f"{value + 1}")
        elif isinstance(value, float):
            self._add(node, "constant", repr(2 * value if value else 1.0))
        elif isinstance(value, str) and value and " " not in value.strip():
            self._add(node, "constant", repr(f"{value}X"))

    def _arguments(self, node: ast.Call) -> None:
        """Leave out one argument of a call: any keyword, or the last of several positional ones."""
        parts: list[Any] = [*node.args, *node.keywords]
        if not parts or (len(parts) == 1 and isinstance(parts[0], ast.GeneratorExp)):
            return
        stop = self._span(node)[1] - 1
        for number, part in enumerate(parts):
            if number < len(node.args) and (number + 1 < len(node.args) or not number):
                continue  # what follows would move up, or nothing would be left
            start = self._span(part)[0]
            if getattr(part, "arg", "") in PROSE:
                continue
            if number + 1 < len(parts):
                span = (start, self._span(parts[number + 1])[0])
            elif number:
                span = (self._span(parts[number - 1])[1], self._span(part)[1])
            else:
                span = (start, stop)
            marker = ast.Constant(0, lineno=part.lineno if hasattr(part, "lineno") else node.lineno)
            self._add(marker, "argument", "", span)


def mutants_of(module: str) -> list[Mutant]:
    """All mutants of a module that compile and differ from it."""
    paths, tests = MODULES[module]
    found = []
    for path in paths:
        source = (REPOSITORY / "src" / "resed" / path).read_bytes()
        original = ast.dump(ast.parse(source))
        for line, kind, start, stop, text in Sites(source).found:
            mutant = Mutant(module, path, line, kind, start, stop, text, tests, source)
            try:
                changed = ast.dump(ast.parse(mutant.source))
            except SyntaxError:
                continue
            if changed != original:
                found.append(mutant)
    return list({(m.path, m.start, m.stop, m.text): m for m in found}.values())


def draw(sites: Mapping[str, list[Mutant]], count: int, least: int, seed: int) -> list[Mutant]:
    """`least` mutants of each module, then more from all modules together, up to `count`."""
    generator = random.Random(seed)
    chosen, rest = [], []
    for mutants in sites.values():
        shuffled = generator.sample(mutants, len(mutants))
        chosen += shuffled[:least]
        rest += shuffled[least:]
    more = max(0, count - len(chosen))
    chosen += generator.sample(rest, min(more, len(rest)))
    return sorted(chosen, key=lambda m: (list(sites).index(m.module), m.path, m.start))


# ---- running -----------------------------------------------------------------------------------


class Chosen:
    """A pytest plugin: only the tests given, in their order; keeps times and the first failure."""

    def __init__(self, wanted: Mapping[str, float] | None, traced: Sequence[str] = ()):
        self.wanted = wanted
        self.traced = {os.fspath(path) for path in traced}
        self.seconds: dict[str, float] = defaultdict(float)
        self.lines: dict[str, set[tuple[str, int]]] = defaultdict(set)
        self.always: dict[str, set[tuple[str, int]]] = defaultdict(set)
        self.failed = ""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Keep what is wanted, the fastest first, the tests of one file together where quick."""
        if self.wanted is None:
            return
        wanted = self.wanted
        kept = [item for item in items if item.nodeid in wanted]

        def order(item: Any) -> tuple[float, str, float]:
            seconds = wanted[item.nodeid]
            return (0.0 if seconds < 0.5 else seconds, item.nodeid.partition("::")[0], seconds)

        items[:] = sorted(kept, key=order)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Seconds of a test with its fixtures, and the first that fails."""
        self.seconds[report.nodeid] += report.duration
        if report.failed and not self.failed:
            self.failed = report.nodeid
        if report.skipped:
            self.seconds.pop(report.nodeid, None)

    def trace(self, store: set[tuple[str, int]]) -> None:
        """Record from now on which lines of the traced files are executed."""

        def local(frame: Any, event: str, argument: Any) -> Any:
            if event == "line":
                store.add((frame.f_code.co_filename, frame.f_lineno))
            return local

        def outer(frame: Any, event: str, argument: Any) -> Any:
            if frame.f_code.co_filename in self.traced:
                store.add((frame.f_code.co_filename, frame.f_lineno))
                return local
            return None

        sys.settrace(outer if self.traced else None)

    def pytest_runtest_setup(self, item: Any) -> None:
        """What a fixture executes counts for all tests of its file."""
        self.trace(self.always[item.nodeid.partition("::")[0]])

    def pytest_runtest_call(self, item: Any) -> None:
        """What a test executes."""
        self.trace(self.lines[item.nodeid])

    def pytest_runtest_teardown(self) -> None:
        """Nothing is recorded between tests."""
        sys.settrace(None)


@dataclass
class Reach:
    """What the unchanged run of some test files showed."""

    seconds: dict[str, float]
    lines: dict[tuple[str, int], set[str]] = field(default_factory=dict)  # reached by which tests
    always: dict[tuple[str, int], set[str]] = field(default_factory=dict)  # by which files

    def tests(self, path: str, lines: range) -> dict[str, float]:
        """Tests that execute one of some lines, with their seconds.

        Lines that no test executes belong to the import of the module, or to nothing: all tests.
        """
        direct: set[str] = set()
        for line in lines:
            direct |= self.lines.get((path, line), set())
            files = self.always.get((path, line), set())
            direct |= {test for test in self.seconds if test.partition("::")[0] in files}
        return {t: s for t, s in self.seconds.items() if t in direct and s < SLOWEST}


def pytest_child(folder: Path, arguments: Sequence[str], plugin: Chosen) -> int:
    """pytest in this process, quietly."""
    import pytest

    os.chdir(folder)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "_hypothesis_pytestplugin"]
    options += [
        "-k",
        "not workflow",
        "--assert=plain",
        "--disable-warnings",
        "--no-header",
        "--hypothesis-seed=0",
    ]
    return int(pytest.main([*options, *arguments], plugins=[plugin]))


def forked(folder: Path, work: Any, limit: float) -> tuple[Any, bool]:
    """The result of `work()` in a forked process group; (None, True) where it ran out of time."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.close(reading)
        # The repository may hold the virtual environment, whose packages are still needed.
        own = {str(REPOSITORY), str(REPOSITORY / "src"), str(REPOSITORY / "tests")}
        sys.path[:] = [path for path in sys.path if path not in own]
        sys.path.insert(0, str(folder / "src"))
        os.environ["PYTHONPATH"] = str(folder / "src")
        try:
            with os.fdopen(writing, "w") as pipe:
                json.dump(work(), pipe)
        finally:
            os._exit(0)
    os.close(writing)
    signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        with os.fdopen(reading) as pipe:
            text = pipe.read()
        late = False
    except TimeoutError:
        text, late = "", True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return (json.loads(text) if text else None), late


def _too_long(*_: Any) -> None:
    raise TimeoutError


class Worker:
    """A copy of the repository in which mutants are tried one after another."""

    def __init__(self, folder: Path):
        self.folder = folder / "repository"
        listed = subprocess.run(
            ["git", "-C", REPOSITORY, "ls-files", "-co", "--exclude-standard", "-z"],
            capture_output=True,
            text=True,
            check=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (REPOSITORY / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPOSITORY / name, self.folder / name)
        self.source = self.folder / "src" / "resed"
        compileall.compile_dir(self.source, quiet=2)
        os.environ.setdefault("RESED_SHARED", str(REPOSITORY.parent / "shared"))
        os.environ |= {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(folder / "hypothesis")
        sys.dont_write_bytecode = True
        for name in HEAVY:
            try:
                importlib.import_module(name)
            except ImportError:
                continue
        self.reaches: dict[tuple[str, ...], Reach] = {}

    def reach(self, tests: tuple[str, ...], traced: tuple[str, ...]) -> Reach:
        """Run the test files unchanged, once."""
        key = (*tests, "|", *traced)
        if key not in self.reaches:
            paths = [str(self.source / path) for path in traced]
            there = [f"tests/{name}" for name in tests]

            def work() -> Any:
                plugin = Chosen(None, paths)
                code = pytest_child(self.folder, there, plugin)
                lines = [(n, [*s]) for n, s in plugin.lines.items()]
                always = [(n, [*s]) for n, s in plugin.always.items()]
                modules = [name for name in sys.modules if self._is_foreign(name)]
                return code, plugin.failed, plugin.seconds, lines, always, modules

            found, late = forked(self.folder, work, 1200)
            if late or found is None or found[0]:
                what = "ran out of time" if late else f"fail unchanged {found and found[:2]}"
                raise SystemExit(f"{', '.join(tests)}: {what}")
            _, _, seconds, lines, always, modules = found
            for name in modules:
                with contextlib.suppress(Exception):
                    importlib.import_module(name)
            reach = Reach(seconds)
            for part, rows in ((reach.lines, lines), (reach.always, always)):
                for name, places in rows:
                    for path, line in places:
                        part.setdefault((path, line), set()).add(name)
            self.reaches[key] = reach
        return self.reaches[key]

    def _is_foreign(self, name: str) -> bool:
        """Whether a module is neither resed's nor a test's, so that every mutant may share it."""
        path = getattr(sys.modules[name], "__file__", None) or ""
        return name != "__main__" and not path.startswith(str(self.folder))

    def try_out(self, mutant: Mutant) -> tuple[str, str]:
        """("killed", "survived", "timeout" or "not reached"; the test that failed)."""
        path = self.source / mutant.path
        original = mutant.original
        traced = MODULES[mutant.module][0] if mutant.module in MODULES else (mutant.path,)
        reach = self.reach(mutant.tests, tuple(traced))
        first, last = _statement_lines(original, mutant)
        wanted = reach.tests(str(path), range(first, last + 1))
        if not wanted and _is_top_level(original, mutant.line):
            wanted = {t: s for t, s in reach.seconds.items() if s < SLOWEST}
        if not wanted:
            return "not reached", ""
        files = sorted({f"{test.partition('::')[0]}" for test in wanted})
        plugin = Chosen(wanted)

        def work() -> Any:
            code = pytest_child(self.folder, files, plugin)
            return code, plugin.failed

        cached = importlib.util.cache_from_source(str(path))
        Path(cached).unlink(missing_ok=True)
        path.write_bytes(mutant.source)
        try:
            found, late = forked(self.folder, work, PATIENCE + 4 * sum(wanted.values()))
        finally:
            path.write_bytes(original)
        if late:
            return "timeout", ""
        if found is None:
            return "killed", "the interpreter ended"
        code, failed = found
        return ("survived" if code == 0 else "killed"), failed or f"pytest exit {code}"


def _statement_lines(source: bytes, mutant: Mutant) -> tuple[int, int]:
    """First and last line of the innermost statement around a mutant (of a block: its head)."""
    best = (mutant.line, mutant.line)
    size = 10**9
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.stmt):
            continue
        first, last = node.lineno, node.end_lineno or node.lineno
        if getattr(node, "body", None):
            last = max(first, node.body[0].lineno - 1)
        if first <= mutant.line <= last and last - first < size:
            best, size = (first, last), last - first
    return best


def _is_top_level(source: bytes, line: int) -> bool:
    """Whether a line is executed at import: outside functions, or in the head of one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            inside = node.body[0].lineno <= line <= (node.end_lineno or line)
            if inside:
                return False
    return True


def run(mutants: Sequence[Mutant], processes: int) -> list[tuple[Mutant, str]]:
    """Try all mutants; prints a line per mutant that is not killed."""
    queue = multiprocessing.get_context("fork").Queue()
    results = multiprocessing.get_context("fork").Queue()
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, mutant in enumerate(mutants):
        groups[(mutant.module, *mutant.tests)].append(number)
    for numbers in groups.values():
        half = max(1, -(-len(numbers) // processes))
        for start in range(0, len(numbers), half):
            queue.put(numbers[start : start + half])
    for _ in range(processes):
        queue.put(None)
    workers = []
    for _ in range(processes):
        worker = multiprocessing.get_context("fork").Process(
            target=_work, args=(mutants, queue, results)
        )
        worker.start()
        workers.append(worker)
    found = []
    ended = 0
    while ended < processes:
        row = results.get()
        if row is None:
            ended += 1
            continue
        number, state, test = row
        mutant = mutants[number]
        found.append((number, mutant, state))
        if state != "killed" or mutant.name:
            _say(mutant, state, test)
        elif len(found) % 25 == 0:
            print(f"... {len(found)} of {len(mutants)}", flush=True)
    for worker in workers:
        worker.join()
    if len(found) != len(mutants):
        raise SystemExit(f"only {len(found)} of {len(mutants)} mutants were tried")
    return [row[1:] for row in sorted(found, key=lambda row: row[0])]


def _say(mutant: Mutant, state: str, test: str) -> None:
    name = f"{mutant.name}: " if mutant.name else ""
    print(f"{state.upper()} {name}src/resed/{mutant.path}:{mutant.line} ({mutant.kind}) {test}")
    print("    " + mutant.difference.replace("\n", "\n    "), flush=True)


def _work(mutants: Sequence[Mutant], queue: Any, results: Any) -> None:
    try:
        with tempfile.TemporaryDirectory() as folder:
            worker = Worker(Path(folder))
            while (numbers := queue.get()) is not None:
                for number in numbers:
                    results.put((number, *worker.try_out(mutants[number])))
    finally:
        results.put(None)


def table(rows: Sequence[tuple[Mutant, str]], sites: Mapping[str, int]) -> str:
    """Killed, survived, timeouts and not reached, per module; a timeout counts as killed."""
    states = ("killed", "timeout", "survived", "not reached")
    head = "".join(f"{state:>13}" for state in states)
    lines = [f"{'module':14}{'sites':>7}{'mutants':>9}{head}{'killed %':>10}"]
    for module in [*dict.fromkeys(m.module for m, _ in rows), "all"]:
        here = [state for m, state in rows if module in (m.module, "all")]
        dead = sum(state in states[:2] for state in here)
        numbers = "".join(f"{here.count(s):>13}" for s in states)
        number = sum(sites.values()) if module == "all" else sites.get(module, 0)
        lines.append(f"{module:14}{number:>7}{len(here):>9}{numbers}{100 * dead / len(here):>9.1f}")
    return "\n".join(lines)


def attacks() -> list[Mutant]:
    """The mutants of attacks.py."""
    from attacks import ATTACKS

    found = []
    for name, path, old, new, *tests in ATTACKS:
        source = (REPOSITORY / "src" / "resed" / path).read_bytes()
        if source.count(old.encode()) != 1:
            raise SystemExit(f"{name}: not found once in src/resed/{path}: {old}")
        start = source.index(old.encode())
        line = source[:start].count(b"\n") + 1
        stop = start + len(old.encode())
        found.append(
            Mutant(
                f"attack {path}",
                path,
                line,
                "by hand",
                start,
                stop,
                new,
                tuple(tests),
                source,
                name,
            )
        )
    return found


def main() -> None:
    """Draw, run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    parser.add_argument("--mutants", type=int, default=400, help="how many to draw at least")
    parser.add_argument("--least", type=int, default=40, help="how many per module at least")
    parser.add_argument("--module", action="append", choices=MODULES, help="only this module")
    parser.add_argument("--attacks", action="store_true", help="the mutants of attacks.py")
    parser.add_argument("--processes", type=int, default=1, choices=(1, 2))
    parser.add_argument("--sites", action="store_true", help="list all sites and stop")
    options = parser.parse_args()
    sites = {module: mutants_of(module) for module in options.module or MODULES}
    if options.attacks:
        chosen = attacks()
    else:
        chosen = draw(sites, options.mutants, options.least, options.seed)
    if options.sites:
        for mutant in chosen:
            _say(mutant, "site", "")
        return
    started = time.monotonic()
    print(f"seed {options.seed}: {len(chosen)} mutants", flush=True)
    rows = run(chosen, options.processes)
    print(table(rows, {module: len(mutants) for module, mutants in sites.items()}))
    print(f"{time.monotonic() - started:.0f} s")
    if any(state in ("survived", "not reached") for _, state in rows) and options.attacks:
        raise SystemExit("an attack survived")


if __name__ == "__main__":
    main()
