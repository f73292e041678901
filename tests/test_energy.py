"""Energy of trainings: meters against made counters, sums over interruptions, columns and page."""

import json
import os
import shutil
import subprocess
import time

import pytest
import test_train_loop
from made_results import make_results, make_root
from test_train_loop import CPU, SMALL, trainer

from resed.errors import ResultsError
from resed.formats import checkpoint
from resed.formats.energy import Energy, read_energy, write_energy
from resed.formats.origin import written_by_resed
from resed.results.folder import Results
from resed.runtime import energy as meters
from resed.runtime.energy import Counter, Gpu, Meter, Usage, busy_seconds, gpu, packages
from resed.tabulate import make_table
from resed.train import energy as train_energy
from resed.train.branches import Branches
from resed.train.energy import TrainingEnergy
from resed.train.parallel import Processes
from resed.train.resume import state_of

tiny = test_train_loop.tiny
KWH = 3_600_000  # joules

# ---- RAPL ----------------------------------------------------------------------------------------


def domain(folder, name, label, used=0, largest=1000_000_000):
    place = folder / name
    place.mkdir(parents=True)
    (place / "name").write_text(f"{label}\n")
    (place / "energy_uj").write_text(f"{used}\n")
    (place / "max_energy_range_uj").write_text(f"{largest}\n")
    return place / "energy_uj"


@pytest.fixture
def powercap(tmp_path):
    """Two packages, a part of one, the same one by another interface, and the whole board."""
    folder = tmp_path / "powercap"
    domain(folder, "intel-rapl:0", "package-0", 5_000_000)
    domain(folder, "intel-rapl:1", "package-1", 900_000_000)
    domain(folder, "intel-rapl:0:0", "core")
    domain(folder, "intel-rapl-mmio:0", "package-0")
    domain(folder, "intel-rapl:2", "psys")
    (folder / "intel-rapl").mkdir()
    return folder


def test_only_packages_are_counted_and_a_counter_may_begin_again(powercap):
    first, second = packages(powercap)
    (powercap / "intel-rapl:0/energy_uj").write_text("12000000")
    (powercap / "intel-rapl:1/energy_uj").write_text("150000000")  # 100 to the end, 150 from 0
    assert [first.joules(), second.joules()] == [7.0, 250.0]
    assert [first.joules(), second.joules()] == [0.0, 0.0]


@pytest.mark.parametrize("content", ["", "many", None])
def test_a_machine_without_readable_counters_has_none(powercap, content):
    if content is None:
        (powercap / "intel-rapl:1/energy_uj").unlink()
    else:
        (powercap / "intel-rapl:1/energy_uj").write_text(content)
    assert packages(powercap) == [] and packages(powercap / "none") == []
    used = Meter(cpus=packages(powercap)).take()
    assert used.cpu_kwh is None and used.gpu_kwh == 0


def test_busy_seconds_are_those_of_proc_stat(tmp_path):
    place = tmp_path / "stat"
    place.write_text("cpu  100 20 30 7777 888 4 6 55 0 0\ncpu0 1 1 1 1 1 1 1\n")
    assert busy_seconds(place) == 160 / os.sysconf("SC_CLK_TCK")
    place.write_text("cpu 1 2")
    assert busy_seconds(place) is None and busy_seconds(tmp_path / "no") is None


