"""The metadata of an archive: RO-Crate 1.1 with the profiles of workflow runs.

https://www.researchobject.org/ro-crate/specification/1.1/ and, if the archive has a run,
https://www.researchobject.org/workflow-run-crate/profiles/ (Process, Workflow and Provenance Run
Crate 0.5). A job is an action, a stage with one fingerprint of its code is a tool.
"""

import json
import mimetypes
import zlib
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

import yaml
from rocrate.model import ContextEntity, Dataset, File
from rocrate.rocrate import ROCrate

from archive.entries import Entry
from archive.run_files import CarriedRun, in_words, stamp
from archive.state import CITATION, Commit, Version
from resed.runtime.staleness import RULES

MIT = "https://spdx.org/licenses/MIT"
SNAKEMAKE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
ENGINE = "#snakemake"
WORKFLOW = "workflow/Snakefile"
AUTHORS = "#authors"
PROFILES = {  # of archives with a run
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
}
OF_WORKFLOW = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
# Not in the context of RO-Crate 1.1; the address is that of the profiles of runs.
TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}
FILES = {  # files of the clone that are described one by one
    "README.md": "What this is, and how to run it",
    "LICENSE": "Licence of the code",
    "CITATION.cff": "How to cite it",
    "CHANGELOG.md": "Changes, by version",
    "CONTRIBUTING.md": "How to change it",
    "constraints.txt": "Versions of all Python packages",
    "environment.yml": "The same versions, for conda",
    "Dockerfile": "Recipe of a container",
    "Makefile": "Commands for installation, demo, tests and release",
    "pyproject.toml": "The Python package",
    "Snakefile": "Includes workflow/Snakefile",
    "dvc.yaml": "What DVC transfers",
    "dvc.lock": "Checksums of the shared runs",
}
FOLDERS = {  # folders of the clone
    "src/": "Source code",
    "workflow/": "The workflow: rules, profiles, schema",
    "config/": "Configuration: datasets, systems, papers, runs",
    "docs/": "Documentation",
    "tests/": "Tests",
    "benchmarks/": "Measured results, with the commands that made them",
    "archive/": "The program that made this archive",
    "metrics/": "Scores of the main table of each shared run",
    "evidence/": "Results of shared runs, as objects of DVC; authors of sound are in credits/",
    "src/resed/models/": "Trained models; each card lists recordings, authors and licences",
    "provenance/": "What made each file of a run: rule, job, time, code, versions",
}
TYPES = {".tsv": "text/tab-separated-values", ".csv": "text/csv", ".md": "text/markdown"}
TYPES |= {".yaml": "application/yaml", ".yml": "application/yaml", ".lock": "application/yaml"}


def metadata(
    commit: Commit, version: Version, entries: Iterable[Entry], runs: list[CarriedRun]
) -> bytes:
    """The content of ro-crate-metadata.json.

    Args:
        commit: its time is the date of the archive.
        version: the version of the code.
        entries: all files, except this one.
        runs: the runs among them.
    """
    described = _Crate(commit, version, {entry.name: entry for entry in entries})
    described.add_code()
    for run in runs:
        described.add_run(run)
    described.finish(runs)
    return described.text()


