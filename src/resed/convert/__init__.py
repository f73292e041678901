"""Labels between the formats of annotation programs: DESED, Audacity, Raven."""

from resed.convert.reading import LabelOptions, read_labelled
from resed.convert.writing import WriteOptions, write_labelled

__all__ = ["LabelOptions", "WriteOptions", "read_labelled", "write_labelled"]
