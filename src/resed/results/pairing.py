"""Which seeds of two rows belong together, so that their difference is taken seed by seed.

Seed k of a later generation learns from seed k of its teachers, so all stages of one seed are one
chain: their scores rise and fall together, and only chains are independent (Kumar and Ithapu,
section 3, where all stages start from one base).
"""

from typing import Literal

from resed.config.rows import Row
from resed.config.run import Config

# checkpoint: both decode one training. chain: one rests on a training of the other, or both on the
# same earlier one. student: students of one generation that differ only in their targets; they have
# equal first weights and see the clips in one order. "": the trainings are independent.
Pairing = Literal["checkpoint", "chain", "student", ""]


def pairing(config: Config, first: Row | str, second: Row | str) -> Pairing:
    """How seed k of one row belongs to seed k of the other."""
    rows = [Row.of(row) for row in (first, second)]
    if any(row.baseline or row.external for row in rows):
        return "checkpoint" if rows[0] == rows[1] else ""
    if config.trained_as(rows[0]) == config.trained_as(rows[1]):
        return "checkpoint"
    if lineage(config, rows[0]) & lineage(config, rows[1]):
        return "chain"
    return "student" if _same_students(config, *rows) else ""


def lineage(config: Config, row: Row | str) -> frozenset[str]:
    """The trainings on which the posteriors of a row rest, by the names of their folders.

    They are its own training or those of its composite, those of their teachers, and so on.
    """
    trained = Row.of(config.trained_as(row))
    members = config.members(trained)
    found = set() if members else {trained.folder}
    for other in members or _teachers(config, trained.system):
        found |= lineage(config, other)
    return frozenset(found)


def _teachers(config: Config, system: str) -> list[str]:
    """The teachers whose posteriors have an effect on the targets of a system."""
    distil = config.catalogue[system].distil
    used = distil.labels_smoothed or distil.gate == "own"
    shares = config.generations.teachers(system)
    return [name for name, share in shares.items() if share > 0 or used]


def _same_students(config: Config, first: Row, second: Row) -> bool:
    """Whether two later generations have equal weights and batches before their first step."""
    if any(config.members(row) for row in (first, second)):
        return False
    trained = [Row.of(config.trained_as(row)) for row in (first, second)]
    one, two = (config.generations.generation(row.system) for row in trained)
    if one != two or not one:
        return False
    before, after = (config.system(row) for row in trained)
    same = before.model == after.model and before.schedule == after.schedule
    return same and config.features_of(trained[0]) == config.features_of(trained[1])
