# Know the data before using it: hashes, rates, lengths, and what is missing or broken.


rule audit:
    """Check every clip and label; the manifest's hash stands beside every number made from here on."""
    input:
        records=expand(f"{RESULTS}/acquire/{{split}}.json", split=DATASET.splits),
    output:
        manifest=f"{RESULTS}/audit/manifest.tsv",
        summary=f"{RESULTS}/audit/audit.json",
        findings=f"{RESULTS}/audit/findings.tsv",
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
        settings=as_json(CONFIG.audit.model_dump(mode="json")),
    message:
        "audit all splits"
    shell:
        "resed audit --dataset {params.dataset} --root {params.root} --out {params.out}"
        " --processes {threads} --settings {params.settings:q} --no-refuse 2>&1 | tee {log}"


rule admit:
    """Go on, or end the run by the thresholds of the config. A rule of its own: the page stays."""
    input:
        summary=rules.audit.output.summary,
    output:
        admitted=f"{RESULTS}/audit/admitted.json",
    log:
        f"{RESULTS}/logs/admit.log",
    benchmark:
        f"{RESULTS}/benchmarks/admit.tsv"
    conda:
        "../../environment.yml"
    message:
        "admit what the audit found, or end the run"
    shell:
        "resed admit --audit {input.summary} --out {output.admitted} > {log} 2>&1"
