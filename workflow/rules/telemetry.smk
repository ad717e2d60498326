# Telemetry: what the dense network does in its first steps.
rule telemetry:
    input:
        data=data_of,
        initial=paths.initial_file(results, "{task}", "{cohort}"),
        final=Run("{task}", "{cohort}").trained(results),
    output:
        f"{Run('{task}', '{cohort}').folder(results)}/telemetry_{{step}}.csv",
    log:
        f"{logs}/{{task}}/{{cohort}}/telemetry_{{step}}.log",
    conda:
        "../../environment.yml"
    resources:
        **telemetry,
    params:
        spec=lambda wildcards: plan.specs.telemetry(wildcards.task, wildcards.cohort, int(wildcards.step)),
        files=file_arguments,
    message:
        "telemetry of the first {wildcards.step} steps of {wildcards.task} seeds {wildcards.cohort}"
    shell:
        "lth-job telemetry --spec {params.spec:q} {params.files:q} --output {output:q} > {log:q} 2>&1"
