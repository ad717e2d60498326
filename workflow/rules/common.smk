# The plan of the config, and the input functions of the rules. Rules themselves are in the other files.
import fcntl
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil  # comes with snakemake
from snakemake.common.tbdstring import TBDString
from snakemake.exceptions import WorkflowError

root = str(Path(workflow.basedir))
sys.path.insert(0, root)

from lth_core import artifacts, codedigest, timing
from lth_core.artifacts import ArtifactError
from lth_core.cells import Cell
from lth_core.configfile import ConfigError
from lth_core.plan import Plan
from lth_core.resources import Needs

codedigest.remember(Path(".snakemake/lth_code.json"))

# The workflow's own file only when no other is named: `--configfile` replaces it, `--config` overrides single keys.
config_files = list(workflow.config_settings.configfiles) or [f"{root}/config.yaml"]
try:
    plan = Plan.read(config_files, workflow.config_settings.config)
except ConfigError as error:
    sys.exit(f"the configuration is not valid:\n{error}")


def on_slurm():
    """Whether this run submits jobs to SLURM, or is in one of them. Known when the rules have been read."""
    executor = workflow.executor_plugin
    return (executor is not None and executor.name == "slurm") or "SLURM_JOB_ID" in os.environ


needs = Needs(plan, on_slurm)
results, reports, logs = plan.config.results, plan.config.reports, "logs"


def config_arguments():
    """The arguments of this run that say what its config is."""
    settings = workflow.config_settings
    changes = [f"{key}={json.dumps(value)}" for key, value in settings.config.items()]
    files = [os.path.relpath(file) for file in settings.configfiles]
    return [*(["--configfile", *files] if files else []), *(["--config", *changes] if changes else [])]


# What jobs inherit. None of it changes their results, so none of it is a reason to run them again.
os.environ.update(
    PATH=os.pathsep.join([os.path.dirname(sys.executable), f"{root}/workflow/bin", os.environ.get("PATH", os.defpath)]),
    PYTHONPATH=os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])]),
    LTH_DATA_ROOT=plan.config.data_root,
    LTH_DEVICE=plan.config.device,
    LTH_METHODS=plan.pruned_weights,
    LTH_COMMAND=f"snakemake --force {{}} --cores all {shlex.join(config_arguments())}".strip(),
)

# Batch systems hand a job the environment of its submission; it must not leave its allocation for another run's server.
os.environ.pop("LTH_JOB_SERVER", None)

# The shell becomes the job, whose parent is then this snakemake: it ends with its parent.
shell.prefix("set -euo pipefail; exec ")


def refuse_damaged():
    """Look at the artifacts that have changed since they were used, before any job starts on them.

    Snakemake removes what a job is to make when it starts: sound files would go, and be made again, for a damaged one.
    """
    jobs = [job for job in workflow.dag.needrun_jobs() if not job.is_group()]
    made = {str(file) for job in jobs for file in job.output}
    changed = {str(file) for job in jobs for file in workflow.dag.reason(job).updated_input} - made
    for path in sorted(changed):
        if path.startswith(f"{results}/") and os.path.isfile(path):
            try:
                (artifacts.read_tensors if path.endswith(".safetensors") else artifacts.read_bytes)(path)
            except ArtifactError as error:
                raise WorkflowError(f"error: {error}")


def run_alone():
    """Keep a second snakemake out of this folder. The kernel lets it in when this one and its jobs end, however they do.

    Snakemake's own lock, which the profile switches off, has to be removed by hand after a crash.
    """
    lock = os.open(".snakemake/running.lock", os.O_CREAT | os.O_RDWR)
    began = time.monotonic()
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = time.monotonic() - began  # the jobs of one that was killed take a moment to end
            if waited > 10 or (waited > 1 and runs(os.pread(lock, 20, 0))):
                raise WorkflowError("another snakemake is running in this folder: wait for it, or stop it")
            time.sleep(0.05)
            continue
        except OSError:
            pass  # a file system without locks
        os.truncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        return lock


def runs(process):
    """Whether a process of this number runs on this machine."""
    try:
        return psutil.Process(int(process)).status() != psutil.STATUS_ZOMBIE
    except (ValueError, psutil.NoSuchProcess):
        return False


def serve_jobs(lock):
    """Start the job server, which ends when this process does, however it ends. Without it jobs start as usual."""
    if not hasattr(socket, "send_fds") or workflow.non_local_exec:
        return
    address = f"{tempfile.mkdtemp(prefix='lth-')}/jobs"
    command = [sys.executable, "-m", "lth_core.jobs.server", address, str(lock)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[lock])
    while not os.path.exists(address) and server.poll() is None:
        time.sleep(0.005)
    os.environ.update(LTH_JOB_SERVER=f"{os.getpid()}:{os.path.dirname(sys.executable)}:{address}")


