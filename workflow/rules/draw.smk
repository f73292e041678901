# The paper's figures, the training curves and the graph of stages: a job a figure. A figure of a
# row of Table 1 exists where a configured system stands in that row; curves of Table 2 where a
# system stands there alone.

ROWS = {"figure3": 8, "figure5": 2, "figure5_system3": 3, "figure6": 9}
CURVES = {
    "training_curves": TABLES["table1"],
    "training_curves_table2": TABLES["table2"] if set(TABLES["table2"]) - set(WITH_ROW) else [],
}

# Which systems' results each figure reads.
FIGURES = (
    {figure: in_row(row) for figure, row in ROWS.items() if in_row(row)}
    | {"figure7": [], "figure7_all": [], "dag": []}
    | {figure: systems for figure, systems in CURVES.items() if systems}
)


rule draw:
    """Draw one figure as PNG and SVG."""
    input:
        audit=rules.audit.output.summary,
        paper=f"config/papers/{CONFIG.paper}/numbers.yaml",
        results=figure_input,
    output:
        png=f"{RESULTS}/figures/{{figure}}.png",
        svg=f"{RESULTS}/figures/{{figure}}.svg",
        hashes=f"{RESULTS}/figures/{{figure}}.sha256",
    log:
        f"{RESULTS}/logs/draw/{{figure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw/{{figure}}.tsv"
    wildcard_constraints:
        figure="|".join(FIGURES),
    conda:
        "../../environment.yml"
    params:
        config=lambda wildcards: config_json(FIGURES[wildcards.figure]),
        titles=lambda wildcards: [CONFIG.catalogue[n].title for n in FIGURES[wildcards.figure]],
        results=subpath(output.png, ancestor=2),
    message:
        "draw {wildcards.figure}"
    shell:
        "resed draw --figure {wildcards.figure} --config-json {params.config:q}"
        " --results {params.results} --out-png {output.png} --out-svg {output.svg}"
        " > {log} 2>&1 && sha256sum {output.png} {output.svg} > {output.hashes}"


rule figures:
    """All figures that the configured systems allow, and the study's where it is reported."""
    input:
        expand(rules.draw.output, figure=FIGURES),
        rules.draw_sensitivity.output if CONFIG.sensitivity.report else [],
