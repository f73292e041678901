"""Training: one job per system and seed. Systems that share a checkpoint are trained once.

Requires the feature stores and the labels of the training splits and of development. Makes a
checkpoint and a training history. resume.pt in the same folder is not a declared output, because
Snakemake would delete it before the job that resumes from it. Nor are the states in train/branches,
which trainings continue that have their first epochs in common; with or without them, the same bytes
come out.
"""

from resed.config.network_file import network_file, network_sha256
from resed.predict.models import model_path
from resed.runtime.files import sha256

try:
    # Of the model from which trainings start: another file of the same name trains again.
    INIT_SHA256 = sha256(model_path(CONFIG.init)) if CONFIG.init else ""
except ResedError as error:
    sys.exit(f"resed: config.init: {error}")


try:
    network_file(CONFIG)  # of systems with networks of the user, read and not run
except ResedError as error:
    sys.exit(f"resed: {error}")


rule train:
    """Train the networks of one system; an interrupted training resumes at its last epoch."""
    input:
        labels=lambda wildcards: labels(*labelled(wildcards.trained), "development"),
        stores=lambda wildcards: training_stores(wildcards.trained),
        targets=targets,
        development=lambda wildcards: store("development", wildcards.trained),
    output:
        checkpoint="<results>/train/{trained}/seed{seed}/checkpoint.pt",
        history="<results>/train/{trained}/seed{seed}/history.csv",
    log:
        "<logs>/train/{trained}/seed{seed}.log",
    benchmark:
        "<benchmarks>/train/{trained}/seed{seed}.tsv"
    priority: branch_priority
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=lambda wildcards: training_memory(CONFIG, wildcards.trained),
        gpu=GPU,
        jobs_per_gpu=1,
    params:
        dataset=verbatim(DATASET_FILE),
        classes=verbatim(DATASET.classes),
        root=DATA,
        out=subpath(output.checkpoint, parent=True),
        branches=branch_options,
        settings=lambda wildcards: settings(wildcards.trained, "model", "objective", "schedule"),
        init=verbatim(words("--init", [CONFIG.init] if CONFIG.init else [])),
        init_sha256=verbatim(INIT_SHA256),
        stores=lambda wildcards, input: store_options(wildcards.trained, input.stores),
        targets=target_options,
        network=lambda wildcards: network_options(wildcards.trained),
        network_sha256=lambda wildcards: network_sha256(CONFIG, wildcards.trained),
    message:
        "train {wildcards.trained}, seed {wildcards.seed}"
    shell:
        "resed train --dataset {params.dataset:q} --root {params.root:q}"
        " --system {wildcards.trained:q} --settings {params.settings:q} --changed --seed {wildcards.seed:q}"
        " {params.stores:q} {params.targets:q}"
        " --development {input.development:q} --out {params.out:q} {params.branches:q} {params.init:q} {params.network:q} --resume --threads {threads}"
        " --jobs-per-gpu {resources.jobs_per_gpu} 2>&1 | tee {log:q}"
