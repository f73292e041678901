"""Measure the twin at full size: time, memory and disk of acquire, audit and extract.

python benchmarks/twin.py ANNOTATIONS ROOT [--processes 2] [--no-keep-audio] [--stages acquire,...]

Prints a Markdown table. Wall and CPU are in seconds (CPU: user and system time of a command and all
its processes). Memory is the largest sum of proportional set sizes (PSS, /proc/PID/smaps_rollup)
over a command and all its processes, sampled twice per second. Disk is the size of data/ and
results/ below ROOT at the end.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from resed.config.dataset import ROLES

NAME = "dcase2019_twin"


def family(process: int) -> list[int]:
    """A process and all its descendants."""
    found = [process]
    for parent in found:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        except OSError:  # the process has ended
            continue
    return found


def memory(process: int) -> int:
    """Bytes used by a process and all its descendants; shared pages count once."""
    total = 0
    for one in family(process):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
    return total


def measured(command: list[str]) -> tuple[float, float, int]:
    """Run a command and return wall seconds, CPU seconds and peak bytes. Exits if it fails."""
    before, began, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), 0
    with subprocess.Popen(command) as running:
        while running.poll() is None:
            peak = max(peak, memory(running.pid))
            time.sleep(0.5)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if running.returncode:
        sys.exit(f"{' '.join(command)}: exit code {running.returncode}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, peak


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Run the stages and print one row per stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("annotations")
    parser.add_argument("root", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep-audio", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--stages", default="acquire,audit,extract")
    parser.add_argument("--scale", default="1.0")
    chosen = parser.parse_args()
    data, results = chosen.root / "data", chosen.root / "results"
    common = ["--dataset", NAME, "--root", str(data), "--processes", str(chosen.processes)]
    resed = str(Path(sys.executable).with_name("resed"))
    keep = "--keep-audio" if chosen.keep_audio else "--no-keep-audio"
    manifest = str(results / "manifest.tsv")
    commands = {
        "acquire": [["--annotations", chosen.annotations, "--scale", chosen.scale, keep]],
        "audit": [["--out", str(results)]],
        "extract": [
            ["--split", split, "--manifest", manifest, "--out", str(results / f"{split}.store")]
            for split in ROLES
        ],
    }
    rows = []
    for stage in chosen.stages.split(","):
        runs = [measured([resed, stage, *common, *more]) for more in commands[stage]]
        wall, cpu, peak = sum(r[0] for r in runs), sum(r[1] for r in runs), max(r[2] for r in runs)
        row = [stage, f"{wall:.0f}", f"{cpu:.0f}", f"{peak / 1e9:.2f}", f"{size(data) / 1e9:.2f}"]
        rows.append([*row, f"{size(results) / 1e9:.2f}", f"{os.getloadavg()[1]:.1f}"])
        print(json.dumps(dict(zip(HEADER, rows[-1], strict=True))), flush=True)
    for row in (HEADER, ["---"] * len(HEADER), *rows):
        print("| " + " | ".join(row) + " |")


HEADER = ["stage", "wall, s", "CPU, s", "memory, GB", "data, GB", "results, GB", "load (5 min)"]

if __name__ == "__main__":
    main()
