# Labels mended by rule, into a copy. What was published stays the truth of every number; the table
# `truths` shows what the repair changes.


rule repair:
    """Merge overlaps, clip offsets, join short gaps: copies of the strong labels, and a log a row."""
    input:
        records=expand(f"{RESULTS}/acquire/{{split}}.json", split=STRONG),
        manifest=rules.audit.output.manifest,
        admitted=rules.admit.output.admitted,
    output:
        copies=[f"{RESULTS}/repair/{DATASET.splits[split].annotations}" for split in STRONG],
        repairs=f"{RESULTS}/repair/repairs.tsv",
        summary=f"{RESULTS}/repair/repair.json",
    log:
        f"{RESULTS}/logs/repair.log",
    benchmark:
        f"{RESULTS}/benchmarks/repair.tsv"
    conda:
        "../../environment.yml"
    params:
        dataset=CONFIG.dataset,
        root=DATA,
        out=subpath(output.summary, parent=True),
        gap=CONFIG.repair.gap_s,
    message:
        "repair labels"
    shell:
        "resed repair --dataset {params.dataset} --root {params.root} --out {params.out}"
        " --manifest {input.manifest} --gap {params.gap} > {log} 2>&1"
