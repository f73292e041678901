"""Systems whose windows and thresholds are chosen on development by decode.search.

Requires posteriors and the labels of development. Makes events and tags, and the chosen windows and
thresholds, which development chose and all splits use.
"""


use rule decode as decode_searched with:
    input:
        development=lambda wildcards: posteriors("development", wildcards.system, wildcards.seed),
        evaluation=lambda wildcards: posteriors("evaluation", wildcards.system, wildcards.seed),
        windows=[],
        labels=labels("development"),
    output:
        decoded=decoded([SYSTEM], "{seed}", DECODED),
        searched=searched(),
    wildcard_constraints:
        system=one_of(SEARCHED),
