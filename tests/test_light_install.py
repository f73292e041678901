"""`pip install .` without extras: what runs, and what the other commands report."""

import ast
import json
import math
import sys
from pathlib import Path

import light
import numpy as np
import pytest
from runs import REPOSITORY

from resed.errors import MissingPackageError
from resed.export.system_list import system_list
from resed.extract.logmel import mel_filters, mel_points, taper
from resed.runtime.packages import EXTRAS, missing_package
from resed.settings import FeatureSettings

SOURCES = sorted((REPOSITORY / "src" / "resed").rglob("*.py"))
OPTIONAL = {"pyarrow"}  # its reader reports it, because it belongs to one kind of source only
REFERENCE = "filename\tonset\toffset\tevent_label\na.wav\t1.0\t2.5\tDog\nb.wav\t0.5\t4\tCat\n"
DETECTED = "filename\tonset\toffset\tevent_label\na.wav\t1.1\t2.4\tDog\nb.wav\t0.0\t1.0\tDog\n"

# Runs each command line of standard input (JSON) in a process of its own, and prints exit codes
# and what was printed.
EACH = """
import json, os, sys, tempfile
import resed.cli
assert "site-packages" not in "".join(sys.path), sys.path
found = []
for words in json.load(sys.stdin):
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as told:
        child = os.fork()
        if not child:
            os.dup2(printed.fileno(), 1), os.dup2(told.fileno(), 2)
            sys.argv = ["resed", *words]
            code = 99
            try:
                resed.cli.main()
                code = 0
            except SystemExit as error:
                code = error.code if isinstance(error.code, int) else int(error.code is not None)
            except BaseException:
                import traceback
                traceback.print_exc()
            sys.stdout.flush(), sys.stderr.flush()
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = [(file.seek(0), file.read().decode())[1] for file in (printed, told)]
        found.append([code, *texts])
json.dump(found, sys.stdout)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return light.install(tmp_path_factory.mktemp("light"))


@pytest.fixture
def each(installed, tmp_path):
    """Run command lines in an empty folder of the installation: (code, stdout, stderr) of each."""

    def run(*lines: list[object]):
        (tmp_path / "lines.json").write_text(json.dumps([[str(w) for w in one] for one in lines]))
        script = "import sys; sys.stdin = open('lines.json')\n" + EACH
        done = light.run(installed, tmp_path, "-c", script)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def imports() -> set[str]:
    """Top-level modules that the sources import anywhere, inside functions too."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
    return {name.partition(".")[0] for name in found} - sys.stdlib_module_names - {"resed"}


def test_every_import_is_of_a_required_package_or_of_an_extra():
    """What a required package brings is not relied on."""
    own = light.modules_of(map(light.plain_name, light.PROJECT["dependencies"]))
    own |= {"pydantic_core"}  # of the same project and version as pydantic
    extras = {module for modules in EXTRAS.values() for module in modules}
    assert imports() - own - extras - OPTIONAL == set()
    assert not extras & own


@pytest.mark.parametrize("extra", [name for name in EXTRAS if name in ("plot", "psds", "pipeline")])
def test_an_extra_has_the_packages_that_it_is_named_for(extra):
    assert set(EXTRAS[extra]) <= light.modules_of(light.required(extra))
    assert set(EXTRAS[extra]) <= light.modules_of(light.required("dev")), "make demo has all"


def test_all_extras_exist():
    declared = light.PROJECT["optional-dependencies"]
    assert {"plot", "psds", "pipeline", "share", "slurm", "dev"} <= set(declared)
    assert any(text.startswith("dvc==") for text in declared["share"])


def test_an_import_of_no_extra_stays_as_it_is():
    for name in ("torch.nn", "resed.nothing", None):
        error = ModuleNotFoundError("No module", name=name)
        assert missing_package(error) is error
    found = missing_package(ModuleNotFoundError(name="dvc.repo"))
    assert isinstance(found, MissingPackageError)
    assert str(found) == "requires dvc, which is not installed; run pip install 'resed[share]'"


