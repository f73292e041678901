"""The readings that the paper's claims name, if their scores require no further training.

Claims on the decoding compare two decodings of one checkpoint. These rows are decoded, scored and
judged in every run, whether or not the config reports the study of readings.
"""

from collections.abc import Iterator

from resed.config import study_rows
from resed.config.rows import UNCHANGED, Row
from resed.config.run import Config
from resed.config.split_needs import refuse_missing_splits
from resed.errors import ConfigError
from resed.paper.claim_fields import ReadingReference
from resed.paper.claim_tests import references
from resed.paper.claims import FILE, load_claims
from resed.paper.generation_tests import FrameRuns
from resed.paper.numbers import paper_file


def claimed_rows(config: Config) -> list[Row]:
    """Rows of readings that claims compare: those that share the checkpoints of configured systems.

    A row of the unchanged system is included if one of its readings is. Readings that change
    nothing, require a training or are incompatible with the settings of this config are left out.

    Raises ConfigError if the claims are malformed.
    """
    if not paper_file(config.paper, "numbers.yaml", config.root).with_name(FILE).is_file():
        return []
    named = dict.fromkeys(_named(config))
    readings = [row for row in named if row.reading != UNCHANGED and _costs_nothing(config, row)]
    unchanged = {row.unchanged for row in readings}
    return [row for row in named if row in unchanged or row in readings]


def _named(config: Config) -> Iterator[Row]:
    for claim in load_claims(config.paper, config.root).claims:
        for reference in references(claim.test):
            if isinstance(reference, ReadingReference) and reference.system in config.systems:
                yield Row(reference.system, reference.reading)


def _costs_nothing(config: Config, row: Row) -> bool:
    """Whether the reading and the unchanged system share the checkpoints of a configured system."""
    try:
        refuse_missing_splits(row.folder, config.system(row), config.dataset_file)
        owners = {config.trained_as(one) for one in (row, row.unchanged, Row(row.system))}
        seeds = study_rows.seeds(config, row) == config.seed_list(row.system)
        return len(owners) == 1 and seeds and not study_rows.changes_nothing(config, row)
    except ConfigError:  # incompatible with the settings of the system
        return False


def frame_systems(config: Config) -> list[str]:
    """Configured systems whose frame posteriors a claim counts.

    Raises ConfigError if the claims are malformed.
    """
    if not paper_file(config.paper, "numbers.yaml", config.root).with_name(FILE).is_file():
        return []
    tests = [claim.test for claim in load_claims(config.paper, config.root).claims]
    named = [test.system for test in tests if isinstance(test, FrameRuns)]
    return [name for name in dict.fromkeys(named) if name in config.systems]
