# Samples: images that trained networks draw, and how far they are from real ones.
rule samples:
    input:
        data=data_of,
        trained=ticket.trained(results),
    output:
        samples=ticket.samples(results),
        distances=ticket.energy_distance(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/samples.log",
    conda:
        "../../environment.yml"
    resources:
        **sampling,
    params:
        spec=lambda wildcards: plan.specs.measurement("samples", wildcards.task, wildcards.cohort),
        files=file_arguments,
    message:
        "samples of {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"
    shell:
        "lth-job samples --spec {params.spec:q} {params.files:q} --output {output.samples:q}"
        " --distances {output.distances:q} > {log:q} 2>&1"


use rule samples as branch_samples with:
    input:
        data=data_of,
        trained=counterfactual.trained(results),
    output:
        samples=counterfactual.samples(results),
        distances=counterfactual.energy_distance(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/{{branch}}_samples.log",
    message:
        "samples of branch {wildcards.branch} of {wildcards.task} {wildcards.method} level {wildcards.level}"
        " seeds {wildcards.cohort}"


use rule samples as dense_samples with:
    input:
        data=data_of,
        trained=dense_run.trained(results),
    output:
        samples=dense_run.samples(results),
        distances=dense_run.energy_distance(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/dense/samples.log",
    message:
        "samples of {wildcards.task} dense seeds {wildcards.cohort}"
