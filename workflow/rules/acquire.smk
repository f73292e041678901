"""Fetch or render every split.

Requires the dataset file and, for recordings, its sources or the user's own files. Makes
data/{dataset} in the DESED layout, and one record per split. The record is the only declared
output, because Snakemake may delete declared outputs and audio or labels may be a user's only copy.
"""


rule acquire:
    """Render a split of soundscapes, or fetch the missing clips of a split of recordings."""
    input:
        lists=own_lists,
    output:
        record="<results>/acquire/{split}.json",
    log:
        "<logs>/acquire/{split}.log",
    benchmark:
        "<benchmarks>/acquire/{split}.tsv"
    priority: largest_first
    conda:
        "../../environment.yml"
    threads: clip_processes(CONFIG)
    resources:
        mem_mb=4000,
        downloads=CONFIG.acquire.downloads,  # not a parameter: does not affect the output
    params:
        dataset=verbatim(DATASET_FILE),
        root=DATA,
        options=lambda wildcards: acquire_options(wildcards.split),
        recipe=lambda wildcards: recipe(wildcards.split),
        clips=lambda wildcards: own_clips(wildcards.split),
    message:
        "acquire {wildcards.split}"
    shell:
        "resed acquire --dataset {params.dataset:q} --root {params.root:q}"
        " --split {wildcards.split:q} {params.options:q} --downloads {resources.downloads}"
        " --processes {threads} --record {output.record:q} 2>&1 | tee {log:q}"


rule record_labels:
    """Check and record the labels of a split of recordings; a corrected label runs only this rule."""
    input:
        record=rules.acquire.output.record,
        annotations=own_annotations,
    output:
        record="<results>/acquire/labels/{split}.json",
    log:
        "<logs>/acquire/labels/{split}.log",
    benchmark:
        "<benchmarks>/acquire/labels/{split}.tsv"
    priority: FEATURES_FIRST
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        dataset=verbatim(DATASET_FILE),
        root=DATA,
    message:
        "record labels of {wildcards.split}"
    shell:
        "resed acquire --labels --dataset {params.dataset:q} --root {params.root:q}"
        " --split {wildcards.split:q} --record {output.record:q} > {log:q} 2>&1"
