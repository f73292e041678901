# One job a system and seed. Systems that share a checkpoint are trained once.


rule train:
    """Train teacher and student of one system; a run that was cut off goes on where it was.

    Beside the outputs lies resume.pt, which is none of them: Snakemake would delete it first.
    """
    input:
        weak=lambda wildcards: store("weak", wildcards.trained),
        unlabeled=lambda wildcards: store("unlabeled", wildcards.trained),
        strong=lambda wildcards: store("strong", wildcards.trained),
        development=lambda wildcards: store("development", wildcards.trained),
    output:
        checkpoint=f"{RESULTS}/train/{{trained}}/seed{{seed}}/checkpoint.pt",
        history=f"{RESULTS}/train/{{trained}}/seed{{seed}}/history.csv",
    log:
        f"{RESULTS}/logs/train/{{trained}}/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{{trained}}/seed{{seed}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        gpu=GPU,
        jobs_per_gpu=1,
    params:
        dataset=CONFIG.dataset,
        classes=DATASET.classes,
        root=DATA,
        out=subpath(output.checkpoint, parent=True),
        settings=lambda wildcards: settings(wildcards.trained, "model", "objective", "schedule"),
    message:
        "train {wildcards.trained}, seed {wildcards.seed}"
    shell:
        "resed train --dataset {params.dataset} --root {params.root} --system {wildcards.trained}"
        " --settings {params.settings:q} --seed {wildcards.seed}"
        " --weak {input.weak} --unlabeled {input.unlabeled} --strong {input.strong}"
        " --development {input.development} --out {params.out} --resume --threads {threads}"
        " --jobs-per-gpu {resources.jobs_per_gpu}"
        " 2>&1 | tee {log}"
