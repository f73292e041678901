"""Validate the files of an archive: python -m archive.validation FOLDER.

Runs with the packages of archive/requirements.txt only, without a network: the validator gets the
context of RO-Crate from the package `rocrate`, which has that of a later version; the terms whose
addresses changed since 1.1 get their old ones.
"""

import json
import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
BIOSCHEMAS = "https://bioschemas.org"
OF_1_1 = {  # terms that have other addresses in the later version
    "ComputationalWorkflow": f"{BIOSCHEMAS}/ComputationalWorkflow",
    "FormalParameter": f"{BIOSCHEMAS}/FormalParameter",
    "input": f"{BIOSCHEMAS}/ComputationalWorkflow#input",
    "output": f"{BIOSCHEMAS}/ComputationalWorkflow#output",
}
# Profile of the validator -> how the address in the crate begins. Profiles include the others.
PROFILES = {
    "provenance-run-crate-0.5": "https://w3id.org/ro/wfrun/provenance/",
    "workflow-ro-crate-1.0": "https://w3id.org/workflowhub/workflow-ro-crate/",
}
MOST_ISSUES = 20


def context() -> str:
    """The JSON-LD context of RO-Crate 1.1 for all terms that it has."""
    stored = json.loads((files("rocrate") / "data" / "ro-crate.jsonld").read_text())
    return json.dumps({"@context": stored["@context"] | OF_1_1})


def put_into_cache(path: Path) -> None:
    """Write the context into a cache of requests_cache, as if it had been fetched."""
    from requests_cache import CachedResponse, CachedSession
    from requests_cache.models import CachedRequest

    session = CachedSession(str(path), backend="sqlite", expire_after=-1)
    headers = {"Content-Type": "application/ld+json"}
    response = CachedResponse(
        url=CONTEXT,
        status_code=200,
        headers=headers,
        content=context().encode(),
        request=CachedRequest(method="GET", url=CONTEXT),
    )
    session.cache.save_response(response)
    session.close()


def issues(folder: Path, profile: str, cache: Path) -> list[str]:
    """What the crate in a folder lacks of the MUSTs of a profile."""
    from rocrate_validator import services
    from rocrate_validator.models import Severity, ValidationSettings

    settings = ValidationSettings(
        rocrate_uri=str(folder),
        profile_identifier=profile,
        requirement_severity=Severity.REQUIRED,
        offline=True,
        cache_path=str(cache),
        skip_availability_check=True,
    )
    found = services.validate(settings).get_issues()
    return sorted({f"{one.check.identifier}: {one.message}" for one in found})


def citation(folder: Path) -> list[str]:
    """What the schema of the citation file format objects to."""
    command = [str(Path(sys.executable).with_name("cffconvert")), "--validate"]
    command += ["--infile", str(folder / "CITATION.cff")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stderr.strip() or done.stdout.strip() or "invalid").splitlines()
    return [f"CITATION.cff: {lines[-1]}"] if done.returncode else []


def main() -> None:
    """Print what is wrong and exit with 1, or one line on what was checked."""
    folder = Path(sys.argv[1])
    described = (folder / "ro-crate-metadata.json").read_text(encoding="utf-8")
    profile = next(name for name, address in PROFILES.items() if address in described)
    with TemporaryDirectory() as temporary:
        cache = Path(temporary) / "http"
        put_into_cache(cache)
        found = citation(folder) + issues(folder, profile, cache)
    for line in found[:MOST_ISSUES]:
        print(line)
    if found:
        print(f"not valid by {profile}: {len(found)} problems, {found[0]}")
        sys.exit(1)
    by = f"roc-validator {version('roc-validator')}, CITATION.cff by cffconvert"
    print(f"valid: RO-Crate 1.1 and {profile} by {by} {version('cffconvert')}")


if __name__ == "__main__":
    main()
