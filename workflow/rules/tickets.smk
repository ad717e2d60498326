# Tickets: at each level, prune what was trained before, then train what is left from where the method rewinds to.
ticket = Run("{task}", "{cohort}", "{method}", "{level}")

# Levels wait for each other, branches for one level only: with the chains in front no core idles at the end.
chain_first = 1


rule prune:
    input:
        unpack(prune_inputs),
    output:
        ticket.mask(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/prune.log",
    priority: chain_first
    conda:
        "../../environment.yml"
    resources:
        mem_mb=need("weights", "mem_mb"),
        runtime=need("weights", "runtime"),
    params:
        spec=lambda wildcards: plan.specs.prune(wildcards.cohort, wildcards.method, int(wildcards.level)),
        files=as_arguments,
    message:
        "prune {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"
    shell:
        "lth-job prune --spec {params.spec:q} {params.files:q} --output {output:q} > {log:q} 2>&1"


rule retrain:
    input:
        data=data_of,
        start=start_of,
        mask=ticket.mask(results),
    output:
        trained=ticket.trained(results),
        history=ticket.history(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/retrain.log",
    wildcard_constraints:
        method=either(set(plan.methods) - set(treated_methods)),
    priority: chain_first
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
        spec=lambda wildcards: plan.specs.retrain(*grid(wildcards)),
    message:
        "retrain {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"
    shell:
        "lth-job support.launch {resources.processes} retrain --spec {params.spec:q} --data {input.data:q}"
        " --start {input.start:q} --mask {input.mask:q} --output {output.trained:q} > {log:q} 2>&1"


rule retrain_treated:
    input:
        unpack(branch_inputs),
        data=data_of,
    output:
        trained=ticket.trained(results),
        history=ticket.history(results),
        begin=f"{ticket.folder(results)}/start.safetensors",
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/retrain.log",
    # The ticket of a method that treats it first: the weights that it starts from are kept, for the next mask.
    wildcard_constraints:
        method=either(treated_methods),
    priority: chain_first
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
        "retrain {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"
    shell:
        "lth-job support.launch {resources.processes} branch --spec {params.spec:q} --data {input.data:q}"
        " --network {input.network:q} --initial {input.initial:q} --start {input.start:q} --trained {input.trained:q}"
        " --trained-from {input.trained_from:q} --mask {input.mask:q} --output {output.trained:q} > {log:q} 2>&1"
