# Costs: tickets of methods that prune whole filters, as the smaller networks that are left, against the dense network.
from lth_core.report.costs import shrunk_tickets


rule costs:
    input:
        data=data_of,
        mask=ticket.mask(results),
        ticket=ticket.trained(results),
    output:
        ticket.costs(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/costs.log",
    conda:
        "../../environment.yml"
    resources:
        **weights,
        gpu=needs.gpus,
    params:
        spec=lambda wildcards: plan.specs.costs(wildcards.task, wildcards.cohort),
        files=file_arguments,
    message:
        "costs {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"
    shell:
        "lth-job costs --spec {params.spec:q} {params.files:q} --output {output:q} > {log:q} 2>&1"
