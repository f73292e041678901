"""Killed trainings and disks that fill up; the long form is that of `make test-long`."""

import kill_training
import pytest


def all_end_as_undisturbed(folder, capfd, kills, disks):
    """Run tests/kill_training.py; without disks where the system lets nobody mount one."""
    if disks and not kill_training.in_namespace():
        pytest.skip("this system lets nobody but root mount a disk")
    fine = kill_training.run(kills, disks, 1, folder)
    said = capfd.readouterr().out
    assert fine, said
    assert said.count(": same bytes\n") == kills + disks, said


def test_killed_trainings_end_with_the_same_bytes(tmp_path, capfd):
    """At a random moment, and at a write of resume.pt."""
    all_end_as_undisturbed(tmp_path, capfd, 2, 0)


def test_trainings_on_full_disks_end_with_the_same_bytes(tmp_path, capfd):
    """In a write of resume.pt, history.csv, checkpoint.pt and the log."""
    all_end_as_undisturbed(tmp_path, capfd, 0, 4)


@pytest.mark.long
def test_twenty_kills_and_ten_full_disks_end_with_the_same_bytes(tmp_path, capfd):
    all_end_as_undisturbed(tmp_path, capfd, 20, 10)
