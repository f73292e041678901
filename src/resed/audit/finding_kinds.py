"""The kinds of findings of an audit: finding_kinds.yaml."""

from dataclasses import dataclass
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


FINDING_KINDS = {
    name: FindingKind(**values)
    for name, values in read_yaml(Path(__file__).with_suffix(".yaml")).items()
}
