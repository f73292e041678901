"""What the runs of one dataset share: its sound, and results of equal settings.

Each run has a folder with all its files, so that one can be verified, shared or deleted without
the others. A result that another run has made with the same settings from the same inputs is linked
into the folder of this run and not made again; a link costs no disk space, and a job that makes the
file again replaces the link, not the file of the other run. Equal are parameters and inputs.
"""

import ast
import json
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from resed.config import study_rows
from resed.config.dataset import SCORED_ROLES
from resed.config.network_file import network_sha256
from resed.config.rows import Row
from resed.config.run import Config
from resed.config.run_name import folder_of_run, in_words, run_folders
from resed.errors import AlteredError, ConfigError, counted
from resed.formats.energy import NAME as ENERGY
from resed.results.claimed_readings import claimed_rows
from resed.results.leftovers import leftovers
from resed.runtime import checksums
from resed.runtime.files import atomic_path
from resed.runtime.json_text import parse_json
from resed.runtime.snakemake_metadata import is_incomplete, read_record, record_path

# Shared, in the order of a run.
STAGES = ("acquire", "audit", "extract", "train", "predict", "distil")
SEED = re.compile(r"seed(\d+)(\.npz)?")
HASH = "sha256:"  # of Snakemake's checksums


def other_runs(config: Config) -> dict[str, Path]:
    """The folders of the other runs of the dataset, by name; the unnamed run ("") first."""
    found = run_folders(config.dataset_file.name)
    found.pop(config.run, None)
    return found


def refuse_other_sound(config: Config, options: Mapping[str, Sequence[Any]]) -> None:
    """Raise ConfigError if another run acquired soundscapes with other options than these.

    All runs share data/{dataset}, so a run must not render it anew for itself.

    Args:
        options: split -> options of `resed acquire`.
    """
    dataset = config.dataset_file
    if dataset.kind != "soundscapes":  # of recordings, acquire only fetches what is missing
        return
    for name, folder in other_runs(config).items():
        for split in dataset.splits:
            record = read_record(folder / "acquire" / f"{split}.json")
            theirs = [text for text in record["params"] if "--scale" in text] if record else []
            own = repr(list(options[split]))
            if theirs and own not in theirs:
                raise ConfigError(
                    f"{in_words(name)} of {dataset.name} has {_words(theirs[0])}, this run "
                    f"{_words(own)}, and all runs of a dataset share its sound",
                    place="config.acquire",
                    cure=f"use equal values, copy the dataset file under another name, or delete "
                    f"the other run ({folder})",
                )


def _words(options: str) -> str:
    return re.sub(r"[\[\]',]", "", options)[:120]


def share_results(config: Config, acquired: Mapping[str, Sequence[str]]) -> list[str]:
    """Link results of other runs into the folder of this run; return one line per other run.

    Existing files are not replaced. Nothing is linked where a file, its checksum or the record of
    Snakemake is missing, or while a job makes it.

    Args:
        acquired: split -> parameters of its acquire job, as text.
    """
    told = []
    for name, folder in other_runs(config).items():
        source = _Source(config, folder, dict(acquired))
        linked: list[Path] = []
        while more := [file for stage in STAGES for file in source.link(stage)]:
            linked += more  # a later generation is trained on posteriors of an earlier one
        if linked:
            told.append(f"uses {_counted(linked)} of {in_words(name)}, whose settings are equal")
    return told


def _counted(files: Sequence[Path]) -> str:
    """`40 files (6 trainings)`, or `3 files`."""
    trained = {file.parent for file in files if file.parts[0] == "train"}
    more = f" ({counted(len(trained), 'training')})" if trained else ""
    return counted(len(files), "file") + more


