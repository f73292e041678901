"""How long the rest of a run takes, from the cost of its jobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# Seconds of one job of the demo with two at a time. Only their ratios matter once jobs have ended.
COSTS = {
    "acquire": 6.0,
    "admit": 0.8,
    "audit": 7.0,
    "repair": 0.8,
    "extract": 14.0,
    "calibrate": 0.7,
    "train": 19.0,
    "predict": 2.5,
    "decode": 1.0,
    "decode_configured": 0.8,
    "sanity": 1.0,
    "score": 1.8,
    "score_configured": 1.0,
    "score_sanity": 1.2,
    "tabulate": 1.5,
    "judge": 7.0,
    "draw": 2.9,
    "browse": 8.0,
    "report": 4.0,
    "all": 0.0,
}
OTHER = 2.0  # of rules that are not listed
ALONE = ("admit", "audit", "repair", "judge", "report")  # no other job runs beside them
PRIOR = 5.0  # seconds of jobs that count as measured before the first job has ended


@dataclass
class Estimate:
    """Seconds that a run will still take.

    Jobs that have not ended cost as much as those of their rule that have. For other rules, the
    costs above are scaled by what jobs have taken so far, in relation to these costs.

    Args:
        jobs: number of jobs of each rule.
        cores: number of jobs that run at the same time.
    """

    jobs: Mapping[str, int]
    cores: int = 1
    taken: dict[str, list[float]] = field(default_factory=dict)
    running: dict[int, tuple[str, float]] = field(default_factory=dict)

    def start(self, job: int, rule: str, now: float) -> None:
        """Job number `job` begins at the time `now`, in seconds."""
        self.running[job] = rule, now

    def end(self, job: int, now: float) -> str | None:
        """A job ends; return its rule, None for one that did not begin."""
        rule, began = self.running.pop(job, (None, now))
        if rule is not None:
            self.taken.setdefault(rule, []).append(now - began)
        return rule

    def left(self, now: float) -> float:
        """Seconds from `now` to the end of the run."""
        alone = parallel = 0.0
        for rule, count in self.jobs.items():
            begun = [now - since for name, since in self.running.values() if name == rule]
            waiting = count - len(self.taken.get(rule, ())) - len(begun)
            cost = self._cost(rule)
            rest = cost * max(0, waiting) + sum(max(0.0, cost - seconds) for seconds in begun)
            if rule in ALONE:
                alone += rest
            else:
                parallel += rest
        return alone + parallel / max(1, self.cores)

    def _cost(self, rule: str) -> float:
        taken = self.taken.get(rule)
        if taken:
            return sum(taken) / len(taken)
        ended = [(COSTS.get(name, OTHER), one) for name, all_ in self.taken.items() for one in all_]
        scale = (PRIOR + sum(one for _, one in ended)) / (PRIOR + sum(cost for cost, _ in ended))
        return COSTS.get(rule, OTHER) * scale
