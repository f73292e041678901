"""Kill a demo at random moments, and check that the next run ends with the same bytes.

First, an uninterrupted run at a tiny size makes the expected results. It is paused when each rule
first runs, and the folder is copied. Each test starts a run in such a copy, kills it with SIGKILL
while the rule runs, and starts it again; this run must finish. The killed processes are, in turn,
the process group, Snakemake only, the shell of a job, the `resed` of a job, and one of its workers.
Each rule is killed once before any rule is killed twice. With --in-one-run, one run is killed at
random points of its progress and started again after each kill.

    python tests/kill_demo.py --kills 20 --seed 1 --folder FOLDER [--demo secost_demo]

The exit code is 0 if all runs made the expected results. FOLDER is created and requires about 2 GB;
the uninterrupted run of an existing FOLDER is used again.
"""

import argparse
import base64
import csv
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import yaml
from runs import copy_workflow, planned

# The least that has a job of every rule, by config.
TINY = {
    "demo": {
        "systems": ["pts"],
        "acquire": {"scale": 0.01},
        "sensitivity": {"system": "pts", "readings": ["knee.quantile"]},
        "override": {
            "model": {"width": 0.05},
            "schedule": {"epochs": 2, "stage_one": 1, "steps_per_epoch": 2},
        },
    },
    "secost_demo": {
        "systems": [
            "secost_base",
            "secost_fixed_s1",
            "secost_fixed_s2",
            "secost_sweep_a100",
            "secost_control_seed",
            "secost_control_smoothed",
        ],
        "acquire": {"scale": 0.02},
        "override": {"schedule": {"epochs": 2, "steps_per_epoch": 4}},
    },
    "koutini_demo": {
        "acquire": {"scale": 0.2},
        "override": {"schedule": {"epochs": 2, "evaluate_every": 1, "steps_per_epoch": 3}},
        "system_overrides": {
            "koutini_tagger": {"schedule": {"epochs": 3}},
            "baseline2018_pass1": {"schedule": {"epochs": 8}},  # selects from the seventh on
            "baseline2018": {"schedule": {"epochs": 8}},
        },
    },
}
# Files with what was measured, such as hours: they and their checksums differ between runs.
MEASURED = r"train/.*/history\.csv|tables/[^/]+\.(csv|json)|report/index\.html"
# A state in branches has the times of the training that came first.
UNEQUAL = re.compile(
    r"(logs|benchmarks|train/branches)/.*|train/.*/energy\.json"
    rf"|checksums/({MEASURED})\.sha256"
)
TIMED = re.compile("clips_per_second|training_|trainings_measured|epochs_taken_over")  # columns
# The tables within the page are compared as files.
ON_PAGE = re.compile(rb"data:application/gzip;base64,[A-Za-z0-9+/=]*|<tr>.*Energy of training.*")
VICTIMS = ("group", "snakemake", "shell", "resed", "worker")
PATIENCE_S = 1800
DEMO = ["demo"]  # the name of the config of all runs
TARGETS: list[str] = []  # of all runs; [] is the whole demo


@dataclass(frozen=True)
class Task:
    """A process of a run."""

    pid: int
    parent: int
    session: int
    command: str


def tasks(session: int) -> list[Task]:
    """All live processes of a session."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            fields = (place / "stat").read_text().rpartition(")")[2].split()
            command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has ended
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.append(Task(int(place.name), int(fields[1]), session, command))
    return found


class Run:
    """A run of the tiny demo in `folder`, in a separate session."""

    def __init__(self, folder: Path, rule_of: dict[str, str]):
        self.folder, self.rule_of = folder, rule_of
        self.said = folder / "said.log"
        with self.said.open("w") as log:
            self.process = subprocess.Popen(
                command("--cores", "2"),
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def at_work(self) -> dict[str, list[str]]:
        """Rule -> outputs that are being made: Snakemake marks them."""
        found: dict[str, list[str]] = {}
        for path in marked(self.folder / ".snakemake" / "incomplete"):
            found.setdefault(self.rule_of.get(path, "unknown"), []).append(path)
        return found

    def wait(self) -> int:
        """The exit code."""
        return self.process.wait(PATIENCE_S)


def command(*arguments: str) -> list[str]:
    files = ["--configfile", f"config/{DEMO[0]}.yaml", "overlay.yaml"]
    return [sys.executable, "-m", "snakemake", *arguments, *TARGETS, *files]


def marked(folder: Path) -> list[str]:
    """The names that Snakemake keeps in base64, cut in pieces where they are long."""
    found = []
    for path in folder.rglob("*"):
        pieces = [piece.removeprefix("@") for piece in path.relative_to(folder).parts]
        if path.is_file():
            found.append(base64.urlsafe_b64decode("".join(pieces)).decode())
    return found


def rules(folder: Path) -> dict[str, str]:
    """Output -> rule, for all that the demo makes."""
    done = subprocess.run(
        command("--summary"), cwd=folder, capture_output=True, text=True, check=True
    )
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {row[0]: row[2] for row in rows if len(row) > 3 and row[0] != "output_file"}


def copy(source: Path, target: Path) -> None:
    """Copy a run's folder; sound files, which are never changed in place, as links."""

    def one(file: str, to: str) -> None:
        (os.link if file.endswith(".wav") else shutil.copy2)(file, to)

    shutil.copytree(source, target, copy_function=one, symlinks=True)


