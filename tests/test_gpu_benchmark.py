"""benchmarks/gpu with nothing but Python, NumPy and PyTorch; its sums, bounds and stand-ins."""

import argparse
import csv
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from pydantic import BaseModel

from resed.settings import SystemSettings

REPOSITORY = Path(__file__).resolve().parents[1]
FOLDER = REPOSITORY / "benchmarks" / "gpu"
# PyTorch, and what `import torch` requires.
BARE = ("torch", "torchgen", "functorch", "numpy", "numpy.libs", "typing_extensions.py", "sympy")
BARE += ("mpmath", "networkx", "filelock", "fsspec", "jinja2", "markupsafe")
ABSENT = ("pydantic", "pandas", "yaml", "librosa", "soundfile", "scipy", "typer", "rich")


@pytest.fixture(scope="module")
def gpu():
    """The script as a module."""
    sys.path.insert(0, str(FOLDER))
    spec = importlib.util.spec_from_file_location("gpu_benchmark", FOLDER / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Run a command in a Python that has only PyTorch and NumPy."""
    site = tmp_path_factory.mktemp("site")
    packages = Path(torch.__file__).parents[1]
    for name in BARE:
        if (packages / name).exists():
            (site / name).symlink_to(packages / name)
    path = os.pathsep.join(map(str, (site, REPOSITORY / "src")))

    def run(*words, **options):
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-S", *map(str, words)]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, **options
        )

    return run


def test_its_python_lacks_what_resed_requires(bare):
    tried = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    assert bare("-c", tried, *ABSENT).stdout.strip() == "[]"


def test_its_settings_are_those_of_the_configs(gpu):
    import settings

    assert settings.PLACE.read_text() == settings.text(), "run python benchmarks/gpu/settings.py"


def test_settings_without_pydantic_have_the_same_values(bare):
    made = bare(
        "-c",
        "import json, sys; sys.path.insert(0, sys.argv[1]); import stand_ins; stand_ins.install()\n"
        "from resed.settings import SystemSettings\n"
        "for v in json.load(open(sys.argv[1] + '/settings.json')).values():\n"
        "    s = SystemSettings(**v['system'])\n"
        "    print(json.dumps([s.model_dump(), s.training_roles, type(s.model.crnn.pools).__name__,"
        " s.schedule.augment == type(s.schedule.augment)()]))",
        FOLDER,
    )
    assert made.returncode == 0, made.stderr
    stored = json.loads((FOLDER / "settings.json").read_text())
    assert len(stored) == len(made.stdout.splitlines()) == 4
    for value, line in zip(stored.values(), made.stdout.splitlines(), strict=True):
        checked = SystemSettings(**value["system"])
        values = json.loads(json.dumps(attributes(checked)))
        kind = type(checked.model.crnn.pools).__name__
        assert json.loads(line) == [values, list(checked.training_roles), kind, True]


def attributes(settings):
    """All values, with the defaults that a dump may leave out."""
    if not isinstance(settings, BaseModel):
        return settings
    return {name: attributes(getattr(settings, name)) for name in type(settings).model_fields}


def test_all_parts_run_small_without_a_gpu(bare, tmp_path):
    done = bare(FOLDER, "--device", "cpu", "--small", "--out", tmp_path, "--minutes", "40")
    assert done.returncode == 0, done.stderr + done.stdout
    rows = {
        part: list(csv.DictReader((tmp_path / f"gpu-{part}.csv").read_text().splitlines()))
        for part in ("agreement", "speed", "jobs", "modes", "paper")
    }
    names = ["MT", "GL", "PTS+TFD+AFL", "WELS-Net"]
    assert [row["system"] for row in rows["agreement"]] == [n for n in names for _ in range(2)]
    for row in rows["agreement"]:  # both sides are the CPU
        equal = row["precision"] == "float32"
        assert (float(row["loss_differs"]) == 0) == equal and float(row["loss"]) > 0
        assert (float(row["gradient_differs"]) == 0) == equal
    assert len(rows["speed"]) == 8 and all(float(r["clips_per_second"]) > 0 for r in rows["speed"])
    assert [row["jobs"] for row in rows["jobs"]] == ["2"]
    assert float(rows["jobs"][0]["clips_per_second"]) > 0
    first = {r["system"]: float(r["clips_per_second"]) for r in rows["speed"][::2]}
    hours = 200 * 17000 / 3600 * (1 / first["MT"] + 1 / first["GL"] + 12 / first["PTS+TFD+AFL"])
    assert float(rows["paper"][0]["hours"]) == pytest.approx(hours, abs=0.01)
    page = (tmp_path / "gpu.md").read_text()
    assert all(f"## {part}" in page for part in rows)


def test_a_machine_without_a_gpu_is_told_in_one_line(bare, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("requires a machine without a GPU")
    done = bare(FOLDER, "--out", tmp_path)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "use --device cpu --small" in done.stderr and not list(tmp_path.iterdir())


def fake(code):
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_part_that_hangs_keeps_its_rows_and_ends(gpu):
    begin = time.monotonic()
    slow = fake("import time\nprint('{\"a\": 1}', flush=True)\ntime.sleep(600)")
    rows = list(gpu.rows_of(slow, 20))
    assert rows[0] == {"a": 1} and "ended after 20 s" in rows[1]["failed"]
    assert time.monotonic() - begin < 300 and slow.poll() is not None


def test_a_part_that_fails_gives_the_reason(gpu):
    rows = list(gpu.rows_of(fake("print('{\"a\": 1}')\nraise ValueError('no memory')"), 300))
    assert rows == [{"a": 1}, {"failed": "ValueError: no memory"}]


JOB = """
import json, sys
print(json.dumps({"ready": True}), flush=True)
sys.stdin.readline()
row = dict(system="S", precision="bfloat16", batch=8, clips_per_second=%s, memory_gb=2.5, watts=%s)
print(json.dumps(row), flush=True)
"""


def test_jobs_at_once_add_their_speeds_and_not_the_power_of_their_gpu(gpu):
    found = gpu.together([fake(JOB % (100.5, 300)), fake(JOB % (50, 310))], 300)
    assert (found["clips_per_second"], found["memory_gb"], found["watts"]) == (150.5, 5.0, 305)
    failed = gpu.together([fake(JOB % (100.5, 300)), fake("raise MemoryError('all')")], 300)
    assert failed == {"failed": "MemoryError: all"}


def test_hours_and_energy_of_the_paper(gpu):
    speeds = {"MT": (1000, 400), "GL": (2000, 300), "PTS+TFD+AFL": (4000, 500)}
    rows = {
        "speed": [
            {"system": name, "precision": "bfloat16", "clips_per_second": clips, "watts": watts}
            for name, (clips, watts) in speeds.items()
        ],
        "jobs": [
            {"jobs": 1, "clips_per_second": 4000, "watts": 500},
            {"jobs": 3, "clips_per_second": 8000, "watts": 600},
            {"jobs": 4, "failed": "out of memory"},
        ],
    }
    failed, one, three = gpu.paper(argparse.Namespace(), rows)
    assert failed == {"precision": "float32", "failed": "a speed was not measured"}
    each = [200 * 17000 / 1000 / 3600, 200 * 17000 / 2000 / 3600, 12 * 200 * 17000 / 4000 / 3600]
    assert one["hours"] == pytest.approx(sum(each), abs=0.005) and one["trainings"] == 14
    kwh = (each[0] * 400 + each[1] * 300 + each[2] * 500) / 1000
    assert one["gpu_kwh"] == pytest.approx(kwh, abs=0.001)
    assert three["jobs"] == 3 and three["hours"] == pytest.approx(sum(each) / 2, abs=0.005)
    assert three["gpu_kwh"] == pytest.approx(sum(each) / 2 * 0.6, abs=0.001)
