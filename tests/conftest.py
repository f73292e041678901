"""Fixtures for all tests."""

import os
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared material (real annotations, recordings); tests skip where it is not."""
    folder = Path(os.environ.get("RESED_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no shared material in {folder.name}/; set RESED_SHARED to its folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _no_wait_for_disks():
    """No test survives a power cut; that files are synced is tested with a patch of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True)
def _plain_arithmetic():
    """Undo what training sets for the whole process: other tests count on denormal numbers."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)
        torch.use_deterministic_algorithms(False)
