"""SIGKILL at twenty random moments of `resed acquire`: the next run ends with the same bytes."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import fetchable
from fetchable import Collection, contents, hub, serve_record, serve_repository, zenodo
from unreliable_server import UnreliableServer

KILLS = 20
REAL = ["weak", "unlabeled", "development"]


class Scene:
    """A dataset with all kinds of endings: present, gone, corrupt, found in place."""

    def __init__(self, server: UnreliableServer):
        self.server = server
        self.made = made = Collection(count=12, seed=8, seconds=0.3)
        for path, data in made.metadata().items():
            server.put(f"git/{path}", data)
        strong = {f"audio/train/synthetic/{n}": d for n, d in made.clips["strong"].items()}
        serve_record(server, "1", {"Synthetic_dataset.zip": fetchable.zipped(strong)})
        public = made.tree("evaluation")
        del public[sorted(public)[0]]
        serve_record(server, "2", {"public.tar.gz": fetchable.tarred(public)})
        real = made.tree(*REAL)
        lost = random.Random(3).sample(sorted(real), 6)
        for path in lost[:3]:
            del real[path]
        for path in lost[3:]:
            real[path] = b"no sound at all " * 30
        serve_repository(server, "who/DESED", real, page=20)
        copies = {path: made.tree(*REAL)[path] for path in lost[::2]}
        serve_repository(server, "who/copies", copies)

    def prepare(self, folder: Path) -> list[str]:
        """Write the dataset file and a folder that some clips are in; the command to run."""
        server, made = self.server, self.made
        folder.mkdir()
        sources = [
            made.annotation_source(server.url("git")),
            zenodo(server, "synthetic", "1", ["Synthetic_dataset.zip"], ["strong"]),
            zenodo(server, "public", "2", ["public.tar.gz"], ["evaluation"]),
            hub(server, "hub", "who/DESED", REAL),
            hub(server, "copies", "who/copies", REAL),
        ]
        file = made.dataset(folder / "small.yaml", sources)
        mine = folder / "mine"
        mine.mkdir()
        for path, data in list(made.tree("weak").items())[:4]:
            (mine / Path(path).name).write_bytes(data)
        root = folder / "data"
        for number, (path, data) in enumerate(list(made.tree("development").items())[:3]):
            (root / path).parent.mkdir(parents=True, exist_ok=True)  # in place, one of them cut
            (root / path).write_bytes(data if number else data[:200])
        command = [sys.executable, "-c", "from resed.cli import main; main()", "acquire"]
        command += ["--dataset", str(file), "--root", str(root), "--folder", str(mine)]
        return [*command, "--downloads", "3", "--record", str(folder / "record.json")]


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_killed_run_leaves_nothing_behind(tmp_path):
    with UnreliableServer() as server:
        scene, chance = Scene(server), random.Random(2019)
        run(scene.prepare(tmp_path / "undisturbed"))
        requests = len(server.log)
        expected = contents(tmp_path / "undisturbed")
        assert sum(path.endswith(".wav") for path in expected) > 50
        kills, moments, trial = 0, [], 0
        while kills < KILLS:
            folder, trial = tmp_path / f"killed_{trial}", trial + 1
            assert trial < 2 * KILLS
            command = scene.prepare(folder)
            server.forget()
            moment = chance.randrange(requests + 1)
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            while len(server.log) < moment and process.poll() is None:
                time.sleep(0.0005)
            time.sleep(chance.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            if process.wait() != -signal.SIGKILL:
                continue  # it had ended
            kills += 1
            moments.append(moment)
            unfinished = len(expected) - len(contents(folder))
            run(command)
            assert differences(contents(folder), expected) == [], (moment, unfinished)
        server.forget()
        run(command)
        assert server.log == [], "nothing is asked a third time"
        print(f"\n{kills} kills after {sorted(moments)} of {requests} requests")


def differences(found: dict[str, bytes], expected: dict[str, bytes]) -> list[str]:
    """Files that are not the same in both."""
    return sorted(
        path for path in found.keys() | expected.keys() if found.get(path) != expected.get(path)
    )


def test_a_second_run_at_the_same_time_is_refused(tmp_path):
    from resed.acquire.recordings.fetch.state import ClipStates

    with UnreliableServer() as server:
        command = Scene(server).prepare(tmp_path / "one")
        with ClipStates.open(tmp_path / "one/data", "weak"):
            done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 1
        assert "another resed acquire is running" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
