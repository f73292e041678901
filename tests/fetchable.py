"""A small dataset of recordings that can be fetched: clips, annotations, listings and archives.

Everything is made from a seed; `serve` gives the pages that a server of Zenodo's, of Hugging
Face's and of single files would give.
"""

import hashlib
import io
import json
import random
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import soundfile
import yaml

SPLITS = {  # role -> (audio, annotations, labels)
    "weak": ("audio/train/weak", "metadata/train/weak.tsv", "weak"),
    "unlabeled": ("audio/train/unlabel_in_domain", "metadata/train/unlabel_in_domain.tsv", "none"),
    "strong": ("audio/train/synthetic", "metadata/train/synthetic.tsv", "strong"),
    "development": ("audio/validation", "metadata/validation/validation.tsv", "strong"),
    "evaluation": ("audio/eval/public", "metadata/eval/public.tsv", "strong"),
}
RECORDING = r"^Y?(?P<id>[\w-]{11})_(?P<start>\d+(?:\.\d+)?)_(?P<end>\d+(?:\.\d+)?)\.wav$"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
CLASSES = ["Cat", "Dog"]


def sound(seed: int, seconds: float = 0.05, rate: int = 16000, form: str = "WAV") -> bytes:
    """A short mono sound of noise, as a file's bytes."""
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * rate))
    file = io.BytesIO()
    soundfile.write(file, noise, rate, format=form, subtype="PCM_16")
    return file.getvalue()


def video(chance: random.Random) -> str:
    """The name of a clip that was cut from a video."""
    name = "".join(chance.choice(LETTERS) for _ in range(11))
    start = chance.randrange(0, 300, 10)
    return f"Y{name}_{start}.000_{start + 10}.000.wav"


def annotations(labels: str, clips: list[str]) -> bytes:
    """The annotation file of a split."""
    if labels == "none":
        lines = ["filename", *clips]
    elif labels == "weak":
        lines = ["filename\tevent_labels", *(f"{clip}\tCat,Dog" for clip in clips)]
    else:
        lines = ["filename\tonset\toffset\tevent_label", *(f"{c}\t0.0\t0.04\tDog" for c in clips)]
    return ("\n".join(lines) + "\n").encode()


class Collection:
    """Clips of all splits: `clips[split][name]` are bytes, `tables[split]` the annotation file."""

    def __init__(self, count: int = 6, seed: int = 0, seconds: float = 0.05):
        chance = random.Random(seed)
        self.clips: dict[str, dict[str, bytes]] = {}
        for place, split in enumerate(SPLITS):
            names = [f"{n}.wav" if split == "strong" else video(chance) for n in range(count)]
            self.clips[split] = {
                name: sound(1000 * place + n, seconds * chance.uniform(0.5, 1.5))
                for n, name in enumerate(names)
            }
        self.tables = {
            split: annotations(SPLITS[split][2], list(clips)) for split, clips in self.clips.items()
        }

    def dataset(self, path: Path, sources: list[dict]) -> Path:
        """Write a dataset file; its name is the file's."""
        splits = {
            role: {
                "audio": audio,
                "annotations": table,
                "labels": labels,
                "clips": max(1, len(self.clips[role])),
            }
            for role, (audio, table, labels) in SPLITS.items()
        }
        values = {
            "name": path.stem,
            "title": "made",
            "kind": "recordings",
            "classes": CLASSES,
            "recording": RECORDING,
            "splits": splits,
            "sources": sources,
        }
        path.write_text(yaml.safe_dump(values, sort_keys=False))
        return path

    def tree(self, *splits: str) -> dict[str, bytes]:
        """Clips of splits by their place in the DESED layout."""
        return {
            f"{SPLITS[split][0]}/{name}": data
            for split in splits or SPLITS
            for name, data in self.clips[split].items()
        }

    def metadata(self) -> dict[str, bytes]:
        """Annotation files by their place in the DESED layout."""
        return {SPLITS[split][1]: table for split, table in self.tables.items()}

    def annotation_source(self, base: str, **more) -> dict:
        """A source of kind files with all annotation files, to be served below `base`."""
        files = [
            {"path": path, "bytes": len(data), "checksum": f"sha256:{sha256(data)}"}
            for path, data in self.metadata().items()
        ]
        values = {"name": "annotations", "kind": "files", "splits": list(SPLITS), "url": base}
        return {**values, "files": files, **more}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip archive without time stamps."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2019, 5, 2, 0, 0, 0)), data)
    return file.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    """A tar archive."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def serve_record(server, record: str, archives: dict[str, bytes], **lies: str) -> None:
    """Serve a Zenodo record; `lies` are wrong checksums by archive (dots as underscores)."""
    files = []
    for key, data in archives.items():
        path = f"api/records/{record}/files/{key}/content"
        server.put(path, data)
        checksum = lies.get(key.replace(".", "_"), hashlib.md5(data).hexdigest())
        entry = {"key": key, "size": len(data), "checksum": f"md5:{checksum}"}
        files.append({**entry, "links": {"self": server.url(path)}})
    server.put(f"api/records/{record}", {"id": int(record), "files": files})


def serve_repository(
    server, repository: str, files: dict[str, bytes], commit: str = "c0ffee", page: int = 1000
) -> None:
    """Serve a Hugging Face dataset repository at one commit, its listing in pages."""
    from unreliable_server import Page

    base = f"api/datasets/{repository}"
    server.put(f"{base}/revision/main", {"sha": commit})
    entries = [
        {"type": "file", "path": path, "size": len(data), "oid": "0" * 40,
         "lfs": {"oid": sha256(data), "size": len(data)}}
        for path, data in sorted(files.items())
    ]  # fmt: skip
    folders = {"", *(str(Path(path).parents[i]) for path in files for i in range(path.count("/")))}
    for folder in folders:
        inside = [
            entry for entry in entries if f"{entry['path']}".startswith(f"{folder}/".lstrip("/"))
        ]
        address = f"{base}/tree/{commit}/{folder}".rstrip("/") + "?recursive=true"
        pages = [inside[start : start + page] for start in range(0, len(inside), page)] or [[]]
        for number, part in enumerate(pages):
            own = address + (f"&cursor={number}" if number else "")
            following = f'<{server.url(f"{address}&cursor={number + 1}")}>; rel="next"'
            headers = {"Content-Type": "application/json"}
            headers |= {"Link": following} if number + 1 < len(pages) else {}
            server.put(own, Page(json.dumps(part).encode(), headers))
    for path, data in files.items():
        server.put(f"datasets/{repository}/resolve/{commit}/{path}", data)


def zenodo(server, name: str, record: str, archives: list[str], splits: list[str], **more) -> dict:
    """The entry of a Zenodo source in a dataset file."""
    values = {"name": name, "kind": "zenodo", "splits": splits, "record": record}
    return {**values, "archives": archives, "api": server.url("api/records"), **more}


def hub(server, name: str, repository: str, splits: list[str], **more) -> dict:
    """The entry of a Hugging Face source in a dataset file."""
    values = {"name": name, "kind": "huggingface", "splits": splits, "repository": repository}
    bases = {"api": server.url("api/datasets"), "files": server.url("datasets")}
    return {**values, **bases, **more}


def contents(root: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too, by its path."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
