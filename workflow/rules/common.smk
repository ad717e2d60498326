# The plan of the config, and the input functions of the rules. Rules themselves are in the other files.
import glob
import inspect
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

# The folder of this workflow, and whether another one has imported it as a module.
root = os.path.abspath(Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parents[1])
imported = not workflow.modifier.is_main_snakefile()
sys.path.insert(0, root)

from lth_core.runtime import collector
from lth_core.runtime.interruption import stop_when_told

collector.postpone()
if not imported:
    stop_when_told()

from lth_core.planning.configfile import ConfigError
from lth_core.planning.plan import Plan
from lth_core.pruning.moments import is_probed
from lth_core.runtime.environment import ClashError, command_for, hand_down, search_paths
from lth_core.storage import codedigest, contents, paths
from lth_core.storage.runs import Run

codedigest.remember(Path(".snakemake/lth_code_notes"))
contents.remember(Path(".snakemake/lth_data_notes"))

# The workflow's own file only when no other is named: `--configfile` replaces it, `--config` overrides single keys. A
# module has the config that its `module` statement gives it; these options are for the workflow that imports it.
settings = workflow.config_settings
named_files, overrides = ([], config) if imported else (settings.configfiles, settings.config)
config_files = [*map(os.path.abspath, named_files)] or ([] if imported and config else [f"{root}/config.yaml"])
if imported and workflow.modifier.path_modifier.replace_prefix("results") != "results":
    sys.exit("error: jobs know nothing of a module's `prefix`: set `results` and `reports` in its config instead")
try:
    plan = Plan.read(config_files, overrides)
except ConfigError as error:
    sys.exit(f"the configuration is not valid:\n{error}")

config_name, results, reports, logs = plan.config.name, plan.config.results, plan.config.reports, "logs"


# What jobs inherit. None of it changes their results, so none of it is a reason to run them again.
plugin_folders = [*map(os.path.dirname, config_files), workflow.basedir] if plan.config.plugins else []
os.environ.update(search_paths(root, plugin_folders))
try:
    hand_down(
        LTH_DATA_ROOT=plan.config.data_root,
        LTH_DEVICE=plan.config.device,
        LTH_METHODS=plan.pruned_weights,
        LTH_COMMAND=command_for("{}", settings.configfiles, settings.config, workflow.main_snakefile),
    )
except ClashError as error:
    sys.exit(f"error: {error}")

# Batch systems give a job the environment of its submission; it must not use the job server of another machine.
os.environ.pop("LTH_JOB_SERVER", None)

# With exec the shell becomes the job, a child of this snakemake that ends with it. The prefix holds for all rules, so a
# module must not set it: rules of the importing workflow may have several commands.
if not imported:
    shell.prefix("set -euo pipefail; exec ")


def called_often(function):
    """Note the signature of a function that is called for each job: Snakemake asks for it again and again."""
    function.__signature__ = inspect.signature(function)
    return function


def either(names):
    """Make a wildcard constraint: one of these names."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


treated_methods = {name for name, method in plan.methods.items() if method.treatment}
probed_methods = {name for name, method in plan.methods.items() if is_probed(method)}
sparsifying_methods = {name for name, method in plan.methods.items() if method.during}
searching_methods = {name for name, method in plan.methods.items() if method.search}
untrained_methods = {name for name in searching_methods if not plan.methods[name].search.retrain}
pruned_methods = set(plan.methods) - sparsifying_methods - searching_methods


branch_names = {run.branch for run in plan.runs if run.branch} | set(plan.branches)


wildcard_constraints:
    task=either(plan.config.tasks),
    cohort=r"\d+-\d+",
    method=either(plan.methods),
    level=r"[1-9]\d*",
    branch=either(branch_names),
    other=either({*branch_names, "ticket", "dense"}),
    step=r"[1-9]\d*",


def ticket_of(wildcards):
    """Return task, cohort, method and level of a job."""
    return wildcards.task, wildcards.cohort, wildcards.method, int(wildcards.level)


def run_of(wildcards):
    """Return the run of a job: a ticket, a dense run or a branch of either."""
    ticket = ticket_of(wildcards) if hasattr(wildcards, "level") else (wildcards.task, wildcards.cohort)
    return Run(*ticket, branch=getattr(wildcards, "branch", None))


@called_often
def file_arguments(wildcards, input):
    """Pass the named input files of a job as its arguments: --data FILE --trained-from FILE ..."""
    # Interned: each job gets new strings, keeps them, and shares nearly all of these files with others.
    return [sys.intern(text) for name, path in input.items() for text in (f"--{name.replace('_', '-')}", str(path))]


@called_often
def data_of(wildcards):
    """Return the data file that a task is trained on."""
    return paths.data_file(results, plan.config.tasks[wildcards.task].dataset)


@called_often
def judge_of(wildcards):
    """Return the trained network that judges the images of a task."""
    return plan.chains.judge(wildcards.task).trained(results)


@called_often
def initial_inputs(wildcards):
    """Return what theta_0 is made from besides the data: another task's weights, or nothing."""
    return plan.chains.initial_inputs(wildcards.task, wildcards.cohort)


