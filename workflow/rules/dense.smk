# Dense networks: theta_0, the full training that every method starts from, and theta_k where something rewinds.
rule initialize:
    input:
        unpack(initial_inputs),
        data=data_of,
    output:
        paths.initial_file(results, "{task}", "{cohort}"),
    log:
        f"{logs}/{{task}}/{{cohort}}/initialize.log",
    conda:
        "../../environment.yml"
    params:
        spec=lambda wildcards: plan.specs.initialize(wildcards.task, wildcards.cohort),
        files=file_arguments,
    message:
        "initialize {wildcards.task} seeds {wildcards.cohort}"
    shell:
        "lth-job initialize --spec {params.spec:q} {params.files:q}"
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
    threads: training_threads
    resources:
        **training,
    params:
        spec=lambda wildcards: plan.specs.dense(wildcards.task, wildcards.cohort),
        files=file_arguments,
    message:
        "dense {wildcards.task} seeds {wildcards.cohort}"
    shell:
        "lth-job support.launch {resources.processes} dense --spec {params.spec:q} {params.files:q}"
        " --output {output.trained:q} > {log:q} 2>&1"


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
    threads: training_threads
    resources:
        **training,
    params:
        job="dense",
        spec=lambda wildcards: plan.specs.dense(wildcards.task, wildcards.cohort),
        files=file_arguments,
    message:
        "checkpoint at step {wildcards.step} of {wildcards.task} seeds {wildcards.cohort}"
    shell:
        "lth-job checkpoint {resources.processes} {params.job} --step {wildcards.step} --spec {params.spec:q}"
        " {params.files:q} --output {output:q} > {log:q} 2>&1"
