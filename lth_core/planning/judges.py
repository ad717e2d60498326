"""Checks of the tasks whose networks judge images (`judge.tasks`)."""

from __future__ import annotations

from lth_core.config import Config
from lth_core.planning.configerrors import at
from lth_core.registry import UnknownName


def judges(config: Config) -> list[str]:
    """Say what is wrong with them: each must be a task of classification on the data set that it judges."""
    problems = []
    for dataset, name in config.judge.tasks.items():
        location, task = ("judge", "tasks", dataset), config.tasks.get(name)
        if task is None:
            problems.append(at(location, str(UnknownName("task", name, config.tasks))))
        elif task.objective.name != "classification":
            problems.append(at(location, f"task '{name}' has objective '{task.objective.name}': a judge classifies"))
        elif task.dataset != dataset:
            problems.append(
                at(location, f"task '{name}' is on '{task.dataset}': a judge knows the data that it judges")
            )
    return problems
