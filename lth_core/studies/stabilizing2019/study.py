"""The options of the study of Frankle et al. 2019 (arXiv 1903.01611), and the trainings and figures they ask for."""

from __future__ import annotations

from itertools import product
from typing import Annotated

from pydantic import Field, PositiveInt, field_validator

from lth_core.config import Branch, Choice, Config, Method, Step
from lth_core.storage.runs import Run
from lth_core.studies.base import Study, require_levels, rising
from lth_core.studies.chains import on_order, rewound, rewound_chains

TICKET = "ticket"
RANDOM = "random-mask"
OTHER_ORDER = "order-1"
RANDOM_OTHER_ORDER = "random-mask-order-1"

DISTANCES = {
    (TICKET, "pruning"): (None, "pruning_distance.csv"),
    (TICKET, "order"): (OTHER_ORDER, "order_distance.csv"),
    (RANDOM, "pruning"): (RANDOM, "pruning_distance.csv"),
    (RANDOM, "order"): (RANDOM_OTHER_ORDER, "order_distance.csv"),
}
"""Network and kind of distance -> the branch whose folder holds it, and the file."""


class Design(Study):
    """The options of the study, and what they ask for: methods, branches, runs, analyses and figures."""

    rewind_steps: Annotated[list[Step], Field(min_length=2)]
    """The rewind steps k, rising from 0 (reset to the initialization)."""
    levels: Annotated[list[PositiveInt], Field(min_length=1)]
    """Levels, rising, at which distances and random subnetworks are measured; pruning goes on to the last of them."""

    _rising = field_validator("rewind_steps", "levels")(rising)

    @field_validator("rewind_steps")
    @classmethod
    def _from_reset(cls, steps: list[int]) -> list[int]:
        if steps[0] != 0:
            raise ValueError("must start with 0, because the other steps are compared with it")
        return steps

    # ------------------------------------------------------------ trainings

    def method(self, config: Config, task: str, step: int) -> str:
        """Name the method that rewinds to `step`: the task's method itself if it does so."""
        return rewound(config, self.tasks[task], step)[0]

    def methods(self, config: Config) -> dict[str, Method]:
        """Derive the tasks' methods with other rewind steps."""
        return rewound_chains(config, self.tasks.values(), self.rewind_steps)

    def branches(self, config: Config) -> dict[str, Branch]:
        """Derive the second data order, and random subnetworks (as configured, if they are) on both orders."""
        random_mask = config.branches.get(RANDOM, Branch(treatment=Choice(name="random-mask")))
        return {RANDOM: random_mask} | dict([on_order(None, None, 1), on_order(RANDOM, random_mask, 1)])

    def runs(self, config: Config) -> list[Run]:
        """List dense runs, all tickets of every chain, and the branches at the chosen levels.

        Raises ValueError if a task's method has fewer levels than the study looks at.
        """
        for method in self.tasks.values():
            require_levels(config, method, self.levels)
        runs = [Run(task, cohort) for task in self.tasks for cohort in config.tasks[task].cohorts]
        for task, cohort, _, method in self.chains(config):
            runs += [Run(task, cohort, method, level) for level in range(1, self.levels[-1] + 1)]
            branches = product(self.levels, (OTHER_ORDER, RANDOM, RANDOM_OTHER_ORDER))
            runs += [Run(task, cohort, method, level, branch) for level, branch in branches]
        return runs

    def chains(self, config: Config) -> list[tuple[str, str, int, str]]:
        """List task, cohort, rewind step and method of every chain."""
        return [
            (task, cohort, step, self.method(config, task, step))
            for task in self.tasks
            for cohort in config.tasks[task].cohorts
            for step in self.rewind_steps
        ]

    # ------------------------------------------------------------ analyses

    def analyses(self, config: Config) -> list[str]:
        """List both distances of both networks, at the chosen levels of every chain."""
        return list(self.distance_files(config).values())

    def distance_files(self, config: Config) -> dict[tuple[Run, str], str]:
        """Map each ticket or random subnetwork, with a kind of distance, to the file that holds the distance."""
        return {
            (Run(task, cohort, method, level, None if network == TICKET else network), kind): (
                f"{Run(task, cohort, method, level, branch).folder(config.results)}/{file}"
            )
            for task, cohort, _, method in self.chains(config)
            for level in self.levels
            for (network, kind), (branch, file) in DISTANCES.items()
        }

    # ------------------------------------------------------------ figures

    def figure_names(self, config: Config) -> list[str]:
        """Name the figures by kind and task, in the order of the page."""
        return [f"{kind}-{task}" for task in self.tasks for kind in ("fig04-stability", "fig05-densities", "angles")]
