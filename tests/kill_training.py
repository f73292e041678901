"""Kill trainings, and fill their disks, at random moments; the next run ends with the same bytes.

    python tests/kill_training.py --kills 20 --disks 10 --seed 1 --folder FOLDER

Each trial starts `resed train` on a tiny dataset, disturbs it once, and starts it again without a
disturbance. Half of the kills come after a random time, the others at a random write of resume.pt,
history.csv or checkpoint.pt: before it, between its bytes and its name, or after it. A disk (tmpfs,
in a namespace of its own) is filled before a random write of resume.pt, history.csv, checkpoint.pt
or the log, with room for a random part of it. The exit code is 0 if all trials ended with the bytes
of the undisturbed training.
"""

import argparse
import csv
import hashlib
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from resed.formats.energy import read_energy

sys.path.insert(0, str(Path(__file__).parent))

PAGE = 4096  # bytes; a disk in memory is filled by pages
DISK = 16 << 20  # bytes
EPOCHS = 4
FILES = ("resume.pt", "history.csv", "checkpoint.pt")
NAMESPACE = ("unshare", "--map-root-user", "--mount")
PATIENCE_S = 300


@dataclass
class Disturbance:
    """What happens to a training: a signal or a full disk at a write, or a kill after a time."""

    how: str  # kill or fill
    target: str = ""  # a file, `log`, or nothing for a random time
    number: int = 0  # of the write, from 0
    moment: str = "before"  # before, written, after
    seconds: float = 0.0
    room: float = 0.0  # share of the file for which a filled disk has room
    counts: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        where = f"{self.moment} write {self.number + 1} of {self.target}"
        if self.how == "fill":
            return f"disk full in write {self.number + 1} of {self.target} ({self.room:.0%} fits)"
        return f"kill {where}" if self.target else f"kill after {self.seconds:.2f} s"

    def reached(self, target: str) -> bool:
        """Whether this is the chosen write."""
        number = self.counts.get(target, 0)
        self.counts[target] = number + 1
        return (target, number) == (self.target, self.number)


def disturbed(disturbance: Disturbance, disk: Path) -> None:
    """Let the writes of this process meet the disturbance."""
    from resed.formats import checkpoint
    from resed.runtime import files

    plain, say, sizes = files.atomic_path, print, {}

    @contextmanager
    def watched(path):
        here = disturbance.reached(Path(path).name)
        if here and disturbance.moment == "before":
            strike(disturbance, disk, sizes.get(Path(path).name, 100_000))
        with plain(path) as temporary:
            yield temporary
            sizes[Path(path).name] = temporary.stat().st_size
            if here and disturbance.moment == "written":
                strike(disturbance, disk, 0)
        if here and disturbance.moment == "after":
            strike(disturbance, disk, 0)

    def told(*lines, **options):
        if disturbance.reached("log"):
            size = os.fstat(1).st_size
            os.write(1, b"\n" * (-size % PAGE))
            strike(disturbance, disk, 0)
        say(*lines, **options)

    files.atomic_path = checkpoint.atomic_path = watched
    __builtins__.print = told


