"""A model that travels: the training that is best on development, with its card, in one file.

Requires the checkpoints, the thresholds per class and the scores of all systems of the config. Makes
{results}/model/{dataset}.safetensors and its card. Copy the file to models/ to publish it with resed.
"""

CANDIDATES = {
    f"{system}/seed{seed}": (system, seed)
    for system in CONFIG.systems
    if system in MAIN
    for seed in CONFIG.seed_list(system)
}


rule choose:
    """Choose system and seed by their scores on development alone."""
    input:
        checkpoints=[
            str(LAYOUT.trained(CONFIG.trained_as(s), n) / "checkpoint.pt")
            for s, n in CANDIDATES.values()
        ],
        thresholds=[
            str(LAYOUT.threshold(Row(s).tuned_per_class, n)) for s, n in CANDIDATES.values()
        ],
        windows=[windows(s) for s, _ in CANDIDATES.values()],
    output:
        choice="<results>/model/choice.json",
        checkpoint="<results>/model/checkpoint.pt",
        thresholds="<results>/model/thresholds.json",
        windows="<results>/model/windows.tsv",
        settings="<results>/model/settings.json",
    log:
        "<logs>/model/choose.log",
    benchmark:
        "<benchmarks>/model/choose.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        out=subpath(output.choice, parent=True),
        options=lambda wildcards, input: [
            *words("--checkpoint", map("=".join, zip(CANDIDATES, input.checkpoints))),
            *words("--thresholds", map("=".join, zip(CANDIDATES, input.thresholds))),
            *words("--windows", map("=".join, zip(CANDIDATES, input.windows))),
        ],
        settings=verbatim(
            words(
                "--settings",
                [f"{name}={settings(s, 'decode')}" for name, (s, _) in CANDIDATES.items()],
            )
        ),
    message:
        "choose one of: " + ", ".join(CANDIDATES)
    shell:
        "resed choose {params.options:q} {params.settings:q} --out {params.out:q} 2>&1 | tee {log:q}"


rule card:
    """Collect data, licences, scores with intervals, limits and privacy of the chosen model."""
    input:
        choice=rules.choose.output.choice,
        checkpoint=rules.choose.output.checkpoint,
        scored=[
            path for s, n in CANDIDATES.values() for path in scored([Row(s).tuned_per_class], n)
        ],
        about=lambda wildcards: [str(path) for path in [ABOUT] if path.is_file()],
    output:
        card="<results>/model/card.json",
        text="<results>/model/card.md",
    log:
        "<logs>/model/card.log",
    benchmark:
        "<benchmarks>/model/card.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        results=RESULTS,
        dataset=verbatim(DATASET_FILE),
        options=lambda wildcards, input: words("--about", input.about),
        soundbank=verbatim(words("--soundbank", filter(None, [CONFIG.acquire.soundbank]))),
    message:
        "card of the model"
    shell:
        "resed card --choice {input.choice:q} --checkpoint {input.checkpoint:q}"
        " --results {params.results:q} --dataset {params.dataset:q} {params.soundbank:q}"
        " {params.options:q} --out {output.card:q} --markdown {output.text:q} > {log:q} 2>&1"


rule model:
    """Write the chosen training with its card as one file, which runs no code when it is read."""
    input:
        rules.choose.output,
        rules.card.output,
    output:
        model=f"<results>/model/{DATASET.name}.safetensors",
    log:
        "<logs>/model/model.log",
    benchmark:
        "<benchmarks>/model/model.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        name=DATASET.name,
    message:
        "model {params.name}"
    shell:
        "resed export --checkpoint {rules.choose.output.checkpoint:q}"
        " --windows {rules.choose.output.windows:q} --thresholds {rules.choose.output.thresholds:q}"
        " --settings {rules.choose.output.settings:q} --card {rules.card.output.card:q}"
        " --name {params.name:q} --out {output.model:q} 2>&1 | tee {log:q}"
