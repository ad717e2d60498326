# Branches: counterfactual trainings of a ticket or of the dense network (reinitialized, randomly masked, on another data
# order, from another task's weights, ...), one folder each.
counterfactual = Run("{task}", "{cohort}", "{method}", "{level}", "{branch}")
dense_counterfactual = Run("{task}", "{cohort}", branch="{branch}")


rule branch:
    input:
        unpack(branch_inputs),
        data=data_of,
    output:
        trained=counterfactual.trained(results),
        history=counterfactual.history(results),
        mask=counterfactual.mask(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/{{branch}}.log",
    conda:
        "../../environment.yml"
    threads: training_threads
    resources:
        **training,
    params:
        spec=branch_spec,
        files=file_arguments,
    message:
        "branch {wildcards.branch} of {wildcards.task} {wildcards.method} level {wildcards.level}"
        " seeds {wildcards.cohort}"
    shell:
        "lth-job support.launch {resources.processes} branch --spec {params.spec:q} {params.files:q}"
        " --output {output.trained:q} > {log:q} 2>&1"


use rule checkpoint as branch_checkpoint with:
    input:
        unpack(branch_inputs),
        data=data_of,
    output:
        counterfactual.checkpoint(results, "{step}"),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/{{branch}}_at_{{step}}.log",
    params:
        job="branch",
        spec=branch_spec,
    message:
        "branch {wildcards.branch} of {wildcards.task} {wildcards.method} level {wildcards.level}"
        " at step {wildcards.step} seeds {wildcards.cohort}"


use rule branch as dense_branch with:
    output:
        trained=dense_counterfactual.trained(results),
        history=dense_counterfactual.history(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/dense/{{branch}}.log",
    message:
        "branch {wildcards.branch} of {wildcards.task} dense seeds {wildcards.cohort}"


use rule branch as retrain_treated with:
    # The ticket of a method that treats it first: the weights that it starts from are kept, for the next mask.
    output:
        trained=ticket.trained(results),
        history=ticket.history(results),
        begin=f"{ticket.folder(results)}/start.safetensors",
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/retrain.log",
    wildcard_constraints:
        method=either(treated_methods),
    priority: chain_first
    message:
        "retrain {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"
