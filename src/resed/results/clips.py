"""Numbers of usable and of all clips per split."""

from dataclasses import dataclass

from resed.results.folder import Results, short_hash


@dataclass(frozen=True)
class Share:
    """Usable clips of one split, and its official or generated number of clips."""

    role: str
    usable: int
    of: int

    def __str__(self) -> str:
        return f"{self.usable} of {self.of}"


def coverage(results: Results) -> list[Share]:
    """The clips of every split as counted by the audit; empty without an audit."""
    dataset = results.config.dataset_file
    shares = []
    for role in dataset.roles:
        found = results.audit.get("splits", {}).get(role)
        if found is not None:
            listed = found["clips"]  # any number of soundscapes can be generated
            known = listed if dataset.kind == "soundscapes" else dataset.splits[role].clips
            usable = found["status"].get("ok", 0)
            shares.append(Share(role, usable, found.get("official", known)))
    return shares


def in_full(results: Results) -> str:
    """`Clips usable: weak 1473 of 1578, ... Manifest: 0123456789ab.`, for captions of tables."""
    shares = ", ".join(f"{share.role} {share}" for share in coverage(results))
    return f"Clips usable: {shares or 'not audited'}. Manifest: {short_hash(results.manifest)}."


def in_short(results: Results) -> str:
    """`18000 of 19895 clips`: the sum over all splits, for figures."""
    shares = coverage(results)
    total = Share("", sum(one.usable for one in shares), sum(one.of for one in shares))
    return f"{total} clips" if shares else "clips not audited"
