"""Run Snakemake and show one line per stage, with the time that the whole run will still take.

python -m snakemake_logger_plugin_resed.stages ARGUMENTS OF SNAKEMAKE

The messages of Snakemake and of its jobs are in a file whose path is printed first. The exit code
is that of Snakemake. Ctrl-C and kill end Snakemake and its jobs as without this program.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from resed.escaping import one_line, plain
from resed.runtime.progress import status_line
from snakemake_logger_plugin_resed.costs import Estimate

LOGS = Path(".snakemake/log")
SUMMARY = Path("report/summary.txt")  # below the folder of the results
STAGES = {"sanity": "decode", "admit": "audit"}  # of rules with another name than their stage
REFRESH_S = 1.0
SILENT_S = 30.0  # without a terminal: seconds without a line, after which one shows the progress
ENDED_BY = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}
LAST_LINES = 5  # of the log, if a run fails before its first job


def stage_of(rule: str) -> str:
    """The stage of a rule: `score_sanity` is a job of score."""
    return STAGES.get(rule, rule.partition("_")[0])


class Stages:
    """What was run so far, and the lines about it.

    Args:
        cores: number of jobs at the same time.
        say: receives each line.
    """

    def __init__(self, cores: int, say: Callable[[str], None]) -> None:
        self.cores, self.say = cores, say
        self.estimate = Estimate({}, cores)
        self.planned: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.began: dict[str, float] = {}
        self.titles: dict[int, str] = {}
        self.results: Path | None = None
        self.failed = False  # and the reason was shown

    def add(self, event: dict[str, Any], now: float) -> None:
        """Take an event of snakemake_logger_plugin_resed.events into account."""
        match event["event"]:
            case "results":
                self.results = Path(event["folder"])
            case "plan":
                self._plan(event["jobs"], now)
            case "start":
                self.titles[event["job"]] = event["title"]
                self.estimate.start(event["job"], event["rule"], now)
                self.began.setdefault(stage_of(event["rule"]), now)
            case "end":
                self._end(event["job"], now)
            case "error":
                self.failed = True
                for line in failure(event):
                    self.say(line)

    def _plan(self, jobs: dict[str, int], now: float) -> None:
        self.estimate = Estimate(jobs, self.cores)
        for rule, count in jobs.items():
            self.planned[stage_of(rule)] += count
        total = sum(jobs.values())
        self.say(f"{total} jobs, about {duration(self.estimate.left(now))}")

    def _end(self, job: int, now: float) -> None:
        self.titles.pop(job, None)
        rule = self.estimate.end(job, now)
        if rule is None:
            return
        stage = stage_of(rule)
        self.ended[stage] += 1
        if self.ended[stage] == self.planned[stage] and stage != "all":
            jobs, took = self.planned[stage], duration(now - self.began[stage])
            left = f"{duration(self.estimate.left(now))} left"
            self.say(f"{stage:<10}{jobs:>3} job{'s' * (jobs != 1):<2}{took:>14}{left:>20}")

    def progress(self, now: float) -> str:
        """The stages that are running, with how many of their jobs ended."""
        stages = dict.fromkeys(stage_of(rule) for rule, _ in self.estimate.running.values())
        running = ", ".join(f"{name} {self.ended[name]} of {self.planned[name]}" for name in stages)
        return f"  {running or 'plan'}; {duration(self.estimate.left(now))} left"

    def status(self, now: float) -> str:
        """What is running, in one line."""
        running = "; ".join(self.titles.values()) or "plan"
        if not self.planned:
            return running
        return f"{duration(self.estimate.left(now))} left: {one_line(running, 80)}"


def duration(seconds: float) -> str:
    """Minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def failure(event: dict[str, Any]) -> Iterator[str]:
    """The last line of the log of a job that failed, and where the log is."""
    logs = [Path(log) for log in event["logs"]]
    last = next((line for log in logs if (line := last_lines(log, 1))), [])
    why = last[0].removeprefix("resed: ") if last else "it wrote no log"
    yield f"{event['title']} failed: {why}"
    yield from (f"  its log: {log}" for log in logs)


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a text file that are not empty."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [plain(line) for line in text.splitlines() if line.strip()][-count:]


