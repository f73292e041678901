"""The tables of the paper with our numbers, and the table of the study of readings.

Requires scores, the paper's numbers and the summary of the audit. Makes each table as CSV, JSON for the
page, and Markdown. Rows that are not configured are listed as not run.
"""


rule tabulate:
    """Build one table with the paper's numbers and ours."""
    input:
        audit=rules.audit.output.summary,
        paper=PAPER_FILES,
        labels=labels(*SCORED_ROLES),
        scores=lambda wildcards: FILES.table(wildcards.table),
    output:
        csv=report(
            "<results>/tables/{table}.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        layout="<results>/tables/{table}.json",
        markdown="<results>/tables/{table}.md",
    log:
        "<logs>/tabulate/{table}.log",
    benchmark:
        "<benchmarks>/tabulate/{table}.tsv"
    wildcard_constraints:
        table=one_of(TABLES),
    priority: VERDICTS_FIRST
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        config=lambda wildcards: config_json(
            FILES.table_systems(wildcards.table),
            CONFIG.external if wildcards.table == PAPER.main_table else {},
        ),
        titles=lambda wildcards: titles(FILES.table_systems(wildcards.table)),
        stale=lambda wildcards: stale(FILES.table_systems(wildcards.table)),
        results=subpath(output.csv, ancestor=2),
        data=DATA,
    message:
        "tabulate {wildcards.table}"
    shell:
        "resed tabulate --table {wildcards.table:q} --config-json {params.config:q}"
        " --results {params.results:q} --data {params.data:q} --out-csv {output.csv:q}"
        " --out-json {output.layout:q} --out-md {output.markdown:q} > {log:q} 2>&1"


for table in PAPER.tables:

    rule:
        name:
            table
        input:
            expand(rules.tabulate.output, table=table),
