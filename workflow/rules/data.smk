# Data: each set decoded once into one file of arrays with fixed splits. On a cluster the submitting machine does it, as
# others may have no network.
localrules:
    prepare_data,


rule prepare_data:
    output:
        paths.data_file(results, "{dataset}"),
    log:
        f"{logs}/data/{{dataset}}.log",
    conda:
        "../../environment.yml"
    params:
        spec=lambda wildcards: plan.specs.data(wildcards.dataset),
    message:
        "data {wildcards.dataset}"
    shell:
        "lth-job prepare_data --name {wildcards.dataset} --spec {params.spec:q}"
        ' --root "$LTH_DATA_ROOT" --output {output:q} > {log:q} 2>&1'
