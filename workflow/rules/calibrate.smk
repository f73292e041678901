"""Windows of the median filters.

Requires the strong training labels. Makes one file of windows per method, and one per reading that
changes the computation of windows. The frame thresholds are chosen in decode.smk.
"""


rule calibrate:
    """Compute windows by one method: the mean duration of a class, or event-specific windows."""
    input:
        labels=labels(*TIMED),
    output:
        windows="<results>/calibrate/windows_{windows}.tsv",
    log:
        "<logs>/calibrate/windows_{windows}.log",
    benchmark:
        "<benchmarks>/calibrate/windows_{windows}.tsv"
    wildcard_constraints:
        windows=one_of(WINDOWS),
    priority: VERDICTS_FIRST
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        dataset=verbatim(DATASET_FILE),
        events=[annotations(split) for split in TIMED],
        options=lambda wildcards: calibration(wildcards.windows),
    message:
        "calibrate windows: {wildcards.windows}"
    shell:
        "resed calibrate --events {params.events:q} --out {output.windows:q} {params.options:q}"
        " --classes-from {params.dataset:q} > {log:q} 2>&1"
