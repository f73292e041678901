"""resed: from raw audio to the tables and figures of weakly supervised sound event detection.

snakemake --cores N                                     the whole paper
snakemake --cores N --configfile config/demo.yaml       generated soundscapes, in minutes
snakemake TARGET --cores N      a part: table1 to 3, tables, figures, sensitivity, report, audit
"""

import logging

from snakemake.utils import min_version

min_version("9.27")
logging.raiseExceptions = False  # a full disk is told once, not once a message of the log


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/targets.smk"


wildcard_constraints:
    split="|".join(DATASET.splits),
    system="|".join([*CONFIG.systems, *STUDIED]),
    trained="|".join(TRAINED),
    seed="[0-9]+",


include: "workflow/rules/acquire.smk"
include: "workflow/rules/audit.smk"
include: "workflow/rules/repair.smk"
include: "workflow/rules/extract.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/calibrate.smk"
include: "workflow/rules/decode.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/sensitivity.smk"
include: "workflow/rules/tabulate.smk"
include: "workflow/rules/draw.smk"
include: "workflow/rules/report.smk"


rule all:
    """Every table, every figure and the page that holds them."""
    default_target: True
    input:
        rules.report.output,
        rules.tables.input,
        rules.figures.input,
    message:
        f"all done: open {RESULTS}/report/index.html"
