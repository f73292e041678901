"""Measure memory and CPU time of each stage of the demo at several numbers of clips.

    python benchmarks/scale.py FOLDER [--scales 0.05 0.2 0.8] [--cores 2] [--out FILE]

Runs config/demo.yaml with one system (PTS) in FOLDER/SCALE, and prints a Markdown table: CPU
seconds and the largest memory (RSS, MB) of the jobs of each stage by Snakemake's benchmark files,
and by which power of the number of clips they grow. Training has a fixed number of steps: what
grows is the scoring of development after each epoch, and the features in memory. The last columns
extrapolate the time of the other stages to the clips of the paper and of AudioSet.
"""

import argparse
import csv
import math
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
STAGES = ("acquire", "audit", "extract", "train", "predict", "decode", "score", "draw", "tabulate",
          "judge", "browse", "report")  # fmt: skip
COPIED = ("Snakefile", "workflow", "config", "profiles", "src", "environment.yml", "dvc.yaml")
FULL = {"paper": 18_677, "AudioSet": 2_085_000}  # clips
OVERLAY = {"systems": ["pts"], "sensitivity": {"system": "pts", "report": False, "readings": []}}


def measure(folder: Path, scale: float, cores: int) -> tuple[int, dict[str, tuple[float, float]]]:
    """Clips, and stage -> CPU seconds of all jobs and MB of the largest one."""
    place = folder / f"{scale:g}"
    if not (place / "done").exists():
        place.mkdir(parents=True, exist_ok=True)
        for name in COPIED:
            source = REPOSITORY / name
            if source.is_dir():
                shutil.copytree(source, place / name, dirs_exist_ok=True)
            elif source.exists():
                shutil.copy2(source, place / name)
        overlay = OVERLAY | {"acquire": {"scale": scale}}
        (place / "overlay.yaml").write_text(yaml.safe_dump(overlay))
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--configfile",
                   "config/demo.yaml", "overlay.yaml"]  # fmt: skip
        with (place / "said.log").open("w") as log:
            subprocess.run(command, cwd=place, stdout=log, stderr=log, check=True)
        (place / "done").touch()
    results = place / "results" / "demo"
    manifest = (results / "audit" / "manifest.tsv").read_text().splitlines()
    found = {}
    for stage in STAGES:
        root = results / "benchmarks"
        files = [*root.glob(f"{stage}/**/*.tsv"), *root.glob(f"{stage}.tsv")]
        rows = [next(csv.DictReader(file.open(), delimiter="\t")) for file in files]
        if rows:
            seconds = sum(float(row["cpu_time"]) for row in rows)
            found[stage] = seconds, max(float(row["max_rss"]) for row in rows)
    return len(manifest) - 1, found


def power(counts: list[int], values: list[float]) -> float:
    """The power of the number of clips by which a value grows between the two largest scales."""
    return math.log(values[-1] / values[-2]) / math.log(counts[-1] / counts[-2])


def main() -> None:
    """Run what has not been run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scales", type=float, nargs="+", default=[0.05, 0.2, 0.8])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    runs = [measure(given.folder, scale, given.cores) for scale in sorted(given.scales)]
    counts = [clips for clips, _ in runs]
    sizes = " | ".join(f"{clips} clips: CPU s | MB" for clips in counts)
    more = " | ".join(f"{name}: CPU h" for name in FULL)
    lines = [f"| stage | {sizes} | power: time | memory | {more} |",
             "|---" + "|---:" * (2 * len(counts) + 2 + len(FULL)) + "|"]  # fmt: skip
    for stage in STAGES:
        found = [stages.get(stage) for _, stages in runs]
        if None in found:
            continue
        seconds, memory = ([one[k] for one in found] for k in (0, 1))
        time_power, memory_power = power(counts, seconds), power(counts, memory)
        cells = [f"{s:.1f} | {m:.0f}" for s, m in found]
        # Linear growth at least: what hardly grows here is start-up, of which little is left then.
        rate = max(0.0, (seconds[-1] - seconds[-2]) / (counts[-1] - counts[-2]))
        hours = [
            "–" if stage == "train" else f"{(seconds[-1] + rate * (n - counts[-1])) / 3600:.2f}"
            for n in FULL.values()
        ]
        lines.append(
            f"| {stage} | {' | '.join(cells)} | {time_power:.2f} | {memory_power:.2f} | "
            f"{' | '.join(hours)} |"
        )
    print("\n".join(lines))
    if given.out:
        given.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
