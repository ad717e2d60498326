# Supermasks: how accurate a network is whose weights are never trained, under masks that a criterion finds.
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
