# Overlap: which weights the tickets of two tasks (or methods) of one architecture have in common, at the same level.
rule overlap:
    input:
        initial=paths.initial_file(results, "{task}", "{cohort}"),
        mask=ticket.mask(results),
        other=Run("{other_task}", "{cohort}", "{other_method}", "{level}").mask(results),
    output:
        f"{ticket.folder(results)}/overlap/{{other_task}}/{{other_method}}.csv",
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/overlap_{{other_task}}_{{other_method}}.log",
    wildcard_constraints:
        other_task=either(plan.config.tasks),
        other_method=either(plan.methods),
    conda:
        "../../environment.yml"
    resources:
        **weights,
    params:
        code=plan.specs.analysis_code("overlap"),
        files=file_arguments,
    message:
        "overlap of {wildcards.task} {wildcards.method} and {wildcards.other_task} {wildcards.other_method}"
        " level {wildcards.level} seeds {wildcards.cohort}"
    shell:
        "lth-job overlap --cohort {wildcards.cohort} {params.files:q} --output {output:q} > {log:q} 2>&1"
