"""Fuzz of the readers of all formats: flipped bits and structural edits of small valid files.

    python tests/fuzz_formats.py [--flips 3000] [--edits 300] [--seed 0] [--only NAME ...]

A reader may return the same value, or refuse the file in one line. A file that people write has no
checksum and may have another value, which must pass the checks of its format that are written here
independently of its reader. Any other exception, more than 10 s, or more than 1 GiB of memory is a
failure. A structural edit of a format with checksums makes them anew, so that it may be accepted,
too, if its value passes the checks. The script prints the counts per format; exit code 1 after a
failure.
"""

import argparse
import faulthandler
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import fuzz_samples
from fuzz_edits import flipped
from fuzz_samples import Sample

from resed.errors import ResedError

SECONDS = 10  # of processor time per file
PATIENCE = 30  # times SECONDS by the clock, which other processes slow down
MEMORY = 1 << 30  # bytes of address space beyond those of the process before the first file
LONGEST_LINE = 2000  # characters of a refusal; resed.errors bounds each of its parts
SHOWN = 5  # failures per format that are printed


class TooLongError(BaseException):
    """A reader took more than SECONDS; not an Exception, so that no reader catches it."""


@dataclass
class Outcome:
    """Counts of one format and its failures."""

    counts: Counter = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    longest: float = 0.0


# Imported once by the process that forks for each format. It has no threads: PyTorch may not return
# in a fork of a process in which its threads have worked.
IMPORTED = ["torch", "pandas", "soundfile", "resed.formats.checkpoint", "resed.config.run"]


def fuzz(name: str, flips: int, edits: int, seed: int, method: str = "forkserver") -> Outcome:
    """Fuzz one format in a process of its own, which has bounds of memory and time.

    `method` is that of multiprocessing; only `fork` knows samples that a test has added.
    """
    context = multiprocessing.get_context(method)
    context.set_forkserver_preload(IMPORTED)
    queue = context.SimpleQueue()
    process = context.Process(target=_bounded, args=(queue, name, flips, edits, seed))
    process.start()
    outcome = Outcome(failures=[f"the process ended (see above) while it read {name}"])
    while process.is_alive() and queue.empty():
        time.sleep(0.02)
    if not queue.empty():
        outcome = queue.get()
    process.join()
    return outcome


def _bounded(queue, name: str, flips: int, edits: int, seed: int) -> None:
    signal.signal(signal.SIGPROF, _too_long)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sample = fuzz_samples.SAMPLES[name](Path("sample"))
        sample.read()  # imports, before memory is bounded
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
        queue.put(_fuzzed(sample, flips, edits, random.Random(f"{seed} {name}")))
        os.chdir("/")


def _too_long(number, frame) -> None:
    raise TooLongError


def _fuzzed(sample: Sample, flips: int, edits: int, source: random.Random) -> Outcome:
    outcome, written = Outcome(), sample.path.read_bytes()
    expected = sample.read()
    bits = [source.randrange(8 * len(written)) for _ in range(flips)]
    for bit in bits:
        sample.path.write_bytes(flipped(written, bit))
        _read(outcome, sample, "flips", f"bit {bit}", expected)
    for number in range(edits):
        editor = source.choice(sample.editors)
        changed = editor(source, written)
        sample.path.write_bytes(changed)
        same = expected if sample.checksum and editor in sample.blind else None
        _read(outcome, sample, "edits", f"edit {number} ({editor.__name__})", same)
    sample.path.write_bytes(written)
    _read(outcome, sample, "whole", "the whole file", expected)
    return outcome


def _read(outcome: Outcome, sample: Sample, kind: str, what: str, expected: object) -> None:
    """Read the changed file; count it as accepted or refused, or note a failure."""
    faulthandler.dump_traceback_later(
        PATIENCE * SECONDS, exit=True
    )  # for code that no signal stops
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    started = time.process_time()
    try:
        problem, verdict = _verdict(sample, expected)
    except TooLongError:
        problem, verdict = f"more than {SECONDS} s", "failed"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()
    outcome.longest = max(outcome.longest, time.process_time() - started)
    outcome.counts[kind, verdict] += 1
    if problem:
        kept = Path(tempfile.gettempdir()) / "fuzz_failures"
        kept.mkdir(exist_ok=True)
        copy = kept / f"{sample.name}-{len(outcome.failures)}{sample.path.suffix}"
        copy.write_bytes(sample.path.read_bytes())
        outcome.failures.append(f"{what}: {problem} [{copy}]")


def _verdict(sample: Sample, expected: object) -> tuple[str, str]:
    """A problem, or "", and how the file was taken: accepted, refused or failed."""
    try:
        value = sample.read()
    except ResedError as error:
        line = str(error)
        if "\n" in line or "\r" in line:
            return f"more than one line: {line[:200]!r}", "failed"
        if len(line) > LONGEST_LINE:
            return f"a line of {len(line)} characters: {line[:200]!r}", "failed"
        if "allocate" in line or "MemoryError" in line:
            return f"memory: {line[:200]!r}", "failed"
        return "", "refused"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]!r}", "failed"
    if sample.checksum and expected is not None and value != expected:
        return "accepted with another value", "failed"
    try:
        sample.check(value)
    except Exception as error:
        return f"accepted, but {type(error).__name__}: {str(error)[:200]!r}", "failed"
    return "", "accepted"


def main() -> int:
    """Fuzz all formats and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--flips", type=int, default=3000, help="flipped bits per format")
    parser.add_argument("--edits", type=int, default=300, help="structural edits per format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=sorted(fuzz_samples.SAMPLES))
    chosen = parser.parse_args()
    print(f"{'':20} {'flips':>15} {'':9} {'edits':>15} {'':9} {'slowest':>8}")
    print(f"{'format':20} " + f"{'accepted':>15} {'refused':>9} " * 2 + f"{'s':>8}  failures")
    failed, total = 0, 0
    for name in chosen.only or fuzz_samples.SAMPLES:
        outcome = fuzz(name, chosen.flips, chosen.edits, chosen.seed)
        count = outcome.counts
        cells = [count[kind, how] for kind in ("flips", "edits") for how in ("accepted", "refused")]
        print(
            f"{name:20} {cells[0]:15} {cells[1]:9} {cells[2]:15} {cells[3]:9} "
            f"{outcome.longest:8.2f}  {len(outcome.failures)}",
            flush=True,
        )
        for line in outcome.failures[:SHOWN]:
            print(f"    {line}")
        failed += len(outcome.failures)
        total += sum(count[kind, how] for kind, how in count if kind != "whole")
    print(f"{total} files read, {failed} failures")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
