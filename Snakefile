# The lottery-ticket literature as one pipeline. Read it like a method section:
# data, dense training, pruning at each level, retraining of the ticket, its counterfactuals, analyses, report.
#
#   make figures                             config.yaml: real handwritten digits, minutes
#   CONFIG=config/mnist.yaml make figures    another config, in place of config.yaml
from snakemake.utils import min_version

min_version("9.20")


include: "workflow/rules/common.smk"
include: "workflow/rules/records.smk"
include: "workflow/rules/outputs.smk"
include: "workflow/rules/run.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/dense.smk"
include: "workflow/rules/tickets.smk"
include: "workflow/rules/branches.smk"
include: "workflow/rules/analyses.smk"
include: "workflow/rules/connectivity.smk"
include: "workflow/rules/telemetry.smk"
include: "workflow/rules/channel_masks.smk"
include: "workflow/rules/overlap.smk"
include: "workflow/rules/supermasks.smk"
include: "workflow/rules/samples.smk"
include: "workflow/rules/judged.smk"
include: "workflow/rules/untrained.smk"
include: "workflow/rules/initial.smk"
include: "workflow/rules/costs.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        paths.index_file(reports),
        paths.page_file(reports, config_name),
        paths.claims_file(results, config_name),
        [for_readers(study) for study in plan.studies],


onstart:
    begin_run()


onsuccess:
    logger.info(timing.summary(logs, workflow.resource_settings.cores))
    for warning in missing.summary(logs, timing.began(logs)):
        logger.warning(warning)
    if os.path.exists(page := paths.page_file(reports, config_name)):
        logger.info(f"page: {page}")
    end_run()


onerror:
    end_run()
