# The plan of the config, and the input functions of the rules. Rules themselves are in the other files.
import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

root = str(Path(workflow.basedir))
sys.path.insert(0, root)

from lth_core.runtime import timing
from lth_core.storage import codedigest, paths
from lth_core.storage.runs import Run
from lth_core.planning.configfile import ConfigError
from lth_core.planning.plan import Plan

codedigest.remember(Path(".snakemake/lth_code_notes"))

# The workflow's own file only when no other is named: `--configfile` replaces it, `--config` overrides single keys.
config_files = list(workflow.config_settings.configfiles) or [f"{root}/config.yaml"]
try:
    plan = Plan.read(config_files, workflow.config_settings.config)
except ConfigError as error:
    sys.exit(f"the configuration is not valid:\n{error}")

results, reports, logs = plan.config.results, plan.config.reports, "logs"


def config_arguments():
    """The arguments of this run that say what its config is."""
    settings = workflow.config_settings
    changes = [f"{key}={json.dumps(value)}" for key, value in settings.config.items()]
    files = [os.path.relpath(file) for file in settings.configfiles]
    return [*(["--configfile", *files] if files else []), *(["--config", *changes] if changes else [])]


# As it can be typed: who runs the pipeline through make need not have it on the path.
program = "snakemake" if shutil.which("snakemake") else os.path.relpath(f"{os.path.dirname(sys.executable)}/snakemake")

# What jobs inherit. None of it changes their results, so none of it is a reason to run them again.
os.environ.update(
    PATH=os.pathsep.join([os.path.dirname(sys.executable), f"{root}/workflow/bin", os.environ.get("PATH", os.defpath)]),
    PYTHONPATH=os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])]),
    LTH_DATA_ROOT=plan.config.data_root,
    LTH_DEVICE=plan.config.device,
    LTH_METHODS=plan.pruned_weights,
    LTH_COMMAND=f"{program} --force {{}} --cores all {shlex.join(config_arguments())}".strip(),
)

# Batch systems hand a job the environment of its submission; it must not leave its allocation for another run's server.
os.environ.pop("LTH_JOB_SERVER", None)

# The shell becomes the job, whose parent is then this snakemake: it ends with its parent.
shell.prefix("set -euo pipefail; exec ")


def either(names):
    """A wildcard constraint: one of these names."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


treated_methods = [name for name, method in plan.methods.items() if method.treatment]


wildcard_constraints:
    task=either(plan.config.tasks),
    cohort=r"\d+-\d+",
    method=either(plan.methods),
    level=r"[1-9]\d*",
    branch=either({run.branch for run in plan.runs if run.branch} | set(plan.branches)),
    step=r"[1-9]\d*",


def run_of(wildcards):
    """The run of the wildcards of a ticket, a dense run or a branch of either."""
    place = grid(wildcards) if hasattr(wildcards, "level") else (wildcards.task, wildcards.cohort)
    return Run(*place, branch=getattr(wildcards, "branch", None))


def grid(wildcards):
    """task, cohort, method and level of a job."""
    return wildcards.task, wildcards.cohort, wildcards.method, int(wildcards.level)


def data_of(wildcards):
    """The data file that a task is trained on."""
    return paths.data_file(results, plan.config.tasks[wildcards.task].dataset)


def start_of(wildcards):
    """What a ticket starts from: theta_0, theta_k or the weights to continue from."""
    return plan.chains.start_file(*grid(wildcards))


def trained_before(wildcards):
    """The trained ticket of the level before, or the dense run."""
    task, cohort, method, level = grid(wildcards)
    return Run(task, cohort, method, level - 1).trained(results)


def branch_inputs(wildcards):
    """What a branch's training starts from, by its job's arguments."""
    return plan.chains.branch_inputs(run_of(wildcards))


def prune_inputs(wildcards):
    """What a level's mask is made from, by its job's arguments."""
    return plan.chains.prune_inputs(*grid(wildcards))


def as_arguments(wildcards, input):
    """The input files as arguments of their job."""
    return [word for name, path in input.items() for word in (f"--{name.replace('_', '-')}", path)]


def histories(study):
    """The histories and masks of a study's runs."""
    runs = plan.studies[study].runs(plan.config)
    return [run.history(results) for run in runs] + [run.mask(results) for run in runs if run.level]


def tables(study):
    """A study's tables as the figures read them."""
    return [paths.table_file(results, study, table) for table in plan.studies[study].table_names]


def table_provenance(study):
    """What made each table, in a file beside it."""
    return [str(Path(table).with_suffix(".json")) for table in tables(study)]


def trained_by_studies():
    """The data and the dense runs of all studies, whose headers say what the page is about."""
    tasks = {task for study in plan.studies.values() for task in study.tasks}
    settings = {task: plan.config.tasks[task] for task in sorted(tasks)}
    data = {paths.data_file(results, task.dataset) for task in settings.values()}
    dense = [Run(name, cohort).trained(results) for name, task in settings.items() for cohort in task.cohorts]
    return sorted(data) + dense


def figures(study):
    """A study's figures in all formats."""
    names = plan.studies[study].figure_names(plan.config)
    return [paths.figure_file(reports, study, name, kind) for name in names for kind in ("svg", "png", "pdf")]


def for_readers(study):
    """All files of a study that people read, or pages link to."""
    divergence, captions = paths.divergence_file(results, study), paths.captions_file(reports, study)
    return [*tables(study), *table_provenance(study), divergence, captions, *figures(study)]
