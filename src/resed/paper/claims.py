"""A paper's comparative statements as tests: config/papers/{paper}/claims.yaml, closed and typed.

Each claim has a statement in our words, its place in each edition, and the test that decides it.
resed.judge applies the same test to the printed tables and to our runs. Systems are those of
config/systems, or such a system with one reading changed.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from resed.config.loading import check, read_yaml
from resed.errors import ConfigError
from resed.paper.claim_tests import Margin, Test
from resed.paper.numbers import Paper, load_paper, paper_file
from resed.settings import Strict

FILE = "claims.yaml"


class Claim(Strict):
    """One statement, its place in each edition, and its test."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    statement: str
    places: Annotated[dict[str, str], Field(min_length=1)]
    test: Test

    @property
    def edition(self) -> str:
        """The first edition that has the claim; its tables give the printed verdict."""
        return next(iter(self.places))

    @property
    def place(self) -> str:
        """All places in one line."""
        return "; ".join(f"{edition} {place}" for edition, place in self.places.items())


class Claims(Strict):
    """All claims of a paper, in its order."""

    claims: Annotated[list[Claim], Field(min_length=1)]

    @model_validator(mode="after")
    def _unique(self) -> "Claims":
        ids = [claim.id for claim in self.claims]
        twice = [name for name in ids if ids.count(name) > 1]
        if twice:
            raise ValueError(f"the id {twice[0]} is used twice; rename one of the claims")
        return self


def load_claims(name: str, root: Path | str = ".") -> Claims:
    """Read config/papers/{name}/claims.yaml, with metrics and splits of the paper filled in.

    Raises ConfigError for a metric, split or edition that the paper does not have, or
    MissingFileError.
    """
    path = paper_file(name, FILE, root)
    paper = load_paper(name, root)
    claims = check(Claims, read_yaml(path), str(path)).claims
    return Claims(claims=[_filled(claim, paper, f"{path}: {claim.id}") for claim in claims])


def _filled(claim: Claim, paper: Paper, place: str) -> Claim:
    known = {"metrics": list(paper.metrics), "splits": paper.splits}
    _check_known(list(claim.places), list(paper.editions), "edition", place)
    test = _filled_test(claim.test, known, place)
    if isinstance(test, Margin):
        gains = [_filled_test(gain, known, place) for gain in test.gains]
        test = test.model_copy(update={"gains": gains})
    return claim.model_copy(update={"test": test})


def _filled_test(test: Any, known: dict[str, list[str]], place: str) -> Any:
    """Fill in empty metrics and splits; raise ConfigError for unknown ones."""
    changes: dict[str, Any] = {}
    for key, names in known.items():
        if (chosen := getattr(test, key, None)) is not None:
            _check_known(chosen, names, key.removesuffix("s"), place)
            changes[key] = chosen or names
    if (metric := getattr(test, "metric", None)) is not None:
        _check_known([metric], known["metrics"], "metric", place)
    if (split := getattr(test, "split", None)) is not None:
        changes["split"] = split or known["splits"][-1]
        _check_known([changes["split"]], known["splits"], "split", place)
    return test.model_copy(update=changes)


def _check_known(chosen: list[str], known: list[str], kind: str, place: str) -> None:
    for name in chosen:
        if name not in known:
            cure = f"use one of {', '.join(known)}"
            raise ConfigError(f"unknown {kind} {name}", place=place, cure=cure)