class _Crate:
    """The metadata as it grows; entities have the identifiers of their paths or names."""

    def __init__(self, commit: Commit, version: Version, entries: Mapping[str, Entry]) -> None:
        self.crate = ROCrate(version="1.1")
        self.commit, self.version, self.entries = commit, version, entries
        self.tools: dict[str, list[str]] = {}  # rule -> identifiers of its tools

    # ---- entities -----------------------------------------------------------------------------

    def thing(self, identifier: str, kind: str, /, **properties: Any) -> dict[str, str]:
        """Add an entity that is not a file; return a reference to it."""
        properties = {key: value for key, value in properties.items() if value not in ("", [], {})}
        entity = ContextEntity(self.crate, identifier, properties={"@type": kind, **properties})
        self.crate.add(entity)
        return {"@id": entity.id}

    def file(self, name: str, **properties: Any) -> dict[str, str]:
        """Add a file of the archive, once; return a reference to it."""
        entry, path = self.entries[name], PurePosixPath(name)
        kind = TYPES.get(path.suffix) or mimetypes.guess_type(name, strict=True)[0]
        known = {
            "name": path.name,
            "encodingFormat": kind or "text/plain",
            "contentSize": str(len(entry.content)),
            "sha256": entry.sha256,
        }
        if not self.crate.dereference(quote(name)):
            self.crate.add(File(self.crate, dest_path=name, properties={**known, **properties}))
        return {"@id": quote(name)}

    def folder(self, name: str, title: str, **properties: Any) -> dict[str, str]:
        """Add a folder of the archive; return a reference to it."""
        properties = {"name": title, **properties}
        self.crate.add(Dataset(self.crate, dest_path=name, properties=properties))
        return {"@id": quote(name)}

    # ---- the code -----------------------------------------------------------------------------

    def add_code(self) -> None:
        """The root, its licence and authors, and the files of the commit."""
        citation = yaml.safe_load(self.entries[CITATION.as_posix()].content)
        licence = self.thing(MIT, "CreativeWork", name="MIT License", identifier="MIT", url=MIT)
        names = " and ".join(author["name"] for author in citation["authors"])
        authors = self.thing(AUTHORS, "Organization", name=names)
        root = self.crate.root_dataset
        root["name"] = f"{citation['title']}, version {self.version.number}"
        root["description"] = " ".join(citation["abstract"].split())
        root["datePublished"] = self.commit.time.isoformat()
        root["license"], root["author"] = licence, authors
        root["version"] = self.version.number
        root["identifier"] = self.commit.name  # of the commit; a DOI exists after publication only
        root["keywords"] = "sound event detection, audio tagging, reproducibility, Snakemake"
        for name, title in FILES.items():
            if name in self.entries:
                self.file(name, description=title)
        for name, title in FOLDERS.items():
            if any(one.startswith(name) for one in self.entries):
                self.folder(name, title)
        self.add_workflow(licence, authors)

    def add_workflow(self, licence: dict[str, str], authors: dict[str, str]) -> None:
        """The main entity."""
        language = self.thing(
            SNAKEMAKE,
            "ComputerLanguage",
            name="Snakemake",
            identifier={"@id": "https://doi.org/10.1093/bioinformatics/bts480"},
            url={"@id": "https://snakemake.readthedocs.io"},
        )
        self.file(
            WORKFLOW,
            **{"@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]},
            description="Rules from raw audio to tables, figures and the page",
            programmingLanguage=language,
            license=licence,
            author=authors,
            version=self.version.number,
        )
        workflow = self.crate.dereference(WORKFLOW)
        workflow["name"] = "Workflow of resed"
        self.crate.root_dataset["mainEntity"] = {"@id": WORKFLOW}

    # ---- runs ---------------------------------------------------------------------------------

    def add_run(self, one: CarriedRun) -> None:
        """A run: its files, its jobs, and the action that they are parts of."""
        run, table = one.run, f"provenance/{one.run.key}.csv"
        for entry in one.entries:
            self.file(entry.name)
        parts = [{"@id": quote(entry.name)} for entry in one.entries]
        title = run.file.title if run.file else run.dataset
        about = (
            f"Files of the run {run.title} ({title}). {in_words(one.stale)} Features, checkpoints, "
            f"posteriors and sound are not in the archive; {table} has their checksums. Sound has "
            "its own licences, which the dataset file names."
        )
        results = self.folder(
            f"{run.results}/", f"Results of {run.title}", description=about, hasPart=parts
        )
        configs = [name for name in ("config/config.yaml", *run.configs) if name in self.entries]
        controls = [self.add_job(one, job) for job in one.jobs]
        known = [job for job in one.jobs if job.started and job.ended]
        action = self.thing(
            f"#run/{quote(run.key)}",
            "CreateAction",
            name=f"Run {run.title}",
            description="All jobs of the run, which may have been started by several commands",
            instrument={"@id": WORKFLOW},
            object=[self.file(name) for name in dict.fromkeys(configs)],
            result=[results, {"@id": quote(table)}],
            startTime=stamp(min((job.started for job in known), default=None)),
            endTime=stamp(max((job.ended for job in known), default=None)),
            actionStatus={"@id": "http://schema.org/CompletedActionStatus"},
        )
        self.thing(
            f"#engine/{quote(run.key)}",
            "OrganizeAction",
            name=f"Snakemake runs {run.title}",
            instrument={"@id": ENGINE},
            object=controls,
            result=action,
        )

    def add_job(self, one: CarriedRun, job: Any) -> dict[str, str]:
        """A job as an action of its tool; return the action that controls it."""
        files = one.jobs[job]
        name = quote(f"{one.run.key}/{job.rule}/{job.name}")
        maker = next((file.maker for file in files if file.maker), {})
        started, ended = job.times()
        inputs = [path for path in job.inputs if path in self.entries]
        self.thing(
            f"#job/{name}",
            "CreateAction",
            name=f"{job.rule} {job.name}",
            description=f"{len(files)} files on {maker.get('device', 'an unknown device')}",
            instrument={"@id": self.tool(job.rule, maker)},
            object=[self.file(path) for path in inputs],
            result=[{"@id": quote(file.path)} for file in files if file.carried],
            startTime=started,
            endTime=ended,
            actionStatus={"@id": "http://schema.org/CompletedActionStatus"},
        )
        return self.thing(
            f"#control/{name}",
            "ControlAction",
            name=f"Snakemake runs {job.rule} {job.name}",
            instrument={"@id": f"#step/{quote(job.rule)}"},
            object={"@id": f"#job/{name}"},
        )

    def tool(self, rule: str, maker: Mapping[str, Any]) -> str:
        """The identifier of the tool that made a file: a stage with its code and its packages."""
        stage, code = maker.get("stage", rule), str(maker.get("code", ""))
        packages = maker.get("packages") or {}
        listed = ", ".join(f"{name} {packages[name]}" for name in sorted(packages))
        known = [stage, code[:12], f"{_crc(listed):08x}" if listed else ""]
        identifier = quote("#tool/" + "/".join(part for part in known if part), safe="#/")
        if identifier not in self.tools.setdefault(rule, []):
            self.tools[rule].append(identifier)
            if not self.crate.dereference(identifier):
                self.thing(
                    identifier,
                    "SoftwareApplication",
                    name=f"resed {stage}",
                    description=f"The code has the fingerprint {code}" if code else "",
                    softwareVersion=code[:12] or "unknown",
                    softwareRequirements=listed,
                )
        return identifier

    # ---- the whole ----------------------------------------------------------------------------

    def finish(self, runs: list[CarriedRun]) -> None:
        """Steps and tools of the workflow, and the profiles."""
        profiles = {OF_WORKFLOW: "Workflow RO-Crate"} | (PROFILES if runs else {})
        if runs:
            version = _pin(self.entries["constraints.txt"].content.decode(), "snakemake")
            about = "The version is that of constraints.txt; the records of jobs do not have one"
            self.thing(
                ENGINE,
                "SoftwareApplication",
                name="Snakemake",
                url={"@id": "https://snakemake.readthedocs.io"},
                softwareVersion=version,
                description=about,
            )
            workflow = self.crate.dereference(WORKFLOW)
            used = sorted({one for tools in self.tools.values() for one in tools})
            workflow["hasPart"] = [{"@id": one} for one in used]
            workflow["step"] = [
                self.thing(
                    f"#step/{quote(rule)}",
                    "HowToStep",
                    name=f"Rule {rule}",
                    position=str(position),
                    workExample=[{"@id": one} for one in sorted(self.tools[rule])],
                )
                for position, rule in enumerate(sorted(self.tools, key=_place), 1)
            ]
        self.crate.root_dataset["conformsTo"] = [
            self.thing(address, "CreativeWork", name=name, version=address.rpartition("/")[2])
            for address, name in profiles.items()
        ]

    def text(self) -> bytes:
        """The JSON-LD, with entities in the order of their identifiers after the first two."""
        self.crate.metadata.extra_terms = TERMS
        described = self.crate.metadata.generate()
        first = ["ro-crate-metadata.json", "./"]
        rank = {name: place for place, name in enumerate(first)}
        graph = sorted(
            described["@graph"], key=lambda one: (rank.get(one["@id"], len(first)), one["@id"])
        )
        described["@graph"] = graph
        return (json.dumps(described, indent=1, ensure_ascii=False) + "\n").encode()


def _crc(text: str) -> int:

    return zlib.crc32(text.encode())


def _place(rule: str) -> int:
    """The place of a rule in a run."""
    known = [name for rules in RULES.values() for name in rules]
    return known.index(rule) if rule in known else len(known)


def _pin(constraints: str, name: str) -> str:
    pins = dict(line.split("==") for line in constraints.splitlines() if "==" in line)
    return pins.get(name, "unknown")
