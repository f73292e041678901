"""Fixtures for all tests."""

import os
import sys
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


# Files of more than half a minute of computing, the longest first.
LONG = (
    "test_slurm",
    "test_demo",
    "test_six_classes",
    "test_share",
    "test_kill_demo",
    "test_kills",
    "test_gpu_benchmark",
    "test_acquire_kills",
    "test_acquired",
    "test_evidence",
    "test_runs",
    "test_made_tags",
    "test_own_dataset",
    "test_train_loop",
    "test_workflow",
    "test_report",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: the processes of `make test` then end at about the same time."""
    items.sort(key=lambda item: LONG.index(stem) if (stem := item.path.stem) in LONG else len(LONG))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared material (real annotations, recordings); tests skip where it is not."""
    folder = Path(os.environ.get("RESED_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no shared material in {folder.name}/; set RESED_SHARED to its folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _no_wait_for_disks():
    """Tests need no fsync; syncing is tested separately with another patch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _parse_each_file_once():
    """Fingerprints rest on the content of source files; parsing all takes seconds, often."""
    from resed.runtime import fingerprint

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fingerprint, "_parsed", cache(fingerprint._parsed))
        yield


@pytest.fixture(autouse=True)
def _plain_arithmetic():
    """Undo what training sets for the whole process: other tests count on denormal numbers."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)
        if torch.are_deterministic_algorithms_enabled():  # the call imports a compiler
            torch.use_deterministic_algorithms(False)


@pytest.fixture(autouse=True)
def _no_stage():
    """Undo what a command declares for the whole process: the stage and device of its files."""
    yield
    if fingerprint := sys.modules.get("resed.runtime.fingerprint"):
        fingerprint.begin("")
        fingerprint.use_device("cpu")


@pytest.fixture
def server():
    """A server on the loopback address whose answers a test can break."""
    from unreliable_server import UnreliableServer

    with UnreliableServer() as running:
        yield running
