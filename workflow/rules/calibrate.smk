# Median-filter windows a class from the strong training labels, and thresholds from development.


rule calibrate:
    """Windows of the median filters by one method: the mean duration, or event-specific (eq. 7)."""
    input:
        record=f"{RESULTS}/acquire/strong.json",
    output:
        windows=f"{RESULTS}/calibrate/windows_{{method}}.tsv",
    log:
        f"{RESULTS}/logs/calibrate/windows_{{method}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/calibrate/windows_{{method}}.tsv"
    wildcard_constraints:
        method="average|esp",
    conda:
        "../../environment.yml"
    params:
        dataset=CONFIG.dataset,
        events=annotations("strong"),
        eta=CONFIG.calibrate.eta,
        knee=CONFIG.calibrate.knee,
        guard=CONFIG.calibrate.guard,
        quantile=CONFIG.calibrate.quantile,
    message:
        "calibrate windows: {wildcards.method}"
    shell:
        "resed calibrate --events {params.events} --out {output.windows}"
        " --method {wildcards.method} --eta {params.eta} --knee {params.knee}"
        " --guard {params.guard} --quantile {params.quantile} --classes-from {params.dataset}"
        " > {log} 2>&1"


rule threshold:
    """Choose the frame threshold on development: beyond the paper, a row of its own."""
    input:
        record=f"{RESULTS}/acquire/development.json",
        posteriors=lambda wildcards: posteriors("development", wildcards.system, wildcards.seed),
        windows=lambda wildcards: windows(wildcards.system),
    output:
        threshold=f"{RESULTS}/calibrate/thresholds/{{system}}/seed{{seed}}.json",
    log:
        f"{RESULTS}/logs/calibrate/thresholds/{{system}}/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/calibrate/thresholds/{{system}}/seed{{seed}}.tsv"
    conda:
        "../../environment.yml"
    params:
        reference=annotations("development"),
        settings=lambda wildcards: as_json(
            CONFIG.system(wildcards.system).decode.model_dump(mode="json")
        ),
    message:
        "choose the frame threshold of {wildcards.system}, seed {wildcards.seed}"
    shell:
        "resed threshold --posteriors {input.posteriors} --windows {input.windows}"
        " --reference {params.reference} --settings {params.settings:q}"
        " --out {output.threshold} > {log} 2>&1"
