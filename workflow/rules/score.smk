# F1 by sed_eval, on the clips that the audit found whole: what was decoded is what is scored.


rule score:
    """Score one system on one split: events, one-second segments, tags three ways, PSDS and mAP."""
    input:
        record=f"{RESULTS}/acquire/{{split}}.json",
        manifest=rules.audit.output.manifest,
        events=f"{RESULTS}/decode/{{split}}/{{row}}/seed{{seed}}/events.tsv",
        tags=f"{RESULTS}/decode/{{split}}/{{row}}/seed{{seed}}/tags.tsv",
        raw_tags=f"{RESULTS}/decode/{{split}}/{{row}}/seed{{seed}}/raw_tags.tsv",
        teacher_tags=f"{RESULTS}/decode/{{split}}/{{row}}/seed{{seed}}/teacher_tags.tsv",
        threshold_free=posteriors_to_score,
    output:
        metrics=f"{RESULTS}/score/{{split}}/{{row}}/seed{{seed}}/metrics.json",
        counts=f"{RESULTS}/score/{{split}}/{{row}}/seed{{seed}}/counts.tsv",
    log:
        f"{RESULTS}/logs/score/{{split}}/{{row}}/seed{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/score/{{split}}/{{row}}/seed{{seed}}.tsv"
    wildcard_constraints:
        row="|".join([name + suffix for name in CONFIG.systems for suffix in ("", TUNED)] + STUDIED),
    conda:
        "../../environment.yml"
    params:
        reference=lambda wildcards: annotations(wildcards.split),
        threshold_free=threshold_free,
    message:
        "score {wildcards.split} of {wildcards.row}, seed {wildcards.seed}"
    shell:
        "resed score --reference {params.reference} --estimated {input.events}"
        " --clips {input.tags} --estimated-tags {input.tags} --raw-tags {input.raw_tags}"
        " --teacher-tags {input.teacher_tags} --manifest {input.manifest} {params.threshold_free:q}"
        " --out {output.metrics} --counts {output.counts} > {log} 2>&1"


rule score_sanity:
    """Score one baseline on one split."""
    input:
        record=f"{RESULTS}/acquire/{{split}}.json",
        manifest=rules.audit.output.manifest,
        events=rules.sanity.output.events,
        tags=rules.sanity.output.tags,
    output:
        metrics=f"{RESULTS}/score/{{split}}/sanity_{{kind}}/seed0/metrics.json",
        counts=f"{RESULTS}/score/{{split}}/sanity_{{kind}}/seed0/counts.tsv",
    log:
        f"{RESULTS}/logs/score/{{split}}/sanity_{{kind}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/score/{{split}}/sanity_{{kind}}.tsv"
    wildcard_constraints:
        kind="|".join(SANITY),
    conda:
        "../../environment.yml"
    params:
        reference=lambda wildcards: annotations(wildcards.split),
    message:
        "score {wildcards.split} of the baseline {wildcards.kind}"
    shell:
        "resed score --reference {params.reference} --estimated {input.events}"
        " --clips {input.tags} --estimated-tags {input.tags} --manifest {input.manifest}"
        " --out {output.metrics} --counts {output.counts} > {log} 2>&1"
