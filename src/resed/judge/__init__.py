"""Verdicts on the paper's claims: what its own tables say, and what the runs here say.

The same rule judges both (resed.paper.legacy_claims names the kinds of tests). Comparisons of
separately trained
systems need two seeds a side, and so do confusions; two decodings of one checkpoint are decided
over clips.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from resed.judge import classes, comparisons, networks, training_events
from resed.judge.outcome import HERE, PRINTED, Outcome, Verdict, of_printed, of_runs
from resed.judge.sources import Printed, Runs
from resed.paper.legacy_claims import Annotations, Claim
from resed.paper.legacy_numbers import Paper
from resed.results.folder import Results, readable

__all__ = ["HERE", "PRINTED", "Judgement", "Verdict", "judge"]

COMPARISONS: dict[str, Callable[..., Any]] = {
    "better": comparisons.better,
    "margin": comparisons.margin,
    "range": comparisons.within,
    "no_gain": comparisons.no_gain,
    "best_of": comparisons.best_of,
    "sensitive": comparisons.sensitive,
    "metric_gain": comparisons.metric_gain,
    "teacher_tags": comparisons.teacher_tags,
    "classes": classes.classes,
    "class_gain": classes.class_gain,
    "extreme": classes.extreme,
}
RULES = comparisons.RULES | classes.RULES | networks.RULES | training_events.RULES


@dataclass(frozen=True)
class Judgement:
    """Both verdicts on one claim, and the rule behind the second."""

    printed: Verdict
    here: Verdict
    rule: str


def judge(claim: Claim, papers: Mapping[str, Paper], results: Results) -> Judgement:
    """Judge a claim by the tables of the version where it stands, and by the results here."""
    test = claim.test
    kind = test.quantity if isinstance(test, Annotations) else test.kind
    rule = RULES[kind].format(**test.model_dump())
    return Judgement(_printed(claim, papers[claim.version]), _here(claim, results), rule)


def _printed(claim: Claim, paper: Paper) -> Verdict:
    test = claim.test
    if test.kind in COMPARISONS:
        return of_printed(list(COMPARISONS[test.kind](test, Printed(paper))))
    if test.kind == "confusion":
        return of_printed(list(networks.printed_confusion(test, paper)))
    if test.kind == "weights":
        return of_printed(list(networks.printed_weights(test, paper)))
    return of_printed([])  # sizes and durations stood in figures alone


def _here(claim: Claim, results: Results) -> Verdict:
    test, runs = claim.test, Runs(results)
    strange = sorted(set(_labels(test)) - set(runs.labels))
    if strange:
        names = ", ".join(map(readable, strange))
        return Verdict(HERE["absent"], f"names classes that are not here: {names}")
    ground = ""
    outcomes: list[Outcome]
    if test.kind in COMPARISONS:
        outcomes = list(COMPARISONS[test.kind](test, runs))
        ground = _ground(runs)
    elif test.kind == "confusion":
        outcomes = list(networks.confusion(test, runs))
        ground = _ground(runs)
    elif test.kind == "weights":
        outcomes = list(networks.weights(test, runs))
    elif test.kind == "parameters":
        outcomes = list(networks.parameters(test, results))
    else:
        outcomes = list(training_events.annotations(test, results))
    verdict = of_runs(outcomes, ground)
    if verdict.word != HERE["absent"] or verdict.evidence:
        return verdict
    return Verdict(verdict.word, _why(test.kind))


def _ground(runs: Runs) -> str:
    """What the answers rest on: how many seeds, and whether networks of the study."""
    text = _seeds(runs.seeds)
    if runs.studied and runs.results.config.sensitivity.override:
        text += "; with the study's override (config.sensitivity.override)"
    return text


def _seeds(found: set[int]) -> str:
    """How many seeds the answers rest on, where there was one."""
    if found == {1}:
        return "1 seed, intervals over clips alone"
    low, high = min(found, default=0), max(found, default=0)
    return f"{high} seeds" if low == high else f"{low} to {high} seeds"


def _labels(test: Any) -> list[str]:
    """Classes that a test names."""
    named = [*getattr(test, "classes", ()), *getattr(test, "outside", ())]
    gains = getattr(test, "gains", ())
    return [*named, *(gain.event_label for gain in gains if gain.event_label)]


def _why(kind: str) -> str:
    if kind == "annotations":
        return "the strong training annotations are not here"
    return "a system that it compares is not in config.systems, or not scored so"
