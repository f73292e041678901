"""YAML and JSON that people write: repeated keys, bounds, and values that YAML reads wrongly."""

import json
import random
import resource
import string
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from runs import REPOSITORY

from resed.config import yaml_reader
from resed.config.loading import read_settings, read_yaml
from resed.config.yaml_reader import DEEPEST, LARGEST, MOST_VALUES, check_assignments, parse_yaml
from resed.errors import ConfigError

OURS = sorted(
    path
    for folder in ("config", "workflow", "docs", "src", "tests")
    for path in (REPOSITORY / folder).rglob("*.yaml")
)


def refusal(data: bytes | str) -> str:
    """The message of a refusal: one line, short, with the name of the file and a cure."""
    with pytest.raises(ConfigError) as caught:
        parse_yaml(data if isinstance(data, bytes) else data.encode(), "my.yaml")
    text = str(caught.value)
    assert "\n" not in text and len(text) < 500
    assert text.startswith("my.yaml") and "; " in text
    return text


@pytest.mark.parametrize("path", OURS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_values_are_those_of_pyyaml(path):
    assert parse_yaml(path.read_bytes(), path) == yaml.safe_load(path.read_text())


@pytest.mark.parametrize(
    ("text", "key", "lines"),
    [
        ("override: {a: 1}\nseeds: 3\noverride: {b: 2}\n", "override", (1, 3)),
        ("a:\n  b:\n    x: 1\n    y: 2\n    x: 3\n", "x", (3, 5)),
        ("- {x: 1}\n- y: 1\n  z: 2\n  y: 1\n", "y", (2, 4)),
        ("'seeds': 1\nseeds: 1\n", "seeds", (1, 2)),
        ("seeds: 1\n? seeds\n: 2\n", "seeds", (1, 2)),
        ("1: a\n'1': b\n", "1", (1, 2)),
        ("yes: a\ntrue: b\n", "True", (1, 2)),
        ("a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a\n", "<<", (3, 4)),
        ("a: &a\n  x: 1\n  x: 2\nb: *a\n", "x", (2, 3)),
        ('{"seeds": 1,\n "seeds": 3}', "seeds", (1, 2)),
        ("é: 1\n\n\né: 2\n", "é", (1, 4)),
        ("{a: 1, a: 2}", "a", (1, 1)),
    ],
)
def test_b7_a_key_that_stands_twice_is_refused_with_both_lines(text, key, lines):
    first, second = lines
    message = refusal(text)
    assert message.startswith(f"my.yaml line {second}: key {key} is already in line {first}; ")


def test_b7_a_key_beside_a_merged_one_is_no_repetition():
    text = b"a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  x: 3\nc: {x: 1}\n"
    assert parse_yaml(text, "my.yaml")["b"] == {"x": 3, "y": 2}


@pytest.mark.parametrize("path", OURS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_b7_a_key_of_every_file_is_refused_if_it_is_repeated(path, tmp_path):
    """The first key at the top of each of our files, again at its end."""
    text = path.read_text()
    (key, *_) = [name for name in yaml.safe_load(text) if isinstance(name, str)]
    broken = tmp_path / path.name
    broken.write_text(f"{text.rstrip()}\n{json.dumps(key)}: 1\n")
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines, 1) if line.startswith(f"{key}:"))
    with pytest.raises(ConfigError, match=f"already in line {first}; ") as caught:
        read_yaml(broken)
    assert caught.value.line == len(text.rstrip().splitlines()) + 1


def test_b7_inline_json_with_a_repeated_key_is_refused():
    with pytest.raises(ConfigError, match=r"--settings: .*the key 'gate' occurs twice"):
        read_settings('{"decode": {"gate": "none", "gate": "student"}}')


