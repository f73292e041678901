"""Fetch or render every split.

Requires the dataset file and, for recordings, its sources or the user's own files. Makes
data/{dataset} in the DESED layout, and one record per split. The record is the only declared
output, because Snakemake may delete declared outputs and audio or labels may be a user's only copy.
"""


rule acquire:
    """Render a split of soundscapes, or fetch the missing clips of a split of recordings."""
    input:
        annotations=own_annotations,
    output:
        record="<results>/acquire/{split}.json",
    log:
        "<logs>/acquire/{split}.log",
    benchmark:
        "<benchmarks>/acquire/{split}.tsv"
    conda:
        "../../environment.yml"
    threads: 16
    resources:
        mem_mb=4000,
        downloads=CONFIG.acquire.downloads,  # not a parameter: does not affect the output
    params:
        dataset=verbatim(DATASET_FILE),
        root=DATA,
        options=verbatim(acquire_options()),
        recipe=lambda wildcards: recipe(wildcards.split),
    message:
        "acquire {wildcards.split}"
    shell:
        "resed acquire --dataset {params.dataset:q} --root {params.root:q}"
        " --split {wildcards.split:q} {params.options:q} --downloads {resources.downloads}"
        " --processes {threads} --record {output.record:q} 2>&1 | tee {log:q}"
