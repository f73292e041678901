"""Which run is meant: its dataset, its folders, its stages in dvc.yaml; workflow/runs.yaml."""

import shlex
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import yaml

from resed.config.closed import overlay, read_yaml
from resed.config.dataset import Dataset, dataset_path
from resed.config.run import load_config
from resed.errors import ShareError
from resed.runtime.files import write_text
from resed.runtime.run_lock import STATE, working

BASE = Path("config/config.yaml")  # the Snakefile's own; others lie over it
RUNS = Path("workflow/runs.yaml")
PHASES = ("data", "features", "checkpoints", "results")  # what is pushed; audio never is
AUDIO = "audio"
HEAD = """\
# The runs for which dvc.yaml has stages: a dataset, and the config files of its run. `make share`
# writes this file; to add a dataset of your own, share it.
"""


@dataclass(frozen=True)
class Run:
    """A finished run: the files that --configfile names, and the dataset they lead to.

    `file` is what the dataset's file says, `place` where that is.
    """

    configs: tuple[str, ...]
    dataset: str
    file: Dataset | None = None
    place: Path | None = None

    @classmethod
    def of(cls, configs: Sequence[str]) -> "Run":
        """Read the configs as Snakemake does, one over the other; a text may name several.

        Raises ShareError outside of the workflow's folder, ConfigError where a config is wrong.
        """
        for needed in (BASE, Path("dvc.yaml")):
            if not needed.is_file():
                raise ShareError(f"{needed}: no such file; start this in the Snakefile's folder")
        values = read_yaml(BASE)
        names = tuple(name for text in configs for name in shlex.split(text))
        for name in names:
            values = overlay(values, read_yaml(Path(name)))
        config = load_config(values)
        file = config.dataset_file
        return cls(names, file.name, file, dataset_path(config.dataset))

    @property
    def results(self) -> Path:
        """Where its outputs lie."""
        return Path("results") / self.dataset

    def alone(self) -> AbstractContextManager[None]:
        """Nothing else makes or moves these results meanwhile; LockedError if something does.

        DVC, which works on them meanwhile, ends with this process.
        """
        return working(STATE / "resed" / str(self.results).replace("/", "-"), str(self.results))

    @property
    def audio(self) -> Path:
        """Its sound files: tracked by hash, never pushed."""
        return Path("data") / self.dataset / "audio"

    @property
    def annotations(self) -> Path:
        """Its annotations, which are pushed."""
        return Path("data") / self.dataset / "metadata"

    @property
    def stages(self) -> list[str]:
        """Its stages in dvc.yaml but the one of the audio."""
        return [f"{phase}@{self.dataset}" for phase in PHASES]

    @property
    def archive(self) -> Path:
        """What Snakemake knows about its files."""
        return self.results / "share" / "snakemake.tar.gz"

    @property
    def pictures(self) -> Path:
        """Copies of the figures for `dvc plots`, which takes a folder of pictures alone."""
        return self.results / "share" / "figures"

    @property
    def metrics(self) -> Path:
        """Table 1 for `dvc metrics`, kept in git."""
        return Path("metrics") / self.dataset

    def words(self, *arguments: str) -> list[str]:
        """The command that runs it, a word each."""
        configs = ["--configfile", *self.configs] if self.configs else []
        return ["snakemake", *arguments, *configs]

    @property
    def named(self) -> tuple[str, ...]:
        """Its config files, where one at least must be named: an option cannot be empty."""
        return self.configs or (str(BASE),)

    @property
    def cure(self) -> str:
        """What to type to make what is not there."""
        return shlex.join(self.words("--cores", "all"))


def register(run: Run) -> None:
    """Write the run into workflow/runs.yaml, so that dvc.yaml has stages for it.

    Raises ShareError, MissingFileError or ConfigError where that file is not as it was.
    """
    runs = read_yaml(RUNS).get("runs")
    if not isinstance(runs, dict):
        raise ShareError(f"{RUNS}: must hold runs, a dataset and its configs each; git checkout it")
    runs[run.dataset] = {"configs": shlex.join(run.named)}
    write_text(RUNS, HEAD + yaml.safe_dump({"runs": runs}, sort_keys=False))
