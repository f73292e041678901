"""Hundreds of faults in one run: all available files arrive bit-exact, all others are classified.

The seeded server drops and stalls connections, sends wrong lengths and bytes, ignores ranges,
changes files, answers 429, 500 and 503, and redirects in circles. Archives are truncated, contain
members that lead out of their folder, or differ from the listing of their record.
"""

import io
import random
import tarfile
from collections import Counter

import fetchable
import pytest
from fetchable import SPLITS, Collection, contents, hub, serve_record, serve_repository, zenodo
from unreliable_server import Fault, UnreliableServer

from resed.acquire.acquisition import FetchOptions, fetch_splits
from resed.acquire.recordings.fetch.state import read_states
from resed.acquire.recordings.fetch.transfer import Limits
from resed.config.dataset import load_dataset

PATIENT = Limits(
    attempts=6, connect_s=2, read_s=0.25, backoff_s=0.005, longest_backoff_s=0.02, redirects=3
)
REAL = ("weak", "unlabeled", "development")
RATE = 0.5  # of requests meet a fault
FAULTS = 200  # at least so many must have been met


def hostile(files: dict[str, bytes]) -> bytes:
    """A tar.gz of `files` among members that must not be unpacked."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:

        def add(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""):
            member = tarfile.TarInfo(name)
            member.size, member.type, member.linkname = len(data), kind, link
            archive.addfile(member, io.BytesIO(data))

        add("../../x", b"outside")
        add("/tmp/resed_must_not_be_here.wav", b"outside")
        add("audio/link.wav", kind=tarfile.SYMTYPE, link="/etc/passwd")
        add("audio/eval", kind=tarfile.SYMTYPE, link="/tmp")
        add("audio/device", kind=tarfile.CHRTYPE)
        add("._audio", b"litter")
        for name, data in files.items():
            add(name, data)
        add("..\\..\\y.wav", b"outside")
    return file.getvalue()


class Scene:
    """A server and a dataset whose fate is known: `fate[split][clip]` is the state it must have."""

    def __init__(self, server: UnreliableServer, folder):
        self.made = made = Collection(count=90, seed=4, seconds=0.3)
        self.server, self.root = server, folder / "deep" / "er" / "data"
        self.fate = {split: dict.fromkeys(clips, "present") for split, clips in made.clips.items()}
        for path, data in made.metadata().items():
            server.put(f"git/{path}", data)
        strong = {f"audio/train/synthetic/{n}": d for n, d in made.clips["strong"].items()}
        good = fetchable.zipped(strong)
        serve_record(server, "1", {"wrong.zip": good}, wrong_zip="0" * 32)  # never what it says
        serve_record(server, "2", {"Synthetic_dataset.zip": good})
        self._public()
        self._repository()
        sources = [
            made.annotation_source(server.url("git")),
            zenodo(server, "lies", "1", ["wrong.zip"], ["strong"]),
            zenodo(server, "synthetic", "2", ["Synthetic_dataset.zip"], ["strong"]),
            zenodo(server, "public", "3", ["part.tar.gz"], ["evaluation"]),
            zenodo(server, "broken", "4", ["cut.tar.gz"], ["evaluation"]),
            hub(server, "hub", "who/DESED", list(REAL)),
        ]
        self.file = made.dataset(folder / "small.yaml", sources)

    def _public(self) -> None:
        """Twenty clips in a whole archive, the others in one that is cut in the middle."""
        public = {f"dataset/{p}": data for p, data in self.made.tree("evaluation").items()}
        first = dict(list(public.items())[:20])
        rest = dict(list(public.items())[20:])
        serve_record(self.server, "3", {"part.tar.gz": hostile(first)})
        cut = fetchable.tarred(rest)
        self.cut = cut[: len(cut) // 2]  # the record itself holds half an archive
        serve_record(self.server, "4", {"cut.tar.gz": self.cut})
        with tarfile.open(fileobj=io.BytesIO(cut)) as archive:
            ends = {m.name.rsplit("/")[-1]: m.offset_data + m.size for m in archive}
        readable = self._readable()
        for name, end in ends.items():
            if end > readable:
                self.fate["evaluation"][name] = "corrupt"

    def _readable(self) -> int:
        """Bytes of the tar that can be read from half of its tar.gz."""
        import zlib

        return len(zlib.decompressobj(31).decompress(self.cut))

    def _repository(self) -> None:
        made, server = self.made, self.server
        files = made.tree(*REAL)
        serve_repository(server, "who/DESED", files, page=50)
        lost = random.Random(9).sample(sorted(files), 24)
        base = "datasets/who/DESED/resolve/c0ffee"
        fates = {"missing": "gone", "removed": "gone", "forbidden": "blocked", "error": "failed",
                 "redirect_loop": "failed", "wrong_bytes": "corrupt", "text": "corrupt",
                 "unlisted": "gone"}  # fmt: skip
        self.healing, self.unlisted = [], []
        for place, path in enumerate(lost):
            kind = list(fates)[place % len(fates)]
            split = next(split for split in REAL if path.startswith(f"{SPLITS[split][0]}/"))
            self.fate[split][path.rsplit("/")[-1]] = fates[kind]
            if kind == "text":
                files[path] = b"<html>not a sound</html>" * 20
            elif kind == "unlisted":
                del files[path]
                self.unlisted.append(f"{base}/{path}")
            else:
                server.always(f"{base}/{path}", Fault(kind, after=100))
                if fates[kind] in ("failed", "blocked", "corrupt"):
                    self.healing.append(f"{base}/{path}")
        serve_repository(server, "who/DESED", files, page=50)

    def acquire(self, said: list[str]):
        fetching = FetchOptions(self.file, limits=PATIENT, downloads=6)
        return fetch_splits(
            load_dataset(self.file), self.root, fetching, tuple(SPLITS), report=said.append
        )

    def found(self) -> dict[str, dict[str, str]]:
        return {
            split: {name: entry.state for name, entry in read_states(self.root, split).items()}
            for split in SPLITS
        }

    def expected(self) -> dict[str, bytes]:
        tables = self.made.metadata()
        clips = {
            f"{SPLITS[split][0]}/{name}": data
            for split, own in self.made.clips.items()
            for name, data in own.items()
            if self.fate[split][name] == "present"
        }
        return {**tables, **clips}


@pytest.mark.parametrize("seed", [2019])
def test_hundreds_of_faults(tmp_path, seed):
    with UnreliableServer(seed=seed, rate=RATE, stall_s=1.0) as server:
        scene, said = Scene(server, tmp_path), []
        scene.acquire(said)
        injected, requests = Counter(server.faults), len(server.log)
        print(f"\n{sum(injected.values())} faults in {requests} requests: {dict(injected)}")
        assert sum(injected.values()) >= FAULTS
        assert len(injected) >= 14, "every kind of fault"
        assert scene.found() == scene.fate
        everything = contents(tmp_path)
        inside = {
            path.removeprefix("deep/er/data/"): data
            for path, data in everything.items()
            if path.startswith("deep/er/data/") and "/.acquire/" not in path
        }
        assert inside == scene.expected(), "bit-exact, and nothing else"
        outside = {path for path in everything if not path.startswith("deep/er/data/")}
        assert outside == {"small.yaml", "small.lock.json"}
        refused = [line for line in said if "is skipped" in line]
        for name in ("../../x", "/tmp/resed_must_not_be_here.wav", "audio/link.wav", "audio/eval",
                     "audio/device"):  # fmt: skip
            assert any(repr(name) in line for line in refused), name
        again(scene, server)


def again(scene: Scene, server: UnreliableServer) -> None:
    """A second run requests missing clips only; a third one gets them from the repaired server."""
    tree = contents(scene.root)
    server.behave()
    server.forget()
    scene.acquire([])
    asked = {path for path in server.asked() if "/resolve/" in path or "/content" in path}
    # The 404s, what is not listed, and damaged members of verified archives are settled.
    assert asked <= set(scene.healing), "only what was missing"
    assert asked == set(scene.healing)
    assert contents(scene.root) == tree
    for path in scene.healing:
        server.always(path, None)
    server.forget()
    scene.acquire([])
    asked = Counter({path: n for path, n in server.asked().items() if "/resolve/" in path})
    assert asked == Counter(scene.healing)
    for split in REAL:
        for name, state in scene.fate[split].items():
            if state != "present" and any(path.endswith(name) for path in scene.healing):
                scene.fate[split][name] = "present"
    assert scene.found() == scene.fate
    server.forget()
    scene.acquire([])
    assert server.sent == 0
