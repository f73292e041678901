"""Fetch or render every split.

Requires the dataset file and, for recordings, its sources or the user's own files. Makes
data/{dataset} in the DESED layout, and one record per split. The record is the only declared
output: Snakemake may delete what it declares, and audio or labels may be a user's only copy.
"""


def own_annotations(wildcards):
    """Labels that the user brought, so that a correction re-runs; none if acquire makes them."""
    brought = DATASET.kind == "recordings" and not DATASET.sources
    return [annotations(wildcards.split)] if brought else []


def acquire_options():
    """Options of `resed acquire`, as words: those of soundscapes, or those of recordings."""
    chosen = CONFIG.acquire
    if DATASET.kind == "recordings":
        found = ["--folder", chosen.folder] if chosen.folder else []
        names = ["local"] if chosen.sources == [] else chosen.sources or []
        return found + words("--source", names)
    found = ["--scale", chosen.scale, "--seed", chosen.seed]
    found += ["--soundbank", chosen.soundbank] if chosen.soundbank else []
    found += ["--annotations", chosen.annotations] if chosen.annotations else []
    return found + ["--no-keep-audio"] * (not chosen.keep_audio)


def recipe(split):
    """Everything in the dataset file that a split is made from."""
    parts = {"classes", "soundbank", "soundscapes", "sources"}
    common = DATASET.model_dump(mode="json", include=parts)
    return as_json(common | DATASET.splits[split].model_dump(mode="json"))


rule acquire:
    """Render a split of soundscapes, or fetch what is missing of a split of recordings."""
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
        downloads=CONFIG.acquire.downloads,  # no parameter: their number changes nothing that is made
    params:
        dataset=DATASET_FILE,
        root=DATA,
        options=acquire_options(),
        recipe=lambda wildcards: recipe(wildcards.split),
    message:
        "acquire {wildcards.split}"
    shell:
        "resed acquire --dataset {params.dataset:q} --root {params.root:q}"
        " --split {wildcards.split} {params.options:q} --downloads {resources.downloads}"
        " --processes {threads} --record {output.record:q} 2>&1 | tee {log:q}"
