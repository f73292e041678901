"""Targets of later generations.

Requires the posteriors of teachers on a training split, and its labels. Makes one file of targets per
split; systems with equal teachers, shares and options use the file of the first of them.
"""


rule predict_training:
    """Compute posteriors of a teacher on a training split, from which a later system learns."""
    input:
        checkpoint="<results>/train/{trained}/seed{seed}/checkpoint.pt",
        store=lambda wildcards: store(wildcards.split, wildcards.trained),
    output:
        posteriors="<results>/predict/{split}/{trained}/seed{seed}.npz",
    log:
        "<logs>/predict/{split}/{trained}/seed{seed}.log",
    benchmark:
        "<benchmarks>/predict/{split}/{trained}/seed{seed}.tsv"
    wildcard_constraints:
        split=one_of(LEARNT),
        trained=one_of(TRAINED),
    priority: TARGETS_FIRST
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
        "predict {wildcards.split} with {wildcards.trained}, seed {wildcards.seed}"
    shell:
        "resed predict --checkpoint {input.checkpoint:q} --store {input.store:q}"
        " --split {wildcards.split:q} --out {output.posteriors:q} {params.options:q}"
        " --threads {threads} --jobs-per-gpu {resources.jobs_per_gpu} > {log:q} 2>&1"


rule distil:
    """Mix the posteriors of teachers with labels: the targets of the next generation."""
    input:
        labels=lambda wildcards: labels(wildcards.split),
        teachers=lambda wildcards: teachers(wildcards),
    output:
        targets="<results>/distil/{split}/{learner}/seed{seed}.npz",
    log:
        "<logs>/distil/{split}/{learner}/seed{seed}.log",
    benchmark:
        "<benchmarks>/distil/{split}/{learner}/seed{seed}.tsv"
    wildcard_constraints:
        split=one_of(LEARNT),
        learner=one_of(LEARNERS),
    priority: TARGETS_FIRST
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        dataset=verbatim(DATASET_FILE),
        classes=verbatim(DATASET.classes),
        root=DATA,
        teachers=teacher_options,
        options=lambda wildcards: GENERATIONS.options(wildcards.learner, wildcards.split),
    message:
        "distil targets of {wildcards.learner} on {wildcards.split}, seed {wildcards.seed}"
    shell:
        "resed distil --dataset {params.dataset:q} --root {params.root:q} {params.teachers:q}"
        " {params.options:q} --out {output.targets:q} > {log:q} 2>&1"
