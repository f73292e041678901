"""Simulated papers: how often verdicts are wrong by chance, through the code that gives them.

    python tests/simulated_papers.py 2000

Each paper has counts per clip of several systems and seeds. Clips are hard or easy for all systems
alike, seeds are better or worse on all clips, and each training finds other events of single clips.
`resed.judge` and the scorecard read the counts as those of a run; only the reading of the files is
replaced. The script prints the rates and exits with 1 if one of them is outside its bounds. With
other numbers: --clips, --seed-sd (points of F1), --seeds.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from made_results import make_root

from resed.config.rows import Row
from resed.config.run import Config
from resed.formats.counts import Counts, class_f1
from resed.judge import judge
from resed.judge.outcome import State
from resed.paper.claims import Claim, load_claims
from resed.results.folder import Results
from resed.stats import bootstrap
from resed.tabulate.score_reader import ScoreReader
from resed.tabulate.scorecard import verdict

CLASSES = [
    *("Alarm_bell_ringing", "Blender", "Cat", "Dishes", "Dog"),
    *("Electric_shaver_toothbrush", "Frying", "Running_water", "Speech", "Vacuum_cleaner"),
]
BEST, SAME_CHECKPOINT = "pts_tfd_afl_esp", "pts_tfd_afl"
RIVALS = [
    *("mean_teacher", "guided_learning", "pts_without_bgru", "pts", "pts_dfd_mse", "pts_dfd_d"),
    *("pts_tfd", "pts_tfd_dfd_d_wu", SAME_CHECKPOINT),
]
BLOCKS = ("event", "segment", "tags")
SPLITS = ("development", "evaluation")


@dataclass(frozen=True)
class World:
    """Sizes of what varies.

    Attributes:
        clips: number of clips per split.
        seeds: number of seeds per system.
        seed_sd: standard deviation between seeds, in points of macro F1.
        clip_logit: standard deviation of the ease of a clip, and of a class in a clip, in logits.
        level: macro F1 in percent of a system without its seed.
    """

    clips: int = 300
    seeds: int = 5
    seed_sd: float = 2.0
    clip_logit: float = 0.8
    level: float = 45.0


@dataclass
class Split:
    """The clips of one split: number of events and ease, [clips, classes]."""

    events: np.ndarray
    ease: np.ndarray

    @classmethod
    def draw(cls, world: World, clips: int, random: np.random.Generator) -> "Split":
        """Draw clips that contain about two classes each, with one to four events."""
        shape = clips, len(CLASSES)
        events = (random.random(shape) < 0.2) * random.integers(1, 5, size=shape)
        ease = world.clip_logit * (random.normal(size=(clips, 1)) + random.normal(size=shape))
        return cls(events, ease)

    def counts(self, logit: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Counts of trainings with these logits: [trainings, clips, classes, 3]."""
        p = 1 / (1 + np.exp(-(logit[:, None, None] + self.ease)))
        hits = random.binomial(self.events, p)
        false = random.poisson(0.25 * (1 - p))
        return np.stack([hits, false, self.events - hits], axis=-1).astype(np.int64)


@cache
def logit_of(clip_logit: float) -> tuple[np.ndarray, np.ndarray]:
    """Macro F1 in percent of logits, from very many clips: (F1, logit), both ascending."""
    random, logits = np.random.default_rng(11), np.linspace(-4, 5, 40)
    split = Split.draw(World(clip_logit=clip_logit), 20_000, random)
    f1 = [100 * np.nanmean(class_f1(split.counts(np.array([x]), random)[0].sum(0))) for x in logits]
    return np.maximum.accumulate(f1), logits


class Simulated(Results):
    """Results whose counts are in memory: (split, row, block) -> one table per seed."""

    simulated: dict[tuple[str, str, str], list[Counts]]

    def tables(self, split: str, row: Row | str, block: str) -> list[Counts]:
        """Counts per seed."""
        return self.simulated.get((split, Row.of(row).folder, block), [])

    def metrics(self, split: str, row: Row | str, seed: int = 0) -> dict:
        """The keys that the scorecard compares."""
        return {"clips": self.simulated[split, Row.of(row).folder, "event"][0].clips, "path": ""}

    manifest = None


def made_config(root: Path, seeds: int) -> Config:
    """A config with the systems of the paper's first table."""
    return make_root(root, CLASSES, seeds=seeds, systems=[*RIVALS, BEST])


def simulate(
    config: Config,
    world: World,
    random: np.random.Generator,
    *,
    better: float = 0.0,
    cells: Iterable[tuple[str, str]] = tuple(product(SPLITS, BLOCKS)),
) -> Simulated:
    """One paper in which BEST is better than every other system by some points of F1.

    Systems share the clips of a split. A seed is better or worse on all splits and metrics (half of
    its variance) or on one of them. BEST decodes the checkpoints of SAME_CHECKPOINT: both share
    their seeds.
    """
    results = Simulated.of(config, Path(config.root) / "results")
    results.simulated = {}
    names = [*RIVALS, BEST]
    common = random.normal(size=(len(names), world.seeds))
    common[-1] = common[names.index(SAME_CHECKPOINT)]
    splits = {split: Split.draw(world, world.clips, random) for split in SPLITS}
    clips = tuple(f"{number:05}" for number in range(world.clips))
    for split, block in cells:
        own = random.normal(size=common.shape)
        own[-1] = own[names.index(SAME_CHECKPOINT)]
        f1 = world.level + world.seed_sd * np.sqrt(0.5) * (common + own)
        f1[-1] += better
        logits = np.interp(f1, *logit_of(world.clip_logit))
        for name, seeds in zip(names, logits, strict=True):
            values = splits[split].counts(seeds, random)
            tables = [Counts(clips, tuple(CLASSES), one, world.clips) for one in values]
            results.simulated[split, name, block] = tables
    return results


