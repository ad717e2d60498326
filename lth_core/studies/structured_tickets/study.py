"""The options of the study of structured tickets, and the trainings and figures that they ask for.

Of every task, tickets of single weights by iterative pruning; tickets of whole channels by the methods of `compare`,
such as iterative pruning by the filters' norms and early-bird tickets; and all of these on a fresh initialization.
"""

from __future__ import annotations

from collections.abc import Iterator

from lth_core.config import Config, Method, Name
from lth_core.pruning.moments import scored_step
from lth_core.registry import UnknownName
from lth_core.storage.runs import Run
from lth_core.studies.base import Study

REINIT = "reinit"
STRUCTURES = ("filter", "channel")
"""Granularities of structured tickets."""


class Design(Study):
    """The options of the study, and what they ask for."""

    compare: dict[Name, list[Name]]
    """Task -> methods that prune whole channels or filters. The task's own method prunes single weights."""

    def methods_of(self, task: str) -> list[str]:
        """List the methods of a task, that of single weights first."""
        return [self.tasks[task], *self.compare.get(task, [])]

    def tickets(self, config: Config, task: str) -> Iterator[Run]:
        """List the tickets of a task, and their reinitializations."""
        for cohort in config.tasks[task].cohorts:
            for method in self.methods_of(task):
                for level in range(1, config.methods[method].levels + 1):
                    yield from (Run(task, cohort, method, level, branch) for branch in (None, REINIT))

    def runs(self, config: Config) -> list[Run]:
        """List the dense networks and all tickets. Raises ValueError for methods that cannot be compared."""
        self._check(config)
        dense = [Run(task, cohort) for task in self.tasks for cohort in config.tasks[task].cohorts]
        return [*dense, *(run for task in self.tasks for run in self.tickets(config, task))]

    def _check(self, config: Config) -> None:
        for task in self.compare:
            if task not in self.tasks:
                raise ValueError(f"compare: {UnknownName('task of this study', task, self.tasks)}")
        for task, name in self.tasks.items():
            if not self.compare.get(task):
                raise ValueError(f"compare: task '{task}' needs methods that prune whole channels: list some")
            method = config.methods[name]
            if method.granularity != "weight" or not method.iterative:
                why = f"method '{name}' must prune single weights iteratively; those of channels belong under compare"
                raise ValueError(f"tasks.{task}: {why}")
            for other in self.compare[task]:
                if other not in config.methods:
                    raise ValueError(f"compare.{task}: {UnknownName('method', other, config.methods)}")
                if config.methods[other].granularity not in STRUCTURES:
                    raise ValueError(
                        f"compare.{task}: method '{other}' must prune whole channels: set granularity: channel"
                    )
            for other in self.methods_of(task):
                if config.methods[other].treatment:
                    raise ValueError(f"method '{other}' must have no treatment: tickets are compared as they are")

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures of every task."""
        return [f"{kind}-{task}" for task in self.tasks for kind in ("equals", "reinit")]


def is_early(method: Method) -> bool:
    """Tell whether a method draws its masks in the course of the dense training, once."""
    return not method.iterative and bool(scored_step(method))
