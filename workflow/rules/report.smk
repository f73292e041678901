"""The page.

Requires all tables and figures, the windows, the summary of the audit and the clip browser. Makes one HTML file that
requires no network.
"""


rule report:
    """Write verdicts, tables, figures and settings into one HTML file."""
    input:
        audit=rules.audit.output.summary,
        paper=PAPER_FILES,
        tables=rules.tables.input,
        # A figure that is drawn again has the same bytes, so it does not require a new page.
        figures=ancient([path for path in rules.figures.input if path.endswith(".json")]),
        clips=ancient(rules.browse.output.page),  # the page only links it
        windows=expand(rules.calibrate.output, windows=("average", "esp")) * bool(TIMED),
    output:
        page=report(
            "<results>/report/index.html", caption="../report/page.rst", category="The page"
        ),
        summary="<results>/report/summary.txt",
    log:
        "<logs>/report.log",
    benchmark:
        "<benchmarks>/report.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        config=verbatim(config_json()),
        stale=stale(CONFIG.systems),
        results=subpath(output.page, ancestor=2),
        data=DATA,
    message:
        "report: {output.page}"
    shell:
        "resed report --config-json {params.config:q} --results {params.results:q}"
        " --data {params.data:q} --out {output.page:q} --summary {output.summary:q} > {log:q} 2>&1"