def strike(disturbance: Disturbance, disk: Path, size: int) -> None:
    """Kill this process, or fill the disk except for a share of `size` bytes."""
    if disturbance.how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    ballast, free = disk / "ballast", os.statvfs(disk).f_bavail * PAGE
    kept = int(disturbance.room * size) // PAGE * PAGE
    with ballast.open("wb", buffering=0) as handle:
        for _ in range(max(0, free - kept) // PAGE):
            handle.write(bytes(PAGE))


def settings() -> dict:
    """Of a training of a second or two."""
    from test_train_loop import SMALL

    from resed.config.loading import overlay

    return overlay(SMALL, {"schedule": {"epochs": EPOCHS, "selection": "development"}})


def start(data: Path, disk: Path, disturbance: Disturbance | None) -> int:
    """Start `resed train` in a fork, whose imports are done; its process id."""
    sys.stdout.flush()
    if child := os.fork():
        return child
    code = 1
    try:
        from test_train_loop import command

        log = os.open(disk / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        errors = os.open(data / "errors", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(errors, 2)
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        arguments = command(data, disk / "out", settings())
        sys.argv = ["resed", *arguments[arguments.index("train") :]]
        if disturbance is not None:
            disturbed(disturbance, disk)
        from resed.cli import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        os._exit(code)


def finish(process: int) -> int:
    """The exit code of a fork, negative for a signal."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    raise AssertionError("the training did not end")


def made(disk: Path) -> dict[str, str]:
    """File -> SHA-256 of all results; of the history without the measured speed, and no energy."""
    found = {}
    for path in sorted((disk / "out").iterdir()):
        if path.name == "energy.json":
            read_energy(path)
            continue
        content = path.read_bytes()
        if path.name == "history.csv":
            rows = csv.DictReader(content.decode().splitlines())
            kept = [{k: v for k, v in row.items() if k != "clips_per_second"} for row in rows]
            content = json.dumps(kept).encode()
        found[path.name] = hashlib.sha256(content).hexdigest()
    return found


def chosen(how: str, number: int, seconds: float, chance: random.Random) -> Disturbance:
    """The disturbance of trial `number`."""
    if how == "kill" and number % 2 == 0:
        return Disturbance(how, seconds=chance.uniform(0.02, 0.97) * seconds)
    targets = FILES if how == "kill" else (*FILES, "log")
    target = targets[number // 2 % 3] if how == "kill" else targets[number % 4]
    writes = {"checkpoint.pt": 1, "history.csv": EPOCHS + 1}.get(target, EPOCHS)
    moment = chance.choice(("before", "written", "after")) if how == "kill" else "before"
    room = chance.uniform(0, 0.95) if target in ("resume.pt", "checkpoint.pt") else 0.0
    return Disturbance(how, target, chance.randrange(writes), moment, room=room)


def trial(data: Path, disk: Path, disturbance: Disturbance, expected: dict[str, str]) -> str | None:
    """Disturb a training and start it again; what went wrong, if anything."""
    process = start(data, disk, disturbance)
    if disturbance.how == "kill" and not disturbance.target:
        time.sleep(disturbance.seconds)
        os.kill(process, signal.SIGKILL)
    code, said = finish(process), (data / "errors").read_text()
    if code == 0 and not disturbance.target and disturbance.seconds > 0.1:
        # It ended before the kill, because the machine was slower when it was timed.
        shutil.rmtree(disk / "out")
        return trial(data, disk, replace(disturbance, seconds=disturbance.seconds / 2), expected)
    if disturbance.how == "kill" and code != -signal.SIGKILL:
        return f"was not killed: exit code {code} {said}"
    if disturbance.how == "fill":
        (disk / "ballast").unlink(missing_ok=True)
        lines = said.splitlines()
        if code != 1 or len(lines) != 1 or "No space left on device; free" not in lines[0]:
            return f"exit code {code} on a full disk: {said}"
        place = disturbance.target if disturbance.target != "log" else ""
        if place not in lines[0]:
            return f"the line names another file: {said}"
    if (code := finish(start(data, disk, None))) != 0:
        return f"the next run failed: exit code {code} {(data / 'errors').read_text()}"
    found = made(disk)
    return None if found == expected else f"not as undisturbed: {found} {expected}"


def trials(how: str, count: int, seed: int, folder: Path) -> int:
    """The number of disturbed trainings that ended with the bytes of the undisturbed one."""
    from test_train_loop import make_tiny

    chance, home = random.Random(seed), 0
    data = folder / f"data-{how}"
    data.mkdir(parents=True)
    make_tiny(data)
    if finish(start(data, folder_of(data, "whole"), None)):  # the first run is slower
        raise AssertionError((data / "errors").read_text())
    begin = time.monotonic()
    assert finish(start(data, folder_of(data, "again"), None)) == 0
    seconds, expected = time.monotonic() - begin, made(data / "whole")
    assert made(data / "again") == expected and set(expected) == {"checkpoint.pt", "history.csv"}
    print(f"undisturbed: {seconds:.2f} s, {', '.join(expected)}", flush=True)
    for number in range(count):
        disturbance = chosen(how, number, seconds, chance)
        disk = folder_of(data, f"trial{number}")
        if how == "fill":
            mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)]
            subprocess.run(mount, check=True)
        wrong = trial(data, disk, disturbance, expected)
        home += wrong is None
        print(f"{number + 1} of {count}: {disturbance}: {wrong or 'same bytes'}", flush=True)
    print(f"{home} of {count} ended with the bytes of the undisturbed training", flush=True)
    return home


def folder_of(data: Path, name: str) -> Path:
    """A new folder for the results and the log of a run."""
    (data / name).mkdir()
    return data / name


def in_namespace() -> bool:
    """Whether this system lets this user mount disks in a namespace of their own."""
    try:
        subprocess.run(
            [*NAMESPACE, "sh", "-c", "mount -t tmpfs tmpfs /mnt"], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def run(kills: int, disks: int, seed: int, folder: Path) -> bool:
    """Run both kinds in processes of their own; whether all ended as undisturbed."""
    fine = True
    for how, count, before in (("kill", kills, ()), ("fill", disks, NAMESPACE)):
        if count:
            arguments = ["--one", how, str(count), "--seed", str(seed), "--folder", str(folder)]
            fine &= subprocess.run([*before, sys.executable, __file__, *arguments]).returncode == 0
    return fine


def main() -> int:
    """Run all trials; 0 if all ended as undisturbed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--disks", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--folder", type=Path, required=True, help="to make")
    parser.add_argument("--one", nargs=2, metavar=("HOW", "COUNT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.one:
        return int(not run(given.kills, given.disks, given.seed, given.folder))
    import torch

    importlib.import_module("resed.cli")
    importlib.import_module("resed.train.setup")
    torch.set_num_threads(1)
    how, count = given.one[0], int(given.one[1])
    return int(trials(how, count, given.seed, given.folder) < count)


if __name__ == "__main__":
    sys.exit(main())