DEEP_ALIASES = "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 1000))
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n"
    for old, new in zip(string.ascii_lowercase[:-1], string.ascii_lowercase[1:], strict=True)
)
MERGED = "a: &a {k: 1}\n" + "".join(
    f"{new}: &{new}\n  <<: [{','.join([f'*{old}'] * 9)}]\n  {new}: 1\n"
    for old, new in zip(string.ascii_lowercase[:-1], string.ascii_lowercase[1:], strict=True)
)
HOSTILE = {
    "aliases that explode": (LAUGHS, f"more than {MOST_VALUES} values"),
    "merge keys that explode": (MERGED, f"more than {MOST_VALUES} values"),
    "aliases of aliases": (DEEP_ALIASES, f"nested more than {DEEPEST} levels deep"),
    "an alias in itself": ("a: &a [*a]", "an alias stands for a value that contains it"),
    "a key in itself": ("a: &a {b: {c: *a}}", "an alias stands for a value that contains it"),
    "200,000 lists": ("[" * 200_000, f"line 1: nested more than {DEEPEST} levels deep"),
    "200,000 items": ("- " * 200_000, f"nested more than {DEEPEST} levels deep"),
    "200,000 mappings": ("{a: " * 200_000, f"nested more than {DEEPEST} levels deep"),
    "200,000 keys": ("? " * 200_000, f"nested more than {DEEPEST} levels deep"),
    "too many values": ("[" + "1," * (MOST_VALUES + 1) + "]", f"more than {MOST_VALUES} values"),
    "5,000 digits": ("seeds: " + "9" * 5000, "line 1: number of 5000 characters"),
    "5,000 hexadecimal digits": ("seeds: 0x" + "f" * 5000, "number of 5002 characters"),
    "5,000 sixties": ("seeds: 1" + ":59" * 5000, "number of 15001 characters"),
    "a float of 5,000 digits": ("x: 0." + "9" * 5000, "number of 5002 characters"),
    "past 2^63": ("x:\n  y: 9223372036854775808", "line 2: 9223372036854775808 is too large"),
    "an octal number": ("seeds: 010", "line 1: 010 is not a decimal number"),
    "a sexagesimal number": ("seconds: 1:30", "line 1: 1:30 is not a decimal number"),
    "a bad timestamp": ("note: 2019-13-45", "line 1: 2019-13-45 is read as a date; put it into qu"),
    "a timestamp": ("note: 2019-03-05", "line 1: 2019-03-05 is read as a date"),
    "a tagged timestamp": ("note: !!timestamp x", "line 1: tag !!timestamp is not possible"),
    "a binary": ("note: !!binary aGk=", "tag !!binary is not possible"),
    "a set": ("note: !!set {a}", "tag !!set is not possible"),
    "Python": ("note: !!python/object/apply:os.system [id]", "tag !!python/object/apply:os.system"),
    "a tag of one's own": ("note: !mine x", "tag !mine is not possible"),
    "no integer": ("seeds: !!int three", "three is not a decimal number"),
    "no float": ("seeds: !!float three", "three is not a decimal number"),
    "no boolean": ("report: !!bool perhaps", "perhaps is neither true nor false"),
    "a list as a key": ("[a]: 1", "a key is a list or a mapping"),
    "a template": ("__use_yte__: true\nseeds: ?1 + 1", "line 1: __use_yte__ would run parts"),
    "tabs": ("a:\n\tb: 1", "indent with spaces instead of tabs"),
    "NUL": (b"a: 1\nb: \x00c", "line 2: contains the invisible character \\x00; remove it"),
    "an escape": (b"a: '\x1b[31m'", "line 1: contains the invisible character \\x1b"),
    "an escaped escape": ('a: 1\nb: "\\e[31m"', "line 2: contains the invisible character \\x1b"),
    "a key with an escape": ('"\\e]0;x\\a": 1', "contains the invisible character \\x1b"),
    "reversed text": ("a: \u202egnp.exe", "contains the invisible character \\u202e"),
    "invalid UTF-8": (b"a: 1\nb: \xe9\n", "line 2: not UTF-8 text; save the file as UTF-8"),
    "UTF-16": ("a: 1".encode("utf-16"), "line 1: not UTF-8 text"),
    "two documents": ("a: 1\n---\nb: 2", "line 2: not valid YAML"),
    "half a surrogate pair": ('a: "\\ud800"', "line 1: not valid YAML"),
    "not closed": ("seeds: [1, 2", "not valid YAML"),
    "no such alias": ("a: *b", "line 1: not valid YAML"),
    "too large": (b"a: " + b"x" * LARGEST, f"larger than {LARGEST >> 20} MiB"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_c4_hostile_yaml_is_refused_in_one_line(name):
    text, told = HOSTILE[name]
    assert told in refusal(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"\xef\xbb\xbfseeds: 3\r\n", {"seeds": 3}),
        (b'{"seeds":\t3,\n\t"x": [1.5, true, null]}', {"seeds": 3, "x": [1.5, True, None]}),
        (b"a: '2019-03-05'\nb: \"1:30\"\nc: 1e5\n", {"a": "2019-03-05", "b": "1:30", "c": "1e5"}),
        (b"a: -9223372036854775807\nb: 1_000\n", {"a": -9223372036854775807, "b": 1000}),
        ("a: Häher \U0001f469\u200d\U0001f52c".encode(), {"a": "Häher \U0001f469\u200d\U0001f52c"}),
        (b"a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
        (b"a: &a [1]\nb: *a\n", {"a": [1], "b": [1]}),
    ],
)
def test_c4_plain_yaml_and_json_are_read(text, value):
    assert parse_yaml(text, "my.yaml") == value


def test_c4_a_file_of_a_gigabyte_is_not_read(tmp_path):
    path = tmp_path / "my.yaml"
    with path.open("wb") as handle:
        handle.truncate(1 << 30)
    code = (
        "import sys; from pathlib import Path; from resed.config.loading import read_yaml\n"
        "try: read_yaml(Path(sys.argv[1]))\nexcept Exception as error: sys.exit(str(error))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (800 << 20, 800 << 20)),
        check=False,
    )
    assert done.stderr == f"{path}: larger than 4 MiB; check that this is the right file\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": ' * 200_000, "more than 50 levels"),
        ('{"a":' + "[" * 60 + "]" * 60 + "}", "more than 50 levels"),
        ('{"a": ' + "9" * 5000 + "}", "has more than 64 bits"),
        ('{"a": ' + "9" * 30 + "}", "has more than 64 bits"),
        ('{"a": 1e999}', "1e999 is not a finite number"),
        ('{"a": -1e999}', "-1e999 is not a finite number"),
        ('{"a": [' + "1," * MOST_VALUES + "1]}", f"more than {MOST_VALUES} values"),
        ('{"\\u001b": 1}', "contains the invisible character \\x1b"),
        ('{"a": "\udcff"}', "not UTF-8 at byte"),
        ('{"a": NaN}', "NaN is not a finite number"),
        ('{"a": "\\u001b"}', "contains the invisible character \\x1b"),
        ('{"a": "' + "x" * LARGEST + '"}', "larger than 4 MiB"),
        ("{", "not valid JSON"),
    ],
)
def test_c4_hostile_json_of_an_option_is_refused_in_one_line(text, told):
    with pytest.raises(ConfigError) as caught:
        read_settings(text, "--config-json")
    message = str(caught.value)
    assert message.startswith("--config-json: ") and told in message
    assert "\n" not in message and len(message) < 300


