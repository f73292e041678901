"""Pages for people: index, links, error lines, measured numbers, and the tutorial's change."""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from runs import REPOSITORY, TINY, copy_workflow, planned, verbs
from typer.testing import CliRunner

from resed.cli import app
from resed.config.loading import overlay
from resed.config.run import load_config
from resed.errors import ConfigError
from resed.formats.annotations import Event, write_events

DOCS = REPOSITORY / "docs"
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "config/*.md", "benchmarks/*.md")
    for path in REPOSITORY.glob(pattern)
)
TUTORIAL = (DOCS / "tutorial.md").read_text()


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


# ---- index and links


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = set()
    for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_to_files_and_headings(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, heading = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), target
        assert place.is_relative_to(REPOSITORY), target
        if heading:
            assert heading in anchors(place), target


@pytest.mark.parametrize("name", ["tutorial", "faq", "limitations", "reproducibility", "glossary"])
def test_pages_for_newcomers_are_linked_and_short(name):
    others = [path for path in PAGES if path.stem not in (name, "README")]
    assert any(f"{name}.md" in path.read_text() for path in others)
    assert len((DOCS / f"{name}.md").read_text().split()) < 2000


# ---- error lines


@cache
def literals() -> str:
    """Every string of the package and of the logger plugin, and the Makefile."""
    parts = [(REPOSITORY / "Makefile").read_text()]
    for path in (REPOSITORY / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                parts.append(node.value)
    return "\n".join(parts)


def fixed_parts(line: str) -> list[str]:
    """The words of an error line that do not vary: between `...`, colons and semicolons."""
    found = re.split(r"\.\.\.|[;:(),'\[\]]", line.removeprefix("resed: "))
    return [part.strip() for part in found if len(part.strip()) > 2]


FAQ_LINES = [
    line for block in blocks((DOCS / "faq.md").read_text(), "text") for line in block.splitlines()
]


@pytest.mark.parametrize("line", FAQ_LINES)
def test_error_lines_of_the_faq_are_real(line):
    parts = fixed_parts(line)
    assert parts and sum(map(len, parts)) > 12
    for part in parts:
        assert part in literals(), part


def test_parts_of_an_invented_line_are_not_found():
    assert not all(part in literals() for part in fixed_parts("...: the flux is low; add flux"))


# ---- numbers


def test_numbers_of_the_summary_are_measured_ones():
    """Every number with decimals or thousands stands in a benchmark or is printed by a command."""
    text = (DOCS / "reproducibility.md").read_text()
    results = text[text.index("## Results") : text.index("## What was easy")]
    known = "\n".join(path.read_text() for path in (REPOSITORY / "benchmarks").glob("*.md"))
    known = known.replace("\N{MINUS SIGN}", "-").replace("\N{NO-BREAK SPACE}", ",")
    known = re.sub(r"(?<=\d) (?=\d{3}\b)", ",", known)
    numbers = re.findall(r"\d+(?:[.,]\d+)+", results)
    assert len(numbers) >= 9
    for number in numbers:
        assert re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", known), number
    counts = re.search(
        r"(\d+) hold, (\d+) do not hold, (\d+) are undecided and (\d+) were", results
    )
    held, failed, undecided, not_run = counts.groups()
    line = f"Here: {held} hold, {failed} do not hold, {undecided} undecided, {not_run} not run."
    assert line in known
    easy = text[text.index("## What was easy") :]
    words = r"support (\d+), support (\d+) in part, contradict (\d+) and do not show (\d+)"
    printed = re.search(words, " ".join(easy.split()))
    yes, part, no, hidden = printed.groups()
    assert f"{yes} supported, {no} contradicted, {part} in part, {hidden} not shown" in known


def test_scores_of_the_model_are_those_of_its_page():
    (score,) = re.findall(
        r"event-F1 is (.+?):", " ".join((DOCS / "limitations.md").read_text().split())
    )
    assert score.replace(" %", "") in (DOCS / "everyday.md").read_text()


# ---- words

KNOWN = {
    "CPU",
    "GPU",
    "MB",
    "GB",
    "CUDA",
    "PNG",
    "SVG",
    "CSV",
    "TSV",
    "YAML",
    "JSON",
    "HTML",
    "MIT",
}
KNOWN |= {"FAQ", "URL", "CI", "DVC", "HTTP", "WAV", "OUT", "REF", "ID", "README"}
KNOWN |= {"CHANGELOG", "CITATION", "CONTRIBUTING", "LICENSE"}


def test_abbreviations_of_the_readme_are_in_the_glossary():
    text = (REPOSITORY / "README.md").read_text()
    text = re.sub(r"^```.*?^```|`[^`]*`|\]\([^)]*\)", "", text, flags=re.MULTILINE | re.DOTALL)
    used = set(re.findall(r"\b([A-Z][A-Za-z]*[A-Z])\d*\b(?![-_\d])", text)) - KNOWN
    glossary = (DOCS / "glossary.md").read_text()
    missing = {word for word in used if not re.search(rf"\b{re.escape(word)}\b", glossary)}
    assert not missing


TERMS = """
seed interval posterior threshold gate window knee scorecard verdict claim reading frame epoch
checkpoint clip split soundscape manifest baseline teacher student distillation consistency loss
safetensors ONNX Snakemake DVC Slurm overlay onset offset collar F1 PSDS mAP log-mel
remote target profile bootstrap α β γ τ η projection hint detached rank inflection opening priors
loudness journal letter BCE MSE ReLU AFL DFD TFD ESP GL MT PTS attention
"""


@pytest.mark.parametrize("term", TERMS.split())
def test_terms_are_explained(term):
    rows = re.findall(r"^\| ([^|]+) \|", (DOCS / "glossary.md").read_text(), re.MULTILINE)
    text = " ".join(rows)
    described = re.findall(r"\((onset|offset)\)", (DOCS / "glossary.md").read_text())
    assert re.search(rf"\b{re.escape(term)}\b", text, re.IGNORECASE) or term in described


# ---- the tutorial


def test_the_tutorial_shows_its_files():
    shown = blocks(TUTORIAL, "text")
    systems, run = shown[0], shown[1]
    for text, name in ((systems, "soft.yaml"), (run, "soft_run.yaml")):
        stored = (DOCS / "examples" / name).read_text()
        assert yaml.safe_load(text) == yaml.safe_load(stored)


def test_its_figure_shows_the_change(tmp_path, monkeypatch):
    place = copy_workflow(tmp_path)
    shutil.copytree(DOCS / "examples", place / "docs" / "examples")
    monkeypatch.chdir(place)
    lines = [line for block in blocks(TUTORIAL, "bash") for line in block.splitlines()]
    for line in lines:
        if line.startswith("cp "):
            subprocess.run(shlex.split(line), check=True)
    (draw,) = [shlex.split(line)[1:] for line in lines if line.startswith("resed draw")]
    result = CliRunner().invoke(app, [*draw, "--out-json", "soft.json"])
    assert result.exit_code == 0, result.output
    assert "PTS, soft targets" in json.loads(Path("soft.json").read_text())["title"]
    assert Path("soft.png").stat().st_size > 5000


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """A copy of the package and the tests with the changes of the tutorial."""
    place = copy_workflow(tmp_path_factory.mktemp("changed"))
    skip = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for part in ("src", "tests", "docs"):
        shutil.copytree(REPOSITORY / part, place / part, ignore=skip)
    shutil.copy(REPOSITORY / "pyproject.toml", place)
    found = blocks(TUTORIAL, "diff")
    assert len(found) == 3
    patch = place / "change.patch"
    patch.write_text("".join(found))
    subprocess.run(["git", "apply", "-C1", patch.name], cwd=place, check=True)
    environment = {k: v for k, v in os.environ.items() if k != "SNAKEMAKE_PROFILE"}
    return place, environment | {"PYTHONPATH": f"{place / 'src'}{os.pathsep}{place / 'tests'}"}


TRAINING = """
import sys
from pathlib import Path

import pytest

import resed
from resed.config.loading import overlay
from resed.config.run import load_config
from resed.errors import ConfigError
from resed.formats.annotations import Event, write_events
from resed.config.schema import schema_text
from resed.formats.history import read_history

here = Path(sys.argv[1])
assert Path(resed.__file__).is_relative_to(here / "src")
assert '"l1"' in schema_text()
options = ["-q", "-p", "no:cacheprovider", "-k", "l1"]
assert pytest.main([*options, "tests/test_train_objective.py"]) == 0

from test_train_loop import SMALL, make_tiny, trainer

tiny = here / "tiny"
tiny.mkdir()
make_tiny(tiny)
sums = {}
for loss in ("bce", "l1"):
    change = {"objective": {"consistency": {"loss": loss}}, "schedule": {"epochs": 1}}
    chosen = overlay(SMALL, change)
    trainer(tiny, here / loss, chosen).train()
    history = read_history(here / loss / "history.csv")
    sums[loss] = history["loss.consistency.teacher_to_student"][0]
assert 0 < sums["l1"] < sums["bce"], sums  # |p - y| <= -log(1 - |p - y|)
"""


def test_its_loss_is_right_and_trains(changed):
    place, environment = changed
    done = subprocess.run(
        [sys.executable, "-c", TRAINING, place],
        cwd=place, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_the_change_its_option_is_refused(tmp_path, monkeypatch):
    place = copy_workflow(tmp_path)
    (place / "config" / "systems" / "mine.yaml").write_text(mine())
    monkeypatch.chdir(place)
    load_config({"dataset": "demo", "systems": ["pts_soft"]})
    with pytest.raises(ConfigError, match=r"objective\.consistency\.loss"):
        load_config({"dataset": "demo", "systems": ["pts_l1"]})


def mine() -> str:
    """The system file of the tutorial with both systems."""
    shown = blocks(TUTORIAL, "text")
    return shown[0] + shown[-1]


FENCED = re.findall(r"^```(\w*)\n(.*?)^```", TUTORIAL, re.MULTILINE | re.DOTALL)
OUTPUTS = [text for language, text in FENCED if not language]  # of commands


def shape(text: str) -> list[list[str]]:
    """The words of each line; # for a number with what belongs to it, and one word per verdict."""
    text = re.sub(r"no difference shown|(first|second) better", "verdict", text)
    text = re.sub(r"< 0\.001|[-+]?\d+(\.\d+)?", "#", text)
    return [line.split() for line in text.splitlines()]


def test_its_plan_is_that_of_the_run_after_the_demo(tmp_path):
    """That of the demo, and what follows from it, is kept."""
    (block,) = [text for text in OUTPUTS if text.startswith("job ")]
    rows = re.findall(r"^(\w+) +(\d+)$", block, re.MULTILINE)
    shown = {name: int(count) for name, count in rows}
    root = copy_workflow(tmp_path)
    shutil.copy(DOCS / "examples" / "soft.yaml", root / "config" / "systems" / "mine.yaml")
    run = yaml.safe_load((DOCS / "examples" / "soft_run.yaml").read_text())
    jobs = verbs(planned(root, overlay=run))
    for name in ("train", "predict", "decode", "score"):
        kept = 1 if name != "score" else 2  # with the baselines
        assert shown[name] == jobs[name] - kept, name


def test_its_comparison_is_consistent():
    """Differences are those of the scores shown, and decided as the page explains."""
    (block,) = [text for text in OUTPUTS if text.startswith("detector ")]
    scores = {
        name: [float(number) for number in re.findall(r"(\d+\.\d) \[", line)]
        for name, line in re.findall(r"^(soft|pts) +3 +(.*)$", block, re.MULTILINE)
    }
    pairs = re.findall(r"F1 +(\S+) \[(\S+), (\S+)\] +(\S+) +(.+)$", block, re.MULTILINE)
    assert len(pairs) == 3 and set(scores) == {"soft", "pts"}
    for column, (difference, low, high, p, verdict) in enumerate(pairs):
        found = scores["soft"][column] - scores["pts"][column]
        assert float(difference) == pytest.approx(found, abs=0.101)
        assert float(low) <= float(difference) <= float(high)
        decided = float(p) < 0.05 and not float(low) <= 0 <= float(high)
        assert verdict == ("no difference shown" if not decided else verdict) and not decided
        sentence = " ".join(TUTORIAL.split())
        assert column or f"{difference} [{low}, {high}]" in sentence


def judge(path: Path) -> dict:
    """The event-F1 of the only pair of a comparison by the tutorial's command."""
    found = json.loads(path.read_text())
    assert [one["name"] for one in found["detectors"]] == ["soft", "pts"]
    (pair,) = found["pairs"]
    event = pair["metrics"]["event"]
    assert event["seeds"] == 3 and event["covers"] == "clips and seeds"
    assert event["low"] <= event["difference"] <= event["high"]
    return event


def test_its_comparison_decides_a_large_difference(tmp_path, monkeypatch):
    """30 clips of one event: soft finds 28 to 30 of them, the unchanged system 1 to 3."""
    monkeypatch.chdir(tmp_path)
    (line,) = [
        x for block in blocks(TUTORIAL, "bash") for x in block.splitlines() if "compare" in x
    ]
    words = [*shlex.split(line)[1:], "--out", "found.json"]
    clips = [f"{number}.wav" for number in range(30)]
    files = {words[2]: 30}
    for word in words[3:-2]:
        name, _, path = word.partition("=")
        files[path] = int(path[-12]) + (28 if name == "soft" else 1)
    assert len(files) == 7
    for path, hits in files.items():
        events = {
            clip: [Event(clip, 1.0, 2.0, "Dog")] if number < hits else []
            for number, clip in enumerate(clips)
        }
        Path(path).parent.mkdir(parents=True)
        write_events(Path(path), events)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    (block,) = [text for text in OUTPUTS if text.startswith("detector ")]
    assert shape(block)[:-1] == shape(result.output)[: len(shape(block)) - 1]
    event = judge(Path("found.json"))
    f1 = [2 * hits / (hits + 30) for hits in (28, 29, 30, 1, 2, 3)]
    assert event["difference"] == pytest.approx((sum(f1[:3]) - sum(f1[3:])) / 3)
    assert event["verdict"] == "better"


@pytest.mark.long
def test_the_whole_loop(changed):
    """Both systems of the tutorial and the unchanged one, three seeds each, at a tiny size."""
    place, environment = changed
    (place / "config" / "systems" / "mine.yaml").write_text(mine())
    tiny = {key: TINY[key] for key in ("acquire", "override")}
    run = yaml.safe_load((DOCS / "examples" / "soft_run.yaml").read_text())
    run["systems"].append("pts_l1")
    (place / "soft.yaml").write_text(yaml.safe_dump(overlay(run, tiny)))
    lines = [line for block in blocks(TUTORIAL, "bash") for line in block.splitlines()]
    (run_line,) = [x for x in lines if x.startswith("snakemake") and " -n " not in x]
    (compare,) = [x for x in lines if x.startswith("resed compare")]
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    for line in (
        run_line,
        f"{compare} --out soft.json",
        f"{compare} --out l1.json".replace("pts_soft", "pts_l1"),
    ):
        done = subprocess.run(line, shell=True, cwd=place, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)  # fmt: skip
        assert done.returncode == 0, done.stdout[-4000:]
    for name in ("soft", "l1"):
        judge(place / f"{name}.json")
