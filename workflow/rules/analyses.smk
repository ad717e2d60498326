# Analyses of weights: tables beside the artifacts that they are computed from.
rule weight_histograms:
    input:
        initial=paths.initial_file(results, "{task}", "{cohort}"),
        dense=Run("{task}", "{cohort}").trained(results),
        mask=ticket.mask(results),
    output:
        f"{ticket.folder(results)}/weight_histograms.csv",
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/weight_histograms.log",
    conda:
        "../../environment.yml"
    resources:
        **weights,
    params:
        code=plan.specs.analysis_code("weight_histograms"),
        files=file_arguments,
    message:
        "weight histograms {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"
    shell:
        "lth-job weight_histograms --cohort {wildcards.cohort} {params.files:q} --output {output:q} > {log:q} 2>&1"


rule pruning_distance:
    # How far pruning moves the trained weights, on the same data order: dense run against the ticket.
    input:
        mask=ticket.mask(results),
        first=Run("{task}", "{cohort}").trained(results),
        second=ticket.trained(results),
    output:
        f"{ticket.folder(results)}/pruning_distance.csv",
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/pruning_distance.log",
    conda:
        "../../environment.yml"
    resources:
        **weights,
    params:
        code=plan.specs.analysis_code("distances"),
        files=file_arguments,
    message:
        "distance to dense of {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"
    shell:
        "lth-job distances --cohort {wildcards.cohort} {params.files:q} --output {output:q} > {log:q} 2>&1"


use rule pruning_distance as branch_pruning_distance with:
    input:
        mask=counterfactual.mask(results),
        first=Run("{task}", "{cohort}").trained(results),
        second=counterfactual.trained(results),
    output:
        f"{counterfactual.folder(results)}/pruning_distance.csv",
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/{{branch}}/pruning_distance.log",
    message:
        "distance to dense of {wildcards.branch}, {wildcards.task} {wildcards.method} level {wildcards.level}"
        " seeds {wildcards.cohort}"


use rule pruning_distance as order_distance with:
    # How far another data order moves the trained weights of one subnetwork.
    input:
        mask=counterfactual.mask(results),
        first=lambda wildcards: plan.chains.counterpart(run_of(wildcards)).trained(results),
        second=counterfactual.trained(results),
    output:
        f"{counterfactual.folder(results)}/order_distance.csv",
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/{{branch}}/order_distance.log",
    message:
        "distance between data orders of {wildcards.branch}, {wildcards.task} {wildcards.method}"
        " level {wildcards.level} seeds {wildcards.cohort}"
