"""A model that travels: the training that is best on development, with its card, in one file.

Requires the checkpoints, the thresholds per class and the scores of all systems of the config. Makes
{results}/model/{dataset}.safetensors and its card. Copy the file to models/ to publish it with resed.
"""


rule choose:
    """Choose system and seed by their scores on development alone."""
    input:
        checkpoints=[checkpoint(*one) for one in CANDIDATES.values()],
        thresholds=[class_thresholds(*one) for one in CANDIDATES.values()],
        windows=[path for system, _ in CANDIDATES.values() for path in windows(system)],
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
        options=choose_options,
    message:
        "choose one of: " + ", ".join(CANDIDATES)
    shell:
        "resed choose {params.options:q} --out {params.out:q} 2>&1 | tee {log:q}"


rule card:
    """Collect data, licences, scores with intervals, limits and privacy of the chosen model."""
    input:
        choice=rules.choose.output.choice,
        checkpoint=rules.choose.output.checkpoint,
        scored=[path for one in CANDIDATES.values() for path in scored_per_class(*one)],
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
        results=lambda wildcards, output: str(Path(output.card).parents[1]),
        dataset=verbatim(DATASET_FILE),
        options=lambda wildcards, input: words("--about", input.about),
        soundbank=verbatim(words("--soundbank", filter(None, [CONFIG.acquire.soundbank]))),
        network=lambda wildcards: network_options(*CONFIG.systems),
    message:
        "card of the model"
    shell:
        "resed card --choice {input.choice:q} --checkpoint {input.checkpoint:q}"
        " --results {params.results:q} --dataset {params.dataset:q} {params.soundbank:q}"
        " {params.options:q} {params.network:q} --out {output.card:q} --markdown {output.text:q} > {log:q} 2>&1"


rule model:
    """Write the chosen training with its card as one file, which runs no code when it is read."""
    input:
        checkpoint=rules.choose.output.checkpoint,
        windows=rules.choose.output.windows,
        thresholds=rules.choose.output.thresholds,
        settings=rules.choose.output.settings,
        card=rules.card.output.card,
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
        name=verbatim(DATASET.name),
        network=lambda wildcards: network_options(*CONFIG.systems),
    message:
        "model {params.name}"
    shell:
        "resed export --checkpoint {input.checkpoint:q}"
        " --windows {input.windows:q} --thresholds {input.thresholds:q}"
        " --settings {input.settings:q} --card {input.card:q} {params.network:q}"
        " --name {params.name:q} --out {output.model:q} 2>&1 | tee {log:q}"
