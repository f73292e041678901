"""A remote and a clone made by hand, so that each list of a folder and dvc.lock can be hostile."""

import base64
import gzip
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from runs import REPOSITORY

from resed.share.lock import declared
from resed.share.runs import SharedRun

RUN = SharedRun(("config/demo.yaml",), "demo")
TABLE = "results/demo/tables/t.csv"
CHECKPOINT = "results/demo/train/pts/seed0/checkpoint.pt"
LABELS = "data/demo/metadata/strong.tsv"
FILES = {TABLE: b"a,b\n", CHECKPOINT: b"weights", LABELS: b"filename\n"}
RECORD = json.dumps({"rule": "table", "input": ["x"], "code": "cmd", "job_hash": -(2**62)}).encode()
ARCHIVE = RUN.archive.as_posix()


def name_of(path: str) -> str:
    """The name of Snakemake's record of a file."""
    return base64.urlsafe_b64encode(path.encode()).decode()


def archive(members: Mapping[str, bytes] | None = None) -> bytes:
    """An archive of records; by default with the record of the table."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as packed:
        for name, content in (members or {name_of(TABLE): RECORD}).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return gzip.compress(buffer.getvalue())


def with_checksums(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files of a run, with the records of their SHA-256."""
    found = dict(files)
    for path, content in files.items():
        if path.startswith("results/demo/"):
            name = path.removeprefix("results/demo/")
            line = f"{hashlib.sha256(content).hexdigest()}  {name}\n"
            found[f"results/demo/checksums/{name}.sha256"] = line.encode()
    return found


class SmallRemote:
    """A remote beside a clone, which is the current folder."""

    def __init__(self, clone: Path) -> None:
        self.clone, self.folder = clone, clone.parent / "remote"
        for name, text in (
            ("Snakefile", "rule all:\n"),
            ("workflow/Snakefile", "# mine\n"),
            (".git/hooks/pre-commit", "#!/bin/sh\n"),
            (".git/config", "[core]\n"),
            (".dvc/config", "[core]\n    remote = store\n"),
            ("mine/notes.txt", "mine\n"),
        ):
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            (clone / name).write_text(text)
        shutil.copy(REPOSITORY / "dvc.yaml", clone)
        self.outs: dict[str, str] = {}
        self.share(FILES | {ARCHIVE: archive()})

    def share(self, files: Mapping[str, bytes]) -> None:
        """Put the files of a run and their checksums into the remote, and lock them."""
        files = with_checksums(files)
        self.outs = {}
        for out in [out for name in RUN.stages for out in declared(RUN)[name]]:
            if out in files:
                self.outs[out] = self.put(files[out])
                continue
            inside = [path for path in files if path.startswith(f"{out}/")]
            entries = [(self.put(files[path]), path.removeprefix(f"{out}/")) for path in inside]
            self.put_list(out, [{"md5": md5, "relpath": path} for md5, path in entries])
        self.lock()

    def put(self, content: bytes, suffix: str = "") -> str:
        """Store an object under its MD5."""
        md5 = hashlib.md5(content).hexdigest() + suffix
        path = self.place(md5)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return md5

    def put_list(self, out: str, entries: Any) -> str:
        """Store the list of a folder, JSON or bytes, and lock it."""
        content = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
        self.outs[out] = self.put(content, ".dir")
        return self.outs[out]

    def place(self, md5: str) -> Path:
        """Path of an object in the remote."""
        return self.folder / "files" / "md5" / md5[:2] / md5[2:]

    def lock(self, **stages: Any) -> None:
        """Write dvc.lock; `stages` replace the ones of the run by their phase."""
        found = {}
        for name in RUN.stages:
            outs = [{"path": p, "md5": self.outs[p], "hash": "md5"} for p in declared(RUN)[name]]
            found[name] = {"cmd": "x", "outs": outs}
        found |= {f"{phase}@demo": value for phase, value in stages.items()}
        text = yaml.safe_dump({"schema": "2.0", "stages": found})
        (self.clone / "dvc.lock").write_text(text)

    def fetch(self, cache: Path, objects: list[str]) -> dict[str, str]:
        """What the process that runs DVC does."""
        problems = {}
        for md5 in objects:
            if not self.place(md5).is_file():
                problems[md5] = "missing"
                continue
            target = cache / "files" / "md5" / md5[:2] / md5[2:]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.place(md5), target)
        return problems


def snapshot(folder: Path) -> dict[str, str]:
    """Every file, link and folder of a clone, except the files of DVC and the locks of runs."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.startswith((".dvc/cache", ".dvc/tmp", ".dvc/config.local", ".snakemake/resed")):
            continue
        if path.is_symlink():
            found[name] = f"link to {path.readlink()}"
        elif path.is_file():
            found[name] = path.read_bytes().hex()
        elif name != ".snakemake":
            found[name] = "folder" if path.is_dir() else "special"
    return found
