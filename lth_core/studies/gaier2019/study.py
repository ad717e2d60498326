"""The options of the study of Gaier & Ha 2019, and the dense runs and evolutions that they ask for.

A task's network is the fixed topology that evolved ones are compared with; its dense run has the trained weights.
"""

from __future__ import annotations

from typing import ClassVar

from lth_core import registry
from lth_core.config import Config
from lth_core.data.kinds import IMAGES, kind_of_data
from lth_core.storage.paths import evolution_files
from lth_core.storage.runs import Run
from lth_core.studies.base import Study

KINDS = (IMAGES, "points", "environment")
"""Kinds of data that an evolved network can decide on: one row of numbers at a time."""


class Design(Study):
    """The options of the study, and what they ask for: dense runs, evolutions and figures."""

    objectives: ClassVar[tuple[str, ...] | None] = ("classification", "actor-critic")

    def runs(self, config: Config) -> list[Run]:
        """List the dense runs. Raises ValueError for data of a kind whose examples are not independent."""
        for task in self.tasks:
            source = config.dataset(config.tasks[task].dataset).source.name
            if (kind := kind_of_data(registry.dataset.facts(source))) not in KINDS:
                raise ValueError(
                    f"studies.gaier2019.tasks.{task}: evolved networks take {', '.join(KINDS[:-1])} or {KINDS[-1]}, "
                    f"and '{config.tasks[task].dataset}' is of kind {kind}: leave the task out of it"
                )
        return [Run(task, cohort) for task in self.tasks for cohort in config.tasks[task].cohorts]

    def analyses(self, config: Config) -> list[str]:
        """List the files of all evolutions."""
        return [path for files in self.evolutions(config).values() for path in files.values()]

    def evolutions(self, config: Config) -> dict[Run, dict[str, str]]:
        """Return by dense run the files of the evolution, by argument of the job."""
        return {run: evolution_files(config.results, run.task, run.cohort) for run in self.runs(config)}

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures, in the order of the page."""
        return [f"{kind}-{task}" for task in self.tasks for kind in ("evolution", "topology")]