@called_often
def start_of(wildcards):
    """Return what a ticket starts from: theta_0, theta_k or the weights to continue from."""
    return plan.chains.start_file(*ticket_of(wildcards))


@called_often
def trained_before(wildcards):
    """Return the trained ticket of the level before, or the dense run."""
    task, cohort, method, level = ticket_of(wildcards)
    return Run(task, cohort, method, level - 1).trained(results)


@called_often
def other_end(wildcards):
    """Return the trained network that a branch is connected with: the ticket or dense network, or another branch."""
    run = run_of(wildcards)
    other = run.ticket() if wildcards.other in ("ticket", "dense") else replace(run, branch=wildcards.other)
    return other.trained(results)


@called_often
def branch_inputs(wildcards):
    """Return the files that a branch is made from, by argument of its job."""
    return plan.chains.branch_inputs(run_of(wildcards))


@called_often
def prune_spec(wildcards):
    """Return what a level's mask depends on beyond its inputs."""
    return plan.specs.prune(wildcards.cohort, wildcards.method, int(wildcards.level))


@called_often
def score_spec(wildcards):
    """Return what a level's mask depends on beyond its inputs, where the criterion computes with the network."""
    return plan.specs.score(*ticket_of(wildcards))


@called_often
def sparsify_spec(wildcards):
    """Return what a training that changes its mask depends on beyond what it starts from."""
    return plan.specs.sparsify(*ticket_of(wildcards))


@called_often
def sparsify_inputs(wildcards):
    """Return the files that a training which changes its mask starts from, by argument of its job."""
    return plan.chains.sparsify_inputs(*ticket_of(wildcards))


@called_often
def search_spec(wildcards):
    """Return what a search for a level's mask depends on beyond its inputs."""
    return plan.specs.search(*ticket_of(wildcards))


@called_often
def search_inputs(wildcards):
    """Return the files that a search for a level's mask starts from, by argument of its job."""
    return plan.chains.search_inputs(*ticket_of(wildcards))


@called_often
def retrain_spec(wildcards):
    """Return what a ticket's training depends on beyond its mask."""
    return plan.specs.retrain(*ticket_of(wildcards))


@called_often
def branch_spec(wildcards):
    """Return what a counterfactual's training depends on beyond what it is made from."""
    return plan.specs.branch(run_of(wildcards))


@called_often
def prune_inputs(wildcards):
    """Return the files that a level's mask is made from, by argument of its job."""
    return plan.chains.prune_inputs(*ticket_of(wildcards))


def histories(study):
    """List the histories and masks of a study's runs."""
    runs = plan.studies[study].runs(plan.config)
    return [run.history(results) for run in runs] + [run.mask(results) for run in runs if run.level]


def tables(study):
    """List the tables of a study."""
    return [paths.table_file(results, config_name, study, table) for table in plan.studies[study].table_names]


def without_folds():
    """List the effects of all studies' claims without each fold of the test examples, if tasks have folds."""
    having = plan.studies if plan.config.test_folds else []
    return [paths.without_folds_file(results, config_name, study) for study in having]


def table_provenance(study):
    """List the files beside the tables of a study that say what made them."""
    return [str(Path(table).with_suffix(".json")) for table in tables(study)]


def trained_by_studies():
    """List the data and the dense runs of all studies, whose headers the page reads."""
    tasks = {task for study in plan.studies.values() for task in study.tasks}
    tasks |= {run.task for run in plan.runs if run == Run(run.task, run.cohort)}  # those that studies derive, too
    settings = {task: plan.config.tasks[task] for task in sorted(tasks)}
    data = {paths.data_file(results, task.dataset) for task in settings.values()}
    dense = [Run(task, cohort).trained(results) for task in settings for cohort in settings[task].cohorts]
    return sorted(data) + dense


def figures(study):
    """List the figures of a study in all formats."""
    drawn = plan.studies[study].figure_names(plan.config)
    return [
        paths.figure_file(reports, config_name, study, figure, extension)
        for figure in drawn
        for extension in paths.FIGURE_FORMATS
    ]


def pages():
    """List the pages of all configs that are there, and that of this one."""
    return sorted({paths.page_file(reports, config_name), *glob.glob(paths.page_file(glob.escape(reports), "*"))})


def for_readers(study):
    """List the files of a study that people read, or the page links to."""
    divergence = paths.divergence_file(results, config_name, study)
    captions = paths.captions_file(reports, config_name, study)
    return [*tables(study), *table_provenance(study), divergence, captions, *figures(study)]
