"""Compute the items of an iterator in a thread while the items before them are used."""

from collections.abc import Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")
POLL_S = 0.1


def ahead(items: Iterator[Item], most: int) -> Iterator[Item]:
    """The items, of which up to `most` are computed before they are used.

    An error of the iterator is raised where its item would be. The thread ends with this generator.
    """
    queue: Queue[tuple[bool, Item | BaseException | None]] = Queue(max(1, most))
    ended = Event()

    def put(more: bool, value: Item | BaseException | None) -> bool:
        while not ended.is_set():
            try:
                queue.put((more, value), timeout=POLL_S)
            except Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(True, item):
                    return
            put(False, None)
        except BaseException as error:  # raised in the other thread
            put(False, error)

    thread = Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            more, value = queue.get()
            if not more and isinstance(value, BaseException):
                raise value
            if not more:
                return
            yield value  # type: ignore[misc]
    finally:
        ended.set()
        thread.join()
