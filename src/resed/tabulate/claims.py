"""Every comparative statement of the paper, what its own tables say, and what the runs say."""

from resed.judge import HERE, PRINTED, Judgement, judge
from resed.paper.legacy_claims import Claim, load_claims
from resed.paper.legacy_numbers import load_versions
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
    papers = load_versions(results.config.root)
    judged = [(c, judge(c, papers, results)) for c in load_claims(results.config.root).claims]
    return Table(
        title=f"Claims of the paper on {results.config.dataset_file.title}",
        caption=_caption([found for _, found in judged], results),
        columns=COLUMNS,
        lines=tuple(_line(claim, found, results) for claim, found in judged),
        records=tuple(_record(claim, found, results) for claim, found in judged),
        words=len(COLUMNS),
    )


def _line(claim: Claim, found: Judgement, results: Results) -> Line:
    evidence = found.here.evidence
    if found.here.word != HERE["absent"]:
        evidence += f". Rule: {found.rule}."
    return Line(
        (
            claim.statement,
            claim.place,
            qualified(found.here.word, results),
            evidence or NONE,
            found.printed.word,
            found.printed.evidence or NONE,
        )
    )


def _record(claim: Claim, found: Judgement, results: Results) -> dict[str, object]:
    return {
        "id": claim.id,
        "statement": claim.statement,
        "journal": claim.journal,
        "letter": claim.letter,
        "kind": claim.test.kind,
        "printed": found.printed.word,
        "printed_evidence": found.printed.evidence,
        "here": found.here.word,
        "here_evidence": found.here.evidence,
        "rule": found.rule,
        "seeds": results.config.seeds_in_words,
        "dataset": results.config.dataset_file.name,
        "papers_data": "yes" if on_papers_data(results) else "no",
    }


def _caption(judged: list[Judgement], results: Results) -> tuple[str, ...]:
    here = tally((found.here.word for found in judged), MANY)
    printed = tally((found.printed.word for found in judged), {w: w for w in PRINTED.values()})
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