def stop_timers():
    """End what the scheduler still waits for, and would for up to a second after the last job."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()


def either(names):
    """A wildcard constraint: one of these names."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


treated_methods = [name for name, method in plan.methods.items() if method.treatment]


wildcard_constraints:
    task=either(plan.config.tasks),
    cohort=r"\d+-\d+",
    method=either(plan.methods),
    level=r"[1-9]\d*",
    branch=either({cell.branch for cell in plan.cells if cell.branch} | set(plan.branches)),
    step=r"[1-9]\d*",


def cell_of(wildcards):
    """The cell of the wildcards of a ticket, a dense run or a branch of either."""
    place = grid(wildcards) if hasattr(wildcards, "level") else (wildcards.task, wildcards.cohort)
    return Cell(*place, branch=getattr(wildcards, "branch", None))


def need(kind, resource):
    """How much of a resource a job of this kind asks for, known once its cohort is initialized; a retry asks for more."""

    def amount(wildcards, attempt):
        try:
            return attempt * getattr(getattr(needs, kind)(cell_of(wildcards)), resource)
        except ArtifactError:
            return TBDString()

    return amount


def processes_of(wildcards):
    """How many processes share the trainings of a task."""
    return plan.config.tasks[wildcards.task].processes


def threads_of(wildcards):
    """The cores of all processes that share a training on a node."""
    return needs.threads(wildcards.task) * needs.processes(wildcards.task)


def gpus_of(wildcards):
    """One for each process, where GPUs are used. Several nodes are asked for the GPUs of each (gpus_by_node)."""
    return needs.gpus * processes_of(wildcards) if needs.nodes(wildcards.task) == 1 else 0


def gpus_by_node(wildcards):
    """`gpu:N` for each of several nodes."""
    several = needs.gpus and needs.nodes(wildcards.task) > 1
    return f"gpu:{needs.processes(wildcards.task)}" if several else None


def several_nodes(wildcards):
    """How many nodes share the trainings of a task, if one does not do."""
    nodes = needs.nodes(wildcards.task)
    return nodes if nodes > 1 else None


def tasks_by_node(wildcards):
    """Without GPUs, SLURM gives several nodes only to as many of what it calls tasks."""
    return None if needs.gpus else several_nodes(wildcards)


def grid(wildcards):
    """task, cohort, method and level of a job."""
    return wildcards.task, wildcards.cohort, wildcards.method, int(wildcards.level)


def data_of(wildcards):
    """The data file that a task is trained on."""
    return artifacts.data_file(results, plan.config.tasks[wildcards.task].dataset)


def start_of(wildcards):
    """What a ticket starts from: theta_0, theta_k or the weights to continue from."""
    return plan.start_file(*grid(wildcards))


def trained_before(wildcards):
    """The trained ticket of the level before, or the dense run."""
    task, cohort, method, level = grid(wildcards)
    return Cell(task, cohort, method, level - 1).trained(results)


def branch_inputs(wildcards):
    """What a branch's training starts from, by its job's arguments."""
    return plan.branch_inputs(cell_of(wildcards))


def before(kind):
    """A file of the training that a level's mask is made from: its `start`, `trained` weights or `mask`."""

    def path(wildcards):
        cell = plan.level_before(*grid(wildcards))
        if kind == "start":
            return plan.started_from(cell)
        if kind == "mask":
            return cell.mask(results) if cell.level else []
        return cell.trained(results)

    return path


def histories(study):
    """The histories and masks of a study's cells."""
    cells = plan.studies[study].cells(plan.config)
    return [cell.history(results) for cell in cells] + [cell.mask(results) for cell in cells if cell.level]


def tables(study):
    """A study's tables as the figures read them."""
    return [artifacts.table_file(results, study, table) for table in plan.studies[study].table_names]


def table_provenance(study):
    """What made each table, in a file beside it."""
    return [str(Path(table).with_suffix(".json")) for table in tables(study)]


def trained_by_studies():
    """The data and the dense runs of all studies, whose headers say what the page is about."""
    tasks = {task for study in plan.studies.values() for task in study.tasks}
    settings = {task: plan.config.tasks[task] for task in sorted(tasks)}
    data = {artifacts.data_file(results, task.dataset) for task in settings.values()}
    dense = [Cell(name, cohort).trained(results) for name, task in settings.items() for cohort in task.cohorts]
    return sorted(data) + dense


def figures(study):
    """A study's figures in all formats."""
    names = plan.studies[study].figure_names(plan.config)
    return [artifacts.figure_file(reports, study, name, kind) for name in names for kind in ("svg", "png", "pdf")]
