# Report: a study's tables, its figures, the claims of all studies, the page of the config that shows them, and the index
# of all configs' pages. On a cluster the submitting machine makes the last three; they take seconds.
localrules:
    claims,
    report,
    index,


for study in plan.studies:

    rule:
        name:
            f"table_{study}"
        input:
            histories(study),
            plan.studies[study].analyses(plan.config),
        output:
            tables(study),
            table_provenance(study),
            paths.divergence_file(results, config_name, study),
        log:
            f"{logs}/tables/{study}.log",
        conda:
            "../../environment.yml"
        params:
            study=study,
            spec=plan.specs.table(study),
        message:
            f"table {study}"
        shell:
            "lth-job table --study {params.study} --spec {params.spec:q} > {log:q} 2>&1"

    if plan.config.test_folds:

        rule:
            name:
                f"without_folds_{study}"
            input:
                histories(study),
                plan.studies[study].analyses(plan.config),
            output:
                paths.without_folds_file(results, config_name, study),
            log:
                f"{logs}/without_folds/{study}.log",
            conda:
                "../../environment.yml"
            params:
                study=study,
                spec=plan.specs.table(study, "without_folds"),
            message:
                f"claims of {study} without folds of the test examples"
            shell:
                "lth-job without_folds --study {params.study} --spec {params.spec:q} > {log:q} 2>&1"

    rule:
        name:
            f"figures_{study}"
        input:
            tables(study),
        output:
            figures(study),
            captions=paths.captions_file(reports, config_name, study),
        log:
            f"{logs}/figures/{study}.log",
        conda:
            "../../environment.yml"
        params:
            study=study,
            spec=plan.specs.figures(study),
        message:
            f"figures {study}"
        shell:
            "lth-job figures --study {params.study} --spec {params.spec:q} > {log:q} 2>&1"


rule claims:
    input:
        [tables(study) for study in plan.studies],
        without_folds(),
    output:
        paths.claims_file(results, config_name),
        paths.effects_file(results, config_name),
    log:
        f"{logs}/claims.log",
    conda:
        "../../environment.yml"
    params:
        spec=plan.specs.claims(),
    message:
        "claims"
    shell:
        "lth-job claims --spec {params.spec:q} > {log:q} 2>&1"


rule report:
    input:
        paths.claims_file(results, config_name),
        paths.effects_file(results, config_name),
        [paths.divergence_file(results, config_name, study) for study in plan.studies],
        [paths.captions_file(reports, config_name, study) for study in plan.studies],
        [figures(study) for study in plan.studies],
        [table_provenance(study) for study in plan.studies],
        trained_by_studies(),
        [ticket.costs(results) for ticket in shrunk_tickets(plan.runs, plan.methods)],
    output:
        report(paths.page_file(reports, config_name), category="Front page"),
    log:
        f"{logs}/report.log",
    conda:
        "../../environment.yml"
    params:
        spec=plan.specs.report(),
    message:
        "report {output}"
    shell:
        "lth-job report --spec {params.spec:q} > {log:q} 2>&1"


rule index:
    input:
        pages(),
    output:
        paths.index_file(reports),
    log:
        f"{logs}/index.log",
    conda:
        "../../environment.yml"
    params:
        spec=plan.specs.index(),
    message:
        "index {output}"
    shell:
        "lth-job index --spec {params.spec:q} --output {output:q} --pages {input:q} > {log:q} 2>&1"