def forget() -> None:
    """Forget the resamples of a paper; they would fill the memory."""
    bootstrap._resampled.cache_clear()
    bootstrap._replicate.cache_clear()


def claim_of_six() -> Claim:
    """PTS is better than six other systems, on event-F1 of evaluation."""
    rivals = [name for name in RIVALS if name not in ("pts", "mean_teacher", SAME_CHECKPOINT)]
    pairs = [["pts", rival] for rival in rivals]
    test = {"kind": "better", "pairs": pairs, "metrics": ["event"], "splits": ["evaluation"]}
    found = {"id": "six", "statement": "PTS is best.", "places": {"journal": "-"}, "test": test}
    return Claim.model_validate(found)


def states(
    config: Config, world: World, claim: Claim, papers: int, better: float = 0.0, seed: int = 1
) -> dict[State, float]:
    """Share of each verdict on a claim over simulated papers."""
    random, found = np.random.default_rng(seed), []
    test = claim.test
    cells = tuple(product(getattr(test, "splits", SPLITS), getattr(test, "metrics", BLOCKS)))
    for _ in range(papers):
        results = simulate(config, world, random, better=better, cells=cells)
        found.append(judge(claim, results).here.state)
        forget()
    return {state: found.count(state) / papers for state in State}


def scorecard_rates(
    config: Config, world: World, papers: int, other_clips: bool, seed: int = 2
) -> float:
    """Share of cells that are above or below although the paper trained the same system.

    The published number is the score of one further training, on the same clips as ours or on as
    many others of the same kind.
    """
    random, wrong = np.random.default_rng(seed), 0
    metric = Simulated.of(config, Path(config.root)).paper.metrics["event"]
    clips = tuple(f"{number:05}" for number in range(world.clips))
    for _ in range(papers):
        f1 = world.level + world.seed_sd * random.normal(size=world.seeds + 1)
        logits = np.interp(f1, *logit_of(world.clip_logit))
        ours, theirs = (Split.draw(world, world.clips, random) for _ in range(2))
        values = ours.counts(logits, random)
        tables = [Counts(clips, tuple(CLASSES), one, world.clips) for one in values]
        further = theirs.counts(logits[-1:], random)[0] if other_clips else values[-1]
        published = 100 * Counts(clips, tuple(CLASSES), further, world.clips).f1()
        results = Simulated.of(config, Path(config.root))
        results.simulated = {("evaluation", "pts", "event"): tables[:-1]}
        found = ScoreReader(results).predicted(Row("pts"), "evaluation", metric)
        wrong += verdict(found, published) in ("above", "below")
        forget()
    return wrong / papers


@dataclass(frozen=True)
class Rate:
    """A simulated rate and the bounds within which it must lie."""

    title: str
    value: float
    low: float
    high: float

    @property
    def passes(self) -> bool:
        """Whether it lies within its bounds."""
        return self.low <= self.value <= self.high


def rates(root: Path, papers: int, world: World, slow: int) -> Iterator[Rate]:
    """All rates: `papers` simulations each, and `slow` of claims with 54 comparisons."""
    config = made_config(root, world.seeds)
    six = states(config, world, claim_of_six(), papers)
    yield Rate("equal systems, six comparisons: does not hold", six[State.FAILS], 0, 0.05)
    yield Rate("equal systems, six comparisons: holds", six[State.HOLDS], 0, 0.05)
    nine = next(c for c in load_claims("liang", root).claims if c.id == "nine_is_best")
    equal, true, false = (states(config, world, nine, slow, better) for better in (0.0, 2.0, -8.0))
    yield Rate("equal systems, nine_is_best: does not hold", equal[State.FAILS], 0, 0.05)
    yield Rate("9 better by 2 points, nine_is_best: does not hold", true[State.FAILS], 0, 0.05)
    yield Rate("9 worse by 8 points, nine_is_best: does not hold", false[State.FAILS], 0.8, 1)
    card: Callable[..., float] = scorecard_rates
    three = World(**{**vars(world), "seeds": 3})
    small = made_config(root / "three", 3)
    for other in (False, True):
        value = card(small, three, papers, other)
        where = "other clips" if other else "the same clips"
        title = f"faultless reproduction, three seeds, {where}: above or below"
        yield Rate(title, value, 0.03, 0.07)


def main() -> int:
    """Print all rates."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("papers", type=int, nargs="?", default=2000)
    parser.add_argument("--slow", type=int, help="papers of claims with 54 comparisons")
    parser.add_argument("--clips", type=int, default=World.clips)
    parser.add_argument("--seeds", type=int, default=World.seeds)
    parser.add_argument("--seed-sd", type=float, default=World.seed_sd)
    asked = parser.parse_args()
    world = World(clips=asked.clips, seeds=asked.seeds, seed_sd=asked.seed_sd)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for rate in rates(Path(folder), asked.papers, world, asked.slow or asked.papers):
            failed += not rate.passes
            mark = "" if rate.passes else f"  outside {rate.low:.0%} to {rate.high:.0%}"
            print(f"{rate.value:7.2%}  {rate.title}{mark}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
