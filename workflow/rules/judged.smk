# What a classifier says of images that trained networks have drawn: how far they are from real ones, which classes.
rule judged:
    input:
        data=data_of,
        samples=ticket.samples(results),
        judge=judge_of,
    output:
        ticket.judged(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/judged.log",
    conda:
        "../../environment.yml"
    resources:
        **judging,
    params:
        spec=lambda wildcards: plan.specs.judged(wildcards.task, wildcards.cohort),
        files=file_arguments,
    message:
        "judge of {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"
    shell:
        "lth-job judged --spec {params.spec:q} {params.files:q} --output {output:q} > {log:q} 2>&1"


use rule judged as branch_judged with:
    input:
        data=data_of,
        samples=counterfactual.samples(results),
        judge=judge_of,
    output:
        counterfactual.judged(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/{{branch}}_judged.log",
    message:
        "judge of branch {wildcards.branch} of {wildcards.task} {wildcards.method} level {wildcards.level}"
        " seeds {wildcards.cohort}"


use rule judged as dense_judged with:
    input:
        data=data_of,
        samples=dense_run.samples(results),
        judge=judge_of,
    output:
        dense_run.judged(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/dense/judged.log",
    message:
        "judge of {wildcards.task} dense seeds {wildcards.cohort}"
