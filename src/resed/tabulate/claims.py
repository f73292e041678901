"""The claims of the paper, with verdicts by the printed tables and by our runs."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from resed.formats.tables import Column, Table, View, tidy
from resed.judge import judge
from resed.judge.evidence import PRINTED_WORDS, as_records, evidence_lines, word
from resed.judge.outcome import State
from resed.paper.claims import Claim, load_claims
from resed.results.folder import Results
from resed.tabulate import notes
from resed.tabulate.links import links
from resed.tabulate.words import CLAIM_VERDICTS, OTHER_DATA

NAME = "claims"
_COLUMNS = ("table", "row", "edition", "statement", "place", "kind", "here", "here_evidence")
_COLUMNS += ("rule", "printed", "printed_evidence", "seeds_in_words")
SIZES = (
    "margin",
    "range",
    "relative_margin",
    "class_counts",
)  # kinds of tests that compare gains with stated numbers
SIZE_REASON = "it states the size of a gain on the paper's data; another claim states its direction"


def claims(results: Results) -> Table:
    """Judge all claims of the paper's claims.yaml.

    Raises ResultsError or MissingFileError if results of a configured system are missing.
    """
    paper = results.paper
    known = load_claims(paper.key, results.config.root).claims
    judged = [_judged(claim, results) for claim in known]
    qualification = notes.qualification(results)
    columns = (
        Column(title="Claim", field="statement", role="prose"),
        Column(title="Where", field="place", role="prose"),
        Column(
            title=f"Here ({qualification})" if qualification else "Here", kind="mark", field="here"
        ),
        Column(title="Evidence here", field="here_evidence", role="prose"),
        Column(title="Printed tables", kind="mark", field="printed"),
        Column(title="Printed numbers", field="printed_evidence", role="prose"),
    )
    return notes.table(
        results,
        NAME,
        f"Claims of the paper. {results.config.dataset_file.title}",
        _notes(judged, results),
        tidy([_record(one, results) for one in judged], _COLUMNS),
        View(keys=("row",), columns=columns),
        {
            "qualification": qualification,
            "counts": dict(Counter(one["here"] for one in judged)),
            "claims": judged,
        },
    )


def _judged(claim: Claim, results: Results) -> dict[str, Any]:
    """The data of one claim for the page."""
    found = judge(claim, results)
    here, evidence = word(found.here), evidence_lines(found.here, results.paper)
    of_size = claim.test.kind in SIZES and not notes.on_papers_data(results)
    if of_size and found.here.state != State.ABSENT:
        here, evidence = OTHER_DATA, [SIZE_REASON]
    return {
        "id": claim.id,
        "edition": claim.edition,
        "statement": claim.statement,
        "place": claim.place,
        "kind": claim.test.kind,
        "here": here,
        "evidence": evidence,
        "rule": found.rule,
        "printed": word(found.printed),
        "printed_evidence": evidence_lines(found.printed, results.paper),
        "outcomes": as_records(found.here),
        "printed_outcomes": as_records(found.printed),
        "links": links(claim, results.paper),
    }


def _record(one: dict[str, Any], results: Results) -> dict[str, Any]:
    """One claim as a row of the frame."""
    return {
        "table": NAME,
        "row": one["id"],
        **{key: one[key] for key in ("edition", "statement", "place", "kind", "here")},
        "here_evidence": "; ".join(one["evidence"]),
        "rule": one["rule"],
        "printed": one["printed"],
        "printed_evidence": "; ".join(one["printed_evidence"]),
        "seeds_in_words": results.config.seeds_in_words,
    }


def _notes(judged: Sequence[dict[str, Any]], results: Results) -> list[str]:
    here = notes.tally((one["here"] for one in judged), CLAIM_VERDICTS)
    printed = notes.tally(
        (one["printed"] for one in judged), {w: w for w in PRINTED_WORDS.values()}
    )
    seeds = results.config.seeds_in_words
    single = seeds == "1 seed"
    covers = "clips only" if single else "clips and seeds"
    reason = "; with one, separately trained systems cannot be compared" if single else ""
    return [
        *notes.warning(
            results, "The verdicts apply to this run and do not show whether the paper is right."
        ),
        f"**{len(judged)} claims. Here: {here}. By the paper's own tables: {printed}.**",
        "Systems are named as in the text of the paper. Differences are in points (development / "
        f"evaluation if two are given), with 95 % intervals over {covers}. They are computed on "
        "the same clips, and per seed if two systems share a checkpoint.",
        *notes.paired_by_seed(results),
        "Here: a claim holds if all its comparisons hold, and does not hold if one fails after "
        "Holm's correction for the number of its comparisons; a comparison that fails only without "
        "the correction is undecided. If neither is certain, the claim is undecided with "
        f"{seeds}{reason}.",
        "Gains that the paper states come from single trainings, so they are compared with the "
        "interval for single trainings, and on other data not at all.",
        "Printed tables: a claim is supported if all its comparisons hold, contradicted if none "
        "holds, and otherwise supported in part. It is not shown if the paper prints no number for "
        "it. Printed numbers have no interval, so a difference of 0.1 counts.",
    ]
