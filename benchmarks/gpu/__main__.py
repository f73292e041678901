"""Measure trainings on a GPU, on a machine that has only Python, NumPy and PyTorch.

    PYTHONPATH=src python3 benchmarks/gpu [--out FOLDER] [--minutes 8] [--parts agreement speed ...]
    PYTHONPATH=src python3 benchmarks/gpu --device cpu --small

agreement: losses and gradients of ten steps on the CPU and on the GPU. speed: clips per second,
memory and watts at the paper's sizes. jobs: one to four jobs on the GPU. modes: compiled networks
and CUDA graphs. paper: hours and kWh of all trainings by these figures. Each row is printed and
written to gpu-PART.csv when it is measured, and gpu.md has all of them. A part that exceeds its
share of the minutes is ended, and the next one begins. With --small, the same code runs on tiny
networks.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import stand_ins

HERE = Path(__file__).resolve().parent
SYSTEMS = ("MT", "GL", "PTS+TFD+AFL", "WELS-Net")
SHARES = {"agreement": 0.2, "speed": 0.28, "jobs": 0.24, "modes": 0.26}  # of the minutes
PARTS = (*SHARES, "paper")
TRAININGS = {"MT": 1, "GL": 1, "PTS+TFD+AFL": 12}  # of the paper
EPOCHS, CLIPS = 200, 17_000
MOST_JOBS = 4
MODE_SYSTEMS = ("PTS+TFD+AFL", "MT")
MODES = ("one graph", "compiled", "compiled with graphs")  # beside the eager one of speed
START_SECONDS = 90.0  # of a job, until it is warm
Row = dict[str, Any]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--small", action="store_true", help="tiny networks and batches")
    parser.add_argument("--minutes", type=float, default=8.0, help="bound of all parts together")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT") or HERE.parent))
    parser.add_argument("--job", nargs="+", help=argparse.SUPPRESS)  # of this script itself
    return parser.parse_args()


# ---- jobs: processes of this script that print rows as JSON -------------------------------------


def job(given: argparse.Namespace) -> None:
    """What one process measures: a part, or one of several jobs, or one mode."""
    import steps
    import torch

    kind, *names = given.job
    device = torch.device(given.device)
    small = given.small
    size: Row = {"small": small, "clips": 2 if small else 0, "steps": 2 if small else 25}
    seconds = 0.2 if small else 4.0
    if kind == "agreement":
        until = time.monotonic() + float(names[0])
        for number, name in enumerate(SYSTEMS):
            left = (until - time.monotonic()) / (len(SYSTEMS) - number)
            rows = steps.agreement(
                name, device, steps=3 if small else 10, clips=2 if small else 6, small=small,
                until=time.monotonic() + left,
            )  # fmt: skip
            for row in rows:
                say(row)
    elif kind == "speed":
        for name in SYSTEMS:
            for precision in ("float32", "bfloat16"):
                row = steps.speed(name, device, precision, seconds=seconds, **size)
                say(row | {"device": steps.device_name(device)})
    elif kind == "jobs":
        if device.type == "cpu":
            torch.set_num_threads(1)
        row = steps.speed(names[0], device, "bfloat16", seconds=seconds, ready=barrier, **size)
        say(row)
    else:
        name, mode = names
        say(steps.speed(name, device, "bfloat16", mode=mode, seconds=seconds, **size))


def say(row: Row) -> None:
    print(json.dumps(row), flush=True)


def barrier() -> None:
    """Tell the parent that this job is warm, and wait until all are."""
    say({"ready": True})
    sys.stdin.readline()


def begin(given: argparse.Namespace, *words: str) -> subprocess.Popen[str]:
    flags = ["-S"] * sys.flags.no_site
    options = ["--device", given.device, *["--small"] * given.small]
    return subprocess.Popen(
        [sys.executable, *flags, HERE, *options, "--job", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows_of(process: subprocess.Popen[str], seconds: float) -> Generator[Row, None, None]:
    """The rows of a job as it prints them; a last one with the reason if it fails or is slow."""
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(max(1.0, seconds), end)
    timer.start()
    errors: list[str] = []
    reader = threading.Thread(target=lambda: errors.extend(process.stderr or []), daemon=True)
    reader.start()
    try:
        for line in process.stdout or []:
            yield json.loads(line)
        code = process.wait()
    finally:
        timer.cancel()
        process.kill()
        process.wait()
    reader.join(5)
    if late.is_set():
        yield {"failed": f"ended after {seconds:.0f} s, the time of this part"}
    elif code:
        yield {"failed": (errors or [f"exit code {code}"])[-1].strip()[:200]}


# ---- parts --------------------------------------------------------------------------------------


def single(given: argparse.Namespace, part: str, seconds: float) -> Iterator[Row]:
    """A part that one process measures."""
    words = [str(0.85 * seconds)] if part == "agreement" else []
    yield from rows_of(begin(given, part, *words), seconds)


def several(given: argparse.Namespace, part: str, seconds: float) -> Iterator[Row]:
    """One to four jobs of PTS+TFD+AFL at once."""
    until = time.monotonic() + seconds
    for count in (2,) if given.small else range(1, MOST_JOBS + 1):
        left = until - time.monotonic()
        if left < 5:
            yield {"jobs": count, "failed": "no time was left"}
            continue
        yield {"jobs": count} | together(
            [begin(given, part, "PTS+TFD+AFL") for _ in range(count)], min(left, START_SECONDS)
        )


def together(processes: Sequence[subprocess.Popen[str]], seconds: float) -> Row:
    """Jobs that begin to measure when all are warm: the sum of their speeds and memories."""
    streams = [rows_of(one, seconds) for one in processes]
    try:
        first = [next(stream) for stream in streams]
        for one in processes:
            if one.stdin is not None and one.poll() is None:
                one.stdin.write("\n")
                one.stdin.flush()
        rows = [next(stream) for stream, row in zip(streams, first, strict=True) if "ready" in row]
        rows += [row for row in first if "ready" not in row]
    except (OSError, StopIteration):
        return {"failed": "a job ended before it was measured"}
    finally:
        for stream in streams:
            stream.close()
    if failed := [row["failed"] for row in rows if "failed" in row]:
        return {"failed": failed[0]}
    memory = [row["memory_gb"] for row in rows if row["memory_gb"]]
    watts = [row["watts"] for row in rows if row["watts"]]
    return {
        "system": rows[0]["system"], "precision": rows[0]["precision"], "batch": rows[0]["batch"],
        "clips_per_second": round(sum(row["clips_per_second"] for row in rows), 1),
        "memory_gb": round(sum(memory), 2) if memory else None,
        "watts": round(sum(watts) / len(watts), 1) if watts else None,
    }  # fmt: skip


def modes(given: argparse.Namespace, part: str, seconds: float) -> Iterator[Row]:
    """Each mode in a process of its own, so that one that hangs or fails ends alone."""
    until = time.monotonic() + seconds
    tried = [("MT", "eager")] if given.small else [(n, m) for m in MODES for n in MODE_SYSTEMS]
    for number, (name, mode) in enumerate(tried):
        row = {"system": name, "precision": "bfloat16", "mode": mode}
        left = (until - time.monotonic()) / max(1, (len(tried) - number) / 2)
        if left < 5:
            yield row | {"failed": "no time was left"}
            continue
        for found in rows_of(begin(given, part, name, mode), left):
            yield row | found


def paper(given: argparse.Namespace, rows: dict[str, list[Row]]) -> Iterator[Row]:
    """Hours and kWh of the paper's trainings, by the measured speeds; steps only."""
    jobs = {row["jobs"]: row for row in rows.get("jobs", []) if "failed" not in row}
    best = max(jobs.values(), key=lambda row: row["clips_per_second"], default=None)
    for precision in ("float32", "bfloat16"):
        speeds = {
            row["system"]: row
            for row in rows.get("speed", [])
            if row.get("precision") == precision and "failed" not in row
        }
        if not speeds.keys() >= TRAININGS.keys():
            yield {"precision": precision, "failed": "a speed was not measured"}
            continue
        hours = {
            name: count * EPOCHS * CLIPS / speeds[name]["clips_per_second"] / 3600
            for name, count in TRAININGS.items()
        }
        watts = [speeds[name]["watts"] for name in hours]
        energy = None
        if None not in watts:
            energy = sum(w * h for w, h in zip(watts, hours.values(), strict=True)) / 1000
        row = {"precision": precision, "jobs": 1, "trainings": sum(TRAININGS.values()),
               "epochs": EPOCHS, "clips": CLIPS, "hours": round(sum(hours.values()), 2),
               "gpu_kwh": energy and round(energy, 3)}  # fmt: skip
        yield row
        own = speeds["PTS+TFD+AFL"]["clips_per_second"]
        if precision == "bfloat16" and best is not None and best["clips_per_second"] > own:
            gain = best["clips_per_second"] / own  # of PTS+TFD+AFL, used for all trainings
            total = sum(hours.values()) / gain
            energy = best["watts"] and best["watts"] * total / 1000
            yield row | {"jobs": best["jobs"], "hours": round(total, 2),
                         "gpu_kwh": energy and round(energy, 3)}  # fmt: skip


