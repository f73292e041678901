"""From posteriors to events and tags: one job per system and seed, all splits and thresholds.

Requires posteriors, windows and, to choose frame thresholds, the labels of development. Makes
events and tags of systems and of baselines, and the chosen thresholds.
"""


rule decode:
    """Decode one system at the configured frame threshold, and at those chosen on development."""
    input:
        development=lambda wildcards: posteriors("development", wildcards.system, wildcards.seed),
        evaluation=lambda wildcards: posteriors("evaluation", wildcards.system, wildcards.seed),
        windows=lambda wildcards: windows(wildcards.system),
        labels=labels("development"),
    output:
        decoded=decoded(SYSTEM.decodings, "{seed}", DECODED),
        threshold=str(LAYOUT.threshold(SYSTEM.tuned, "{seed}")),
        class_thresholds=str(LAYOUT.threshold(SYSTEM.tuned_per_class, "{seed}")),
    log:
        "<logs>/decode/{system}/seed{seed}.log",
    benchmark:
        "<benchmarks>/decode/{system}/seed{seed}.tsv"
    wildcard_constraints:
        system=one_of(TUNED),
    priority: VERDICTS_FIRST
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        results=run_folder,
        rows=rows,
        reference=annotations("development"),
        until=until(),
        settings=lambda wildcards: settings(wildcards.system, "decode"),
        windows=lambda wildcards, input: words("--windows", input.windows),
    message:
        "decode {wildcards.system}, seed {wildcards.seed}"
    shell:
        "resed decode --results {params.results:q} {params.rows:q} --seed {wildcards.seed:q}"
        " --posteriors development={input.development:q}"
        " --posteriors evaluation={input.evaluation:q} {params.windows:q}"
        " --settings {params.settings:q} --reference {params.reference:q} {params.until:q}"
        " > {log:q} 2>&1"


use rule decode as decode_configured with:
    # Systems that are decoded at the configured threshold only.
    output:
        decoded=decoded([SYSTEM], "{seed}", DECODED),
    wildcard_constraints:
        system=one_of([name for name in OTHERS if name not in SEARCHED]),


rule sanity:
    """Write the detections of all baselines, in the same files as those of a system."""
    input:
        development=str(LAYOUT.store(DEFAULT_FEATURES, "development")),
        evaluation=str(LAYOUT.store(DEFAULT_FEATURES, "evaluation")),
        labels=labels(*TIMED, *SCORED_ROLES),
        own_tags=[posteriors(split, CONFIG.own_tags_system, 0) for split in SCORED_ROLES],
    output:
        decoded=decoded(FILES.baselines(), 0, ("events.tsv", "tags.tsv")),
    log:
        "<logs>/decode/sanity.log",
    benchmark:
        "<benchmarks>/decode/sanity.tsv"
    priority: VERDICTS_FIRST
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        dataset=verbatim(DATASET_FILE),
        classes=verbatim(DATASET.classes),
        results=run_folder,
        kinds=words("--kind", [row.system for row in FILES.baselines()]),
        references=references(),
        training=words("--train-events", map(annotations, TIMED)),
    message:
        "sanity baselines"
    shell:
        "resed sanity --results {params.results:q} {params.kinds:q} {params.references:q}"
        " {params.training:q}"
        " --store development={input.development:q} --store evaluation={input.evaluation:q}"
        " --posteriors development={input.own_tags[0]:q}"
        " --posteriors evaluation={input.own_tags[1]:q}"
        " --classes-from {params.dataset:q} --seed 0 > {log:q} 2>&1"
