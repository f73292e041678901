"""Share the results of a run with DVC, and restore them in another clone.

DVC transfers the files together with the records of Snakemake. All checksums are compared before a
file is used.
"""

from resed.share.restore import restore
from resed.share.share import share
