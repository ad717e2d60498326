# What jobs ask for: memory, time, cores, GPUs and nodes. No result depends on it.
import os
from functools import cache
from types import SimpleNamespace

from snakemake.common.tbdstring import TBDString

from lth_core.planning.resources import Needs
from lth_core.runtime.slurm import nodes_of
from lth_core.storage.errors import ArtifactError


@cache
def on_slurm():
    """Say whether this run submits jobs to SLURM, or is part of a job of several nodes; known once rules are read."""
    executor = workflow.executor_plugin
    if executor is not None and executor.name in ("slurm", "slurm-jobstep"):
        return True
    job = os.environ.get("SLURM_JOB_ID")
    return job is not None and nodes_of(job) > 1


needs = Needs(plan, on_slurm)


def need(kind, resource):
    """Return how much of a resource jobs of a kind ask for, known once the cohort is initialized; a retry gets more."""

    @called_often
    def amount(wildcards, attempt):
        try:
            return attempt * getattr(getattr(needs, kind)(run_of(wildcards)), resource)
        except ArtifactError:
            return TBDString()

    return amount


def processes_of(wildcards):
    """Count the processes that share the trainings of a task."""
    return plan.config.tasks[wildcards.task].processes


def threads_of(wildcards):
    """Count the cores of all processes that share a training on a node."""
    return needs.threads(wildcards.task) * needs.processes(wildcards.task)


def gpus_of(wildcards):
    """Count one GPU for each process, where GPUs are used. Several nodes ask for them by node (gpus_by_node)."""
    return needs.gpus * processes_of(wildcards) if needs.nodes(wildcards.task) == 1 else 0


def gpus_by_node(wildcards):
    """Ask each of several nodes for its GPUs: `gpu:N`."""
    several = needs.gpus and needs.nodes(wildcards.task) > 1
    return f"gpu:{needs.processes(wildcards.task)}" if several else None


def several_nodes(wildcards):
    """Count the nodes that share the trainings of a task, if there are several."""
    nodes = needs.nodes(wildcards.task)
    return nodes if nodes > 1 else None


def tasks_by_node(wildcards):
    """Ask SLURM for one of its `tasks` on each node: without GPUs it gives several nodes to several tasks only."""
    return None if needs.gpus else several_nodes(wildcards)


def same_for_all(amount):
    """Return the amount itself where all tasks agree on it. Whether several nodes are used is known with the jobs only."""
    amounts = set() if several else {amount(SimpleNamespace(task=task)) for task in plan.config.tasks}
    return amounts.pop() if len(amounts) == 1 else amount


# Functions are called for every job, which costs time in planning: there are no more of them than a config needs.
several = any(task.nodes > 1 for task in plan.config.tasks.values())
by_node = {"gres": gpus_by_node, "nodes": several_nodes, "tasks": tasks_by_node} if several else {}
training_threads = same_for_all(threads_of)


def memory_and_time(kind):
    """Return what jobs of a kind ask for."""
    return {"mem_mb": need(kind, "mem_mb"), "runtime": need(kind, "runtime")}


# What a job asks for that trains a network, evaluates one, or looks at weights.
training = {
    "gpu": same_for_all(gpus_of),
    "processes": same_for_all(processes_of),
    **memory_and_time("training"),
    **by_node,
}
searching = training | memory_and_time("search")
connectivity, telemetry, supermasks, collapse, saliency, scoring, sampling, judging = (
    {"gpu": needs.gpus, **memory_and_time(kind)}
    for kind in ("connectivity", "telemetry", "supermasks", "collapse", "saliency", "scoring", "samples", "judged")
)
weights, evolution = memory_and_time("weights"), memory_and_time("evolution")
channel_masks = {"gpu": needs.gpus, **memory_and_time("training")}
