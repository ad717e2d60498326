# Analyses of theta_0, which no training is needed for: where masks leave a layer empty, and the saliency of weights.
rule collapse:
    input:
        data=data_of,
        initial=paths.initial_file(results, "{task}", "{cohort}"),
    output:
        paths.collapse_file(results, "{task}", "{cohort}", "{method}", "{rungs}"),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/collapse_{{rungs}}.log",
    wildcard_constraints:
        rungs=r"[1-9]\d*",
    conda:
        "../../environment.yml"
    resources:
        **collapse,
    params:
        spec=lambda wildcards: plan.specs.collapse(
            wildcards.task, wildcards.cohort, wildcards.method, int(wildcards.rungs)
        ),
        files=file_arguments,
    message:
        "layer collapse of {wildcards.task} {wildcards.method} seeds {wildcards.cohort}"
    shell:
        "lth-job collapse --spec {params.spec:q} {params.files:q} --output {output:q} > {log:q} 2>&1"


rule saliency:
    input:
        data=data_of,
        initial=paths.initial_file(results, "{task}", "{cohort}"),
    output:
        paths.saliency_file(results, "{task}", "{cohort}"),
    log:
        f"{logs}/{{task}}/{{cohort}}/saliency.log",
    conda:
        "../../environment.yml"
    resources:
        **saliency,
    params:
        spec=lambda wildcards: plan.specs.saliency(wildcards.task, wildcards.cohort),
        files=file_arguments,
    message:
        "synaptic saliency of {wildcards.task} seeds {wildcards.cohort}"
    shell:
        "lth-job saliency --spec {params.spec:q} {params.files:q} --output {output:q} > {log:q} 2>&1"
