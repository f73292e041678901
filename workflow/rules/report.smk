# One page to open.


rule report:
    """Gather tables, figures, windows, settings and the audit in one HTML file that needs no network."""
    input:
        audit=rules.audit.output.summary,
        paper=f"config/papers/{CONFIG.paper}.yaml",
        tables=rules.tables.input,
        # A picture that was deleted is drawn again alone: from equal results it is the same.
        figures=ancient(expand(rules.draw.output.hashes, figure=FIGURES)),
        windows=expand(rules.calibrate.output.windows, method=("average", "esp")),
        metrics=metrics(CONFIG.systems) + sanity_metrics(),
        histories=histories(CONFIG.systems),
    output:
        page=f"{RESULTS}/report/index.html",
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    conda:
        "../../environment.yml"
    params:
        config=config_json(),
        results=subpath(output.page, ancestor=2),
    message:
        "report: {output.page}"
    shell:
        "resed report --config-json {params.config:q} --results {params.results}"
        " --out {output.page} > {log} 2>&1"
