# Know the data before using it: hashes, rates, lengths, and what is missing or broken.


rule audit:
    """Check every clip; the manifest's hash stands beside every number made from here on."""
    input:
        records=expand(f"{RESULTS}/acquire/{{split}}.json", split=DATASET.splits),
    output:
        manifest=f"{RESULTS}/audit/manifest.tsv",
        summary=f"{RESULTS}/audit/audit.json",
        page=f"{RESULTS}/audit/index.html",
    log:
        f"{RESULTS}/logs/audit.log",
    benchmark:
        f"{RESULTS}/benchmarks/audit.tsv"
    conda:
        "../../environment.yml"
    threads: 16
    params:
        dataset=CONFIG.dataset,
        root=DATA,
        out=subpath(output.manifest, parent=True),
    message:
        "audit all splits"
    shell:
        "resed audit --dataset {params.dataset} --root {params.root} --out {params.out}"
        " --processes {threads} 2>&1 | tee {log}"
