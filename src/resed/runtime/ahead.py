"""Compute the items of an iterator in a thread while the items before them are used."""

from collections.abc import Iterator
from dataclasses import dataclass
from queue import Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")
POLL_S = 0.1


@dataclass(frozen=True)
class _Computed(Generic[Item]):
    """An item of the iterator."""

    value: Item


def ahead(items: Iterator[Item], most: int) -> Iterator[Item]:
    """The items, of which up to `most` are computed before they are used.

    An error of the iterator is raised where its item would be. The thread ends with this generator.
    """
    queue: Queue[_Computed[Item] | BaseException | None] = Queue(max(1, most))
    ended = Event()

    def put(value: _Computed[Item] | BaseException | None) -> bool:
        while not ended.is_set():
            try:
                queue.put(value, timeout=POLL_S)
            except Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(_Computed(item)):
                    return
            put(None)  # the end
        except BaseException as error:  # raised in the other thread
            put(error)

    thread = Thread(target=work, daemon=True)
    thread.start()
    try:
        while (found := queue.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found.value
    finally:
        ended.set()
        thread.join()
