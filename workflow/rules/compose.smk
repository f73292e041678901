"""Composites: which system serves which class, and their posteriors as one file.

Requires posteriors of the systems and, to choose, the labels of development. Makes the choice, and one
file of posteriors per split, of training splits too if a later system learns from them.
"""


rule assign:
    """Choose for each class the system with the best event-based F1 on development."""
    input:
        members=members("development"),
        labels=labels("development"),
    output:
        choice="<results>/choose/{composite}/seed{seed}.tsv",
    log:
        "<logs>/choose/{composite}/seed{seed}.log",
    benchmark:
        "<benchmarks>/choose/{composite}/seed{seed}.tsv"
    wildcard_constraints:
        composite=one_of(COMPOSITES),
    priority: VERDICTS_FIRST
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        members=member_options,
        reference=annotations("development"),
        until=until(),
        settings=lambda wildcards: settings(wildcards.composite, "decode"),
    message:
        "assign classes to systems: {wildcards.composite}, seed {wildcards.seed}"
    shell:
        "resed assign {params.members:q} --reference {params.reference:q} {params.until:q}"
        " --settings {params.settings:q} --out {output.choice:q} > {log:q} 2>&1"


rule compose:
    """Write the posteriors of a composite on one split."""
    input:
        choice=rules.assign.output.choice,
        members=members(None),
    output:
        posteriors="<results>/predict/{split}/{composite}/seed{seed}.npz",
    log:
        "<logs>/compose/{split}/{composite}/seed{seed}.log",
    benchmark:
        "<benchmarks>/compose/{split}/{composite}/seed{seed}.tsv"
    wildcard_constraints:
        composite=one_of(COMPOSITES),
    priority: VERDICTS_FIRST
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        members=member_options,
    message:
        "compose {wildcards.composite} on {wildcards.split}, seed {wildcards.seed}"
    shell:
        "resed compose --choice {input.choice:q} {params.members:q} --system {wildcards.composite:q}"
        " --out {output.posteriors:q} > {log:q} 2>&1"