def undisturbed(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Run the demo in `folder`/whole, with a copy `folder`/at/{rule} of when each rule first ran.

    Returns output -> rule, and the rules in the order in which they ran.
    """
    known = folder / "rules.json"
    if known.exists():
        return tuple(json.loads(known.read_text()))
    whole = folder / "whole"
    whole.mkdir(parents=True)
    copy_workflow(whole)
    (whole / "overlay.yaml").write_text(yaml.safe_dump(TINY[DEMO[0]]))
    run, seen = Run(whole, rules(whole)), []
    while run.process.poll() is None:
        new = [rule for rule in run.at_work() if rule not in seen]
        if new:
            os.killpg(run.pid, signal.SIGSTOP)
            for rule in new:
                copy(whole, folder / "at" / rule)
            os.killpg(run.pid, signal.SIGCONT)
            seen.extend(new)
        time.sleep(0.02)
    assert run.wait() == 0, run.said.read_text()[-3000:]
    known.write_text(json.dumps([run.rule_of, seen]))
    return run.rule_of, seen


def made(folder: Path) -> dict[str, str]:
    """File -> SHA-256, of all results except measured times."""
    (results,) = (folder / "results").iterdir()
    files = [path for path in sorted(results.rglob("*")) if path.is_file()]
    names = {str(path.relative_to(results)): path for path in files}
    return {
        name: hashlib.sha256(timeless(name, path)).hexdigest()
        for name, path in names.items()
        if not UNEQUAL.fullmatch(name)
    }


def timeless(name: str, path: Path) -> bytes:
    """The bytes of a file; those of `MEASURED` without speed, hours and energy of trainings."""
    if not re.fullmatch(MEASURED, name):
        return path.read_bytes()
    if path.suffix == ".csv":
        rows = list(csv.DictReader(path.read_text().splitlines()))
        return repr([{k: v for k, v in row.items() if not TIMED.match(k)} for row in rows]).encode()
    if path.suffix == ".json":
        values = json.loads(path.read_text())
        values["data"].pop("energy", None)
        columns = [name for name in values["columns"] if not TIMED.match(name)]
        return repr(values | {"columns": columns}).encode()
    return ON_PAGE.sub(b"", path.read_bytes())


def victims(run: Run, kind: str, outputs: list[str]) -> list[int]:
    """The processes of this kind that make `outputs`; of a kind that is not there, the next one.

    A shell that has only one command to run becomes it; most commands have no workers.
    """
    names = [*outputs, *(str(Path(path).parent) for path in outputs)]
    job = [task for task in tasks(run.pid) if any(name in task.command for name in names)]
    shells = [task for task in job if task.command.split()[0].endswith("/bash")]
    commands = {task.pid: task for task in job if task not in shells and "resed" in task.command}
    workers = [task for task in commands.values() if task.parent in commands]
    mains = [task for task in commands.values() if task not in workers]
    found = {"shell": shells or mains, "resed": mains, "worker": workers or mains}[kind]
    return sorted(task.pid for task in found)


def kill(run: Run, rule: str, kind: str, chance: random.Random) -> float:
    """Kill while `rule` is at work; returns how many seconds after it was first seen."""
    begin = time.monotonic()
    while run.process.poll() is None and time.monotonic() - begin < PATIENCE_S:
        if run.at_work().get(rule):
            time.sleep(delay := chance.uniform(0, 1.5))
        if outputs := run.at_work().get(rule):
            if kind == "group":
                os.killpg(run.pid, signal.SIGKILL)
                return delay
            found = [run.pid] if kind == "snakemake" else victims(run, kind, outputs)
            if found:
                os.kill(chance.choice(found), signal.SIGKILL)
                return delay
        time.sleep(0.02)
    raise AssertionError(f"{rule} was not at work:\n{run.said.read_text()[-2000:]}")


def come_home(folder: Path, rule_of: dict[str, str], expected: dict[str, str]) -> str | None:
    """Start the same command once more: nothing, or what went wrong."""
    run = Run(folder, rule_of)
    try:
        code = run.wait()
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        return f"the next run did not end:\n{run.said.read_text()[-3000:]}"
    if code != 0:
        return f"the next run failed:\n{run.said.read_text()[-3000:]}"
    found = made(folder)
    differing = [name for name in {*expected, *found} if expected.get(name) != found.get(name)]
    if differing:
        return f"not as in the undisturbed run: {', '.join(sorted(differing)[:20])}"
    if left := planned(folder, *TARGETS, config=DEMO[0], overlay=TINY[DEMO[0]]):
        return f"still to do: {left[:5]}"
    return None


def trial(folder: Path, rule: str, kind: str, chance: random.Random, rule_of: dict) -> str | None:
    """Kill once; prints what was hit, and returns what went wrong, if anything."""
    place = folder / "trial"
    shutil.rmtree(place, ignore_errors=True)
    copy(folder / "at" / rule, place)
    run = Run(place, rule_of)
    print(f"{kind} of {rule}, after {kill(run, rule, kind, chance):.2f} s", end=": ", flush=True)
    if kind != "snakemake":  # alone: its orphans may still be ending when the next run starts
        run.wait()
    wrong = come_home(place, rule_of, made(folder / "whole"))
    run.wait()
    orphans = tasks(run.pid)
    return f"orphans are left: {orphans}" if orphans else wrong


def one_run(folder: Path, kills: int, chance: random.Random, rule_of: dict) -> str | None:
    """Kill one run several times; returns what went wrong, if anything."""
    place = folder / "one"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    copy_workflow(place)
    shutil.copy2(folder / "whole" / "overlay.yaml", place)
    expected = made(folder / "whole")
    for number, share in enumerate(sorted(chance.uniform(0.02, 0.95) for _ in range(kills))):
        run, kind = Run(place, rule_of), VICTIMS[number % len(VICTIMS)]
        while sum((place / path).exists() for path in rule_of) < share * len(rule_of):
            if run.process.poll() is not None:
                return f"ended before the kill:\n{run.said.read_text()[-2000:]}"
            time.sleep(0.05)
        hit = ""
        while not hit:
            time.sleep(chance.uniform(0, 1.5))
            for rule, outputs in chance.sample(sorted((work := run.at_work()).items()), len(work)):
                found = {"group": [], "snakemake": [run.pid]}.get(kind)
                found = victims(run, kind, outputs) if found is None else found
                if kind == "group":
                    os.killpg(run.pid, signal.SIGKILL)
                elif found:
                    os.kill(chance.choice(found), signal.SIGKILL)
                else:
                    continue
                hit = rule
                break
            if run.process.poll() is not None and not hit:
                return f"ended before the kill:\n{run.said.read_text()[-2000:]}"
        print(f"kill {number + 1}: {kind} of {hit}, at {share:.0%} of the outputs", flush=True)
        run.wait()
        while tasks(run.pid):  # orphans of a killed Snakemake, which end their jobs
            time.sleep(0.1)
    return come_home(place, rule_of, expected)


def main() -> int:
    """Run all kills; 0 if all came home."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the moments and the victims")
    parser.add_argument("--folder", type=Path, required=True, help="to make, for all runs")
    parser.add_argument("--rules", nargs="*", help="to hit, in this order; default: all, at random")
    parser.add_argument("--targets", nargs="*", default=[], help="of all runs; default: the demo")
    parser.add_argument("--demo", choices=TINY, default="demo", help="the config of all runs")
    parser.add_argument("--in-one-run", action="store_true", help="kill one run several times")
    given = parser.parse_args()
    DEMO[:] = [given.demo]
    TARGETS[:] = given.targets
    chance, begin = random.Random(given.seed), time.monotonic()
    rule_of, seen = undisturbed(given.folder)
    files = len(made(given.folder / "whole"))
    print(f"undisturbed: {time.monotonic() - begin:.0f} s, {len(seen)} rules, {files} files")
    if given.in_one_run:
        begin = time.monotonic()
        wrong = one_run(given.folder, given.kills, chance, rule_of)
        told = wrong or f"after {given.kills} kills, all {files} files as undisturbed"
        print(f"{told} ({time.monotonic() - begin:.0f} s)")
        return int(wrong is not None)
    rounds = (given.rules or chance.sample(seen, len(seen)) for _ in range(given.kills))
    hit, home = list(chain.from_iterable(rounds))[: given.kills], 0
    for number, rule in enumerate(hit):
        begin = time.monotonic()
        print(f"kill {number + 1} of {given.kills}: ", end="")
        wrong = trial(given.folder, rule, VICTIMS[number % len(VICTIMS)], chance, rule_of)
        home += wrong is None
        told = wrong or f"the next run ended, all {files} files as undisturbed"
        print(f"{told} ({time.monotonic() - begin:.0f} s)", flush=True)
    missed = sorted(set(seen) - set(hit))
    print(f"{home} of {given.kills} kills came home; {len(set(hit))} of {len(seen)} rules were hit")
    print(f"not hit: {', '.join(missed)}" if missed else "no rule was left out")
    return int(home < given.kills)


if __name__ == "__main__":
    sys.exit(main())
