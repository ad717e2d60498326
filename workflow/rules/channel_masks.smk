# Channel masks: what a method would keep of the dense network at many steps of its training.
rule channel_masks:
    input:
        data=data_of,
        initial=paths.initial_file(results, "{task}", "{cohort}"),
    output:
        paths.channel_masks_file(results, "{task}", "{cohort}", "{method}", "{every}"),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/channel_masks_{{every}}.log",
    wildcard_constraints:
        every=r"[1-9]\d*",
    conda:
        "../../environment.yml"
    resources:
        **channel_masks,
    params:
        spec=lambda wildcards: plan.specs.channel_masks(
            wildcards.task, wildcards.cohort, wildcards.method, int(wildcards.every)
        ),
        files=file_arguments,
    message:
        "channel masks every {wildcards.every} steps of {wildcards.task} {wildcards.method} seeds {wildcards.cohort}"
    shell:
        "lth-job channel_masks --spec {params.spec:q} {params.files:q} --output {output:q} > {log:q} 2>&1"
