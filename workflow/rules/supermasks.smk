# Supermasks: how accurate a network is whose weights are never trained, under masks that are found or learned.
rule supermasks:
    # Masks of a method's criterion at every density, all found from the dense run.
    input:
        data=data_of,
        initial=paths.initial_file(results, "{task}", "{cohort}"),
        trained=Run("{task}", "{cohort}").trained(results),
    output:
        paths.supermasks_file(results, "{task}", "{cohort}", "{method}"),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/supermasks.log",
    conda:
        "../../environment.yml"
    resources:
        **supermasks,
    params:
        spec=lambda wildcards: plan.specs.supermasks(wildcards.task, wildcards.cohort, wildcards.method),
        files=file_arguments,
    message:
        "supermasks of {wildcards.task} {wildcards.method} seeds {wildcards.cohort}"
    shell:
        "lth-job supermasks --spec {params.spec:q} {params.files:q} --output {output:q} > {log:q} 2>&1"


rule learned_supermasks:
    input:
        data=data_of,
        initial=paths.initial_file(results, "{task}", "{cohort}"),
    output:
        paths.learned_supermasks_file(results, "{task}", "{cohort}", "{values}", "{scaling}"),
    log:
        f"{logs}/{{task}}/{{cohort}}/supermasks_{{values}}_{{scaling}}.log",
    wildcard_constraints:
        values="initial|constant",
        scaling="plain|rescaled",
    conda:
        "../../environment.yml"
    resources:
        **supermasks,
    params:
        spec=lambda wildcards: plan.specs.learned_supermasks(
            wildcards.task, wildcards.cohort, wildcards.values, wildcards.scaling
        ),
        files=file_arguments,
    message:
        "learned supermasks of {wildcards.task} ({wildcards.values} weights, {wildcards.scaling})"
        " seeds {wildcards.cohort}"
    shell:
        "lth-job learned_supermasks --spec {params.spec:q} {params.files:q} --output {output:q} > {log:q} 2>&1"
