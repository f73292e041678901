"""Fuzz of every format: damaged files are refused in one line, or their value is right."""

import time

import fuzz_formats
import fuzz_samples
import pytest

from resed.errors import ResultsError

SHORT, LONG = (60, 30), (3000, 300)  # flipped bits and structural edits of each format


def check(name: str, size: tuple[int, int]) -> None:
    outcome = fuzz_formats.fuzz(name, *size, seed=size[0])
    assert outcome.failures == []
    counts = outcome.counts
    assert counts.total() == sum(size) + 1
    assert counts["whole", "accepted"] == 1
    assert counts["edits", "refused"]  # it is not blind
    assert counts["flips", "refused"] or name.startswith("sound")  # most bits are of samples


@pytest.mark.parametrize("name", fuzz_samples.SAMPLES)
def test_c6_damaged_files_of_each_format_are_refused_or_right(name):
    check(name, SHORT)


@pytest.mark.long
@pytest.mark.parametrize("name", fuzz_samples.SAMPLES)
def test_c6_damaged_files_of_each_format_are_refused_or_right_long(name):
    check(name, LONG)


def test_the_fuzz_finds_what_is_wrong(tmp_path, monkeypatch):
    """A reader that crashes, hangs, takes memory, or accepts what it must not is a failure."""

    def faults(name, read, check=lambda value: None, checksum=False):
        def make(folder):
            folder.mkdir()
            path = folder / "a"
            path.write_text("a")

            def read_changed():
                if path.read_text(errors="replace") == "a":
                    return "a"
                return read()

            editors = [lambda source, data: b"b"]
            editors[0].__name__ = "b"
            return fuzz_samples.Sample(name, path, read_changed, check, editors, checksum, editors)

        monkeypatch.setitem(fuzz_samples.SAMPLES, name, make)
        return fuzz_formats.fuzz(name, 0, 1, 0, method="fork").failures

    def endless():
        while True:
            time.process_time()

    class RawError(ResultsError):  # ResultsError itself escapes and shortens its message
        def __str__(self):
            return self.args[0]

    def refuse(problem):
        error = RawError("")
        error.args = (problem,)
        raise error

    def refuse_b(value):
        assert value != "b"

    monkeypatch.setattr(fuzz_formats, "SECONDS", 0.5)
    assert "KeyError" in faults("crash", lambda: {}["x"])[0]
    assert "more than 0.5 s" in faults("hang", endless)[0]
    assert "MemoryError" in faults("memory", lambda: bytearray(3 << 30))[0]
    assert "more than one line" in faults("lines", lambda: refuse("a\nb"))[0]
    assert "characters" in faults("long", lambda: refuse("a" * 3000))[0]
    assert "another value" in faults("altered", lambda: "b", checksum=True)[0]
    assert faults("refused", lambda: refuse("a")) == []
    assert "accepted, but AssertionError" in faults("wrong", lambda: "b", refuse_b)[0]
    assert faults("right", lambda: "b") == []
