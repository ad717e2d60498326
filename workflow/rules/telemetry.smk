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
        gpu=needs.gpus,
        mem_mb=need("telemetry", "mem_mb"),
        runtime=need("telemetry", "runtime"),
    params:
        spec=lambda wildcards: plan.specs.telemetry(wildcards.task, wildcards.cohort, int(wildcards.step)),
    message:
        "telemetry of the first {wildcards.step} steps of {wildcards.task} seeds {wildcards.cohort}"
    shell:
        "lth-job telemetry --spec {params.spec:q} --data {input.data:q}"
        " --initial {input.initial:q} --final {input.final:q} --output {output:q} > {log:q} 2>&1"
