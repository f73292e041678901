"""Tables that are derived from all scores: comparisons, scorecard, claims, repaired labels and more.

Requires the scores, events and tags of all systems, training histories, and the scores of the study
of readings if the report shows them. Makes the tables of verdicts as CSV, Markdown, and JSON for the
page.
"""


rule judge:
    """Compare our numbers with the paper's numbers and claims."""
    input:
        audit=rules.audit.output.summary,
        paper=PAPER_FILES,
        labels=labels(*TIMED, *SCORED_ROLES),
        repair=rules.repair.output.summary,
        results=FILES.verdicts(),
    output:
        csv=report(
            expand("<results>/tables/{table}.csv", table=VERDICTS),
            caption="../report/verdicts.rst",
            category="Verdicts",
        ),
        layout=expand("<results>/tables/{table}.json", table=VERDICTS),
        markdown=expand("<results>/tables/{table}.md", table=VERDICTS),
    log:
        "<logs>/judge.log",
    benchmark:
        "<benchmarks>/judge.tsv"
    priority: VERDICTS_FIRST
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        tables=words("--table", VERDICTS),
        config=verbatim(config_json([*CONFIG.systems, CONFIG.sensitivity.system])),
        titles=verbatim(titles(CONFIG.systems)),
        stale=stale(CONFIG.systems),
        results=lambda wildcards, output: str(Path(output.csv[0]).parents[1]),
        data=DATA,
        out=lambda wildcards, output: str(Path(output.csv[0]).parent),
    message:
        "judge numbers and claims of the paper"
    shell:
        "resed tabulate {params.tables:q} --config-json {params.config:q}"
        " --results {params.results:q} --data {params.data:q} --out-folder {params.out:q} > {log:q} 2>&1"


rule tables:
    """All tables, and that of the study if the report shows it."""
    input:
        expand(rules.tabulate.output, table=PAPER.tables),
        rules.judge.output,
        expand(rules.tabulate.output, table=[STUDY] * CONFIG.sensitivity.report),
        OTHER_RUN.table,