MEASURE: dict[str, Callable[..., Iterator[Row]]] = {
    "agreement": single,
    "speed": single,
    "jobs": several,
    "modes": modes,
}


# ---- files --------------------------------------------------------------------------------------


def columns_of(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def shown(value: Any) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def write(folder: Path, part: str, rows: dict[str, list[Row]]) -> None:
    """Write the CSV file of a part and the page of all parts."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"gpu-{part}.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns_of(rows[part]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[part])
    lines = ["# Trainings on a GPU", "", "Made by `make gpu`; see docs/clusters.md.", ""]
    for name, found in rows.items():
        if found:
            names = columns_of(found)
            lines += [f"## {name}", "", f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
            lines += [f"| {' | '.join(shown(row.get(key)) for key in names)} |" for row in found]
            lines += [""]
    (folder / "gpu.md").write_text("\n".join(lines), encoding="utf-8")


def main() -> int:
    """Measure the parts; 0 if each has a row that did not fail."""
    given = arguments()
    if given.job:
        job(given)
        return 0
    import torch

    if given.device == "cuda" and not torch.cuda.is_available():
        print("benchmarks/gpu: PyTorch sees no GPU; use --device cpu --small", file=sys.stderr)
        return 1
    end = time.monotonic() + 60 * given.minutes
    rows: dict[str, list[Row]] = {}
    for part in given.parts:
        rows[part] = []
        if part == "paper":
            found = paper(given, rows)
        else:
            left = end - time.monotonic()
            found = MEASURE[part](given, part, min(left, 60 * given.minutes * SHARES[part]))
        for row in found:
            rows[part].append(row)
            print(f"{part}: " + ", ".join(f"{k} {shown(v)}" for k, v in row.items()), flush=True)
            write(given.out, part, rows)
    bad = [part for part, found in rows.items() if all("failed" in row for row in found)]
    if bad:
        print(f"benchmarks/gpu: nothing was measured of {', '.join(bad)}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    stand_ins.install()
    sys.exit(main())
