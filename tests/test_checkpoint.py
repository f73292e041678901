"""Checkpoints whose bytes were flipped: refused, never loaded with other weights."""

import random
import zipfile
from pathlib import Path

import pytest
import torch

from resed.errors import CheckpointError
from resed.formats import checkpoint

FLIPS = 600


def same(ours: object, theirs: object) -> bool:
    """Whether two contents are equal, tensors bit by bit."""
    if isinstance(ours, torch.Tensor) and isinstance(theirs, torch.Tensor):
        return ours.dtype == theirs.dtype and torch.equal(ours, theirs)
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(same(ours[key], theirs[key]) for key in ours)
    return type(ours) is type(theirs) and ours == theirs


@pytest.fixture
def path(tmp_path) -> Path:
    """The state of a training of a few weights."""
    torch.manual_seed(0)
    weights = {"weight": torch.randn(8, 8), "bias": torch.randn(8)}
    path = tmp_path / "resume.pt"
    checkpoint.save(path, {"networks": weights, "epoch": 3, "history": [{"loss": 0.5}]})
    return path


def marks_of_folders(path: Path) -> list[int]:
    """The bits that mark an entry of the archive as a folder, of which torch reads no bytes."""
    content, found, start = path.read_bytes(), [], 0
    while (start := content.find(b"PK\x01\x02", start)) >= 0:
        found.append(8 * (start + 38) + 4)  # the external attributes; 0x10 is a folder of DOS
        start += 1
    assert len(found) == len(zipfile.ZipFile(path).namelist())
    return found


def test_a_flipped_bit_is_refused_or_changes_nothing(path):
    """Not all are refused: between the entries lie bytes that nobody reads."""
    written, content = path.read_bytes(), checkpoint.load(path)
    bits = random.Random(5).sample(range(8 * len(written)), FLIPS) + marks_of_folders(path)
    refused = 0
    for bit in bits:
        flipped = bytearray(written)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            loaded = checkpoint.load(path)
        except CheckpointError:
            refused += 1
        else:
            assert same(loaded, content), f"bit {bit % 8} of byte {bit // 8}"
    assert refused > FLIPS / 3


def test_the_refusal_says_what_to_do(path):
    weights = checkpoint.load(path)["networks"]["weight"].numpy().tobytes()
    flipped = bytearray(path.read_bytes())
    flipped[flipped.index(weights)] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(CheckpointError) as refused:
        checkpoint.load(path)
    assert str(refused.value) == (
        f"{path}: not a checkpoint, or damaged (archive/data/0 has changed since it was written); "
        "delete it and train again"
    )
