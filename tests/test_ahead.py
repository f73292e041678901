"""Items that are computed in a thread ahead of their use."""

import threading
import time

import pytest

from resed.runtime.ahead import ahead


def test_items_in_order():
    assert list(ahead(iter(range(100)), 3)) == list(range(100))
    assert list(ahead(iter([]), 3)) == []
    assert list(ahead(iter([None, ValueError]), 1)) == [None, ValueError]


def test_at_most_so_many_items_are_ahead():
    made = []

    def items():
        for number in range(50):
            made.append(number)
            yield number

    for used, _ in enumerate(ahead(items(), 4)):
        time.sleep(0.001)
        assert len(made) <= used + 1 + 4 + 1  # one more waits for its place


def test_an_error_is_raised_at_its_item_and_the_thread_ends():
    def items():
        yield 1
        raise OSError("the disk")

    before, found = threading.active_count(), ahead(items(), 4)
    assert next(found) == 1
    with pytest.raises(OSError, match="the disk"):
        next(found)
    assert threading.active_count() == before


def test_the_thread_ends_with_a_caller_that_stops_early():
    closed = []

    def items():
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    before, found = threading.active_count(), ahead(items(), 2)
    assert next(found) == 0
    found.close()
    assert threading.active_count() == before
