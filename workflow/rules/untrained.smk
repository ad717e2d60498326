# What networks can do without training, when weights are chosen from random ones or networks from random topologies.
rule subset_sums:
    output:
        paths.subset_sums_file(results, "{task}", "{cohort}"),
    log:
        f"{logs}/{{task}}/{{cohort}}/subset_sums.log",
    conda:
        "../../environment.yml"
    params:
        code=plan.specs.analysis_code("subset_sums"),
        settings=plan.config.subset_sums.model_dump_json(),
    message:
        "subset sums of seeds {wildcards.cohort}"
    shell:
        "lth-job subset_sums --cohort {wildcards.cohort} --settings {params.settings:q} --output {output:q} > {log:q} 2>&1"


rule construction:
    # The trained network as a part of a wide random one.
    input:
        data=data_of,
        trained=Run("{task}", "{cohort}").trained(results),
    output:
        paths.construction_file(results, "{task}", "{cohort}"),
    log:
        f"{logs}/{{task}}/{{cohort}}/construction.log",
    conda:
        "../../environment.yml"
    resources:
        **supermasks,
    params:
        spec=lambda wildcards: plan.specs.measurement("construction", wildcards.task, wildcards.cohort),
        files=file_arguments,
    message:
        "{wildcards.task} by pruning random networks, seeds {wildcards.cohort}"
    shell:
        "lth-job construction --spec {params.spec:q} {params.files:q} --output {output:q} > {log:q} 2>&1"


rule evolution:
    # Networks without trained weights, beside the task's network without and with training.
    input:
        data=data_of,
        initial=paths.initial_file(results, "{task}", "{cohort}"),
        trained=Run("{task}", "{cohort}").trained(results),
    output:
        **paths.evolution_files(results, "{task}", "{cohort}"),
    log:
        f"{logs}/{{task}}/{{cohort}}/evolution.log",
    conda:
        "../../environment.yml"
    resources:
        **evolution,
    params:
        spec=lambda wildcards: plan.specs.measurement("evolution", wildcards.task, wildcards.cohort),
        files=file_arguments,
    message:
        "evolution for {wildcards.task} seeds {wildcards.cohort}"
    shell:
        "lth-job evolution --spec {params.spec:q} {params.files:q} --output {output.output:q}"
        " --generations {output.generations:q} --topologies {output.topologies:q} > {log:q} 2>&1"
