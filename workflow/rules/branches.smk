# Branches: counterfactual retrainings of a ticket (reinitialized, randomly masked, ...), one folder each.
counterfactual = Cell("{task}", "{cohort}", "{method}", "{level}", "{branch}")


rule branch:
    input:
        data=data_of,
        initial=artifacts.initial_file(results, "{task}", "{cohort}"),
        start=start_of,
        mask=ticket.mask(results),
    output:
        trained=counterfactual.trained(results),
        history=counterfactual.history(results),
        mask=counterfactual.mask(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/{{branch}}.log",
    conda:
        "../../environment.yml"
    resources:
        gpu=1,
    params:
        spec=lambda wildcards: plan.branch_spec(*grid(wildcards), wildcards.branch),
    message:
        "branch {wildcards.branch} of {wildcards.task} {wildcards.method} level {wildcards.level}"
        " seeds {wildcards.cohort}"
    shell:
        "python -m lth_core.jobs.branch --spec {params.spec:q} --data {input.data:q}"
        " --initial {input.initial:q} --start {input.start:q} --mask {input.mask:q}"
        " --output {output.trained:q} > {log:q} 2>&1"
