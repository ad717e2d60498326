# Tickets: at each level, prune what was trained before, then train what is left from where the method rewinds to.
ticket = Run("{task}", "{cohort}", "{method}", "{level}")

# Levels wait for each other, branches for one level only: with the chains in front no core idles at the end.
chain_first = 1


rule prune:
    input:
        unpack(prune_inputs),
    output:
        ticket.mask(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/prune.log",
    wildcard_constraints:
        method=either(pruned_methods - probed_methods),
    priority: chain_first
    conda:
        "../../environment.yml"
    resources:
        **weights,
    params:
        spec=prune_spec,
        files=file_arguments,
    message:
        "prune {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"
    shell:
        "lth-job prune --spec {params.spec:q} {params.files:q} --output {output:q} > {log:q} 2>&1"


rule score:
    # A mask of scores that are computed with the network: they need the data, and a device.
    input:
        unpack(prune_inputs),
    output:
        ticket.mask(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/score.log",
    wildcard_constraints:
        method=either(pruned_methods & probed_methods),
    priority: chain_first
    conda:
        "../../environment.yml"
    threads: training_threads
    resources:
        **scoring,
    params:
        spec=score_spec,
        files=file_arguments,
    message:
        "score {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"
    shell:
        "lth-job score --spec {params.spec:q} {params.files:q} --output {output:q} > {log:q} 2>&1"


rule search:
    # A mask that is learned, over weights that stay what they are or together with them.
    input:
        unpack(search_inputs),
    output:
        mask=ticket.mask(results),
        search=ticket.search(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/search.log",
    wildcard_constraints:
        method=either(searching_methods - untrained_methods),
    priority: chain_first
    conda:
        "../../environment.yml"
    threads: training_threads
    resources:
        **searching,
    params:
        spec=search_spec,
        files=file_arguments,
    message:
        "search {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"
    shell:
        "lth-job support.launch {resources.processes} search --spec {params.spec:q} {params.files:q}"
        " --output {output.mask:q} > {log:q} 2>&1"


# Subnetworks that are found in untrained weights, and stay as they are.
use rule search as strong_ticket with:
    output:
        mask=ticket.mask(results),
        search=ticket.search(results),
        trained=ticket.trained(results),
        history=ticket.history(results),
    wildcard_constraints:
        method=either(untrained_methods),
    message:
        "strong ticket of {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"


rule retrain:
    input:
        data=data_of,
        start=start_of,
        mask=ticket.mask(results),
    output:
        trained=ticket.trained(results),
        history=ticket.history(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/retrain.log",
    wildcard_constraints:
        method=either((pruned_methods - treated_methods) | (searching_methods - untrained_methods)),
    priority: chain_first
    conda:
        "../../environment.yml"
    threads: training_threads
    resources:
        **training,
    params:
        spec=retrain_spec,
        files=file_arguments,
    message:
        "retrain {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"
    shell:
        "lth-job support.launch {resources.processes} retrain --spec {params.spec:q} {params.files:q}"
        " --output {output.trained:q} > {log:q} 2>&1"


# Methods that change masks while they train: one training per level, from a first mask or from the dense network.
use rule prune as first_mask with:
    output:
        ticket.first_mask(results),
    wildcard_constraints:
        method=either(sparsifying_methods - probed_methods),
    message:
        "first mask of {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"


use rule score as scored_first_mask with:
    output:
        ticket.first_mask(results),
    wildcard_constraints:
        method=either(sparsifying_methods & probed_methods),
    message:
        "first mask of {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"


rule sparsify:
    input:
        unpack(sparsify_inputs),
        data=data_of,
    output:
        trained=ticket.trained(results),
        history=ticket.history(results),
        mask=ticket.mask(results),
        changes=ticket.changes(results),
    log:
        f"{logs}/{{task}}/{{cohort}}/{{method}}/level_{{level}}/sparsify.log",
    wildcard_constraints:
        method=either(sparsifying_methods),
    priority: chain_first
    conda:
        "../../environment.yml"
    threads: training_threads
    resources:
        **training,
    params:
        spec=sparsify_spec,
        files=file_arguments,
    message:
        "sparsify {wildcards.task} {wildcards.method} level {wildcards.level} seeds {wildcards.cohort}"
    shell:
        "lth-job support.launch {resources.processes} sparsify --spec {params.spec:q} {params.files:q}"
        " --output {output.trained:q} > {log:q} 2>&1"
