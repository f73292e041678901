# Log-mels: one memory-mapped file per split and feature set; no file and no job per clip.


rule extract:
    """Turn the audio of a split into log-mel features."""
    input:
        record=f"{RESULTS}/acquire/{{split}}.json",
        manifest=rules.audit.output.manifest,
        admitted=rules.admit.output.admitted,
    output:
        store=f"{RESULTS}/extract/{{features}}/{{split}}.store",
    log:
        f"{RESULTS}/logs/extract/{{features}}/{{split}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/extract/{{features}}/{{split}}.tsv"
    wildcard_constraints:
        features="|".join(CONFIG.feature_sets),
    conda:
        "../../environment.yml"
    threads: 16
    params:
        dataset=CONFIG.dataset,
        root=DATA,
        settings=lambda wildcards: as_json(
            CONFIG.feature_sets[wildcards.features].model_dump(mode="json")
        ),
    message:
        "extract {wildcards.split}, features: {wildcards.features}"
    shell:
        "resed extract --dataset {params.dataset} --root {params.root} --split {wildcards.split}"
        " --manifest {input.manifest} --out {output.store} --settings {params.settings:q}"
        " --processes {threads} 2>&1 | tee {log}"
