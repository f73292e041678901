"""Every comparative statement of the paper, what its own tables say, and what the runs say."""

from resed.judge import Judgement, State, judge
from resed.judge.evidence import PRINTED_WORDS, evidence_lines, word
from resed.paper.claims import Claim, load_claims
from resed.results.folder import Results
from resed.tabulate.provenance import on_papers_data, qualified, tally, warning
from resed.tabulate.table import NONE, Line, Table

COLUMNS = ("Claim", "Where", "Here", "Evidence here", "Printed tables", "Printed numbers")

MANY = {"holds": "hold", "does not hold": "do not hold", "undecided": "undecided"}
MANY |= {"not run": "not run"}


def claims(results: Results) -> Table:
    """Judge all claims of config/papers/liang_claims.yaml.

    Raises ResultsError or MissingFileError where a configured system's results lack.
    """
    known = load_claims(results.config.paper, results.config.root).claims
    judged = [(claim, judge(claim, results)) for claim in known]
    return Table(
        title=f"Claims of the paper on {results.config.dataset_file.title}",
        caption=_caption([found for _, found in judged], results),
        columns=COLUMNS,
        lines=tuple(_line(claim, found, results) for claim, found in judged),
        records=tuple(_record(claim, found, results) for claim, found in judged),
        words=len(COLUMNS),
    )


def _line(claim: Claim, found: Judgement, results: Results) -> Line:
    evidence = "; ".join(evidence_lines(found.here, results.paper))
    if found.here.state != State.ABSENT:
        evidence += f". Rule: {found.rule}."
    return Line(
        (
            claim.statement,
            claim.place,
            qualified(word(found.here), results),
            evidence or NONE,
            word(found.printed),
            "; ".join(evidence_lines(found.printed, results.paper)) or NONE,
        )
    )


def _record(claim: Claim, found: Judgement, results: Results) -> dict[str, object]:
    return {
        "id": claim.id,
        "statement": claim.statement,
        "journal": claim.places.get("journal"),
        "letter": claim.places.get("letter"),
        "kind": claim.test.kind,
        "printed": word(found.printed),
        "printed_evidence": "; ".join(evidence_lines(found.printed, results.paper)),
        "here": word(found.here),
        "here_evidence": "; ".join(evidence_lines(found.here, results.paper)),
        "rule": found.rule,
        "seeds": results.config.seeds_in_words,
        "dataset": results.config.dataset_file.name,
        "papers_data": "yes" if on_papers_data(results) else "no",
    }


def _caption(judged: list[Judgement], results: Results) -> tuple[str, ...]:
    here = tally((word(found.here) for found in judged), MANY)
    printed = tally(
        (word(found.printed) for found in judged), {w: w for w in PRINTED_WORDS.values()}
    )
    many = results.config.seeds_in_words
    alone = many == "1 seed"
    covers = "clips alone" if alone else "clips and seeds"
    one = "; with one, separately trained systems cannot be told apart" if alone else ""
    return (
        *warning(
            results, "A verdict says what holds here, and nothing of the paper's own numbers."
        ),
        f"**{len(judged)} claims. Here: {here}. By the paper's own tables: {printed}.**",
        "Numbers of systems are the rows of the journal's Table 1; τ and γ name rows of its Table "
        "2. Differences are points of F1, development / evaluation where two stand together, with "
        f"95 % intervals over {covers}, on the same clips, seed by seed where two systems share a "
        "checkpoint. They are not corrected for being many.",
        "A claim holds here if all its comparisons do, and does not if one fails; where neither is "
        f"sure it is undecided at {many}{one}.",
        "By the printed tables a claim is supported if all its comparisons are, contradicted if "
        "none is, else supported in part; not shown where no number is printed. Printed numbers "
        "have no interval, so a difference of 0.1 counts.",
    )
