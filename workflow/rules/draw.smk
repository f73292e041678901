"""Figures: one job per figure.

Requires the results that the figure shows: training histories, decoded tags, windows or scores of
the study of readings. Makes each figure as PNG and SVG, and a file with its title and caption.
"""


rule draw:
    """Draw one figure."""
    input:
        audit=rules.audit.output.summary,
        paper=PAPER_FILES,
        results=figure_files,
    output:
        png=report(
            "<results>/figures/{figure}.png",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        svg="<results>/figures/{figure}.svg",
        description="<results>/figures/{figure}.json",
    log:
        "<logs>/draw/{figure}.log",
    benchmark:
        "<benchmarks>/draw/{figure}.tsv"
    wildcard_constraints:
        figure=one_of(FIGURES),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        config=lambda wildcards: config_json(figure_systems(wildcards.figure), {}),
        titles=lambda wildcards: titles(figure_systems(wildcards.figure)),
        results=subpath(output.png, ancestor=2),
        data=DATA,
    message:
        "draw {wildcards.figure}"
    shell:
        "resed draw --figure {wildcards.figure:q} --config-json {params.config:q}"
        " --results {params.results:q} --data {params.data:q} --out-png {output.png:q}"
        " --out-svg {output.svg:q} --out-json {output.description:q}"
        " > {log:q} 2>&1"


rule figures:
    """All figures of the configured systems, and that of the study if the report shows it."""
    input:
        expand(
            rules.draw.output,
            figure=[
                name
                for name in FIGURES
                if name not in figures.ON_DEMAND
                and (name != STUDY_FIGURE or CONFIG.sensitivity.report)
            ],
        ),


rule sensitivity:
    """Table and figure of the study of readings."""
    input:
        expand(rules.tabulate.output, table=STUDY),
        expand(rules.draw.output, figure=STUDY_FIGURE),


rule architecture:
    """Networks and losses of the system of the study, drawn from the config."""
    input:
        expand(rules.draw.output, figure=figures.ON_DEMAND),
