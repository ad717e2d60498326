"""Checks of tasks that start from the trained weights of others (`initialization.from`)."""

from __future__ import annotations

from collections.abc import Iterable

from lth_core.config import Config
from lth_core.planning.configerrors import at
from lth_core.planning.exchange import misfit
from lth_core.registry import UnknownName


def starts(config: Config, tasks: Iterable[str]) -> list[str]:
    """Say what is wrong with them: the other task must exist, have the same seeds, fit, and not wait for this one."""
    problems = []
    for name in tasks:
        task = config.tasks[name]
        source, location = task.initialization.source, ("tasks", name, "initialization", "from")
        if source is None:
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


def _ancestors(config: Config, task: str) -> list[str]:
    """A task, the one that it starts from, the one that this starts from, and so on, each once."""
    line: list[str] = []
    while task in config.tasks and task not in line:
        line.append(task)
        source = config.tasks[task].initialization.source
        task = source.task if source else ""
    return line
