# Linear connectivity: loss and error along the line between two trained networks, each to {pair}_path.csv and
# {pair}_ends.csv in the folder of the second.
dense_run = Run("{task}", "{cohort}")


rule order_connectivity:
    # A branch on another data order against the same treatment on order 0.
    input:
        data=data_of,
        first=lambda wildcards: plan.chains.counterpart(run_of(wildcards)).trained(results),
        second=counterfactual.trained(results),
    output:
        path=f"{counterfactual.folder(results)}/order_path.csv",
        ends=f"{counterfactual.folder(results)}/order_ends.csv",
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/{{branch}}/order_connectivity.log",
    conda:
        "../../environment.yml"
    resources:
        **connectivity,
    params:
        spec=lambda wildcards: plan.specs.measurement("connectivity", wildcards.task, wildcards.cohort),
        files=file_arguments,
        pair="order",
    message:
        "connectivity between data orders of {wildcards.branch}, {wildcards.task} {wildcards.method}"
        " level {wildcards.level} seeds {wildcards.cohort}"
    shell:
        "lth-job connectivity --pair {params.pair} --spec {params.spec:q} {params.files:q} --output {output.path:q} > {log:q} 2>&1"


use rule order_connectivity as dense_order_connectivity with:
    input:
        data=data_of,
        first=lambda wildcards: plan.chains.counterpart(run_of(wildcards)).trained(results),
        second=dense_counterfactual.trained(results),
    output:
        path=f"{dense_counterfactual.folder(results)}/order_path.csv",
        ends=f"{dense_counterfactual.folder(results)}/order_ends.csv",
    log:
        f"{logs}/{{task}}/{{cohort}}/dense/{{branch}}/order_connectivity.log",
    message:
        "connectivity between data orders of {wildcards.branch}, {wildcards.task} dense seeds {wildcards.cohort}"


use rule order_connectivity as level_connectivity with:
    # A ticket against that of the level before, or against the dense run.
    input:
        data=data_of,
        first=trained_before,
        second=ticket.trained(results),
    output:
        path=f"{ticket.folder(results)}/level_path.csv",
        ends=f"{ticket.folder(results)}/level_ends.csv",
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/level_connectivity.log",
    params:
        pair="level",
    message:
        "connectivity between levels of {wildcards.task} {wildcards.method} level {wildcards.level}"
        " seeds {wildcards.cohort}"


use rule order_connectivity as seed_connectivity with:
    # The tickets of a cohort against one another.
    input:
        data=data_of,
        first=ticket.trained(results),
        second=ticket.trained(results),
    output:
        path=f"{ticket.folder(results)}/seed_path.csv",
        ends=f"{ticket.folder(results)}/seed_ends.csv",
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/seed_connectivity.log",
    params:
        pair="seed",
    message:
        "connectivity between seeds of {wildcards.task} {wildcards.method} level {wildcards.level}"
        " seeds {wildcards.cohort}"


use rule seed_connectivity as dense_seed_connectivity with:
    input:
        data=data_of,
        first=dense_run.trained(results),
        second=dense_run.trained(results),
    output:
        path=f"{dense_run.folder(results)}/seed_path.csv",
        ends=f"{dense_run.folder(results)}/seed_ends.csv",
    log:
        f"{logs}/{{task}}/{{cohort}}/dense/seed_connectivity.log",
    message:
        "connectivity between seeds of {wildcards.task} dense seeds {wildcards.cohort}"


use rule order_connectivity as branch_connectivity with:
    # A branch against the ticket itself or another branch of it: the line to from_{other}_path.csv.
    input:
        data=data_of,
        first=other_end,
        second=counterfactual.trained(results),
    output:
        path=f"{counterfactual.folder(results)}/from_{{other}}_path.csv",
        ends=f"{counterfactual.folder(results)}/from_{{other}}_ends.csv",
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/{{branch}}/connectivity_from_{{other}}.log",
    params:
        pair="branch",
    message:
        "connectivity between {wildcards.other} and {wildcards.branch}, {wildcards.task} {wildcards.method}"
        " level {wildcards.level} seeds {wildcards.cohort}"


use rule branch_connectivity as dense_branch_connectivity with:
    input:
        data=data_of,
        first=other_end,
        second=dense_counterfactual.trained(results),
    output:
        path=f"{dense_counterfactual.folder(results)}/from_{{other}}_path.csv",
        ends=f"{dense_counterfactual.folder(results)}/from_{{other}}_ends.csv",
    log:
        f"{logs}/{{task}}/{{cohort}}/dense/{{branch}}/connectivity_from_{{other}}.log",
    message:
        "connectivity between {wildcards.other} and {wildcards.branch}, {wildcards.task} dense"
        " seeds {wildcards.cohort}"
