"""Share the results of a run with DVC, and restore them in another clone.

DVC moves the files, Snakemake's own records move with them, and checksums are compared before
anything is used.
"""

from resed.share.restore import restore
from resed.share.share import share
