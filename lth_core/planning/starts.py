"""Checks of starting weights: those of other tasks (`initialization.from`), and those that a network is built with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lth_core import registry
from lth_core.config import Branch, Config, Task
from lth_core.planning.configerrors import at
from lth_core.planning.exchange import misfit
from lth_core.registry import UnknownName
from lth_core.storage.runs import Run


def starts(config: Config, tasks: Iterable[str]) -> list[str]:
    """Say what is wrong with them.

    The other task must exist, have the same seeds, fit, and not wait for this one; what a network is built with must
    not be drawn anew.
    """
    problems = []
    for name in tasks:
        task = config.tasks[name]
        source, location = task.initialization.source, ("tasks", name, "initialization", "from")
        if source is None:
            problems += [at(("tasks", name, "initialization", "weights"), lost) for lost in _lost(task)]
            continue
        other = config.tasks.get(source.task)
        if other is None:
            problems.append(at((*location, "task"), str(UnknownName("task", source.task, config.tasks))))
            continue
        if name in _ancestors(config, source.task):
            problems.append(at((*location, "task"), f"task '{name}' would start from its own weights"))
        for cohort in task.cohorts:
            if cohort not in other.cohorts:
                missing = f"task '{source.task}' has no cohort '{cohort}' as task '{name}'"
                problems.append(at((*location, "task"), missing))
        if problem := misfit(config, name, source.task):
            problems.append(at((*location, "task"), problem))
        if source.step and source.step > (last := other.train.steps):
            beyond = f"{source.step} must be at most {last}, the last step of task '{source.task}'"
            problems.append(at((*location, "step"), beyond))
    return problems


def never_fresh(config: Config, runs: Iterable[Run], branches: Mapping[str, Branch]) -> dict[str, str]:
    """Say which branches of runs need fresh weights of networks that have none: branch -> why."""
    problems = {}
    for task, branch in sorted({(run.task, run.branch) for run in runs if run.branch}):
        settings, treatment = config.tasks[task], branches[branch].treatment.name if branch in branches else branch
        model = settings.model.name
        built = registry.model.facts(model).get("pretrained", False) and settings.initialization.source is None
        if built and registry.treatment.facts(treatment).get("fresh", False):
            problems[branch] = (
                f"'{treatment}' needs fresh weights, and the '{model}' of task '{task}' is always built with its "
                "pre-trained ones: leave it out"
            )
    return problems


def _lost(task: Task) -> list[str]:
    """What of the weights that a network is built with would be drawn anew."""
    model, drawn = task.model.name, task.initialization.weights
    if not registry.model.facts(model).get("pretrained", False) or drawn in ("framework", "as-built"):
        return []
    return [f"'{drawn}' would draw the pre-trained weights of '{model}' anew: set as-built"]


def _ancestors(config: Config, task: str) -> list[str]:
    """A task, the one that it starts from, the one that this starts from, and so on, each once."""
    line: list[str] = []
    while task in config.tasks and task not in line:
        line.append(task)
        source = config.tasks[task].initialization.source
        task = source.task if source else ""
    return line
