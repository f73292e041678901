"""A run to share: its dataset, its folders, and its stages in dvc.yaml."""

import shlex
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from resed.config.dataset import Dataset, dataset_path
from resed.config.loading import overlay, read_yaml
from resed.config.network_file import network_file
from resed.config.run import Config, load_config
from resed.config.run_name import RUNS as NAMED
from resed.config.run_name import folder_of_run, in_words
from resed.errors import ShareError
from resed.results.leftovers import leftovers
from resed.runtime.run_lock import STATE, working

BASE = Path("config/config.yaml")  # read by the Snakefile; other configs override it
METRICS = Path("metrics")
PHASES = ("data", "features", "checkpoints", "results")  # pushed stages; audio is never pushed
Tier = Literal["full", "evidence"]
LEFT_OUT = ("features", "checkpoints")  # stages that the tier evidence does not have
OF_NAMED = "run-"  # begins the stages of named runs: run-data, ...
AUDIO = "audio"


@dataclass(frozen=True)
class SharedRun:
    """A finished run.

    Attributes:
        configs: the files after --configfile.
        dataset: name of its dataset.
        run: its name; empty for the unnamed run.
        tier: full, or evidence: without features, checkpoints and posteriors.
        file: content of the dataset's file.
        place: path of the dataset's file.
        paper: name of its paper.
        config: its config.
    """

    configs: tuple[str, ...]
    dataset: str
    file: Dataset | None = None
    place: Path | None = None
    paper: str = ""
    config: Config | None = None
    run: str = ""
    tier: Tier = "full"

    @classmethod
    def of(cls, configs: Sequence[str]) -> "SharedRun":
        """Read the configs as Snakemake does: each one overrides the previous ones.

        One string may contain several file names. Raises ShareError if the current folder is not
        that of the workflow, and ConfigError for an invalid config.
        """
        for needed in (BASE, Path("dvc.yaml")):
            if not needed.is_file():
                cure = "start this command in the Snakefile's folder"
                raise ShareError("no such file", place=needed, cure=cure)
        values = read_yaml(BASE)
        names = tuple(name for text in configs for name in shlex.split(text))
        for name in names:
            values = overlay(values, read_yaml(Path(name)))
        config = load_config(values)
        file = config.dataset_file
        place = dataset_path(config.dataset)
        return cls(names, file.name, file, place, config.paper, config, config.run)

    def refuse_without_network(self) -> None:
        """Raise ConfigError, MissingFileError or NetworkFileError without the network file.

        It is in git and not in the remote, and no job can be planned without it.
        """
        if self.config:
            network_file(self.config)

    @property
    def results(self) -> Path:
        """The folder of its results."""
        return folder_of_run(self.dataset, self.run)

    @property
    def title(self) -> str:
        """The run in messages: its dataset, and its name if it has one."""
        return f"{self.dataset}, {in_words(self.run)}" if self.run else self.dataset

    def holds(self, path: Path) -> bool:
        """Whether a path is in the folder of its results and not in that of a named run."""
        others = self.results / NAMED
        return self.results in path.parents and others not in (path, *path.parents)

    @cached_property
    def is_leftover(self) -> Callable[[Path | str], bool] | None:
        """Whether no rule makes a file, given relative to the results; None without a config."""
        return leftovers(self.config) if self.config else None

    def alone(self) -> AbstractContextManager[None]:
        """Exclude other runs and commands from these results; LockedError if one is using them.

        DVC processes that the block starts end with this process.
        """
        return working(STATE / "resed" / str(self.results).replace("/", "-"), str(self.results))

    @property
    def audio(self) -> Path:
        """The folder of its sound files, which are tracked by hash and never pushed."""
        return Path("data") / self.dataset / "audio"

    @property
    def annotations(self) -> Path:
        """The folder of its annotations."""
        return Path("data") / self.dataset / "metadata"

    @property
    def stages(self) -> list[str]:
        """Its stages in dvc.yaml, except that of the audio."""
        left_out = LEFT_OUT if self.tier == "evidence" else ()
        return [self.stage(phase) for phase in PHASES if phase not in left_out]

    def stage(self, phase: str) -> str:
        """A stage in dvc.yaml: data@demo, or run-data@demo.other_loss."""
        return f"{OF_NAMED}{phase}@{self.key}" if self.run else f"{phase}@{self.dataset}"

    @property
    def key(self) -> str:
        """Its key in workflow/runs.yaml."""
        return f"{self.dataset}.{self.run}" if self.run else self.dataset

    @property
    def archive(self) -> Path:
        """The archive with the Snakemake records of its files."""
        return self.results / "share" / "snakemake.tar.gz"

    @property
    def pictures(self) -> Path:
        """The folder of copies of the figures; `dvc plots` requires a folder of images only."""
        return self.results / "share" / "figures"

    @property
    def metrics(self) -> Path:
        """Scores of the main table for `dvc metrics`, kept in git."""
        return METRICS / self.results.relative_to("results")

    @property
    def annotation_copies(self) -> Path | None:
        """Copies of the annotations, which travel with a named run; None for the unnamed run.

        Two stages of DVC cannot both have the folder of the annotations.
        """
        return self.results / "share" / "metadata" if self.run else None

    @property
    def packed(self) -> Path:
        """The archive of small files in the tier evidence, in a folder of its own."""
        return self.results / "share" / "packed" / "files.tar.xz"

    @property
    def ignored(self) -> Path:
        """The list of files that DVC leaves out of the tier evidence."""
        return self.results / ".dvcignore"

    def words(self, *arguments: str) -> list[str]:
        """The Snakemake command of the run, with `arguments`, as a list."""
        configs = ["--configfile", *self.configs] if self.configs else []
        return ["snakemake", *arguments, *configs]

    @property
    def named(self) -> tuple[str, ...]:
        """Its config files, or the base config if there are none."""
        return self.configs or (str(BASE),)

    @property
    def cure(self) -> str:
        """The command that makes missing results."""
        return shlex.join(self.words("--cores", "all"))
