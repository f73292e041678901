"""Scores on all clips that were decoded, which are those that the audit found usable.

Requires events and tags, the labels of the scored splits, their feature stores, which must be of
the same manifest, and, for scores without a threshold, posteriors and windows. Makes the metrics, and
the counts per clip and the resampled scores that intervals come from.
"""


rule score:
    """Score one system: events, one-second segments, three kinds of tags, PSDS, mAP and mAUC."""
    input:
        manifest=rules.audit.output.manifest,
        labels=labels(*SCORED_ROLES),
        decoded=lambda wildcards: decoded(FILES.rows_of(wildcards.system), wildcards.seed, DECODED),
        stores=lambda wildcards: stores(wildcards.system),
        threshold_free=threshold_free,
    output:
        scored=scored(SYSTEM.decodings, "{seed}"),
    log:
        "<logs>/score/{system}/seed{seed}.log",
    benchmark:
        "<benchmarks>/score/{system}/seed{seed}.tsv"
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
        seed="{seed}",
        references=scored_references(),
        stores=lambda wildcards, input: words(
            "--store", map("=".join, zip(SCORED_ROLES, input.stores))
        ),
        threshold_free=threshold_free_options,
    message:
        "score {wildcards.system}, seed {wildcards.seed}"
    shell:
        "resed score --results {params.results:q} {params.rows:q} --seed {params.seed:q}"
        " {params.references:q} --manifest {input.manifest:q} {params.stores:q}"
        " {params.threshold_free:q} > {log:q} 2>&1"


use rule score as score_configured with:
    output:
        scored=scored([SYSTEM], "{seed}"),
    wildcard_constraints:
        system=one_of(OTHERS),


use rule score as score_sanity with:
    input:
        manifest=rules.audit.output.manifest,
        labels=labels(*SCORED_ROLES),
        decoded=rules.sanity.output.decoded,
        stores=[rules.sanity.input.development, rules.sanity.input.evaluation],
        threshold_free=[posteriors(split, CONFIG.own_tags_system, 0) for split in SCORED_ROLES],
    output:
        scored=scored(FILES.baselines(), 0),
    log:
        "<logs>/score/sanity.log",
    benchmark:
        "<benchmarks>/score/sanity.tsv"
    params:
        results=run_folder,
        rows=words("--row", [row.folder for row in FILES.baselines()]),
        seed=0,
        references=scored_references(),
        stores=lambda wildcards, input: words(
            "--store", map("=".join, zip(SCORED_ROLES, input.stores))
        ),
        threshold_free=lambda wildcards, input: words(
            "--posteriors", map("=".join, zip(SCORED_ROLES, input.threshold_free))
        ),
    message:
        "score sanity baselines"