@pytest.mark.parametrize("keys", [30_000, 90_000])
def test_c4_json_with_many_keys_is_read_in_linear_time(tmp_path, keys):
    """As an option, and as a file that only JSON allows: one key is there twice, at the end."""
    long = f'"{"x" * 2000}"'  # longer than a key of YAML
    text = f"{{{long}: 0," + ",".join(f'"k{i}": {i}' for i in range(1, keys)) + "}"
    twice = f'{text[:-1]},"k{keys - 1}": 1}}'
    path = tmp_path / "settings.json"
    began = time.process_time()
    assert len(read_settings(text)) == keys
    for read in (lambda: read_settings(twice), lambda: path.write_text(twice) and read_yaml(path)):
        with pytest.raises(ConfigError, match=f"k{keys - 1}' occurs twice"):
            read()
    assert time.process_time() - began < 5
    path.write_text(f"{{{long}: 1e999}}")
    with pytest.raises(ConfigError, match=r"settings\.json: .*1e999 is not a finite number"):
        read_yaml(path)


def test_c4_a_wrong_value_is_shown_in_part(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(f"name: {'x' * 3_000_000}\ntitle: []\n")
    from resed.config.dataset import Dataset
    from resed.config.loading import check, mistakes

    values = read_yaml(path)
    with pytest.raises(ConfigError) as caught:
        check(Dataset, values | {"kind": "y" * 3_000_000}, "my.yaml")
    assert len(str(caught.value)) < 1000
    assert all(len(line) < 1000 for line in mistakes(Dataset, values, "my.yaml"))


def fuzz(count: int, seed: int = 0) -> tuple[int, int]:
    """Numbers of accepted and refused mutations of our files; another exception is an error."""
    drawn = random.Random(seed)
    texts = [path.read_bytes() for path in OURS if path.stat().st_size < 8000]
    pieces = [b"&a ", b"*a", b"<<: ", b"!!", b"{", b"[", b"\t", b"- ", b": ", b"'", b"\0", b"\xff"]
    accepted = 0
    for _ in range(count):
        text = bytearray(drawn.choice(texts))
        for _ in range(drawn.randint(1, 4)):
            at = drawn.randrange(len(text))
            match drawn.randrange(3):
                case 0:
                    text[at] ^= 1 << drawn.randrange(8)
                case 1:
                    text[at:at] = drawn.choice(pieces) * drawn.choice([1, 1, 1, 100])
                case 2:
                    del text[at : at + drawn.randint(1, 30)]
        try:
            parse_yaml(bytes(text), "my.yaml")
            accepted += 1
        except ConfigError as error:
            assert len(str(error)) < 600 and "\n" not in str(error)
    return accepted, count - accepted


def test_c4_changed_yaml_is_read_or_refused():
    accepted, refused = fuzz(300)
    assert min(accepted, refused) > 30


@pytest.mark.long
def test_c4_changed_yaml_is_read_or_refused_long():
    accepted, refused = fuzz(20_000, seed=1)
    assert min(accepted, refused) > 2000


def test_all_yaml_is_read_here():
    """No other module reads YAML, so no other one drops a key."""
    own = Path(yaml_reader.__file__)
    for path in (REPOSITORY / "src" / "resed").rglob("*.py"):
        if path != own:
            text = path.read_text()
            assert "yaml.load" not in text and "safe_load" not in text and "yaml.parse" not in text


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--config", "seeds=3", "seeds=1"], "seeds stands twice"),
        (["-C", "seeds=3", "-n", "--config", "seeds=1"], "seeds stands twice"),
        (["--config=seeds=3", "seeds=1"], "seeds stands twice"),
        (["--config", "override={schedule: {epochs: 1}, schedule: {epochs: 2}}"], "schedule"),
    ],
)
def test_b7_a_key_that_stands_twice_after_config_is_refused(words, problem):
    with pytest.raises(ConfigError, match=problem):
        check_assignments(["snakemake", "--cores", "2", *words])


def test_b7_other_words_of_a_command_line_are_no_keys():
    words = ["snakemake", "--config", "seeds=3", "dataset=demo", "-n", "a=b", "a=c", "--resources"]
    check_assignments([*words, "mem_mb=1", "mem_mb=2"])