def work(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        sum(range(1000))


@pytest.mark.parametrize(("busy", "low", "high"), [(4.0, 0.02, 0.2), (None, 1, 1), (1e-9, 1, 1)])
def test_a_process_has_its_part_of_the_busy_time(powercap, busy, low, high):
    """Of 3.6 MJ of the packages, a process with about 0.2 of 4 busy CPU seconds has a twentieth."""
    answers = iter([10.0, 10.0 + busy] if busy else [None, None])
    meter = Meter(cpus=packages(powercap)[:1], busy=lambda: next(answers))
    meter.cpu_joules = float(KWH)
    work(0.2)
    used = meter.take()
    assert low <= used.cpu_kwh <= high and 0.2 <= used.cpu_seconds <= used.seconds + 0.1
    assert meter.cpu_joules == 0


def test_samples_are_a_second_apart_and_a_counter_that_fails_is_left_out(powercap, monkeypatch):
    meter = Meter(cpus=packages(powercap)[:1], busy=lambda: None)
    place = powercap / "intel-rapl:0/energy_uj"
    place.write_text("9000000")
    meter.sample()
    assert meter.cpu_joules == 0
    monkeypatch.setattr(meters, "SAMPLE_SECONDS", 0)
    meter.sample()
    assert meter.cpu_joules == 4
    place.unlink()
    assert meter.take().cpu_kwh is None


# ---- NVML ----------------------------------------------------------------------------------------

NVML = r"""
#include <stdio.h>
#include <string.h>
static long values[4]; /* millijoules or -1, milliwatts or -1, processes, handle is known */
static void load(void) {
  FILE *file = fopen(PLACE, "r");
  for (int i = 0; i < 4; i++) if (fscanf(file, "%ld", values + i) != 1) values[i] = -1;
  fclose(file);
}
int nvmlInit_v2(void) { load(); return values[3] < 0 ? 9 : 0; }
int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
  *device = (void *)0x123456789abcdef0; return strcmp(uuid, "GPU-1") ? 6 : 0;
}
static int handle(void *device) { load(); return device != (void *)0x123456789abcdef0; }
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *value) {
  if (handle(device)) return 2;
  if (values[0] < 0) return 3;
  *value = values[0]; return 0;
}
int nvmlDeviceGetPowerUsage(void *device, unsigned int *value) {
  if (handle(device)) return 2;
  if (values[1] < 0) return 3;
  *value = values[1]; return 0;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned int *count, void *infos) {
  if (handle(device)) return 2;
  *count = values[2]; return values[2] ? 7 : 0;
}
"""


@pytest.fixture
def nvml(tmp_path):
    """A library with the functions of NVML, and a function that sets what it answers."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("requires a C compiler")
    source, library, place = (tmp_path / name for name in ("nvml.c", "nvml.so", "values"))
    source.write_text(NVML)
    command = [compiler, "-shared", "-fPIC", f'-DPLACE="{place}"', "-o", library, source]
    subprocess.run(command, check=True)

    def answer(joules, watts, processes=1, known=1):
        numbers = (-1 if value is None else round(1000 * value) for value in (joules, watts))
        place.write_text(" ".join(map(str, [*numbers, processes, known])))
        return str(library)

    return answer


def test_the_energy_of_a_gpu_is_that_of_its_counter(nvml):
    card = Gpu("GPU-1", nvml(5_000_000_000, 300))  # more millijoules than 32 bits have
    nvml(5_000_000_400, 350)
    assert card.watts() == 350 and card.joules() == 400 and card.joules() == 0


def test_jobs_of_one_gpu_share_its_energy(nvml):
    card = Gpu("GPU-1", nvml(100, 300))
    nvml(500, 300, processes=4)
    assert card.processes() == 4 and card.joules() == 100
    nvml(600, 300, processes=0)  # in a container, the list may be empty
    assert card.processes() == 1 and card.joules() == 100


def test_without_a_counter_the_power_is_integrated(nvml, monkeypatch):
    now = [10.0]
    monkeypatch.setattr(meters.time, "monotonic", lambda: now[0])
    card = Gpu("GPU-1", nvml(None, 100))
    now[0] = 14.0
    nvml(None, 300)
    assert card.joules() == 4 * 200


def test_a_gpu_without_meters_is_not_measured(nvml):
    assert gpu("GPU-1", nvml(None, None)) is None
    assert gpu("GPU-2", nvml(1, 1)) is None
    assert gpu("GPU-1", nvml(1, 1, known=-1)) is None
    assert gpu("GPU-1", "no-such-library.so") is None
    assert Meter(None, on_gpu=True, cpus=[]).take().gpu_kwh is None


def test_a_meter_that_stops_makes_the_energy_unknown(nvml):
    meter = Meter(Gpu("GPU-1", nvml(0, 100)), on_gpu=True, cpus=[])
    nvml(KWH, 100)
    assert meter.take().gpu_kwh == 1
    nvml(None, None)
    assert meter.take().gpu_kwh is None


# ---- a training ----------------------------------------------------------------------------------


def test_sums_know_what_was_not_measured():
    known, unknown = Usage(1, 2, 3.0, 4.0), Usage(1, 2, None, 4.0)
    assert known + known == Usage(2, 4, 6, 8) and known + unknown == Usage(2, 4, None, 8)


class Made:
    """A meter whose every reading is the same."""

    def __init__(self, *arguments, **options):
        self.samples = 0

    def sample(self):
        self.samples += 1

    def take(self):
        return Usage(10.0, 20.0, 0.5, 0.25)


@pytest.fixture
def made(monkeypatch):
    monkeypatch.setattr(train_energy, "Meter", Made)


def test_a_resumed_training_adds_up_and_ends_with_the_same_bytes(tiny, tmp_path, monkeypatch):
    alone = (
        trainer(tiny, tmp_path / "alone").train().read_bytes()
    )  # with the meters of this machine
    measured = read_energy(tmp_path / "alone/energy.json")
    assert measured.usage.cpu_seconds > 0 and measured.usage.gpu_kwh == 0
    assert (measured.epochs, measured.taken_over, measured.unmeasured) == (3, 0, 0)
    monkeypatch.setattr(train_energy, "Meter", Made)
    first = trainer(tiny, tmp_path / "cut")
    epoch = first._epoch

    def cut():
        if first.epoch == 2:
            raise KeyboardInterrupt
        epoch()

    first._epoch = cut
    with pytest.raises(KeyboardInterrupt):
        first.train()
    assert read_energy(tmp_path / "cut/energy.json").usage == Usage(20, 40, 1.0, 0.5)
    again = trainer(tiny, tmp_path / "cut")
    assert again.train().read_bytes() == alone
    assert again.energy.meter.samples == again.steps
    found = read_energy(tmp_path / "cut/energy.json")
    assert found == Energy(Usage(30, 60, 1.5, 0.75), ("CPU",), epochs=3)
    trainer(tiny, tmp_path / "cut").train()  # anew, because the training had ended
    assert read_energy(tmp_path / "cut/energy.json") == found


def test_within_an_epoch_the_energy_is_saved_with_the_state(tiny, tmp_path, made):
    run = trainer(tiny, tmp_path)
    run.save_seconds = 0
    run.train()
    saves = SMALL["schedule"]["epochs"] * run.steps  # one after each step
    assert read_energy(tmp_path / "energy.json").usage.seconds == 10 * saves


def test_epochs_of_another_training_are_counted_there(tiny, tmp_path, made):
    kept = Branches(tmp_path / "branches", [2])
    trainer(tiny, tmp_path / "a").train(branches=kept)
    trainer(tiny, tmp_path / "b").train(branches=kept)
    assert read_energy(tmp_path / "a/energy.json").epochs == 3
    found = read_energy(tmp_path / "b/energy.json")
    assert (found.epochs, found.taken_over, found.usage.seconds) == (1, 2, 10)


@pytest.mark.parametrize("content", [None, "{}", '{"format": 1'])
def test_a_state_without_its_energy_is_resumed(tiny, tmp_path, made, content):
    first = trainer(tiny, tmp_path)
    first._epoch()
    first.epoch = 1
    checkpoint.save(tmp_path / "resume.pt", state_of(first))
    if content is not None:
        (tmp_path / "energy.json").write_text(content)
    said = []
    run = trainer(tiny, tmp_path)
    run.energy.say = said.append
    run.train()
    found = read_energy(tmp_path / "energy.json")
    assert (found.epochs, found.unmeasured, found.usage.seconds) == (2, 1, 20)
    assert len(said) == (content is not None)
    assert all("energy.json" in line and "counted from here on" in line for line in said)


def test_a_file_that_is_ahead_of_the_state_counts_no_epoch_twice(tmp_path, made):
    ledger = TrainingEnergy(tmp_path, CPU)
    ledger.begin(0, False, 0)
    for epoch in (1, 2):
        ledger.save(epoch, within=False)
    ledger = TrainingEnergy(tmp_path, CPU)
    ledger.begin(1, True, 0)  # killed between the two files
    ledger.save(2, within=False)
    found = read_energy(tmp_path / "energy.json")
    assert (found.epochs, found.unmeasured, found.usage.seconds) == (2, 0, 30)


def test_processes_add_their_energy_and_not_their_hours(tmp_path, made, monkeypatch):
    parts = [Usage(10, 1, None, 2.0), Usage(12, 3, None, 4.0)]
    monkeypatch.setattr(Processes, "agree", lambda self, value: parts)
    ledger = TrainingEnergy(tmp_path, CPU, Processes(0, 2, 2))
    ledger.begin(0, False, 0)
    ledger.save(0, within=True)
    assert not (tmp_path / "energy.json").exists()
    ledger.save(1, within=False)
    assert read_energy(tmp_path / "energy.json").usage == Usage(12, 4, None, 6.0)


# ---- the file ------------------------------------------------------------------------------------

FILE = Energy(Usage(7200.123456789, 1.5, None, 0.125), ("NVIDIA H100", "CPU"), 90, 10, 0)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("gpu_kwh", 9.0, "was altered"),
        ("gpu_kwh", -1, "gpu_kwh must be a finite number from 0, or null"),
        ("epochs", 1.5, "epochs must be an integer"),
        ("devices", ["CPU", "CPU"], "devices must be"),
        ("format", 2, "format must be"),
        ("mine", 1, "mine"),
    ],
)
def test_a_file_that_was_altered_is_refused_in_one_line(tmp_path, key, value, problem):
    place = tmp_path / "energy.json"
    write_energy(place, FILE)
    assert read_energy(place) == Energy(Usage(7200.12346, 1.5, None, 0.125), *vars_of(FILE))
    assert written_by_resed(place)
    place.write_text(json.dumps(json.loads(place.read_text()) | {key: value}))
    with pytest.raises(ResultsError, match=problem) as error:
        read_energy(place)
    assert "delete it" in str(error.value) and "\n" not in str(error.value)


def vars_of(energy):
    return energy.devices, energy.epochs, energy.taken_over, energy.unmeasured


def test_a_file_of_the_user_is_not_taken_for_one_of_resed(tmp_path):
    place = tmp_path / "energy.json"
    for content in ('{"epochs": 3}', "[]", "not json"):
        place.write_text(content)
        assert not written_by_resed(place)


# ---- tables and page -----------------------------------------------------------------------------


@pytest.fixture
def results(tmp_path):
    config = make_root(tmp_path, seeds=2)
    return Results.of(config, make_results(config, clips=8))


def put(results, system, seed, usage, **more):
    folder = results.layout.trained(system, seed)
    write_energy(folder / "energy.json", Energy(usage, ("NVIDIA H100",), 200, **more))


def test_without_measurements_the_table_has_no_columns_of_energy(results):
    table = make_table("table1", results)
    assert "training_kwh" not in table.frame and "energy" not in table.data


def test_the_main_table_has_the_energy_of_each_training(results):
    name = results.config.trained_as(results.config.systems[0])
    put(results, name, 0, Usage(3600, 7200, 0.5, 1.5))
    put(results, name, 1, Usage(7200, 7200, 0.5, 2.5), taken_over=12)
    table = make_table("table1", results)
    rows = table.frame[table.frame.system == results.config.systems[0]]
    assert len(rows) > 1
    expected = {
        "training_kwh": 2.5,
        "training_gpu_kwh": 2.0,
        "training_cpu_kwh": 0.5,
        "training_cpu_hours": 2.0,
        "training_hours": 1.5,
        "epochs_taken_over": 6.0,
        "trainings_measured": 2,
    }
    for column, value in expected.items():
        assert set(rows[column]) == {value}, column
    baselines = table.frame[table.frame.group == "baseline"]
    assert len(baselines) and baselines.training_kwh.isna().all()
    found = table.data["energy"]
    assert (found["kwh"], found["gpu_kwh"], found["cpu_kwh"]) == (5.0, 4.0, 1.0)
    assert (found["hours"], found["cpu_hours"], found["measured"]) == (3.0, 4.0, 2)
    assert found["trainings"] > 2  # of which the others have no file
    assert "5 kWh (GPUs 4, CPUs 1) and 4 CPU hours" in found["line"]
    assert "only 2 of them measured" in found["line"]
    stored = results.folder / "tables"
    stored.mkdir(exist_ok=True)
    (stored / "table1.csv").write_text(table.csv())
    (stored / "table1.json").write_text(table.json())
    assert type(table).load(stored, "table1").data["energy"] == found
    assert "training_kwh" in table.csv().splitlines()[0].split(",")


@pytest.mark.parametrize(
    ("usage", "words", "known"),
    [
        (Usage(3600, 3600, None, 0.0), "CPU hours, whose energy was not readable; ", False),
        (Usage(3600, 3600, None, 2.0), "kWh of GPUs and", False),
        (Usage(3600, 3600, 1.0, None), "CPU hours, whose energy was not readable; ", False),
        (Usage(3600, 3600, 1.0, 0.0), "kWh (GPUs 0, CPUs", True),
    ],
)
def test_what_no_meter_measured_is_no_number(results, usage, words, known):
    trained = {results.config.trained_as(name) for name in results.config.systems}
    for name in trained:
        for seed in (0, 1):
            if results.layout.trained(name, seed).is_dir():
                put(results, name, seed, usage)
    table = make_table("table1", results)
    assert words in table.data["energy"]["line"] and "only" not in table.data["energy"]["line"]
    assert ("training_kwh" in table.frame) == known
    assert table.data["energy"]["cpu_hours"] == table.data["energy"]["trainings"]
    assert Counter and table.data["energy"]["devices"] == ["NVIDIA H100"]
