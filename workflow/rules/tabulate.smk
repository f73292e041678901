# The paper's tables with ours beside, and what follows from them; the table of the study of readings
# is made in sensitivity.smk. Of rows that are not configured, a table says that they were not run.


rule tabulate:
    """Put our numbers beside the paper's, or judge it by them, as CSV and Markdown."""
    input:
        audit=rules.audit.output.summary,
        papers=sorted(map(str, Path("config/papers").glob("**/*.yaml"))),
        readings=f"config/papers/{CONFIG.paper}/readings.yaml",
        metrics=lambda wildcards: table_scores(wildcards.table),
        counts=lambda wildcards: table_counts(wildcards.table),
        evidence=lambda wildcards: table_evidence(wildcards.table),
        sanity=lambda wildcards: sanity_metrics() if wildcards.table == "table1" else [],
        study=lambda wildcards: (
            studied_scores() if wildcards.table == "readings" and CONFIG.sensitivity.report else []
        ),
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
        config=lambda wildcards: config_json(
            TABLES[wildcards.table] + STUDY.get(wildcards.table, [])
        ),
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


rule table2:
    """Table 2: the length of stage one and the focal loss."""
    input:
        expand(rules.tabulate.output, table="table2"),


rule table3:
    """Table 3: average windows against event-specific ones, class by class."""
    input:
        expand(rules.tabulate.output, table="table3"),


rule tables:
    """All tables, and the study's where it is reported."""
    input:
        expand(rules.tabulate.output, table=TABLES),
        rules.tabulate_sensitivity.output if CONFIG.sensitivity.report else [],