@dataclass
class _Source:
    """Another run of the dataset, whose results this run may use."""

    config: Config
    folder: Path
    acquired: dict[str, Sequence[str]]
    target: Path = field(init=False)

    def __post_init__(self) -> None:
        self.target = folder_of_run(self.config.dataset_file.name, self.config.run)
        self._unwanted = leftovers(self.config)

    def link(self, stage: str) -> list[Path]:
        """Link the results of one stage; return their paths relative to the run.

        Jobs that read results of the same stage, such as `admit`, are linked after those.
        """
        jobs = defaultdict(list)
        for file, record in self._records(stage):
            jobs[tuple(record["log"])].append((file, record))
        linked: list[Path] = []
        pending = list(jobs.values())
        while ready := [job for job in pending if all(self._fits(*one) for one in job)]:
            pending = [job for job in pending if job not in ready]
            try:
                for file, record in (one for job in ready for one in job):
                    self._link(file, record)
                    linked.append(file)
            except OSError:  # a full or read-only disk: the run reports it
                break
        return linked

    def _records(self, stage: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        """The results of a stage that have a record, the records of labels after the others."""
        found = sorted((self.folder / stage).rglob("*"), key=lambda path: (len(path.parts), path))
        files = [
            path.relative_to(self.folder)
            for path in found
            if path.is_file() and not path.name.startswith(".")
        ]
        files = [f for f in files if f.name not in checksums.SCRATCH and not self._unwanted(f)]
        if all((self.target / file).exists() for file in files):
            return  # as in every plan but the first
        for file in files:
            if (record := read_record(self.folder / file)) is not None:
                yield file, record

    def _fits(self, file: Path, record: dict[str, Any]) -> bool:
        """Whether this run lacks the file, and would make it with equal settings and inputs."""
        if (self.target / file).exists() or is_incomplete(self.folder / file):
            return False
        if _checksum(self.folder, file) is None or not self._is_planned(file):
            return False
        if not set(self._settings(file, record["rule"])) <= set(record["params"]):
            return False
        for path, content in record["input_checksums"].items():
            if self.folder in Path(path).parents:
                own = _checksum(self.target, Path(path).relative_to(self.folder))
                if own is None or content != f"{HASH}{own}":
                    return False
        shared = [path for path in record.get("input") or [] if self.folder in Path(path).parents]
        return set(shared) <= set(record["input_checksums"])

    def _is_planned(self, file: Path) -> bool:
        """Whether the seed of a training, or of its posteriors, is one of this run."""
        place = {"train": 1, "predict": 2, "distil": 2}.get(file.parts[0])
        seed = SEED.fullmatch(file.parts[place + 1]) if place else None
        if place is None or seed is None:
            return place is None
        rows = self._trained.get(file.parts[place], [])
        return any(int(seed[1]) in study_rows.seeds(self.config, row) for row in rows)

    @cached_property
    def _trained(self) -> dict[str, list[Row]]:
        """Trained row -> the rows that use it."""
        found = defaultdict(list)
        studied = [*self.config.sensitivity_rows(), *claimed_rows(self.config)]
        for row in (*map(Row, self.config.systems), *studied):
            found[self.config.trained_as(row)].append(row)
        return found

    def _settings(self, file: Path, rule: str) -> list[str]:
        """Parameters of the job of this run that would make the file, as Snakemake records them."""
        config = self.config
        if rule == "acquire":
            return [repr(text) for text in self.acquired.get(file.stem, ["not a split"])]
        if rule == "audit":
            return [_json(config.audit.model_dump(mode="json"))]
        if rule == "extract":
            features = config.feature_sets[file.parts[1]].model_dump(mode="json")
            return [_json(features), repr(config.audit.leaks)]
        if rule == "train":
            chosen, parts = config.system(file.parts[1]), {"model", "objective", "schedule"}
            network = [repr(network_sha256(config, file.parts[1]))] * (chosen.model.own is not None)
            init = repr(["--init", config.init] * bool(config.init))
            return [_json(chosen.model_dump(mode="json", include=parts)), init, *network]
        if rule in ("predict", "predict_training"):
            own = config.system(file.parts[2]).model.own is not None
            words = ["--network-file", config.network_file] * own
            return [repr(words + ["--tags-only"] * config.predict.tags_only)]
        if rule == "distil":
            return [repr(config.generations.options(file.parts[2], file.parts[1]))]
        return []

    def _link(self, file: Path, record: dict[str, Any]) -> None:
        """Link a file, its checksum and its costs, and write the record of Snakemake."""
        text = json.dumps(record).replace(
            f"{self.folder.as_posix()}/", f"{self.target.as_posix()}/"
        )
        with atomic_path(record_path(self.target / file)) as temporary:
            temporary.write_text(text, encoding="utf-8")
        _hard_link(*(checksums.record_of(place, file) for place in (self.folder, self.target)))
        beside = []  # files that not every job has: costs, energy, checksums of annotations
        for log in record["log"]:
            with suppress(ValueError):
                cost = Path(log).relative_to(self.folder / "logs").with_suffix(".tsv")
                beside.append(Path("benchmarks") / cost)
        if file.parts[0] == "acquire":
            name = f"{checksums.ANNOTATIONS}/{file.stem}"
            beside.append(checksums.record_of(Path(), name))
        if file.parts[0] == "train":
            beside.append(file.with_name(ENERGY))
        for name in beside:
            with suppress(FileNotFoundError):
                _hard_link(self.folder / name, self.target / name)
        _hard_link(self.folder / file, self.target / file)


def _hard_link(source: Path, target: Path) -> None:
    """Link a file, or copy it where the file system has no hard links; keep an existing one."""
    if target.exists():
        return
    if not source.is_file():
        raise FileNotFoundError(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
        shutil.copy2(source, temporary)  # with its date, so that no job is newer
        os.replace(temporary, target)


def _checksum(folder: Path, file: Path) -> str | None:
    """The recorded SHA-256 of a result; None without the file or its record."""
    try:
        return checksums.read(folder, file) if (folder / file).is_file() else None
    except AlteredError:
        return None


def _json(values: Any) -> str:
    """Settings as the workflow hands them to a job, as Snakemake records them."""
    return repr(json.dumps(values, sort_keys=True))


@dataclass(frozen=True)
class ComparedRun:
    """The run that the table `runs` compares this one with.

    Attributes:
        scores: its scores of the systems of this run, as paths; empty if it has none.
        options: options of `resed tabulate`.
        table: the files of the table; empty if there is nothing to compare.
    """

    scores: list[str]
    options: list[str]
    table: list[str]


def compared_run(config: Config) -> ComparedRun:
    """The run that `compare_run` names; without it, a named run is compared with the unnamed one.

    A table that was made stays, even if the other run is absent, as in a clone that restored this
    run alone. Raises ConfigError if the other run has no scores and there is no such table.
    """
    if not (config.run or config.compare_run):
        return ComparedRun([], [], [])
    dataset = config.dataset_file.name
    folder = folder_of_run(dataset, config.compare_run)
    places = (
        path
        for split in SCORED_ROLES
        for name in config.systems
        for path in sorted((folder / "score" / split / name).glob("seed*/metrics.json"))
    )
    scores = [
        file.as_posix()
        for path in places
        if (counts := path.with_name("counts.tsv")).is_file()
        for file in (path, counts)
    ]
    own = folder_of_run(dataset, config.run) / "tables"
    table = [(own / f"runs.{suffix}").as_posix() for suffix in ("csv", "json", "md")]
    made = all(Path(path).is_file() for path in table)
    if config.compare_run and not scores and not made:
        known = ", ".join(name for name in other_runs(config) if name)
        raise ConfigError(
            f"no scores of {in_words(config.compare_run)} in {folder}",
            place="config.compare_run",
            cure=f"run it first, or use one of: {known}" if known else "run it first",
        )
    settings = _config_of(folder)
    options = ["--other-run", folder.as_posix()]
    options += ["--other-config-json", settings] if settings else []
    return ComparedRun(scores, options, table if scores or made else [])


def _config_of(folder: Path) -> str:
    """The config that a run was made with, as JSON, from the record of its page or tables."""
    for file in ("report/index.html", "tables/comparisons.csv"):
        record = read_record(folder / file) or {"params": []}
        for text in record["params"]:
            with suppress(ValueError, SyntaxError):
                found = ast.literal_eval(text)
                is_config = isinstance(found, str) and found[:1] == "{"
                values = parse_json(found.encode()) if is_config else None
                if isinstance(values, dict) and {"dataset", "systems"} <= values.keys():
                    return found
    return ""
