# Dense networks: theta_0, the full training that every method starts from, and theta_k where something rewinds.
rule initialize:
    input:
        data=data_of,
    output:
        paths.initial_file(results, "{task}", "{cohort}"),
    log:
        f"{logs}/{{task}}/{{cohort}}/initialize.log",
    conda:
        "../../environment.yml"
    params:
        spec=lambda wildcards: plan.specs.initialize(wildcards.task, wildcards.cohort),
    message:
        "initialize {wildcards.task} seeds {wildcards.cohort}"
    shell:
        "lth-job initialize --spec {params.spec:q} --data {input.data:q}"
        ' --task {wildcards.task} --methods "$LTH_METHODS" --output {output:q} > {log:q} 2>&1'


rule dense:
    input:
        data=data_of,
        initial=paths.initial_file(results, "{task}", "{cohort}"),
    output:
        trained=Run("{task}", "{cohort}").trained(results),
        history=Run("{task}", "{cohort}").history(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/dense.log",
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
        spec=lambda wildcards: plan.specs.dense(wildcards.task, wildcards.cohort),
    message:
        "dense {wildcards.task} seeds {wildcards.cohort}"
    shell:
        "lth-job support.launch {resources.processes} dense --spec {params.spec:q} --data {input.data:q}"
        " --initial {input.initial:q} --output {output.trained:q} > {log:q} 2>&1"


rule checkpoint:
    input:
        data=data_of,
        initial=paths.initial_file(results, "{task}", "{cohort}"),
    output:
        Run("{task}", "{cohort}").checkpoint(results, "{step}"),
    log:
        f"{logs}/{{task}}/{{cohort}}/at_{{step}}.log",
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
        spec=lambda wildcards: plan.specs.checkpoint(wildcards.task, wildcards.cohort, int(wildcards.step)),
    message:
        "checkpoint at step {wildcards.step} of {wildcards.task} seeds {wildcards.cohort}"
    shell:
        "lth-job support.launch {resources.processes} checkpoint --spec {params.spec:q} --data {input.data:q}"
        " --initial {input.initial:q} --output {output:q} > {log:q} 2>&1"
