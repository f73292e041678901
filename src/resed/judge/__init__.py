"""Verdicts on a paper's claims, one by the printed tables and one by our runs.

The same rule gives both verdicts (`resed.paper.claim_tests` defines the kinds). A comparison of
separately trained systems requires two seeds per system, and a confusion matrix requires two seeds.
Two decodings of one checkpoint are compared over clips, so one seed is sufficient. Failures in our
runs are corrected for the number of comparisons of the claim (`resed.judge.refusals`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from resed.judge import (
    class_shares,
    classes,
    comparisons,
    frame_runs,
    generations,
    histories,
    networks,
    sizes,
    training_events,
)
from resed.judge.outcome import Basis, Outcome, State, Verdict, of_printed, of_runs
from resed.judge.refusals import corrected
from resed.judge.runs import Runs
from resed.judge.sources import AtLevel, NumberSource, Printed
from resed.paper.claim_tests import Annotations, Classes, Parameters, labels_of
from resed.paper.claims import Claim
from resed.results.folder import Results
from resed.stats.intervals import LEVEL

COMPARISONS: dict[str, Callable[..., Any]] = {
    "better": comparisons.better,
    "margin": comparisons.margin,
    "range": comparisons.within,
    "no_gain": comparisons.no_gain,
    "best_of": comparisons.best_of,
    "sensitive": comparisons.sensitive,
    "metric_gain": comparisons.metric_gain,
    "steadier": comparisons.steadier,
    "teacher_tags": comparisons.teacher_tags,
    "classes": classes.classes,
    "class_gain": classes.class_gain,
    "extreme": classes.extreme,
    "relative_margin": generations.relative_margin,
    "monotone": generations.monotone,
    "diminishing": generations.diminishing,
    "class_counts": class_shares.class_counts,
    "gain_by_base": class_shares.gain_by_base,
    "class_split": class_shares.class_split,
}
OF_RUNS: dict[str, Callable[..., Any]] = {
    "confusion": networks.confusion,
    "progress": histories.progress,
    "early_gain": histories.early_gain,
    "runs": frame_runs.short_runs,
}
RULES = comparisons.RULES | classes.RULES | networks.RULES | sizes.RULES | histories.RULES
RULES |= training_events.RULES | generations.RULES | class_shares.RULES | frame_runs.RULES


@dataclass(frozen=True)
class Judgement:
    """Both verdicts on one claim, and the rule in words that gave them."""

    printed: Verdict
    here: Verdict
    rule: str


def judge(claim: Claim, results: Results) -> Judgement:
    """Judge a claim by the tables of the edition that makes it, and by our results."""
    test = claim.test
    kind = test.kind
    if isinstance(test, Annotations):
        kind = test.quantity
    elif isinstance(test, Parameters):
        kind = test.measure
    elif isinstance(test, Classes) and not isinstance(test.share, str):
        kind = "class_share"
    rule = RULES[kind].format(**test.model_dump())
    printed = of_printed(_printed(claim, Printed(results.paper, claim.edition)), claim.edition)
    return Judgement(printed, _here(claim, results), rule)


def _printed(claim: Claim, source: Printed) -> list[Outcome]:
    test = claim.test
    if test.kind in COMPARISONS:
        return list(COMPARISONS[test.kind](test, source))
    if test.kind == "confusion":
        return list(networks.printed_confusion(test, source))
    if test.kind == "weights":
        return list(networks.printed_weights(test, source))
    return []  # papers print no sizes, durations and histories


def _at(runs: Runs, level: float) -> NumberSource:
    return runs if level == LEVEL else AtLevel(runs, level)


def _here(claim: Claim, results: Results) -> Verdict:
    test, runs = claim.test, Runs(results)
    unknown = tuple(sorted(set(labels_of(test)) - set(runs.labels)))
    if unknown:
        return Verdict(State.ABSENT, (), Basis(reason="classes", unknown_classes=unknown))
    outcomes: list[Outcome]
    if test.kind in COMPARISONS:
        compare = COMPARISONS[test.kind]
        outcomes = corrected(lambda level: compare(test, _at(runs, level)))
    elif test.kind in OF_RUNS:
        rule = OF_RUNS[test.kind]
        outcomes = corrected(lambda level: rule(test, runs, level))
    elif test.kind == "weights":
        outcomes = list(networks.weights(test, runs))
    elif test.kind == "parameters":
        outcomes = list(sizes.parameters(test, results))
    else:
        outcomes = list(training_events.annotations(test, results))
    if all(outcome.state == State.ABSENT for outcome in outcomes):
        reason = "annotations" if test.kind == "annotations" else "systems"
        return of_runs(outcomes, Basis(reason=reason))
    override = bool(runs.studied and results.config.sensitivity.override)
    return of_runs(outcomes, Basis(seeds=tuple(sorted(runs.seeds)), override=override))
