"""Recordings from all kinds of sources: brought whole, asked once, and told where they are not."""

import csv
import io
import json
import os
import shutil
from pathlib import Path

import fetchable
import pytest
import soundfile
from fetchable import SPLITS, Collection, contents, hub, serve_record, serve_repository, zenodo
from typer.testing import CliRunner
from unreliable_server import UnreliableServer

from resed.acquire.acquisition import Fetching, fetch_splits
from resed.acquire.fetch.state import read_states
from resed.acquire.fetch.transfer import Limits
from resed.cli import app
from resed.dataset import load_dataset
from resed.errors import DatasetError

QUICK = Limits(attempts=3, connect_s=2, read_s=2, backoff_s=0.01, longest_backoff_s=0.02)
REAL = ["weak", "unlabeled", "development"]


@pytest.fixture
def server():
    with UnreliableServer() as running:
        yield running


@pytest.fixture(scope="module")
def made():
    return Collection()


def acquire(file: Path, root: Path, *roles: str, said: list | None = None, **options):
    """Fetch splits (all five by default); what was told goes to `said`."""
    fetching = Fetching(file, **{"limits": QUICK, **options})
    report = (said if said is not None else []).append
    return fetch_splits(load_dataset(file), root, fetching, roles or tuple(SPLITS), report)


def whole(server, made, tmp_path) -> Path:
    """A dataset file: annotations, a record for strong, one for evaluation, a repository."""
    for path, data in made.metadata().items():
        server.put(f"git/{path}", data)
    strong = {f"audio/train/synthetic/{n}": d for n, d in made.clips["strong"].items()}
    serve_record(server, "1", {"Synthetic_dataset.zip": fetchable.zipped(strong)})
    public = {f"dataset/{path}": data for path, data in made.tree("evaluation").items()}
    serve_record(server, "2", {"DESEDpublic_eval.tar.gz": fetchable.tarred(public)})
    serve_repository(server, "who/DESED", made.tree(*REAL), page=7)
    sources = [
        made.annotation_source(server.url("git")),
        zenodo(server, "zenodo_synthetic", "1", ["Synthetic_dataset.zip"], ["strong"]),
        zenodo(server, "zenodo_public", "2", ["DESEDpublic_eval.tar.gz"], ["evaluation"]),
        hub(server, "hub_real", "who/DESED", REAL),
    ]
    return made.dataset(tmp_path / "small.yaml", sources)


def in_place(made, *splits) -> dict[str, bytes]:
    """What a root must hold, hidden files left out."""
    tables = {SPLITS[split][1]: made.tables[split] for split in splits or SPLITS}
    return {**tables, **made.tree(*(splits or SPLITS))}


def visible(root: Path) -> dict[str, bytes]:
    return {path: data for path, data in contents(root).items() if not path.startswith(".")}


def test_a_whole_dataset_arrives_and_costs_nothing_the_second_time(server, made, tmp_path):
    file, root = whole(server, made, tmp_path), tmp_path / "data"
    records = acquire(file, root)
    assert visible(root) == in_place(made)
    assert {role: record["clips_present"] for role, record in records.items()} == dict.fromkeys(
        SPLITS, 6
    )
    assert records["strong"]["sources"] == {"zenodo_synthetic": 6}
    hidden = sorted(path for path in contents(root) if path.startswith("."))
    assert hidden == sorted(f".acquire/{split}.tsv" for split in SPLITS)
    before = contents(tmp_path)
    server.forget()
    said = []
    assert acquire(file, root, said=said) == records
    assert server.log == []
    assert contents(tmp_path) == before
    assert said[0] == "small weak: 6 of 6 clips are there (6 from hub_real)"


def test_what_listings_said_is_locked_and_a_change_is_refused(server, made, tmp_path):
    file, root = whole(server, made, tmp_path), tmp_path / "data"
    acquire(file, root)
    lock = json.loads((tmp_path / "small.lock.json").read_text())
    assert set(lock) == {"zenodo_synthetic", "zenodo_public", "hub_real", "hub_real:."}
    assert lock["hub_real"] == {"repository": "who/DESED", "commit": "c0ffee"}
    assert lock["zenodo_synthetic"]["files"]["Synthetic_dataset.zip"]["checksum"].startswith("md5:")
    serve_record(server, "1", {"Synthetic_dataset.zip": fetchable.zipped(made.tree("weak"))})
    (root / "audio/train/synthetic/3.wav").unlink()
    with pytest.raises(DatasetError, match=r"small.lock.json: zenodo_synthetic is no longer what"):
        acquire(file, root)
    assert not (root / "audio/train/synthetic/3.wav").exists()


def test_sources_are_asked_in_order_each_for_the_rest(server, made, tmp_path):
    clips = made.tree("weak")
    names = list(clips)
    serve_repository(server, "a/one", {name: clips[name] for name in names[:3]})
    serve_repository(server, "a/two", {name: clips[name] for name in names[1:5]})
    sources = [hub(server, "one", "a/one", ["weak"]), hub(server, "two", "a/two", ["weak"])]
    file, root = made.dataset(tmp_path / "small.yaml", sources), tmp_path / "data"
    put(root, SPLITS["weak"][1], made.tables["weak"])
    said = []
    (record,) = acquire(file, root, "weak", said=said).values()
    assert record["sources"] == {"one": 3, "two": 2}
    assert record["states"] == {"present": 5, "gone": 1}
    assert "5 of 6 clips are there (3 from one, 2 from two); 1 gone, each in " in said[-1]
    states = read_states(root, "weak")
    lost = states[Path(names[5]).name]
    assert lost.detail == "one: gone (not in the repository); two: gone (not in the repository)"
    assert lost.gone_at == ("one", "two")
    server.forget()
    acquire(file, root, "weak")
    assert server.log == []  # they said it once
    acquire(file, root, "weak", again=True)
    assert server.log
    serve_repository(server, "a/three", {names[5]: clips[names[5]]})
    sources.append(hub(server, "three", "a/three", ["weak"]))
    (record,) = acquire(made.dataset(file, sources), root, "weak").values()
    assert record["sources"] == {"one": 3, "two": 2, "three": 1}


def put(root: Path, path: str, data: bytes) -> Path:
    """Write a file below a folder."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(data)
    return root / path


def rows(root: Path, split: str) -> list[dict]:
    """The state table as a reader of TSV files sees it."""
    with (root / f".acquire/{split}.tsv").open() as handle:
        return list(csv.DictReader(handle, delimiter="\t"))
