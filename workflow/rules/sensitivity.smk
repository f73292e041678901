# The study of readings: one thing that the paper leaves open changed at a time, in one system. The
# rules train to score make its systems like all others; `sensitivity.report` has the report show it.


use rule calibrate as calibrate_reading with:
    output:
        windows=f"{RESULTS}/calibrate/windows_{{method}}@{{reading}}.tsv",
    log:
        f"{RESULTS}/logs/calibrate/windows_{{method}}@{{reading}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/calibrate/windows_{{method}}@{{reading}}.tsv"
    params:
        dataset=CONFIG.dataset,
        events=annotations("strong"),
        eta=lambda wildcards: study.calibration(CONFIG, f"@{wildcards.reading}").eta,
        knee=lambda wildcards: study.calibration(CONFIG, f"@{wildcards.reading}").knee,
        guard=lambda wildcards: study.calibration(CONFIG, f"@{wildcards.reading}").guard,
        quantile=lambda wildcards: study.calibration(CONFIG, f"@{wildcards.reading}").quantile,
    message:
        "calibrate windows: {wildcards.method}, reading {wildcards.reading}"


rule tabulate_sensitivity:
    """Put every reading beside the unchanged system, as CSV and Markdown."""
    input:
        audit=rules.audit.output.summary,
        paper=f"config/papers/{CONFIG.paper}/numbers.yaml",
        readings=f"config/papers/{CONFIG.paper}/readings.yaml",
        scores=studied_scores(),
    output:
        csv=f"{RESULTS}/tables/sensitivity.csv",
        markdown=f"{RESULTS}/tables/sensitivity.md",
    log:
        f"{RESULTS}/logs/tabulate/sensitivity.log",
    benchmark:
        f"{RESULTS}/benchmarks/tabulate/sensitivity.tsv"
    conda:
        "../../environment.yml"
    params:
        config=config_json([CONFIG.sensitivity.system]),
        results=subpath(output.csv, ancestor=2),
    message:
        "tabulate sensitivity"
    shell:
        "resed tabulate --table sensitivity --config-json {params.config:q}"
        " --results {params.results} --out-csv {output.csv} --out-md {output.markdown}"
        " > {log} 2>&1"


rule draw_sensitivity:
    """Draw how far each reading moves the three metrics."""
    input:
        audit=rules.audit.output.summary,
        paper=f"config/papers/{CONFIG.paper}/numbers.yaml",
        readings=f"config/papers/{CONFIG.paper}/readings.yaml",
        scores=studied_scores(),
    output:
        png=f"{RESULTS}/figures/sensitivity.png",
        svg=f"{RESULTS}/figures/sensitivity.svg",
        hashes=f"{RESULTS}/figures/sensitivity.sha256",
    log:
        f"{RESULTS}/logs/draw/sensitivity.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw/sensitivity.tsv"
    conda:
        "../../environment.yml"
    params:
        config=config_json([CONFIG.sensitivity.system]),
        results=subpath(output.png, ancestor=2),
    message:
        "draw sensitivity"
    shell:
        "resed draw --figure sensitivity --config-json {params.config:q}"
        " --results {params.results} --out-png {output.png} --out-svg {output.svg}"
        " > {log} 2>&1 && sha256sum {output.png} {output.svg} > {output.hashes}"


rule sensitivity:
    """Table and picture of the study of readings."""
    input:
        rules.tabulate_sensitivity.output,
        rules.draw_sensitivity.output,
