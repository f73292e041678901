"""Repair strong labels by rule, in a copy.

Requires the strong labels and the manifest of the audit. Makes repaired copies and the list of
changes. All scores use the published labels; one table shows what the repair changes.
"""


rule repair:
    """Merge overlaps, clip offsets, join short gaps; list every change."""
    input:
        labels=labels(*STRONG),
        manifest=rules.audit.output.manifest,
        admitted=rules.admit.output.admitted,
    output:
        copies=[str(LAYOUT.repaired(DATASET.splits[split].annotations)) for split in STRONG],
        repairs="<results>/repair/repairs.tsv",
        summary="<results>/repair/repair.json",
    log:
        "<logs>/repair.log",
    benchmark:
        "<benchmarks>/repair.tsv"
    priority: VERDICTS_FIRST
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        dataset=verbatim(DATASET_FILE),
        root=DATA,
        out=subpath(output.summary, parent=True),
        gap=CONFIG.repair.gap_s,
    message:
        "repair labels"
    shell:
        "resed repair --dataset {params.dataset:q} --root {params.root:q} --out {params.out:q}"
        " --manifest {input.manifest:q} --gap {params.gap:q} > {log:q} 2>&1"
