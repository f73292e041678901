"""Text from outside: one function before a terminal, one before HTML, one before Markdown."""

import ast
import contextlib
import html as standard
import io
import pickle
import subprocess
import sys
import unicodedata

import jinja2
import markupsafe
import pytest
from made_results import make_results, make_root
from matplotlib.text import Text
from runs import REPOSITORY
from typer.testing import CliRunner

from resed import cli
from resed.cli import app
from resed.draw.registry import figure_of
from resed.draw.style import look, save
from resed.errors import ResedError
from resed.escaping import PlainStream, html, markdown, one_line, plain, plain_output, terminal
from resed.results.folder import Results
from resed.runtime import progress
from resed.tabulate import make_table, table_names
from resed.tabulate.markdown import markdown as markdown_table

SOURCE = REPOSITORY / "src" / "resed"
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
HOSTILE = "\x1b[31m\x1b]0;title\x07\x1b]8;;http://x\x1b\\\x9b2J\x9d0;x\x9c\r\x08\x7f\x00" + BIDI


def raw(text: str) -> list[str]:
    """Characters that change what a terminal shows, except line ends and tabs."""
    kinds = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    kept = "\n\t\u200c\u200d"
    return [c for c in text if unicodedata.category(c) in kinds and c not in kept]


def test_c8_no_control_character_is_left_for_a_terminal():
    controls = "".join(map(chr, (*range(32), *range(127, 160))))
    assert set(raw(controls)) == set(controls) - set("\n\t")
    assert raw(plain(controls)) == raw(plain(HOSTILE)) == []
    assert plain("a\x1b[1m\x9d\u202e\U000e0001\ud800") == "a\\x1b[1m\\x9d\\u202e\\U000e0001\\ud800"
    assert plain("\u200bx\ufeff\u2028\u00ad") == "\\u200bx\\ufeff\\u2028\\xad"
    kept = "Straße, 二, \U0001f469\u200d\U0001f52c, e\u0301, \t| \n<b>"
    assert plain(kept) == kept


def test_c8_one_line_is_short_and_has_no_line_end():
    assert one_line("a\nb\r\n\x1bc") == "a b \\x1bc"
    assert one_line("x" * 100_000_000, 50) == "x" * 50 + " ... (99999950 more characters)"


def test_c8_html_is_escaped_once():
    assert html("<b>'\"&\x1b") == "&lt;b&gt;&#39;&#34;&amp;\\x1b"
    assert html(markupsafe.Markup("<b>")) == "<b>"
    assert html(3) == "3"


PIECES = ("|", "\\", "\\|", "](", "][", "]:", "<img src=x onerror=alert(1)>", "&lt;", "![a](b)")


@pytest.mark.parametrize("piece", PIECES)
def test_c8_markdown_has_no_html_link_or_border(piece):
    safe = markdown(f"a{piece}b\n{piece}")
    assert not {"<", ">", "|", "\\", "\n"} & set(safe)
    assert "](" not in safe and "][" not in safe and "]:" not in safe
    assert standard.unescape(safe) == f"a{piece}b {piece}", "shown as it was"


def test_c8_markdown_keeps_its_own_marks():
    assert markdown("**95 %** `pts` [1.0, 2.0]") == "**95 %** `pts` [1.0, 2.0]"


def test_c8_an_error_is_one_short_line_without_control_characters():
    error = ResedError(HOSTILE + "x" * 10_000_000, place=f"a{HOSTILE}\n", line=3, cure="\x1bc")
    text = str(error)
    assert raw(text) == [] and "\n" not in text and len(text) < 4000
    assert text.startswith("a\\x1b[31m") and text.endswith("; \\x1bc")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == text and again.place == error.place and again.line == 3


def test_c8_output_of_commands_is_plain(capsys):
    with plain_output():
        print(f"clip {HOSTILE}.wav")
        sys.stderr.write(f"header {HOSTILE}\n")
        sys.stdout.writelines(["\x1b[1m\n"])
        assert not sys.stdout.isatty()
        with pytest.raises(TypeError):
            sys.stdout.write(b"bytes")
    out, err = capsys.readouterr()
    assert raw(out) == raw(err) == []
    assert out.startswith("clip \\x1b[31m") and err.startswith("header \\x1b[31m")
    assert not isinstance(sys.stdout, PlainStream)


def test_c8_own_control_sequences_pass_the_stream_below():
    below = io.StringIO()
    assert terminal(PlainStream(below)) is below and terminal(below) is below


def test_c8_a_terminal_without_a_character_gets_its_code():
    code = "from resed.escaping import *\nwith plain_output(): print('H\\xe4her \\u4e8c')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONIOENCODING": "latin-1", "PYTHONPATH": str(SOURCE.parent)},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"H\xe4her \\u4e8c\n"


@pytest.mark.parametrize(
    "words",
    [
        ["score", "--reference", f"{HOSTILE}.tsv", "--estimated", "x", "--out", "y"],
        [HOSTILE],
        [f"--{HOSTILE}"],
        ["score", f"--{HOSTILE}"],
        ["verify", HOSTILE],
        ["calibrate", "--method", HOSTILE, "--events", "x", "--out", "y"],
        ["decode", "--posteriors", HOSTILE, "--windows", "x", "--row", "pts", "--results", "r"],
    ],
    ids=["file", "command", "option", "option of a command", "argument", "value", "split"],
)
def test_c8_words_of_the_command_line_are_plain(words, monkeypatch, capsys):
    words = [word.replace("\x00", "") for word in words]
    monkeypatch.setattr(sys, "argv", ["resed", *words])
    with pytest.raises(SystemExit):
        cli.main()
    out, err = capsys.readouterr()
    assert raw(out) == raw(err) == []
    assert "\\x1b[31m" in "".join(err.replace("│", "").split())


