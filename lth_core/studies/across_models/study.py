"""The options of the study across kinds of models, and the trainings and figures that they ask for.

Tickets and controls are those that other studies of the same config train, if these use the same methods and branches.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field, PositiveInt, field_validator

from lth_core.config import Config, Name
from lth_core.registry import UnknownName
from lth_core.storage.paths import initial_file
from lth_core.storage.runs import Run
from lth_core.studies.base import Study, require_levels
from lth_core.studies.judges import gans
from lth_core.studies.proportions import simplest_data

RANDOM, REINIT = "random-mask", "reinit"
FIGURE = "lowest-density"


class Design(Study):
    """The options of the study, and what they ask for."""

    judges_images: ClassVar[bool] = True

    controls: list[Name] = Field([RANDOM, REINIT], min_length=1)
    """Branches or treatments to compare tickets with."""
    levels: dict[Name, list[PositiveInt]] = {}
    """Task -> the levels, rising, that are looked at; of tasks that are not named, all."""

    @field_validator("levels")
    @classmethod
    def _rising(cls, levels: dict[str, list[int]]) -> dict[str, list[int]]:
        for task, of_task in levels.items():
            if not of_task or of_task != sorted(set(of_task)):
                raise ValueError(f"{task}: must rise")
        return levels

    def tested_levels(self, config: Config, task: str) -> list[int]:
        """List the levels that are looked at on a task. Raises ValueError for one that its method does not have."""
        method = self.tasks[task]
        require_levels(config, method, self.levels.get(task, []))
        return self.levels.get(task) or [*range(1, config.methods[method].levels + 1)]

    def runs(self, config: Config) -> list[Run]:
        """List dense networks, tickets and their controls, of every cohort of every task.

        Raises ValueError for levels of tasks that are not looked at, or that methods do not have.
        """
        for task in self.levels:
            if task not in self.tasks:
                raise ValueError(f"levels: {UnknownName('task of this study', task, self.tasks)}")
        return [run for task in self.tasks for run in self._runs_of(config, task)]

    def _runs_of(self, config: Config, task: str) -> Iterator[Run]:
        levels = self.tested_levels(config, task)
        for cohort in config.tasks[task].cohorts:
            yield Run(task, cohort)
            for level in levels:
                yield from (Run(task, cohort, self.tasks[task], level, branch) for branch in (None, *self.controls))

    # ------------------------------------------------------------ GANs

    def gans(self, config: Config) -> list[str]:
        """List the tasks of GANs."""
        return gans(config, self.tasks)

    def sampled_runs(self, config: Config) -> list[Run]:
        """List the runs whose networks draw images, for a judge: those of GANs."""
        return [run for task in self.gans(config) for run in self._runs_of(config, task)]

    def analyses(self, config: Config) -> list[str]:
        """List theta_0, whose header has the kinds of weights, images and what judges see in them, and data."""
        starts = [
            initial_file(config.results, task, cohort) for task in self.tasks for cohort in config.tasks[task].cohorts
        ]
        images = [path(config.results) for run in self.sampled_runs(config) for path in (run.samples, run.judged)]
        return [*starts, *images, *(path for task in self.tasks for path in simplest_data(config, task))]

    # ------------------------------------------------------------ figures

    def figure_names(self, config: Config) -> list[str]:
        """Name the one figure."""
        return [FIGURE]
