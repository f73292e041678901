# One page to open.


rule report:
    """Gather verdicts, tables, figures and settings in one HTML file that needs no network."""
    input:
        audit=rules.audit.output.summary,
        papers=sorted(map(str, Path("config/papers").glob("**/*.yaml"))),
        readings=f"config/papers/{CONFIG.paper}/readings.yaml",
        tables=rules.tables.input,
        # A picture that was deleted is drawn again alone: from equal results it is the same.
        figures=ancient(
            expand(rules.draw.output.hashes, figure=FIGURES)
            + [rules.draw_sensitivity.output.hashes] * CONFIG.sensitivity.report
        ),
        windows=expand(rules.calibrate.output.windows, method=("average", "esp")),
        scores=tabulated_scores() + sanity_metrics(),
        evidence=table_evidence("claims") + table_evidence("truths"),
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
