"""resed: from raw audio to the tables and figures of weakly supervised sound event detection.

snakemake --cores N                                     the whole paper
snakemake --cores N --configfile config/demo.yaml       generated soundscapes, in minutes
snakemake TARGET --cores N      a part: a table of the paper, tables, figures, sensitivity, audit
"""


include: "workflow/Snakefile"


# Snakemake takes no default target from an included file.
workflow.default_target = "all"
