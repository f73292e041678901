# From posteriors to events and tags; beside the systems, baselines that know nothing or everything.


rule decode:
    """Gate, threshold and smooth the posteriors of one system, as configured."""
    input:
        posteriors=lambda wildcards: posteriors(wildcards.split, wildcards.system, wildcards.seed),
        windows=lambda wildcards: windows(wildcards.system),
    output:
        events=f"{RESULTS}/decode/{{split}}/{{system}}/seed{{seed}}/events.tsv",
        tags=f"{RESULTS}/decode/{{split}}/{{system}}/seed{{seed}}/tags.tsv",
        raw_tags=f"{RESULTS}/decode/{{split}}/{{system}}/seed{{seed}}/raw_tags.tsv",
        teacher_tags=f"{RESULTS}/decode/{{split}}/{{system}}/seed{{seed}}/teacher_tags.tsv",
    log:
        f"{RESULTS}/logs/decode/{{split}}/{{system}}/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/decode/{{split}}/{{system}}/seed{{seed}}.tsv"
    conda:
        "../../environment.yml"
    params:
        out=subpath(output.events, parent=True),
        settings=lambda wildcards: as_json(
            CONFIG.system(wildcards.system).decode.model_dump(mode="json")
        ),
    message:
        "decode {wildcards.split} of {wildcards.system}, seed {wildcards.seed}"
    shell:
        "resed decode --posteriors {input.posteriors} --windows {input.windows}"
        " --out {params.out} --settings {params.settings:q} > {log} 2>&1"


rule decode_tuned:
    """The same with the frame threshold chosen on development."""
    input:
        posteriors=lambda wildcards: posteriors(wildcards.split, wildcards.system, wildcards.seed),
        windows=lambda wildcards: windows(wildcards.system),
        threshold=rules.threshold.output.threshold,
    output:
        events=f"{RESULTS}/decode/{{split}}/{{system}}{TUNED}/seed{{seed}}/events.tsv",
        tags=f"{RESULTS}/decode/{{split}}/{{system}}{TUNED}/seed{{seed}}/tags.tsv",
        raw_tags=f"{RESULTS}/decode/{{split}}/{{system}}{TUNED}/seed{{seed}}/raw_tags.tsv",
        teacher_tags=f"{RESULTS}/decode/{{split}}/{{system}}{TUNED}/seed{{seed}}/teacher_tags.tsv",
    log:
        f"{RESULTS}/logs/decode/{{split}}/{{system}}{TUNED}/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/decode/{{split}}/{{system}}{TUNED}/seed{{seed}}.tsv"
    conda:
        "../../environment.yml"
    params:
        out=subpath(output.events, parent=True),
        settings=rules.decode.params.settings,
    message:
        "decode {wildcards.split} of {wildcards.system} at its own threshold, seed {wildcards.seed}"
    shell:
        "resed decode --posteriors {input.posteriors} --windows {input.windows}"
        " --threshold-file {input.threshold} --out {params.out} --settings {params.settings:q}"
        " > {log} 2>&1"


rule sanity:
    """Write what a baseline detects, in the same files as a system: what the metrics give for little."""
    input:
        store=f"{RESULTS}/extract/{DEFAULT_FEATURES}/{{split}}.store",
        training=f"{RESULTS}/acquire/strong.json",
        posteriors=own_posteriors,
    output:
        events=f"{RESULTS}/decode/{{split}}/sanity_{{kind}}/seed0/events.tsv",
        tags=f"{RESULTS}/decode/{{split}}/sanity_{{kind}}/seed0/tags.tsv",
    log:
        f"{RESULTS}/logs/decode/{{split}}/sanity_{{kind}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/decode/{{split}}/sanity_{{kind}}.tsv"
    wildcard_constraints:
        kind="|".join(SANITY),
    conda:
        "../../environment.yml"
    params:
        dataset=CONFIG.dataset,
        classes=DATASET.classes,
        out=subpath(output.events, parent=True),
        reference=lambda wildcards: annotations(wildcards.split),
        training=annotations("strong"),
        posteriors=lambda wildcards, input: input.get("posteriors")
        and f"--posteriors {input.posteriors}",
    message:
        "sanity baseline {wildcards.kind} on {wildcards.split}"
    shell:
        "resed sanity --kind {wildcards.kind} --reference {params.reference}"
        " --train-events {params.training} --store {input.store} {params.posteriors}"
        " --classes-from {params.dataset} --out {params.out} --seed 0 > {log} 2>&1"
