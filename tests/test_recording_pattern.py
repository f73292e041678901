"""The regular expression of a dataset file: the matches of `re`, in bounded time."""

import random
import re
import time

import pytest
from test_own_dataset import describe
from typer.testing import CliRunner

from resed.acquire.recordings.fetch.archive_base import _of_macos
from resed.cli import app
from resed.config.dataset import load_dataset
from resed.config.recording_pattern import (
    LONGEST_NAME,
    LONGEST_PATTERN,
    NamedRecording,
    RecordingPattern,
)
from resed.errors import ConfigError

BROADCAST = r"^Y?(?P<id>[\w-]{11})_(?P<start>\d+(?:\.\d+)?)_(?P<end>\d+(?:\.\d+)?)\.wav$"
NO_PART = NamedRecording("rain", part_known=False)
QUANTIFIERS = ("*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "+?", "??", "{0,2}?")


def expression(rng: random.Random, depth: int = 0) -> str:
    """A random regular expression on the letters a, b, 1 and space."""
    kind, more = rng.random(), depth < 4
    if not more or kind < 0.35:
        return rng.choice(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", "^", "$", r"\b", r"\Z"])
    if kind < 0.55:
        return expression(rng, depth + 1) + expression(rng, depth + 1)
    if kind < 0.65:
        return f"(?:{expression(rng, depth + 1)}|{expression(rng, depth + 1)})"
    if kind < 0.75:
        return f"({expression(rng, depth + 1)})"
    return f"(?:{expression(rng, depth + 1)}){rng.choice(QUANTIFIERS)}"


def test_the_matches_are_those_of_re():
    rng, accepted, matched = random.Random(3), 0, 0
    for _ in range(6000):
        flags = rng.choice(["", "", "(?i)"])
        pattern = f"{flags}(?P<id>{expression(rng)})(?P<rest>{expression(rng)})?"
        text = "".join(rng.choice("ab1 A") for _ in range(rng.randrange(9)))
        try:
            found = RecordingPattern(pattern).match(text)
        except ValueError as error:
            assert "may be empty" in str(error), pattern
            continue
        expected = re.match(pattern, text)
        accepted += 1
        matched += expected is not None
        assert (found and found.id) == (expected and expected["id"]), (pattern, text)
    assert accepted > 3000 and matched > 1000  # neither side is empty


@pytest.mark.parametrize(
    ("pattern", "name", "recording"),
    [
        (BROADCAST, "Y-abcdefghij_30.000_40.000.wav", NamedRecording("-abcdefghij", 30.0, 40.0)),
        (BROADCAST, "-abcdefghij_30_40.wav", NamedRecording("-abcdefghij", 30.0, 40.0)),
        (BROADCAST, "short_30_40.wav", None),
        (r"(?P<id>\w+?)(?:_(?P<start>\w+))?\.wav", "rain.wav", NamedRecording("rain")),
        (r"(?P<id>\w+?)(?:_(?P<start>\w+))?\.wav", "rain_2.wav", NamedRecording("rain", 2.0)),
        (r"(?P<id>\w+?)(?:_(?P<start>\w+))?\.wav", "rain_b.wav", NO_PART),
        (r"(?P<id>\w+?)(?:_(?P<start>\w+))?\.wav", "rain_nan.wav", NO_PART),
        (r"(?P<id>\d)?\w+\.wav", "rain.wav", None),  # without the recording
        (r"(?P<id>.+)\.wav", f"{'a' * (LONGEST_NAME - 4)}.wav", NamedRecording("a" * 251)),
        (r"(?P<id>.+)\.wav", f"{'a' * (LONGEST_NAME - 3)}.wav", None),
    ],
)
def test_a_name_gives_its_recording(pattern, name, recording):
    assert RecordingPattern(pattern).match(name) == recording


@pytest.mark.parametrize(
    "pattern",
    [
        "(?P<id>(a+)+)$",
        "(?P<id>(a|a)*)$",
        "(?P<id>(a|aa)+)$",
        "(?P<id>(.*a){20})$",
        "(?P<id>(a?a){90}a{90})$",
        "(?P<id>" + "a*" * 100 + ")$",
        "(?P<id>(?:[a-z]{1,9}){1,50})$",
        "(?P<id>(([a-z])+.)+[A-Z]([a-z])+)$",
    ],
)
def test_c7_a_pattern_takes_bounded_time(pattern):
    """`re` takes years for each of them."""
    compiled, begin = RecordingPattern(pattern), time.perf_counter()
    assert compiled.match("a" * (LONGEST_NAME - 1) + "!") is None
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        (r"(?P<id>a+)(?P=id)", "has a backreference"),
        (r"(?P<id>a+)(?(id)b|c)", "has a condition on a group"),
        (r"(?P<id>(?=(a+)+$)a)", "has a lookahead"),
        (r"(?P<id>(?<!a)b)", "has a lookahead or lookbehind"),
        (r"(?P<id>a++)", "has a possessive quantifier"),
        (r"(?P<id>(?>a+))", "has an atomic group"),
        (r"(?P<id>(?i:a))", "sets flags within a group"),
        (r"(?P<id>(a*)*)", "repeats a part that may be empty"),
        (r"(?P<id>(?:){4000000000})", "repeats a part that may be empty"),
        (r"(?P<id>(a{99}){99}{99})", "not a regular expression"),
        (r"(?P<id>((a{99}){99}){99})", "needs more than 1000 steps"),
        (r"(?P<id>a{4000000000})", "needs more than 1000 steps"),
        (f"(?P<id>{'a' * LONGEST_PATTERN})", f"must have at most {LONGEST_PATTERN} characters"),
        ("(" * 240 + "a" + ")" * 240, "must name the recording by a group"),
        (r"(a", "not a regular expression"),
        (r"a+", "must name the recording by a group"),
    ],
)
def test_c7_check_refuses_a_pattern_without_a_bound(tmp_path, pattern, problem):
    describe(tmp_path, recording=pattern)
    file = tmp_path / "config" / "datasets" / "yard.yaml"
    done = CliRunner().invoke(app, ["check", "--dataset", str(file), "--root", str(tmp_path)])
    assert done.exit_code == 1, done.output
    lines = [line for line in done.output.splitlines() if "recording" in line]
    assert len(lines) == 1 and problem in lines[0]
    with pytest.raises(ConfigError, match=re.escape(problem)):
        load_dataset(file)


def test_c7_names_in_archives_take_linear_time():
    begin = time.perf_counter()
    assert _of_macos("a/__MACOSX" * 300_000 + "\nx") is False
    assert _of_macos("/__MACOSX" * 300_000 + "\n/x") is True
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize(
    ("name", "litter"),
    [
        ("__MACOSX/a.wav", True),
        ("a/__MACOSX", True),
        ("a/._b.wav", True),
        ("._a/b.wav", False),
        ("a/.DS_Store", True),
        ("a/x.DS_Store", False),
        ("a__MACOSX/b.wav", False),
    ],
)
def test_files_of_macos_in_archives_are_known(name, litter):
    assert _of_macos(name) is litter


def test_the_pattern_of_dcase2019_is_accepted():
    found = load_dataset("dcase2019").pattern.match("Y-2_3RxBQ5Y2_30.000_40.000.wav")
    assert found == NamedRecording("-2_3RxBQ5Y2", 30.0, 40.0)
