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
    threads: threads_of
    resources:
        **by_node,
        gpu=gpus_of,
        processes=processes_of,
        mem_mb=need("training", "mem_mb"),
        runtime=need("training", "runtime"),
    params:
        spec=lambda wildcards: plan.specs.branch(run_of(wildcards)),
    message:
        "branch {wildcards.branch} of {wildcards.task} {wildcards.method} level {wildcards.level}"
        " seeds {wildcards.cohort}"
    shell:
        "lth-job support.launch {resources.processes} branch --spec {params.spec:q} --data {input.data:q}"
        " --network {input.network:q} --initial {input.initial:q} --start {input.start:q} --trained {input.trained:q}"
        " --trained-from {input.trained_from:q} --mask {input.mask:q} --output {output.trained:q} > {log:q} 2>&1"


use rule branch as branch_checkpoint with:
    output:
        trained=counterfactual.checkpoint(results, "{step}"),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/{{branch}}_at_{{step}}.log",
    params:
        spec=lambda wildcards: plan.specs.branch(run_of(wildcards), int(wildcards.step)),
    message:
        "branch {wildcards.branch} of {wildcards.task} {wildcards.method} level {wildcards.level}"
        " at step {wildcards.step} seeds {wildcards.cohort}"


rule dense_branch:
    input:
        unpack(branch_inputs),
        data=data_of,
    output:
        trained=dense_counterfactual.trained(results),
        history=dense_counterfactual.history(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/dense/{{branch}}.log",
    conda:
        "../../environment.yml"
    threads: threads_of
    resources:
        **by_node,
        gpu=gpus_of,
        processes=processes_of,
        mem_mb=need("training", "mem_mb"),
        runtime=need("training", "runtime"),
    params:
        spec=lambda wildcards: plan.specs.branch(run_of(wildcards)),
    message:
        "branch {wildcards.branch} of {wildcards.task} dense seeds {wildcards.cohort}"
    shell:
        "lth-job support.launch {resources.processes} branch --spec {params.spec:q} --data {input.data:q}"
        " --network {input.network:q} --initial {input.initial:q} --start {input.start:q}"
        " --output {output.trained:q} > {log:q} 2>&1"
