# What jobs ask for: memory, time, cores, GPUs and nodes. No result depends on it.
import os
from functools import cache

from snakemake.common.tbdstring import TBDString

from lth_core.planning.resources import Needs
from lth_core.runtime.slurm import nodes_of
from lth_core.storage.errors import ArtifactError


@cache
def on_slurm():
    """Whether this run submits jobs to SLURM, or is in one of them that has several nodes.

    Known when the rules have been read.
    """
    executor = workflow.executor_plugin
    if executor is not None and executor.name in ("slurm", "slurm-jobstep"):
        return True
    job = os.environ.get("SLURM_JOB_ID")
    return job is not None and nodes_of(job) > 1


needs = Needs(plan, on_slurm)


def need(kind, resource):
    """How much of a resource a job of this kind asks for, known once its cohort is initialized; a retry asks for more."""

    def amount(wildcards, attempt):
        try:
            return attempt * getattr(getattr(needs, kind)(run_of(wildcards)), resource)
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


# What only trainings on several nodes ask for; for others each resource would cost time in planning.
by_node = {"gres": gpus_by_node, "nodes": several_nodes, "tasks": tasks_by_node}
if all(task.nodes == 1 for task in plan.config.tasks.values()):
    by_node = {}


def memory_and_time(kind):
    """What a job of this kind asks for."""
    return {"mem_mb": need(kind, "mem_mb"), "runtime": need(kind, "runtime")}


# What a job asks for that trains a network, evaluates one, or looks at weights.
training = {"gpu": gpus_of, "processes": processes_of, **memory_and_time("training"), **by_node}
connectivity, telemetry, supermasks = (
    {"gpu": needs.gpus, **memory_and_time(kind)} for kind in ("connectivity", "telemetry", "supermasks")
)
weights = memory_and_time("weights")
