"""Share what a run made, and restore it in another clone: DVC moves the files, Snakemake's own
records go with them, and checksums are compared before anything is used."""

from resed.share.restore import restore
from resed.share.share import share

__all__ = ["restore", "share"]