def test_the_heavy_packages_are_left_out():
    """Each of them needs more than 30 MB with what it brings, or a compiler."""
    there = light.required()
    assert not there & {"librosa", "numba", "llvmlite", "scikit-learn", "matplotlib", "seaborn"}
    assert not there & {"sed-eval", "sed-scores-eval", "dcase-util", "snakemake", "dvc", "pyarrow"}
    assert {"torch", "numpy", "scipy", "pandas"} <= there


def test_help_of_every_command(each):
    (_, listed, _), *_ = each(["--help"])
    import resed.cli

    names = [name.rpartition(".")[2] for name in resed.cli.COMMANDS]
    assert all(f" {name} " in listed for name in names)
    helps = each(*([name, "--help"] for name in names))
    for name, (code, printed, told) in zip(names, helps, strict=True):
        assert (code, told) == (0, ""), name
        assert f"Usage: resed {name} " in printed


def test_help_loads_no_heavy_package(installed, tmp_path):
    script = (
        "import sys, resed.cli\nprint(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = light.run(installed, tmp_path, "-c", script)
    loaded = set(done.stdout.split())
    assert "typer" in loaded, done.stderr
    assert not loaded & {"torch", "pandas", "scipy", "soundfile", "numpy"}


def without_made_by(path: Path) -> dict:
    values = json.loads(path.read_text())
    return {key: value for key, value in values.items() if key not in ("made_by", "versions")}


def test_score_and_compare_give_what_they_give_with_all_packages(each, tmp_path):
    from typer.testing import CliRunner

    from resed.cli import app

    (tmp_path / "ref.tsv").write_text(REFERENCE)
    (tmp_path / "est.tsv").write_text(DETECTED)
    files = ["--reference", tmp_path / "ref.tsv"]
    lines = [
        ["score", *files, "--estimated", tmp_path / "est.tsv", "--out"],
        ["compare", *files, f"one={tmp_path}/est.tsv", f"two={tmp_path}/ref.tsv", "--out"],
    ]
    done = each(*([*line, tmp_path / f"light_{line[0]}.json"] for line in lines))
    assert [code for code, *_ in done] == [0, 0], done
    for line in lines:
        words = [str(word) for word in (*line, tmp_path / f"full_{line[0]}.json")]
        assert CliRunner().invoke(app, words).exit_code == 0
        found = [without_made_by(tmp_path / f"{kind}_{line[0]}.json") for kind in ("light", "full")]
        assert found[0] == found[1]
    assert set(json.loads((tmp_path / "light_score.json").read_text())["versions"]) == {"resed"}


def test_a_command_that_lacks_a_package_names_the_extra_in_one_line(each, tmp_path):
    """With all other packages, each of these lines would run or report a missing file."""
    from test_decode_options import WINDOWS, annotated, given

    from resed.formats.annotations import write_events
    from resed.formats.windows import write_windows

    given().save(tmp_path / "p.npz")
    write_windows(tmp_path / "w.tsv", WINDOWS.values())
    events = annotated(0).items()
    known = {clip: [e for e in rows if e.event_label != "Other"] for clip, rows in events}
    write_events(tmp_path / "r.tsv", known)
    decoded = ["--posteriors", "p.npz", "--windows", "w.tsv"]
    draw = ["--figure", "dag", "--config-json", "{}", "--results", ".", "--out-png", "a.png"]
    lines = {
        "psds": ["score", "--reference", "r.tsv", "--estimated", "r.tsv", *decoded, "--out", "m"],
        "plot": ["draw", *draw, "--out-svg", "a.svg"],
    }
    done = each(["decode", *decoded, "--out", "out"], *lines.values())
    assert done[0][0] == 0, done[0]
    for extra, (code, _, told) in zip(lines, done[1:], strict=True):
        assert code == 1
        (line,) = told.splitlines()
        assert line.startswith("resed: requires ")
        assert line.endswith(f", which is not installed; run pip install 'resed[{extra}]'")
    assert not (tmp_path / "m").exists()


def test_systems_are_listed_in_an_empty_folder(each):
    """The catalogue is in the wheel; in a folder with config/, the systems are those of it."""
    ((code, printed, told),) = each(["systems"])
    assert code == 0, told
    rows = [line.split("\t") for line in printed.splitlines()]
    clone = [row.system for row in system_list(REPOSITORY)]
    assert [row[0] for row in rows] == ["system", *clone]
    assert ["pts", "base", "", "1550814"] in [row[:4] for row in rows]


def test_every_command_ends_in_one_line_in_a_folder_without_config(each):
    """Each command with the options that it requires, none of whose files exists."""
    import typer

    from resed.cli import app

    given = {"seed": "1", "kind": "nothing", "figure": "dag"}
    lines = []
    for name, command in typer.main.get_command(app).commands.items():
        line = [name]
        for one in command.params:
            if one.required:
                line += [one.opts[0]] * (one.param_type_name == "option")
                line.append(given.get(one.name, "none.tsv"))
        lines.append(line)
    for line, (code, _, told) in zip(lines, each(*lines), strict=True):
        assert code in (0, 1, 2), (line, told)
        assert "Traceback" not in told, (line, told)
        if code == 1:
            last = told.splitlines()[-1]
            assert last.startswith("resed: ") and "; " in last, (line, told)


FEATURES = [
    {},
    {"sample_rate": 16000, "f_max": 8000.0, "window": 1024, "hop": 255, "mel_norm": "none"},
    {
        "sample_rate": 32000,
        "f_min": 50.0,
        "f_max": 14000.0,
        "n_mels": 128,
        "n_fft": 1023,
        "window": 800,
    },
    {"f_min": 1200.0, "f_max": 1500.0, "n_mels": 3, "window_shape": "hamming"},
    {"sample_rate": 8000, "f_max": 900.0, "n_mels": 1, "window": 2047},
    {"window": 1},
    {"window": 1, "window_shape": "hamming"},
    {"window": 2, "n_fft": 3, "window_shape": "hamming"},
]


@pytest.mark.parametrize("values", FEATURES)
@pytest.mark.filterwarnings("ignore:Empty filters")
def test_filters_and_windows_are_those_of_librosa_to_the_last_bit(values):
    from librosa import mel_frequencies
    from librosa.filters import get_window, mel
    from librosa.util import pad_center

    chosen = FeatureSettings(**values)
    norm = None if chosen.mel_norm == "none" else chosen.mel_norm
    ours = {"sr": chosen.sample_rate, "n_fft": chosen.n_fft, "n_mels": chosen.n_mels}
    ours |= {"fmin": chosen.f_min, "fmax": chosen.f_max, "norm": norm}
    theirs = mel(**ours)
    found = mel_filters(chosen)
    assert found.dtype == theirs.dtype and found.tobytes() == theirs.tobytes()
    points = mel_frequencies(chosen.n_mels + 2, fmin=chosen.f_min, fmax=chosen.f_max)
    assert mel_points(chosen).tobytes() == points.tobytes()
    window = get_window(chosen.window_shape, chosen.window, fftbins=chosen.window_shape == "hann")
    assert taper(chosen).tobytes() == pad_center(window, size=chosen.n_fft).tobytes()


def test_log_mels_without_librosa_have_the_same_bytes(installed, tmp_path):
    from resed.extract.logmel import logmel

    wave = np.random.default_rng(0).normal(0, 0.1, 44100).astype(np.float32)
    np.save(tmp_path / "wave.npy", wave)
    script = (
        "import numpy as np\nfrom resed.extract.logmel import logmel\n"
        "from resed.settings import FeatureSettings\n"
        "np.save('mel.npy', logmel(np.load('wave.npy'), FeatureSettings()))\n"
        "import importlib.util\nassert importlib.util.find_spec('librosa') is None"
    )
    done = light.run(installed, tmp_path, "-c", script)
    assert done.returncode == 0, done.stderr
    found, expected = np.load(tmp_path / "mel.npy"), logmel(wave, FeatureSettings())
    assert found.tobytes() == expected.tobytes()
    assert math.isfinite(float(found.sum()))


def test_the_wheel_has_all_files_of_the_package(installed):
    """All but bytecode: typing marker, templates, tables, and models if there are any."""
    site = Path(installed["PYTHONPATH"].partition(":")[0]) / "resed"
    source = Path(installed["HOME"]) / "source" / "src" / "resed"
    names = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    names = {name for name in names if "__pycache__" not in name}
    there = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert "py.typed" in names
    assert names <= there
