"""The clip browser of the page.

Requires the sound and labels of the scored splits, and detections and posteriors of seed 0. Makes a page,
and media/ beside it: sound and spectrograms of at most browse.clips clips, as far as the dataset file
allows copies. The number of these files depends on the results; media/files.tsv lists them, and they
have checksum records as all results.
"""


rule browse:
    """Choose clips, encode them, and write the page on which they are heard."""
    input:
        audit=rules.audit.output.summary,
        audio=clips(*SCORED_ROLES),
        labels=labels(*SCORED_ROLES),
        detections=decoded(map(Row, CONFIG.systems), 0, ("events.tsv", "tags.tsv")),
        posteriors=[
            posteriors(split, system, 0) for split in SCORED_ROLES for system in CONFIG.systems
        ],
    output:
        page="<results>/report/clips/index.html",
    log:
        "<logs>/browse.log",
    benchmark:
        "<benchmarks>/browse.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        config=verbatim(config_json(external={})),
        settings=as_json(CONFIG.browse.model_dump(mode="json")),
        sound=DATASET.sound,  # not an option: a change writes the page again
        results=subpath(output.page, ancestor=3),
        out=subpath(output.page, parent=True),
        data=DATA,
    message:
        "browse: {output.page}"
    shell:
        "resed browse --config-json {params.config:q} --results {params.results:q}"
        " --data {params.data:q} --settings {params.settings:q} --out {params.out:q}"
        " > {log:q} 2>&1"
