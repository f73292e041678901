"""The kinds of findings of an audit: finding_kinds.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from resed.config.loading import read_yaml


@dataclass(frozen=True)
class FindingKind:
    """A kind of finding; finding_kinds.yaml describes the fields."""

    level: str
    title: str
    effect: str
    cure: str
    whole_split: bool = False
    published: bool = False
    own: Mapping[str, str] = field(default_factory=dict)


FINDING_KINDS = {
    name: FindingKind(**values)
    for name, values in read_yaml(Path(__file__).with_suffix(".yaml")).items()
}


def finding_kinds(own: bool) -> dict[str, FindingKind]:
    """The kinds in their words for a dataset: of the user's own recordings, or of other clips."""
    if not own:
        return FINDING_KINDS
    return {name: replace(kind, **kind.own) for name, kind in FINDING_KINDS.items()}