def test_c8_help_is_the_same(monkeypatch):
    shown = CliRunner().invoke(app, ["score", "--help"])
    assert shown.exit_code == 0 and "PSDS" in shown.output


def test_c8_progress_is_plain(monkeypatch, capsys):
    monkeypatch.setattr(progress, "EVERY", 0)
    with progress.progress(2, f"{HOSTILE} [bold]clips") as advance:
        advance(1)
    assert raw(capsys.readouterr().err) == []


def printing(tree: ast.Module) -> set[str]:
    """Ways around `plain_output` that a module uses."""
    names = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return names & {"sys.__stdout__", "sys.__stderr__", "sys.stdout.buffer", "sys.stderr.buffer"}


def test_c8_there_is_no_way_around():
    """Control sequences are written only by progress displays, `compare` and the view of DVC."""
    beside = {}
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        name = path.relative_to(SOURCE).as_posix()
        assert not printing(ast.parse(text)), name
        if "terminal(" in text and path.name != "escaping.py":
            beside[name] = "plain" in text or "one_line" in text
    assert set(beside) == {
        "runtime/progress.py",
        "acquire/recordings/sources/download_progress.py",
        "share/dvc.py",
        "compare/terminal.py",
    }
    assert all(beside.values())


def test_c8_every_template_escapes_by_one_function():
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        assert text.count("Environment(") == text.count("finalize=html"), path.name
    for path in SOURCE.rglob("*.html"):
        assert "|safe" not in path.read_text().replace(" ", ""), path.name
    for name in ("markupsafe import escape", "html import escape", "html.escape("):
        found = [path.name for path in SOURCE.rglob("*.py") if name in path.read_text()]
        assert found in ([], ["escaping.py"])


def test_c8_templates_show_hidden_characters():
    environment = jinja2.Environment(autoescape=True, finalize=html)
    shown = environment.from_string("<p title='{{ x }}'>{{ x }}</p>").render(x="'<\u202e\x1b")
    assert shown == "<p title='&#39;&lt;\\u202e\\x1b'>&#39;&lt;\\u202e\\x1b</p>"


CLASSES = ["<img src=x onerror=alert(1)>", "a|b\\|c", "[x](javascript:alert(1))", "$x^2$ {y} %s"]


def test_c8_classes_reach_no_markdown_table_as_html_or_link(tmp_path):
    """All tables: table1, table3, claims, comparisons and the others."""
    config = make_root(tmp_path, classes=CLASSES, systems=["pts_tfd_afl", "pts_tfd_afl_esp"])
    results = Results.of(config, make_results(config, clips=8))
    found = ""
    for name in table_names(results):
        table = make_table(name, results)
        text = markdown_table(table)
        found += text
        rows = [line for line in text.splitlines() if line.startswith("| ")]
        assert {row.count("|") for row in rows} <= {len(table.view.columns) + 1}, name
    assert "&lt;img src=x onerror=alert(1)&gt;" in found and "<img" not in found
    assert "[x]&#40;javascript:alert(1))" in found and "](javascript" not in found


def test_c8_annotations_reach_the_terminal_plain(tmp_path, monkeypatch, capsys):
    """Clip names and labels of a file that somebody sent, in notes and errors of resed score."""
    header = "filename\tonset\toffset\tevent_label\n"
    named = HOSTILE.replace("\r", "").replace("\x00", "")
    files = {
        "reference.tsv": f"{header}a{named}.wav\t0.0\t1.0\tDog{named}\n",
        "estimated.tsv": f"{header}b{named}.wav\t0.0\t1.0\tCat{named}\n",
        "broken.tsv": f"{header}a{named}.wav\t{named}\t1.0\tDog\n",
        "header.tsv": f"{named}\t{named}\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    printed = ""
    for name in files:
        words = ["score", "--reference", str(tmp_path / "reference.tsv"), "--out", "m.json"]
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["resed", *words, "--estimated", str(tmp_path / name)])
        with contextlib.suppress(SystemExit):
            cli.main()
        printed += "".join(capsys.readouterr())
    assert printed and not raw(printed)
    assert "\\x1b" in printed and "Traceback" not in printed


def test_c8_classes_are_no_formulas_of_figures(tmp_path):
    """A formula that matplotlib cannot parse would end the job; a valid one would be changed."""
    classes = ["$\\frac{$", "$x^2$ {y} %s", "100 $"]
    config = make_root(tmp_path, classes=classes, systems=["pts_tfd_afl", "pts_tfd_afl_esp"])
    results = Results.of(config, make_results(config, clips=8))
    for name in ("figure7_all", "figure3"):
        with look():
            drawn = figure_of(name, results).draw()
            save(drawn, tmp_path / "x.png", tmp_path / "x.svg")
            texts = {text.get_text() for text in drawn.findobj(Text)}
            assert any("$x^2$" in text.replace("\n", " ") for text in texts), name
            formulas = [t.get_text() for t in drawn.findobj(Text) if t.get_parse_math()]
            assert not [text for text in formulas if "x^2" in text or "frac" in text]