def closing(stages: Stages, code: int, log: Path, seconds: float) -> Iterator[str]:
    """The lines after a run with exit code `code`."""
    if code and not stages.failed:
        lines = last_lines(log, sys.maxsize)
        errors = [line for line in lines if line.startswith("resed: ")]
        yield from errors[-1:] or lines[-LAST_LINES:]
    if code:
        yield f"not finished; the same command continues; log of Snakemake: {log}"
        return
    yield f"done in {duration(seconds)}" if stages.planned else "nothing to do"
    summary = stages.results / SUMMARY if stages.results else None
    if summary and summary.is_file():
        yield from summary.read_text(encoding="utf-8").splitlines()
        yield f"Page: {summary.with_name('index.html')}"


def run(arguments: Sequence[str], stream: TextIO = sys.stdout) -> int:
    """Run Snakemake; return its exit code, 128 + N if signal N ended the run."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{datetime.now():%Y-%m-%dT%H%M%S.%f}.stages.log"
    show: Callable[[Callable[[], str]], None] | None = None

    said = time.monotonic()

    def say(line: str) -> None:
        nonlocal said
        said = time.monotonic()
        print(plain(line), file=stream, flush=True)

    say(f"Log of Snakemake: {log}")
    began = time.monotonic()
    stages = Stages(_cores(arguments), say)
    with _ended_by_signals() as signals, _snakemake(arguments, log) as (process, events):
        signals.process, received = process, signals.received
        if received:  # while Snakemake started
            os.killpg(process.pid, received[-1])
        with status_line("") if sys.stderr.isatty() else nullcontext() as show:
            for line in _lines(events, process):
                now = time.monotonic()
                event = json.loads(line) if line else {}
                if event and not (received and event["event"] == "error"):
                    stages.add(event, now)
                if show is not None:
                    show(lambda now=now: stages.status(now))
                elif now - said > SILENT_S and stages.planned:
                    say(stages.progress(now))
        code = process.wait()
    if received:
        stages.failed, code = True, 128 + received[0]
        say(ENDED_BY[received[0]])
    for line in closing(stages, code, log, time.monotonic() - began):
        say(line)
    return code if code >= 0 else 128 - code


@contextmanager
def _snakemake(
    arguments: Sequence[str], log: Path
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Snakemake in a process group of its own, so that a signal reaches it and its jobs once."""
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "snakemake", *arguments]
    command += ["--logger-resed-events", f"/dev/fd/{writing}"]
    try:
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                pass_fds=(writing,),
                process_group=0,
            )
        os.close(writing)
        yield process, reading
    finally:
        os.close(reading)


@dataclass
class Signals:
    """The signals that this program received, and the process that they are passed on to."""

    received: list[signal.Signals] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def forward(self, number: int, frame: Any) -> None:
        """Pass a signal on to Snakemake and its jobs."""
        self.received.append(signal.Signals(number))
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)


@contextmanager
def _ended_by_signals() -> Iterator[Signals]:
    """Signals end Snakemake and its jobs, and this program after them.

    The handlers are set before Snakemake starts, which would otherwise ignore what is ignored here,
    such as Ctrl-C in a background job.
    """
    signals = Signals()
    before = {number: signal.signal(number, signals.forward) for number in ENDED_BY}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _lines(handle: int, process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Lines of a pipe until Snakemake ends; an empty one if there is none for a while."""
    import selectors

    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(handle, selectors.EVENT_READ)
        while True:
            ended = process.poll() is not None
            if selector.select(0 if ended else REFRESH_S):
                found = os.read(handle, 1 << 16)
                *lines, rest = (rest + found).split(b"\n")
                yield from (line.decode() for line in lines)
                if found:
                    continue
            if ended or (not selector.select(0) and process.poll() is not None):
                return
            yield ""


def _cores(arguments: Sequence[str]) -> int:
    """The value of --cores; all cores of the machine for `all` or without it."""
    for option, value in itertools.pairwise(arguments):
        if option in ("--cores", "-c") and value.isdigit():
            return int(value)
    return os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
