"""Check every clip and label before it is used.

Requires the records of acquire. Makes the manifest, whose hash is stored with every score, the
findings, a page, and the decision whether the run may continue.
"""

# What the audit reads of the dataset file; other keys, such as the sources, do not affect it.
AUDITED = {
    "name",
    "title",
    "note",
    "kind",
    "classes",
    "splits",
    "clip_seconds",
    "recording",
    "published",
}


rule audit:
    """Check every clip and label: hashes, rates, lengths, missing and broken files."""
    input:
        audio=clips(*DATASET.splits),
        labels=labels(*DATASET.splits),
    output:
        manifest="<results>/audit/manifest.tsv",
        summary="<results>/audit/audit.json",
        findings="<results>/audit/findings.tsv",
        page="<results>/audit/index.html",
    log:
        "<logs>/audit.log",
    benchmark:
        "<benchmarks>/audit.tsv"
    priority: FEATURES_FIRST
    conda:
        "../../environment.yml"
    threads: clip_processes(CONFIG)
    resources:
        mem_mb=4000,
    params:
        dataset=verbatim(DATASET_FILE),
        root=DATA,
        out=subpath(output.manifest, parent=True),
        settings=as_json(CONFIG.audit.model_dump(mode="json")),
        # Not an option: a change of these keys re-runs the audit.
        checks=verbatim(as_json([DATASET.model_dump(mode="json", include=AUDITED), DATASET.own])),
    message:
        "audit all splits"
    shell:
        "resed audit --dataset {params.dataset:q} --root {params.root:q} --out {params.out:q}"
        " --processes {threads} --settings {params.settings:q} --no-refuse 2>&1 | tee {log:q}"


rule admit:
    """Accept or refuse the dataset by the thresholds of the config.

    This is a separate rule so that Snakemake keeps the page of the audit if it fails.
    """
    input:
        summary=rules.audit.output.summary,
    output:
        admitted="<results>/audit/admitted.json",
    log:
        "<logs>/admit.log",
    benchmark:
        "<benchmarks>/admit.tsv"
    priority: FEATURES_FIRST
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    message:
        "admit or refuse the dataset"
    shell:
        "resed admit --audit {input.summary:q} --out {output.admitted:q} > {log:q} 2>&1"
