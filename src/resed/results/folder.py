"""Scores of a finished run, with intervals and differences in the paper's metrics."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from resed.config.rows import Row
from resed.config.run import Config
from resed.config.run_plan import shares_in_words
from resed.paper.numbers import Metric, Paper, load_paper
from resed.results.pairing import Pairing, pairing
from resed.results.ranks import MEASURE_OF, Ranks
from resed.results.reader import ResultsReader
from resed.settings import CalibrateSettings, FeatureSettings, SystemSettings
from resed.stats.intervals import (
    CLIPS,
    Interval,
    difference,
    interval,
    score_difference,
    score_interval,
)

# Scores of systems -> those of detectors with score TSVs.
OF_SCORE_TSVS = {f"psds{n}{gate}": f"psds{n}" for n in (1, 2) for gate in ("", "_ungated")}
OF_SCORE_TSVS |= {"tags_map": "map", "tags_mauc": "mauc"}
OF_EVENTS = {"event_precision": "precision", "event_recall": "recall"}  # in the block event
LAID_OVER = {"override", "system_overrides", "features", "feature_overrides", "calibrate"}
A_THIRD = 1e-4  # tolerance of eta: configs and commands write 0.3333333 and 0.3333
KNEE_OPTIONS = {"kneedle": ("guard",), "quantile": ("quantile",)}  # other knees have no option


class Results(ResultsReader):
    """The folders results/{dataset} and data/{dataset}, and the config that made them.

    Numbers are in the unit of their metric. A metric is a key of `paper.metrics`, or a `Metric`.
    The interval of an F1, mAP or mAUC covers clips and seeds. The interval of a score without
    values per clip (PSDS, or mAP of older runs) covers seeds; with one seed there is none, or that
    over clips which `resed score` computed from score TSVs.
    """

    @classmethod
    def of(cls, config: Config, folder: Path, data: Path | None = None) -> "Results":
        """`data` is the folder of the dataset; by default data/{dataset} beside config/."""
        return cls(config, folder, data or Path(config.root) / "data" / config.dataset_file.name)

    @cached_property
    def paper(self) -> Paper:
        """The paper whose numbers are compared with ours."""
        return load_paper(self.config.paper, self.config.root)

    def interval(
        self, split: str, row: Row | str, metric: str | Metric, label: str | None = None
    ) -> Interval | None:
        """Mean over seeds with its interval; None if it was not scored.

        `label` selects one class; F1, mAP and mAUC have scores per class.
        """
        metric = self._metric(metric)
        ranks = self.ranks(split, row, metric)
        if ranks is not None:
            found = ranks.interval([label] if label else ())
            return found and found.scaled(metric.full_scale / 100)
        if metric.block is None:
            values = [] if label else self.values(split, row, metric)
            clips = self._clips(split, row)
            if not values:
                return None
            found = score_interval(values, clips, metric.full_scale)
            ends = self._stored_ends(split, row, metric)
            if found.known or ends is None:
                return found
            low, high = (metric.full_scale * end for end in ends)
            return replace(found, low=low, high=high, covers=CLIPS)
        tables = self._known(split, row, metric.block, label)
        return interval(tables, label).scaled(metric.full_scale / 100) if tables else None

    def difference(
        self,
        split: str,
        first: Row | str,
        second: Row | str,
        metric: str | Metric,
        label: str | None = None,
        labels: Sequence[str] = (),
    ) -> Interval | None:
        """First minus second on the same clips; None if one of them was not scored.

        Seed by seed, if the seeds of both belong together (`pairing`).

        Args:
            label: of one class.
            labels: averaged over these classes, of which at least one has a score.
        """
        metric, paired = self._metric(metric), bool(self.pairing(first, second))
        chosen = [label] if label else labels
        ranks = [self.ranks(split, row, metric) for row in (first, second)]
        if None not in ranks:
            found = ranks[0].difference(ranks[1], paired, chosen)
            return found and found.scaled(metric.full_scale / 100)
        if metric.block is None:
            sides = [[] if chosen else self.values(split, row, metric) for row in (first, second)]
            if not all(sides):
                return None
            return score_difference(*sides, paired, self._clips(split, first))
        if labels:
            sides = [self.tables(split, row, metric.block) for row in (first, second)]
            known = any(set(table.classes) & {*labels} for side in sides for table in side)
            sides = [[table.only(*labels) for table in side] for side in sides if known]
        else:
            sides = [self._known(split, row, metric.block, label) for row in (first, second)]
        if not sides or not all(sides):
            return None
        return difference(*sides, paired, label=label).scaled(metric.full_scale / 100)

    def values(self, split: str, row: Row | str, metric: str | Metric) -> list[float]:
        """One value per seed; empty unless every seed was scored."""
        metric = self._metric(metric)
        if metric.block is not None:
            return [metric.full_scale * t.f1() for t in self.tables(split, row, metric.block)]
        ranks = self.ranks(split, row, metric)
        if ranks is not None:
            return [metric.full_scale * value for value in ranks.values()]
        read = [self.metrics(split, row, seed) for seed in self.seeds(row)]
        found = [_without_threshold(one, metric.score) for one in read]
        return [] if None in found else [metric.full_scale * value for value in found]

    def paired(self, first: Row | str, second: Row | str) -> bool:
        """Whether two rows use the same checkpoints."""
        return self.pairing(first, second) == "checkpoint"

    def pairing(self, first: Row | str, second: Row | str) -> Pairing:
        """How seed k of two rows belongs together: `checkpoint`, `chain`, `student` or not."""
        pair = Row.of(first), Row.of(second)
        if pair not in self._pairings:
            self._pairings[pair] = pairing(self.config, *pair)
        return self._pairings[pair]

    @cached_property
    def _pairings(self) -> dict[tuple[Row, Row], Pairing]:
        return {}  # a table asks for every metric and split

    def ranks(self, split: str, row: Row | str, metric: Metric) -> Ranks | None:
        """Scores of clip posteriors per seed, for mAP and mAUC; None if they were not made."""
        measure = MEASURE_OF.get(metric.score or "")
        found = self.rankings(split, row) if measure else []
        return Ranks(tuple(found), measure) if found and measure else None

    def _stored_ends(
        self, split: str, row: Row | str, metric: Metric
    ) -> tuple[float, float] | None:
        """The interval over clips that metrics.json of the first seed has, as fractions."""
        own = self.metrics(split, row, self.seeds(row)[0]).get("scores")
        return own and own["intervals"].get(OF_SCORE_TSVS.get(metric.score or "", ""))

    def _metric(self, metric: str | Metric) -> Metric:
        return metric if isinstance(metric, Metric) else self.paper.metrics[metric]

    def _clips(self, split: str, row: Row | str) -> int:
        return self.metrics(split, row, self.seeds(row)[0])["clips"]

    def _known(self, split: str, row: Row | str, block: str, label: str | None) -> list:
        """Counts per seed; empty if the block was not scored or no seed has counts of the class."""
        tables = self.tables(split, row, block)
        known = label is None or any(label in table.classes for table in tables)
        return tables if known else []

    @cached_property
    def changed_settings(self) -> list[str]:
        """Sentences on settings of systems and windows that the config overrides; may be empty."""
        config = self.config
        bare = Config.model_validate(config.model_dump(exclude=LAID_OVER))
        found = []
        if config.features != bare.features or any(
            _settings(name, config) != _settings(name, bare) for name in config.systems
        ):
            found.append("settings other than the paper's (see the settings of each system)")
        windows = _other_windows(config.calibrate, bare.calibrate)
        if windows:
            found.append(f"windows with settings other than the paper's: {', '.join(windows)}")
        return found


def _without_threshold(metrics: dict[str, Any], score: str | None) -> float | None:
    """A score without counts per clip; score TSVs have no gate, so both kinds of PSDS are one."""
    if "scores" in metrics and score not in OF_EVENTS:
        return metrics.get(OF_SCORE_TSVS.get(score or "", ""))
    if score in OF_EVENTS:
        return _mean_rate(metrics["event"]["classes"], OF_EVENTS[score])
    return (metrics.get("threshold_free") or {}).get(score)


def _mean_rate(classes: dict[str, dict[str, float]], rate: str) -> float:
    """Mean over classes of precision or recall, 0 for a class without any; 0 without a class."""
    return fmean(one[rate] for one in classes.values()) if classes else 0.0


def departures(results: Results) -> list[str]:
    """The reasons why the numbers are not comparable with the paper's; empty if they are."""
    config, paper = results.config, results.paper
    found = []
    if config.dataset_file.name != paper.dataset:
        found.append(f"not the paper's data: {config.dataset_file.title}")
    if share := shares_in_words(config):
        found.append(f"{share} of the full number of clips")
    return found + results.changed_settings


def _settings(name: str, config: Config) -> tuple[SystemSettings, FeatureSettings]:
    return config.system(name), config.feature_sets[config.features_of(name)]


def _other_windows(own: CalibrateSettings, papers: CalibrateSettings) -> list[str]:
    """Keys and values of `calibrate` that lead to windows other than the paper's."""
    same = math.isclose(own.eta, papers.eta, abs_tol=A_THIRD)
    found = [] if same else [f"eta {own.eta:g}"]
    for key in ("knee", *KNEE_OPTIONS.get(own.knee, ())):
        if getattr(own, key) != getattr(papers, key):
            found.append(f"{key} {getattr(own, key)}")
    return found


def short_hash(value: str | None) -> str:
    """First twelve hex digits of a hash."""
    return value[:12] if value else "none (no audit)"


def readable(label: str) -> str:
    """A class label as displayed: Alarm_bell_ringing -> Alarm bell ringing."""
    text = label.replace("_", " ").strip()
    return text[:1].upper() + text[1:]
