"""This run beside another one of the same dataset.

Requires the scores of this run, and those of the run that `compare_run` names, or of the unnamed run,
if there are any. Makes the table `runs`.
"""


rule compare_runs:
    """Compare the systems that both runs have, on the same clips."""
    input:
        audit=rules.audit.output.summary,
        paper=PAPER_FILES,
        scores=FILES.scores(map(Row, CONFIG.systems)),
        other=OTHER_RUN.scores,
    output:
        csv=report("<results>/tables/runs.csv", caption="../report/table.rst", category="Tables"),
        layout="<results>/tables/runs.json",
        markdown="<results>/tables/runs.md",
    log:
        "<logs>/tabulate/runs.log",
    benchmark:
        "<benchmarks>/tabulate/runs.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        config=verbatim(config_json(CONFIG.systems)),
        results=subpath(output.csv, ancestor=2),
        data=DATA,
        other=verbatim(OTHER_RUN.options),
    message:
        "compare with another run"
    shell:
        "resed tabulate --table runs --config-json {params.config:q} --results {params.results:q}"
        " --data {params.data:q} {params.other:q} --out-csv {output.csv:q}"
        " --out-json {output.layout:q} --out-md {output.markdown:q} > {log:q} 2>&1"
