# Posteriors of the splits that are scored.


rule predict:
    """Frame and clip posteriors of one checkpoint on one split."""
    input:
        checkpoint=f"{RESULTS}/train/{{trained}}/seed{{seed}}/checkpoint.pt",
        store=lambda wildcards: store(wildcards.split, wildcards.trained),
    output:
        posteriors=f"{RESULTS}/predict/{{split}}/{{trained}}/seed{{seed}}.npz",
    log:
        f"{RESULTS}/logs/predict/{{split}}/{{trained}}/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/predict/{{split}}/{{trained}}/seed{{seed}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=GPU,
        jobs_per_gpu=1,
    message:
        "predict {wildcards.split} with {wildcards.trained}, seed {wildcards.seed}"
    shell:
        "resed predict --checkpoint {input.checkpoint} --store {input.store}"
        " --split {wildcards.split} --out {output.posteriors} --threads {threads}"
        " --jobs-per-gpu {resources.jobs_per_gpu} > {log} 2>&1"
