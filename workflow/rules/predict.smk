"""Posteriors.

Requires a checkpoint and the feature stores of the scored splits. Makes one file of posteriors per
split.
"""


rule predict:
    """Compute frame and clip posteriors of one checkpoint on every scored split."""
    input:
        checkpoint="<results>/train/{trained}/seed{seed}/checkpoint.pt",
        development=lambda wildcards: store("development", wildcards.trained),
        evaluation=lambda wildcards: store("evaluation", wildcards.trained),
    output:
        development="<results>/predict/development/{trained}/seed{seed}.npz",
        evaluation="<results>/predict/evaluation/{trained}/seed{seed}.npz",
    log:
        "<logs>/predict/{trained}/seed{seed}.log",
    benchmark:
        "<benchmarks>/predict/{trained}/seed{seed}.tsv"
    priority: VERDICTS_FIRST
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=lambda wildcards: prediction_memory(CONFIG, wildcards.trained),
        gpu=GPU,
        jobs_per_gpu=1,
    params:
        options=lambda wildcards: predict_options(wildcards.trained),
    message:
        "predict with {wildcards.trained}, seed {wildcards.seed}"
    shell:
        "resed predict --checkpoint {input.checkpoint:q}"
        " --store development={input.development:q} --store evaluation={input.evaluation:q}"
        " --out development={output.development:q} --out evaluation={output.evaluation:q}"
        " {params.options:q} --threads {threads} --jobs-per-gpu {resources.jobs_per_gpu} > {log:q} 2>&1"
