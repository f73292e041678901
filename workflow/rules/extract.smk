"""Log-mel features.

Requires the audio of all splits and the manifest of the audit. Makes one memory-mapped file per
split and feature set.
"""

from resed.formats.store_features import SUFFIX
from resed.settings import StoreSettings

STORES = [str(LAYOUT.store("{features}", split)) for split in DATASET.splits]
# Options only where the config differs from the default.
KEPT = [] if CONFIG.store == StoreSettings() else [as_json(CONFIG.store.model_dump())]


rule extract:
    """Compute the log-mels of all splits for one feature set."""
    input:
        audio=clips(*DATASET.splits),
        # The audit also reads labels, on which the manifest does not depend.
        manifest=ancient(rules.audit.output.manifest),
        admitted=ancient(rules.admit.output.admitted),
    output:
        stores=STORES,
        shards=[directory(f"{store}{SUFFIX}") for store in STORES if CONFIG.store.shard_clips],
    log:
        "<logs>/extract/{features}.log",
    benchmark:
        "<benchmarks>/extract/{features}.tsv"
    wildcard_constraints:
        features=one_of(CONFIG.feature_sets),
    priority: FEATURES_FIRST
    conda:
        "../../environment.yml"
    threads: clip_processes(CONFIG)
    resources:
        mem_mb=8000,
    params:
        dataset=verbatim(DATASET_FILE),
        root=DATA,
        leaks=CONFIG.audit.leaks,  # on which the manifest depends
        settings=lambda wildcards: as_json(
            CONFIG.feature_sets[wildcards.features].model_dump(mode="json")
        ),
        kept=verbatim(words("--store", KEPT)),
        stores=lambda wildcards, output: words(
            "--out", map("=".join, zip(DATASET.splits, output.stores))
        ),
    message:
        "extract all splits, features: {wildcards.features}"
    shell:
        "resed extract --dataset {params.dataset:q} --root {params.root:q}"
        " --manifest {input.manifest:q} {params.stores:q} --settings {params.settings:q}"
        " {params.kept:q} --processes {threads} 2>&1 | tee {log:q}"
