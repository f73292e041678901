# The paper's tables with ours beside. Table 3 compares rows 8 and 9 of Table 1 and needs both.

TABLES = {"table1": CONFIG.systems} | ({"table3": in_row(8, 9)} if in_row(8, 9) else {})


rule tabulate:
    """Put our numbers beside the paper's, as CSV and Markdown."""
    input:
        audit=rules.audit.output.summary,
        paper=f"config/papers/{CONFIG.paper}.yaml",
        metrics=lambda wildcards: metrics(TABLES[wildcards.table]),
        sanity=lambda wildcards: sanity_metrics() if wildcards.table == "table1" else [],
    output:
        csv=f"{RESULTS}/tables/{{table}}.csv",
        markdown=f"{RESULTS}/tables/{{table}}.md",
    log:
        f"{RESULTS}/logs/tabulate/{{table}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tabulate/{{table}}.tsv"
    wildcard_constraints:
        table="|".join(TABLES),
    conda:
        "../../environment.yml"
    params:
        config=lambda wildcards: config_json(TABLES[wildcards.table]),
        titles=lambda wildcards: [CONFIG.catalogue[n].title for n in TABLES[wildcards.table]],
        results=subpath(output.csv, ancestor=2),
    message:
        "tabulate {wildcards.table}"
    shell:
        "resed tabulate --table {wildcards.table} --config-json {params.config:q}"
        " --results {params.results} --out-csv {output.csv} --out-md {output.markdown}"
        " > {log} 2>&1"


rule table1:
    """Table 1: all systems, development and evaluation."""
    input:
        expand(rules.tabulate.output, table="table1"),


rule table3:
    """Table 3: average windows against event-specific ones, class by class."""
    input:
        expand(rules.tabulate.output, table="table3"),


rule tables:
    """All tables that the configured systems allow."""
    input:
        expand(rules.tabulate.output, table=TABLES),
