"""Progress on a terminal: what is printed stands above the status line, whole."""

import os
import pty
import re
import subprocess
import sys

SCRIPT = """
import sys
import time

from resed.escaping import plain_output
from resed.runtime.progress import status_line

with plain_output():
    with status_line("detect") as show:
        for number in range(3):
            show(lambda: f"{number} of 3 files")
            time.sleep(0.15)
            print(f"file {number}.wav: [bold]" + " word" * 40)
        print("a\\x1b[2Kb")
        print("no end", end="")
    print("summary")
"""


def lines_of(output):
    """The lines of a wide terminal after text with carriage returns and control sequences."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[?0-9;]*[A-Za-z]|[^\x1b]", output):
        if part.startswith("\x1b["):
            row -= int(part[2:-1] or 1) if part.endswith("A") else 0
            lines[row] = "" if part.endswith("2K") else lines[row]
        elif part == "\n":
            row, column = row + 1, 0
            lines += [""] * (row == len(lines))
        elif part == "\r":
            column = 0
        else:
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + 1 :]
            column += 1
    return [line for line in lines if line]


def on_terminal(**streams):
    """Output of SCRIPT on a terminal of 80 columns."""
    leader, follower = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    command = [sys.executable, "-c", SCRIPT]
    streams = {"stdout": follower, "stderr": follower} | streams
    with subprocess.Popen(command, env=environment, **streams) as process:
        os.close(follower)
        output = b""
        while True:
            try:
                part = os.read(leader, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            output += part
        rest = process.stdout.read() if process.stdout else b""
    os.close(leader)
    assert process.returncode == 0
    return output.decode(), rest.decode()


PRINTED = [
    *(f"file {number}.wav: [bold]" + " word" * 40 for number in range(3)),
    *("a\\x1b[2Kb", "no end"),
]


def test_lines_are_printed_above_the_status_line_and_are_not_broken():
    output, _ = on_terminal()
    assert "detect: 1 of 3 files" in output
    assert lines_of(output) == [*PRINTED, "summary"]


def test_lines_of_a_pipe_are_not_on_the_terminal():
    output, rest = on_terminal(stdout=subprocess.PIPE)
    assert "detect: 1 of 3 files" in output and "file 1.wav" not in output
    assert rest == "\n".join([*PRINTED, ""])[:-1] + "summary\n"
