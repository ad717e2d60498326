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
        **weights,
    params:
        spec=prune_spec,
        files=file_arguments,
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
    threads: training_threads
    resources:
        **training,
    params:
        spec=retrain_spec,
        files=file_arguments,
    message:
        "retrain {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"
    shell:
        "lth-job support.launch {resources.processes} retrain --spec {params.spec:q} {params.files:q}"
        " --output {output.trained:q} > {log:q} 2>&1"
