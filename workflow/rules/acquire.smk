# Fetch or render every split into data/{dataset} in the DESED layout. The record is the only declared output:
# what Snakemake declares it may delete, and audio may be a user's only copy.


rule acquire:
    """Render a split of soundscapes, or fetch what is missing of a split of recordings."""
    input:
        annotations=own_annotations,
    output:
        record=f"{RESULTS}/acquire/{{split}}.json",
    log:
        f"{RESULTS}/logs/acquire/{{split}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/acquire/{{split}}.tsv"
    conda:
        "../../environment.yml"
    threads: 16
    resources:
        downloads=CONFIG.acquire.downloads,  # no parameter: how many changes nothing that is made
    params:
        dataset=CONFIG.dataset,
        root=DATA,
        options=acquire_options(),
        recipe=lambda wildcards: as_json(
            DATASET.model_dump(
                mode="json", include={"classes", "soundbank", "soundscapes", "sources"}
            )
            | DATASET.splits[wildcards.split].model_dump(mode="json")
        ),
    message:
        "acquire {wildcards.split}"
    shell:
        "resed acquire --dataset {params.dataset} --root {params.root} --split {wildcards.split}"
        " {params.options:q} --downloads {resources.downloads} --processes {threads}"
        " --record {output.record} 2>&1 | tee {log}"
