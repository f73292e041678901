"""A training killed once by tests/kill_demo.py: table 1 is the same as without the kill."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "kill_demo.py"


@pytest.mark.integration
def test_the_demo_comes_home_after_kills(tmp_path):
    wanted = ["--kills", "1", "--rules", "train", "--targets", "table1"]
    done = subprocess.run(
        [sys.executable, SCRIPT, *wanted, "--folder", tmp_path / "kills"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "1 of 1 kills came home" in done.stdout
