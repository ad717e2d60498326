"""The options of the hardware study, and the trainings, costs and figures that they ask for."""

from __future__ import annotations

from pydantic import PositiveInt, field_validator

from lth_core.config import Config, Name
from lth_core.registry import UnknownName
from lth_core.storage.runs import Run
from lth_core.studies.base import Study, require_reached, rising


class Design(Study):
    """The options of the study, and what they ask for."""

    compare: dict[Name, list[Name]] = {}
    """Task -> further methods of the config whose tickets are measured beside those of its method: with other masks,
    such as whole channels, 2 of every 4 weights, or blocks."""
    levels: list[PositiveInt] = []
    """Levels, rising, whose tickets are measured; empty: every one. A method with fewer levels has its last one at
    least."""

    _rising = field_validator("levels")(rising)

    def compared(self, task: str) -> list[str]:
        """List the methods of a task, that of the task first."""
        return list(dict.fromkeys([self.tasks[task], *self.compare.get(task, [])]))

    def tickets(self, config: Config) -> list[Run]:
        """List the measured tickets. Raises ValueError for an unknown task or method of `compare`, or level of none."""
        for task, methods in self.compare.items():
            if task not in self.tasks:
                raise ValueError(f"compare: {UnknownName('task of this study', task, self.tasks)}")
            for name in methods:
                if name not in config.methods:
                    raise ValueError(f"compare.{task}: {UnknownName('method', name, config.methods)}")
        tickets = []
        require_reached(config, [name for task in self.tasks for name in self.compared(task)], self.levels)
        for task in self.tasks:
            for method in self.compared(task):
                last = config.methods[method].levels
                levels = [level for level in self.levels or range(1, last + 1) if level <= last] or [last]
                cohorts = config.tasks[task].cohorts
                tickets += [Run(task, cohort, method, level) for cohort in cohorts for level in levels]
        return tickets

    def runs(self, config: Config) -> list[Run]:
        """List dense networks and the measured tickets; raises ValueError as `tickets` does."""
        dense = [Run(task, cohort) for task in self.tasks for cohort in config.tasks[task].cohorts]
        return [*dense, *self.tickets(config)]

    def analyses(self, config: Config) -> list[str]:
        """List the costs of the measured tickets."""
        return [ticket.costs(config.results) for ticket in self.tickets(config)]

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures of every task."""
        return [f"{kind}-{task}" for task in self.tasks for kind in ("latency", "counts")]
