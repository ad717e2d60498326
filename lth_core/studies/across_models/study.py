"""The options of the study across kinds of models, and the trainings and figures that they ask for.

Tickets and controls are those that other studies of the same config train, if these use the same methods and branches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from pydantic import Field, PositiveInt, ValidationInfo, field_validator

from lth_core.config import Config, Name
from lth_core.registry import UnknownName
from lth_core.storage.paths import initial_file
from lth_core.storage.runs import Run
from lth_core.studies.base import require_levels
from lth_core.studies.comparing import Comparing
from lth_core.studies.contenders import GROUPS, Basis, Contender, candidate
from lth_core.studies.judges import gans
from lth_core.studies.proportions import simplest_data

RANDOM, REINIT = "random-mask", "reinit"
TICKET = "ticket"
FIGURE, METHODS = "lowest-density", "methods"


class Design(Comparing):
    """The options of the study, and what they ask for."""

    judges_images: ClassVar[bool] = True

    controls: list[Name] = Field([RANDOM, REINIT], min_length=1)
    """Branches or treatments to compare tickets with."""
    levels: dict[Name, list[PositiveInt]] = {}
    """Task -> the levels, rising, that are looked at; of tasks that are not named, all."""
    compare: list[Name] = []
    """Other methods to find masks, on every task that can have them: built-in ones of study `comparison` and methods of
    the config. Their masks have the densities that the task's method comes to at the levels that are looked at;
    iterative ones come to them at its rate or, where it lists densities, at the largest of its steps."""

    @field_validator("levels")
    @classmethod
    def _rising(cls, levels: dict[str, list[int]]) -> dict[str, list[int]]:
        for task, of_task in levels.items():
            if not of_task:
                raise ValueError(f"{task}: needs a level")
            if of_task != sorted(set(of_task)):
                raise ValueError(f"{task}: must rise")
        return levels

    @field_validator("compare")
    @classmethod
    def _told_apart(cls, compare: list[str], info: ValidationInfo) -> list[str]:
        known = [TICKET, *info.data.get("controls", [])]
        for name in compare:
            if name in known:
                raise ValueError(f"'{name}' is compared already")
            known.append(name)
        return compare

    # ------------------------------------------------------------ methods

    def contenders(self, config: Config, task: str) -> list[Contender]:
        """Make the other methods that are compared on a task, by groups. Raises ValueError for what they cannot be."""
        return sorted(super().contenders(config, task), key=lambda one: GROUPS.index(one.group))

    def besides(self, config: Config, task: str) -> list[Contender]:
        """List the tickets, which are not trained again under another name."""
        basis = self.basis(config, task)
        return [replace(candidate(basis.method, config, basis), label="the tickets")]

    def basis(self, config: Config, task: str) -> Basis:
        """What other methods share: the densities that the task's method comes to at its levels.

        Raises ValueError where these do not follow from the config: without the network nobody knows them then.
        """
        name = self.tasks[task]
        method = config.methods[name]
        if method.granularity != "weight":
            raise ValueError(f"compare: needs methods that prune single weights: not '{name}'")
        if method.rate_by_kind:
            raise ValueError(f"compare: needs methods that prune all weights at one rate: not '{name}'")
        densities = [round(method.density(level), 12) for level in range(1, method.levels + 1)]
        return Basis(name, densities, made_for="across-models")

    # ------------------------------------------------------------ trainings

    def tested_levels(self, config: Config, task: str) -> list[int]:
        """List the levels that are looked at on a task. Raises ValueError for one that its method does not have."""
        method = self.tasks[task]
        require_levels(config, method, self.levels.get(task, []))
        return self.levels.get(task) or [*range(1, config.methods[method].levels + 1)]

    def runs(self, config: Config) -> list[Run]:
        """List dense networks, tickets, their controls and those of other methods, of every cohort of every task.

        Raises ValueError for levels of tasks that are not looked at, or that methods do not have.
        """
        for task in self.levels:
            if task not in self.tasks:
                raise ValueError(f"levels: {UnknownName('task of this study', task, self.tasks)}")
        return [run for task in self.tasks for run in self._runs_of(config, task)]

    def _runs_of(self, config: Config, task: str) -> Iterator[Run]:
        levels, others = self.tested_levels(config, task), self.contenders(config, task)
        densities = [self.basis(config, task).densities[level - 1] for level in levels] if others else []
        for cohort in config.tasks[task].cohorts:
            yield Run(task, cohort)
            for level in levels:
                yield from (Run(task, cohort, self.tasks[task], level, branch) for branch in (None, *self.controls))
            for other in others:
                yield from (other.run(task, cohort, density) for density in densities)

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
        """Name the figure of tickets and controls, and the grid of all that is compared."""
        return [FIGURE, METHODS]
