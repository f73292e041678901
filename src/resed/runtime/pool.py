"""Apply a function to many items in several processes, with results in the order of the items."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from resed.errors import ProcessError
from resed.runtime import orphans

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_processes(
    function: Callable[[Shared, Item], Result],
    shared: Shared,
    items: Sequence[Item],
    *,
    processes: int,
    chunk: int,
    place: object,
) -> Iterator[Result]:
    """Yield `function(shared, item)` for each item, in the order of `items`.

    Args:
        function: defined at the top level of a module, so that it can be sent to a process.
        shared: sent to each process once.
        items: the items; `chunk` of them are sent at a time.
        processes: number of processes; with 1, the function is called in this process. Each process
            uses one thread, ignores Ctrl-C (handled by this process), and ends with this process.
        chunk: number of items per task.
        place: place in error messages, a file or stage.

    Raises ProcessError if a process is killed, and the errors of `function`.
    """
    processes = min(processes, -(-len(items) // chunk))
    if processes <= 1:
        with threadpool_limits(1):
            for item in items:
                yield function(shared, item)
        return
    pool = ProcessPoolExecutor(
        processes, initializer=_start, initargs=(function, shared, os.getpid())
    )
    try:
        yield from pool.map(_work, items, chunksize=chunk)
    except BrokenProcessPool:
        problem = "a worker process was killed, probably because memory ran out"
        cure = f"use fewer than {processes} processes"
        raise ProcessError(problem, place=place, cure=cure) from None
    finally:
        pool.shutdown(cancel_futures=True)  # after an error or Ctrl-C, skip the remaining items


_function: Callable[[Any, Any], Any]  # of this worker process
_shared: Any


def _start(function: Callable[[Any, Any], Any], shared: Any, parent: int) -> None:
    global _function, _shared
    _function, _shared = function, shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)  # one process per core: more threads would compete
    orphans.end_with_parent(parent)


def _work(item: Any) -> Any:
    return _function(_shared, item)
