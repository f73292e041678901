"""Scores of detectors that this run did not make: one job per detector, split and seed.

Requires the files of `external` in the config, the labels of the split, and the manifest, whose usable
clips are scored. Makes the same files as score.smk.
"""

from resed.score.external_files import guard_external
from resed.results.inputs import folder_state

OTHERS_SCORES = Inputs(CONFIG, PAPER, Layout(Path(RESULTS))).scores(FILES.external())
guard_external(workflow, CONFIG, Path(DATA), [Path(path) for path in OTHERS_SCORES])
EXTERNAL = Row("{external}", external=True)


rule score_external:
    """Score the files of one detector on one split, as `resed score` scores them."""
    input:
        manifest=rules.audit.output.manifest,
        labels=lambda wildcards: labels(wildcards.split),
        events=lambda wildcards: FILES.external_files(wildcards)[0],
        tags=lambda wildcards: [path for path in FILES.external_files(wildcards)[1:2] if path],
    output:
        metrics=str(LAYOUT.scored("{split}", EXTERNAL, "{seed}") / "metrics.json"),
        counts=str(LAYOUT.scored("{split}", EXTERNAL, "{seed}") / "counts.tsv"),
    log:
        "<logs>/score/external/{external}/{split}/seed{seed}.log",
    benchmark:
        "<benchmarks>/score/external/{external}/{split}/seed{seed}.tsv"
    wildcard_constraints:
        external=one_of(CONFIG.external),
    priority: VERDICTS_FIRST
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        reference=lambda wildcards: annotations(wildcards.split),
        until=until(),
        tags=lambda wildcards, input: words("--estimated-tags", input.tags),
        scores=lambda wildcards: words(
            "--scores", filter(None, FILES.external_files(wildcards)[2:])
        ),
        state=lambda wildcards: folder_state(FILES.external_files(wildcards)[2] or ""),
    message:
        "score {wildcards.external} (external), {wildcards.split}, seed {wildcards.seed}"
    shell:
        "resed score --reference {params.reference:q} --estimated {input.events:q} {params.tags:q}"
        " {params.scores:q} --manifest {input.manifest:q} --split {wildcards.split:q} {params.until:q}"
        " --counts {output.counts:q} --out {output.metrics:q} > {log:q} 2>&1"
